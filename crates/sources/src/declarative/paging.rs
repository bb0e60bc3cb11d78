//! Where the next page is. Pure: from what was asked and what came back.
//!
//! | kind | the token of the next page is |
//! |---|---|
//! | `none` | nothing: there is one page |
//! | `link_header` | the address in the `Link` header with `rel="next"` |
//! | `next_url` | the address at a place in the body |
//! | `cursor` | the value at a place in the body |
//! | `header` | the value of a header |
//! | `page` | the number of the page, one more each time |
//! | `offset` | how many records were read |
//! | `before` | the smallest number at a place in the records: ids or times that descend |
//! | `anchor` | a place in the last record; where nothing follows that one, in the record before it: it may be deleted |
//! | `since` | the largest number at a place in the records: ids that ascend; kept from one reading to the next |
//!
//! A `cursor` may have more parts, each at a place of its own and with a hole of its own (`with`). One that `repeats` is the
//! same on every page and leads on all the same: then a page ends the run that shows what was there before.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{expression::scalar, path::Path};
use crate::http::Response;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum RawPaging {
    #[default]
    None,
    LinkHeader,
    NextUrl {
        at: String,
        more: Option<String>,
    },
    Cursor {
        at: String,
        more: Option<String>,
        #[serde(default)]
        with: BTreeMap<String, String>,
        #[serde(default)]
        repeats: bool,
    },
    Header {
        name: String,
    },
    Page {
        first: Option<u64>,
        more: Option<String>,
        last: Option<String>,
    },
    Offset {
        more: Option<String>,
    },
    Before {
        field: String,
    },
    Anchor {
        field: String,
        more: Option<String>,
    },
    Since {
        field: String,
        first: Option<u64>,
    },
}

#[derive(Debug, Clone)]
pub(crate) enum Paging {
    None,
    LinkHeader,
    NextUrl(Path),
    Cursor(Path),
    Header(String),
    /// `first` is the number of the first page, `last` the place of the last one's.
    Page {
        first: u64,
        last: Option<Path>,
    },
    Offset,
    Before(Path),
    Anchor(Path),
    Since {
        field: Path,
        first: Option<u64>,
    },
}

/// A paginator, and the place in the body that is false or missing on the last page.
#[derive(Debug, Clone)]
pub(crate) struct Pager {
    pub(crate) paging: Paging,
    more: Option<Path>,
    /// Further parts of a cursor, by the hole that they fill.
    with: BTreeMap<String, Path>,
    pub(crate) repeats: bool,
}

/// What came back for one page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) body: &'a Value,
    pub(crate) response: &'a Response,
    pub(crate) records: &'a [&'a Value],
}

impl Pager {
    pub(crate) fn parse(raw: RawPaging) -> Result<Self, String> {
        let path = |text: String| Path::parse(&text);
        let (mut parts, mut is_constant) = (BTreeMap::new(), false);
        let (paging, more) = match raw {
            RawPaging::None => (Paging::None, None),
            RawPaging::LinkHeader => (Paging::LinkHeader, None),
            RawPaging::NextUrl { at, more } => (Paging::NextUrl(path(at)?), more),
            RawPaging::Cursor { at, more, with, repeats } => {
                (parts, is_constant) = (with, repeats);
                (Paging::Cursor(path(at)?), more)
            }
            RawPaging::Header { name } => (Paging::Header(name), None),
            RawPaging::Page { first, more, last } => {
                (Paging::Page { first: first.unwrap_or(1), last: last.map(path).transpose()? }, more)
            }
            RawPaging::Offset { more } => (Paging::Offset, more),
            RawPaging::Before { field } => (Paging::Before(path(field)?), None),
            RawPaging::Anchor { field, more } => (Paging::Anchor(path(field)?), more),
            RawPaging::Since { field, first } => (Paging::Since { field: path(field)?, first }, None),
        };
        let with = parts.into_iter().map(|(hole, text)| Ok((hole, path(text)?))).collect::<Result<_, String>>()?;
        Ok(Self { paging, more: more.map(path).transpose()?, with, repeats: is_constant })
    }

    /// The token of the first page; `None` where it has none.
    pub(crate) fn first(&self) -> Option<String> {
        match &self.paging {
            Paging::Page { first, .. } => Some(first.to_string()),
            Paging::Offset => Some("0".to_owned()),
            Paging::Since { first, .. } => first.map(|first| first.to_string()),
            _ => None,
        }
    }

    /// The holes that the parts of a cursor fill, beside the page's.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.with.keys().map(String::as_str)
    }

    /// A token as one text: a cursor of several parts is a JSON list of them.
    fn joined(&self, first: String, found: impl Fn(&Path) -> Option<String>) -> Option<String> {
        if self.with.is_empty() {
            return Some(first);
        }
        let parts: Vec<Option<String>> = [Some(first)].into_iter().chain(self.with.values().map(found)).collect();
        serde_json::to_string(&parts).ok()
    }

    /// The page's own part of a token, and what the others fill their holes with.
    pub(crate) fn split(&self, token: &str) -> (String, BTreeMap<String, String>) {
        if matches!(self.paging, Paging::Anchor(_)) {
            return (anchors(token).pop().unwrap_or_default(), BTreeMap::new());
        }
        let parts = serde_json::from_str::<Vec<Option<String>>>(token).ok().filter(|_| !self.with.is_empty());
        let Some(mut parts) = parts.map(Vec::into_iter) else { return (token.to_owned(), BTreeMap::new()) };
        let first = parts.next().flatten().unwrap_or_default();
        (first, self.with.keys().cloned().zip(parts).filter_map(|(hole, part)| Some((hole, part?))).collect())
    }

    /// The token is an address of its own.
    pub(crate) fn is_address(&self) -> bool {
        matches!(self.paging, Paging::LinkHeader | Paging::NextUrl(_))
    }

    /// The token of the page after the one that was asked for with `asked`; `None` after the last.
    pub(crate) fn next(&self, asked: Option<&str>, answer: &Answer<'_>) -> Option<String> {
        if let (Paging::Anchor(_), Some(asked), []) = (&self.paging, asked, answer.records) {
            return earlier(asked);
        }
        let found = |path: &Path| path.find(answer.body).and_then(scalar).filter(|text| text != "false");
        if self.more.as_ref().is_some_and(|more| found(more).is_none()) {
            return None;
        }
        let asked_number = asked.and_then(|asked| asked.parse::<u64>().ok());
        match &self.paging {
            Paging::None => None,
            Paging::LinkHeader => next_link(answer.response),
            Paging::NextUrl(path) => found(path),
            Paging::Cursor(path) => self.joined(found(path)?, found),
            Paging::Header(name) => answer.response.header(name).filter(|value| !value.is_empty()).map(str::to_owned),
            Paging::Page { first, last } => {
                let page = asked_number.unwrap_or(*first);
                let last = last.as_ref().and_then(found).and_then(|last| last.parse::<u64>().ok());
                let is_last = answer.records.is_empty() || last.is_some_and(|last| page + 1 >= last + first);
                (!is_last).then(|| (page + 1).to_string())
            }
            Paging::Offset => {
                let read = answer.records.len() as u64;
                (read > 0).then(|| (asked_number.unwrap_or(0) + read).to_string())
            }
            Paging::Before(field) => before(numbers(field, answer.records).min()?, asked_number),
            Paging::Anchor(field) => {
                let last = answer.records.iter().skip(answer.records.len().saturating_sub(ANCHORS));
                let last: Vec<String> = last.filter_map(|record| field.find(record).and_then(scalar)).collect();
                (!last.is_empty()).then(|| json!(last).to_string())
            }
            Paging::Since { field, .. } => {
                let newest = numbers(field, answer.records).max()?;
                asked_number.is_none_or(|asked| newest > asked).then(|| newest.to_string())
            }
        }
    }
}

/// So many of the last records of a page are remembered: all of them would have to be deleted while it is read.
const ANCHORS: usize = 5;

/// The records to read on after, the last one at the end.
fn anchors(token: &str) -> Vec<String> {
    serde_json::from_str(token).unwrap_or_default()
}

fn earlier(token: &str) -> Option<String> {
    let mut anchors = anchors(token);
    anchors.pop();
    (!anchors.is_empty()).then(|| json!(anchors).to_string())
}

fn numbers<'a>(field: &'a Path, records: &'a [&'a Value]) -> impl Iterator<Item = u64> + 'a {
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    records.iter().filter_map(move |record| number(field.find(record)?))
}

/// The smallest is asked for once more, as others may be equal to it; what was asked for already, not again. A platform
/// that gives larger ones than were asked for does not know what it was asked.
fn before(smallest: u64, asked: Option<u64>) -> Option<String> {
    match asked {
        Some(asked) if smallest > asked => None,
        Some(asked) if smallest == asked => (asked > 1).then(|| (asked - 1).to_string()),
        _ => Some(smallest.to_string()),
    }
}

/// `<https://…>; rel="next", <…>; rel="last"`.
fn next_link(response: &Response) -> Option<String> {
    let header = response.header("link")?;
    header.split('<').find_map(|link| {
        let (address, parameters) = link.split_once('>')?;
        let parameters = parameters.split(',').next().unwrap_or(parameters).to_ascii_lowercase();
        let is_next = parameters.split(';').any(|parameter| {
            let relation = parameter.trim().strip_prefix("rel=");
            relation.is_some_and(|names| names.trim_matches('"').split(' ').any(|name| name == "next"))
        });
        is_next.then(|| address.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use serde_json::json;

    fn next(paging: &str, asked: Option<&str>, body: Value) -> Option<String> {
        let pager = Pager::parse(toml::from_str(paging).unwrap()).unwrap();
        let headers = [("link", "<https://a.example/?p=1>; rel=\"prev\", <https://a.example/?p=3>; rel=\"next\"")];
        let headers =
            headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        let response = Response { status: 200, headers, body: Vec::new(), at: Timestamp::UNIX_EPOCH };
        let records: Vec<&Value> = body["items"].as_array().map(|items| items.iter().collect()).unwrap_or_default();
        pager.next(asked, &Answer { body: &body, response: &response, records: &records })
    }

    #[test]
    fn each_kind_finds_the_next_page_and_the_end() {
        let two = || json!({"items": [{"id": 7}, {"id": "5"}], "next": "t", "more": true, "pages": 3});
        let none = || json!({"items": [], "next": null, "more": false, "pages": 3});
        for (paging, asked, body, expected) in [
            ("kind = 'none'", None, two(), None),
            ("kind = 'link_header'", None, two(), Some("https://a.example/?p=3")),
            ("kind = 'cursor'\nat = 'next'", None, two(), Some("t")),
            ("kind = 'cursor'\nat = 'next'", None, none(), None),
            ("kind = 'cursor'\nat = 'pages'\nmore = 'more'", None, none(), None),
            (
                "kind = 'header'\nname = 'link'",
                None,
                none(),
                Some("<https://a.example/?p=1>; rel=\"prev\", <https://a.example/?p=3>; rel=\"next\""),
            ),
            ("kind = 'page'", None, two(), Some("2")),
            ("kind = 'page'", Some("2"), none(), None),
            ("kind = 'page'\nlast = 'pages'", Some("2"), two(), Some("3")),
            ("kind = 'page'\nlast = 'pages'", Some("3"), two(), None),
            ("kind = 'page'\nfirst = 0\nlast = 'pages'", Some("2"), two(), None),
            ("kind = 'offset'", Some("4"), two(), Some("6")),
            ("kind = 'before'\nfield = 'id'", None, two(), Some("5")),
            ("kind = 'before'\nfield = 'id'", Some("5"), two(), Some("4")),
            ("kind = 'before'\nfield = 'id'", Some("5"), none(), None),
            ("kind = 'before'\nfield = 'id'", Some("3"), two(), None),
            ("kind = 'since'\nfield = 'id'", Some("5"), two(), Some("7")),
            ("kind = 'since'\nfield = 'id'", Some("7"), two(), None),
        ] {
            assert_eq!(next(paging, asked, body).as_deref(), expected, "{paging} after {asked:?}");
        }
    }

    #[test]
    fn an_anchor_that_was_deleted_is_given_up_for_the_one_before() {
        let written = "kind = 'anchor'\nfield = 'id'\nmore = 'next'";
        let page = json!({"items": [{"id": "c"}, {"id": "b"}, {"id": "a"}], "next": "a"});
        let first = next(written, None, page).unwrap();
        let empty = json!({"items": [], "next": null});
        let second = next(written, Some(&first), empty.clone()).unwrap();
        let third = next(written, Some(&second), empty.clone()).unwrap();
        let pager = Pager::parse(toml::from_str(written).unwrap()).unwrap();
        assert_eq!([&first, &second, &third].map(|token| pager.split(token).0), ["a", "b", "c"]);
        assert_eq!(next(written, Some(&third), empty), None);
        assert_eq!(next(written, None, json!({"items": [{"id": "a"}], "next": null})), None);
    }

    #[test]
    fn a_cursor_of_several_parts_comes_apart_again() {
        let written = "kind = 'cursor'\nat = 'pages'\nwith = { search = 'next', none = 'nothing' }";
        let token = next(written, None, json!({"items": [], "next": "t\"1", "pages": 3})).unwrap();
        let pager = Pager::parse(toml::from_str(written).unwrap()).unwrap();
        assert_eq!(pager.split(&token), ("3".to_owned(), [("search".to_owned(), "t\"1".to_owned())].into()));
        assert_eq!(pager.holes().collect::<Vec<_>>(), ["none", "search"]);
        let plain = Pager::parse(toml::from_str("kind = 'cursor'\nat = 'next'").unwrap()).unwrap();
        assert_eq!(plain.split("[\"a\"]"), ("[\"a\"]".to_owned(), BTreeMap::new()));
    }
}
