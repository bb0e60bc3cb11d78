//! How a file tells a story: a line for each post, and the line again where it changes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::{
    conformance::{
        Answer,
        shape::{FOLDER, Shape, Traits},
        story::{Change, Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Lines)]
}

struct Lines;

impl Shape for Lines {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!("path = \"{FOLDER}/posts.ndjson\"\nfollow = true\n[fields]\nauthor = \"by\"\ncreated_at = \"at\"")
    }

    fn traits(&self) -> Traits {
        let allowed = (60, SignedDuration::from_mins(1));
        Traits { edits: true, counters: true, ..Traits::polled(SignedDuration::from_mins(20), allowed) }
    }

    /// It is never asked.
    fn answer(&self, _view: &View<'_>, _request: &Request) -> Answer {
        Answer::status(404, "")
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }

    fn files(&self, view: &View<'_>) -> Vec<(String, Vec<u8>)> {
        // A line stays: what is gone in the same moment was never written.
        let is_gone = |post: &Told, at: Timestamp| {
            let deletes = |change: &Change| matches!(change, Change::Deleted(gone) if gone.n == post.n);
            view.changes.iter().any(|happened| happened.at == at && deletes(&happened.change))
        };
        let told = view.changes.iter().flat_map(|happened| match &happened.change {
            Change::Posted(post) if is_gone(post, happened.at) => None,
            Change::Posted(post) | Change::Edited(post) | Change::Counted(post) => Some(line(post)),
            Change::Deleted(_) | Change::Removed { .. } => None,
        });
        vec![("posts.ndjson".to_owned(), told.collect::<String>().into_bytes())]
    }
}

fn line(post: &Told) -> String {
    let record = json!({"id": post.n, "by": post.author, "at": post.created_at.to_string(), "text": post.text,
        "parent": post.parent, "root": post.root, "likes": post.likes, "hashtags": post.tags});
    format!("{record}\n")
}
