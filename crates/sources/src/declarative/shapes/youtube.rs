use jiff::SignedDuration;
use serde_json::{Value, json};

use super::numbered;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, escaped, parameter, Left},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "youtube"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\nqueries = [\"kettle\"]\nchannels = [\"UC1\"]\nkey_env = \"YOUTUBE_KEY\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("YOUTUBE_KEY", "s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (60, SignedDuration::from_mins(1));
        // What is deleted is just not there: it is asked for again after an hour, and after six.
        let polled = Traits::polled(SignedDuration::from_mins(200), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if parameter(request, "key").as_deref() != Some("s3cr3t") {
            return Answer::status(403, "");
        }
        let wanted = parameter(request, "id");
        let wanted: Option<Vec<&str>> = wanted.as_deref().map(|ids| ids.split(',').collect());
        let is_wanted = |post: &&Told| wanted.as_ref().is_none_or(|ids| ids.contains(&name(post.n).as_str()));
        let path = request.url.path().trim_start_matches('/');
        let fits = |post: &&Told| match path {
            "search" | "videos" => post.parent.is_none(),
            "commentThreads" => post.parent.is_some() && post.parent == post.root,
            _ => parameter(request, "parentId").is_some_and(|thread| thread == thread_of(view, post)),
        };
        let tell = match path {
            "search" => found,
            "videos" => video,
            "commentThreads" => thread,
            "comments" => comment,
            _ => return Answer::json(&json!({"items": [{"id": "UC1", "statistics": {"subscriberCount": "9"}}]})),
        };
        let posts: Vec<&Told> = view.newest().filter(fits).filter(is_wanted).collect();
        let number: Option<u64> =
            parameter(request, "pageToken").and_then(|token| token.strip_prefix('P')?.parse().ok());
        let (page, more) = match wanted {
            Some(_) => (posts, false),
            None => numbered(view, posts.into_iter(), number),
        };
        let items: Vec<Value> = page.into_iter().map(|post| tell(view, post)).collect();
        let next = more.then(|| format!("P{}", number.unwrap_or(1) + 1));
        Answer::json(&json!({"items": items, "nextPageToken": next}))
    }

    fn limited(&self, _: &Left) -> Answer {
        let reason = json!({"domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Quota exceeded."});
        let error = json!({"code": 403, "message": "Quota exceeded.", "errors": [reason]});
        Answer { status: 403, ..Answer::json(&json!({"error": error})) }
    }

    fn native_id(&self, post: &Told) -> String {
        name(post.n)
    }

    /// Answers stand in a thread: below its first comment, whichever of them they answer.
    fn parent_id(&self, post: &Told, view: &View<'_>) -> Option<String> {
        let parent = post.parent?;
        Some(if Some(parent) == post.root { name(parent) } else { thread_of(view, post) })
    }
}

fn name(n: u64) -> String {
    format!("y{n}")
}

fn thread_of(view: &View<'_>, post: &Told) -> String {
    let mut first = post;
    while let Some(above) = first.parent.filter(|parent| Some(*parent) != post.root).and_then(|n| view.told(n)) {
        first = above;
    }
    name(first.n)
}

fn found(_: &View<'_>, post: &Told) -> Value {
    json!({"id": {"kind": "youtube#video", "videoId": name(post.n)},
           "snippet": {"publishedAt": post.created_at.to_string(), "title": "…", "channelId": "UC1"}})
}

fn video(_: &View<'_>, post: &Told) -> Value {
    json!({"id": name(post.n),
           "snippet": {"publishedAt": post.created_at.to_string(), "title": post.text, "channelId": "UC1"},
           "statistics": {"likeCount": post.likes.to_string(), "commentCount": post.replies.to_string()}})
}

fn snippet(post: &Told) -> Value {
    json!({"publishedAt": post.created_at.to_string(), "textDisplay": escaped(&post.text),
           "videoId": post.root.map(name), "authorDisplayName": format!("@{}", post.author), "likeCount": post.likes})
}

fn comment(view: &View<'_>, post: &Told) -> Value {
    let mut snippet = snippet(post);
    snippet["parentId"] = thread_of(view, post).into();
    json!({"id": name(post.n), "snippet": snippet})
}

/// With up to five of its answers.
fn thread(view: &View<'_>, post: &Told) -> Value {
    let is_in = |answer: &&Told| answer.n != post.n && answer.root == post.root && thread_of(view, answer) == name(post.n);
    let answers: Vec<Value> = view.newest().filter(is_in).map(|answer| comment(view, answer)).collect();
    json!({"id": name(post.n), "replies": {"comments": answers.iter().take(5).collect::<Vec<_>>()},
           "snippet": {"videoId": post.root.map(name), "topLevelComment": {"snippet": snippet(post)},
                       "totalReplyCount": answers.len()}})
}
