//! A first definition from an answer of the platform: what can be guessed is, with the record that it was guessed from as
//! its test; the rest is left open in words.

mod guess;

use std::collections::BTreeMap;
use std::fmt::Write;

use grapevine_model::Event;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use self::guess::{Leaf, fields, is_html, leaves, records, time_form};
use super::Definition;

/// An answer of a platform that no definition describes yet.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    pub body: &'a Value,
    /// What was asked, if that is known.
    pub url: Option<&'a Url>,
    /// It had a `Link` header with a next page.
    pub links: bool,
}

/// A definition to go on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    pub text: String,
    /// How many records the answer had.
    pub records: usize,
    /// `(field, place)`.
    pub found: Vec<(&'static str, String)>,
    /// What a mention has to have and nothing was found for.
    pub missing: Vec<&'static str>,
}

/// Guesses a definition of this name.
///
/// # Errors
/// The answer has no list of records, in words.
pub fn sketch(name: &str, answer: Answer<'_>) -> Result<Sketch, String> {
    let (place, records) = records(answer.body)
        .ok_or("the answer has no list of objects: give one in which posts stand, such as a page of a listing")?;
    let leaves = leaves(&records);
    let found = fields(&leaves);
    let has = |field: &str| found.iter().any(|(found, _)| *found == field);
    let missing = ["id", "created_at", "text"].into_iter().filter(|field| !has(field)).collect();
    let mut text = head(name, answer.url);
    listing(&mut text, &place, &answer, &records, &found);
    map(&mut text, &found);
    if let Some(test) = test(&text, records[0]) {
        text += &test;
    }
    let found = found.into_iter().map(|(field, leaf)| (field, leaf.place.clone())).collect();
    Ok(Sketch { text, records: records.len(), found, missing })
}

fn head(name: &str, url: Option<&Url>) -> String {
    let origin = url.map_or_else(|| "https://api.example.com".to_owned(), |url| url.origin().ascii_serialization());
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    format!(
        "# {name}: what it is, and where its API is described.\n\
         name = {}\n\
         doc = \"One sentence on what is read.\"\n\
         # What the platform demands of those who read it.\n\
         terms = \"\"\n\n\
         # What a [[source]] table of this kind has to say. A secret is named by where it is: token_env, token_file.\n\
         setting = [\n\
         {i}{{ name = \"base_url\", type = \"url\", doc = \"Address of the API.\", default = {} }},\n\
         {i}{{ name = \"token\", type = \"secret\", optional = true, doc = \"What the platform knows us by.\" }},\n\
         ]\n\n\
         # Or \"basic\" (with `user`), \"header\" or \"query\" (with `name`).\n\
         [auth]\n\
         kind = \"bearer\"\n\
         secret = \"token\"\n\n\
         [poll]\n\
         every = \"5m\"\n\
         backfill = \"24h\"   # how far the first reading goes back\n\
         look_back = \"1h\"   # what is read again each time: edits, likes, what came late\n\
         lateness = \"5m\"    # how long after it was written a post may come into the listing\n\n\
         # What the platform allows.\n\
         [[quota.limit]]\n\
         amount = 60\n\
         per = \"1m\"\n\n",
        quoted(name),
        quoted(&origin),
        i = "    ",
    )
}

fn listing(text: &mut String, place: &str, answer: &Answer<'_>, records: &[&Value], found: &[(&str, &Leaf<'_>)]) {
    let paging = paging(answer);
    let _ = writeln!(text, "[[listing]]\nname = \"posts\"\nrecords = [{place:?}]\npaging = {}", paging.toml);
    if let Some(order) = order(records, found) {
        let _ = writeln!(text, "{order}");
    }
    let path = answer.url.map_or("/posts", Url::path);
    let _ = writeln!(text, "\n[listing.request]\nurl = \"{{base_url}}{}\"", path.replace('{', "{{").replace('}', "}}"));
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in answer.url.into_iter().flat_map(Url::query_pairs) {
        query.insert(key.into_owned(), value.replace('{', "{{").replace('}', "}}"));
    }
    if let Some(parameter) = paging.parameter {
        query.insert(parameter, "{page}".to_owned());
    }
    if !query.is_empty() {
        let pairs: Vec<String> =
            query.iter().map(|(key, value)| format!("{} = {}", toml_key(key), toml::Value::from(value.as_str()))).collect();
        let _ = writeln!(text, "query = {{ {} }}", pairs.join(", "));
    }
}

fn toml_key(key: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if key.chars().all(is_bare) { key.to_owned() } else { toml::Value::from(key).to_string() }
}

struct Paging {
    toml: String,
    /// The parameter that `{page}` goes into.
    parameter: Option<String>,
}

/// Keys under which a token of the next page stands.
const TOKENS: [&str; 10] = [
    "next_cursor", "nextcursor", "cursor", "next_page_token", "nextpagetoken", "next_token", "next_page", "page_cursor",
    "continuation", "after",
];

fn paging(answer: &Answer<'_>) -> Paging {
    let toml = |toml: String, parameter: Option<&str>| Paging { toml, parameter: parameter.map(str::to_owned) };
    if answer.links {
        return toml("{ kind = \"link_header\" }".into(), None);
    }
    let leaves = leaves(&[answer.body]);
    let is_next = |leaf: &&Leaf<'_>| {
        let last = leaf.place.rsplit('.').next().unwrap_or_default().to_lowercase();
        matches!(&*last, "next" | "next_url" | "next_page_url" | "nexturl") && leaf.value.as_str().is_some_and(|url| url.starts_with("http"))
    };
    if let Some(leaf) = leaves.iter().find(is_next) {
        return toml(format!("{{ kind = \"next_url\", at = {:?} }}", leaf.place), None);
    }
    let is_token = |leaf: &&Leaf<'_>| {
        let last = leaf.place.rsplit('.').next().unwrap_or_default().to_lowercase();
        leaf.value.is_string() && TOKENS.contains(&last.as_str())
    };
    if let Some(leaf) = leaves.iter().find(is_token) {
        let parameter = leaf.place.rsplit('.').next().unwrap_or_default().trim_start_matches("next_");
        return toml(format!("{{ kind = \"cursor\", at = {:?} }}", leaf.place), Some(parameter));
    }
    let has = |wanted: &str| answer.url.is_some_and(|url| url.query_pairs().any(|(key, _)| key == wanted));
    match (has("page"), has("offset")) {
        (true, _) => toml("{ kind = \"page\" }".into(), Some("page")),
        (_, true) => toml("{ kind = \"offset\" }".into(), Some("offset")),
        _ => toml("{ kind = \"none\" } # link_header, next_url, cursor, page, offset, before, since".into(), None),
    }
}

/// The records' own order, where it is none that is meant without a word.
fn order(records: &[&Value], found: &[(&str, &Leaf<'_>)]) -> Option<&'static str> {
    let (_, leaf) = found.iter().find(|(field, _)| *field == "created_at")?;
    let times: Vec<f64> = records.iter().filter_map(|record| seconds(crate::http::at(record, &leaf.place)?)).collect();
    let falls = times.windows(2).all(|pair| pair[0] >= pair[1]);
    let rises = times.windows(2).all(|pair| pair[0] <= pair[1]);
    match (times.len() > 1, falls, rises) {
        (true, false, true) => Some("order = \"oldest_first\" # then the request needs {since}"),
        (true, false, false) => Some("order = \"any\" # read to its end each time; is there a parameter that sorts by time?"),
        _ => None,
    }
}

fn seconds(value: &Value) -> Option<f64> {
    let in_text = |text: &str| {
        let time = text.parse::<Timestamp>().ok().or_else(|| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp()))?;
        Some(time.as_millisecond() as f64)
    };
    value.as_f64().or_else(|| in_text(value.as_str()?))
}

fn map(text: &mut String, found: &[(&str, &Leaf<'_>)]) {
    *text += "\n# Where each field stands in a record. docs/declarative.md has the others, and how they are converted.\n[listing.map]\n";
    for (field, leaf) in found {
        let place = toml::Value::from(leaf.place.as_str());
        let form = match *field {
            "created_at" => time_form(leaf.value).filter(|form| *form != "rfc3339"),
            "text" | "title" if is_html(leaf.value) => Some("html"),
            _ => None,
        };
        let _ = match form {
            Some(form) => writeln!(text, "{field} = {{ from = {place}, as = {form:?} }}"),
            None => writeln!(text, "{field} = {place}"),
        };
    }
    for field in ["id", "created_at", "text"] {
        if !found.iter().any(|(found, _)| *found == field) {
            let _ = writeln!(text, "# {field} = \"…\" # not found: name its place");
        }
    }
}

/// A test of what the map makes of the record today.
fn test(text: &str, record: &Value) -> Option<String> {
    let definition = Definition::parse(text).ok()?;
    let event = definition.map("posts", &BTreeMap::new(), record, Timestamp::UNIX_EPOCH).ok()??;
    let Event::Upsert(mention) = event else { return None };
    let mut expect = toml::Table::new();
    let mut put = |field: &str, value: Option<toml::Value>| {
        if let Some(value) = value {
            expect.insert(field.to_owned(), value);
        }
    };
    let texts = |text: &str| (!text.is_empty()).then(|| toml::Value::from(text));
    let counts = |count: Option<u64>| count.and_then(|count| i64::try_from(count).ok()).map(toml::Value::from);
    put("id", texts(&mention.key.native_id));
    put("created_at", texts(&mention.created_at.to_string()));
    put("text", texts(&mention.text));
    put("url", mention.url.as_deref().and_then(texts));
    put("author", texts(&mention.author.handle));
    put("author_name", mention.author.name.as_deref().and_then(texts));
    put("likes", counts(mention.engagement.likes));
    put("replies", counts(mention.engagement.replies));
    let record = record.to_string();
    // A record with three quotes in a row can not stand in such a text.
    let record = if record.contains("'''") { toml::Value::from(record).to_string() } else { format!("'''{record}'''") };
    let test = format!(
        "\n# What it was guessed from. Change what is expected to what is right; then: grapevine source test FILE\n\
         [[listing.test]]\nname = \"the first record\"\nrecord = {record}\n[listing.test.expect]\n{expect}"
    );
    super::test(&format!("{text}{test}")).is_ok().then_some(test)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn forum() -> Value {
        json!({"meta": {"next_cursor": "abc", "total": 2}, "tags": [{"name": "tea"}], "data": {"posts": [
            {"id": 81, "created": 1_772_000_100, "title": "Kettles", "body_html": "<p>Mine &amp; yours</p>", "permalink": "https://f.example/81",
             "author": {"id": "u7", "username": "ann", "display_name": "Ann B", "followers_count": 3},
             "parent": {"id": 4, "text": "another's"}, "num_comments": 4, "score": 12},
            {"id": 80, "created": 1_772_000_000, "title": "Pots", "body_html": "", "permalink": null, "author": {"id": "u8", "username": "bo"}}]}})
    }

    fn url(url: &str) -> Url {
        url.parse().unwrap()
    }

    #[test]
    fn a_definition_is_guessed_that_reads_its_own_sample() {
        let (body, url) = (forum(), url("https://f.example/api/posts?limit=50&sort=new"));
        let sketch = sketch("teaforum", Answer { body: &body, url: Some(&url), links: false }).unwrap();
        let report = crate::declarative::test(&sketch.text);
        assert!(report.is_ok(), "{report}\n{}", sketch.text);
        assert_eq!((sketch.records, sketch.missing.len()), (2, 0));
        let place = |field: &str| sketch.found.iter().find(|(found, _)| *found == field).map(|(_, place)| place.as_str());
        assert_eq!(place("id"), Some("id"));
        assert_eq!(place("text"), Some("body_html"));
        assert_eq!((place("author"), place("author_id")), (Some("author.username"), Some("author.id")));
        assert_eq!((place("likes"), place("replies")), (Some("score"), Some("num_comments")));
        for line in [
            "records = [\"data.posts\"]",
            "paging = { kind = \"cursor\", at = \"meta.next_cursor\" }",
            "query = { cursor = \"{page}\", limit = \"50\", sort = \"new\" }",
            "created_at = { from = \"created\", as = \"unix_s\" }",
            "text = { from = \"body_html\", as = \"html\" }",
            "Kettles\n\nMine & yours",
        ] {
            assert!(sketch.text.contains(line), "{line} is not in\n{}", sketch.text);
        }
    }

    #[test]
    fn paging_is_seen_in_the_answer_or_the_address() {
        let toml = |body: &Value, at: &str, links: bool| {
            let url = url(at);
            paging(&Answer { body, url: Some(&url), links }).toml
        };
        let list = json!([{"id": 1}]);
        assert_eq!(toml(&list, "https://f.example/", true), "{ kind = \"link_header\" }");
        assert_eq!(toml(&list, "https://f.example/?page=1", false), "{ kind = \"page\" }");
        assert_eq!(toml(&list, "https://f.example/?offset=0", false), "{ kind = \"offset\" }");
        let next = json!({"links": {"next": "https://f.example/?x=2"}, "items": [{"id": 1}]});
        assert_eq!(toml(&next, "https://f.example/", false), "{ kind = \"next_url\", at = \"links.next\" }");
    }

    #[test]
    fn what_is_not_there_is_left_open_in_words() {
        let body = json!([{"number": 5, "words": "hi"}]);
        let sketch = sketch("odd", Answer { body: &body, url: None, links: false }).unwrap();
        assert_eq!(sketch.missing, ["id", "created_at", "text"]);
        assert!(sketch.text.contains("# id = \"…\" # not found: name its place"), "{}", sketch.text);
        let nothing = json!({"ok": true});
        assert!(super::sketch("x", Answer { body: &nothing, url: None, links: false }).unwrap_err().contains("no list"));
    }
}
