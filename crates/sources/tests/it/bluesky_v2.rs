//! Version 2 of Jetstream, and what both versions do with a cursor that a server does not keep, on a fake clock.

use std::sync::Arc;

use grapevine_model::{Event, Gap};
use grapevine_sources::{
    Cursor, Page, Source, SourceError, World,
    bluesky::{Said, map_v2},
    conformance::StepClock,
};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::{
    kit::{ids, noon, spec},
    wire::{Act, Wire},
};

const NSID: &str = "network.bsky.jetstream.subscribeEvents";

fn message(kind: &str, more: Value) -> Value {
    let mut payload = json!({"$type": format!("{NSID}#{kind}")});
    payload.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"$type": "message", "payload": payload})
}

/// The post with this number, which is also the second after noon of the day before at which it was written.
fn post(seq: i64) -> Value {
    let time = (noon() - 24.hours() + seq.seconds()).to_string();
    let record =
        json!({"$type": "app.bsky.feed.post", "createdAt": time, "text": format!("post {seq}"), "langs": ["en"]});
    let commit = json!({"seq": seq, "did": "did:plc:ada", "time": time, "rev": "3m", "operation": "create",
        "collection": "app.bsky.feed.post", "rkey": seq.to_string(), "record": record, "cid": "bafy"});
    message("commit", commit)
}

fn said(frame: &Value) -> Said {
    map_v2(frame.to_string().as_bytes(), noon()).unwrap_or_else(|error| panic!("{error}: {frame}"))
}

fn event(frame: &Value) -> Option<Event> {
    match said(frame) {
        Said::Event(frame) => frame.event,
        other => panic!("no event but {other:?}"),
    }
}

#[test]
fn a_frame_says_what_the_first_version_said() {
    let Some(Event::Upsert(mention)) = event(&post(7)) else { panic!("a post") };
    assert_eq!(mention.key.to_string(), "bluesky::at://did:plc:ada/app.bsky.feed.post/7");
    assert_eq!((mention.text.as_str(), mention.language.as_deref()), ("post 7", Some("en")));
    let mut deleted = post(8);
    deleted["payload"]["operation"] = "delete".into();
    deleted["payload"].as_object_mut().unwrap().remove("record");
    assert!(matches!(event(&deleted), Some(Event::Delete(deletion)) if deletion.key == mention_key("8")));
    let mut liked = post(9);
    liked["payload"]["collection"] = "app.bsky.feed.like".into();
    assert_eq!(event(&liked), None);
    let account = |status: &str, active: bool| {
        message(
            "account",
            json!({"seq": 9, "did": "did:plc:ada", "time": "2026-02-28T12:00:09.000001Z",
            "account": {"did": "did:plc:ada", "active": active, "status": status, "seq": 3, "time": "2026-02-28T12:00:08Z"}}),
        )
    };
    let gone = |status| match event(&account(status, false)) {
        Some(Event::AuthorTombstone(tombstone)) => tombstone.author == "did:plc:ada",
        _ => false,
    };
    assert!(gone("deleted") && gone("takendown") && !gone("deactivated") && !gone("suspended"));
    assert_eq!(event(&account("deleted", true)), None);
    for quiet in ["identity", "sync", "newKind"] {
        let frame = message(quiet, json!({"seq": 4, "did": "did:plc:ada", "time": "2026-02-28T12:00:00.000001Z"}));
        assert_eq!(event(&frame), None, "{quiet}");
    }
}

fn mention_key(record_key: &str) -> grapevine_model::MentionKey {
    grapevine_model::MentionKey::new("bluesky", "", format!("at://did:plc:ada/app.bsky.feed.post/{record_key}"))
}

#[test]
fn the_time_is_the_one_that_a_cursor_goes_by() {
    let mut frame = post(7);
    frame["payload"]["witnessedAt"] = "2026-02-28T12:01:00.000001Z".into();
    let Said::Event(read) = said(&frame) else { panic!("an event") };
    assert_eq!((read.time_us, read.seq), (1_772_280_060_000_001, Some(7)));
}

#[test]
fn what_is_no_event_is_told_apart_and_what_is_broken_refused() {
    let info = message("info", json!({"name": "OutdatedCursor", "message": "resumed from 12"}));
    assert_eq!(said(&info), Said::Info { name: "OutdatedCursor".into(), message: "resumed from 12".into() });
    let error = json!({"$type": "error", "error": "ConsumerTooSlow"});
    assert_eq!(said(&error), Said::Failed { error: "ConsumerTooSlow".into(), message: String::new() });
    for (broken, missing) in [
        (json!({"$type": "message"}), "payload"),
        (json!({"payload": {"seq": 1}}), "payload.$type"),
        (message("commit", json!({"did": "did:plc:a", "time": "2026-02-28T12:00:00Z"})), "payload.seq"),
        (message("commit", json!({"seq": 1, "did": "did:plc:a", "time": 7})), "payload.time"),
        (message("account", json!({"seq": 1, "did": "did:plc:a", "time": "2026-02-28T12:00:00Z"})), "payload.account"),
    ] {
        let error = map_v2(broken.to_string().as_bytes(), noon()).unwrap_err().to_string();
        assert_eq!(error, format!("a frame has no `{missing}`, or not of the type it should have"));
    }
}

fn build(server: &Wire, more: &str) -> Box<dyn Source> {
    let toml = format!("name = \"b\"\nkind = \"bluesky\"\nversion = 2\nendpoint = \"wss://a.example\"\n{more}");
    build_from(server, &toml)
}

fn build_from(server: &Wire, toml: &str) -> Box<dyn Source> {
    let clock = Arc::new(StepClock::at(noon()));
    spec(toml).build(&World::real().with_clock(clock).with_connector(Arc::new(server.clone())))
}

/// A new source, polled until it has said something.
async fn page(source: &mut dyn Source, cursor: Option<&Cursor>) -> Page {
    for _ in 0..20 {
        let page = source.poll(cursor).await.unwrap();
        if !page.events.is_empty() || !page.rejected.is_empty() {
            return page;
        }
        // The connection's task gets its turn.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("nothing came")
}

fn server(acts: Vec<Act>) -> Wire {
    Wire::new(acts)
}

fn cursors(server: &Wire) -> Vec<String> {
    let asked = server.asked();
    asked.iter().map(|request| request.url.as_str().split("cursor=").nth(1).unwrap_or_default().to_owned()).collect()
}

fn gaps(page: &Page) -> Vec<&Gap> {
    page.events.iter().filter_map(|event| if let Event::Gap(gap) = event { Some(gap) } else { None }).collect()
}

fn time(seq: i64) -> Timestamp {
    noon() - SignedDuration::from_hours(24) + SignedDuration::from_secs(seq)
}

#[tokio::test]
async fn it_resumes_at_the_number_and_gives_nothing_twice() {
    let server = server(vec![Act::SayAndClose(vec![post(1), post(2)]), Act::Say(vec![post(2), post(3)])]);
    let mut source = build(&server, "");
    let first = page(&mut *source, None).await;
    assert_eq!(ids(&first.events).len(), 2);
    assert_eq!(first.cursor.value["exact"], json!({"seq": 2, "server": "a.example"}));
    let second = page(&mut *source, Some(&first.cursor)).await;
    assert_eq!(ids(&second.events), ["at://did:plc:ada/app.bsky.feed.post/3"]);
    assert_eq!(cursors(&server), ["", "2"]);
    let asked = server.asked()[0].url.to_string();
    let query = "kinds=commit&kinds=account&collections=app.bsky.feed.post";
    assert_eq!(asked, format!("wss://a.example/xrpc/{NSID}?{query}"));
}

#[tokio::test]
async fn accounts_are_asked_for_by_the_names_of_the_version() {
    let server = server(vec![Act::Say(vec![post(1)])]);
    page(&mut *build(&server, "dids = [\"did:plc:a\", \"did:plc:b\"]"), None).await;
    assert!(server.asked()[0].url.as_str().ends_with("&dids=did%3Aplc%3Aa&dids=did%3Aplc%3Ab"));
}

#[tokio::test]
async fn a_number_that_is_kept_no_more_is_a_gap_and_a_start_by_time() {
    let refused = SourceError::Config("a.example answered 400: {\"error\":\"CursorTooOld\"}".into());
    let info = message("info", json!({"name": "OutdatedCursor", "message": "resumed from 5000"}));
    let server = server(vec![Act::Refuse(refused), Act::Say(vec![info, post(5000), post(5001)])]);
    let cursor = Cursor {
        version: 1,
        value: json!({"time_us": time(2).as_microsecond(), "exact": {"seq": 2, "server": "a.example"}}),
    };
    let page = page(&mut *build(&server, ""), Some(&cursor)).await;
    let gap = gaps(&page)[0];
    assert_eq!((gap.from, gap.to), (time(2), time(5000)));
    assert_eq!(gap.reason, "the server does not keep what was read last (OutdatedCursor: resumed from 5000)");
    assert_eq!(ids(&page.events).len(), 2);
    assert_eq!(cursors(&server), ["2".to_owned(), (time(2).as_microsecond() - 5_000_000).to_string()]);
    assert_eq!(page.cursor.value["exact"]["seq"], 5001);
}

#[tokio::test]
async fn another_server_and_the_first_versions_cursor_are_asked_by_time() {
    for value in [
        json!({"time_us": time(2).as_microsecond(), "exact": {"seq": 2, "server": "other.example"}}),
        json!({"time_us": time(2).as_microsecond()}),
    ] {
        // Another server counts otherwise.
        let server = server(vec![Act::Say(vec![post(1), post(3)])]);
        let page = page(&mut *build(&server, ""), Some(&Cursor { version: 1, value })).await;
        assert_eq!((ids(&page.events).len(), gaps(&page).len()), (2, 0));
        assert_eq!(cursors(&server), [(time(2).as_microsecond() - 5_000_000).to_string()]);
    }
}

#[tokio::test]
async fn a_server_that_counts_anew_is_a_gap_and_hides_nothing() {
    let info = message("info", json!({"name": "FutureCursor", "message": "beyond 40"}));
    let server = server(vec![Act::Say(vec![info, post(30), post(31)])]);
    let cursor = Cursor {
        version: 1,
        value: json!({"time_us": time(20).as_microsecond(), "exact": {"seq": 9000, "server": "a.example"}}),
    };
    let page = page(&mut *build(&server, ""), Some(&cursor)).await;
    assert_eq!((ids(&page.events).len(), gaps(&page)[0].from), (2, time(20)));
    assert_eq!(page.cursor.value["exact"]["seq"], 31);
}

#[tokio::test]
async fn the_first_version_begins_late_in_silence_and_is_found_out() {
    let frame = |seq: i64| {
        let payload = post(seq)["payload"].clone();
        json!({"did": "did:plc:ada", "time_us": time(seq).as_microsecond(), "kind": "commit", "commit": payload})
    };
    let cursor = |seq: i64| Cursor { version: 1, value: json!({"time_us": time(seq).as_microsecond()}) };
    let toml = "name = \"b\"\nkind = \"bluesky\"\nendpoint = \"wss://a.example/subscribe\"\n";
    for (asked_seq, more, gap_count) in [
        (2, "", 1),
        // A minute of quiet is no hole.
        (4950, "", 0),
        // One account may have said nothing.
        (2, "dids = [\"did:plc:ada\"]", 0),
    ] {
        let server = server(vec![Act::Say(vec![frame(5000), frame(5001)])]);
        let page = page(&mut *build_from(&server, &format!("{toml}{more}")), Some(&cursor(asked_seq))).await;
        assert_eq!(gaps(&page).len(), gap_count, "{asked_seq} {more}");
        if let [gap] = gaps(&page)[..] {
            assert_eq!((gap.from, gap.to), (time(2), time(5000)));
            assert!(gap.reason.ends_with("and began later"), "{}", gap.reason);
        }
    }
}

#[tokio::test]
async fn a_gap_on_a_lost_page_is_told_again() {
    let info = || message("info", json!({"name": "OutdatedCursor", "message": "late"}));
    let server = server(vec![Act::Say(vec![info(), post(50)]), Act::Say(vec![info(), post(50)])]);
    let cursor = Cursor { version: 1, value: json!({"time_us": time(2).as_microsecond()}) };
    let mut source = build(&server, "");
    for _ in 0..2 {
        assert_eq!(gaps(&page(&mut *source, Some(&cursor)).await).len(), 1);
    }
}

#[tokio::test]
async fn the_servers_last_word_ends_the_connection_and_the_next_goes_on() {
    let slow = json!({"$type": "error", "error": "ConsumerTooSlow", "message": "read faster"});
    let server =
        server(vec![Act::Say(vec![post(1), slow.clone()]), Act::Say(vec![slow]), Act::Say(vec![post(1), post(2)])]);
    let mut source = build(&server, "");
    let first = page(&mut *source, None).await;
    assert_eq!(ids(&first.events).len(), 1);
    let error = loop {
        match source.poll(Some(&first.cursor)).await {
            Ok(page) => assert!(page.events.is_empty()),
            Err(error) => break error,
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    };
    assert!(error.is_transient() && error.to_string().contains("ConsumerTooSlow: read faster"), "{error}");
    let second = page(&mut *source, Some(&first.cursor)).await;
    assert_eq!(ids(&second.events), ["at://did:plc:ada/app.bsky.feed.post/2"]);
    assert_eq!(cursors(&server), ["", "1", "1"]);
}

#[test]
fn there_are_two_versions() {
    let table = toml::from_str("name = \"b\"\nkind = \"bluesky\"\nversion = 3").unwrap();
    let error = grapevine_sources::parse(&table).unwrap_err().to_string();
    assert_eq!(error, "source \"b\" (bluesky): `version` is 3: Jetstream has versions 1 and 2");
}
