//! Streaming of Mastodon, over a wire and out of recorded events.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, stream};
use grapevine_model::Event;
use grapevine_sources::{
    Cursor, Page, Progress, Source, SourceError, World,
    conformance::{Answer, Expected, Platform, Scripted, StepClock, When},
    http::Request,
    mastodon::{Said, map, said},
    socket::Frame,
    stream::sse,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    kit::{ids, noon, recorded, spec},
    wire::{Act, Wire},
};

/// An instance whose timelines are empty; it counts the followers of `acme`.
struct Quiet;

impl Platform for Quiet {
    fn answer(&self, _: When, request: &Request) -> Answer {
        match request.url.path() {
            "/api/v1/accounts/lookup" if request.url.query() == Some("acct=acme%40social.example") => {
                Answer::json(&json!({"id": "1", "acct": "acme", "followers_count": 41}))
            }
            "/api/v1/accounts/lookup" => Answer::status(404, "{\"error\": \"Record not found\"}"),
            "/api/v1/timelines/tag/gone" => Answer::status(404, "{\"error\": \"Record not found\"}"),
            "/api/v1/timelines/tag/tea" if !request.url.query().unwrap_or_default().contains(POST_ID) => {
                Answer::json(&json!([status(POST_ID, "<p>read</p>")]))
            }
            _ => Answer::json(&json!([])),
        }
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        Vec::new()
    }
}

/// Of 11:59:40 on the first of March.
const POST_ID: &str = "116153803079680000";
const STREAMED_ID: &str = "116153803079680001";

fn status(id: &str, content: &str) -> Value {
    json!({"id": id, "created_at": "2026-03-01T11:59:40Z", "account": {"id": "8"}, "content": content})
}

fn framed(event: &str, payload: String) -> Value {
    json!({"stream": ["hashtag", "tea"], "event": event, "payload": payload})
}

fn source(wire: &Wire, more: &str) -> (StepClock, Box<dyn Source>) {
    let clock = StepClock::at(noon());
    let transport = Arc::new(Scripted::new(Arc::new(Quiet), clock.clone()));
    let world = World::real()
        .with_transport(transport)
        .with_clock(Arc::new(clock.clone()))
        .with_connector(Arc::new(wire.clone()))
        .with_variables(|name| (name == "T").then(|| "s3cr3t".to_owned()));
    let table = format!(
        "name = \"m\"\nkind = \"mastodon\"\ninstance = \"https://social.example\"\ntoken_env = \"T\"\n\
         interval_seconds = 300\nrecheck_hours = 0\n{more}"
    );
    (clock, spec(&table).build(&world))
}

const STREAMED: &str = "hashtags = [\"tea\", \"kettle\"]\nstreaming = \"wss://stream.example\"";

/// Polls so many times, and lets the connection's task have its turns.
async fn poll(source: &mut dyn Source, cursor: &mut Option<Cursor>, times: usize) -> Vec<Page> {
    let mut pages = Vec::new();
    for _ in 0..times {
        let page = source.poll(cursor.as_ref()).await.unwrap();
        *cursor = Some(page.cursor.clone());
        pages.push(page);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    pages
}

fn events(pages: Vec<Page>) -> Vec<Event> {
    pages.into_iter().flat_map(|page| page.events).collect()
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::name).collect()
}

#[tokio::test]
async fn what_is_streamed_is_given_as_it_happens() {
    let edited = status(STREAMED_ID, "<p>edited</p>").to_string();
    let wire = Wire::new(vec![Act::Say(vec![
        framed("update", status(STREAMED_ID, "<p>streamed</p>").to_string()),
        framed("status.update", edited),
        framed("filters_changed", String::new()),
        framed("delete", STREAMED_ID.to_owned()),
        framed("update", "{\"id\": 7}".to_owned()),
    ])]);
    let (_, mut source) = source(&wire, STREAMED);
    let mut cursor = None;
    let pages = poll(&mut *source, &mut cursor, 12).await;
    assert_eq!(pages.last().unwrap().state, Progress::CaughtUp);
    let rejected: Vec<_> = pages.iter().flat_map(|page| page.rejected.clone()).collect();
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    let events = events(pages);
    assert_eq!(names(&events), ["upsert", "upsert", "upsert", "delete"], "read, streamed, edited, deleted");
    let asked = wire.asked().remove(0);
    assert_eq!(asked.url.as_str(), "wss://stream.example/api/v1/streaming");
    assert_eq!(asked.headers["authorization"], "Bearer s3cr3t");
    assert!(!format!("{asked:?} {:?}", asked.headers).contains("s3cr3t"));
    let subscribed = |tag: &str| Frame::Text(json!({"type": "subscribe", "stream": "hashtag", "tag": tag}).to_string());
    assert_eq!(wire.told(), [subscribed("kettle"), subscribed("tea")]);
}

#[tokio::test]
async fn what_was_read_is_not_given_again_when_it_is_streamed() {
    let wire = Wire::new(vec![Act::Say(vec![framed("update", status(POST_ID, "<p>read</p>").to_string())])]);
    let (clock, mut source) = source(&wire, STREAMED);
    let mut cursor = None;
    let mut found = events(poll(&mut *source, &mut cursor, 10).await);
    clock.advance(Duration::from_secs(300));
    found.extend(events(poll(&mut *source, &mut cursor, 10).await));
    assert_eq!(ids(&found), [POST_ID]);
}

#[tokio::test]
async fn without_a_stream_the_hashtags_are_read_and_it_is_said() {
    let refused = SourceError::Auth("stream.example answered 401 Unauthorized: no".into());
    let wire = Wire::new(vec![Act::Refuse(refused), Act::SayAndClose(vec![]), Act::Say(vec![])]);
    let (clock, mut source) = source(&wire, STREAMED);
    let mut cursor = None;
    assert_eq!(ids(&events(poll(&mut *source, &mut cursor, 8).await)), [POST_ID]);
    let notice = source.notice().unwrap();
    assert!(
        notice.starts_with("nothing is streamed, and the hashtags are only read: not allowed: stream.example"),
        "{notice}"
    );
    for _ in 0..6 {
        clock.advance(Duration::from_secs(20));
        poll(&mut *source, &mut cursor, 4).await;
    }
    assert_eq!(source.notice(), None, "it tries again, with longer waits");
    assert_eq!(wire.asked().len(), 3);
}

#[tokio::test]
async fn a_hashtag_that_is_refused_does_not_stop_the_others() {
    let (_, mut source) = source(&Wire::default(), "hashtags = [\"gone\", \"tea\"]");
    let mut cursor = None;
    let pages = poll(&mut *source, &mut cursor, 8).await;
    assert_eq!(pages.last().unwrap().complete_through, None, "nothing is promised for it");
    assert_eq!(ids(&events(pages)), [POST_ID]);
    let notice = source.notice().unwrap();
    assert!(
        notice.starts_with("#gone is refused: gone: GET https://social.example/api/v1/timelines/tag/gone"),
        "{notice}"
    );
}

#[tokio::test]
async fn followers_are_counted_now_and_then() {
    let more = "hashtags = [\"tea\"]\nfollowers_of = [\"@acme@social.example\", \"nobody\"]";
    let (clock, mut source) = source(&Wire::default(), more);
    let mut cursor = None;
    let counted = |pages: Vec<Page>| -> Vec<(String, u64)> {
        let snapshot = |event| match event {
            Event::AccountSnapshot(snapshot) => Some((snapshot.account, snapshot.followers)),
            _ => None,
        };
        events(pages).into_iter().filter_map(snapshot).collect()
    };
    let acme = [("acme@social.example".to_owned(), 41)];
    assert_eq!(counted(poll(&mut *source, &mut cursor, 8).await), acme);
    assert!(source.notice().unwrap().starts_with("the account \"nobody\" is not found: "));
    clock.advance(Duration::from_secs(300));
    assert!(counted(poll(&mut *source, &mut cursor, 8).await).is_empty());
    clock.advance(Duration::from_secs(6 * 3600));
    assert_eq!(counted(poll(&mut *source, &mut cursor, 8).await), acme);
}

#[test]
fn streaming_needs_a_token_and_an_address() {
    for (more, message) in [
        ("streaming = \"wss://a.example\"", "`streaming` needs a token: set token_env or token_file"),
        ("streaming = \"https://a.example\"\ntoken_env = \"T\"", "`streaming` does not start with wss:// (or ws://)"),
    ] {
        let table =
            format!("name = \"m\"\nkind = \"mastodon\"\ninstance = \"https://a.example\"\nhashtags = [\"a\"]\n{more}");
        let error = grapevine_sources::parse(&toml::from_str(&table).unwrap()).unwrap_err().to_string();
        assert_eq!(error, format!("source \"m\" (mastodon): {message}"));
    }
}

/// Every recorded stream, byte by byte, through the reader of events and the map.
#[tokio::test]
async fn recorded_streams_are_read() {
    let Some(folder) = recorded("fixtures/mastodon") else { return };
    let world = World::real().with_clock(Arc::new(StepClock::at(noon())));
    let mut statuses = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "sse") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let pieces = bytes.into_iter().map(|byte| Ok(Bytes::from(vec![byte]))).collect::<Vec<_>>();
        let mut stream = sse(&world, stream::iter(pieces).boxed(), Duration::from_secs(60));
        while let Ok(event) = stream.next(world.clock.now() + SignedDuration::from_secs(1)).await {
            let Some(event) = event else { continue };
            let read = said(&event.name, &event.data).unwrap_or_else(|error| panic!("{path:?}: {error}"));
            if let Said::Status(status) = read {
                let mention = map(&status, "a.example", noon()).unwrap_or_else(|error| panic!("{path:?}: {error}"));
                assert_eq!(Some(mention.key.native_id.as_str()), status["id"].as_str());
                assert_eq!(Some(mention.created_at.to_string()), timestamp(&status["created_at"]));
                statuses += 1;
            }
        }
    }
    eprintln!("read {statuses} statuses");
    assert!(statuses > 0);
}

fn timestamp(value: &Value) -> Option<String> {
    value.as_str()?.parse::<jiff::Timestamp>().ok().map(|time| time.to_string())
}
