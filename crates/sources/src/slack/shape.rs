//! How the Web API tells a story: two channels, pages by a cursor with the newest first, threads apart.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::signature::sign;

use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, escaped, parameter, Left},
        story::{Change, Told, View},
    },
    http::{Request, Secret},
    registry::Arrival,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(WebApi), Arc::new(EventsApi)]
}

struct WebApi;

/// The same workspace, which also calls us.
struct EventsApi;

const SECRET: &str = "xoxb-t0p-s3cr3t";
/// What follows `/hooks/` where Slack calls.
const PATH: &str = "slack";

impl Shape for EventsApi {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn name(&self) -> &'static str {
        "slack_events"
    }

    fn table(&self) -> String {
        // The kit has one secret. What is told is only what Slack sends: no round looks for more.
        format!(
            "{}\nlisten = \"127.0.0.1:1\"\npath = \"{PATH}\"\nbackfill_hours = 0\ninterval_seconds = 86400\n\
             signing_secret_env = \"SLACK_TOKEN\"",
            WebApi.table()
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        WebApi.secret()
    }

    fn traits(&self) -> Traits {
        let polled = WebApi.traits();
        Traits { arrival: Arrival::Pushed, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        WebApi.answer(view, request)
    }

    fn native_id(&self, post: &Told) -> String {
        WebApi.native_id(post)
    }

    fn parent_id(&self, post: &Told, view: &View<'_>) -> Option<String> {
        WebApi.parent_id(post, view)
    }

    fn deliveries(&self, change: &Change, view: &View<'_>) -> Vec<Request> {
        let events = change.posts().iter().flat_map(|post| events(change, post, view));
        events.map(|event| delivery(&event)).collect()
    }

    fn signed(&self, mut request: Request, now: Timestamp) -> Request {
        let at = now.as_second().to_string();
        let signature = sign(&Secret::new(SECRET), &at, request.body.as_deref().unwrap_or_default());
        for (name, value) in [("x-slack-request-timestamp", at), ("x-slack-signature", signature)] {
            if let Ok(value) = value.parse() {
                request.headers.insert(name, value);
            }
        }
        request
    }
}

fn events(change: &Change, post: &Told, view: &View<'_>) -> Vec<Value> {
    let (channel, ts) = (channel(post), ts(post));
    match change {
        Change::Posted(_) => {
            let mut message = message(view, &Told { likes: 0, ..post.clone() });
            message["channel"] = json!(channel);
            vec![message]
        }
        Change::Edited(_) => {
            let message = message(view, &Told { likes: 0, ..post.clone() });
            vec![json!({"type": "message", "subtype": "message_changed", "channel": channel, "message": message})]
        }
        Change::Deleted(_) | Change::Removed { .. } => {
            vec![json!({"type": "message", "subtype": "message_deleted", "channel": channel, "deleted_ts": ts})]
        }
        // Each reaction is told by itself.
        Change::Counted(_) => {
            let counted = view.changes.iter().filter_map(|happened| match &happened.change {
                Change::Counted(other) if other.n == post.n && other.likes < post.likes => Some(other.likes),
                _ => None,
            });
            let item = json!({"type": "message", "channel": channel, "ts": ts});
            let reaction = |nth| json!({"type": "reaction_added", "user": format!("U{nth}"), "item": item});
            (counted.max().unwrap_or(0)..post.likes).map(reaction).collect()
        }
    }
}

fn delivery(event: &Value) -> Request {
    let id = blake3::hash(event.to_string().as_bytes()).to_hex();
    let body = json!({"type": "event_callback", "team_id": "T1", "event_id": format!("Ev{}", &id[..10]), "event": event});
    let url = Url::parse(&format!("{SIM}/hooks/{PATH}")).expect("an address");
    Request::post(url).with_body(body.to_string(), "application/json")
}

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
        Some(("SLACK_TOKEN", SECRET))
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
        if !brings(request, "authorization", &format!("Bearer {SECRET}")) {
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

    fn limited(&self, left: &Left) -> Answer {
        let answer = Answer::json(&json!({"ok": false, "error": "ratelimited"}));
        Answer { status: 429, ..answer }.with_header("retry-after", left.seconds().to_string())
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
    stamp(post.created_at)
}

fn stamp(at: Timestamp) -> String {
    format!("{}.{:06}", at.as_second(), at.subsec_nanosecond() / 1000)
}

fn time(ts: &str) -> Timestamp {
    super::map::time(ts).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Top-level messages between two times, the newest first. The cursor is the time before which the next page begins.
/// One that was deleted leaves a stone where it has answers.
fn history(view: &View<'_>, request: &Request) -> Answer {
    let asked = parameter(request, "channel").unwrap_or_default();
    let from = parameter(request, "oldest").map_or(Timestamp::UNIX_EPOCH, |oldest| time(&oldest));
    let to = parameter(request, "latest").map_or(Timestamp::MAX, |latest| time(&latest));
    let before = parameter(request, "cursor").map_or(Timestamp::MAX, |cursor| time(&cursor));
    let is_wanted = |post: &&Told| {
        let at = time(&ts(post));
        post.root.is_none() && channel(post) == asked && at >= from && at <= to && at < before
    };
    let mut found: Vec<&Told> = all(view).filter(is_wanted).collect();
    found.sort_by_key(|post| std::cmp::Reverse(post.created_at));
    let page: Vec<Value> = found.iter().take(view.per_page).map(|post| message(view, post)).collect();
    let next = found.get(view.per_page - 1).filter(|_| found.len() > view.per_page).map_or(String::new(), |last| ts(last));
    ok(json!({"messages": page, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}))
}

/// What is there, and what has answers.
fn all<'a>(view: &View<'a>) -> impl Iterator<Item = &'a Told> {
    let posts = view.posts;
    let stones = view.gone.iter().filter(move |gone| posts.iter().any(|answer| answer.root == Some(gone.n)));
    posts.iter().chain(stones)
}

/// What began the thread and its answers, the oldest first.
fn replies(view: &View<'_>, request: &Request) -> Answer {
    let (asked, wanted) = (parameter(request, "channel").unwrap_or_default(), parameter(request, "ts").unwrap_or_default());
    let Some(root) = all(view).find(|post| channel(post) == asked && ts(post) == wanted) else {
        return Answer::json(&json!({"ok": false, "error": "thread_not_found"}));
    };
    let after = parameter(request, "cursor").map_or(Timestamp::MIN, |cursor| time(&cursor));
    let answers = view.posts.iter().filter(|post| post.root == Some(root.n) && time(&ts(post)) > after);
    let found: Vec<&Told> = answers.collect();
    let page: Vec<Value> =
        std::iter::once(&root).chain(found.iter().take(view.per_page)).map(|post| message(view, post)).collect();
    let next = found.get(view.per_page - 1).filter(|_| found.len() > view.per_page).map_or(String::new(), |last| ts(last));
    ok(json!({"messages": page, "has_more": !next.is_empty(), "response_metadata": {"next_cursor": next}}))
}

fn message(view: &View<'_>, post: &Told) -> Value {
    let mut message = json!({
        "type": "message", "ts": ts(post), "user": format!("U{}", post.author.to_uppercase()), "text": escaped(&post.text),
    });
    if let Some(edited_at) = post.edited_at {
        message["edited"] = json!({"user": message["user"], "ts": stamp(edited_at)});
    }
    let answers: Vec<&Told> = view.posts.iter().filter(|answer| answer.root == Some(post.n)).collect();
    if let Some(root) = post.root.and_then(|root| view.told(root)) {
        message["thread_ts"] = json!(ts(root));
        message["parent_user_id"] = json!(format!("U{}", root.author.to_uppercase()));
    } else if let Some(latest) = answers.last() {
        message["thread_ts"] = json!(ts(post));
        message["reply_count"] = json!(answers.len());
        message["latest_reply"] = json!(ts(latest));
    }
    if view.gone.iter().any(|gone| gone.n == post.n) {
        message["subtype"] = json!("tombstone");
        message["text"] = json!("This message was deleted.");
    } else if post.likes > 0 {
        message["reactions"] = json!([{"name": "teapot", "count": post.likes, "users": []}]);
    }
    message
}
