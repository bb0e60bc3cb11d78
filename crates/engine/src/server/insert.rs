//! Inserts: the request's body goes to the engine as it comes in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::blocks::BlockReader;
use super::reply;
use super::request::Asked;
use super::session::Role;
use super::sql::InsertText;
use super::{Permit, Server, Watch};
use crate::Fault;
use crate::fault::code;
use crate::ffi::{Counters, InsertStream};

/// Longest pause between two pieces of a body. The crate's inserter may hold an insert open for its whole period.
const PATIENCE: Duration = Duration::from_secs(300);
/// Bytes of a body that are read and thrown away after a fault, so that the client gets to read the answer.
const DRAIN: usize = 64 * 1024 * 1024;

/// What the request sends to the engine's thread. A channel that closes without `End` is an insert that was cut off.
enum Message {
    Data(Bytes),
    End,
}

/// An insert with everything that its run needs.
pub(super) struct Insert {
    pub(super) asked: Asked,
    pub(super) text: InsertText,
    pub(super) inline: Bytes,
    pub(super) role: Role,
}

/// Runs an insert: first the data that the text itself holds, then the body.
pub(super) async fn run(server: Arc<Server>, insert: Insert, body: Body, permit: Permit) -> Response {
    let (sender, receiver) = mpsc::channel(8);
    let watch = Watch::new(&server);
    let (id, done) = (watch.id(), watch.done());
    let (inline, compressed) = (insert.inline.clone(), insert.asked.decompress);
    let engine = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let outcome = execute(&server, &insert, &id, receiver);
        done.finish();
        outcome
    });
    let mut body = body.into_data_stream();
    let fed = feed(inline, &mut body, compressed, sender).await;
    if matches!(fed, Err(Feed::EngineLeft)) {
        drain(&mut body).await;
    }
    let outcome = engine.await.unwrap_or_else(|error| Err(Fault::new(code::UNKNOWN_EXCEPTION, error)));
    match (fed, outcome) {
        (Err(Feed::Bad(fault)), _) => {
            drain(&mut body).await;
            reply::failed(&fault)
        }
        (_, Err(fault)) => reply::failed(&fault),
        (_, Ok(counters)) => reply::empty(Some(counters)),
    }
}

fn execute(
    server: &Server,
    insert: &Insert,
    id: &str,
    mut messages: mpsc::Receiver<Message>,
) -> Result<Counters, Fault> {
    if insert.role == Role::Reader {
        return Err(Fault::new(code::READONLY, "reader: Cannot execute query in readonly mode. (READONLY)"));
    }
    let session = server.engine.session(&insert.asked, insert.role, id)?;
    let mut stream = InsertStream::start(&session, &insert.text.head, &insert.text.format)?;
    loop {
        match messages.blocking_recv() {
            Some(Message::Data(data)) => stream.append(&data)?,
            Some(Message::End) => return stream.finish(),
            None => return Err(Fault::new(code::NETWORK_ERROR, "the insert was cut off before its end")),
        }
    }
}

/// Why the data did not reach the engine.
enum Feed {
    /// The engine ended the insert first; its outcome says why.
    EngineLeft,
    /// The body is damaged, or ended early.
    Bad(Fault),
}

async fn feed(
    inline: Bytes,
    body: &mut BodyDataStream,
    compressed: bool,
    engine: mpsc::Sender<Message>,
) -> Result<(), Feed> {
    let send = async |message| engine.send(message).await.map_err(|_| Feed::EngineLeft);
    if !inline.is_empty() {
        send(Message::Data(inline)).await?;
    }
    let mut blocks = BlockReader::default();
    while let Some(piece) = next_piece(body).await.map_err(Feed::Bad)? {
        if !compressed {
            send(Message::Data(piece)).await?;
            continue;
        }
        blocks.push(&piece);
        while let Some(block) = blocks.next_block().map_err(Feed::Bad)? {
            send(Message::Data(block)).await?;
        }
    }
    if !blocks.is_empty() {
        return Err(Feed::Bad(Fault::new(code::CANNOT_DECOMPRESS, "the last compressed block is cut off")));
    }
    send(Message::End).await
}

async fn next_piece(body: &mut BodyDataStream) -> Result<Option<Bytes>, Fault> {
    match timeout(PATIENCE, body.next()).await {
        Err(_) => Err(Fault::new(code::SOCKET_TIMEOUT, "the insert's data stopped coming")),
        Ok(Some(Err(error))) => Err(Fault::new(code::NETWORK_ERROR, error)),
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(None) => Ok(None),
    }
}

async fn drain(body: &mut BodyDataStream) {
    let mut left = DRAIN;
    while let Ok(Some(Ok(piece))) = timeout(Duration::from_secs(10), body.next()).await {
        left = left.saturating_sub(piece.len());
        if left == 0 {
            return;
        }
    }
}
