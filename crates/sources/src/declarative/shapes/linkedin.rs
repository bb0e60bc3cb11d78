use jiff::SignedDuration;
use serde_json::{Value, json};

use super::pages::{newest, slice};
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, number},
        story::{Told, View},
    },
    http::Request,
};

/// Two is a comment, and seven answers it; the others are posts of the organisation.
pub(super) struct Platform;

const THREAD: &str = "urn%3Ali%3Ashare%3A";

fn is_comment(post: &Told) -> bool {
    matches!(post.n, 2 | 7)
}

fn is_answer(post: &Told) -> bool {
    post.n == 7
}

fn id(n: u64, is_comment: bool, root: u64) -> String {
    if is_comment { format!("urn:li:comment:(urn:li:activity:{root},{n})") } else { format!("urn:li:share:{n}") }
}

fn of(post: &Told) -> String {
    id(post.n, is_comment(post), post.root.unwrap_or(post.n))
}

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "linkedin"
    }

    fn table(&self) -> String {
        format!("base_url = \"{SIM}\"\norganizations = [\"24\"]\ntoken_env = \"LINKEDIN_TOKEN\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("LINKEDIN_TOKEN", "AQX.s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let polled = Traits::polled(SignedDuration::from_hours(24), (5000, SignedDuration::from_hours(24)));
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer AQX.s3cr3t") {
            let error = json!({"serviceErrorCode": 65600, "message": "Invalid access token", "status": 401});
            return Answer { status: 401, ..Answer::json(&error) };
        }
        if !request.headers.contains_key("linkedin-version") {
            return Answer::status(400, "{\"message\": \"A version must be present\"}");
        }
        let path = request.url.path();
        if let Some(one) = path.strip_prefix("/posts/") {
            let found = view.posts.iter().find(|post| !is_comment(post) && of(post) == one);
            return found.map_or_else(|| Answer::status(404, ""), |post| Answer::json(&posted(post)));
        }
        let elements = match path {
            "/posts" => newest(view, |post| !is_comment(post), posted),
            "/organizationalEntityShareStatistics" => statistics(view, request),
            "/networkSizes/urn%3Ali%3Aorganization%3A24" => return Answer::json(&json!({"firstDegreeSize": 12})),
            path => match path.strip_prefix("/socialActions/").and_then(|path| path.strip_suffix("/comments")) {
                Some(thread) => comments(view, thread),
                None => return Answer::status(404, ""),
            },
        };
        let start = number(request, "start").and_then(|start| start.try_into().ok()).unwrap_or(0);
        let page = slice(view, elements, start);
        Answer::json(&json!({"elements": page.records, "paging": {"start": start, "count": 2, "links": []}}))
    }

    fn native_id(&self, post: &Told) -> String {
        of(post)
    }

    fn parent_id(&self, post: &Told, _: &View<'_>) -> Option<String> {
        let root = post.root.filter(|_| is_comment(post))?;
        Some(if is_answer(post) { id(2, true, root) } else { id(root, false, root) })
    }
}

/// In LinkedIn's own markup.
fn marked_up(text: &str) -> String {
    let mut marked = String::new();
    for word in text.split_inclusive(' ') {
        match word.trim_end().strip_prefix('#') {
            Some(tag) => marked.push_str(&format!("{{hashtag|\\#|{tag}}}{}", &word[word.trim_end().len()..])),
            None => word.chars().for_each(|c| match "\\|{}@[]()<>#*_~".contains(c) {
                true => marked.extend(['\\', c]),
                false => marked.push(c),
            }),
        }
    }
    marked
}

fn posted(post: &Told) -> Value {
    let changed_at = post.edited_at.unwrap_or(post.created_at);
    json!({"id": of(post), "author": "urn:li:organization:24", "lifecycleState": "PUBLISHED", "commentary": marked_up(&post.text),
           "createdAt": post.created_at.as_millisecond(), "publishedAt": post.created_at.as_millisecond(),
           "lastModifiedAt": changed_at.as_millisecond()})
}

fn statistics(view: &View<'_>, request: &Request) -> Vec<Value> {
    let query = request.url.query().unwrap_or_default();
    let asked = query.split_once("shares=List(").and_then(|(_, list)| list.strip_suffix(')')?.strip_prefix(THREAD));
    let found = view.posts.iter().filter(|post| !is_comment(post) && Some(post.n.to_string().as_str()) == asked);
    let counted = |post: &Told| {
        let comments = view.posts.iter().filter(|known| is_comment(known) && known.root == Some(post.n)).count();
        json!({"share": of(post), "totalShareStatistics": {"likeCount": post.likes, "commentCount": comments, "shareCount": 0,
               "impressionCount": 9}})
    };
    found.map(counted).collect()
}

fn comments(view: &View<'_>, thread: &str) -> Vec<Value> {
    let fits = |post: &Told| match thread.strip_prefix(THREAD) {
        Some(root) => is_comment(post) && !is_answer(post) && post.root.map(|root| root.to_string()).as_deref() == Some(root),
        None => is_answer(post) && thread == "urn%3Ali%3Acomment%3A%28urn%3Ali%3Aactivity%3A1%2C2%29",
    };
    let written = |post: &Told| {
        let answers = view.posts.iter().filter(|known| is_answer(known) && post.n == 2).count();
        let parent = is_answer(post).then(|| id(2, true, post.root.unwrap_or(1)));
        json!({"commentUrn": of(post), "actor": format!("urn:li:person:{}", post.author), "message": {"text": post.text},
               "created": {"time": post.created_at.as_millisecond()}, "likesSummary": {"totalLikes": post.likes},
               "commentsSummary": {"aggregatedTotalComments": answers}, "parentComment": parent})
    };
    newest(view, fits, written)
}
