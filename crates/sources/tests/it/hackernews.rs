//! The mapping over recorded items. What the source does with them stands in `platforms/hackernews.rs`.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use grapevine_model::{Event, Mention};
use grapevine_sources::{
    World,
    conformance::{Answer, Expected, Platform, Scripted, StepClock, When},
    hackernews::map,
    http::Request,
};
use serde_json::{Value, json};

use crate::kit::{noon, recorded};

/// Where each field of an item went.
fn has(mention: &Mention, field: &str, value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    match field {
        "id" => {
            value.as_u64().is_some_and(|id| mention.key.native_id.parse() == Ok(id))
                && mention.url.as_ref().is_some_and(|url| url.ends_with(&value.to_string()))
        }
        "by" => mention.author.native_id == text && mention.author.handle == text,
        "time" => Some(mention.created_at.as_second()) == value.as_i64(),
        "title" | "text" => mention.text.contains(text),
        "url" => mention.links[0] == text && mention.media[0].url == text,
        "score" => mention.engagement.likes == value.as_u64(),
        "descendants" => mention.engagement.replies == value.as_u64(),
        "parent" | "poll" => mention.parent == Some(value.to_string()),
        // Direct replies come as items of their own; their number is the number of replies where no other is given.
        "kids" | "parts" => mention.engagement.replies.is_some(),
        "type" => true,
        _ => false,
    }
}

#[test]
fn recorded_items_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/hackernews") else { return };
    let (mut mentions, mut deletions, mut absent) = (0, 0, 0);
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        if !file.file_name().unwrap().to_string_lossy().starts_with("item_") {
            continue;
        }
        let item: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        match map(&item, noon()).unwrap() {
            None => absent += 1,
            Some(Event::Delete(deletion)) => {
                assert_eq!(deletion.key.native_id, item["id"].to_string());
                deletions += 1;
            }
            Some(Event::Upsert(mention)) => {
                for (field, value) in item.as_object().unwrap() {
                    assert!(has(&mention, field, value), "{file:?}: {field} of {mention:?}");
                }
                mentions += 1;
            }
            Some(other) => panic!("{other:?}"),
        }
    }
    assert!(mentions > 0 && deletions > 0 && absent > 0, "{mentions}, {deletions}, {absent}");
}

#[test]
fn a_rejected_item_is_mapped_again() {
    let source = crate::kit::build("name = \"hn\"\nkind = \"hackernews\"");
    let events = source.remap(br#"{"id": 5, "by": "ann", "time": 1772366400, "title": "Tea"}"#, noon()).unwrap();
    assert_eq!(crate::kit::mentions(&events)[0].key.to_string(), "hackernews::5");
    assert_eq!(source.remap(b"{\"id\": 5}", noon()).unwrap_err(), "an item without `time`");
}

/// Says a newest id, and has no items.
struct Says(Mutex<Vec<u64>>);

impl Platform for Says {
    fn answer(&self, _: When, request: &Request) -> Answer {
        let is_newest = request.url.path().ends_with("/maxitem.json");
        Answer::json(&if is_newest { self.0.lock().unwrap().remove(0).into() } else { Value::Null })
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        Vec::new()
    }
}

#[tokio::test]
async fn a_newest_id_that_can_not_be_is_not_followed() {
    let clock = StepClock::at(noon());
    let platform = Arc::new(Says(Mutex::new(vec![1000, 9_007_199_254_740_992, 1002])));
    let transport = Arc::new(Scripted::new(platform, clock.clone()));
    let world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
    let mut source = crate::kit::spec("name = \"hn\"\nkind = \"hackernews\"").build(&world);
    let first = source.poll(None).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let error = source.poll(Some(&first.cursor)).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("the newest id is 9007199254740992"), "{error}");
    let next = source.poll(Some(&first.cursor)).await.unwrap();
    assert_eq!(next.cursor.value["next"], 1003);
    assert_eq!(next.cursor.value["absent"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_item_that_never_comes_leaves_a_gap_before_its_time_is_complete() {
    let clock = StepClock::at(noon());
    let platform = Arc::new(Says(Mutex::new(vec![1000, 1002, 1002])));
    let transport = Arc::new(Scripted::new(platform, clock.clone()));
    let world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
    let mut source = crate::kit::spec("name = \"hn\"\nkind = \"hackernews\"").build(&world);
    let first = source.poll(None).await.unwrap();
    clock.advance(Duration::from_secs(60));
    let missed = source.poll(Some(&first.cursor)).await.unwrap();
    assert_eq!((missed.events.len(), missed.complete_through), (0, first.complete_through), "it may still come");
    clock.advance(Duration::from_secs(3601));
    let after = source.poll(Some(&missed.cursor)).await.unwrap();
    let [Event::Gap(gap)] = &after.events[..] else { panic!("{:?}", after.events) };
    assert_eq!(gap.reason, "2 items were not there and are given up: 1001, 1002");
    assert_eq!((gap.source.as_str(), after.complete_through > missed.complete_through), ("hn", true));
}

/// Fails on one item, in its own way, until it is mended.
struct Fails(u16, AtomicBool);

impl Platform for Fails {
    fn answer(&self, when: When, request: &Request) -> Answer {
        let is_mended = self.1.load(Ordering::SeqCst);
        match request.url.path().rsplit('/').next().unwrap() {
            "maxitem.json" => Answer::json(&json!(103)),
            "updates.json" => Answer::json(&json!({"items": []})),
            "102.json" if !is_mended => Answer::status(self.0, "{\"error\": \"no\"}"),
            name => {
                let id: u64 = name.trim_end_matches(".json").parse().unwrap();
                Answer::json(
                    &json!({"id": id, "type": "comment", "by": "ann", "text": "a", "time": when.now.as_second()}),
                )
            }
        }
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        Vec::new()
    }
}

#[tokio::test]
async fn an_item_that_fails_alone_stops_nobody() {
    for status in [403, 404, 500] {
        let clock = StepClock::at(noon());
        let platform = Arc::new(Fails(status, AtomicBool::new(false)));
        let transport = Arc::new(Scripted::new(platform.clone(), clock.clone()));
        let world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
        let toml = "name = \"hn\"\nkind = \"hackernews\"\nbackfill_items = 3";
        let mut source = crate::kit::spec(toml).build(&world);
        let (mut page, mut failures) = (source.poll(None).await, 0);
        while let Err(error) = &page {
            assert!(error.is_transient() && failures < 2, "{status}: {error}");
            failures += 1;
            page = source.poll(None).await;
        }
        let page = page.unwrap();
        assert_eq!(crate::kit::ids(&page.events), ["101", "103"], "{status}");
        assert!(source.notice().unwrap().starts_with("item 102 can not be read: "), "{status}");
        platform.1.store(true, Ordering::SeqCst);
        clock.advance(Duration::from_secs(60));
        let page = source.poll(Some(&page.cursor)).await.unwrap();
        assert_eq!(crate::kit::ids(&page.events), ["102"], "{status}");
        assert_eq!(source.notice(), None);
    }
}
