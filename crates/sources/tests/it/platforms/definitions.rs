//! How the platforms that definitions describe tell the [story](super::described).

use grapevine_sources::conformance::{Answer, Case, Expected};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::described::{PER_PAGE, Post, Shape, numbered, parameter};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

pub fn cases() -> Vec<Case> {
    [APPSTORE, GITHUB, HACKERNEWS, LEMMY, STACKEXCHANGE, TRUSTPILOT, YOUTUBE].map(Shape::case).into()
}

const HACKERNEWS: Shape = Shape {
    name: "hackernews_search",
    settings: "queries = [\"kettle\"]",
    secret: None,
    every: 5,
    allowed: (10_000, SignedDuration::from_hours(1)),
    answer: |request, posts| {
        let filters = parameter(request, "numericFilters").unwrap_or_default();
        let bound = |prefix| filters.split(',').find_map(|filter| filter.strip_prefix(prefix)?.parse::<i64>().ok());
        let (from, to) = (bound("created_at_i>=").unwrap_or(0), bound("created_at_i<=").unwrap_or(i64::MAX));
        let within = posts.iter().filter(|post| (from..=to).contains(&post.second));
        // One more than two, as three may be of the same moment.
        let hits: Vec<Value> = within.take(PER_PAGE + 1).map(hackernews).collect();
        Answer::json(&json!({"hits": hits, "nbPages": 1}))
    },
    expected: |post| Some(replying(Expected::new(post.n.to_string(), post.time(), post.text), post.parent, "")),
};

fn hackernews(post: &Post) -> Value {
    let author = (!post.is_gone).then_some("ann");
    json!({"objectID": post.n.to_string(), "author": author, "created_at_i": post.second, "parent_id": post.parent,
           "story_id": 1, "comment_text": post.text.replace('&', "&amp;"), "points": null})
}

fn replying(expected: Expected, parent: Option<u64>, prefix: &str) -> Expected {
    match parent {
        Some(parent) => expected.replying_to(format!("{prefix}{parent}")),
        None => expected,
    }
}

const LEMMY: Shape = Shape {
    name: "lemmy",
    settings: "base_url = \"https://lemmy.example\"\ncommunities = [\"tea\"]\ntoken_env = \"KEY\"",
    secret: Some(("KEY", "s3cr3t")),
    every: 5,
    allowed: (60, MINUTE),
    answer: |request, posts| {
        if !request.headers.contains_key("authorization") {
            return Answer::status(401, "");
        }
        let is_post = request.url.path().ends_with("/post/list");
        let posts: Vec<Post> = posts.iter().filter(|post| post.parent.is_none() == is_post).cloned().collect();
        if !is_post {
            let (page, _) = numbered(&posts, parameter(request, "page"));
            return Answer::json(&json!({"comments": page.into_iter().map(lemmy_comment).collect::<Vec<_>>()}));
        }
        // The token stands for the last post of the page before, and is none after the last.
        let after = parameter(request, "page_cursor").and_then(|token| token.strip_prefix('P')?.parse().ok());
        let rest: Vec<&Post> = posts.iter().filter(|post| after.is_none_or(|after: u64| post.n < after)).collect();
        let page: Vec<&Post> = rest.iter().copied().take(PER_PAGE).collect();
        let next = page.last().filter(|_| rest.len() > PER_PAGE).map(|post| format!("P{}", post.n));
        Answer::json(&json!({"posts": page.into_iter().map(lemmy_post).collect::<Vec<_>>(), "next_page": next}))
    },
    expected: |post| {
        let name = if post.parent.is_none() { "post" } else { "comment" };
        let expected = Expected::new(format!("{name}/{}", post.n), post.time(), post.text);
        Some(match post.parent {
            None => expected,
            Some(parent) if is_comment(parent) => expected.replying_to(format!("comment/{parent}")),
            Some(parent) => expected.replying_to(format!("post/{parent}")),
        })
    },
};

/// In the story, two and four answer; four answers two.
fn is_comment(n: u64) -> bool {
    n == 2
}

fn lemmy_post(post: &Post) -> Value {
    json!({"post": {"id": post.n, "name": post.text, "published": post.rfc3339(), "deleted": post.is_gone},
           "creator": {"id": 3, "name": "ann"}, "counts": {"upvotes": 1, "comments": 0}})
}

fn lemmy_comment(post: &Post) -> Value {
    let parent =
        post.parent.filter(|parent| is_comment(*parent)).map(|parent| format!("{parent}.")).unwrap_or_default();
    json!({"comment": {"id": post.n, "post_id": if post.n == 4 { 1 } else { post.parent.unwrap_or(0) },
                       "path": format!("0.{parent}{}", post.n), "content": post.text, "published": post.rfc3339(),
                       "removed": post.is_gone},
           "creator": {"id": 3, "name": "ann"}, "counts": {"upvotes": 1, "child_count": 0}})
}

const STACKEXCHANGE: Shape = Shape {
    name: "stackexchange",
    settings: "sites = [\"so\"]\nanswers_of = [\"so\"]\ncomments_of = [\"so\"]\nkey_env = \"KEY\"",
    secret: Some(("KEY", "s3cr3t")),
    every: 10,
    allowed: (30, SignedDuration::from_secs(1)),
    answer: |request, posts| {
        if parameter(request, "key").as_deref() != Some("s3cr3t") {
            return Answer::status(403, "");
        }
        let since: i64 = parameter(request, "fromdate").and_then(|since| since.parse().ok()).unwrap_or(0);
        let kind = request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
        // Here nothing says what was deleted: it just is not there.
        let fits = |post: &&Post| stack_kind(post) == kind && post.second >= since && !post.is_gone;
        let posts: Vec<Post> = posts.iter().filter(fits).cloned().collect();
        let (page, more) = numbered(&posts, parameter(request, "page"));
        let items: Vec<Value> = page.into_iter().map(stackexchange).collect();
        Answer::json(&json!({"items": items, "has_more": more, "quota_remaining": 9000}))
    },
    expected: |post| {
        let id = if stack_kind(post) == "comments" { format!("comment/{}", post.n) } else { post.n.to_string() };
        (!post.is_gone).then(|| replying(Expected::new(id, post.time(), post.text), post.parent, ""))
    },
};

fn stack_kind(post: &Post) -> &'static str {
    match post.parent {
        None => "questions",
        Some(2) => "comments",
        Some(_) => "answers",
    }
}

fn stackexchange(post: &Post) -> Value {
    let text = post.text.replace('&', "&amp;");
    let owner = json!({"user_id": 3, "display_name": "ann"});
    match stack_kind(post) {
        "questions" => json!({"question_id": post.n, "title": text, "creation_date": post.second, "owner": owner}),
        "answers" => json!({"answer_id": post.n, "question_id": post.parent, "body": text,
                            "creation_date": post.second, "owner": owner}),
        _ => json!({"comment_id": post.n, "post_id": post.parent, "body": text, "creation_date": post.second,
                    "owner": owner}),
    }
}

const GITHUB: Shape = Shape {
    name: "github",
    settings: "repositories = [\"acme/app\"]\ntoken_env = \"KEY\"",
    secret: Some(("KEY", "s3cr3t")),
    every: 5,
    allowed: (60, MINUTE),
    answer: |request, posts| {
        if !request.headers.contains_key("authorization") {
            return Answer::status(401, "");
        }
        let is_issue = request.url.path().ends_with("/acme/app/issues");
        let fits = |post: &&Post| post.parent.is_none() == is_issue && !post.is_gone;
        let posts: Vec<Post> = posts.iter().filter(fits).cloned().collect();
        let number: u64 = parameter(request, "page").and_then(|page| page.parse().ok()).unwrap_or(1);
        let (page, more) = numbered(&posts, Some(number.to_string()));
        let mut next = request.url.clone();
        next.set_query(Some(&format!("page={}", number + 1)));
        let link = format!("<{next}>; rel=\"next\", <{next}>; rel=\"last\"");
        let answer = Answer::json(&page.into_iter().map(github).collect());
        if more { answer.with_header("link", link) } else { answer }
    },
    expected: |post| {
        let id =
            if post.parent.is_none() { format!("acme/app#{}", post.n) } else { format!("acme/app#comment-{}", post.n) };
        (!post.is_gone).then(|| replying(Expected::new(id, post.time(), post.text), post.parent, "acme/app#"))
    },
};

fn github(post: &Post) -> Value {
    let user = json!({"login": "ann", "id": 3, "type": "User"});
    match post.parent {
        None => json!({"number": post.n, "title": post.text, "user": user, "created_at": post.rfc3339(),
                       "updated_at": post.rfc3339(), "comments": 1}),
        Some(parent) => json!({"id": post.n, "body": post.text, "user": user, "created_at": post.rfc3339(),
                               "updated_at": post.rfc3339(),
                               "issue_url": format!("https://api.github.com/repos/acme/app/issues/{parent}")}),
    }
}

const TRUSTPILOT: Shape = Shape {
    name: "trustpilot",
    settings: "business_units = [\"5f00\"]\nkey_env = \"KEY\"",
    secret: Some(("KEY", "s3cr3t")),
    every: 15,
    allowed: (60, MINUTE),
    answer: |request, posts| {
        if !request.headers.contains_key("apikey") {
            return Answer::status(401, "");
        }
        let (page, _) = numbered(posts, parameter(request, "page"));
        Answer::json(&json!({"reviews": page.into_iter().map(trustpilot).collect::<Vec<_>>()}))
    },
    expected: |post| Some(Expected::new(format!("r{}", post.n), post.time(), post.text)),
};

fn trustpilot(post: &Post) -> Value {
    json!({"id": format!("r{}", post.n), "text": post.text, "stars": 4, "createdAt": post.rfc3339(),
           "consumer": {"id": "c1", "displayName": "Ann"}, "status": if post.is_gone { "archived" } else { "active" }})
}

const APPSTORE: Shape = Shape {
    name: "appstore_reviews",
    settings: "apps = [\"123\"]\ncountries = [\"de\"]",
    secret: None,
    every: 15,
    allowed: (20, MINUTE),
    answer: |request, posts| {
        let page = request.url.path().split('/').find_map(|part| part.strip_prefix("page=")).map(str::to_owned);
        let posts: Vec<Post> = posts.iter().filter(|post| !post.is_gone).cloned().collect();
        let (page, _) = numbered(&posts, page);
        let mut entries: Vec<Value> = page.into_iter().map(appstore).collect();
        // A feed with one review holds no list, and one without has no key for them.
        match entries.len() {
            0 => Answer::json(&json!({"feed": {"title": {"label": "Reviews"}}})),
            1 => Answer::json(&json!({"feed": {"entry": entries.remove(0)}})),
            _ => Answer::json(&json!({"feed": {"entry": entries}})),
        }
    },
    expected: |post| (!post.is_gone).then(|| Expected::new(post.n.to_string(), post.time(), post.text)),
};

fn appstore(post: &Post) -> Value {
    json!({"id": {"label": post.n.to_string()}, "content": {"label": post.text}, "updated": {"label": post.rfc3339()},
           "im:rating": {"label": "3"}, "author": {"name": {"label": "ann"}, "uri": {"label": "https://x.example/id7"}}})
}

const YOUTUBE: Shape = Shape {
    name: "youtube",
    settings: "queries = [\"kettle\"]\nchannels = [\"UC1\"]\nkey_env = \"KEY\"",
    secret: Some(("KEY", "s3cr3t")),
    every: 90,
    allowed: (60, MINUTE),
    answer: |request, posts| {
        if parameter(request, "key").as_deref() != Some("s3cr3t") {
            return Answer::status(403, "");
        }
        let is_search = request.url.path().ends_with("/search");
        let fits = |post: &&Post| post.parent.is_none() == is_search && !post.is_gone;
        let posts: Vec<Post> = posts.iter().filter(fits).cloned().collect();
        let number = parameter(request, "pageToken").and_then(|token| token.strip_prefix('P').map(str::to_owned));
        let (page, more) = numbered(&posts, number.clone());
        let next = number.map_or(1, |number| number.parse().unwrap_or(1)) + 1;
        let items: Vec<Value> = page.into_iter().map(if is_search { youtube_video } else { youtube_thread }).collect();
        Answer::json(&json!({"items": items, "nextPageToken": more.then(|| format!("P{next}"))}))
    },
    expected: |post| {
        let expected = Expected::new(format!("y{}", post.n), post.time(), post.text);
        (!post.is_gone).then(|| replying(expected, post.parent, "y"))
    },
};

fn youtube_video(post: &Post) -> Value {
    json!({"id": {"kind": "youtube#video", "videoId": format!("y{}", post.n)},
           "snippet": {"publishedAt": post.rfc3339(), "title": post.text.replace('&', "&amp;"), "channelId": "UC1"}})
}

fn youtube_thread(post: &Post) -> Value {
    let video = format!("y{}", post.parent.unwrap_or(0));
    let comment = json!({"publishedAt": post.rfc3339(), "textDisplay": post.text.replace('&', "&amp;"),
                         "videoId": video, "authorDisplayName": "@ann"});
    json!({"id": format!("y{}", post.n), "snippet": {"videoId": video, "topLevelComment": {"snippet": comment}}})
}
