use grapevine_model::{Event, Kind, Mention};
use grapevine_sources::bluesky::{Frame, map};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{noon, recorded};

/// 2026-03-01T11:59:00Z.
const SEEN: i64 = 1_772_366_340_000_000;

fn frame(kind: &str, body: Value) -> Value {
    json!({"did": "did:plc:ada", "time_us": SEEN, "kind": kind, kind: body})
}

fn commit(operation: &str, record: Value) -> Value {
    frame(
        "commit",
        json!({"rev": "3m", "operation": operation, "collection": "app.bsky.feed.post", "rkey": "3k1",
        "record": record, "cid": "bafy"}),
    )
}

fn post(more: Value) -> Value {
    let mut record = json!({"$type": "app.bsky.feed.post", "createdAt": "2026-03-01T11:58:59.500Z", "text": "hello"});
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    commit("create", record)
}

fn read(frame: &Value) -> Frame {
    map(frame.to_string().as_bytes(), noon()).unwrap_or_else(|error| panic!("{error}: {frame}"))
}

fn mention(frame: &Value) -> Mention {
    match read(frame).event {
        Some(Event::Upsert(mention)) => *mention,
        other => panic!("no mention but {other:?}"),
    }
}

#[test]
fn a_post_is_read_with_what_its_record_says() {
    // The facets count bytes: é and 👋 take two and four.
    let text = "é 👋 #Fest see exam.ple/long… @bob.example #loose";
    let start = text.find("exam").unwrap();
    let end = text.find('…').unwrap() + '…'.len_utf8();
    let found = mention(&post(json!({
        "text": text, "langs": ["de", "en"], "tags": ["Hidden"],
        "facets": [
            {"index": {"byteStart": 8, "byteEnd": 13},
             "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "Fest"}]},
            {"index": {"byteStart": start, "byteEnd": end},
             "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://exam.ple/longer#no"}]},
            {"index": {"byteStart": 900, "byteEnd": 3}, "features": [{"uri": "https://odd.example"}]},
        ],
        "embed": {"$type": "app.bsky.embed.images", "images": [{"image": {"ref": {"$link": "bafyimage"}}}]},
    })));
    assert_eq!(found.key.to_string(), "bluesky::at://did:plc:ada/app.bsky.feed.post/3k1");
    assert_eq!(found.url.as_deref(), Some("https://bsky.app/profile/did:plc:ada/post/3k1"));
    assert_eq!((found.kind, found.author.native_id.as_str()), (Kind::Post, "did:plc:ada"));
    assert_eq!(found.created_at.to_string(), "2026-03-01T11:58:59.5Z");
    assert_eq!((found.observed_at, found.language.as_deref()), (noon(), Some("de")));
    assert_eq!(found.hashtags, ["fest", "hidden", "loose"]);
    assert_eq!(found.handles, ["bob.example"]);
    assert_eq!(found.links, ["https://exam.ple/longer#no", "https://odd.example"]);
    assert_eq!(found.media[0].url, "https://cdn.bsky.app/img/feed_fullsize/plain/did:plc:ada/bafyimage@jpeg");
}

#[test]
fn replies_and_quotes_name_their_parents() {
    let uri = |name: &str| format!("at://did:plc:{name}/app.bsky.feed.post/1");
    let reply = mention(&post(json!({"reply": {"root": {"uri": uri("root")}, "parent": {"uri": uri("bob")}}})));
    assert_eq!((reply.kind, reply.root, reply.parent), (Kind::Reply, Some(uri("root")), Some(uri("bob"))));
    assert_eq!(reply.parent_author.as_deref(), Some("did:plc:bob"));
    let quote = mention(&post(json!({"embed": {"$type": "app.bsky.embed.record", "record": {"uri": uri("bob")}}})));
    assert_eq!((quote.kind, quote.root, quote.parent), (Kind::Quote, None, Some(uri("bob"))));
    let with_media = json!({"embed": {"$type": "app.bsky.embed.recordWithMedia",
        "record": {"record": {"uri": uri("bob")}}, "media": {"external": {"uri": "https://a.example"}}}});
    let quote = mention(&post(with_media));
    assert_eq!((quote.kind, quote.parent_author.as_deref()), (Kind::Quote, Some("did:plc:bob")));
    assert_eq!((quote.media[0].kind.as_str(), quote.links[0].as_str()), ("link", "https://a.example"));
    let list = mention(&post(json!({"embed": {"record": {"uri": "at://did:plc:x/app.bsky.graph.list/1"}}})));
    assert_eq!((list.kind, list.parent), (Kind::Post, None));
}

#[test]
fn an_absurd_time_of_creation_gives_way_to_the_servers() {
    for (stated, kept) in [
        (json!("2026-03-01T11:58:59Z"), true),
        (json!("2022-06-01T00:00:00+02:00"), true),
        (json!("2031-01-01T00:00:00Z"), false),
        (json!("2012-01-01T00:00:00Z"), false),
        (json!("0000-99-99"), false),
        (json!(5), false),
        (Value::Null, false),
    ] {
        let created_at = mention(&post(json!({"createdAt": stated}))).created_at;
        assert_eq!(created_at.as_microsecond() != SEEN, kept, "{stated}: {created_at}");
    }
}

#[test]
fn what_is_removed_is_deleted() {
    let mut deletion = commit("delete", Value::Null);
    deletion["commit"].as_object_mut().unwrap().remove("record");
    let Some(Event::Delete(deleted)) = read(&deletion).event else { panic!("a deletion") };
    assert_eq!(deleted.key, mention(&post(json!({}))).key);
    assert!(matches!(read(&commit("update", json!({"text": "new"}))).event, Some(Event::Upsert(_))));
    for (account, gone) in [
        (json!({"active": false, "status": "deleted"}), true),
        (json!({"active": false, "status": "takendown"}), true),
        (json!({"active": false, "status": "deactivated"}), false),
        (json!({"active": true}), false),
    ] {
        let event = read(&frame("account", account.clone())).event;
        let tombstone = matches!(&event, Some(Event::AuthorTombstone(tombstone)) if tombstone.author == "did:plc:ada");
        assert_eq!((event.is_some(), tombstone), (gone, gone), "{account}");
    }
}

#[test]
fn other_frames_are_passed_over_and_broken_ones_refused() {
    let mut like = commit("create", json!({"subject": {"uri": "at://x"}}));
    like["commit"]["collection"] = "app.bsky.feed.like".into();
    assert_eq!(read(&like), Frame { time_us: SEEN, seq: None, event: None });
    assert_eq!(read(&frame("identity", json!({"handle": "ada.example"}))).event, None);
    assert_eq!(read(&frame("invented", json!({}))).event, None);
    for (bytes, message) in [
        ("", "a frame is not JSON: EOF while parsing a value at line 1 column 0".to_owned()),
        ("{}", "a frame has no `time_us`, or not of the type it should have".to_owned()),
        (
            &post(json!({"text": null})).to_string(),
            "a frame has no `commit.record.text`, or not of the type it should have".to_owned(),
        ),
        (
            &commit("shred", json!({})).to_string(),
            "a frame has no `commit.operation`, or not of the type it should have".to_owned(),
        ),
    ] {
        assert_eq!(map(bytes.as_bytes(), noon()).unwrap_err().to_string(), message);
    }
}

#[test]
fn recorded_frames_are_read() {
    let Some(folder) = recorded("fixtures/bluesky") else { return };
    let (mut posts, mut frames) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let event = map(line.as_bytes(), noon()).unwrap_or_else(|error| panic!("{error}: {line}")).event;
            let is_post = value["commit"]["collection"] == "app.bsky.feed.post";
            assert_eq!(event.is_some(), is_post, "{line}");
            frames += 1;
            posts += usize::from(is_post);
            if let Some(Event::Upsert(mention)) = event {
                let stated = value["commit"]["record"]["createdAt"].as_str().unwrap();
                assert_eq!(mention.created_at, stated.parse().unwrap());
                assert_eq!(mention.parent.is_some(), matches!(mention.kind, Kind::Reply | Kind::Quote));
            }
        }
    }
    eprintln!("read {frames} frames, {posts} of them posts");
    assert!(posts > 0);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                prop::sample::select(vec!["uri", "record", "images", "ref", "index", "features", "text"]),
                inner,
                0..4
            )
            .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

proptest! {
    #[test]
    fn a_truncated_or_altered_frame_never_panics(cut in 0_usize..900, at in 0_usize..900, byte: u8) {
        let whole = post(json!({"text": "é #a @b https://x", "reply": {"parent": {"uri": "at://a/app.bsky.feed.post/1"}},
            "facets": [{"index": {"byteStart": 0, "byteEnd": 2}, "features": [{"uri": "https://x"}]}]})).to_string();
        let _ = map(&whole.as_bytes()[..cut.min(whole.len())], noon());
        let mut altered = whole.into_bytes();
        let place = at % altered.len();
        altered[place] = byte;
        let _ = map(&altered, noon());
    }

    #[test]
    fn any_json_in_any_place_never_panics(
        value in any_json(),
        key in prop::sample::select(vec!["createdAt", "text", "reply", "embed", "facets", "langs", "tags"]),
        place in prop::sample::select(vec!["time_us", "did", "kind", "commit"]),
    ) {
        let _ = map(post(json!({key: value})).to_string().as_bytes(), noon());
        let mut frame = post(json!({}));
        frame[place] = value;
        let _ = map(frame.to_string().as_bytes(), noon());
    }
}
