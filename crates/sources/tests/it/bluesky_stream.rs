use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::SinkExt;
use grapevine_model::Event;
use grapevine_sources::{Cursor, Page, Progress, Source, SourceError, World};
use jiff::{SignedDuration, Timestamp};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::frame::{
            Frame,
            coding::{Data, OpCode},
        },
    },
};

use crate::kit::{ids, spec};

/// What the server does on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Sends what there is from the cursor on, and keeps the connection.
    Whole,
    /// Sends so many frames and closes.
    CloseAfter(usize),
    /// Sends so many frames, and is neither heard nor hears from then on.
    FallSilentAfter(usize),
    /// Each frame in pieces of one byte.
    Fragmented,
}

/// A Jetstream server with posts `0..count`, one a millisecond from `start` on.
struct Server {
    address: String,
    /// Cursors that were asked for, by connection.
    asked: Arc<Mutex<Vec<Option<i64>>>>,
    sent: Arc<AtomicUsize>,
    start: i64,
    _task: JoinSet<()>,
}

fn now_us() -> i64 {
    Timestamp::now().as_microsecond()
}

fn frame(time_us: i64, id: usize, padding: usize) -> String {
    let text = format!("post {id} {}", "x".repeat(padding));
    let commit = serde_json::json!({
        "operation": "create", "collection": "app.bsky.feed.post", "rkey": id.to_string(), "record": { "text": text },
    });
    format!(r#"{{"did":"did:plc:ada","time_us":{time_us},"kind":"commit","commit":{commit}}}"#)
}

impl Server {
    /// The last manner holds for every further connection.
    async fn start(count: usize, padding: usize, manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}/subscribe", listener.local_addr().unwrap());
        // So far back that no post is from the future, which would count as from now.
        let start = now_us() - 10_000_000;
        let (asked, sent) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (manners, asked_there, sent_there) = (manners.to_vec(), asked.clone(), sent.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            for number in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let manner = manners[number.min(manners.len() - 1)];
                let (asked, sent) = (asked_there.clone(), sent_there.clone());
                connections.spawn(async move {
                    let (socket, cursor) = accept(stream).await;
                    asked.lock().unwrap().push(cursor);
                    let from = cursor.map_or(0, |cursor| ((cursor - start).max(0) as usize).div_ceil(1000));
                    let frames = (from..count).map(|id| frame(start + id as i64 * 1000, id, padding));
                    serve(socket, frames, manner, &sent).await;
                });
            }
        });
        Self { address, asked, sent, start, _task: task }
    }

    /// Asks for exactly what it missed, so that tests can tell what it asked for.
    fn source(&self) -> Box<dyn Source> {
        let toml = format!(
            "name = \"b\"\nkind = \"bluesky\"\nendpoint = {:?}\nrewind_seconds = 0\nidle_timeout_seconds = 1",
            self.address
        );
        spec(&toml).build(&World::real())
    }

    fn asked(&self) -> Vec<Option<i64>> {
        self.asked.lock().unwrap().clone()
    }
}

#[allow(clippy::result_large_err, reason = "the signature is the handshake's")]
async fn accept(stream: TcpStream) -> (WebSocketStream<TcpStream>, Option<i64>) {
    let mut query = String::new();
    let callback = |request: &Request, response: Response| {
        query = request.uri().query().unwrap_or_default().to_owned();
        Ok(response)
    };
    let socket = accept_hdr_async(stream, callback).await.unwrap();
    let pairs: Vec<&str> = query.split('&').collect();
    assert_eq!(pairs[0], "wantedCollections=app.bsky.feed.post");
    let cursor = pairs.iter().find_map(|pair| pair.strip_prefix("cursor=")).map(|cursor| cursor.parse().unwrap());
    (socket, cursor)
}

async fn serve(
    mut socket: WebSocketStream<TcpStream>,
    frames: impl Iterator<Item = String>,
    manner: Manner,
    sent: &AtomicUsize,
) {
    for (number, frame) in frames.enumerate() {
        match manner {
            Manner::CloseAfter(count) if number == count => {
                let _ = socket.close(None).await;
                return;
            }
            Manner::FallSilentAfter(count) if number == count => std::future::pending().await,
            Manner::Fragmented => fragments(&mut socket, &frame).await,
            _ => {
                if socket.send(Message::text(frame)).await.is_err() {
                    return;
                }
            }
        }
        sent.fetch_add(1, Ordering::SeqCst);
    }
    // Answers pings until the client goes.
    while futures::StreamExt::next(&mut socket).await.is_some_and(|message| message.is_ok()) {}
}

async fn fragments(socket: &mut WebSocketStream<TcpStream>, frame: &str) {
    let last = frame.len() - 1;
    for (index, byte) in frame.bytes().enumerate() {
        let code = if index == 0 { Data::Text } else { Data::Continue };
        let piece = Frame::message(vec![byte], OpCode::Data(code), index == last);
        socket.send(Message::Frame(piece)).await.unwrap();
    }
}

/// Polls until every post came at least once, as an ingestor does.
async fn collect(source: &mut dyn Source, mut cursor: Option<Cursor>, wanted: usize) -> (BTreeSet<usize>, Vec<Page>) {
    let (mut seen, mut pages) = (BTreeSet::new(), Vec::new());
    let all = async {
        while seen.len() < wanted {
            match source.poll(cursor.as_ref()).await {
                Ok(page) => {
                    cursor = Some(page.cursor.clone());
                    seen.extend(numbers(&page));
                    pages.push(page);
                }
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        }
    };
    timeout(Duration::from_secs(60), all).await.expect("every post comes in time");
    (seen, pages)
}

fn numbers(page: &Page) -> Vec<usize> {
    ids(&page.events).iter().map(|uri| uri.rsplit('/').next().unwrap().parse().unwrap()).collect()
}

fn all(count: usize) -> BTreeSet<usize> {
    (0..count).collect()
}

#[tokio::test]
async fn posts_stream_in_pages() {
    let server = Server::start(1200, 0, &[Manner::Whole]).await;
    let mut source = server.source();
    let (seen, pages) = collect(&mut *source, None, 1200).await;
    assert_eq!(seen, all(1200));
    assert!(pages.iter().all(|page| page.events.len() <= 500 && page.rejected.is_empty()));
    assert_eq!(pages[0].state, Progress::Behind, "more waits");
    let newest = Timestamp::from_microsecond(server.start + 1199 * 1000).unwrap();
    let last = pages.last().unwrap();
    assert_eq!(last.state, Progress::CaughtUp);
    assert!(last.complete_through.unwrap() <= newest - SignedDuration::from_secs(10));
    assert_eq!(last.cursor.value["time_us"], server.start + 1199 * 1000);
    assert_eq!(server.asked(), [None], "the first connection begins at the live end");
}

#[tokio::test]
async fn a_closed_connection_is_made_anew_from_the_cursor() {
    let server = Server::start(30, 0, &[Manner::CloseAfter(10), Manner::CloseAfter(7), Manner::Whole]).await;
    let (seen, _) = collect(&mut *server.source(), None, 30).await;
    assert_eq!(seen, all(30));
    assert_eq!(server.asked(), [None, Some(server.start + 9000), Some(server.start + 15_000)]);
}

#[tokio::test]
async fn a_restart_after_any_page_loses_nothing() {
    let server = Server::start(1200, 0, &[Manner::Whole]).await;
    let (_, pages) = collect(&mut *server.source(), None, 1200).await;
    let mut before = BTreeSet::new();
    for page in &pages {
        before.extend(numbers(page));
        let saved: Cursor = serde_json::from_str(&serde_json::to_string(&page.cursor).unwrap()).unwrap();
        let rest = 1200 - before.len() + 1;
        let (after, _) = collect(&mut *server.source(), Some(saved), rest).await;
        assert_eq!(before.union(&after).copied().collect::<BTreeSet<_>>(), all(1200));
    }
}

#[tokio::test]
async fn a_page_that_was_not_kept_comes_again() {
    let server = Server::start(20, 0, &[Manner::Whole]).await;
    let mut source = server.source();
    for _ in 0..2 {
        assert_eq!(numbers(&source.poll(None).await.unwrap()), (0..20).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_poll_that_is_dropped_loses_nothing() {
    let server = Server::start(20, 0, &[Manner::Whole]).await;
    let mut source = server.source();
    assert!(timeout(Duration::from_millis(200), source.poll(None)).await.is_err(), "the poll still gathers");
    assert_eq!(numbers(&source.poll(None).await.unwrap()), (0..20).collect::<Vec<_>>());
    assert_eq!(server.asked().len(), 1, "the connection goes on");
}

#[tokio::test]
async fn fragments_of_one_byte_are_put_together() {
    let server = Server::start(20, 0, &[Manner::Fragmented]).await;
    assert_eq!(collect(&mut *server.source(), None, 20).await.0, all(20));
}

#[tokio::test]
async fn silence_beyond_the_idle_timeout_makes_a_new_connection() {
    let server = Server::start(10, 0, &[Manner::FallSilentAfter(4), Manner::Whole]).await;
    assert_eq!(collect(&mut *server.source(), None, 10).await.0, all(10));
    assert_eq!(server.asked(), [None, Some(server.start + 3000)]);
}

#[tokio::test]
async fn a_quiet_but_living_connection_is_kept_and_counts_as_complete() {
    let server = Server::start(0, 0, &[Manner::Whole]).await;
    let mut source = server.source();
    let mut cursor = None;
    let mut through = None;
    for _ in 0..6 {
        let page = source.poll(cursor.as_ref()).await.unwrap();
        assert_eq!((page.events.len(), page.state), (0, Progress::CaughtUp));
        (cursor, through) = (Some(page.cursor), page.complete_through);
    }
    assert_eq!(server.asked().len(), 1, "pongs keep it");
    let lag = Timestamp::now().duration_since(through.expect("silence that is answered is complete"));
    assert!((SignedDuration::from_secs(10)..SignedDuration::from_secs(12)).contains(&lag), "{lag}");
}

#[tokio::test]
async fn a_slow_reader_holds_the_server_back() {
    let server = Server::start(4000, 10_000, &[Manner::Whole]).await;
    let mut source = server.source();
    let first = source.poll(None).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let ahead = server.sent.load(Ordering::SeqCst);
    assert!(ahead < 3500, "the server sent {ahead} of 4000 frames to a reader that took one page");
    let (mut seen, _) = collect(&mut *source, Some(first.cursor.clone()), 4000 - 500).await;
    seen.extend(numbers(&first));
    assert_eq!(seen, all(4000));
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_cursor_that_does_not_fit_gives_a_gap() {
    let server = Server::start(3, 0, &[Manner::Whole]).await;
    let hour = 3_600_000_000;
    for (version, time_us, reason, lookback) in [
        (1, now_us() - 40 * hour, "the server keeps 36 h", Some(36 * hour)),
        (1, now_us() + hour, "lies in the future", None),
        (7, now_us(), "is of another version", None),
    ] {
        let cursor = Cursor { version, value: serde_json::json!({ "time_us": time_us }) };
        let mut source = server.source();
        for _ in 0..2 {
            // The second time as if the first page had been lost.
            let page = source.poll(Some(&cursor)).await.unwrap();
            let Event::Gap(gap) = &page.events[0] else { panic!("the gap comes first: {:?}", page.events) };
            assert!(gap.reason.contains(reason) && gap.from <= gap.to, "{gap:?}");
            assert_eq!(numbers(&page), [0, 1, 2]);
            let asked = *server.asked().last().unwrap();
            assert_eq!(asked.is_some(), lookback.is_some());
            assert!(asked.is_none_or(|asked| (now_us() - asked - 36 * hour).abs() < hour / 60), "{asked:?}");
        }
    }
}

#[tokio::test]
async fn what_a_lost_page_promised_is_not_promised_again() {
    let server = Server::start(2000, 0, &[Manner::Whole, Manner::FallSilentAfter(10)]).await;
    let mut source = server.source();
    let first = source.poll(None).await.unwrap();
    let second = source.poll(Some(&first.cursor)).await.unwrap();
    assert!(second.complete_through > first.complete_through);
    let again = source.poll(Some(&first.cursor)).await.unwrap();
    let reached = numbers(&again).into_iter().max().unwrap() as i64;
    let newest = Timestamp::from_microsecond(server.start + reached * 1000).unwrap();
    assert!(again.complete_through.unwrap() <= newest - SignedDuration::from_secs(10));
}

#[tokio::test]
async fn a_broken_frame_is_rejected_and_the_rest_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let toml = format!(
        "name = \"b\"\nkind = \"bluesky\"\nendpoint = \"ws://{}\"\nkeep_raw = true",
        listener.local_addr().unwrap()
    );
    let server = tokio::spawn(async move {
        let (mut socket, _) = accept(listener.accept().await.unwrap().0).await;
        for text in [frame(now_us(), 0, 0), "{\"time_us\":".to_owned(), frame(now_us(), 1, 0)] {
            socket.send(Message::text(text)).await.unwrap();
        }
        socket
    });
    let page = spec(&toml).build(&World::real()).poll(None).await.unwrap();
    assert_eq!(numbers(&page), [0, 1]);
    assert!(page.rejected[0].reason.starts_with("a frame is not JSON"), "{:?}", page.rejected);
    assert_eq!(page.rejected[0].raw, b"{\"time_us\":");
    let Event::Upsert(mention) = &page.events[0] else { panic!("a post") };
    assert!(mention.raw.as_deref().is_some_and(|raw| raw.starts_with("{\"did\"")));
    drop(server.await.unwrap());
}

async fn answering(status: &'static str) -> SourceError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let toml = format!("name = \"b\"\nkind = \"bluesky\"\nendpoint = \"ws://{}\"", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\nno way");
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream
    });
    let error = spec(&toml).build(&World::real()).poll(None).await.unwrap_err();
    drop(server.await.unwrap());
    error
}

#[tokio::test]
async fn a_refusal_says_whether_waiting_helps() {
    assert!(
        matches!(answering("400 Bad Request").await, SourceError::Config(message) if message.contains("check the address"))
    );
    assert!(matches!(answering("403 Forbidden").await, SourceError::Auth(_)));
    assert!(answering("429 Too Many Requests").await.is_transient());
    assert!(answering("503 Service Unavailable").await.is_transient());
}

#[tokio::test]
async fn nobody_there_is_transient_and_checked() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut source =
        spec(&format!("name = \"b\"\nkind = \"bluesky\"\nendpoint = \"ws://{address}\"")).build(&World::real());
    let error = source.check().await.unwrap_err();
    assert!(error.is_transient() && error.to_string().starts_with("cannot connect to 127.0.0.1: "), "{error}");
    let server = Server::start(0, 0, &[Manner::Whole]).await;
    server.source().check().await.unwrap();
    let encrypted = server.address.replace("ws:", "wss:");
    let mut source = spec(&format!("name = \"b\"\nkind = \"bluesky\"\nendpoint = {encrypted:?}")).build(&World::real());
    assert!(source.check().await.unwrap_err().is_transient(), "the server does not speak TLS");
}

#[test]
fn wrong_settings_name_their_key() {
    for (more, message) in [
        ("endpoint = \"https://a.example\"", "`endpoint` does not start with wss://"),
        ("endpoint = \"not an address\"", "`endpoint` is not an address"),
        ("dids = [\"ada.example\"]", "`dids` has \"ada.example\", which is no DID"),
        ("idle_timeout_seconds = 0", "`idle_timeout_seconds` is 0"),
        ("rewind_seconds = -1", "invalid value: integer `-1`, expected u32 in `rewind_seconds`"),
    ] {
        let table = toml::from_str(&format!("name = \"b\"\nkind = \"bluesky\"\n{more}")).unwrap();
        let error = grapevine_sources::parse(&table).unwrap_err().to_string();
        assert!(error.starts_with(&format!("source \"b\" (bluesky): {message}")), "{error}");
    }
}
