//! How Jetstream tells a story, in both of its versions. It replays whatever a cursor asks for.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{POSTS, post::uri};
use crate::{
    conformance::{
        Answer,
        shape::{Peer, SIM_WS, Say, Shape, Traits, number},
        story::{Change, Happened, Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Jetstream { version: 1 }), Arc::new(Jetstream { version: 2 })]
}

/// Cursors from here on are times; lower ones are numbers.
const LOWEST_TIME: u64 = 1_000_000_000_000_000;

#[derive(Clone, Copy)]
struct Jetstream {
    version: u8,
}

impl Shape for Jetstream {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn name(&self) -> &'static str {
        if self.version == 1 { super::KIND } else { "bluesky (version 2)" }
    }

    fn table(&self) -> String {
        let path = if self.version == 1 { "/subscribe" } else { "" };
        format!("version = {}\nendpoint = \"{SIM_WS}{path}\"\nrewind_seconds = 600", self.version)
    }

    fn traits(&self) -> Traits {
        Traits { removals: true, ..Traits::streamed(SignedDuration::from_mins(1)) }
    }

    fn answer(&self, _: &View<'_>, _: &Request) -> Answer {
        Answer::status(404, "not found")
    }

    fn native_id(&self, post: &Told) -> String {
        uri(&did(&post.author), &record_key(post))
    }

    fn peer(&self) -> Option<Box<dyn Peer>> {
        Some(Box::new(*self))
    }
}

impl Peer for Jetstream {
    fn open(&mut self, view: &View<'_>, request: &Request) -> Result<Vec<Say>, Answer> {
        let Some(cursor) = number(request, "cursor") else { return Ok(Vec::new()) };
        let is_asked = |happened: &&Happened| match cursor < LOWEST_TIME {
            true => happened.seq >= cursor,
            false => u64::try_from(time_us(happened)).is_ok_and(|time| time >= cursor),
        };
        Ok(view.changes.iter().filter(is_asked).filter_map(|happened| self.frame(view, happened)).collect())
    }

    fn change(&mut self, view: &View<'_>, happened: &Happened) -> Vec<Say> {
        self.frame(view, happened).into_iter().collect()
    }
}

impl Jetstream {
    fn frame(&self, view: &View<'_>, happened: &Happened) -> Option<Say> {
        let (kind, author, said) = match &happened.change {
            Change::Posted(post) => ("commit", &post.author, commit("create", post, Some(record(view, post)))),
            Change::Edited(post) => ("commit", &post.author, commit("update", post, Some(record(view, post)))),
            Change::Deleted(post) => ("commit", &post.author, commit("delete", post, None)),
            Change::Removed { author, .. } => {
                let account = json!({"did": did(author), "active": false, "status": "deleted", "seq": happened.seq});
                ("account", author, account)
            }
            // Likes are of another collection, which nobody asked for.
            Change::Counted(_) => return None,
        };
        Some(Say::json(&match self.version {
            1 => json!({"did": did(author), "time_us": time_us(happened), "kind": kind, kind: said}),
            _ => second(happened, kind, author, said),
        }))
    }
}

/// A commit stands in its message, whatever else it wraps has its own place.
fn second(happened: &Happened, kind: &str, author: &str, said: Value) -> Value {
    let mut payload = if kind == "commit" { said } else { json!({kind: said}) };
    payload["$type"] = format!("network.bsky.jetstream.subscribeEvents#{kind}").into();
    payload["seq"] = happened.seq.into();
    payload["did"] = did(author).into();
    payload["time"] = happened.at.to_string().into();
    json!({"$type": "message", "payload": payload})
}

fn time_us(happened: &Happened) -> i64 {
    happened.at.as_microsecond()
}

fn did(author: &str) -> String {
    format!("did:plc:{author}")
}

fn record_key(post: &Told) -> String {
    format!("3k{}", post.n)
}

fn commit(operation: &str, post: &Told, record: Option<Value>) -> Value {
    let mut commit = json!({"rev": format!("3m{}", post.n), "operation": operation, "collection": POSTS,
        "rkey": record_key(post)});
    if let Some(record) = record {
        commit["record"] = record;
        commit["cid"] = "bafyreib".into();
    }
    commit
}

/// A post as its author's repository has it.
fn record(view: &View<'_>, post: &Told) -> Value {
    let end = |n: u64| view.told(n).map(|told| json!({"cid": "bafyreia", "uri": uri(&did(&told.author), &record_key(told))}));
    let facet = |tag: &String| {
        let sign = format!("#{tag}");
        let start = post.text.find(&sign)?;
        Some(json!({"index": {"byteStart": start, "byteEnd": start + sign.len()},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": tag}]}))
    };
    let facets: Vec<Value> = post.tags.iter().filter_map(facet).collect();
    let mut record = json!({"$type": POSTS, "createdAt": post.created_at.to_string(), "langs": ["en"], "text": post.text,
        "facets": facets});
    if let Some(parent) = post.parent.and_then(end) {
        record["reply"] = json!({"parent": parent, "root": post.root.and_then(end)});
    }
    record
}
