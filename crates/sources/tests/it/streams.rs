//! Bodies without an end, by pieces and over loopback.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use grapevine_sources::{
    SourceError, World,
    conformance::StepClock,
    http::{Auth, ByteStream, Client, Cost, QuotaPolicy, Request},
    stream::{Event, Events, Lines, sse},
};
use jiff::{SignedDuration, Timestamp};

use crate::kit::noon;

const IDLE: Duration = Duration::from_secs(20);

fn world() -> World {
    World::real().with_clock(Arc::new(StepClock::at(noon())))
}

/// Pieces, and then the end, or silence without one.
fn body(pieces: Vec<Vec<u8>>, ends: bool) -> ByteStream {
    let pieces = stream::iter(pieces.into_iter().map(|piece| Ok(Bytes::from(piece))));
    if ends { pieces.boxed() } else { pieces.chain(stream::pending()).boxed() }
}

fn bytewise(text: &str) -> Vec<Vec<u8>> {
    text.bytes().map(|byte| vec![byte]).collect()
}

fn soon(world: &World) -> Timestamp {
    world.clock.now() + SignedDuration::from_millis(500)
}

/// Everything up to the end, and the end.
async fn lines(world: &World, lines: &mut Lines) -> (Vec<String>, SourceError) {
    let mut found = Vec::new();
    loop {
        match lines.next(soon(world)).await {
            Ok(line) => found.extend(line.map(|line| String::from_utf8(line).unwrap())),
            Err(end) => return (found, end),
        }
    }
}

async fn events(world: &World, events: &mut Events) -> (Vec<Event>, SourceError) {
    let mut found = Vec::new();
    loop {
        match events.next(soon(world)).await {
            Ok(event) => found.extend(event),
            Err(end) => return (found, end),
        }
    }
}

#[tokio::test]
async fn lines_come_whole_out_of_single_bytes() {
    let world = world();
    let text = "\u{feff}{\"a\": \"é\"}\r\n\r\n{\"b\": 2}\n\n{\"cut\": tru";
    let mut all = Lines::new(&world, body(bytewise(text), true), IDLE);
    let (found, end) = lines(&world, &mut all).await;
    assert_eq!(found, ["{\"a\": \"é\"}", "{\"b\": 2}", "{\"cut\": tru"]);
    assert_eq!(end.to_string(), "the server ended the stream");
    assert!(end.is_transient() && all.gave_lines());
    assert_eq!(all.next(soon(&world)).await.unwrap_err().to_string(), end.to_string(), "the end stays the end");
}

#[tokio::test]
async fn heartbeats_alone_keep_a_stream_and_silence_ends_it() {
    let world = world();
    let clock = world.clock.clone();
    let beats = stream::unfold(0, move |number| {
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_secs(15)).await;
            (number < 8).then(|| (Ok(Bytes::from_static(b"\r\n")), number + 1))
        }
    });
    let mut beating = Lines::new(&world, beats.chain(stream::pending()).boxed(), IDLE);
    let began = world.clock.now();
    let (found, end) = lines(&world, &mut beating).await;
    let lasted = world.clock.now().duration_since(began);
    assert_eq!((found.len(), end.to_string().as_str()), (0, "nothing came for 20 s, not even a heartbeat"));
    assert!(lasted > SignedDuration::from_secs(100) && !beating.gave_lines(), "{lasted}");
    let mut silent = Lines::new(&world, stream::pending().boxed(), IDLE);
    let began = world.clock.now();
    lines(&world, &mut silent).await;
    assert_eq!(world.clock.now().duration_since(began), SignedDuration::from_secs(20));
}

#[tokio::test]
async fn events_come_whole_out_of_single_bytes() {
    let world = world();
    let text = "\u{feff}event: update\r\ndata: {\"id\":\r\ndata: \"é\"}\r\n\r\n:thump\n\n:\n\nevent: delete\ndata:7\nid: 9\n\n\
                data: plain\n\nevent: empty\n\ndata: cut off";
    let mut all = sse(&world, body(bytewise(text), true), IDLE);
    let (found, end) = events(&world, &mut all).await;
    let event = |name: &str, data: &str, id: Option<&str>| Event {
        name: name.to_owned(),
        data: data.to_owned(),
        id: id.map(str::to_owned),
    };
    let wanted =
        [event("update", "{\"id\":\n\"é\"}", None), event("delete", "7", Some("9")), event("message", "plain", None)];
    assert_eq!(found, wanted);
    assert_eq!(end.to_string(), "the server ended the stream");
}

#[tokio::test]
async fn a_stream_of_comments_lives_and_a_silent_one_does_not() {
    let world = world();
    let clock = world.clock.clone();
    let beats = stream::unfold(0, move |number| {
        let clock = clock.clone();
        async move {
            clock.sleep(Duration::from_secs(15)).await;
            (number < 4).then(|| (Ok(Bytes::from_static(b":thump\n")), number + 1))
        }
    });
    let mut beating = sse(&world, beats.chain(stream::pending()).boxed(), IDLE);
    let began = world.clock.now();
    let (found, end) = events(&world, &mut beating).await;
    assert!(found.is_empty() && end.to_string().starts_with("nothing came for 20 s"), "{end}");
    assert!(world.clock.now().duration_since(began) > SignedDuration::from_secs(60));
}

#[tokio::test]
async fn an_event_that_never_ends_is_given_up() {
    let world = world();
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![b'x'; 1 << 20])));
    let start = stream::iter([Ok(Bytes::from_static(b"data: "))]);
    let (found, end) = events(&world, &mut sse(&world, start.chain(endless).boxed(), IDLE)).await;
    assert!(found.is_empty() && end.to_string().contains("more than 8388608 bytes"), "{end}");
}

#[tokio::test]
async fn bytes_that_are_no_text_end_a_stream_of_events() {
    let world = world();
    let (_, end) = events(&world, &mut sse(&world, body(vec![b"data: \xff\n\n".to_vec()], false), IDLE)).await;
    assert!(end.is_transient() && end.to_string().starts_with("the stream broke: "), "{end}");
}

/// Answers one request with a head and then as much as is taken of lines without end. Counts what was taken.
fn endless(head: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = sent.clone();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let line = [&[b'x'; 65_535][..], b"\n"].concat();
        while stream.write_all(&line).is_ok() {
            counted.fetch_add(line.len(), Ordering::SeqCst);
        }
    });
    (port, sent)
}

#[tokio::test]
async fn a_slow_reader_holds_the_server_back() {
    let (port, sent) = endless("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    let world = World::real();
    let mut client = Client::new(&world, Auth::None, QuotaPolicy::default());
    let request = Request::get(format!("http://127.0.0.1:{port}/").parse().unwrap());
    let mut lines = Lines::new(&world, client.open(&request, &Cost::default()).await.unwrap(), IDLE);
    let next = lines.next(world.clock.now() + SignedDuration::from_secs(5)).await.unwrap();
    assert_eq!(next.map(|line| line.len()), Some(65_535));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ahead = sent.load(Ordering::SeqCst);
    assert!(ahead < 32 << 20, "{ahead} bytes were taken from the server and one line from the stream");
    let until = world.clock.now() + SignedDuration::from_secs(5);
    for _ in 0..2000 {
        assert!(lines.next(until).await.unwrap().is_some());
    }
}

/// Platforms want a wait of their own between two connections: who holds them waits.
#[tokio::test]
async fn a_body_without_an_end_is_opened_once() {
    let busy = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (port, asked) = crate::client::serve(vec![busy, busy, busy]);
    let mut client = Client::new(&World::real(), Auth::None, QuotaPolicy::default());
    let request = Request::get(format!("http://127.0.0.1:{port}/s").parse().unwrap());
    let error = client.open(&request, &Cost::default()).await.map(drop).unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(client.usage().requests, 1);
    drop(asked);
}

#[tokio::test]
async fn what_is_refused_is_told_as_for_any_request() {
    let refusal = "HTTP/1.1 403 Forbidden\r\ncontent-length: 5\r\nconnection: close\r\n\r\nnever";
    let (port, _) = crate::client::serve(vec![refusal]);
    let world = World::real();
    let mut client = Client::new(&world, Auth::None, QuotaPolicy::default());
    let request = Request::get(format!("http://127.0.0.1:{port}/s").parse().unwrap());
    let error = client.open(&request, &Cost::default()).await.map(drop).unwrap_err();
    let words = format!("not allowed: GET http://127.0.0.1:{port}/s answered 403: never; check the secret");
    assert!(error.to_string().starts_with(&words), "{error}");
}
