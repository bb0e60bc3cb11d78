use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::numbered;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, number, Left},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "github"
    }

    fn table(&self) -> String {
        format!(
            "base_url = \"{SIM}\"\ngraphql_url = \"{SIM}/graphql\"\nrepositories = [\"acme/app\"]\n\
             discussions_of = [\"acme/app\"]\ntoken_env = \"GITHUB_TOKEN\""
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("GITHUB_TOKEN", "s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (60, SignedDuration::from_mins(1));
        let polled = Traits::polled(SignedDuration::from_mins(5), allowed);
        Traits { edits: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", "Bearer s3cr3t") {
            return Answer::status(401, "");
        }
        let path = request.url.path();
        if path.ends_with("/graphql") {
            return discussions(view, request);
        }
        if path.contains("/users/") {
            return Answer::json(&json!({"login": "acme", "followers": 9}));
        }
        let is_issue = path.ends_with("/acme/app/issues");
        let mut posts: Vec<&Told> =
            view.posts.iter().filter(|post| !is_discussed(post) && post.parent.is_none() == is_issue).collect();
        posts.sort_by_key(|post| std::cmp::Reverse((changed(post), post.n)));
        let page_number = number(request, "page").unwrap_or(1);
        let (page, more) = numbered(view, posts.into_iter(), Some(page_number));
        let mut next = request.url.clone();
        next.set_query(Some(&format!("page={}", page_number + 1)));
        let link = format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\"");
        let answer = Answer::json(&page.into_iter().map(issue_or_comment).collect());
        if more { answer.with_header("link", link) } else { answer }
    }

    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        vec![
            ("x-ratelimit-limit", left.allowed.to_string()),
            ("x-ratelimit-used", left.used.to_string()),
            ("x-ratelimit-remaining", left.remaining().to_string()),
            ("x-ratelimit-reset", left.resets.as_second().to_string()),
            ("x-ratelimit-resource", "core".to_owned()),
        ]
    }

    fn limited(&self, _: &Left) -> Answer {
        let words = json!({"message": "API rate limit exceeded for user ID 1.", "status": "403"});
        Answer { status: 403, ..Answer::json(&words) }
    }

    fn native_id(&self, post: &Told) -> String {
        match (post.parent, is_discussed(post)) {
            (None, _) => format!("acme/app#{}", post.n),
            (Some(_), false) => format!("acme/app#comment-{}", post.n),
            (Some(_), true) => format!("acme/app#discussioncomment-{}", post.n),
        }
    }

    /// A comment on an issue answers the issue, whatever it says.
    fn parent_id(&self, post: &Told, _: &View<'_>) -> Option<String> {
        let (parent, root) = (post.parent?, post.root?);
        let answers_comment = is_discussed(post) && parent != root;
        Some(if answers_comment { format!("acme/app#discussioncomment-{parent}") } else { format!("acme/app#{root}") })
    }
}

/// Every other thread is a discussion.
fn is_discussed(post: &Told) -> bool {
    post.root.unwrap_or(post.n) % 2 == 1
}

fn changed(post: &Told) -> Timestamp {
    post.edited_at.unwrap_or(post.created_at)
}

fn issue_or_comment(post: &Told) -> Value {
    let user = json!({"login": post.author, "id": 3, "type": "User"});
    let (created, changed) = (post.created_at.to_string(), changed(post).to_string());
    match post.root {
        None => json!({"number": post.n, "title": post.text, "user": user, "created_at": created, "updated_at": changed,
                       "comments": post.replies, "reactions": {"+1": post.likes}}),
        Some(root) => json!({"id": post.n, "body": post.text, "user": user, "created_at": created,
                             "updated_at": changed, "reactions": {"+1": post.likes},
                             "issue_url": format!("https://api.github.com/repos/acme/app/issues/{root}")}),
    }
}

fn discussions(view: &View<'_>, request: &Request) -> Answer {
    let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let page: Option<u64> = body["variables"]["after"].as_str().and_then(|cursor| cursor.parse().ok());
    let mut posts: Vec<&Told> =
        view.posts.iter().filter(|post| is_discussed(post) && post.parent.is_none()).collect();
    // What was answered last comes first.
    let last = |post: &Told| {
        let of_it = view.posts.iter().filter(|answer| answer.root == Some(post.n));
        of_it.map(changed).max().max(Some(changed(post)))
    };
    posts.sort_by_key(|post| std::cmp::Reverse((last(post), post.n)));
    let (found, more) = numbered(view, posts.into_iter(), page);
    let nodes: Vec<Value> = found
        .into_iter()
        .map(|post| {
            let mut node = node(post);
            let comments = comments(view, post.n);
            node["number"] = post.n.into();
            node["updatedAt"] = last(post).map(|time| time.to_string()).into();
            node["title"] = node["body"].take();
            node["comments"] = json!({"totalCount": comments.len(), "nodes": comments});
            node
        })
        .collect();
    let end = json!({"hasNextPage": more, "endCursor": (page.unwrap_or(1) + 1).to_string()});
    Answer::json(&json!({"data": {"repository": {"discussions": {"pageInfo": end, "nodes": nodes}}}}))
}

fn node(post: &Told) -> Value {
    json!({"body": post.text, "createdAt": post.created_at.to_string(), "updatedAt": changed(post).to_string(),
           "upvoteCount": post.likes, "author": {"__typename": "User", "login": post.author, "databaseId": 3}})
}

/// The comments of a discussion, each with all that stands below it: GitHub has no further level.
fn comments(view: &View<'_>, discussion: u64) -> Vec<Value> {
    let with_replies = |post: &Told| {
        let below = view.posts.iter().filter(|answer| is_below(view, answer, post.n));
        let replies: Vec<Value> = below.map(|answer| reply(answer, discussion)).collect();
        let mut node = reply(post, discussion);
        node["replyTo"] = Value::Null;
        node["replies"] = json!({ "nodes": replies });
        node
    };
    view.posts.iter().filter(|post| post.parent == Some(discussion)).map(with_replies).collect()
}

fn reply(post: &Told, discussion: u64) -> Value {
    let mut node = node(post);
    node["databaseId"] = post.n.into();
    node["discussion"] = json!({"number": discussion});
    node["replyTo"] = json!({"databaseId": post.parent});
    node
}

fn is_below(view: &View<'_>, post: &Told, comment: u64) -> bool {
    match post.parent {
        Some(parent) if parent == comment => true,
        Some(parent) => view.told(parent).is_some_and(|parent| is_below(view, parent, comment)),
        None => false,
    }
}
