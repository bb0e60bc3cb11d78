use jiff::SignedDuration;
use serde_json::{Value, json};

use super::numbered;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, number, parameter},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "lemmy"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\ncommunities = [\"tea\"]\ntoken_env = \"LEMMY_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("LEMMY_TOKEN", "s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (60, SignedDuration::from_mins(1));
        let polled = Traits::polled(SignedDuration::from_mins(5), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer s3cr3t") {
            return Answer::status(401, "");
        }
        let mut all: Vec<&Told> = view.posts.iter().chain(view.gone).collect();
        all.sort_by_key(|post| std::cmp::Reverse((post.created_at, post.n)));
        let one = number(request, "id").and_then(|id| view.told(id)).map(|post| entry(view, post));
        let missing = Answer::status(404, "{\"error\": \"couldnt_find_post\"}");
        match request.url.path().trim_start_matches("/api/v3/") {
            "post/list" => posts(view, all, request),
            "comment/list" => {
                let comments = all.into_iter().filter(|post| post.parent.is_some());
                let (page, _) = numbered(view, comments, number(request, "page"));
                Answer::json(&json!({"comments": page.into_iter().map(|post| entry(view, post)).collect::<Vec<_>>()}))
            }
            "post" => one.map_or(missing, |post| Answer::json(&json!({"post_view": post}))),
            "comment" => one.map_or(missing, |comment| Answer::json(&json!({"comment_view": comment}))),
            _ => Answer::json(&json!({"community_view": {"counts": {"subscribers": 812}}})),
        }
    }

    fn native_id(&self, post: &Told) -> String {
        format!("{}/{}", if post.parent.is_none() { "post" } else { "comment" }, post.n)
    }
}

/// The token stands for the last post of the page before, and is none after the last.
fn posts(view: &View<'_>, all: Vec<&Told>, request: &Request) -> Answer {
    let after: Option<u64> = parameter(request, "page_cursor").and_then(|token| token.strip_prefix('P')?.parse().ok());
    let posts: Vec<&Told> = all.into_iter().filter(|post| post.parent.is_none()).collect();
    let from = after.and_then(|after| posts.iter().position(|post| post.n == after)).map_or(0, |place| place + 1);
    let page: Vec<&Told> = posts[from..].iter().copied().take(view.per_page).collect();
    let next = page.last().filter(|_| posts.len() > from + page.len()).map(|post| format!("P{}", post.n));
    let page: Vec<Value> = page.into_iter().map(|post| entry(view, post)).collect();
    Answer::json(&json!({"posts": page, "next_page": next}))
}

fn entry(view: &View<'_>, post: &Told) -> Value {
    let is_gone = view.gone.iter().any(|gone| gone.n == post.n);
    let (time, creator) = (post.created_at.to_string(), json!({"id": 3, "name": post.author}));
    match post.parent {
        None => json!({
            "post": {"id": post.n, "name": post.text, "published": time, "deleted": is_gone}, "creator": creator,
            "counts": {"upvotes": post.likes, "comments": post.replies},
        }),
        Some(parent) => json!({
            "comment": {"id": post.n, "post_id": post.root, "path": path(view, post, parent), "content": post.text,
                        "published": time, "removed": is_gone},
            "creator": creator, "counts": {"upvotes": post.likes, "child_count": post.replies},
        }),
    }
}

/// All comments above it, from the top: `0.2.4`.
fn path(view: &View<'_>, post: &Told, parent: u64) -> String {
    let above = view.told(parent).and_then(|parent| Some((parent, parent.parent?)));
    match above {
        Some((comment, parent)) => format!("{}.{}", path(view, comment, parent), post.n),
        None => format!("0.{}", post.n),
    }
}
