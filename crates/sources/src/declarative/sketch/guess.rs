//! Where the fields of a mention may stand in a record, by the names of keys and the forms of values. Pure.

use jiff::{Timestamp, fmt::rfc2822};
use serde_json::Value;

/// A place in a record, with the first value that stands there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Leaf<'a> {
    /// With dots.
    pub(super) place: String,
    pub(super) value: &'a Value,
}

impl Leaf<'_> {
    /// The last key, in lower case and without `_` and `-`.
    fn key(&self) -> String {
        let last = self.place.rsplit('.').next().unwrap_or_default();
        last.to_lowercase().replace(['_', '-'], "")
    }

    fn depth(&self) -> usize {
        self.place.matches('.').count()
    }

    fn parent(&self) -> String {
        let parts: Vec<&str> = self.place.split('.').collect();
        let parent = parts.len().checked_sub(2).and_then(|at| parts.get(at));
        parent.map(|parent| parent.to_lowercase().replace(['_', '-'], "")).unwrap_or_default()
    }
}

/// Every text, number and truth value of the records, but those within lists; of each place what stands there first.
pub(super) fn leaves<'a>(records: &[&'a Value]) -> Vec<Leaf<'a>> {
    let mut found = Vec::new();
    for record in records {
        gather(record, String::new(), &mut found);
    }
    found.sort_by_key(Leaf::depth);
    found
}

fn gather<'a>(value: &'a Value, place: String, found: &mut Vec<Leaf<'a>>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| !key.contains('.')) {
                let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                gather(value, place, found);
            }
        }
        Value::Null | Value::Array(_) => {}
        _ if found.iter().any(|known| known.place == place) => {}
        _ => found.push(Leaf { place, value }),
    }
}

/// The longest list of objects in an answer, and its place: `$` for the answer itself.
pub(super) fn records(body: &Value) -> Option<(String, Vec<&Value>)> {
    let mut lists = Vec::new();
    lists_in(body, String::new(), &mut lists);
    lists.sort_by_key(|(place, items)| (std::cmp::Reverse(items.len()), place.matches('.').count()));
    lists.into_iter().next()
}

fn lists_in<'a>(value: &'a Value, place: String, lists: &mut Vec<(String, Vec<&'a Value>)>) {
    match value {
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_object) => {
            let place = if place.is_empty() { "$".to_owned() } else { place };
            lists.push((place, items.iter().collect()));
        }
        Value::Object(fields) => {
            for (key, value) in fields.iter().filter(|(key, _)| !key.contains('.')) {
                lists_in(value, if place.is_empty() { key.clone() } else { format!("{place}.{key}") }, lists);
            }
        }
        _ => {}
    }
}

/// Objects that stand for whoever wrote it.
const WRITERS: [&str; 12] = [
    "author", "user", "account", "owner", "creator", "from", "poster", "member", "consumer", "reviewer", "sender",
    "profile",
];

/// How a field of the map is looked for.
struct Wanted {
    field: &'static str,
    /// Keys, the likeliest first.
    keys: &'static [&'static str],
    fits: fn(&Leaf<'_>) -> bool,
    within: Within,
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// Not in an object of whoever wrote it.
    Record,
    Writer,
}

fn scalar(leaf: &Leaf<'_>) -> bool {
    leaf.value.is_string() || leaf.value.is_number()
}

fn text(leaf: &Leaf<'_>) -> bool {
    leaf.value.is_string()
}

fn number(leaf: &Leaf<'_>) -> bool {
    leaf.value.is_number()
}

fn address(leaf: &Leaf<'_>) -> bool {
    leaf.value.as_str().is_some_and(|text| text.starts_with("http://") || text.starts_with("https://"))
}

fn time(leaf: &Leaf<'_>) -> bool {
    time_form(leaf.value).is_some()
}

const WANTED: &[Wanted] = &[
    Wanted { field: "id", keys: &["id", "uuid", "guid", "postid", "commentid", "reviewid", "messageid", "key", "name"], fits: scalar, within: Within::Record },
    Wanted {
        field: "created_at",
        keys: &["createdat", "created", "publishedat", "published", "postedat", "createdtime", "creationdate", "createddate", "datepublished", "pubdate", "submitted", "timestamp", "time", "date", "createdutc"],
        fits: time,
        within: Within::Record,
    },
    Wanted { field: "title", keys: &["title", "subject", "headline", "summary"], fits: text, within: Within::Record },
    Wanted {
        field: "text",
        keys: &["text", "body", "content", "message", "comment", "cooked", "selftext", "description", "review", "bodyhtml", "bodytext", "contenthtml", "html"],
        fits: text,
        within: Within::Record,
    },
    Wanted { field: "url", keys: &["htmlurl", "permalink", "url", "link", "weburl", "shorturl", "uri", "href"], fits: address, within: Within::Record },
    Wanted { field: "author", keys: &["username", "login", "handle", "screenname", "acct", "slug", "nickname", "name"], fits: text, within: Within::Writer },
    Wanted { field: "author_id", keys: &["id", "uuid", "userid", "accountid"], fits: scalar, within: Within::Writer },
    Wanted { field: "author_name", keys: &["displayname", "fullname", "realname", "name"], fits: text, within: Within::Writer },
    Wanted { field: "followers", keys: &["followerscount", "followers", "followercount"], fits: number, within: Within::Writer },
    Wanted { field: "parent", keys: &["parentid", "inreplytoid", "replytoid", "replyto", "inreplyto", "parent"], fits: scalar, within: Within::Record },
    Wanted { field: "root", keys: &["threadid", "rootid", "topicid", "conversationid"], fits: scalar, within: Within::Record },
    Wanted { field: "space", keys: &["subreddit", "category", "forum", "channel", "board", "community", "group"], fits: text, within: Within::Record },
    Wanted { field: "language", keys: &["language", "lang", "locale"], fits: text, within: Within::Record },
    Wanted { field: "likes", keys: &["likes", "likecount", "likescount", "favouritescount", "favoritecount", "upvotes", "ups", "score", "points", "votes", "reactionscount"], fits: number, within: Within::Record },
    Wanted { field: "replies", keys: &["replies", "replycount", "repliescount", "commentcount", "commentscount", "numcomments", "comments"], fits: number, within: Within::Record },
    Wanted { field: "reposts", keys: &["reposts", "repostcount", "reblogscount", "sharecount", "shares", "retweetcount"], fits: number, within: Within::Record },
    Wanted { field: "impressions", keys: &["views", "viewcount", "impressions", "impressioncount"], fits: number, within: Within::Record },
    Wanted { field: "stars", keys: &["stars", "rating", "starrating", "ratingvalue"], fits: number, within: Within::Record },
];

/// Of each field that was found, its place. Fields of whoever wrote it may also stand flat, as `username`.
pub(super) fn fields<'a, 'b>(leaves: &'b [Leaf<'a>]) -> Vec<(&'static str, &'b Leaf<'a>)> {
    let mut found: Vec<(&'static str, &Leaf<'_>)> = Vec::new();
    for wanted in WANTED {
        let is_taken = |leaf: &Leaf<'_>| found.iter().any(|(_, taken)| taken.place == leaf.place);
        if let Some(leaf) = place(wanted, leaves).filter(|leaf| !is_taken(leaf)) {
            found.push((wanted.field, leaf));
        }
    }
    let has_author = found.iter().any(|(field, _)| matches!(*field, "author" | "author_id" | "author_name"));
    let flat = |leaf: &&Leaf<'_>| {
        let key = leaf.key();
        leaf.value.is_string() && (WRITERS.contains(&key.as_str()) || matches!(&*key, "username" | "authorname" | "login"))
    };
    if !has_author && let Some(leaf) = leaves.iter().find(flat) {
        found.push(("author", leaf));
    }
    found
}

fn place<'a, 'b>(wanted: &Wanted, leaves: &'b [Leaf<'a>]) -> Option<&'b Leaf<'a>> {
    let is_writers = |leaf: &Leaf<'_>| WRITERS.contains(&leaf.parent().as_str());
    let fits = |leaf: &&Leaf<'_>| {
        (wanted.fits)(leaf) && is_writers(leaf) == (wanted.within == Within::Writer) && !is_of_another(leaf)
    };
    wanted.keys.iter().find_map(|key| leaves.iter().filter(fits).find(|leaf| leaf.key() == *key))
}

/// A quoted post, a parent: another's fields.
fn is_of_another(leaf: &Leaf<'_>) -> bool {
    const OTHERS: [&str; 7] = ["parent", "quoted", "quote", "reblog", "repost", "reply", "card"];
    leaf.place.split('.').rev().skip(1).any(|part| OTHERS.contains(&part.to_lowercase().as_str()))
}

/// How a time is written, as the map names it; `rfc3339` need not be said.
pub(super) fn time_form(value: &Value) -> Option<&'static str> {
    match value {
        Value::Number(number) => match number.as_f64()? {
            500_000_000.0..5_000_000_000.0 => Some("unix_s"),
            500_000_000_000.0..5_000_000_000_000.0 => Some("unix_ms"),
            _ => None,
        },
        Value::String(text) if text.parse::<Timestamp>().is_ok() => Some("rfc3339"),
        Value::String(text) if rfc2822::parse(text).is_ok() => Some("rfc2822"),
        _ => None,
    }
}

/// Whether a text is written in HTML.
pub(super) fn is_html(value: &Value) -> bool {
    let tags = ["<p>", "<p ", "<br", "<a ", "<div", "</", "&amp;", "&#", "&quot;"];
    value.as_str().is_some_and(|text| tags.iter().any(|tag| text.contains(tag)))
}
