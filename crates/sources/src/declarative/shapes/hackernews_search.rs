use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, escaped, parameter},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "hackernews_search"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\nqueries = [\"kettle\"]")
    }

    fn traits(&self) -> Traits {
        let allowed = (10_000, SignedDuration::from_hours(1));
        let polled = Traits::polled(SignedDuration::from_mins(5), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        let filters = parameter(request, "numericFilters").unwrap_or_default();
        let bound = |prefix| filters.split(',').find_map(|filter| filter.strip_prefix(prefix)?.parse::<i64>().ok());
        let (from, to) = (bound("created_at_i>=").unwrap_or(0), bound("created_at_i<=").unwrap_or(i64::MAX));
        let is_within = |post: &&Told| (from..=to).contains(&post.created_at.as_second());
        let mut posts: Vec<&Told> = view.posts.iter().chain(view.gone).filter(is_within).collect();
        posts.sort_by_key(|post| std::cmp::Reverse((post.created_at, post.n)));
        // One more than two, as three may be of the same moment.
        let hits: Vec<Value> = posts.into_iter().take(view.per_page + 1).map(|post| hit(view, post)).collect();
        Answer::json(&json!({"hits": hits, "nbPages": 1}))
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }
}

/// The index keeps what was removed, without its author.
fn hit(view: &View<'_>, post: &Told) -> Value {
    let is_gone = view.gone.iter().any(|gone| gone.n == post.n);
    json!({"objectID": post.n.to_string(), "author": (!is_gone).then_some(&post.author),
           "created_at_i": post.created_at.as_second(), "parent_id": post.parent, "story_id": post.root,
           "comment_text": escaped(&post.text), "points": post.likes})
}
