//! Connections: sockets, and bodies without an end.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    response::Response,
};
use futures::stream;
use grapevine_sources::{
    conformance::{
        Answer,
        shape::{Peer, Say},
    },
    http::Request,
};
use tokio::sync::watch;

use super::{Platform, faults::Fault, server, with_address};

const SILENCE: Duration = Duration::from_secs(5);

/// The platform's end of one connection.
struct Line {
    platform: Arc<Platform>,
    peer: Box<dyn Peer>,
    told: usize,
    happened: watch::Receiver<usize>,
}

impl Line {
    fn open(platform: &Arc<Platform>, request: &Request) -> Result<(Self, Vec<Say>), Answer> {
        let mut peer = platform.shape.peer().ok_or_else(|| Answer::status(404, ""))?;
        let happened = platform.happened();
        let moment = platform.moment();
        let said = peer.open(&moment.view(), request)?;
        let told = moment.view().changes.len();
        drop(moment);
        Ok((Self { platform: platform.clone(), peer, told, happened }, said))
    }

    /// Waits for what is to be said next; nothing where a fault ends the connection.
    async fn next(&mut self) -> Option<Vec<Say>> {
        let has_moved = tokio::time::timeout(SILENCE, self.happened.changed()).await;
        let fault = has_moved.is_ok().then(|| self.platform.faults.next()).flatten();
        let moment = self.platform.moment();
        let view = moment.view();
        if has_moved.is_err() {
            return Some(self.peer.silence(&view));
        }
        match fault {
            Some(Fault::Cut) => return None,
            Some(Fault::Status(_)) => return Some(self.peer.farewell()),
            _ => {}
        }
        let mut said = Vec::new();
        for change in view.changes.iter().skip(self.told) {
            said.extend(self.peer.change(&view, change));
        }
        self.told = view.changes.len();
        if fault == Some(Fault::Twice) {
            said.extend(said.clone());
        }
        Some(said)
    }

    fn hear(&mut self, frame: &[u8]) -> Vec<Say> {
        let moment = self.platform.moment();
        self.peer.heard(&moment.view(), frame)
    }
}

pub(super) fn socket(platform: Arc<Platform>, upgrade: WebSocketUpgrade, request: &Request) -> Response {
    match Line::open(&platform, request) {
        Ok((line, said)) => upgrade.on_upgrade(move |socket| talk(line, said, socket)),
        Err(answer) => server::response(&platform, answer),
    }
}

async fn talk(mut line: Line, mut said: Vec<Say>, mut socket: WebSocket) {
    loop {
        for say in said {
            let is_last = matches!(say, Say::Close(..));
            if socket.send(message(&line, say)).await.is_err() || is_last {
                return;
            }
        }
        said = tokio::select! {
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => line.hear(text.as_bytes()),
                Some(Ok(Message::Binary(bytes))) => line.hear(&bytes),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                _ => return,
            },
            next = line.next() => match next {
                Some(said) => said,
                None => return,
            },
        };
    }
}

fn message(line: &Line, say: Say) -> Message {
    match say {
        Say::Text(text) => Message::text(with_address(&text, line.platform.address)),
        Say::Binary(bytes) => Message::binary(bytes),
        Say::Close(code, reason) => Message::Close(Some(CloseFrame { code, reason: reason.into() })),
    }
}

/// A response without an end.
pub(super) fn body(platform: Arc<Platform>, request: &Request) -> Response {
    let (line, said) = match Line::open(&platform, request) {
        Ok(opened) => opened,
        Err(answer) => return server::response(&platform, answer),
    };
    let pieces = stream::unfold(Some((line, said)), |state| async {
        let (mut line, said) = state?;
        let mut bytes = Vec::new();
        for say in said {
            match say {
                Say::Text(text) => bytes.extend(with_address(&text, line.platform.address).into_bytes()),
                Say::Binary(more) => bytes.extend(more),
                Say::Close(..) => return Some((Ok(Bytes::from(bytes)), None)),
            }
        }
        if !bytes.is_empty() {
            return Some((Ok::<_, std::io::Error>(Bytes::from(bytes)), Some((line, Vec::new()))));
        }
        let said = line.next().await?;
        Some((Ok(Bytes::new()), Some((line, said))))
    });
    Response::new(Body::from_stream(pieces))
}
