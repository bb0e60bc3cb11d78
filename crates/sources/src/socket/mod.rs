//! WebSockets, as every source that keeps one open needs them.
//!
//! | part | does |
//! |---|---|
//! | [`Connector`] | connects, or says why not: `tokio-tungstenite` in production, scripted in tests |
//! | [`Socket`] | one connection as it is: frames in, frames out |
//! | [`Connection`] | a socket that is read by a task of its own, so that pings are answered between two polls |
//!
//! A slow reader holds the server back: beyond some frames, or some bytes, that wait, the socket is not read.

mod connection;
mod tungstenite;

use async_trait::async_trait;

pub use self::connection::Connection;
pub use self::tungstenite::WebSockets;
#[cfg(any(test, feature = "conformance"))]
pub(crate) use self::tungstenite::refusal;
use crate::{SourceError, http::Request};

/// Makes connections.
#[async_trait]
pub trait Connector: Send + Sync {
    /// Connects to a `wss` (or `ws`) address, with the request's headers. What the server refuses for good is no
    /// transient error.
    async fn connect(&self, request: Request) -> Result<Box<dyn Socket>, SourceError>;
}

/// One connection.
#[async_trait]
pub trait Socket: Send {
    /// The next frame. Safe to drop while it waits. After [`Frame::Closed`] or an error, nothing follows.
    async fn receive(&mut self) -> Result<Frame, SourceError>;

    async fn send(&mut self, frame: Frame) -> Result<(), SourceError>;
}

/// What one side says to the other. A ping is answered by the socket itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(String),
    Binary(Vec<u8>),
    /// A sign of life. Sent, it asks for one (a ping); received, it is one (a ping or a pong).
    Beat,
    /// The end. Sent, it says farewell.
    Closed {
        code: Option<u16>,
        reason: String,
    },
}

impl Frame {
    fn len(&self) -> usize {
        match self {
            Frame::Text(text) => text.len(),
            Frame::Binary(bytes) => bytes.len(),
            Frame::Closed { reason, .. } => reason.len(),
            Frame::Beat => 0,
        }
    }
}
