//! An instance over three rounds of twenty minutes: pages of two, one post arrives while others are read, one comes late
//! from another instance, one is edited and one deleted after they were read.

use std::sync::Arc;

use grapevine_sources::{
    conformance::{Answer, Case, Expected, Platform, When, configured},
    http::{Request, header::AUTHORIZATION},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

struct Instance;

pub fn case() -> Case {
    let table =
        "name = \"m\"\nkind = \"mastodon\"\ninstance = \"https://social.example\"\nhashtags = [\"#Kettle\", \"tea\"]
                 token_env = \"MASTODON_TOKEN\"";
    Case {
        name: "mastodon",
        build: configured(table),
        secret: Some(("MASTODON_TOKEN", "t0p-s3cr3t")),
        platform: Arc::new(Instance),
        every: SignedDuration::from_mins(20),
        allowed: (300, SignedDuration::from_mins(5)),
    }
}

struct Post {
    n: u64,
    minute: i64,
    tags: &'static [&'static str],
    parent: Option<u64>,
    text: &'static str,
}

fn time(minute: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400 + 60 * minute).unwrap()
}

impl Post {
    fn id(&self) -> u64 {
        ((time(self.minute).as_millisecond() as u64) << 16) + self.n
    }

    fn json(&self) -> Value {
        let parent = self.parent.map(|n| posts(END).iter().find(|post| post.n == n).unwrap().id().to_string());
        let tags: Vec<Value> = self
            .tags
            .iter()
            .map(|tag| json!({"name": tag, "url": format!("https://social.example/tags/{tag}")}))
            .collect();
        json!({
            "id": self.id().to_string(), "created_at": time(self.minute).to_string(), "in_reply_to_id": parent,
            "in_reply_to_account_id": parent.as_ref().map(|_| "7"), "spoiler_text": "", "visibility": "public", "language": "en",
            "uri": "https://far.example/1", "url": format!("https://social.example/@ann/{}", self.n), "edited_at": null,
            "replies_count": 1, "reblogs_count": 2, "favourites_count": 3, "content": format!("<p>{}</p>", self.text),
            "account": {"id": "8", "username": "ann", "acct": "ann", "display_name": "Ann", "bot": false, "followers_count": 5},
            "media_attachments": [{"id": "1", "type": "image", "url": "https://files.example/1.png"}],
            "mentions": [], "tags": tags, "reblog": null, "quote": null, "card": null, "poll": null,
        })
    }
}

const END: When = When { round: 9, requests: 99, now: Timestamp::UNIX_EPOCH };

/// What is there, the oldest first.
fn posts(when: When) -> Vec<Post> {
    let post = |n, minute, tags, parent, text| Post { n, minute, tags, parent, text };
    let first = if when.round == 0 { "Which kettle?" } else { "Which kettle? Edit: solved" };
    let mut posts = vec![
        post(1, -30, &["kettle"], None, first),
        post(2, -20, &["kettle", "tea"], Some(1), "This one"),
        post(3, -20, &["tea"], None, "I regret this"),
        post(4, 0, &["tea"], None, "While you read"),
        post(5, 10, &["kettle"], Some(2), "Thank you"),
        post(6, 19, &["kettle"], None, "Long on its way"),
        post(7, 30, &["tea"], None, "The last"),
    ];
    let is_there = |post: &Post| match post.n {
        3 => when.round == 0 || when == END,
        4 => when.round > 0 || when.requests >= 2,
        5 => when.round > 0,
        6 | 7 => when.round > 1,
        _ => true,
    };
    posts.retain(is_there);
    posts
}

impl Platform for Instance {
    fn answer(&self, when: When, request: &Request) -> Answer {
        if request.headers.get(AUTHORIZATION).is_none_or(|value| value != "Bearer t0p-s3cr3t") {
            return Answer::status(401, "{\"error\": \"This method requires an authenticated user\"}");
        }
        let asked = |wanted: &str| -> Vec<u64> {
            let pairs = request.url.query_pairs().filter(|(name, _)| name == wanted);
            pairs.filter_map(|(_, value)| value.parse().ok()).collect()
        };
        let path: Vec<&str> = request.url.path().trim_start_matches("/api/v1/").split('/').collect();
        let there = posts(when);
        match path[..] {
            ["timelines", "tag", tag] => {
                let min_id = asked("min_id").first().copied().unwrap_or(0);
                let mut page: Vec<&Post> =
                    there.iter().filter(|post| post.tags.contains(&tag) && post.id() > min_id).take(2).collect();
                page.reverse();
                Answer::json(&page.iter().map(|post| post.json()).collect()).with_header("x-ratelimit-remaining", "200")
            }
            ["statuses"] => {
                let ids = asked("id[]");
                Answer::json(&there.iter().filter(|post| ids.contains(&post.id())).map(Post::json).collect())
            }
            ["statuses", id] => match there.iter().find(|post| post.id().to_string() == id) {
                Some(post) => Answer::json(&post.json()),
                None => Answer::status(404, "{\"error\": \"Record not found\"}"),
            },
            _ => Answer::status(404, ""),
        }
    }

    fn rounds(&self) -> usize {
        3
    }

    fn expected(&self) -> Vec<Expected> {
        let all = posts(END);
        let id = |n: u64| all.iter().find(|post| post.n == n).unwrap().id().to_string();
        let expected = |post: &Post| {
            let expected = Expected::new(id(post.n), time(post.minute), post.text);
            let expected = post.parent.map_or(expected.clone(), |parent| expected.replying_to(id(parent)));
            match post.n {
                3 => expected.deleted(),
                4 => expected.late(),
                _ => expected,
            }
        };
        all.iter().map(expected).collect()
    }
}
