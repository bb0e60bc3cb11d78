//! Hacker News over three rounds: an item arrives while others are read, one is null for a while, one is edited, one is
//! deleted, one is killed.

use std::sync::Arc;

use grapevine_sources::{
    conformance::{Answer, Case, Expected, Platform, When, configured},
    http::Request,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

struct HackerNews;

pub fn case() -> Case {
    Case {
        name: "hackernews",
        kind: "hackernews",
        build: configured("name = \"hn\"\nkind = \"hackernews\"\nbackfill_items = 6\nrequests_per_hour = 200"),
        secret: None,
        platform: Arc::new(HackerNews),
        every: SignedDuration::from_mins(1),
        allowed: (200, SignedDuration::from_hours(1)),
    }
}

const NOON: i64 = 1_772_366_400;

/// By round; among them items from before reading began.
const CHANGED: [[u64; 2]; 3] = [[9, 101], [101, 9], [102, 50]];

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(NOON + second).unwrap()
}

fn story(id: u64, second: i64, title: &str) -> Value {
    json!({"id": id, "type": "story", "by": "ann", "time": NOON + second, "title": title, "score": 3, "descendants": 2,
           "url": format!("https://blog.example/{id}"), "kids": [103]})
}

fn comment(id: u64, second: i64, parent: u64, text: &str) -> Value {
    json!({"id": id, "type": "comment", "by": "bob", "time": NOON + second, "parent": parent, "text": text})
}

fn item(id: u64, when: When) -> Value {
    match id {
        100 => story(100, -300, "Show HN: a kettle that listens"),
        101 if when.round == 0 => comment(101, -200, 100, "First thoughts"),
        101 => comment(101, -200, 100, "First thoughts.<p>Edit: second ones"),
        102 if when.round < 2 => comment(102, -200, 100, "I take it back"),
        102 => json!({"id": 102, "type": "comment", "parent": 100, "time": NOON - 200, "deleted": true}),
        103 => json!({"id": 103, "type": "comment", "by": "spam", "parent": 100, "time": NOON - 150, "dead": true}),
        104 => {
            json!({"id": 104, "type": "pollopt", "by": "ann", "poll": 100, "time": NOON - 120, "text": "Tea", "score": 1})
        }
        105 => {
            json!({"id": 105, "type": "job", "by": "hr", "time": NOON - 90, "title": "We hire", "text": "Write &amp; ask"})
        }
        106 => comment(106, 0, 101, "Came <i>late</i>"),
        107 if when.round < 2 => Value::Null,
        107 => comment(107, 55, 106, "Was not there yet"),
        108 => story(108, 55, "Kettles &amp; you"),
        _ => Value::Null,
    }
}

impl Platform for HackerNews {
    fn answer(&self, when: When, request: &Request) -> Answer {
        let last = request.url.path().rsplit('/').next().unwrap_or_default().trim_end_matches(".json");
        match (last, when.round) {
            ("maxitem", 0) => Answer::json(&json!(if when.requests == 0 { 105 } else { 106 })),
            ("maxitem", _) => Answer::json(&json!(108)),
            ("updates", round) => Answer::json(&json!({"items": CHANGED[round], "profiles": ["ann"]})),
            (id, _) => Answer::json(&id.parse().map_or(Value::Null, |id| item(id, when))),
        }
    }

    fn rounds(&self) -> usize {
        3
    }

    fn expected(&self) -> Vec<Expected> {
        vec![
            Expected::new("100", time(-300), "Show HN: a kettle that listens"),
            Expected::new("101", time(-200), "First thoughts.\nEdit: second ones").replying_to("100"),
            Expected::new("102", time(-200), "").deleted(),
            Expected::new("103", time(-150), "").deleted(),
            Expected::new("104", time(-120), "Tea").replying_to("100"),
            Expected::new("105", time(-90), "We hire\n\nWrite & ask"),
            Expected::new("106", time(0), "Came late").replying_to("101").late(),
            Expected::new("107", time(55), "Was not there yet").replying_to("106"),
            Expected::new("108", time(55), "Kettles & you"),
        ]
    }
}
