use std::{sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt};
use parking_lot::Mutex;
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Error, Message, http::StatusCode, protocol::WebSocketConfig},
};
use url::Url;

use crate::SourceError;

/// Frames that wait for the reader. When they are so many, the socket is not read.
const WAITING: usize = 1024;
const LARGEST_FRAME: usize = 4 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A connection, read by a task of its own so that pings are answered between two polls.
#[derive(Debug)]
pub(crate) struct Connection {
    frames: mpsc::Receiver<Vec<u8>>,
    reader: JoinHandle<String>,
    /// When the last frame was taken out, at first when it was made.
    quiet_since: Instant,
    /// When anything came, a pong included.
    heard_at: Arc<Mutex<Instant>>,
    pub(crate) gave_frames: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Connection {
    pub(crate) async fn open(url: &Url, idle_timeout: Duration) -> Result<Self, SourceError> {
        let socket = connect(url).await?;
        let (sender, frames) = mpsc::channel(WAITING);
        let now = Instant::now();
        let heard_at = Arc::new(Mutex::new(now));
        let reader = tokio::spawn(read(socket, sender, heard_at.clone(), idle_timeout));
        Ok(Self { frames, reader, quiet_since: now, heard_at, gave_frames: false })
    }

    /// The next frame; `None` where the connection has ended and every frame was taken. Safe to drop while it waits.
    pub(crate) async fn next(&mut self) -> Option<Vec<u8>> {
        let frame = self.frames.recv().await?;
        self.quiet_since = Instant::now();
        self.gave_frames = true;
        Some(frame)
    }

    pub(crate) fn has_waiting(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Where no frame came for this long: how long ago the server still showed that it is there.
    pub(crate) fn heard_in_silence(&self, silence: Duration) -> Option<Duration> {
        let is_silent = self.quiet_since.elapsed() >= silence && !self.has_waiting();
        is_silent.then(|| self.heard_at.lock().elapsed())
    }

    /// Why it has ended.
    pub(crate) async fn end(mut self) -> String {
        (&mut self.reader).await.unwrap_or_else(|error| error.to_string())
    }
}

/// Connects, or says in words why not. What the server refuses for good is an error of the configuration.
pub(crate) async fn connect(url: &Url) -> Result<Socket, SourceError> {
    // Fails where the process has one already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
    let place = url.host_str().unwrap_or_default();
    match timeout(CONNECT_TIMEOUT, connect_async_with_config(url.as_str(), Some(config), true)).await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(Error::Http(response))) => {
            let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
            let body: String = body.trim().chars().take(200).collect();
            Err(refusal(response.status(), format!("{place} answered {}: {body}", response.status())))
        }
        Ok(Err(error)) => Err(SourceError::Transient(format!("cannot connect to {place}: {error}"))),
        Err(_) => Err(SourceError::Transient(format!("cannot connect to {place}: no answer within 10 s"))),
    }
}

fn refusal(status: StatusCode, message: String) -> SourceError {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => SourceError::Auth(message),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => SourceError::Transient(message),
        status if status.is_client_error() => SourceError::Config(format!("{message}; check `endpoint`")),
        _ => SourceError::Transient(message),
    }
}

/// Reads until the connection ends, and says why it did.
async fn read(
    mut socket: Socket,
    frames: mpsc::Sender<Vec<u8>>,
    heard_at: Arc<Mutex<Instant>>,
    idle_timeout: Duration,
) -> String {
    loop {
        let message = match receive(&mut socket, idle_timeout).await {
            Ok(message) => message,
            Err(reason) => return reason,
        };
        *heard_at.lock() = Instant::now();
        let frame = match message {
            Message::Text(text) => text.as_bytes().to_vec(),
            Message::Binary(bytes) => bytes.to_vec(),
            Message::Close(Some(reason)) => return format!("the server closed the connection: {reason}"),
            _ => continue,
        };
        if frames.send(frame).await.is_err() {
            return "nobody reads any more".to_owned();
        }
    }
}

/// Waits for the next message; half-way it pings a server that sends nothing.
async fn receive(socket: &mut Socket, idle_timeout: Duration) -> Result<Message, String> {
    let mut was_pinged = false;
    loop {
        match timeout(idle_timeout / 2, socket.next()).await {
            Ok(Some(message)) => return message.map_err(|error| error.to_string()),
            Ok(None) => return Err("the server closed the connection".to_owned()),
            Err(_) if was_pinged => {
                return Err(format!("nothing came for {} s, not even a pong", idle_timeout.as_secs()));
            }
            Err(_) => ping(socket, idle_timeout / 2).await?,
        }
        was_pinged = true;
    }
}

async fn ping(socket: &mut Socket, patience: Duration) -> Result<(), String> {
    match timeout(patience, socket.send(Message::Ping("grapevine".into()))).await {
        Ok(sent) => sent.map_err(|error| error.to_string()),
        Err(_) => Err("the server takes nothing".to_owned()),
    }
}
