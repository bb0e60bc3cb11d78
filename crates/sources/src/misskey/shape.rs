//! How an instance tells a story: every call a POST, pages by `untilId`, a word for what is not there.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{Left, SIM, Shape, Traits, brings},
        story::{Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Instance)]
}

struct Instance;

impl Shape for Instance {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!("instance = \"{SIM}\"\nhashtags = [\"#Kettle\", \"tea\"]\ntoken_env = \"MISSKEY_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("MISSKEY_TOKEN", "t0p-s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let polled = Traits::polled(SignedDuration::from_mins(20), (60, SignedDuration::from_mins(1)));
        Traits { edits: true, deletes: true, removals: true, counters: true, late: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer t0p-s3cr3t") {
            return refused(401, "AUTHENTICATION_FAILED");
        }
        let asked: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        match request.url.path() {
            "/api/notes/search-by-tag" => by_tag(view, &asked),
            "/api/notes/show" => match view.posts.iter().find(|post| asked["noteId"] == id(post)) {
                Some(post) => Answer::json(&note(view, post)),
                None => refused(400, "NO_SUCH_NOTE"),
            },
            _ => refused(404, "UNKNOWN_API_ENDPOINT"),
        }
    }

    fn limited(&self, left: &Left) -> Answer {
        refused(429, "RATE_LIMIT_EXCEEDED").with_header("retry-after", left.seconds().to_string())
    }

    fn native_id(&self, post: &Told) -> String {
        id(post)
    }

    fn is_of_part(&self, request: &Request) -> bool {
        let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        body.contains("\"tag\":\"tea\"")
    }

    fn is_only_in_part(&self, post: &Told) -> bool {
        post.tags == ["tea"]
    }
}

fn refused(status: u16, code: &str) -> Answer {
    let error = json!({"error": {"message": "No.", "code": code, "id": "24fcbfc6-2e37-42b6-8388-c29b3861a08d", "kind": "client"}});
    Answer { status, ..Answer::json(&error) }
}

/// The newest before `untilId`.
fn by_tag(view: &View<'_>, asked: &Value) -> Answer {
    let until = asked["untilId"].as_str().unwrap_or("~");
    let is_wanted = |post: &&Told| post.tags.iter().any(|tag| asked["tag"] == **tag) && id(post).as_str() < until;
    let mut found: Vec<&Told> = view.posts.iter().filter(is_wanted).collect();
    found.sort_by_key(|post| std::cmp::Reverse(id(post)));
    Answer::json(&found.into_iter().take(view.per_page).map(|post| note(view, post)).collect())
}

/// Begins with the time; equal times are told apart by what follows.
fn id(post: &Told) -> String {
    format!("{}{:04x}", time36(post.created_at), post.n % 0xffff)
}

/// Milliseconds since the year 2000, in eight digits to the base of 36.
fn time36(at: Timestamp) -> String {
    let mut left = u64::try_from(at.as_millisecond() - 946_684_800_000).unwrap_or(0);
    let mut digits = [b'0'; 8];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(left % 36) as usize];
        left /= 36;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

fn note(view: &View<'_>, post: &Told) -> Value {
    let parent = post.parent.and_then(|parent| view.told(parent));
    json!({
        "id": id(post), "createdAt": post.created_at.to_string(), "userId": user_id(&post.author), "text": post.text,
        "user": {"id": user_id(&post.author), "username": post.author, "host": null, "name": post.author, "isBot": false},
        "cw": null, "visibility": "public", "tags": post.tags, "replyId": parent.map(id),
        "reply": parent.map(|parent| json!({"id": id(parent), "userId": user_id(&parent.author)})),
        "renoteId": null, "files": [], "fileIds": [], "renoteCount": 0, "repliesCount": post.replies,
        "reactions": if post.likes > 0 { json!({"👍": post.likes}) } else { json!({}) }, "reactionCount": post.likes,
    })
}

fn user_id(author: &str) -> String {
    format!("u{author}")
}
