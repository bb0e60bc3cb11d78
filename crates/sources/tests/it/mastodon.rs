//! The mapping over recorded statuses. What the source does with them stands in `platforms/mastodon.rs`.

use std::{sync::Arc, time::Duration};

use grapevine_model::Mention;
use grapevine_sources::{
    Cursor, Page, Progress, Source, World,
    conformance::{Answer, Expected, Platform, Scripted, StepClock, When},
    http::Request,
    mastodon::map,
};
use serde_json::{Value, json};

use crate::kit::{noon, recorded};

/// Every status inside a recorded payload: of a list, of an answer kept with its request, of a stream's data line.
fn statuses(value: Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.into_iter().for_each(|item| statuses(item, found)),
        Value::String(text) => {
            if let Ok(inner @ (Value::Object(_) | Value::Array(_))) = serde_json::from_str(&text) {
                statuses(inner, found);
            }
        }
        Value::Object(ref fields) if fields.contains_key("uri") && fields.contains_key("favourites_count") => {
            found.push(value)
        }
        Value::Object(fields) => fields.into_iter().for_each(|(_, field)| statuses(field, found)),
        _ => {}
    }
}

/// Everything that a mention has room for, from the status as it stands.
fn check(status: &Value, mention: &Mention) {
    let text = |field: &str| status[field].as_str().map(str::to_owned);
    let account = &status["account"];
    assert_eq!(Some(mention.key.native_id.clone()), text("id"));
    assert_eq!(mention.created_at, text("created_at").unwrap().parse().unwrap());
    assert_eq!((mention.url.clone(), mention.language.clone()), (text("url").or(text("uri")), text("language")));
    assert_eq!(mention.parent, text("in_reply_to_id").or(status["reblog"]["id"].as_str().map(str::to_owned)));
    assert_eq!(mention.parent_author, text("in_reply_to_account_id"));
    assert_eq!(Some(mention.author.native_id.as_str()), account["id"].as_str());
    assert_eq!(Some(mention.author.handle.as_str()), account["acct"].as_str());
    assert_eq!(mention.author.name.as_deref().unwrap_or_default(), account["display_name"].as_str().unwrap());
    assert_eq!(
        (mention.author.followers, mention.author.is_bot),
        (account["followers_count"].as_u64(), account["bot"] == true)
    );
    let engagement = mention.engagement;
    assert_eq!(engagement.likes, status["favourites_count"].as_u64());
    assert_eq!(
        (engagement.reposts, engagement.replies),
        (status["reblogs_count"].as_u64(), status["replies_count"].as_u64())
    );
    assert_eq!(engagement.quotes, status["quotes_count"].as_u64());
    let tags = status["tags"].as_array().unwrap();
    assert!(tags.iter().all(|tag| mention.hashtags.contains(&tag["name"].as_str().unwrap().to_lowercase())));
    assert!(tags.iter().all(|tag| {
        mention.links.iter().all(|link| !link.ends_with(&format!("/tags/{}", tag["name"].as_str().unwrap())))
    }));
    let named = status["mentions"].as_array().unwrap();
    assert!(named.iter().all(|named| mention.handles.contains(&named["acct"].as_str().unwrap().to_lowercase())));
    let card = status["card"]["url"].as_str();
    assert!(card.is_none_or(|card| mention.links.iter().any(|link| link == card)));
    assert_eq!(
        mention.media.len(),
        status["media_attachments"].as_array().unwrap().len() + usize::from(card.is_some())
    );
    assert_eq!(mention.text.is_empty(), text("content").unwrap().is_empty());
    assert!(!mention.text.contains('<') && !mention.text.contains("&#"), "{}", mention.text);
}

#[test]
fn recorded_statuses_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/mastodon") else { return };
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let content = std::fs::read_to_string(&file).unwrap();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("json") => statuses(serde_json::from_str(&content).unwrap(), &mut found),
            Some("sse") => {
                let data = content.lines().filter_map(|line| line.strip_prefix("data: "));
                data.for_each(|data| statuses(Value::String(data.to_owned()), &mut found));
            }
            _ => {}
        }
    }
    found.iter().for_each(|status| check(status, &map(status, "social.example", noon()).unwrap()));
    assert!(found.len() > 8, "{} statuses", found.len());
}

#[test]
fn a_quote_a_boost_and_a_poll_are_read() {
    let status = |more: Value| {
        let mut status = serde_json::json!({"id": "5", "created_at": "2026-03-01T12:00:00.000Z", "content": "<p>Look</p>",
            "account": {"id": "8", "acct": "ann@far.example"}, "spoiler_text": "About tea"});
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        map(&status, "social.example", noon()).unwrap()
    };
    let quote = status(serde_json::json!({"quote": {"state": "accepted", "quoted_status": {"id": "3"}}}));
    assert_eq!((quote.kind.name(), quote.parent.as_deref()), ("quote", Some("3")));
    assert_eq!(quote.text, "About tea\n\nLook");
    let boost = status(serde_json::json!({"reblog": {"id": "4"}}));
    assert_eq!((boost.kind.name(), boost.parent.as_deref()), ("repost", Some("4")));
    let poll =
        status(serde_json::json!({"poll": {"options": [{"title": "Green", "votes_count": 1}, {"title": "Black"}]}}));
    assert_eq!(poll.text, "About tea\n\nLook\n\nGreen\nBlack");
}

#[test]
fn a_rejected_status_is_mapped_again() {
    let table = "name = \"m\"\nkind = \"mastodon\"\ninstance = \"https://social.example\"\nhashtags = [\"tea\"]";
    let source = crate::kit::build(table);
    let raw =
        br#"{"id": "5", "created_at": "2026-03-01T12:00:00.000Z", "account": {"id": "8"}, "content": "<p>a</p>"}"#;
    let events = source.remap(raw, noon()).unwrap();
    assert_eq!(crate::kit::mentions(&events)[0].key.to_string(), "mastodon:social.example:5");
    assert_eq!(source.remap(b"{\"id\": \"5\"}", noon()).unwrap_err(), "a status without `created_at`");
}

/// An instance that always answers alike.
struct Instance(fn(&[&str]) -> Answer);

impl Platform for Instance {
    fn answer(&self, _: When, request: &Request) -> Answer {
        let path: Vec<&str> = request.url.path().trim_start_matches("/api/v1/").split('/').collect();
        // What is newer than any post.
        let is_next = request.url.query_pairs().any(|(name, value)| name == "min_id" && value == POST_ID);
        if is_next { Answer::json(&json!([])) } else { (self.0)(&path) }
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

fn status(id: &str) -> Value {
    json!({"id": id, "created_at": "2026-03-01T11:59:40Z", "account": {"id": "8"}, "content": "<p>a</p>"})
}

fn reading(answer: fn(&[&str]) -> Answer) -> (StepClock, Box<dyn Source>) {
    let clock = StepClock::at(noon());
    let transport = Arc::new(Scripted::new(Arc::new(Instance(answer)), clock.clone()));
    let world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
    let table = "name = \"m\"\nkind = \"mastodon\"\ninstance = \"https://social.example\"\nhashtags = [\"tea\"]";
    (clock, crate::kit::spec(table).build(&world))
}

/// Polls until nothing is left to do.
async fn round(source: &mut dyn Source, cursor: &mut Option<Cursor>) -> Vec<Page> {
    let mut pages = Vec::new();
    loop {
        let page = source.poll(cursor.as_ref()).await.unwrap();
        *cursor = Some(page.cursor.clone());
        pages.push(page);
        if pages.last().is_some_and(|page| page.state != Progress::Behind) {
            return pages;
        }
        assert!(pages.len() < 20, "{pages:?}");
    }
}

#[tokio::test]
async fn what_the_overlap_brings_again_is_rejected_once() {
    let (clock, mut source) = reading(|_| {
        let nameless = json!({"created_at": "2026-03-01T11:59:40Z"});
        Answer::json(&json!([status("AkFlakeId"), status("AnotherFlakeId"), nameless]))
    });
    let mut cursor = None;
    let mut rejected = Vec::new();
    for _ in 0..10 {
        rejected.extend(round(&mut *source, &mut cursor).await.into_iter().flat_map(|page| page.rejected));
        clock.advance(Duration::from_secs(60));
    }
    let places: Vec<&str> = rejected.iter().map(|rejected| rejected.place.as_str()).collect();
    assert_eq!(places.len(), 3, "{places:?}");
    assert_eq!(places[1..], ["status AnotherFlakeId", "status AkFlakeId"]);
}

#[tokio::test]
async fn a_post_that_is_not_shown_when_it_is_checked_does_not_stop_the_source() {
    let (clock, mut source) = reading(|path| match path {
        ["timelines", ..] => Answer::json(&json!([status(POST_ID)])),
        ["statuses"] => Answer::json(&json!([])),
        _ => Answer::status(403, "{\"error\": \"This is not for you\"}"),
    });
    let mut cursor = None;
    let first = round(&mut *source, &mut cursor).await;
    assert_eq!(first.iter().map(|page| page.events.len()).sum::<usize>(), 1);
    clock.advance(Duration::from_secs(1000));
    let checked = round(&mut *source, &mut cursor).await;
    assert_eq!(checked.iter().map(|page| page.events.len()).sum::<usize>(), 0, "it is neither changed nor deleted");
    assert!(checked.last().unwrap().complete_through > first.last().unwrap().complete_through);
    assert_eq!(cursor.unwrap().value["known"][POST_ID][2], 1, "it counts as checked");
}
