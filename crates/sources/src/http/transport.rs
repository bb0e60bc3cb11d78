use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use reqwest::redirect::{Attempt, Policy};
use tokio::time::timeout;

use super::{Request, Response};
use crate::{SourceError, registry::Clock};

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// From the first byte sent to the last one read; of a body that is a stream, to its head.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);
/// Of one body, unpacked.
const MOST_BYTES: usize = 32 << 20;
const MOST_REDIRECTS: usize = 5;

/// A body in pieces, as they arrive.
pub type ByteStream = BoxStream<'static, Result<Bytes, SourceError>>;

/// An answer whose body may have no end.
pub struct Opened {
    /// Without its body where the status is a 2xx.
    pub response: Response,
    /// Empty unless the status is a 2xx.
    pub body: ByteStream,
}

/// Carries one request and brings its answer, whatever its status. An error is [`Transient`](SourceError::Transient)
/// unless the request cannot be made at all.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn send(&self, request: Request) -> Result<Response, SourceError>;

    /// The same, with the body as a stream. A transport that has every body whole gives it in one piece.
    async fn open(&self, request: Request) -> Result<Opened, SourceError> {
        let mut response = self.send(request).await?;
        let whole = if is_success(response.status) { std::mem::take(&mut response.body) } else { Vec::new() };
        let pieces = (!whole.is_empty()).then(|| Ok(Bytes::from(whole)));
        Ok(Opened { response, body: stream::iter(pieces).boxed() })
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
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

    fn prepare(&self, request: &Request) -> Result<reqwest::RequestBuilder, SourceError> {
        let prepared = self.client(request)?.request(request.method.clone(), request.url.clone());
        let prepared = prepared.headers(request.headers.clone());
        Ok(match &request.body {
            Some(body) => prepared.body(body.clone()),
            None => prepared,
        })
    }
}

fn client(redirects: Policy) -> Result<reqwest::Client, String> {
    let builder = reqwest::Client::builder()
        .redirect(redirects)
        .connect_timeout(CONNECT_WITHIN)
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
        let sent = self.prepare(&request)?.timeout(ANSWER_WITHIN).send().await;
        let answer = sent.map_err(|error| failed(&request, error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = whole(answer, &request).await?;
        Ok(Response { status, headers, body, at: self.clock.now() })
    }

    async fn open(&self, request: Request) -> Result<Opened, SourceError> {
        let late = |_| SourceError::Transient(format!("{}: no answer in time", request.place()));
        let sent = timeout(ANSWER_WITHIN, self.prepare(&request)?.send()).await.map_err(late)?;
        let answer = sent.map_err(|error| failed(&request, error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let at = self.clock.now();
        if is_success(status) {
            let response = Response { status, headers, body: Vec::new(), at };
            let body = answer.bytes_stream().map_err(move |error| failed(&request, error));
            return Ok(Opened { response, body: body.boxed() });
        }
        let body = timeout(ANSWER_WITHIN, whole(answer, &request)).await.map_err(late)??;
        Ok(Opened { response: Response { status, headers, body, at }, body: stream::empty().boxed() })
    }
}

async fn whole(mut answer: reqwest::Response, request: &Request) -> Result<Vec<u8>, SourceError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(request, error))? {
        if body.len() + chunk.len() > MOST_BYTES {
            let place = request.place();
            return Err(SourceError::Transient(format!("{place}: answered more than {MOST_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(request: &Request, error: reqwest::Error) -> SourceError {
    let (place, reason) = (request.place(), reason(&error.without_url()));
    SourceError::Transient(request.redact(&format!("{place}: {reason}")))
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
