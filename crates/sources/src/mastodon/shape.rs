//! How an instance tells a story. The model of a shape: pages by `min_id`, a check by ids, a token.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::position::id_at;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, escaped, number, Left},
        story::{Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Instance)]
}

struct Instance;

const MISSING: &str = "{\"error\": \"Record not found\"}";

impl Shape for Instance {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!("instance = \"{SIM}\"\nhashtags = [\"#Kettle\", \"tea\"]\ntoken_env = \"MASTODON_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("MASTODON_TOKEN", "t0p-s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (300, SignedDuration::from_mins(5));
        Traits {
            edits: true,
            deletes: true,
            removals: true,
            counters: true,
            late: true,
            ..Traits::polled(SignedDuration::from_mins(20), allowed)
        }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer t0p-s3cr3t") {
            return Answer::status(401, "{\"error\": \"This method requires an authenticated user\"}");
        }
        let path: Vec<&str> = request.url.path().trim_start_matches("/api/v1/").split('/').collect();
        match path[..] {
            ["timelines", "tag", tag] => timeline(view, tag, number(request, "min_id").unwrap_or(0)),
            ["statuses"] => {
                let asked: Vec<String> = request.url.query_pairs().map(|(_, id)| id.into_owned()).collect();
                let found = view.posts.iter().filter(|post| asked.contains(&id(post)));
                Answer::json(&found.map(|post| status(view, post)).collect())
            }
            ["statuses", wanted] => match view.posts.iter().find(|post| id(post) == wanted) {
                Some(post) => Answer::json(&status(view, post)),
                None => Answer::status(404, MISSING),
            },
            _ => Answer::status(404, MISSING),
        }
    }

    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        vec![
            ("x-ratelimit-limit", left.allowed.to_string()),
            ("x-ratelimit-remaining", left.remaining().to_string()),
            ("x-ratelimit-reset", left.resets.to_string()),
        ]
    }

    fn limited(&self, _: &Left) -> Answer {
        Answer::status(429, "{\"error\": \"Too many requests\"}")
    }

    fn native_id(&self, post: &Told) -> String {
        id(post)
    }

    fn is_of_part(&self, request: &Request) -> bool {
        request.url.path().ends_with("/tag/tea")
    }

    fn is_only_in_part(&self, post: &Told) -> bool {
        post.tags == ["tea"]
    }
}

/// Begins with the time; equal times are told apart by what follows.
fn id(post: &Told) -> String {
    (id_at(post.created_at) + post.n % 0xffff).to_string()
}

/// The oldest that are newer than `min_id`, the newest of them first.
fn timeline(view: &View<'_>, tag: &str, min_id: u64) -> Answer {
    let is_wanted = |post: &&Told| {
        post.tags.iter().any(|known| known == tag) && id(post).parse::<u64>().is_ok_and(|id| id > min_id)
    };
    let mut page: Vec<Value> =
        view.posts.iter().filter(is_wanted).take(view.per_page).map(|post| status(view, post)).collect();
    page.reverse();
    Answer::json(&Value::Array(page)).with_header("x-ratelimit-remaining", "200")
}

fn status(view: &View<'_>, post: &Told) -> Value {
    let parent = post.parent.and_then(|parent| view.told(parent));
    let tags: Vec<Value> =
        post.tags.iter().map(|tag| json!({"name": tag, "url": format!("{SIM}/tags/{tag}")})).collect();
    json!({
        "id": id(post), "created_at": post.created_at.to_string(), "in_reply_to_id": parent.map(id),
        "in_reply_to_account_id": parent.map(|parent| account_id(&parent.author)), "spoiler_text": "",
        "visibility": "public", "language": "en", "uri": format!("{SIM}/statuses/{}", id(post)),
        "url": format!("{SIM}/@{}/{}", post.author, id(post)), "edited_at": post.edited_at.map(|at| at.to_string()),
        "replies_count": post.replies, "reblogs_count": 0, "favourites_count": post.likes,
        "content": format!("<p>{}</p>", escaped(&post.text)),
        "account": {"id": account_id(&post.author), "username": post.author, "acct": post.author,
                    "display_name": post.author, "bot": false, "followers_count": 5},
        "media_attachments": [{"id": "1", "type": "image", "url": format!("{SIM}/1.png")}],
        "mentions": [], "tags": tags, "reblog": null, "quote": null, "card": null, "poll": null,
    })
}

/// Any number that is the same for the same name.
fn account_id(author: &str) -> String {
    author.bytes().fold(7_u64, |id, byte| id.wrapping_mul(31).wrapping_add(byte.into())).to_string()
}
