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
//! | `since` | the largest number at a place in the records: ids that ascend; kept from one reading to the next |

use serde::Deserialize;
use serde_json::Value;

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
        let (paging, more) = match raw {
            RawPaging::None => (Paging::None, None),
            RawPaging::LinkHeader => (Paging::LinkHeader, None),
            RawPaging::NextUrl { at, more } => (Paging::NextUrl(path(at)?), more),
            RawPaging::Cursor { at, more } => (Paging::Cursor(path(at)?), more),
            RawPaging::Header { name } => (Paging::Header(name), None),
            RawPaging::Page { first, more, last } => {
                (Paging::Page { first: first.unwrap_or(1), last: last.map(path).transpose()? }, more)
            }
            RawPaging::Offset { more } => (Paging::Offset, more),
            RawPaging::Before { field } => (Paging::Before(path(field)?), None),
            RawPaging::Since { field, first } => (Paging::Since { field: path(field)?, first }, None),
        };
        Ok(Self { paging, more: more.map(path).transpose()? })
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

    /// The token is an address of its own.
    pub(crate) fn is_address(&self) -> bool {
        matches!(self.paging, Paging::LinkHeader | Paging::NextUrl(_))
    }

    /// The token of the page after the one that was asked for with `asked`; `None` after the last.
    pub(crate) fn next(&self, asked: Option<&str>, answer: &Answer<'_>) -> Option<String> {
        let found = |path: &Path| path.find(answer.body).and_then(scalar).filter(|text| text != "false");
        if self.more.as_ref().is_some_and(|more| found(more).is_none()) {
            return None;
        }
        let asked_number = asked.and_then(|asked| asked.parse::<u64>().ok());
        match &self.paging {
            Paging::None => None,
            Paging::LinkHeader => next_link(answer.response),
            Paging::NextUrl(path) | Paging::Cursor(path) => found(path),
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
            Paging::Since { field, .. } => {
                let newest = numbers(field, answer.records).max()?;
                asked_number.is_none_or(|asked| newest > asked).then(|| newest.to_string())
            }
        }
    }
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
}
