//! How the Bot API tells a story: what happens is an update with a number of its own, and is given until it is
//! acknowledged by a higher offset. Deletions are told to nobody.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{Left, SIM, Shape, Traits, number},
        story::{Change, Happened, Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Api)]
}

struct Api;

const CHAT: i64 = -1_000_000_500;

impl Shape for Api {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!("token_env = \"TELEGRAM_TOKEN\"\nchats = [\"@kettle_talk\"]\nbase_url = \"{SIM}\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("TELEGRAM_TOKEN", "12:t0p-s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (30, SignedDuration::from_secs(1));
        Traits { edits: true, counters: true, ..Traits::polled(SignedDuration::from_mins(10), allowed) }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        let Some(method) = request.url.path().strip_prefix("/bot12:t0p-s3cr3t/") else {
            return refused(401, "Unauthorized");
        };
        match method {
            "getMe" => ok(json!({"id": 12, "is_bot": true, "username": "a_bot", "can_read_all_group_messages": true})),
            "getWebhookInfo" => ok(json!({"url": "", "pending_update_count": 0})),
            "getChatMember" => ok(json!({"status": "member"})),
            "getChatMemberCount" => ok(json!(1234)),
            "getUpdates" => {
                let offset = number(request, "offset").unwrap_or(0);
                let limit = number(request, "limit").unwrap_or(100).min(100);
                let limit = usize::try_from(limit).unwrap_or(100);
                let updates = view.changes.iter().filter(|happened| happened.seq >= offset);
                ok(updates.filter_map(|happened| update(view, happened)).take(limit).collect())
            }
            _ => refused(404, "Not Found"),
        }
    }

    fn limited(&self, left: &Left) -> Answer {
        let body = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": left.seconds()}});
        Answer::status(429, body.to_string())
    }

    fn native_id(&self, post: &Told) -> String {
        format!("{CHAT}/{}", post.n)
    }
}

fn ok(result: Value) -> Answer {
    Answer::json(&json!({"ok": true, "result": result}))
}

fn refused(code: u16, description: &str) -> Answer {
    Answer::status(code, json!({"ok": false, "error_code": code, "description": description}).to_string())
}

/// What was deleted in the moment in which it was written is told to nobody.
fn update(view: &View<'_>, happened: &Happened) -> Option<Value> {
    let is_gone = |post: &Told| {
        let deleted = |other: &&Happened| matches!(&other.change, Change::Deleted(gone) if gone.n == post.n);
        view.changes.iter().find(deleted).is_some_and(|other| other.at == happened.at)
    };
    let (kind, body) = match &happened.change {
        Change::Posted(post) if is_gone(post) => return None,
        Change::Posted(post) => ("message", message(view, post)),
        Change::Edited(post) => ("edited_message", message(view, post)),
        Change::Counted(post) => ("message_reaction_count", reactions(post, happened)),
        Change::Deleted(_) | Change::Removed { .. } => return None,
    };
    Some(json!({"update_id": happened.seq, kind: body}))
}

fn chat() -> Value {
    json!({"id": CHAT, "type": "supergroup", "title": "Kettle talk", "username": "Kettle_Talk"})
}

fn reactions(post: &Told, happened: &Happened) -> Value {
    let reaction = json!({"type": {"type": "emoji", "emoji": "👍"}, "total_count": post.likes});
    json!({"chat": chat(), "message_id": post.n, "date": happened.at.as_second(), "reactions": [reaction]})
}

fn message(view: &View<'_>, post: &Told) -> Value {
    let entities: Vec<Value> = post.tags.iter().filter_map(|tag| hashtag(&post.text, tag)).collect();
    let mut message = json!({
        "message_id": post.n, "date": post.created_at.as_second(), "text": post.text, "chat": chat(),
        "entities": entities,
        "from": {"id": account(&post.author), "is_bot": false, "first_name": post.author, "username": post.author},
    });
    if let Some(edited_at) = post.edited_at {
        message["edit_date"] = json!(edited_at.as_second());
    }
    if let Some(parent) = post.parent.and_then(|parent| view.told(parent)) {
        message["reply_to_message"] = self::message(view, &Told { parent: None, ..parent.clone() });
    }
    message
}

/// Where a tag stands, in UTF-16.
fn hashtag(text: &str, tag: &str) -> Option<Value> {
    let before = &text[..text.find(&format!("#{tag}"))?];
    let length = tag.encode_utf16().count() + 1;
    Some(json!({"type": "hashtag", "offset": before.encode_utf16().count(), "length": length}))
}

/// Any number that is the same for the same name.
fn account(author: &str) -> u64 {
    author.bytes().fold(7, |id: u64, byte| (id * 31 + u64::from(byte)) % 1_000_000_007)
}
