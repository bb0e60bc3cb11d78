use jiff::SignedDuration;
use serde_json::{Value, json};

use super::numbered;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, escaped, number, parameter, Left},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "stackexchange"
    }

    fn table(&self) -> String {
        format!(
            "base_url = \"{SIM}\"\nsites = [\"so\"]\nanswers_of = [\"so\"]\ncomments_of = [\"so\"]\nkey_env = \"STACK_KEY\""
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("STACK_KEY", "s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (30, SignedDuration::from_secs(1));
        // What is deleted is just not there: it is asked for again after an hour, and after six.
        let polled = Traits::polled(SignedDuration::from_mins(200), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if parameter(request, "key").as_deref() != Some("s3cr3t") {
            return Answer::status(403, "");
        }
        let parts: Vec<&str> = request.url.path().trim_matches('/').split('/').collect();
        let since = number(request, "fromdate").unwrap_or(0);
        let ids: Option<Vec<u64>> =
            parts.get(1).map(|ids| ids.split(';').filter_map(|id| id.parse().ok()).collect());
        let is_wanted = |post: &&Told| match &ids {
            Some(ids) => ids.contains(&post.n),
            None => post.created_at.as_second() >= since as i64,
        };
        let posts: Vec<&Told> =
            view.newest().filter(|post| kind(view, post) == parts[0]).filter(is_wanted).collect();
        // Of those that are asked for by their ids, all stand on the first page.
        let (page, more) = match ids {
            Some(_) => (posts, false),
            None => numbered(view, posts.into_iter(), number(request, "page")),
        };
        let items: Vec<Value> = page.into_iter().map(|post| item(view, post)).collect();
        Answer::json(&json!({"items": items, "has_more": more, "quota_remaining": 9000}))
    }

    fn limited(&self, left: &Left) -> Answer {
        let seconds = left.seconds();
        let words = format!("too many requests from this IP, more requests available in {seconds} seconds");
        let error = json!({"error_id": 502, "error_name": "throttle_violation", "error_message": words});
        Answer { status: 400, ..Answer::json(&error) }
    }

    fn native_id(&self, post: &Told) -> String {
        // A comment is what answers an answer.
        if post.parent.is_some() && post.parent != post.root { format!("comment/{}", post.n) } else { post.n.to_string() }
    }
}

fn kind(view: &View<'_>, post: &Told) -> &'static str {
    match post.parent.and_then(|parent| view.told(parent)) {
        None => "questions",
        Some(parent) if parent.parent.is_none() => "answers",
        Some(_) => "comments",
    }
}

fn item(view: &View<'_>, post: &Told) -> Value {
    let (text, time) = (escaped(&post.text), post.created_at.as_second());
    let owner = json!({"user_id": 3, "display_name": post.author});
    match kind(view, post) {
        "questions" => json!({"question_id": post.n, "title": text, "creation_date": time, "owner": owner,
                              "score": post.likes, "answer_count": post.replies}),
        "answers" => json!({"answer_id": post.n, "question_id": post.parent, "body": text, "creation_date": time,
                            "owner": owner, "score": post.likes}),
        _ => json!({"comment_id": post.n, "post_id": post.parent, "body": text, "creation_date": time,
                    "owner": owner, "score": post.likes}),
    }
}
