//! Mapping tests that stand in a definition: a record as the platform gives it, and what it has to become.

use std::{collections::BTreeMap, fmt};

use grapevine_model::{AccountSnapshot, Engagement, EngagementSnapshot, Event, Mention};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    definition::Definition,
    error::{DefinitionError, nearest},
    map::Gives,
};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MapTest {
    name: String,
    /// JSON.
    pub(crate) record: String,
    /// What fills the holes of `each`.
    #[serde(default)]
    pub(crate) each: BTreeMap<String, String>,
    /// Fields of the mention, by the names that the map has; `event` is "mention" (or left out), "account" (the
    /// same), "delete", "skip" or "reject"; `absent` lists fields that are not there.
    expect: toml::Table,
}

/// What became of a definition's mapping tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// The definition's name; empty where it can not be read.
    pub definition: String,
    pub error: Option<DefinitionError>,
    pub tests: Vec<TestResult>,
    /// Fields of the maps that no test expects anything of, as `listing.field`.
    pub untested: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TestResult {
    pub listing: String,
    pub name: String,
    /// What was not as expected; empty where all was.
    pub failures: Vec<String>,
}

impl Report {
    /// The definition can be read, has tests, and every one passes.
    pub fn is_ok(&self) -> bool {
        self.error.is_none() && !self.tests.is_empty() && self.tests.iter().all(|test| test.failures.is_empty())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = &self.error {
            return writeln!(formatter, "{error}");
        }
        for test in &self.tests {
            let verdict = if test.failures.is_empty() { "ok  " } else { "FAIL" };
            writeln!(formatter, "{verdict}  {}: {}", test.listing, test.name)?;
            for failure in &test.failures {
                writeln!(formatter, "        {failure}")?;
            }
        }
        if !self.untested.is_empty() {
            writeln!(formatter, "note  no test expects anything of {}", self.untested.join(", "))?;
        }
        let failed = self.tests.iter().filter(|test| !test.failures.is_empty()).count();
        match self.tests.len() {
            0 => writeln!(
                formatter,
                "{}: no tests; add a [[listing.test]] with a record and what to expect",
                self.definition
            ),
            all => writeln!(formatter, "{}: {} of {all} tests pass", self.definition, all - failed),
        }
    }
}

/// Runs the mapping tests of a definition.
pub fn test(text: &str) -> Report {
    match Definition::parse(text) {
        Ok(definition) => test_definition(&definition),
        Err(error) => Report { error: Some(error), ..Report::default() },
    }
}

pub(crate) fn test_definition(definition: &Definition) -> Report {
    let mut report = Report { definition: definition.name.clone(), ..Report::default() };
    for mapped in definition.maps() {
        for test in mapped.tests {
            let failures = run(definition, &mapped.name, test);
            report.tests.push(TestResult { listing: mapped.name.clone(), name: test.name.clone(), failures });
        }
        // One that is borrowed is tested where it stands.
        if mapped.is_borrowed {
            continue;
        }
        let expects = |field: &str| mapped.tests.iter().any(|test| test.covers(field));
        // A time that only orders what gives nothing can not be expected.
        let has_room = |field: &str| mapped.map.gives != Gives::Nothing || field == "skip";
        let untested = mapped.map.fields().filter(|field| has_room(field) && !expects(field));
        report.untested.extend(untested.map(|field| format!("{}.{field}", mapped.name)));
    }
    report
}

impl MapTest {
    fn covers(&self, field: &str) -> bool {
        match field {
            "title" => self.expect.contains_key("text"),
            // They stand on lines of their own.
            "options" => self.expect.get("text").and_then(toml::Value::as_str).is_some_and(|text| text.contains('\n')),
            "changed_at" => true,
            "deleted" | "skip" => self.event() == if field == "skip" { "skip" } else { "delete" },
            _ => self.expect.contains_key(field),
        }
    }

    fn event(&self) -> &str {
        let plain = if self.expect.contains_key("account") { "account" } else { "mention" };
        self.expect.get("event").and_then(toml::Value::as_str).unwrap_or(plain)
    }
}

fn run(definition: &Definition, listing: &str, test: &MapTest) -> Vec<String> {
    let record: Value = match serde_json::from_str(&test.record) {
        Ok(record) => record,
        Err(error) => return vec![format!("the record is not JSON: {error}")],
    };
    let mapped = definition.map(listing, &test.each, &record, Timestamp::UNIX_EPOCH);
    let (event, found) = match mapped {
        Ok(Some(Event::Upsert(mention))) => ("mention", Some(fields(&mention))),
        Ok(Some(Event::EngagementSnapshot(snapshot))) => ("engagement", Some(counter_fields(&snapshot))),
        Ok(Some(Event::AccountSnapshot(account))) => ("account", Some(account_fields(&account))),
        Ok(Some(_)) => ("delete", None),
        Ok(None) => ("skip", None),
        Err(reason) if test.event() == "reject" => return expect_reason(test, &reason),
        Err(reason) => return vec![format!("the record was rejected: {reason}")],
    };
    if event != test.event() {
        return vec![format!("event: expected {:?}, found {event:?}", test.event())];
    }
    found.map(|found| compare(&found, &test.expect)).unwrap_or_default()
}

fn expect_reason(test: &MapTest, reason: &str) -> Vec<String> {
    match test.expect.get("reason").and_then(toml::Value::as_str) {
        Some(expected) if !reason.contains(expected) => {
            vec![format!("reason: expected {expected:?}, found {reason:?}")]
        }
        _ => Vec::new(),
    }
}

/// What is not as expected.
pub(crate) fn compare(found: &BTreeMap<&'static str, Value>, expect: &toml::Table) -> Vec<String> {
    let mut failures = Vec::new();
    for (field, expected) in expect.iter().filter(|(field, _)| !matches!(field.as_str(), "event" | "absent")) {
        let expected = serde_json::to_value(expected).unwrap_or_default();
        match found.get(field.as_str()) {
            None => {
                let hint = nearest(field, found.keys().copied()).unwrap_or("id");
                failures.push(format!("{field}: is no field of a mention (`{hint}` is)"));
            }
            Some(found) if same(field, &expected, found) => {}
            Some(found) => failures.push(format!("{field}: expected {expected}, found {found}")),
        }
    }
    let absent = expect.get("absent").and_then(toml::Value::as_array).into_iter().flatten();
    for field in absent.filter_map(toml::Value::as_str) {
        match found.get(field) {
            Some(Value::Null) => {}
            Some(found) => failures.push(format!("{field}: expected nothing, found {found}")),
            None => failures.push(format!("{field}: is no field of a mention")),
        }
    }
    failures
}

fn same(field: &str, expected: &Value, found: &Value) -> bool {
    let time = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    match (expected, found) {
        (Value::Number(expected), Value::Number(found)) => expected.as_f64() == found.as_f64(),
        _ if field == "created_at" => time(expected).is_some() && time(expected) == time(found),
        _ => expected == found,
    }
}

fn counter_fields(snapshot: &EngagementSnapshot) -> BTreeMap<&'static str, Value> {
    let mut fields = counters(&snapshot.engagement);
    fields.insert("id", json!(snapshot.key.native_id));
    let instance = Some(&snapshot.key.instance).filter(|instance| !instance.is_empty());
    fields.insert("instance", json!(instance));
    fields
}

fn counters(engagement: &Engagement) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([
        ("likes", json!(engagement.likes)),
        ("reposts", json!(engagement.reposts)),
        ("replies", json!(engagement.replies)),
        ("quotes", json!(engagement.quotes)),
        ("bookmarks", json!(engagement.bookmarks)),
        ("impressions", json!(engagement.impressions)),
    ])
}

fn account_fields(account: &AccountSnapshot) -> BTreeMap<&'static str, Value> {
    BTreeMap::from([("account", json!(account.account)), ("followers", json!(account.followers))])
}

/// A mention by the names of the map's fields. What is absent is null.
pub(crate) fn fields(mention: &Mention) -> BTreeMap<&'static str, Value> {
    let filled = |text: &str| if text.is_empty() { Value::Null } else { text.into() };
    let media: Vec<String> = mention.media.iter().map(|media| format!("{} {}", media.kind, media.url)).collect();
    let list = |items: &[String]| if items.is_empty() { Value::Null } else { json!(items) };
    let author = &mention.author;
    let mut all = BTreeMap::from([
        ("id", json!(mention.key.native_id)),
        ("instance", filled(&mention.key.instance)),
        ("url", json!(mention.url)),
        ("space", json!(mention.space)),
        ("kind", json!(mention.kind.name())),
        ("author", filled(&author.handle)),
        ("author_id", filled(&author.native_id)),
        ("author_name", json!(author.name)),
        ("followers", json!(author.followers)),
        ("is_team", json!(author.is_team)),
        ("is_bot", json!(author.is_bot)),
        ("created_at", json!(mention.created_at.to_string())),
        ("text", filled(&mention.text)),
        ("language", json!(mention.language)),
        ("hashtags", list(&mention.hashtags)),
        ("handles", list(&mention.handles)),
        ("links", list(&mention.links)),
        ("media", list(&media)),
        ("parent", json!(mention.parent)),
        ("root", json!(mention.root)),
        ("parent_author", json!(mention.parent_author)),
        ("stars", json!(mention.stars)),
    ]);
    all.extend(counters(&mention.engagement));
    all
}
