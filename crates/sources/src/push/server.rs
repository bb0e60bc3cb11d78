use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use tokio::{task::AbortHandle, time::timeout};

use super::{Delivery, Hooks, Inbox, Reply, Slot};
use crate::{SourceError, registry::Clock};

const PREFIX: &str = "/hooks/";
const LARGEST_BODY: usize = 8 << 20;
/// How long a platform may take to send it.
const BODY_WITHIN: Duration = Duration::from_secs(30);

/// The real hooks. An address is the whole process's: sources share a server also where they share nothing else.
#[derive(Clone)]
pub struct HttpHooks {
    clock: Arc<dyn Clock>,
}

/// By the address that was asked for.
static SERVERS: LazyLock<Mutex<HashMap<SocketAddr, Weak<Server>>>> = LazyLock::new(Mutex::default);

/// One listener and the sources behind it. It ends with the last inbox.
struct Server {
    address: SocketAddr,
    slots: Arc<Mutex<HashMap<String, Slot>>>,
    task: AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Closes one path.
struct Door {
    server: Arc<Server>,
    name: String,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.server.slots.lock().remove(&self.name);
    }
}

impl HttpHooks {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    fn server(&self, listen: SocketAddr) -> Result<Arc<Server>, SourceError> {
        let mut servers = SERVERS.lock();
        // Port 0 is another one each time.
        let known = servers.get(&listen).filter(|_| listen.port() != 0).and_then(Weak::upgrade);
        if let Some(server) = known {
            return Ok(server);
        }
        let server = Arc::new(start(listen, self.clock.clone())?);
        servers.retain(|_, server| server.strong_count() > 0);
        servers.insert(server.address, Arc::downgrade(&server));
        Ok(server)
    }
}

impl Hooks for HttpHooks {
    fn open(&self, listen: SocketAddr, name: &str) -> Result<Inbox, SourceError> {
        let server = self.server(listen)?;
        let (slot, inbox) = Inbox::new(server.address);
        {
            let mut slots = server.slots.lock();
            if slots.contains_key(name) {
                let message = format!("{PREFIX}{name} on {listen} has a source already: give them different paths");
                return Err(SourceError::Config(message));
            }
            slots.insert(name.to_owned(), slot);
        }
        Ok(inbox.keeping(Door { server, name: name.to_owned() }))
    }
}

/// An address that is taken may be free later: the process that was here before may still be ending.
fn start(listen: SocketAddr, clock: Arc<dyn Clock>) -> Result<Server, SourceError> {
    let failed = |error: std::io::Error| SourceError::Transient(format!("cannot listen on {listen}: {error}"));
    let listener = TcpListener::bind(listen).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let slots: Arc<Mutex<HashMap<String, Slot>>> = Arc::default();
    let state = Receiver { slots: slots.clone(), clock };
    let app = Router::new().fallback(receive).with_state(state);
    let task = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!("the server of webhooks on {address} ended: {error}");
        }
    });
    Ok(Server { address, slots, task: task.abort_handle() })
}

#[derive(Clone)]
struct Receiver {
    slots: Arc<Mutex<HashMap<String, Slot>>>,
    clock: Arc<dyn Clock>,
}

async fn receive(State(receiver): State<Receiver>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let slot = path.strip_prefix(PREFIX).and_then(|name| receiver.slots.lock().get(name).cloned());
    let Some(slot) = slot else {
        return words(StatusCode::NOT_FOUND, "no source listens here: see the `path` of its settings");
    };
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return words(StatusCode::METHOD_NOT_ALLOWED, "send it by POST");
    }
    let (parts, body) = request.into_parts();
    let body = match read(body, parts.headers.get("content-length")).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let query = parts.uri.query().unwrap_or_default();
    let (delivery, answered) = Delivery::new(parts.method, query, parts.headers, body, receiver.clock.now());
    if slot.put(delivery).is_err() {
        return words(StatusCode::SERVICE_UNAVAILABLE, "too much waits to be read: send it again later");
    }
    match timeout(slot.limit(), answered).await {
        Ok(Ok(reply)) => respond(reply),
        Ok(Err(_)) => words(StatusCode::SERVICE_UNAVAILABLE, "it was not kept: send it again"),
        Err(_) => words(StatusCode::SERVICE_UNAVAILABLE, "it was not kept in time: send it again"),
    }
}

async fn read(body: Body, length: Option<&HeaderValue>) -> Result<Vec<u8>, Response> {
    let too_large = || words(StatusCode::PAYLOAD_TOO_LARGE, "a body may have 8 MiB at most");
    let stated = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if stated.is_some_and(|length| length > LARGEST_BODY) {
        return Err(too_large());
    }
    match timeout(BODY_WITHIN, to_bytes(body, LARGEST_BODY)).await {
        Ok(Ok(body)) => Ok(body.into()),
        Ok(Err(error)) if is_limit(&error) => Err(too_large()),
        Ok(Err(_)) => Err(words(StatusCode::BAD_REQUEST, "the body broke off")),
        Err(_) => Err(words(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

fn is_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|cause| cause.to_string() == "length limit exceeded")
}

fn words(status: StatusCode, words: &'static str) -> Response {
    (status, words).into_response()
}

fn respond(reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = HeaderValue::from_str(&reply.content_type);
    let mut response = (status, reply.body).into_response();
    if let Ok(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}
