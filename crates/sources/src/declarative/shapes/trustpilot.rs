use jiff::SignedDuration;
use serde_json::{Value, json};

use super::numbered;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, number},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "trustpilot"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\nbusiness_units = [\"5f00\"]\nkey_env = \"TRUSTPILOT_KEY\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("TRUSTPILOT_KEY", "s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (60, SignedDuration::from_mins(1));
        let polled = Traits::polled(SignedDuration::from_mins(15), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, replies: false, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "apikey", "s3cr3t") {
            return Answer::status(401, "");
        }
        let mut all: Vec<&Told> = view.posts.iter().chain(view.gone).collect();
        all.sort_by_key(|post| std::cmp::Reverse((post.created_at, post.n)));
        let name = request.url.path().rsplit('/').next().unwrap_or_default();
        if let Some(n) = name.strip_prefix('r').and_then(|n| n.parse().ok()) {
            return view.told(n).map_or(Answer::status(404, ""), |post| Answer::json(&review(view, post)));
        }
        let (page, _) = numbered(view, all.into_iter(), number(request, "page"));
        Answer::json(&json!({"reviews": page.into_iter().map(|post| review(view, post)).collect::<Vec<_>>()}))
    }

    fn native_id(&self, post: &Told) -> String {
        format!("r{}", post.n)
    }
}

fn review(view: &View<'_>, post: &Told) -> Value {
    let is_gone = view.gone.iter().any(|gone| gone.n == post.n);
    json!({"id": format!("r{}", post.n), "text": post.text, "stars": 4, "createdAt": post.created_at.to_string(),
           "consumer": {"id": "c1", "displayName": post.author}, "numberOfLikes": post.likes,
           "status": if is_gone { "archived" } else { "active" }})
}
