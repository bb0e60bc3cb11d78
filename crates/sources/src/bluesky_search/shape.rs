//! How a server tells a story to who searches it: a session, pages by cursor, posts by their addresses.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, number, parameter, Left},
        story::{Told, View},
    },
    http::{Method, Request},
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Server)]
}

struct Server;

const PASSWORD: &str = "t0p-s3cr3t";

impl Shape for Server {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!(
            "host = \"{SIM}\"\naccount = \"acme.example\"\npassword_env = \"BLUESKY_PASSWORD\"\n\
             searches = [\"kettle\", \"#tea\"]\nfollowers_of = [\"acme.example\"]"
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("BLUESKY_PASSWORD", PASSWORD))
    }

    fn traits(&self) -> Traits {
        // Posts are looked for again at 15 min and 1 h of age; a second look, in the next round, is what tells a deletion.
        let every = SignedDuration::from_mins(35);
        let allowed = (3000, SignedDuration::from_mins(5));
        Traits { edits: true, deletes: true, removals: true, counters: true, ..Traits::polled(every, allowed) }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        match (request.method == Method::POST, request.url.path().rsplit('/').next().unwrap_or_default()) {
            (true, "com.atproto.server.createSession") => session(request),
            _ if !brings(request, "authorization", "Bearer access-1") => {
                let words = json!({"error": "AuthMissing", "message": "Authentication Required"});
                Answer { status: 401, ..Answer::json(&words) }
            }
            (false, "app.bsky.feed.searchPosts") => found(view, request),
            (false, "app.bsky.feed.getPosts") => {
                let asked: Vec<String> = request.url.query_pairs().map(|(_, uri)| uri.into_owned()).collect();
                let posts = view.posts.iter().filter(|post| asked.contains(&uri(post)));
                Answer::json(&json!({"posts": posts.map(|post| shown(view, post)).collect::<Vec<_>>()}))
            }
            (false, "app.bsky.actor.getProfiles") => {
                let profile = json!({"did": "did:plc:acme", "handle": "acme.example", "followersCount": 41,
                    "followsCount": 3, "postsCount": 12});
                Answer::json(&json!({"profiles": [profile]}))
            }
            _ => Answer::status(404, "{\"error\": \"XRPCNotSupported\"}"),
        }
    }

    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        vec![
            ("ratelimit-limit", left.allowed.to_string()),
            ("ratelimit-remaining", left.remaining().to_string()),
            ("ratelimit-reset", left.resets.as_second().to_string()),
        ]
    }

    fn limited(&self, _: &Left) -> Answer {
        Answer::status(429, "{\"error\": \"RateLimitExceeded\", \"message\": \"Rate Limit Exceeded\"}")
    }

    fn native_id(&self, post: &Told) -> String {
        uri(post)
    }

    fn is_of_part(&self, request: &Request) -> bool {
        parameter(request, "q").is_some_and(|search| search == "#tea")
    }
}

fn session(request: &Request) -> Answer {
    let words: Value = request.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
    match words["password"] == PASSWORD {
        true => Answer::json(&json!({"accessJwt": "access-1", "refreshJwt": "refresh-1", "handle": "acme.example",
            "did": "did:plc:acme", "active": true})),
        false => Answer::status(401, "{\"error\": \"AuthenticationRequired\"}"),
    }
}

/// Newest first; the cursor is how many were given.
fn found(view: &View<'_>, request: &Request) -> Answer {
    let since = parameter(request, "since").and_then(|since| since.parse::<jiff::Timestamp>().ok());
    let search = parameter(request, "q").unwrap_or_default().to_lowercase();
    let fits = |post: &&Told| {
        post.text.to_lowercase().contains(&search) && since.is_none_or(|since| post.created_at >= since)
    };
    let given = usize::try_from(number(request, "cursor").unwrap_or(0)).unwrap_or(usize::MAX);
    let posts: Vec<&Told> = view.newest().filter(fits).skip(given).take(view.per_page).collect();
    let mut answer = json!({"posts": posts.iter().map(|post| shown(view, post)).collect::<Vec<_>>()});
    if posts.len() == view.per_page {
        answer["cursor"] = (given + view.per_page).to_string().into();
    }
    let reset = (view.now + SignedDuration::from_secs(200)).as_second();
    Answer::json(&answer).with_header("ratelimit-remaining", "2900").with_header("ratelimit-reset", reset.to_string())
}

fn uri(post: &Told) -> String {
    format!("at://did:plc:{}/app.bsky.feed.post/3k{}", post.author, post.n)
}

fn shown(view: &View<'_>, post: &Told) -> Value {
    let end = |n: u64| view.told(n).map(|told| json!({"cid": "bafyreia", "uri": uri(told)}));
    let mut record = json!({"$type": "app.bsky.feed.post", "createdAt": post.created_at.to_string(), "langs": ["en"],
        "text": post.text});
    if let Some(parent) = post.parent.and_then(end) {
        record["reply"] = json!({"parent": parent, "root": post.root.and_then(end)});
    }
    json!({
        "uri": uri(post), "cid": "bafyreib", "record": record, "indexedAt": post.created_at.to_string(),
        "author": {"did": format!("did:plc:{}", post.author), "handle": format!("{}.example", post.author),
                   "displayName": post.author, "labels": []},
        "replyCount": post.replies, "repostCount": 0, "likeCount": post.likes, "quoteCount": 0, "bookmarkCount": 1,
        "labels": [],
    })
}
