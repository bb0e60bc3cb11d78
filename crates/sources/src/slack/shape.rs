//! How the Web API tells a story: two channels, pages by a cursor with the newest first, threads apart.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{PER_PAGE, SIM, Shape, Traits, brings, escaped, parameter},
        story::{Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(WebApi)]
}

struct WebApi;

/// Threads that begin with a post about tea alone stand in the second channel.
const CHANNELS: [(&str, &str); 2] = [("C1KETTLE", "kettle"), ("C2TEA", "tea")];

impl Shape for WebApi {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!(
            "token_env = \"SLACK_TOKEN\"\nchannels = [\"#kettle\", \"tea\"]\nthread_minutes = 10\nbase_url = \"{SIM}/api\""
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("SLACK_TOKEN", "xoxb-t0p-s3cr3t"))
    }

    fn traits(&self) -> Traits {
        // Each method by itself: 50 of history, 50 of replies, 100 of names, 20 lists, 100 of who we are.
        let allowed = (320, SignedDuration::from_mins(1));
        Traits {
            edits: true,
            deletes: true,
            removals: true,
            counters: true,
            ..Traits::polled(SignedDuration::from_mins(20), allowed)
        }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer xoxb-t0p-s3cr3t") {
            return Answer::json(&json!({"ok": false, "error": "invalid_auth"}));
        }
        match request.url.path().trim_start_matches("/api/") {
            "auth.test" => ok(json!({"team_id": "T1", "url": format!("{SIM}/"), "user_id": "U0", "bot_id": "B0"})),
            "conversations.list" => {
                let channel = |(id, name): (&str, &str)| json!({"id": id, "name": name, "is_member": true});
                ok(json!({"channels": CHANNELS.map(channel), "response_metadata": {"next_cursor": ""}}))
            }
            "users.info" => {
                let id = parameter(request, "user").unwrap_or_default();
                let name = id.trim_start_matches('U').to_lowercase();
                ok(json!({"user": {"id": id, "name": name, "profile": {"display_name": name}}}))
            }
            "conversations.history" => history(view, request),
            "conversations.replies" => replies(view, request),
            _ => Answer::json(&json!({"ok": false, "error": "unknown_method"})),
        }
    }

    fn native_id(&self, post: &Told) -> String {
        format!("{}/{}", channel(post), ts(post))
    }

    /// In a channel everything answers the message that began the thread.
    fn parent_id(&self, post: &Told, view: &View<'_>) -> Option<String> {
        view.told(post.root?).map(|root| self.native_id(root))
    }

    fn is_of_part(&self, request: &Request) -> bool {
        parameter(request, "channel").as_deref() == Some("C2TEA")
    }

    fn is_only_in_part(&self, post: &Told) -> bool {
        channel(post) == "C2TEA"
    }
}

fn ok(mut body: Value) -> Answer {
    body["ok"] = json!(true);
    Answer::json(&body)
}

/// Of the thread that a post belongs to.
fn channel(post: &Told) -> &'static str {
    let root = post.root.unwrap_or(post.n);
    if root % 7 == 3 { CHANNELS[1].0 } else { CHANNELS[0].0 }
}

fn ts(post: &Told) -> String {
    format!("{}.{:06}", post.created_at.as_second(), post.created_at.subsec_nanosecond() / 1000)
}

fn time(ts: &str) -> Timestamp {
    super::map::time(ts).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Top-level messages between two times, the newest first. The cursor is the time before which the next page begins.
fn history(view: &View<'_>, request: &Request) -> Answer {
    let asked = parameter(request, "channel").unwrap_or_default();
    let from = parameter(request, "oldest").map_or(Timestamp::UNIX_EPOCH, |oldest| time(&oldest));
    let to = parameter(request, "latest").map_or(Timestamp::MAX, |latest| time(&latest));
    let before = parameter(request, "cursor").map_or(Timestamp::MAX, |cursor| time(&cursor));
    let is_wanted = |post: &&Told| {
        let at = time(&ts(post));
        post.root.is_none() && channel(post) == asked && at >= from && at <= to && at < before
    };
    let found: Vec<&Told> = view.newest().filter(is_wanted).collect();
    let page: Vec<Value> = found.iter().take(PER_PAGE).map(|post| message(view, post)).collect();
    let next = found.get(PER_PAGE - 1).filter(|_| found.len() > PER_PAGE).map_or(String::new(), |last| ts(last));
    ok(json!({"messages": page, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}))
}

/// What began the thread and its answers, the oldest first.
fn replies(view: &View<'_>, request: &Request) -> Answer {
    let (asked, wanted) = (parameter(request, "channel").unwrap_or_default(), parameter(request, "ts").unwrap_or_default());
    let Some(root) = view.posts.iter().find(|post| channel(post) == asked && ts(post) == wanted) else {
        return Answer::json(&json!({"ok": false, "error": "thread_not_found"}));
    };
    let after = parameter(request, "cursor").map_or(Timestamp::MIN, |cursor| time(&cursor));
    let answers = view.posts.iter().filter(|post| post.root == Some(root.n) && time(&ts(post)) > after);
    let found: Vec<&Told> = answers.collect();
    let page: Vec<Value> =
        std::iter::once(&root).chain(found.iter().take(PER_PAGE)).map(|post| message(view, post)).collect();
    let next = found.get(PER_PAGE - 1).filter(|_| found.len() > PER_PAGE).map_or(String::new(), |last| ts(last));
    ok(json!({"messages": page, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}))
}

fn message(view: &View<'_>, post: &Told) -> Value {
    let mut message = json!({
        "type": "message", "ts": ts(post), "user": format!("U{}", post.author.to_uppercase()), "text": escaped(&post.text),
    });
    let answers: Vec<&Told> = view.posts.iter().filter(|answer| answer.root == Some(post.n)).collect();
    if let Some(root) = post.root.and_then(|root| view.told(root)) {
        message["thread_ts"] = json!(ts(root));
        message["parent_user_id"] = json!(format!("U{}", root.author.to_uppercase()));
    } else if let Some(latest) = answers.last() {
        message["thread_ts"] = json!(ts(post));
        message["reply_count"] = json!(answers.len());
        message["latest_reply"] = json!(ts(latest));
    }
    if post.likes > 0 {
        message["reactions"] = json!([{"name": "teapot", "count": post.likes, "users": []}]);
    }
    message
}
