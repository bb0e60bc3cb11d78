use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{self, TOKEN, graph, in_thread, is_comment, newest, refused, time, unknown};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, parameter, Left},
        story::{Told, View},
    },
    http::Request,
};

/// Three and ten are posts of others with a hashtag. Four to six are posts of the account, as comments are not read again one
/// by one; so are nine and eleven, as comments go with their post.
pub(super) struct Platform;

const ACCOUNT: &str = "17841400000000001";
const HASHTAG: &str = "17843000000000001";

fn is_of_others(post: &Told) -> bool {
    matches!(post.n, 3 | 10)
}

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "instagram"
    }

    fn table(&self) -> String {
        format!(
            "base_url = \"{SIM}\"\nuser_id = \"{ACCOUNT}\"\naccounts = [\"{ACCOUNT}\"]\nhashtags = [\"tea\"]\n\
             token_env = \"INSTAGRAM_TOKEN\""
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("INSTAGRAM_TOKEN", TOKEN))
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
        let own = |post: &Told| !is_of_others(post) && !is_comment(post);
        match path[..] {
            ["ig_hashtag_search"] => match parameter(request, "q").as_deref() {
                Some("tea") => Answer::json(&json!({"data": [{"id": HASHTAG}]})),
                _ => unknown(),
            },
            [HASHTAG, "recent_media" | "top_media"] => graph(view, request, newest(view, is_of_others, |post| posted(view, post))),
            [ACCOUNT] => Answer::json(&json!({"id": ACCOUNT, "username": "acme", "followers_count": 12})),
            [ACCOUNT, "media"] => graph(view, request, newest(view, own, |post| posted(view, post))),
            [ACCOUNT, "tags"] => graph(view, request, Vec::new()),
            [of, "comments"] => {
                let fits = |post: &Told| is_comment(post) && post.root.map(|root| root.to_string()).as_deref() == Some(of);
                graph(view, request, newest(view, fits, commented))
            }
            [one] => match view.posts.iter().find(|post| own(post) && post.n.to_string() == one) {
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
        post.n.to_string()
    }

    fn parent_id(&self, post: &Told, _: &View<'_>) -> Option<String> {
        post.parent.filter(|_| is_comment(post)).map(|parent| parent.to_string())
    }
}

fn posted(view: &View<'_>, post: &Told) -> Value {
    let comments = in_thread(view, post.n, is_comment);
    json!({"id": post.n.to_string(), "caption": post.text, "timestamp": time(post), "media_type": "IMAGE", "like_count": post.likes,
           "media_url": "https://cdn.example/1.jpg", "permalink": format!("https://www.instagram.com/p/C{}/", post.n),
           "comments_count": comments})
}

fn commented(post: &Told) -> Value {
    let parent = post.parent.filter(|parent| Some(*parent) != post.root).map(|parent| parent.to_string());
    json!({"id": post.n.to_string(), "text": post.text, "timestamp": time(post), "username": post.author,
           "from": {"id": format!("55{}", post.author), "username": post.author}, "like_count": post.likes, "parent_id": parent})
}
