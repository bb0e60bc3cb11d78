use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{self, TOKEN, graph, in_thread, is_comment, newest, refused, time, unknown};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, Left},
        story::{Told, View},
    },
    http::Request,
};

/// Four to six are posts here, as comments are not read again one by one; so are nine and eleven, as comments go with their post.
pub(super) struct Platform;

const PAGE: &str = "19000";

fn id(post: &Told) -> String {
    if is_comment(post) { format!("500_{}", post.n) } else { format!("{PAGE}_{}", post.n) }
}

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "facebook_page"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\npages = [\"{PAGE}\"]\ntoken_env = \"FACEBOOK_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("FACEBOOK_TOKEN", TOKEN))
    }

    fn traits(&self) -> Traits {
        let allowed = (200, SignedDuration::from_hours(1));
        let polled = Traits::polled(SignedDuration::from_hours(24), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if let Some(refused) = refused(request) {
            return refused;
        }
        let path: Vec<&str> = request.url.path().trim_matches('/').split('/').collect();
        match path[..] {
            [PAGE] => Answer::json(&json!({"id": PAGE, "name": "Acme", "fan_count": 12})),
            [PAGE, "feed"] => graph(view, request, newest(view, |post| !is_comment(post), |post| posted(view, post))),
            [PAGE, "tagged"] => graph(view, request, Vec::new()),
            [of, "comments"] => {
                let fits = |post: &Told| is_comment(post) && post.root.map(|root| format!("{PAGE}_{root}")).as_deref() == Some(of);
                graph(view, request, newest(view, fits, |post| commented(view, post)))
            }
            [one] => match view.posts.iter().find(|post| id(post) == one) {
                Some(post) => Answer::json(&posted(view, post)),
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
        id(post)
    }

    fn parent_id(&self, post: &Told, view: &View<'_>) -> Option<String> {
        let parent = post.parent.filter(|_| is_comment(post))?;
        view.told(parent).map(id)
    }
}

fn posted(view: &View<'_>, post: &Told) -> Value {
    let comments = in_thread(view, post.n, is_comment);
    json!({"id": id(post), "message": post.text, "created_time": time(post), "from": {"id": post.author, "name": post.author},
           "permalink_url": format!("https://www.facebook.com/{PAGE}/posts/{}", post.n), "shares": {"count": 1},
           "reactions": {"data": [], "summary": {"total_count": post.likes}},
           "comments": {"data": [], "summary": {"total_count": comments}}})
}

fn commented(view: &View<'_>, post: &Told) -> Value {
    let parent = post.parent.and_then(|parent| view.told(parent)).filter(|parent| is_comment(parent));
    json!({"id": id(post), "message": post.text, "created_time": time(post), "from": {"id": post.author, "name": post.author},
           "like_count": post.likes, "comment_count": post.replies, "parent": parent.map(|parent| json!({"id": id(parent)}))})
}
