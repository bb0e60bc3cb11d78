//! How X tells a story: by its search, with look-ups and accounts, and by its filtered stream.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::map::id_at;
use crate::{
    conformance::{
        Answer,
        shape::{Peer, SIM, Say, Shape, Traits, brings, escaped, number, parameter, Left},
        story::{Change, Happened, Told, View},
    },
    http::{Method, Request},
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Search), Arc::new(Stream)]
}

const SECRET: (&str, &str) = ("X_TOKEN", "t0p-s3cr3t");

struct Search;

struct Stream;

impl Shape for Search {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!(
            "endpoint = \"{SIM}\"\ntoken_env = \"X_TOKEN\"\nqueries = [\"kettle\"]\nrecheck_hours = 24\n\
             accounts = [\"@Acme\"]"
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(SECRET)
    }

    fn traits(&self) -> Traits {
        let allowed = (450, SignedDuration::from_mins(15));
        let every = SignedDuration::from_hours(3);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..Traits::polled(every, allowed) }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        answer(view, request)
    }

    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        window(left)
    }

    fn limited(&self, _: &Left) -> Answer {
        let words = json!({"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429});
        Answer { status: 429, ..Answer::json(&words) }
    }

    fn native_id(&self, post: &Told) -> String {
        first_id(post).to_string()
    }
}

impl Shape for Stream {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn name(&self) -> &'static str {
        "x (stream)"
    }

    fn table(&self) -> String {
        format!("endpoint = \"{SIM}\"\ntoken_env = \"X_TOKEN\"\nqueries = [\"kettle\"]\nmethod = \"stream\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(SECRET)
    }

    fn traits(&self) -> Traits {
        let allowed = (450, SignedDuration::from_mins(15));
        Traits { deletes: false, allowed, ..Traits::streamed(SignedDuration::from_hours(3)) }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        answer(view, request)
    }

    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        window(left)
    }

    fn limited(&self, _: &Left) -> Answer {
        let words = json!({"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429});
        Answer { status: 429, ..Answer::json(&words) }
    }

    fn native_id(&self, post: &Told) -> String {
        first_id(post).to_string()
    }

    fn peer(&self) -> Option<Box<dyn Peer>> {
        Some(Box::new(Connection))
    }
}

/// What matches a rule is sent as it is posted, once.
struct Connection;

impl Peer for Connection {
    fn open(&mut self, _view: &View<'_>, request: &Request) -> Result<Vec<Say>, Answer> {
        match brings(request, "authorization", "Bearer t0p-s3cr3t") {
            true => Ok(vec![Say::Text("\r\n".to_owned())]),
            false => Err(refusal()),
        }
    }

    fn change(&mut self, view: &View<'_>, happened: &Happened) -> Vec<Say> {
        match &happened.change {
            // What is gone before it is sent is not sent.
            Change::Posted(post) | Change::Edited(post) if view.gone.iter().any(|gone| gone.n == post.n) => Vec::new(),
            Change::Posted(post) | Change::Edited(post) => vec![Say::line(&json!({
                "data": tweet(view, post), "includes": includes(&[post]),
                "matching_rules": [{"id": "1166895166390583299", "tag": "grapevine:0"}],
            }))],
            _ => Vec::new(),
        }
    }

    fn silence(&mut self, _view: &View<'_>) -> Vec<Say> {
        vec![Say::Text("\r\n".to_owned())]
    }

    fn farewell(&mut self) -> Vec<Say> {
        let words = json!({"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect",
            "detail": "This stream has been disconnected upstream for operational reasons.",
            "type": "https://api.twitter.com/2/problems/operational-disconnect"});
        vec![Say::line(&json!({"errors": [words]})), Say::Close(1000, String::new())]
    }
}

fn window(left: &Left) -> Vec<(&'static str, String)> {
    vec![
        ("x-rate-limit-limit", left.allowed.to_string()),
        ("x-rate-limit-remaining", left.remaining().to_string()),
        ("x-rate-limit-reset", left.resets.as_second().to_string()),
    ]
}

fn refusal() -> Answer {
    let words = json!({"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"});
    Answer { status: 401, ..Answer::json(&words) }
}

fn answer(view: &View<'_>, request: &Request) -> Answer {
    if !brings(request, "authorization", "Bearer t0p-s3cr3t") {
        return refusal();
    }
    let path: Vec<&str> = request.url.path().trim_start_matches("/2/").split('/').collect();
    match path[..] {
        ["tweets", "search", "recent"] => search(view, request),
        ["tweets", "search", "stream", "rules"] if request.method == Method::GET => {
            Answer::json(&json!({"meta": {"sent": view.now.to_string(), "result_count": 0}}))
        }
        ["tweets", "search", "stream", "rules"] => {
            let summary = json!({"created": 1, "not_created": 0, "valid": 1, "invalid": 0});
            Answer::json(&json!({"meta": {"sent": view.now.to_string(), "summary": summary}}))
        }
        ["tweets"] => look_up(view, &parameter(request, "ids").unwrap_or_default()),
        ["users", "by"] => Answer::json(&json!({"data": [
            {"id": "77", "name": "Acme", "username": "Acme", "public_metrics": {"followers_count": 1200, "tweet_count": 9}}]})),
        _ => Answer::status(404, "{\"title\": \"Not Found\"}"),
    }
}

/// The first version's: by its time, and equal times apart.
fn first_id(post: &Told) -> u64 {
    id_at(post.created_at) + post.n % 0x3f_ffff
}

/// An edit has an id of its own.
fn id(post: &Told) -> u64 {
    post.edited_at.map_or_else(|| first_id(post), |edited| id_at(edited) + post.n % 0x3f_ffff)
}

/// Newest first. The token is the last post of the page before.
fn search(view: &View<'_>, request: &Request) -> Answer {
    let since = number(request, "since_id").unwrap_or(0);
    let start = parameter(request, "start_time").and_then(|time| time.parse::<Timestamp>().ok());
    let before = parameter(request, "next_token").and_then(|token| token.strip_prefix("b26v").map(str::to_owned));
    let before = before.and_then(|id| id.parse().ok()).unwrap_or(u64::MAX);
    let is_asked = |post: &&Told| {
        let id = id(post);
        id > since && id < before && start.is_none_or(|start| id >= id_at(start))
    };
    let mut found: Vec<&Told> = view.posts.iter().filter(is_asked).collect();
    found.sort_by_key(|post| std::cmp::Reverse(id(post)));
    let has_more = found.len() > view.per_page;
    found.truncate(view.per_page);
    let (Some(newest), Some(oldest)) = (found.first(), found.last()) else {
        return limits(view, &json!({"meta": {"result_count": 0}}));
    };
    let mut meta = json!({"newest_id": id(newest).to_string(), "oldest_id": id(oldest).to_string(), "result_count": found.len()});
    if has_more {
        meta["next_token"] = json!(format!("b26v{}", id(oldest)));
    }
    let data: Vec<Value> = found.iter().map(|post| tweet(view, post)).collect();
    limits(view, &json!({"data": data, "includes": includes(&found), "meta": meta}))
}

fn limits(view: &View<'_>, body: &Value) -> Answer {
    let reset = view.now.as_second() + 900;
    Answer::json(body).with_header("x-rate-limit-remaining", "440").with_header("x-rate-limit-reset", reset.to_string())
}

fn look_up(view: &View<'_>, ids: &str) -> Answer {
    let find = |wanted: &str| view.posts.iter().find(|post| id(post).to_string() == wanted);
    let (found, missing): (Vec<&str>, Vec<&str>) = ids.split(',').partition(|wanted| find(wanted).is_some());
    let posts: Vec<&Told> = found.into_iter().filter_map(find).collect();
    let problem = |id: &&str| {
        json!({"value": id, "detail": format!("Could not find tweet with ids: [{id}]."), "title": "Not Found Error",
            "resource_type": "tweet", "parameter": "ids", "resource_id": id,
            "type": "https://api.twitter.com/2/problems/resource-not-found"})
    };
    let mut answer = json!({});
    if !posts.is_empty() {
        let data: Vec<Value> = posts.iter().map(|post| tweet(view, post)).collect();
        (answer["data"], answer["includes"]) = (json!(data), includes(&posts));
    }
    if !missing.is_empty() {
        answer["errors"] = json!(missing.iter().map(problem).collect::<Vec<Value>>());
    }
    limits(view, &answer)
}

/// With a picture, whose link stands at the end of the text.
fn tweet(view: &View<'_>, post: &Told) -> Value {
    let link = format!("https://t.co/pic{:07}", post.n % 10_000_000);
    let mut tweet = json!({
        "id": id(post).to_string(), "text": format!("{} {link}", escaped(&post.text)), "lang": "en",
        "author_id": author_id(&post.author), "conversation_id": first_id(post).to_string(),
        "created_at": post.edited_at.unwrap_or(post.created_at).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
        "edit_history_tweet_ids": [first_id(post).to_string()], "attachments": {"media_keys": ["3_1"]},
        "public_metrics": {"retweet_count": 0, "reply_count": post.replies, "like_count": post.likes, "quote_count": 0,
            "bookmark_count": 0, "impression_count": 100 + post.likes},
        "entities": {
            "hashtags": post.tags.iter().map(|tag| json!({"tag": tag})).collect::<Vec<Value>>(),
            "urls": [{"url": link, "expanded_url": format!("https://x.com/a/status/{}/photo/1", id(post)),
                "display_url": "pic.x.com/a", "media_key": "3_1"}],
        },
    });
    if post.edited_at.is_some() {
        tweet["edit_history_tweet_ids"] = json!([first_id(post).to_string(), id(post).to_string()]);
    }
    if let Some(parent) = post.parent.and_then(|parent| view.told(parent)) {
        tweet["referenced_tweets"] = json!([{"type": "replied_to", "id": first_id(parent).to_string()}]);
        tweet["in_reply_to_user_id"] = json!(author_id(&parent.author));
    }
    if let Some(root) = post.root.and_then(|root| view.told(root)) {
        tweet["conversation_id"] = json!(first_id(root).to_string());
    }
    tweet
}

fn includes(posts: &[&Told]) -> Value {
    let user = |post: &&Told| {
        json!({"id": author_id(&post.author), "username": post.author, "name": post.author,
            "public_metrics": {"followers_count": 5, "following_count": 1, "tweet_count": 2, "listed_count": 0}})
    };
    let mut users: Vec<Value> = Vec::new();
    posts.iter().map(user).for_each(|user| if !users.contains(&user) { users.push(user) });
    json!({"users": users, "media": [{"media_key": "3_1", "type": "photo", "url": format!("{SIM}/media/1.jpg")}]})
}

/// Any number that is the same for the same name.
fn author_id(author: &str) -> String {
    author.bytes().fold(7_u64, |id, byte| id.wrapping_mul(31).wrapping_add(byte.into())).to_string()
}
