//! What platforms send by themselves: webhooks.
//!
//! A source opens an [`Inbox`] and takes [`Delivery`]s out of it. One HTTP server stands on each listen address, shared
//! by all sources that name it; a source's path is `/hooks/<name>`.
//!
//! | the platform's request | is answered |
//! |---|---|
//! | to a path that no source has | 404 |
//! | neither GET nor POST | 405 |
//! | with a body beyond 8 MiB | 413 |
//! | while too many wait, or with no answer of the source in its time | 503: the platform sends it again |
//! | else | by the source |
//!
//! A source answers 200 only when the log has what was delivered, in [`settle`](crate::Source::settle): what was
//! answered is never lost. A delivery that is dropped is answered 503.

mod server;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Method, header::HeaderMap};
use tokio::sync::{mpsc, oneshot};

pub use self::server::HttpHooks;
use crate::SourceError;

/// How many deliveries of one source wait to be taken.
const WAITING: usize = 64;
/// How long a source may take to answer, unless it says otherwise.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Takes what platforms send.
pub trait Hooks: Send + Sync {
    /// Listens for what is sent to `/hooks/<name>`, until the inbox is dropped.
    fn open(&self, listen: SocketAddr, name: &str) -> Result<Inbox, SourceError>;
}

/// What came for one source.
pub struct Inbox {
    deliveries: mpsc::Receiver<Delivery>,
    answer_within: Arc<AtomicU64>,
    address: SocketAddr,
    /// Ends the listening.
    _door: Option<Box<dyn Send + Sync>>,
}

/// Where deliveries are put for an inbox.
#[derive(Debug, Clone)]
pub struct Slot {
    deliveries: mpsc::Sender<Delivery>,
    answer_within: Arc<AtomicU64>,
}

impl Inbox {
    /// An empty one, and the slot that fills it.
    pub fn new(address: SocketAddr) -> (Slot, Self) {
        let (sender, deliveries) = mpsc::channel(WAITING);
        let answer_within = Arc::new(AtomicU64::new(millis(ANSWER_WITHIN)));
        let slot = Slot { deliveries: sender, answer_within: answer_within.clone() };
        (slot, Self { deliveries, answer_within, address, _door: None })
    }

    /// With something that is dropped with it.
    fn keeping(self, door: impl Send + Sync + 'static) -> Self {
        Self { _door: Some(Box::new(door)), ..self }
    }

    /// How long the platform waits: after that, it is answered 503 and the delivery is nobody's any more. 10 s at first.
    pub fn answer_within(&self, limit: Duration) {
        self.answer_within.store(millis(limit), Ordering::Relaxed);
    }

    /// Where it listens: with the port that was found where 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next delivery, which may be long in coming; `None` where none will ever come. Safe to drop while it waits.
    pub async fn next(&mut self) -> Option<Delivery> {
        self.deliveries.recv().await
    }

    /// A delivery that waits.
    pub fn try_next(&mut self) -> Option<Delivery> {
        self.deliveries.try_recv().ok()
    }
}

impl Slot {
    /// Puts a delivery in. It comes back where too many wait, or where nobody listens any more.
    pub fn put(&self, delivery: Delivery) -> Result<(), Box<Delivery>> {
        self.deliveries.try_send(delivery).map_err(|refused| Box::new(refused.into_inner()))
    }

    /// How long the source may take to answer.
    pub fn limit(&self) -> Duration {
        Duration::from_millis(self.answer_within.load(Ordering::Relaxed))
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One request of a platform, which waits for its answer.
#[derive(Debug)]
pub struct Delivery {
    pub method: Method,
    /// What follows the question mark, as it came.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub received_at: Timestamp,
    answer: oneshot::Sender<Reply>,
}

/// What the platform is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

impl Delivery {
    /// A delivery, and where its answer comes. An error there means that it was dropped without one.
    pub fn new(method: Method, query: &str, headers: HeaderMap, body: Vec<u8>, at: Timestamp) -> (Self, Answered) {
        let (answer, answered) = oneshot::channel();
        (Self { method, query: query.to_owned(), headers, body, received_at: at, answer }, answered)
    }

    /// The header as text; `None` where it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// False once the platform was answered 503 for want of an answer, or has gone: it will send it again.
    pub fn is_waited_for(&self) -> bool {
        !self.answer.is_closed()
    }

    /// Too late is no error: the platform sends it again, and it collapses by key.
    pub fn answer(self, status: u16, content_type: &str, body: impl Into<Vec<u8>>) {
        let reply = Reply { status, content_type: content_type.to_owned(), body: body.into() };
        let _ = self.answer.send(reply);
    }
}

/// Where the answer to a delivery comes.
pub type Answered = oneshot::Receiver<Reply>;
