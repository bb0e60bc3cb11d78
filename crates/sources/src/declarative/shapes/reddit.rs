use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, brings, escaped, parameter, Left},
        story::{Told, View},
    },
    http::Request,
};

pub(super) struct Platform;

/// `app:s3cr3t`
const CLIENT: &str = "Basic YXBwOnMzY3IzdA==";
const TOKEN: &str = "t0ken";

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "reddit"
    }

    fn table(&self) -> String {
        format!(
            "base_url = \"{SIM}\"\ntoken_url = \"{SIM}/api/v1/access_token\"\nclient_id = \"app\"\n\
             client_secret_env = \"REDDIT_SECRET\"\nsubreddits = [\"kettles\"]"
        )
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("REDDIT_SECRET", "s3cr3t"))
    }

    fn traits(&self) -> Traits {
        let allowed = (100, SignedDuration::from_mins(1));
        // What is deleted is asked for again after a quarter of an hour, and after an hour.
        let polled = Traits::polled(SignedDuration::from_mins(30), allowed);
        Traits { edits: true, deletes: true, removals: true, counters: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        let path = request.url.path();
        if path.ends_with("/access_token") {
            return match brings(request, "authorization", CLIENT) {
                true => Answer::json(&json!({"access_token": TOKEN, "token_type": "bearer", "expires_in": 86_400})),
                false => Answer::status(401, "{\"message\": \"Unauthorized\", \"error\": 401}"),
            };
        }
        if !brings(request, "authorization", &format!("Bearer {TOKEN}")) {
            return Answer::status(401, "");
        }
        match path.rsplit('/').next().unwrap_or_default() {
            "info" => listing(view, &asked_for(view, request), false),
            "about" => {
                let name = format!("r/{}", subreddit(view));
                Answer::json(&json!({"kind": "t5", "data": {"display_name_prefixed": name, "subscribers": 9}}))
            }
            kind => {
                let (page, more) = page(view, kind == "new", parameter(request, "after"));
                listing(view, &page, more)
            }
        }
    }

    /// Fractions, and seconds from now.
    fn left(&self, left: &Left) -> Vec<(&'static str, String)> {
        vec![
            ("x-ratelimit-used", left.used.to_string()),
            ("x-ratelimit-remaining", format!("{}.0", left.remaining())),
            ("x-ratelimit-reset", left.seconds().to_string()),
        ]
    }

    fn limited(&self, _: &Left) -> Answer {
        Answer::status(429, "{\"message\": \"Too Many Requests\", \"error\": 429}")
    }

    fn native_id(&self, post: &Told) -> String {
        name(post)
    }
}

fn subreddit(view: &View<'_>) -> String {
    view.scene.community.to_lowercase()
}

fn permalink(view: &View<'_>, post: &Told) -> String {
    let thread = format!("/r/{}/comments/{}/post/", subreddit(view), post.root.unwrap_or(post.n));
    if post.parent.is_none() { thread } else { format!("{thread}{}/", post.n) }
}

fn name(post: &Told) -> String {
    format!("{}_{}", if post.parent.is_none() { "t3" } else { "t1" }, post.n)
}

/// After a post that is not there, nothing follows.
fn page<'a>(view: &View<'a>, is_post: bool, after: Option<String>) -> (Vec<&'a Told>, bool) {
    let posts: Vec<&Told> = view.newest().filter(|post| post.parent.is_none() == is_post).collect();
    let from = match after {
        None => 0,
        Some(after) => posts.iter().position(|post| name(post) == after).map_or(posts.len(), |place| place + 1),
    };
    let page: Vec<&Told> = posts[from..].iter().copied().take(view.per_page).collect();
    let more = posts.len() > from + page.len();
    (page, more)
}

fn asked_for<'a>(view: &View<'a>, request: &Request) -> Vec<&'a Told> {
    let ids = parameter(request, "id").unwrap_or_default();
    let number = |id: &str| id.split_once('_')?.1.parse().ok();
    ids.split(',').filter_map(|id| view.told(number(id)?)).collect()
}

fn listing(view: &View<'_>, posts: &[&Told], more: bool) -> Answer {
    let children: Vec<Value> = posts.iter().map(|post| thing(view, post)).collect();
    let after = posts.last().filter(|_| more).map(|post| name(post));
    Answer::json(&json!({"kind": "Listing", "data": {"children": children, "after": after, "before": null}}))
        .with_header("x-ratelimit-remaining", "96.0")
        .with_header("x-ratelimit-reset", "300")
}

/// What was deleted keeps its place and its times, and loses its words.
fn thing(view: &View<'_>, post: &Told) -> Value {
    let is_gone = view.gone.iter().any(|gone| gone.n == post.n);
    let author = if is_gone { "[deleted]" } else { &post.author };
    let mut data = json!({"name": name(post), "id": post.n.to_string(), "subreddit": subreddit(view), "author": author,
                          "permalink": permalink(view, post),
                          "created_utc": post.created_at.as_second() as f64, "score": post.likes});
    let html = format!("<div class=\"md\"><p>{}</p>\n</div>", escaped(&post.text));
    let more = match (post.parent, is_gone) {
        (None, true) => json!({"title": "", "selftext": "[deleted]", "is_self": true}),
        (None, false) => json!({"title": "", "selftext_html": html, "is_self": true, "num_comments": post.replies}),
        (Some(_), true) => json!({"body": "[deleted]", "body_html": "<p>[deleted]</p>"}),
        (Some(parent), false) => json!({
            "body": post.text, "body_html": html, "link_id": format!("t3_{}", post.root.unwrap_or(parent)),
            "parent_id": view.told(parent).map(name),
        }),
    };
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    json!({"kind": if post.parent.is_none() { "t3" } else { "t1" }, "data": data})
}
