//! Statements that answer with a result, or with nothing.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header;
use axum::response::Response;
use bytes::{Buf, Bytes};
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::blocks::FrameWriter;
use super::reply::{self, Tail};
use super::request::Asked;
use super::row_header::header_length;
use super::session::Role;
use super::{Permit, Server, Watch, sql};
use crate::Fault;
use crate::fault::code;
use crate::ffi::{Connection, Counters, QueryResult};

/// Formats in which documents that follow each other are one document; `WITH_HEADER` after its header is dropped.
const JOINABLE: [&str; 6] = [WITH_HEADER, "RowBinary", "Native", "JSONEachRow", "TabSeparated", "CSV"];
const WITH_HEADER: &str = "RowBinaryWithNamesAndTypes";
const DEFAULT_FORMAT: &str = "TabSeparated";

/// What the engine's thread sends to the response.
enum Piece {
    Data(Bytes),
    Whole(Bytes, Counters),
    Failed(Fault),
}

/// A statement with everything that its run needs.
pub(super) struct Statement {
    pub(super) asked: Asked,
    pub(super) text: Vec<u8>,
    pub(super) role: Role,
    pub(super) lz4: bool,
}

/// Runs a statement; the response begins with the first piece of its result.
pub(super) async fn run(server: Arc<Server>, statement: Statement, permit: Permit) -> Response {
    let (sender, mut pieces) = mpsc::channel(4);
    let lz4 = statement.lz4;
    let watch = Watch::new(&server);
    let (id, done) = (watch.id(), watch.done());
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        let last = execute(&server, &statement, &id, &sender).unwrap_or_else(|fault| Some(Piece::Failed(fault)));
        done.finish();
        if let Some(piece) = last {
            // A receiver that is gone has no use for it.
            let _ = sender.blocking_send(piece);
        }
    });
    match pieces.recv().await {
        None => reply::empty(None),
        Some(Piece::Failed(fault)) => reply::failed(&fault),
        Some(Piece::Whole(data, counters)) => respond(stream::iter([Piece::Data(data)]), Some(counters), lz4),
        Some(first) => {
            let rest = stream::unfold((pieces, watch), |(mut pieces, watch)| async move {
                pieces.recv().await.map(|piece| (piece, (pieces, watch)))
            });
            respond(stream::iter([first]).chain(rest), None, lz4)
        }
    }
}

/// Runs the statement; gives the piece that is still to be sent.
fn execute(
    server: &Server,
    statement: &Statement,
    id: &str,
    sender: &mpsc::Sender<Piece>,
) -> Result<Option<Piece>, Fault> {
    let Statement { asked, text, role, .. } = statement;
    let session = server.engine.session(asked, *role, id)?;
    server.engine.permit(&session, *role, text)?;
    let default = asked.format.as_deref().unwrap_or(DEFAULT_FORMAT);
    let named = sql::named_format(text);
    let format = named.as_deref().unwrap_or(default);
    if sql::is_select(text) && JOINABLE.contains(&format) {
        return stream_rows(&session, statement, format, sender).map(|()| None);
    }
    let result = session.query(text, default, &asked.params)?;
    let counters = result.counters();
    Ok(Some(Piece::Whole(owned(result), counters)))
}

fn stream_rows(
    session: &Connection,
    statement: &Statement,
    format: &str,
    sender: &mpsc::Sender<Piece>,
) -> Result<(), Fault> {
    let mut rows = session.stream(&statement.text, format, &statement.asked.params)?;
    let mut header: Option<Bytes> = None;
    while let Some(chunk) = rows.next()? {
        let mut data = owned(chunk);
        if format == WITH_HEADER {
            match &header {
                Some(header) if data.starts_with(header) => data.advance(header.len()),
                Some(_) => return Err(Fault::new(code::UNKNOWN_EXCEPTION, "the result's header changed half-way")),
                None => header = header_length(&data).map(|length| Bytes::copy_from_slice(&data[..length])),
            }
        }
        if sender.blocking_send(Piece::Data(data)).is_err() {
            rows.cancel();
            return Ok(());
        }
    }
    Ok(())
}

fn owned(result: QueryResult) -> Bytes {
    if result.bytes().is_empty() { Bytes::new() } else { Bytes::from_owner(result) }
}

fn respond(
    pieces: impl stream::Stream<Item = Piece> + Send + 'static,
    counters: Option<Counters>,
    lz4: bool,
) -> Response {
    let tail = Tail::new();
    let mut response = reply::empty(counters);
    tail.announce(response.headers_mut());
    let plain = pieces.map(move |piece| match piece {
        Piece::Data(data) | Piece::Whole(data, _) => data,
        Piece::Failed(fault) => tail.of(&fault),
    });
    if !lz4 {
        *response.body_mut() = Body::from_stream(plain.map(Ok::<_, std::io::Error>));
        return response;
    }
    response.headers_mut().insert(header::CONTENT_ENCODING, header::HeaderValue::from_static("lz4"));
    let mut writer = Some(FrameWriter::new());
    let frames = plain.map(Some).chain(stream::iter([None])).map(move |piece| match (piece, writer.as_mut()) {
        (Some(piece), Some(open)) => open.piece(&piece),
        (None, Some(_)) => writer.take().map_or(Ok(Bytes::new()), FrameWriter::end),
        (_, None) => Ok(Bytes::new()),
    });
    *response.body_mut() = Body::from_stream(frames);
    response
}
