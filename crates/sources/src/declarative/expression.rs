//! How one field of a mention is read from a record.
//!
//! | written | gives |
//! |---|---|
//! | `"user.login"` | the value there; a JSONPath where it begins with `$` |
//! | `"{base_url}/t/{topic_id}"` | the text with settings and values of the record in it; nothing where one is missing |
//! | `"=unknown"` | this text |
//! | `["a", { from = "b" }]` | the first of them that gives something |
//! | `{ from = …, as = "html" }` | the same, converted; `markdown` stays as it is written, and its pictures are read |
//! | `{ from = …, as = "html", base = "{base_url}" }` | the same, and its addresses are made whole by this one |
//! | `{ from = …, pick = "id(\\d+)" }` | what the first group of the pattern matches; nothing where it does not |
//! | `{ from = …, pick = …, put = "post/$1" }` | the same with more around it |
//! | `{ from = …, replace = [["pattern", "with $1"]] }` | the text with each pattern replaced wherever it stands, in turn |
//! | `{ from = …, when = … }` | the same where a condition holds; see [`condition`](super::condition) |

use std::{borrow::Cow, collections::BTreeMap};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use regex::Regex;
use serde_json::Value;
use url::Url;

use super::{
    condition::Condition,
    error::{Under, Wrong, unknown},
    path::Path,
    template::Template,
};
use crate::{
    html::{self, Read},
    http::at,
    markdown,
};

/// What a record is read with. Pure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    pub(crate) record: &'a Value,
    /// Settings, and the parts of the partition, by name.
    pub(crate) names: &'a BTreeMap<String, String>,
}

impl Scope<'_> {
    /// A hole of a template: a setting or a part of the partition, else a value of the record.
    pub(crate) fn fill(&self, name: &str) -> Option<String> {
        self.names.get(name).cloned().or_else(|| scalar(at(self.record, name)?))
    }
}

/// How a value is turned into what a mention holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Convert {
    Plain,
    Html,
    Markdown,
    Host,
    Rfc3339,
    Rfc2822,
    UnixSeconds,
    UnixMillis,
}

/// Names of conversions, for texts.
pub(crate) const OF_TEXTS: &[(&str, Convert)] =
    &[("plain", Convert::Plain), ("html", Convert::Html), ("markdown", Convert::Markdown), ("host", Convert::Host)];
/// Names of conversions, for times. The first is what a time is read as where nothing is said.
pub(crate) const OF_TIMES: &[(&str, Convert)] = &[
    ("rfc3339", Convert::Rfc3339),
    ("rfc2822", Convert::Rfc2822),
    ("unix_s", Convert::UnixSeconds),
    ("unix_ms", Convert::UnixMillis),
];

/// The first of its ways that gives something decides.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    ways: Vec<Way>,
    /// As it was written, for messages.
    written: String,
}

#[derive(Debug, Clone)]
struct Way {
    terms: Vec<Term>,
    convert: Convert,
    base: Option<Template>,
    pick: Option<(Regex, String)>,
    replace: Vec<(Regex, String)>,
    when: Option<Condition>,
}

#[derive(Debug, Clone)]
enum Term {
    Path(Path),
    Template(Template),
    Constant(Value),
}

impl Expression {
    /// `conversions` are those that `as` may name; the first is meant where nothing is said.
    pub(crate) fn parse(value: &toml::Value, conversions: &[(&str, Convert)]) -> Result<Self, Wrong> {
        let ways = match value {
            toml::Value::Array(items) if items.is_empty() => {
                return Err(Wrong::new("is empty: name a place in the record"));
            }
            toml::Value::Array(items) => {
                let ways = items.iter().enumerate().map(|(index, item)| Way::parse(item, conversions).under(index));
                ways.collect::<Result<_, _>>()?
            }
            one => vec![Way::parse(one, conversions)?],
        };
        Ok(Self { ways, written: written(value) })
    }

    /// The holes of its templates.
    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        let templates = self.ways.iter().flat_map(|way| {
            let terms = way.terms.iter().filter_map(|term| match term {
                Term::Template(template) => Some(template),
                _ => None,
            });
            terms.chain(&way.base)
        });
        templates.flat_map(Template::holes)
    }

    /// What the first way gives that gives something.
    pub(crate) fn value<'a>(&'a self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        self.find(scope).map(|(value, _)| value)
    }

    fn find<'a>(&'a self, scope: &Scope<'a>) -> Option<(Cow<'a, Value>, &'a Way)> {
        self.ways.iter().find_map(|way| Some((way.value(scope)?, way)))
    }

    /// As text, with the links and pictures that HTML has in it.
    ///
    /// # Errors
    /// What stands there instead.
    pub(crate) fn read(&self, scope: &Scope<'_>) -> Result<Option<Read>, String> {
        let Some((value, way)) = self.find(scope) else { return Ok(None) };
        let text = scalar(&value).ok_or_else(|| self.instead(&value, "a text"))?;
        let read = match way.convert {
            Convert::Html => html::read_at(&text, way.page(scope).as_ref()),
            Convert::Markdown => Read { images: markdown::images(&text), text, ..Read::default() },
            Convert::Host => Read { text: host(&text).unwrap_or(text), ..Read::default() },
            _ => Read { text, ..Read::default() },
        };
        Ok(Some(read).filter(|read| !read.text.is_empty()))
    }

    pub(crate) fn text(&self, scope: &Scope<'_>) -> Result<Option<String>, String> {
        Ok(self.read(scope)?.map(|read| read.text))
    }

    /// # Errors
    /// What stands there instead.
    pub(crate) fn number(&self, scope: &Scope<'_>) -> Result<Option<f64>, String> {
        let Some(value) = self.value(scope) else { return Ok(None) };
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.instead(&value, "a number"))
    }

    /// A counter. Platforms that count votes against may give less than nothing: that is none.
    pub(crate) fn count(&self, scope: &Scope<'_>) -> Result<Option<u64>, String> {
        Ok(self.number(scope)?.map(|number| number.max(0.0) as u64))
    }

    /// # Errors
    /// What stands there instead.
    pub(crate) fn time(&self, scope: &Scope<'_>) -> Result<Option<Timestamp>, String> {
        let Some((value, way)) = self.find(scope) else { return Ok(None) };
        let found = match way.convert {
            Convert::Rfc2822 => value.as_str().and_then(rfc2822),
            Convert::UnixSeconds => whole(&value).and_then(|seconds| Timestamp::from_second(seconds).ok()),
            Convert::UnixMillis => whole(&value).and_then(|millis| Timestamp::from_millisecond(millis).ok()),
            _ => value.as_str().and_then(rfc3339),
        };
        found.map(Some).ok_or_else(|| self.instead(&value, "a time of the form that `as` names"))
    }

    /// The texts of a list; a text is split at white space and commas.
    pub(crate) fn list(&self, scope: &Scope<'_>) -> Vec<String> {
        let lists = self.ways.iter().map(|way| way.list(scope));
        lists.into_iter().find(|list| !list.is_empty()).unwrap_or_default()
    }

    fn instead(&self, value: &Value, expected: &str) -> String {
        let shown: String = value.to_string().chars().take(60).collect();
        format!("`{}` is {shown}, where {expected} was expected", self.written)
    }
}

/// Refuses keys that a table does not have.
pub(crate) fn only(table: &toml::Table, known: &[&str]) -> Result<(), Wrong> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(Wrong::new(unknown(key, known)).under(key)),
        None => Ok(()),
    }
}

impl Way {
    fn parse(value: &toml::Value, conversions: &[(&str, Convert)]) -> Result<Self, Wrong> {
        let plain = conversions.first().map_or(Convert::Plain, |(_, convert)| *convert);
        let toml::Value::Table(table) = value else {
            let terms = terms(value)?;
            return Ok(Self { terms, convert: plain, base: None, pick: None, replace: Vec::new(), when: None });
        };
        only(table, &["from", "as", "base", "pick", "put", "replace", "when"])?;
        let from = table.get("from").ok_or_else(|| Wrong::new("has no `from`: name the place in the record"))?;
        let convert = table.get("as").map(|name| conversion(name, conversions).under("as")).transpose()?;
        Ok(Self {
            terms: terms(from).under("from")?,
            convert: convert.unwrap_or(plain),
            base: base_of(table, convert).under("base")?,
            pick: pick_of(table)?,
            replace: replacements(table).under("replace")?,
            when: table.get("when").map(|value| Condition::parse(value).under("when")).transpose()?,
        })
    }

    fn value<'a>(&'a self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        if self.when.as_ref().is_some_and(|when| !when.holds(scope)) {
            return None;
        }
        self.terms.iter().find_map(|term| self.replaced(self.picked(term.value(scope)?)?))
    }

    /// Where its HTML stands.
    fn page(&self, scope: &Scope<'_>) -> Option<Url> {
        Url::parse(&self.base.as_ref()?.fill(|name| scope.fill(name))?).ok()
    }

    fn picked<'a>(&self, value: Cow<'a, Value>) -> Option<Cow<'a, Value>> {
        let Some((pattern, put)) = &self.pick else { return Some(value) };
        let text = scalar(&value)?;
        let mut picked = String::new();
        pattern.captures(&text)?.expand(put, &mut picked);
        (!picked.is_empty()).then(|| Cow::Owned(picked.into()))
    }

    fn replaced<'a>(&self, value: Cow<'a, Value>) -> Option<Cow<'a, Value>> {
        if self.replace.is_empty() {
            return Some(value);
        }
        let replace = |text: String, (pattern, with): &(Regex, String)| pattern.replace_all(&text, with).into_owned();
        let text = self.replace.iter().fold(scalar(&value)?, replace);
        (!text.is_empty()).then(|| Cow::Owned(text.into()))
    }

    fn list(&self, scope: &Scope<'_>) -> Vec<String> {
        if self.when.as_ref().is_some_and(|when| !when.holds(scope)) {
            return Vec::new();
        }
        if let ([Term::Path(path)], None) = (self.terms.as_slice(), &self.pick) {
            let found = path.all(scope.record);
            // A list, or a place that may be several: each is one.
            let is_list = matches!(path, Path::Query(_)) || path.find(scope.record).is_some_and(Value::is_array);
            if found.len() != 1 || is_list {
                return found.into_iter().filter_map(scalar).collect();
            }
        }
        // An address may have commas in it.
        let is_end = |text: &str| {
            let is_address = text.starts_with("http");
            move |c: char| c == ' ' || c == '\n' || (c == ',' && !is_address)
        };
        let words = |text: String| {
            text.split(is_end(&text)).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        };
        self.value(scope).and_then(|value| scalar(&value)).map(words).unwrap_or_default()
    }
}

impl Term {
    fn value<'a>(&'a self, scope: &Scope<'a>) -> Option<Cow<'a, Value>> {
        Some(match self {
            Term::Path(path) => Cow::Borrowed(path.find(scope.record)?),
            Term::Constant(value) => Cow::Borrowed(value),
            Term::Template(template) => Cow::Owned(Value::String(template.fill(|name| scope.fill(name))?)),
        })
    }
}

fn conversion(name: &toml::Value, conversions: &[(&str, Convert)]) -> Result<Convert, String> {
    let name = name.as_str().unwrap_or("");
    let names: Vec<&str> = conversions.iter().map(|(name, _)| *name).collect();
    let found = conversions.iter().find(|(known, _)| *known == name);
    found.map(|(_, convert)| *convert).ok_or_else(|| unknown(name, &names))
}

fn base_of(table: &toml::Table, convert: Option<Convert>) -> Result<Option<Template>, String> {
    let Some(base) = table.get("base") else { return Ok(None) };
    if convert != Some(Convert::Html) {
        return Err("stands without as = \"html\": only addresses in HTML are made whole".to_owned());
    }
    Template::parse(base.as_str().ok_or("is no text")?).map(Some)
}

fn pick_of(table: &toml::Table) -> Result<Option<(Regex, String)>, Wrong> {
    let put = table.get("put").map(|put| put.as_str().ok_or_else(|| "is no text".to_owned()).under("put"));
    match (table.get("pick"), put.transpose()?) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(Wrong::new("stands without a `pick`: name the pattern that fills it").under("put")),
        (Some(pattern), put) => Ok(Some((pattern_of(pattern).under("pick")?, put.unwrap_or("$1").to_owned()))),
    }
}

/// Pairs of a pattern and what stands in its place.
fn replacements(table: &toml::Table) -> Result<Vec<(Regex, String)>, Wrong> {
    let pairs = table.get("replace").map(|value| value.as_array().ok_or_else(|| Wrong::new("is no list of pairs")));
    let pair = |(index, pair): (usize, &toml::Value)| {
        let texts = pair.as_array().map(|pair| pair.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>());
        let Some([pattern, with]) = texts.as_deref() else {
            return Err(Wrong::new("is no pair of a pattern and a text").under(index));
        };
        let pattern = Regex::new(pattern).map_err(|error| format!("is no regular expression: {error}"));
        Ok((pattern.under(index)?, (*with).to_owned()))
    };
    pairs.transpose()?.into_iter().flatten().enumerate().map(pair).collect()
}

fn terms(value: &toml::Value) -> Result<Vec<Term>, Wrong> {
    match value {
        toml::Value::Array(items) if items.is_empty() => Err(Wrong::new("is empty: name a place in the record")),
        toml::Value::Array(items) => items.iter().enumerate().map(|(index, item)| term(item).under(index)).collect(),
        other => Ok(vec![term(other).map_err(Wrong::new)?]),
    }
}

fn term(value: &toml::Value) -> Result<Term, String> {
    let text = value.as_str().ok_or("is neither a text nor a list of texts: name a place in the record")?;
    match text.strip_prefix('=') {
        Some(constant) => Ok(Term::Constant(constant.into())),
        None if text.contains('{') => Template::parse(text).map(Term::Template),
        None => Path::parse(text).map(Term::Path),
    }
}

fn written(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        toml::Value::Table(table) => table.get("from").map(written).unwrap_or_default(),
        other => other.to_string(),
    }
}

fn pattern_of(value: &toml::Value) -> Result<Regex, String> {
    let text = value.as_str().ok_or("is no text: write a regular expression")?;
    let pattern = Regex::new(text).map_err(|error| format!("is no regular expression: {error}"))?;
    if pattern.captures_len() < 2 {
        return Err("has no group: put what is wanted in (brackets)".to_owned());
    }
    Ok(pattern)
}

/// Texts, numbers and truth values as text.
pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    let fraction = || value.as_f64().map(|number| number as i64);
    value.as_i64().or_else(fraction).or_else(|| value.as_str()?.trim().parse().ok())
}

/// Without an offset it is UTC: some platforms leave it out.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(civil)
}

fn rfc2822(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|at| at.timestamp())
}

/// The host of an address, with its port where it is not the usual one.
fn host(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(toml: &str, conversions: &[(&str, Convert)]) -> Result<Expression, Wrong> {
        let table: toml::Table = toml::from_str(&format!("x = {toml}")).unwrap();
        Expression::parse(&table["x"], conversions)
    }

    fn text(toml: &str, record: &Value) -> Option<String> {
        let names = BTreeMap::from([("base".to_owned(), "https://f.example:8443/x".to_owned())]);
        parse(toml, OF_TEXTS).unwrap().text(&Scope { record, names: &names }).unwrap()
    }

    #[test]
    fn every_form_is_read() {
        let record = json!({"id": 7, "u": {"n": "ada"}, "h": "<b>x</b>", "link": "a/id42", "no": null});
        for (written, expected) in [
            ("'u.n'", Some("ada")),
            ("'id'", Some("7")),
            ("'{base}/{id}'", Some("https://f.example:8443/x/7")),
            ("'{base}/{no}'", None),
            ("'=fixed'", Some("fixed")),
            ("['no', 'missing', 'u.n']", Some("ada")),
            ("{ from = 'h', as = 'html' }", Some("x")),
            ("{ from = '{base}', as = 'host' }", Some("f.example:8443")),
            ("{ from = 'link', pick = 'id(\\d+)' }", Some("42")),
            ("{ from = 'u.n', pick = 'id(\\d+)' }", None),
            (
                "[{ from = 'u.n', pick = 'id(\\d+)' }, { from = 'link', pick = 'id(\\d+)', put = 'no. $1' }]",
                Some("no. 42"),
            ),
            ("{ from = 'link', replace = [['(\\d)', '<$1>'], ['a/', '']] }", Some("id<4><2>")),
            ("{ from = 'id', when = 'link' }", Some("7")),
            ("{ from = 'id', when = 'no' }", None),
        ] {
            assert_eq!(text(written, &record).as_deref(), expected, "{written}");
        }
    }

    #[test]
    fn pictures_and_links_of_a_text_are_read_by_its_form() {
        let record = json!({"h": "<a href='/t/5'>x</a><img src='//i.example/1.png'>", "m": "![a pot](https://i.example/2.png \"pot\")"});
        let names = BTreeMap::from([("base".to_owned(), "https://f.example".to_owned())]);
        let read = |written: &str| {
            parse(written, OF_TEXTS).unwrap().read(&Scope { record: &record, names: &names }).unwrap().unwrap()
        };
        let html = read("{ from = 'h', as = 'html', base = '{base}' }");
        assert_eq!((html.links, html.images), (vec!["https://f.example/t/5".to_owned()], vec!["https://i.example/1.png".to_owned()]));
        assert!(read("{ from = 'h', as = 'html', base = '{nothing}' }").links.is_empty());
        let markdown = read("{ from = 'm', as = 'markdown' }");
        assert_eq!((markdown.text.as_str(), markdown.images), (record["m"].as_str().unwrap(), vec!["https://i.example/2.png".to_owned()]));
    }

    #[test]
    fn times_are_utc_whatever_their_form() {
        let expected: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        for (convert, value) in [
            ("rfc3339", json!("2026-03-01T11:00:00+01:00")),
            ("rfc3339", json!("2026-03-01T10:00:00")),
            ("rfc2822", json!("Sun, 01 Mar 2026 10:00:00 GMT")),
            ("unix_s", json!(1_772_359_200)),
            ("unix_s", json!("1772359200")),
            ("unix_ms", json!(1_772_359_200_000_i64)),
        ] {
            let expression = parse(&format!("{{ from = 't', as = '{convert}' }}"), OF_TIMES).unwrap();
            let (record, names) = (json!({"t": value}), BTreeMap::new());
            assert_eq!(expression.time(&Scope { record: &record, names: &names }), Ok(Some(expected)), "{value}");
        }
    }

    #[test]
    fn what_stands_there_instead_is_told() {
        let record = json!({"a": {"b": 1}, "t": "soon", "neg": -4});
        let (names, plain) = (BTreeMap::new(), |written: &str| parse(written, OF_TEXTS).unwrap());
        let scope = Scope { record: &record, names: &names };
        assert_eq!(plain("'a'").text(&scope).unwrap_err(), "`a` is {\"b\":1}, where a text was expected");
        assert_eq!(plain("'t'").number(&scope).unwrap_err(), "`t` is \"soon\", where a number was expected");
        assert_eq!(plain("'neg'").count(&scope), Ok(Some(0)));
    }

    #[test]
    fn a_wrong_expression_says_how_to_mend_it() {
        let wrong = |written: &str| {
            let wrong = parse(written, OF_TEXTS).unwrap_err();
            format!("{} {}", wrong.place.join("."), wrong.message)
        };
        assert_eq!(wrong("{ form = 'a' }"), "form is not known: write `from`, or one of from, as, base, pick, put, replace, when");
        assert_eq!(wrong("{ from = 'a', as = 'htm' }"), "as is not known: write `html`, or one of plain, html, markdown, host");
        assert_eq!(wrong("['a', 3]"), "1 is neither a text nor a list of texts: name a place in the record");
        assert!(wrong("{ from = 'a', pick = 'x' }").starts_with("pick has no group"));
        assert!(wrong("{ from = 'a', base = 'https://a.example' }").starts_with("base stands without as = \"html\""));
    }
}
