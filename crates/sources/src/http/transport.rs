use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use reqwest::redirect::{Attempt, Policy};

use super::{Request, Response};
use crate::{SourceError, registry::Clock};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// From the first byte sent to the last one read.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Of one body, unpacked.
const MOST_BYTES: usize = 32 << 20;
const MOST_REDIRECTS: usize = 5;

/// Carries one request and brings its answer, whatever its status. An error is [`Transient`](SourceError::Transient)
/// unless the request cannot be made at all.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn send(&self, request: Request) -> Result<Response, SourceError>;
}

/// The real one. Connections are kept and shared by all who hold it.
#[derive(Clone)]
pub struct HttpTransport {
    clock: Arc<dyn Clock>,
    /// Goes where it is sent on to.
    open: Result<reqwest::Client, String>,
    /// Stays at the host that the secret is meant for.
    guarded: Result<reqwest::Client, String>,
}

impl HttpTransport {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        // Whoever was first has chosen the provider; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { clock, open: client(Policy::limited(MOST_REDIRECTS)), guarded: client(Policy::custom(stay)) }
    }

    fn client(&self, request: &Request) -> Result<&reqwest::Client, SourceError> {
        let client = if request.secrets.is_empty() { &self.open } else { &self.guarded };
        client.as_ref().map_err(|error| SourceError::Config(format!("cannot prepare TLS: {error}")))
    }
}

fn client(redirects: Policy) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .redirect(redirects)
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("grapevine/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(|error| error.to_string())
}

/// To the same place under another path only.
fn stay(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let first = attempt.previous().first().map(url::Url::origin);
    if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("too many redirects")
    } else if first.is_some_and(|first| first == attempt.url().origin()) {
        attempt.follow()
    } else {
        attempt.stop()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let place = request.place();
        let failed = |error: reqwest::Error| {
            SourceError::Transient(request.redact(&format!("{place}: {}", reason(&error.without_url()))))
        };
        let sent = self.client(&request)?.request(request.method.clone(), request.url.clone());
        let mut answer = sent.headers(request.headers.clone()).send().await.map_err(failed)?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MOST_BYTES {
                return Err(SourceError::Transient(format!("{place}: answered more than {MOST_BYTES} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body, at: self.clock.now() })
    }
}

/// The error is without its URL, which may carry a key.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let what = if error.is_connect() { "cannot connect" } else { "the request failed" };
    format!("{what}: {cause}")
}
