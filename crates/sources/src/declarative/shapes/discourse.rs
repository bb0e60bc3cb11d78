use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, escaped, number, Left},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "discourse"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\napi_key_env = \"DISCOURSE_KEY\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("DISCOURSE_KEY", "s3cr3t/key"))
    }

    fn traits(&self) -> Traits {
        let allowed = (60, SignedDuration::from_mins(1));
        let polled = Traits::polled(SignedDuration::from_mins(5), allowed);
        Traits { edits: true, deletes: true, removals: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "api-key", "s3cr3t/key") {
            return Answer::status(403, "");
        }
        let one = request.url.path().strip_prefix("/posts/").and_then(|name| name.strip_suffix(".json")?.parse().ok());
        if let Some(post) = one.and_then(|n| view.told(n)) {
            return Answer::json(&posted(view, post));
        }
        let before = number(request, "before").unwrap_or(u64::MAX);
        let mut posts: Vec<&Told> = view.posts.iter().chain(view.gone).filter(|post| post.n <= before).collect();
        posts.sort_by_key(|post| std::cmp::Reverse(post.n));
        let page: Vec<Value> = posts.into_iter().take(view.per_page).map(|post| posted(view, post)).collect();
        Answer::json(&json!({ "latest_posts": page }))
    }

    fn limited(&self, left: &Left) -> Answer {
        let seconds = left.seconds();
        let extras = json!({"wait_seconds": seconds, "time_left": format!("{seconds} seconds")});
        let words = "You’ve performed this action too many times, please try again later.";
        let answer = Answer::json(&json!({"errors": [words], "error_type": "rate_limit", "extras": extras}));
        Answer { status: 429, ..answer }.with_header("retry-after", seconds.to_string())
    }

    fn native_id(&self, post: &Told) -> String {
        format!("{}/{}", topic(post), number_of(post.n, post))
    }

    fn parent_id(&self, post: &Told, _: &View<'_>) -> Option<String> {
        post.parent.map(|parent| format!("{}/{}", topic(post), number_of(parent, post)))
    }
}

fn topic(post: &Told) -> u64 {
    post.root.unwrap_or(post.n)
}

/// Of the post `n` in the topic of this one: the first has 1, as everywhere; the others keep those of the story.
fn number_of(n: u64, of: &Told) -> u64 {
    if n == topic(of) { 1 } else { n.max(2) }
}

/// Any number that is the same for the same name.
fn user_id(author: &str) -> u64 {
    author.bytes().fold(7, |id, byte| (id * 31 + u64::from(byte)) % 1_000_000_007)
}

fn posted(view: &View<'_>, post: &Told) -> Value {
    let is_gone = view.gone.iter().any(|gone| gone.n == post.n);
    json!({"id": post.n, "topic_id": topic(post), "post_number": number_of(post.n, post), "post_type": 1,
           "category_id": 5, "topic_slug": "topic", "username": post.author, "user_id": user_id(&post.author),
           "cooked": format!("<p>{}</p>", escaped(&post.text)),
           "created_at": post.created_at.to_string(), "user_deleted": is_gone,
           "reply_to_post_number": post.parent.map(|parent| number_of(parent, post)),
           "reply_count": post.replies, "actions_summary": [{"id": 2, "count": post.likes}]})
}
