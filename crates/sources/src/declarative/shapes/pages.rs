//! What several shapes page by.

use serde_json::{Value, json};

use crate::{
    conformance::{
        Answer,
        shape::{Left, SIM, parameter},
        story::{Told, View},
    },
    http::Request,
};

/// One page of records, and from which on the next begins.
pub(super) struct Slice {
    pub(super) records: Vec<Value>,
    pub(super) next: Option<usize>,
}

/// Those from `start` on.
pub(super) fn slice(view: &View<'_>, records: Vec<Value>, start: usize) -> Slice {
    let next = Some(start + view.per_page).filter(|next| *next < records.len());
    Slice { records: records.into_iter().skip(start).take(view.per_page).collect(), next }
}

/// Whether a post of the story is told as a comment: one whose post is deleted, or that is to stand alone, is a post itself.
pub(super) fn is_comment(post: &Told) -> bool {
    post.parent.is_some() && !matches!(post.n, 4..=6 | 9 | 11)
}

/// Newest first, those that fit.
pub(super) fn newest(view: &View<'_>, fits: impl Fn(&Told) -> bool, write: impl Fn(&Told) -> Value) -> Vec<Value> {
    view.newest().filter(|post| fits(post)).map(write).collect()
}

/// How many posts of the thread there are beside its first.
pub(super) fn in_thread(view: &View<'_>, n: u64, fits: impl Fn(&Told) -> bool) -> usize {
    view.posts.iter().filter(|post| post.root == Some(n) && fits(post)).count()
}

pub(super) const TOKEN: &str = "s3cr3t.token";

/// Who does not bring the token is told so as Meta does.
pub(super) fn refused(request: &Request) -> Option<Answer> {
    let brings = parameter(request, "access_token").is_some_and(|token| token == TOKEN);
    let error = json!({"error": {"message": "Invalid OAuth access token", "type": "OAuthException", "code": 190}});
    (!brings).then(|| Answer { status: 400, ..Answer::json(&error) })
}

/// What does not exist, or not for this token.
pub(super) fn unknown() -> Answer {
    let error = json!({"error": {"message": "Unsupported get request", "code": 100, "error_subcode": 33}});
    Answer { status: 400, ..Answer::json(&error) }
}

/// In percent of what the application may.
pub(super) fn usage(left: &Left) -> Vec<(&'static str, String)> {
    let percent = (left.used * 100).checked_div(left.allowed).unwrap_or(100).min(100);
    vec![("x-app-usage", json!({"call_count": percent, "total_time": 1, "total_cputime": 1}).to_string())]
}

pub(super) fn limited() -> Answer {
    let error = json!({"message": "(#4) Application request limit reached", "type": "OAuthException", "code": 4});
    Answer { status: 400, ..Answer::json(&json!({"error": error})) }
}

/// By a cursor; the address of the next page is there, too, with the token in it.
pub(super) fn graph(view: &View<'_>, request: &Request, records: Vec<Value>) -> Answer {
    let start = parameter(request, "after").and_then(|after| after.strip_prefix("QVFI")?.parse().ok()).unwrap_or(0);
    let page = slice(view, records, start);
    let paging = page.next.map(|next| {
        let next_url = format!("{SIM}{}?access_token={TOKEN}&pretty=0&after=QVFI{next}", request.url.path());
        json!({"cursors": {"before": "b", "after": format!("QVFI{next}")}, "next": next_url})
    });
    Answer::json(&json!({"data": page.records, "paging": paging.unwrap_or_else(|| json!({"cursors": {"before": "b"}}))}))
}

/// As Meta writes times.
pub(super) fn time(post: &Told) -> String {
    post.created_at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}
