//! Tokens that are given for a while, against a platform that counts how often it is asked for one.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use futures::future::join_all;
use grapevine_sources::{
    Clock, SourceError, World,
    conformance::StepClock,
    http::{Auth, Client, ClientId, Cost, Grant, OAuth, QuotaPolicy, Request, Response, Secret, Transport},
};
use jiff::SignedDuration;
use std::time::Duration;

use crate::{kit::noon, quota::response};

const KEY: &str = include_str!("../fixtures/oauth/made_for_this_test.pem");

/// A platform whose tokens are `token-1`, `token-2` and so on, each good for an hour and no longer than until the next.
struct Platform {
    clock: StepClock,
    given: AtomicUsize,
    /// What was sent to get a token.
    forms: Mutex<Vec<String>>,
    /// What the token's address answers in place of a token, in turn.
    refusals: Mutex<Vec<Response>>,
    rotates: bool,
    /// Takes no token at all.
    is_closed: bool,
}

impl Platform {
    fn new() -> Self {
        let (forms, refusals) = (Mutex::default(), Mutex::default());
        let clock = StepClock::at(noon());
        Self { clock, given: AtomicUsize::new(0), forms, refusals, rotates: false, is_closed: false }
    }

    fn world(self: &Arc<Self>) -> World {
        World::real().with_clock(Arc::new(self.clock.clone())).with_transport(self.clone())
    }

    fn given(&self) -> usize {
        self.given.load(Ordering::SeqCst)
    }

    fn answer(&self, status: u16, body: &str) -> Response {
        response(self.clock.now(), status, &[], body)
    }

    fn token(&self, request: &Request) -> Response {
        let body = String::from_utf8(request.body.clone().unwrap()).unwrap();
        let basic = request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.forms.lock().unwrap().push(body + &basic.map(|basic| format!(" {basic}")).unwrap_or_default());
        let mut refusals = self.refusals.lock().unwrap();
        if !refusals.is_empty() {
            return refusals.remove(0);
        }
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let next = if self.rotates { format!(r#", "refresh_token": "refresh-{number}""#) } else { String::new() };
        self.answer(200, &format!(r#"{{"access_token": "token-{number}", "expires_in": 3600{next}}}"#))
    }
}

#[async_trait]
impl Transport for Platform {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        // Others get their turn while this one waits.
        tokio::task::yield_now().await;
        if request.url.path() == "/token" {
            return Ok(self.token(&request));
        }
        let wanted = format!("Bearer token-{}", self.given());
        let is_good = request.headers.get("authorization").is_some_and(|value| value == wanted.as_str());
        Ok(match is_good && !self.is_closed {
            true => self.answer(200, "{}"),
            false => self.answer(401, r#"{"error": "token is not good"}"#),
        })
    }
}

fn oauth(grant: Grant) -> OAuth {
    let client =
        ClientId { id: "me".into(), id_as: "client_id".into(), secret: Some(Secret::new("s3cr3t")), is_basic: false };
    OAuth::new("https://api.example/token".parse().unwrap(), grant).with_client(client)
}

fn client(platform: &Arc<Platform>, oauth: &OAuth) -> Client {
    Client::new(&platform.world(), Auth::OAuth(Box::new(oauth.clone())), QuotaPolicy::default())
}

async fn ask(client: &mut Client) -> Result<(), SourceError> {
    let request = Request::get("https://api.example/v1".parse().unwrap());
    client.get_json(&request, &Cost::default()).await.map(drop)
}

#[tokio::test]
async fn a_token_is_fetched_once_and_renewed_before_it_ends() {
    let platform = Arc::new(Platform::new());
    let mut client = client(&platform, &oauth(Grant::ClientCredentials));
    for _ in 0..3 {
        ask(&mut client).await.unwrap();
    }
    assert_eq!(platform.given(), 1);
    platform.clock.advance(Duration::from_secs(3600 - 61));
    ask(&mut client).await.unwrap();
    assert_eq!(platform.given(), 1);
    platform.clock.advance(Duration::from_secs(2));
    ask(&mut client).await.unwrap();
    assert_eq!(platform.given(), 2, "a minute before its end");
    let form = "grant_type=client_credentials&client_id=me&client_secret=s3cr3t";
    assert_eq!(*platform.forms.lock().unwrap(), [form, form]);
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let platform = Arc::new(Platform::new());
    let mut client = client(&platform, &oauth(Grant::ClientCredentials));
    ask(&mut client).await.unwrap();
    // Somebody else got one: the platform takes ours no more.
    platform.given.fetch_add(1, Ordering::SeqCst);
    ask(&mut client).await.unwrap();
    assert_eq!(platform.given(), 3);
    let platform = Arc::new(Platform { is_closed: true, ..Platform::new() });
    let error = ask(&mut self::client(&platform, &oauth(Grant::ClientCredentials))).await.unwrap_err();
    assert!(matches!(error, SourceError::Auth(_)), "{error}");
    assert_eq!(platform.given(), 2, "and not again and again");
}

#[tokio::test]
async fn those_who_ask_together_get_the_same_token() {
    let platform = Arc::new(Platform::new());
    let oauth = oauth(Grant::ClientCredentials);
    let mut clients: Vec<Client> = (0..8).map(|_| client(&platform, &oauth)).collect();
    let asked = join_all(clients.iter_mut().map(ask)).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    assert_eq!(platform.given(), 1);
    platform.given.fetch_add(1, Ordering::SeqCst);
    let asked = join_all(clients.iter_mut().map(ask)).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    assert_eq!(platform.given(), 3, "what was refused to all is renewed by one");
}

#[tokio::test]
async fn a_new_refresh_token_is_used_and_told_of() {
    let platform = Arc::new(Platform { rotates: true, ..Platform::new() });
    let mut client = client(&platform, &oauth(Grant::RefreshToken(Secret::new("refresh-0"))));
    assert_eq!(client.notice(), None);
    for _ in 0..3 {
        ask(&mut client).await.unwrap();
        platform.clock.advance(Duration::from_secs(3600));
    }
    let forms = platform.forms.lock().unwrap().clone();
    let used: Vec<&str> = forms.iter().map(|form| form.split('&').nth(1).unwrap()).collect();
    assert_eq!(used, ["refresh_token=refresh-0", "refresh_token=refresh-1", "refresh_token=refresh-2"]);
    let notice = client.notice().unwrap();
    assert!(notice.starts_with("api.example gives a new refresh token with each access token"), "{notice}");
    assert!(!notice.contains("refresh-"), "{notice}");
}

#[tokio::test]
async fn a_password_and_a_client_that_is_named_in_a_header() {
    let platform = Arc::new(Platform::new());
    let mut oauth = oauth(Grant::Password { user: "ada".into(), password: Secret::new("pa ss") }).with_scope("read");
    oauth.client.as_mut().unwrap().is_basic = true;
    oauth.fields.push(("audience".into(), "all".into()));
    ask(&mut client(&platform, &oauth)).await.unwrap();
    let sent = "grant_type=password&username=ada&password=pa+ss&scope=read&audience=all Basic bWU6czNjcjN0";
    assert_eq!(*platform.forms.lock().unwrap(), [sent]);
}

#[tokio::test]
async fn a_service_account_signs_what_it_says() {
    let file = serde_json::json!({"client_email": "bot@example.iam", "private_key": KEY, "private_key_id": "k1",
        "token_uri": "https://api.example/token", "type": "service_account"});
    let oauth = OAuth::google(&Secret::new(file.to_string()), "https://scope.example/read").unwrap();
    let platform = Arc::new(Platform::new());
    ask(&mut client(&platform, &oauth)).await.unwrap();
    let form = platform.forms.lock().unwrap().remove(0);
    let form: std::collections::BTreeMap<_, _> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let claims = decoded(form["assertion"].split('.').nth(1).unwrap());
    assert_eq!(claims["iss"], "bot@example.iam");
    assert_eq!(claims["aud"], "https://api.example/token");
    assert_eq!(claims["scope"], "https://scope.example/read");
    assert_eq!(claims["iat"], noon().as_second());
    assert_eq!(claims["exp"], (noon() + SignedDuration::from_hours(1)).as_second());
    assert_eq!(decoded(form["assertion"].split('.').next().unwrap())["kid"], "k1");
}

fn decoded(part: &str) -> serde_json::Value {
    use base64::Engine;
    serde_json::from_slice(&base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_refusal_is_told_in_the_platforms_words_and_shows_no_secret() {
    let platform = Arc::new(Platform::new());
    let refusal = r#"{"error": "invalid_client", "error_description": "no client me with s3cr3t", "hint": "x"}"#;
    platform.refusals.lock().unwrap().push(platform.answer(401, refusal));
    let oauth = oauth(Grant::ClientCredentials);
    let error = ask(&mut client(&platform, &oauth)).await.unwrap_err();
    let words = "not allowed: POST https://api.example/token gives no token (it answered 401): invalid_client: no client \
                 me with [redacted]; check the client's id and secret, and what was allowed it";
    assert_eq!(error.to_string(), words);
    assert_eq!(platform.forms.lock().unwrap().len(), 1, "a wrong secret is not tried again");
    assert!(!format!("{oauth:?}").contains("s3cr3t"));
    let no_file = OAuth::google(&Secret::new("{\"private_key\": \"s3cr3t\"}"), "x").unwrap_err().to_string();
    assert!(no_file.starts_with("the service account's secret is no key file") && !no_file.contains("s3cr3t"));
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let platform = Arc::new(Platform::new());
    let broken = [platform.answer(503, "busy"), platform.answer(200, "<html>maintenance")];
    platform.refusals.lock().unwrap().extend(broken);
    ask(&mut client(&platform, &oauth(Grant::ClientCredentials))).await.unwrap();
    assert_eq!((platform.forms.lock().unwrap().len(), platform.given()), (3, 1));
}
