//! ClickHouse's HTTP interface, as far as its clients use it.
//!
//! | request | answer |
//! |---|---|
//! | `GET /ping` | `Ok.`, without a key |
//! | `POST /?query=INSERT … FORMAT X`, body = data | 200 once stored, with `X-ClickHouse-Summary` |
//! | `POST /`, body = statement, or a form with `query` and `param_…` | the result, streamed where its format allows |
//!
//! A statement runs on a blocking thread of its own. If its client goes away, it is killed.

mod blocks;
mod guard;
mod insert;
mod reply;
mod request;
mod row_header;
mod select;
mod session;
mod sql;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing};
use bytes::Bytes;
use subtle::ConstantTimeEq;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fault::code;
use crate::{Credentials, Fault};
use blocks::BlockReader;
use insert::Insert;
use request::Asked;
use select::Statement;
pub(crate) use session::Engine;
use session::Role;

/// Statements that run at once; more wait for their turn.
pub(crate) const MAX_STATEMENTS: usize = 32;
/// Longest wait for a turn.
const QUEUE: Duration = Duration::from_secs(60);
/// Largest body that is a statement. Inserts are streamed and have no limit.
const MAX_STATEMENT: usize = 64 * 1024 * 1024;

type Permit = OwnedSemaphorePermit;

/// What all requests share.
pub(crate) struct Server {
    engine: Engine,
    writer: Credentials,
    reader: Credentials,
    turns: Arc<Semaphore>,
    next_id: AtomicU64,
}

impl Server {
    pub(crate) fn new(engine: Engine, writer: Credentials, reader: Credentials) -> Arc<Self> {
        let turns = Arc::new(Semaphore::new(MAX_STATEMENTS));
        Arc::new(Self { engine, writer, reader, turns, next_id: AtomicU64::new(1) })
    }

    /// The routes of the interface.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        let ping = || async { "Ok.\n" };
        Router::new().route("/ping", routing::get(ping)).route("/", routing::any(answer)).with_state(self)
    }

    fn role(&self, asked: &Asked) -> Result<Role, Fault> {
        let (user, password) = (asked.user.as_deref().unwrap_or("default"), asked.password.as_deref().unwrap_or(""));
        let matches = |known: &Credentials| {
            known.user == user && bool::from(known.password.as_bytes().ct_eq(password.as_bytes()))
        };
        match () {
            () if matches(&self.writer) => Ok(Role::Writer),
            () if matches(&self.reader) => Ok(Role::Reader),
            () => {
                let text = "Authentication failed: password is incorrect, or there is no user with such name.";
                Err(Fault::new(code::AUTHENTICATION_FAILED, format!("{user}: {text} (AUTHENTICATION_FAILED)")))
            }
        }
    }

    async fn turn(&self) -> Result<Permit, Fault> {
        let busy = || Fault::new(code::TOO_MANY_SIMULTANEOUS_QUERIES, "Too many simultaneous queries");
        let turn = tokio::time::timeout(QUEUE, self.turns.clone().acquire_owned()).await;
        turn.map_err(|_| busy())?.map_err(|_| busy())
    }
}

async fn answer(State(server): State<Arc<Server>>, request: Request) -> Response {
    if request.method() == Method::GET && request.uri().query().is_none() {
        return "Ok.\n".into_response();
    }
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    dispatch(server, request).await.unwrap_or_else(|fault| reply::failed(&fault))
}

async fn dispatch(server: Arc<Server>, request: Request) -> Result<Response, Fault> {
    let (parts, body) = request.into_parts();
    let mut asked = Asked::read(parts.uri.query().unwrap_or_default(), &parts.headers)?;
    let role = server.role(&asked)?;
    let permit = server.turn().await?;
    if let Some(query) = asked.query.take_if(|query| sql::insert_text(query.as_bytes()).is_some()) {
        return Ok(run_insert(server, (asked, role), query.into(), body, permit).await);
    }
    let text = statement_text(&mut asked, &parts.headers, body).await?;
    if sql::insert_text(&text).is_some() {
        // The body was the statement; what data there is, is in it and no longer compressed.
        asked.decompress = false;
        return Ok(run_insert(server, (asked, role), text.into(), Body::empty(), permit).await);
    }
    let lz4 = request::wants_lz4(&parts.headers);
    Ok(select::run(server, Statement { asked, text, role, lz4 }, permit).await)
}

async fn run_insert(
    server: Arc<Server>,
    (asked, role): (Asked, Role),
    statement: Bytes,
    body: Body,
    permit: Permit,
) -> Response {
    let Some(text) = sql::insert_text(&statement) else {
        return reply::failed(&Fault::new(code::SYNTAX_ERROR, "not an insert"));
    };
    let inline = statement.slice(text.data..);
    insert::run(server, Insert { asked, text, inline, role }, body, permit).await
}

/// The statement: from the URL, then from the body, whichever way that holds it.
async fn statement_text(asked: &mut Asked, headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Fault> {
    let too_large = |error| Fault::new(code::QUERY_IS_TOO_LARGE, format!("the statement cannot be read: {error}"));
    let mut body = axum::body::to_bytes(body, MAX_STATEMENT).await.map_err(too_large)?;
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("multipart/form-data") {
        asked.take_multipart(content_type, &body)?;
        return Ok(asked.query.take().unwrap_or_default().into_bytes());
    }
    if asked.decompress {
        body = decompressed(&body)?;
    }
    let mut text = asked.query.take().unwrap_or_default().into_bytes();
    if !text.is_empty() && !body.is_empty() {
        text.push(b'\n');
    }
    text.extend_from_slice(&body);
    Ok(text)
}

fn decompressed(body: &[u8]) -> Result<Bytes, Fault> {
    let mut blocks = BlockReader::default();
    blocks.push(body);
    let mut text = Vec::new();
    while let Some(block) = blocks.next_block()? {
        text.extend_from_slice(&block);
        if text.len() > MAX_STATEMENT {
            return Err(Fault::new(code::QUERY_IS_TOO_LARGE, "the statement is too large"));
        }
    }
    if blocks.is_empty() { Ok(text.into()) } else { Err(Fault::new(code::CANNOT_DECOMPRESS, "a block is cut off")) }
}

/// Follows a statement on behalf of its client: dropped before the statement is done, it kills it.
struct Watch {
    server: Arc<Server>,
    id: String,
    done: Done,
}

/// Set by the engine's thread when it is through.
#[derive(Clone, Default)]
struct Done(Arc<AtomicBool>);

impl Done {
    fn finish(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Watch {
    fn new(server: &Arc<Server>) -> Self {
        let number = server.next_id.fetch_add(1, Ordering::Relaxed);
        Self { server: server.clone(), id: format!("grapevine-request-{number}"), done: Done::default() }
    }

    fn id(&self) -> String {
        self.id.clone()
    }

    fn done(&self) -> Done {
        self.done.clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.done.0.load(Ordering::Acquire) {
            return;
        }
        let (server, id) = (self.server.clone(), std::mem::take(&mut self.id));
        // A statement that has just ended, or not yet begun, is not found; the second kind ends when it cannot send.
        tokio::task::spawn_blocking(move || {
            if let Err(fault) = server.engine.kill(&id) {
                tracing::warn!(%fault, "cannot kill a statement whose client is gone");
            }
        });
    }
}
