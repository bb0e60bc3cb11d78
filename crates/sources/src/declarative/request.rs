//! A request with holes: settings, the partition, the page, and the time from which on records are wanted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

use super::{
    error::{Under, Wrong},
    template::Template,
};
use crate::http::{
    Request,
    header::{HeaderName, HeaderValue},
};

/// The hole for the token of the next page.
pub(crate) const PAGE: &str = "page";
/// The hole for the time from which on records are wanted.
pub(crate) const SINCE: &str = "since";
/// The hole for the present, for platforms that want a span with two ends.
pub(crate) const UNTIL: &str = "until";

/// What a value may hold inside an address's path as it is.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'@').remove(b':');

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRequest {
    url: String,
    /// A parameter with a hole that nothing fills is left out. The filled ones of a list are joined by commas.
    #[serde(default)]
    query: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// How `{since}` and `{until}` are written.
    #[serde(default)]
    since_as: SinceFormat,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SinceFormat {
    #[default]
    Rfc3339,
    UnixS,
    UnixMs,
    /// `20260301`, in UTC.
    Date,
}

#[derive(Debug, Clone)]
pub(crate) struct RequestTemplate {
    url: Template,
    query: Vec<(String, Vec<Template>)>,
    headers: Vec<(HeaderName, Template)>,
    since_as: SinceFormat,
}

/// What fills the holes that are not settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Settings and the parts of the partition.
    pub(crate) names: &'a BTreeMap<String, String>,
    pub(crate) page: Option<&'a str>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl RequestTemplate {
    pub(crate) fn parse(raw: &RawRequest, known: &[&str]) -> Result<Self, Wrong> {
        let template = |text: &str| {
            let template = Template::parse(text)?;
            let missing = template.holes().find(|hole| !known.contains(hole) && ![PAGE, SINCE, UNTIL].contains(hole));
            match missing {
                Some(hole) => Err(format!(
                    "has the hole `{{{hole}}}`, which nothing fills: it is one of {}, page, since, until",
                    known.join(", ")
                )),
                None => Ok(template),
            }
        };
        let query = raw.query.iter().map(|(name, written)| {
            let texts = match written {
                OneOrMany::One(text) => std::slice::from_ref(text),
                OneOrMany::Many(texts) => texts,
            };
            let templates: Result<Vec<_>, String> = texts.iter().map(|text| template(text)).collect();
            Ok((name.clone(), templates.under(name).under("query")?))
        });
        let headers = raw.headers.iter().map(|(name, text)| {
            let parsed = HeaderName::try_from(name).map_err(|_| "is no name of a header".to_owned());
            Ok((parsed.under(name).under("headers")?, template(text).under(name).under("headers")?))
        });
        Ok(Self {
            url: template(&raw.url).under("url")?,
            query: query.collect::<Result<_, Wrong>>()?,
            headers: headers.collect::<Result<_, Wrong>>()?,
            since_as: raw.since_as,
        })
    }

    pub(crate) fn uses(&self, hole: &str) -> bool {
        let query = self.query.iter().flat_map(|(_, templates)| templates);
        let mut templates = query.chain([&self.url]).chain(self.headers.iter().map(|(_, template)| template));
        templates.any(|template| template.holes().any(|name| name == hole))
    }

    /// # Errors
    /// What is missing or wrong in the settings.
    pub(crate) fn fill(&self, asked: &Asked<'_>) -> Result<Request, String> {
        let value = |name: &str| match name {
            PAGE => asked.page.map(str::to_owned),
            SINCE => Some(self.time(asked.since)),
            UNTIL => Some(self.time(asked.until)),
            name => asked.names.get(name).cloned(),
        };
        let encoded = |name: &str| {
            value(name).map(|value| match value.starts_with("http") {
                true => value,
                false => utf8_percent_encode(&value, IN_PATH).to_string(),
            })
        };
        let address = self.url.fill(encoded).ok_or("the address has a hole that nothing fills")?;
        let mut url = Url::parse(&address).map_err(|error| format!("{address:?} is not an address: {error}"))?;
        for (name, templates) in &self.query {
            let filled: Vec<String> = templates.iter().filter_map(|template| template.fill(value)).collect();
            if !filled.is_empty() {
                url.query_pairs_mut().append_pair(name, &filled.join(","));
            }
        }
        self.with_headers(Request::get(url), value)
    }

    /// The same headers at an address that the platform gave.
    pub(crate) fn at(&self, url: Url, names: &BTreeMap<String, String>) -> Result<Request, String> {
        self.with_headers(Request::get(url), |name| names.get(name).cloned())
    }

    fn with_headers(&self, mut request: Request, value: impl Fn(&str) -> Option<String>) -> Result<Request, String> {
        for (name, template) in &self.headers {
            if let Some(text) = template.fill(&value) {
                let header = HeaderValue::from_str(&text)
                    .map_err(|_| format!("the header {name} would hold {text:?}, which no header may"))?;
                request = request.with_header(name.clone(), header);
            }
        }
        Ok(request)
    }

    fn time(&self, time: Timestamp) -> String {
        match self.since_as {
            SinceFormat::Rfc3339 => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            SinceFormat::UnixS => time.as_second().to_string(),
            SinceFormat::UnixMs => time.as_millisecond().to_string(),
            SinceFormat::Date => time.strftime("%Y%m%d").to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RequestTemplate, Wrong> {
        RequestTemplate::parse(&toml::from_str(text).unwrap(), &["base_url", "tag", "user"])
    }

    fn url(text: &str, page: Option<&str>) -> String {
        let names = [("base_url", "https://a.example/x"), ("tag", "c & c/d")];
        let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let [since, until] = ["2026-03-01T10:00:00.5Z", "2026-03-02T23:59:59Z"].map(|time| time.parse().unwrap());
        parse(text).unwrap().fill(&Asked { names: &names, page, since, until }).unwrap().url.to_string()
    }

    #[test]
    fn parameters_with_an_empty_hole_are_left_out() {
        let text = "url = '{base_url}/t/{tag}'\n[query]\nbefore = '{page}'\ntagged = '{tag}'\nu = '{user}'\n";
        assert_eq!(url(text, None), "https://a.example/x/t/c%20%26%20c/d?tagged=c+%26+c%2Fd");
        assert_eq!(url(text, Some("9")), "https://a.example/x/t/c%20%26%20c/d?before=9&tagged=c+%26+c%2Fd");
    }

    #[test]
    fn a_list_keeps_what_is_filled_and_times_have_the_form_that_is_asked_for() {
        let text = "url = '{base_url}'\nsince_as = 'unix_s'\n[query]\nf = ['t>{since}', 't<={page}']\n";
        assert_eq!(url(text, None), "https://a.example/x?f=t%3E1772359200");
        assert_eq!(url(text, Some("9")), "https://a.example/x?f=t%3E1772359200%2Ct%3C%3D9");
        assert_eq!(url("url = '{base_url}/{since}'", None), "https://a.example/x/2026-03-01T10:00:00Z");
        let dates = "url = '{base_url}/{since}-{until}'\nsince_as = 'date'";
        assert_eq!(url(dates, None), "https://a.example/x/20260301-20260302");
    }

    #[test]
    fn an_unknown_hole_is_told_with_those_that_there_are() {
        let wrong = parse("url = '{base_url}'\nquery = { a = '{tga}' }").unwrap_err();
        assert_eq!(wrong.place, ["query", "a"]);
        assert_eq!(
            wrong.message,
            "has the hole `{tga}`, which nothing fills: it is one of base_url, tag, user, page, since, until"
        );
    }
}
