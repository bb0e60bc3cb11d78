use jiff::SignedDuration;
use serde_json::{Value, json};

use super::numbered;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "appstore_reviews"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\napps = [\"123\"]\ncountries = [\"de\"]")
    }

    fn traits(&self) -> Traits {
        let allowed = (20, SignedDuration::from_mins(1));
        let polled = Traits::polled(SignedDuration::from_mins(15), allowed);
        Traits { edits: true, counters: true, replies: false, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        let page = request.url.path().split('/').find_map(|part| part.strip_prefix("page=")?.parse().ok());
        let (page, _) = numbered(view, view.newest(), page);
        let mut entries: Vec<Value> = page.into_iter().map(entry).collect();
        // A feed with one review holds no list, and one without has no key for them.
        match entries.len() {
            0 => Answer::json(&json!({"feed": {"title": {"label": "Reviews"}}})),
            1 => Answer::json(&json!({"feed": {"entry": entries.remove(0)}})),
            _ => Answer::json(&json!({"feed": {"entry": entries}})),
        }
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }
}

fn entry(post: &Told) -> Value {
    let label = |text: String| json!({"label": text});
    json!({"id": label(post.n.to_string()), "content": label(post.text.clone()), "im:rating": label("3".into()),
           "updated": label(post.created_at.to_string()), "im:voteSum": label(post.likes.to_string()),
           "author": {"name": label(post.author.clone()), "uri": label("https://x.example/id7".into())}})
}
