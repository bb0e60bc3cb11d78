use std::time::Duration;

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        handshake::client::Request as Handshake,
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{Connector, Frame, Socket};
use crate::{SourceError, http::Request};

const LARGEST_FRAME: usize = 4 << 20;
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How much of a refusal's text is kept, in characters.
const MESSAGE: usize = 200;

/// The real connector.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebSockets;

#[async_trait]
impl Connector for WebSockets {
    async fn connect(&self, request: Request) -> Result<Box<dyn Socket>, SourceError> {
        // Fails where the process has one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let place = request.redact(request.url.host_str().unwrap_or_default());
        let config =
            WebSocketConfig::default().max_message_size(Some(LARGEST_FRAME)).max_frame_size(Some(LARGEST_FRAME));
        let connecting = connect_async_with_config(handshake(&request)?, Some(config), true);
        match timeout(CONNECT_WITHIN, connecting).await {
            Ok(Ok((stream, _))) => Ok(Box::new(WebSocket { stream, place })),
            Ok(Err(Error::Http(response))) => {
                let body = response.body().as_deref().map(String::from_utf8_lossy).unwrap_or_default();
                let body: String = request.redact(body.trim()).chars().take(MESSAGE).collect();
                Err(refusal(response.status().as_u16(), format!("{place} answered {}: {body}", response.status())))
            }
            Ok(Err(error)) => {
                let problem = request.redact(&error.to_string());
                Err(SourceError::Transient(format!("cannot connect to {place}: {problem}")))
            }
            Err(_) => Err(SourceError::Transient(format!("cannot connect to {place}: no answer within 10 s"))),
        }
    }
}

fn handshake(request: &Request) -> Result<Handshake, SourceError> {
    let mut handshake = request.url.as_str().into_client_request().map_err(|error| {
        SourceError::Config(request.redact(&format!("{}: no address of a WebSocket: {error}", request.place())))
    })?;
    handshake.headers_mut().extend(request.headers.clone());
    Ok(handshake)
}

pub(crate) fn refusal(status: u16, message: String) -> SourceError {
    match status {
        401 | 403 => SourceError::Auth(message),
        408 | 429 => SourceError::Transient(message),
        400..=499 => SourceError::Config(format!("{message}; check the address")),
        _ => SourceError::Transient(message),
    }
}

struct WebSocket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    place: String,
}

#[async_trait]
impl Socket for WebSocket {
    async fn receive(&mut self) -> Result<Frame, SourceError> {
        loop {
            let message = match self.stream.next().await {
                Some(message) => message.map_err(|error| self.broken(&error))?,
                None => return Ok(Frame::Closed { code: None, reason: String::new() }),
            };
            return Ok(match message {
                Message::Text(text) => Frame::Text(text.as_str().to_owned()),
                Message::Binary(bytes) => Frame::Binary(bytes.to_vec()),
                Message::Ping(_) | Message::Pong(_) => Frame::Beat,
                Message::Close(farewell) => closed(farewell),
                // Only whole messages are read.
                Message::Frame(_) => continue,
            });
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), SourceError> {
        let message = match frame {
            Frame::Text(text) => Message::text(text),
            Frame::Binary(bytes) => Message::binary(bytes),
            Frame::Beat => Message::Ping("grapevine".into()),
            Frame::Closed { code, reason } => {
                Message::Close(code.map(|code| CloseFrame { code: code.into(), reason: reason.into() }))
            }
        };
        match timeout(SEND_WITHIN, self.stream.send(message)).await {
            Ok(sent) => sent.map_err(|error| self.broken(&error)),
            Err(_) => Err(SourceError::Transient(format!("{} takes nothing", self.place))),
        }
    }
}

impl WebSocket {
    fn broken(&self, error: &Error) -> SourceError {
        SourceError::Transient(format!("the connection to {} broke: {error}", self.place))
    }
}

fn closed(farewell: Option<CloseFrame>) -> Frame {
    match farewell {
        Some(CloseFrame { code, reason }) => Frame::Closed { code: Some(code.into()), reason: reason.to_string() },
        None => Frame::Closed { code: None, reason: String::new() },
    }
}
