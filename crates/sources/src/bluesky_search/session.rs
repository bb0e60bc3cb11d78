use jiff::SignedDuration;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use crate::{
    SourceError, World,
    http::{
        Auth, Class, Client, Cost, ErrorRule, Fetched, HeaderLimits, Limit, QuotaPolicy, Request, ResetFormat, Secret,
        SecretPlace, Window,
    },
};

/// What sessions are begun with draws on a limit of its own.
const SESSIONS: &str = "sessions";

/// Asks a server for an account: begins a session when it is needed first, and renews it when it has ended.
pub(super) struct Session {
    pub(super) client: Client,
    host: Url,
    account: String,
    password: SecretPlace,
    world: World,
    tokens: Option<Tokens>,
}

struct Tokens {
    access: Secret,
    refresh: Secret,
}

pub(super) fn policy() -> QuotaPolicy {
    let five_minutes = Window::Rolling(SignedDuration::from_mins(5));
    let a_day = Window::Rolling(SignedDuration::from_hours(24));
    let sessions = Some(SESSIONS.to_owned());
    QuotaPolicy {
        limits: vec![
            Limit { amount: 3000, window: five_minutes.clone(), only: None },
            Limit { amount: 30, window: five_minutes, only: sessions.clone() },
            Limit { amount: 300, window: a_day, only: sessions },
        ],
        headers: Some(HeaderLimits {
            remaining: "ratelimit-remaining".to_owned(),
            reset: "ratelimit-reset".to_owned(),
            format: ResetFormat::Unix,
            bucket: None,
        }),
        ..QuotaPolicy::default()
    }
}

/// A session that has ended is a wrong request to Bluesky, not one without permission.
fn rules() -> Vec<ErrorRule> {
    let ended = ["ExpiredToken", "InvalidToken"].map(Value::from).to_vec();
    let rule = |status, is, class| ErrorRule { status, field: Some("error".to_owned()), is, contains: vec![], class };
    vec![
        rule(Some(400), ended, Class::Auth),
        rule(None, vec!["UpstreamFailure".into(), "UpstreamTimeout".into()], Class::Transient),
    ]
}

impl Session {
    pub(super) fn new(world: &World, host: Url, account: String, password: SecretPlace) -> Self {
        let client = Client::new(world, Auth::None, policy()).with_rules(rules());
        Self { client, host, account, password, world: world.clone(), tokens: None }
    }

    /// What the server answers to a query.
    pub(super) async fn get(&mut self, method: &str, query: &[(&str, &str)]) -> Result<Value, SourceError> {
        let mut url = self.address(method);
        url.query_pairs_mut().extend_pairs(query);
        let request = Request::get(url);
        let is_new = self.tokens.is_none();
        let first = self.ask(&request).await;
        match first {
            // What was begun just now does not get better by beginning again.
            Err(SourceError::Auth(_)) if !is_new => {
                self.renew().await?;
                self.ask(&request).await
            }
            answer => answer,
        }
    }

    async fn ask(&mut self, request: &Request) -> Result<Value, SourceError> {
        if self.tokens.is_none() {
            self.begin().await?;
        }
        let access = self.tokens.as_ref().map(|tokens| tokens.access.clone());
        let Some(access) = access else { return Err(SourceError::Transient("there is no session".to_owned())) };
        let request = bearing(request.clone(), &access)?;
        match self.client.get_json(&request, &Cost::default()).await? {
            Fetched::Json { value, .. } => Ok(value),
            Fetched::Unchanged => Err(SourceError::Transient(format!("{}: an unasked 304", request.place()))),
        }
    }

    async fn begin(&mut self) -> Result<(), SourceError> {
        let password = self.password.read(&self.world)?;
        let words = json!({"identifier": self.account, "password": password.expose()});
        let request = Request::post(self.address("com.atproto.server.createSession")).with_json(&words).hiding(&password);
        let opened = self.open(&request).await;
        self.tokens = Some(opened.map_err(|error| match error {
            SourceError::Auth(message) => SourceError::Auth(format!("{message}; use an app password of {}", self.account)),
            error => error,
        })?);
        Ok(())
    }

    /// By the token that is for it; where that has ended too, with the password.
    async fn renew(&mut self) -> Result<(), SourceError> {
        if let Some(tokens) = self.tokens.take() {
            let request = Request::post(self.address("com.atproto.server.refreshSession"));
            match self.open(&bearing(request, &tokens.refresh)?).await {
                Ok(tokens) => {
                    self.tokens = Some(tokens);
                    return Ok(());
                }
                Err(error) if error.is_transient() => {
                    self.tokens = Some(tokens);
                    return Err(error);
                }
                Err(error) => tracing::debug!("the session is not renewed, and begun anew: {error}"),
            }
        }
        self.begin().await
    }

    async fn open(&mut self, request: &Request) -> Result<Tokens, SourceError> {
        let Fetched::Json { value, .. } = self.client.get_json(request, &Cost::of(SESSIONS)).await? else {
            return Err(SourceError::Transient(format!("{}: an unasked 304", request.place())));
        };
        let token = |key: &str| {
            let token = value.get(key).and_then(Value::as_str).filter(|token| !token.is_empty());
            token.map(Secret::new).ok_or_else(|| SourceError::Transient(format!("{} gives no {key}", request.place())))
        };
        Ok(Tokens { access: token("accessJwt")?, refresh: token("refreshJwt")? })
    }

    fn address(&self, method: &str) -> Url {
        let mut url = self.host.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["xrpc", method]);
        }
        url
    }
}

fn bearing(request: Request, token: &Secret) -> Result<Request, SourceError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
        .map_err(|_| SourceError::Transient("the server gave a token that no header may hold".to_owned()))?;
    value.set_sensitive(true);
    Ok(request.with_header(AUTHORIZATION, value).hiding(token))
}
