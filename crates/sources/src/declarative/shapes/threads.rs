use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{self, TOKEN, graph, is_comment, newest, refused, time, unknown};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, Left},
        story::{Told, View},
    },
    http::Request,
};

/// Three and ten are found by a search. Four to six are posts of the user, as only those are read again; so are nine and
/// eleven, as replies go with their post.
pub(super) struct Platform;

fn is_found(post: &Told) -> bool {
    matches!(post.n, 3 | 10)
}

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "threads"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\nqueries = [\"kettle\"]\nusers = [\"me\"]\ntoken_env = \"THREADS_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("THREADS_TOKEN", TOKEN))
    }

    fn traits(&self) -> Traits {
        let allowed = (4800, SignedDuration::from_hours(24));
        let polled = Traits::polled(SignedDuration::from_hours(24), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if let Some(refused) = refused(request) {
            return refused;
        }
        let path: Vec<&str> = request.url.path().trim_matches('/').split('/').collect();
        let own = |post: &Told| !is_found(post) && !is_comment(post);
        match path[..] {
            ["keyword_search"] => graph(view, request, newest(view, is_found, posted)),
            ["me", "threads"] => graph(view, request, newest(view, own, posted)),
            ["me", "mentions"] => graph(view, request, Vec::new()),
            ["me", "threads_insights"] => Answer::json(&json!({"data": [{"name": "followers_count", "total_value": {"value": 12}}]})),
            [of, "conversation"] => {
                let fits = |post: &Told| is_comment(post) && post.root.map(|root| root.to_string()).as_deref() == Some(of);
                graph(view, request, newest(view, fits, posted))
            }
            [of, "insights"] => match view.posts.iter().find(|post| post.n.to_string() == of) {
                Some(post) => Answer::json(&json!({"data": [{"name": "likes", "values": [{"value": post.likes}]}]})),
                None => unknown(),
            },
            [one] => match view.posts.iter().find(|post| own(post) && post.n.to_string() == one) {
                Some(post) => Answer::json(&posted(post)),
                None => unknown(),
            },
            _ => unknown(),
        }
    }

    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        pages::usage(left)
    }

    fn limited(&self, _: &Left) -> Answer {
        pages::limited()
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }

    fn parent_id(&self, post: &Told, _: &View<'_>) -> Option<String> {
        post.parent.filter(|_| is_comment(post)).map(|parent| parent.to_string())
    }
}

fn posted(post: &Told) -> Value {
    let named = |n: Option<u64>| n.filter(|_| is_comment(post)).map(|n| json!({"id": n.to_string()}));
    json!({"id": post.n.to_string(), "text": post.text, "timestamp": time(post), "username": post.author, "media_type": "TEXT_POST",
           "permalink": format!("https://www.threads.net/@{}/post/C{}", post.author, post.n), "is_comment": is_comment(post),
           "replied_to": named(post.parent), "root_post": named(post.root)})
}
