//! Tokens that a platform gives for a while: fetched when they are needed first, renewed before they end and once after
//! a 401.

use std::{fmt, sync::Arc};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Request, Response, Secret, Transport, jwt::rs256, reset::retry_after};
use crate::{SourceError, registry::Clock};

/// A token is renewed so long before its end, or a tenth of its life before it where that is less.
const EARLY: SignedDuration = SignedDuration::from_secs(60);
/// How long a signed statement is good for: Google allows no longer.
const STATEMENT_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// How much of a platform's words is kept, in characters.
const MESSAGE: usize = 200;

/// What a token is asked for with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The program's own identity.
    ClientCredentials,
    /// A person's name and password, as Reddit's scripts use them.
    Password { user: String, password: Secret },
    /// What a person's consent has left. Some platforms give another one with each token.
    RefreshToken(Secret),
    /// A statement signed with a key of RSA in PEM.
    ServiceAccount { email: String, key: Secret, key_id: Option<String> },
}

/// Who asks for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientId {
    pub id: String,
    /// What the platform calls it in a form: `client_id` nearly everywhere.
    pub id_as: String,
    pub secret: Option<Secret>,
    /// Sent as `Authorization: Basic …`; else as fields of the form.
    pub is_basic: bool,
}

/// How tokens are got. Clones share the token, and what was renewed by one is renewed for all.
#[derive(Debug, Clone)]
pub struct OAuth {
    pub token_url: Url,
    pub grant: Grant,
    pub client: Option<ClientId>,
    pub scope: Option<String>,
    /// Further fields of the form, such as `audience`.
    pub fields: Vec<(String, String)>,
    held: Arc<Held>,
}

impl PartialEq for OAuth {
    fn eq(&self, other: &Self) -> bool {
        let parts = |oauth: &Self| {
            let Self { token_url, grant, client, scope, fields, held: _ } = oauth.clone();
            (token_url, grant, client, scope, fields)
        };
        parts(self) == parts(other)
    }
}

impl Eq for OAuth {}

#[derive(Default)]
struct Held {
    /// One asks, the others wait for what it gets.
    asking: tokio::sync::Mutex<()>,
    token: Mutex<Option<Token>>,
    /// The refresh token that was given last, where it is another than the settings'.
    refresh: Mutex<Option<Secret>>,
}

#[derive(Clone)]
struct Token {
    value: Secret,
    /// `None` where the platform did not say how long it is good for.
    renew_at: Option<Timestamp>,
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Held")
    }
}

/// What a platform answers to who asks for a token.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Answer {
    access_token: Option<Secret>,
    /// Some platforms write the number as text.
    expires_in: Value,
    refresh_token: Option<Secret>,
    error: Value,
    error_description: Value,
}

impl OAuth {
    pub fn new(token_url: Url, grant: Grant) -> Self {
        Self { token_url, grant, client: None, scope: None, fields: Vec::new(), held: Arc::default() }
    }

    /// The identity and the token address of Google's key file.
    pub fn google(key_file: &Secret, scope: &str) -> Result<Self, SourceError> {
        #[derive(Deserialize)]
        struct KeyFile {
            client_email: String,
            private_key: Secret,
            private_key_id: Option<String>,
            token_uri: Url,
        }
        let file: KeyFile = serde_json::from_str(key_file.expose()).map_err(|error| {
            // The error of a parser may repeat what it read.
            let place = format!("line {} column {}", error.line(), error.column());
            SourceError::Config(format!(
                "the service account's secret is no key file (at {place}): it is the JSON that was downloaded, with \
                 client_email, private_key and token_uri"
            ))
        })?;
        let KeyFile { client_email: email, private_key: key, private_key_id: key_id, token_uri } = file;
        Ok(Self::new(token_uri, Grant::ServiceAccount { email, key, key_id }).with_scope(scope))
    }

    pub fn with_client(self, client: ClientId) -> Self {
        Self { client: Some(client), ..self }
    }

    pub fn with_scope(self, scope: impl Into<String>) -> Self {
        Self { scope: Some(scope.into()), ..self }
    }

    /// What a person should know: a refresh token that only this process has.
    pub fn notice(&self) -> Option<String> {
        let has_other = self.held.refresh.lock().is_some();
        has_other.then(|| {
            format!(
                "{} gives a new refresh token with each access token: the one in the settings may not be good for another \
                 start; if the next one fails, allow the access anew",
                self.token_url.host_str().unwrap_or_default()
            )
        })
    }

    /// The token there is.
    pub(super) fn token(&self) -> Option<Secret> {
        self.held.token.lock().as_ref().map(|token| token.value.clone())
    }

    /// The platform does not take this token any more. Another one, which somebody else has got since, stays.
    pub(super) fn refused(&self, token: &Secret) {
        self.held.token.lock().take_if(|held| held.value == *token);
    }

    /// Sees to it that there is a token, and not one that is about to end.
    pub(super) async fn ready(&self, transport: &dyn Transport, clock: &dyn Clock) -> Result<(), SourceError> {
        if self.is_fresh(clock.now()) {
            return Ok(());
        }
        let _asking = self.held.asking.lock().await;
        // Somebody else may have asked meanwhile.
        if self.is_fresh(clock.now()) {
            return Ok(());
        }
        let request = self.request(clock.now())?;
        let response = transport.send(request.clone()).await?;
        let token = self.read(&request, &response)?;
        *self.held.token.lock() = Some(token);
        Ok(())
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        let held = self.held.token.lock();
        held.as_ref().is_some_and(|token| token.renew_at.is_none_or(|renew_at| now < renew_at))
    }

    fn request(&self, now: Timestamp) -> Result<Request, SourceError> {
        let mut request =
            Request::post(self.token_url.clone()).with_header(ACCEPT, HeaderValue::from_static("application/json"));
        let mut form = self.grant_fields(now)?;
        form.extend(self.scope.iter().map(|scope| ("scope".to_owned(), Secret::new(scope))));
        form.extend(self.fields.iter().map(|(name, value)| (name.clone(), Secret::new(value))));
        match &self.client {
            Some(client) if client.is_basic => request = basic(request, client)?,
            Some(client) => {
                form.push((client.id_as.clone(), Secret::new(&client.id)));
                form.extend(client.secret.iter().map(|secret| ("client_secret".to_owned(), secret.clone())));
            }
            None => {}
        }
        for (name, value) in &form {
            if matches!(name.as_str(), "password" | "refresh_token" | "assertion" | "client_secret") {
                request = request.hiding(value);
            }
        }
        let pairs: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        Ok(request.with_form(&pairs))
    }

    fn grant_fields(&self, now: Timestamp) -> Result<Vec<(String, Secret)>, SourceError> {
        let fields = match &self.grant {
            Grant::ClientCredentials => vec![("grant_type", Secret::new("client_credentials"))],
            Grant::Password { user, password } => vec![
                ("grant_type", Secret::new("password")),
                ("username", Secret::new(user)),
                ("password", password.clone()),
            ],
            Grant::RefreshToken(first) => {
                let latest = self.held.refresh.lock().clone();
                vec![
                    ("grant_type", Secret::new("refresh_token")),
                    ("refresh_token", latest.unwrap_or_else(|| first.clone())),
                ]
            }
            Grant::ServiceAccount { email, key, key_id } => {
                let claims = json!({
                    "iss": email, "scope": self.scope, "aud": self.token_url,
                    "iat": now.as_second(), "exp": (now + STATEMENT_LIFE).as_second(),
                });
                let statement = rs256(key, key_id.as_deref(), &claims)
                    .map_err(|problem| SourceError::Config(format!("the service account's key {problem}")))?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                vec![("grant_type", Secret::new(grant)), ("assertion", Secret::new(statement))]
            }
        };
        Ok(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn read(&self, request: &Request, response: &Response) -> Result<Token, SourceError> {
        let answer: Answer = serde_json::from_slice(&response.body).unwrap_or_default();
        let Some(value) =
            answer.access_token.filter(|token| (200..300).contains(&response.status) && !token.is_empty())
        else {
            return Err(refusal(request, response, &[&answer.error, &answer.error_description]));
        };
        let seconds = answer.expires_in.as_f64().or_else(|| answer.expires_in.as_str()?.parse().ok());
        let life = seconds.and_then(|seconds| SignedDuration::try_from_secs_f64(seconds).ok());
        let renew_at = life.and_then(|life| response.at.checked_add(life - EARLY.min(life / 10)).ok());
        if let Grant::RefreshToken(first) = &self.grant
            && let Some(next) = answer.refresh_token.filter(|next| !next.is_empty())
        {
            *self.held.refresh.lock() = (next != *first).then_some(next);
        }
        Ok(Token { value, renew_at })
    }
}

fn basic(mut request: Request, client: &ClientId) -> Result<Request, SourceError> {
    let secret = client.secret.as_ref().map(Secret::expose).unwrap_or_default();
    let pair = Secret::new(BASE64_STANDARD.encode(format!("{}:{secret}", client.id)));
    let mut value = HeaderValue::from_str(&format!("Basic {}", pair.expose()))
        .map_err(|_| SourceError::Config("the client's secret fits in no header".to_owned()))?;
    value.set_sensitive(true);
    request.headers.insert(AUTHORIZATION, value);
    let request = request.hiding(&pair);
    Ok(client.secret.iter().fold(request, Request::hiding))
}

/// The body is not repeated: it may hold a token. The two fields are made to be shown.
fn refusal(request: &Request, response: &Response, said: &[&Value]) -> SourceError {
    let words: Vec<&str> = said.iter().filter_map(|part| part.as_str()).collect();
    let words: String = request.redact(&words.join(": ")).chars().take(MESSAGE).collect();
    let (place, status) = (request.place(), response.status);
    let mut message = format!("{place} gives no token (it answered {status})");
    if !words.is_empty() {
        message += &format!(": {words}");
    }
    match status {
        429 => match retry_after(response, None) {
            Some(until) => SourceError::RateLimited { until, message },
            None => SourceError::Transient(message),
        },
        // Nothing was asked that could be unchanged: a cache stands between.
        304 | 408 | 425 | 500.. => SourceError::Transient(message),
        403 | 200..300 if response.is_html() => SourceError::Transient(message),
        200..300 | 400 | 401 | 403 => {
            SourceError::Auth(format!("{message}; check the client's id and secret, and what was allowed it"))
        }
        404 | 410 => SourceError::Gone(format!("{message}; check the token's address")),
        _ => SourceError::Config(format!("{message}; check the token's address")),
    }
}
