//! A request with holes: settings, the partition, the page, and the times between which records are wanted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use url::Url;

use super::{
    body::{Body, BodyTemplate, Holes, JsonTemplate, Known},
    error::{Under, Wrong, unknown},
    template::Template,
};
use crate::http::{
    Method, Request,
    header::{HeaderName, HeaderValue},
};

/// The hole for the token of the next page.
pub(crate) const PAGE: &str = "page";
/// The hole for the time from which on records are wanted.
pub(crate) const SINCE: &str = "since";
/// The hole for the present, for platforms that want a span with two ends.
pub(crate) const UNTIL: &str = "until";

/// The hole for the ids that are read again.
pub(crate) const IDS: &str = "ids";

/// What a value may hold inside an address's path as it is.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/').remove(b'@').remove(b':').remove(b';');

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRequest {
    url: String,
    /// A parameter with a hole that nothing fills is left out. The filled ones of a list are joined by commas.
    #[serde(default)]
    query: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// `get` or `post`; a request with a body is a `post` where nothing is said.
    method: Option<String>,
    json: Option<toml::Value>,
    form: Option<BTreeMap<String, String>>,
    /// The text of a query, and what it is asked with.
    graphql: Option<String>,
    variables: Option<toml::Table>,
    /// What stands between several ids in one hole.
    join: Option<String>,
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
    method: Method,
    body: Option<BodyTemplate>,
    join: String,
    since_as: SinceFormat,
}

/// What fills the holes that are not settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Settings and the parts of the partition.
    pub(crate) names: &'a BTreeMap<String, String>,
    /// The lists among the settings, and what is asked for in one batch.
    pub(crate) lists: &'a BTreeMap<String, Vec<String>>,
    pub(crate) page: Option<&'a str>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl RequestTemplate {
    /// `known` are the holes beside those of the page and of times.
    pub(crate) fn parse(raw: &RawRequest, known: &Known<'_>) -> Result<Self, Wrong> {
        let mut known = known.clone();
        known.texts.extend([PAGE, SINCE, UNTIL]);
        let query = raw.query.iter().map(|(name, written)| {
            let texts = match written {
                OneOrMany::One(text) => std::slice::from_ref(text),
                OneOrMany::Many(texts) => texts,
            };
            let templates: Result<Vec<_>, String> = texts.iter().map(|text| known.template(text)).collect();
            Ok((name.clone(), templates.under(name).under("query")?))
        });
        let headers = raw.headers.iter().map(|(name, text)| {
            let parsed = HeaderName::try_from(name).map_err(|_| "is no name of a header".to_owned());
            Ok((parsed.under(name).under("headers")?, known.template(text).under(name).under("headers")?))
        });
        let body = body(raw, &known)?;
        Ok(Self {
            url: known.template(&raw.url).under("url")?,
            query: query.collect::<Result<_, Wrong>>()?,
            headers: headers.collect::<Result<_, Wrong>>()?,
            method: method(raw.method.as_deref(), body.is_some()).under("method")?,
            body,
            join: raw.join.clone().unwrap_or_else(|| ",".to_owned()),
            since_as: raw.since_as,
        })
    }

    pub(crate) fn uses(&self, hole: &str) -> bool {
        let query = self.query.iter().flat_map(|(_, templates)| templates);
        let mut templates = query.chain([&self.url]).chain(self.headers.iter().map(|(_, template)| template));
        let in_body = self.body.as_ref().is_some_and(|body| body.uses(hole));
        in_body || templates.any(|template| template.holes().any(|name| name == hole))
    }

    pub(crate) fn is_graphql(&self) -> bool {
        matches!(self.body, Some(BodyTemplate::GraphQl { .. }))
    }

    /// # Errors
    /// What is missing or wrong in the settings.
    pub(crate) fn fill(&self, asked: &Asked<'_>) -> Result<Request, String> {
        let filling = Filling { request: self, asked };
        let encoded = |name: &str| {
            filling.text(name).map(|value| match value.starts_with("http") {
                true => value,
                false => utf8_percent_encode(&value, IN_PATH).to_string(),
            })
        };
        let address = self.url.fill(encoded).ok_or("the address has a hole that nothing fills")?;
        let mut url = Url::parse(&address).map_err(|error| format!("{address:?} is not an address: {error}"))?;
        for (name, templates) in &self.query {
            let filled = templates.iter().filter_map(|template| template.fill(|hole| filling.text(hole)));
            let filled: Vec<String> = filled.collect();
            if !filled.is_empty() {
                url.query_pairs_mut().append_pair(name, &filled.join(","));
            }
        }
        self.complete(Request::new(self.method.clone(), url), &filling)
    }

    /// The same headers and body at an address that the platform gave.
    pub(crate) fn at(&self, url: Url, asked: &Asked<'_>) -> Result<Request, String> {
        self.complete(Request::new(self.method.clone(), url), &Filling { request: self, asked })
    }

    fn complete(&self, mut request: Request, filling: &Filling<'_>) -> Result<Request, String> {
        request = match self.body.as_ref().map(|body| body.fill(filling)) {
            None => request,
            Some(Body::Json(body)) => request.with_json(&body),
            Some(Body::Form(fields)) => {
                let fields: Vec<(&str, &str)> =
                    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                request.with_form(&fields)
            }
        };
        for (name, template) in &self.headers {
            if let Some(text) = template.fill(|hole| filling.text(hole)) {
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

/// A request while it is filled.
struct Filling<'a> {
    request: &'a RequestTemplate,
    asked: &'a Asked<'a>,
}

impl Holes for Filling<'_> {
    fn text(&self, name: &str) -> Option<String> {
        match name {
            PAGE => self.asked.page.map(str::to_owned),
            SINCE => Some(self.request.time(self.asked.since)),
            UNTIL => Some(self.request.time(self.asked.until)),
            name => match self.asked.names.get(name) {
                Some(text) => Some(text.clone()),
                None => self.asked.lists.get(name).map(|list| list.join(&self.request.join)),
            },
        }
    }

    fn list(&self, name: &str) -> Option<Vec<String>> {
        self.asked.lists.get(name).cloned()
    }
}

fn method(name: Option<&str>, has_body: bool) -> Result<Method, String> {
    match name {
        None if has_body => Ok(Method::POST),
        None => Ok(Method::GET),
        Some("get") if !has_body => Ok(Method::GET),
        Some("get") => Err("is get, which has no body: leave `method` out".to_owned()),
        Some("post") => Ok(Method::POST),
        Some(other) => Err(unknown(other, &["get", "post"])),
    }
}

fn body(raw: &RawRequest, known: &Known<'_>) -> Result<Option<BodyTemplate>, Wrong> {
    let variables = toml::Value::Table(raw.variables.clone().unwrap_or_default());
    match (&raw.json, &raw.form, &raw.graphql) {
        (None, None, None) if raw.variables.is_some() => {
            Err(Wrong::new("stand without a `graphql`: write the query that they are for").under("variables"))
        }
        (None, None, None) => Ok(None),
        (Some(json), None, None) => JsonTemplate::parse(json, known).under("json").map(BodyTemplate::Json).map(Some),
        (None, Some(form), None) => BodyTemplate::form(form, known).under("form").map(Some),
        (None, None, Some(query)) => {
            let variables = JsonTemplate::parse(&variables, known).under("variables")?;
            Ok(Some(BodyTemplate::GraphQl { query: query.clone(), variables }))
        }
        _ => Err(Wrong::new("has more than one body: keep one of `json`, `form` and `graphql`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RequestTemplate, Wrong> {
        let known = Known { texts: vec!["base_url", "tag", "user", "ids"], lists: vec!["ids"] };
        RequestTemplate::parse(&toml::from_str(text).unwrap(), &known)
    }

    fn request(text: &str, page: Option<&str>) -> Request {
        let names = [("base_url", "https://a.example/x"), ("tag", "c & c/d")];
        let names = names.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let [since, until] = ["2026-03-01T10:00:00.5Z", "2026-03-02T23:59:59Z"].map(|time| time.parse().unwrap());
        let lists = [("ids".to_owned(), vec!["t3_a".to_owned(), "t1_b".to_owned()])].into();
        parse(text).unwrap().fill(&Asked { names: &names, lists: &lists, page, since, until }).unwrap()
    }

    fn url(text: &str, page: Option<&str>) -> String {
        request(text, page).url.to_string()
    }

    fn body(text: &str) -> String {
        let request = request(text, Some("20"));
        assert_eq!(request.method, Method::POST, "{text}");
        String::from_utf8(request.body.unwrap_or_default()).unwrap()
    }

    #[test]
    fn ids_are_joined_or_a_list() {
        assert_eq!(url("url = '{base_url}'\nquery = { id = '{ids}' }", None), "https://a.example/x?id=t3_a%2Ct1_b");
        assert_eq!(url("url = '{base_url}/{ids}'\njoin = ';'", None), "https://a.example/x/t3_a;t1_b");
        assert_eq!(body("url = '{base_url}'\njson = { q = { in = '{ids:list}' } }"), r#"{"q":{"in":["t3_a","t1_b"]}}"#);
    }

    #[test]
    fn a_body_is_posted() {
        for (text, expected) in [
            ("json = { cursor = '{page:number}', who = '{user}' }", r#"{"cursor":20}"#),
            ("form = { tag = '{tag}', who = '{user}' }", "tag=c+%26+c%2Fd"),
            (
                "graphql = 'query { a }'\nvariables = { after = '{page}' }",
                r#"{"query":"query { a }","variables":{"after":"20"}}"#,
            ),
            ("method = 'post'", ""),
        ] {
            assert_eq!(body(&format!("url = '{{base_url}}'\n{text}")), expected);
        }
    }

    #[test]
    fn a_wrong_body_is_told_with_its_place() {
        for (text, place, message) in [
            ("json = {}\nform = {}", "", "has more than one body"),
            ("variables = {}", "variables", "stand without a `graphql`"),
            ("method = 'pots'", "method", "is not known: write `post`"),
            ("method = 'get'\njson = {}", "method", "is get, which has no body"),
            ("json = { a = { b = '{usr}' } }", "json.a.b", "has the hole `{usr}`, which nothing fills"),
            ("form = { a = '{usr}' }", "form.a", "has the hole `{usr}`, which nothing fills"),
        ] {
            let wrong = parse(&format!("url = '{{base_url}}'\n{text}")).unwrap_err();
            assert_eq!(wrong.place.join("."), place);
            assert!(wrong.message.starts_with(message), "{}", wrong.message);
        }
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
            "has the hole `{tga}`, which nothing fills: it is one of base_url, tag, user, ids, page, since, until"
        );
    }
}
