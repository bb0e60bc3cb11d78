//! Presets: what the webhooks of one platform look like, with deliveries to test it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use grapevine_model::Event;
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    body,
    definition::{Definition, RawDefinition},
};
use crate::declarative::{DefinitionError, compare, fields};

/// The presets as they stand in `platforms/push/`.
pub const TEXTS: &[&str] = &[
    include_str!("../../platforms/push/discourse.toml"),
    include_str!("../../platforms/push/facebook.toml"),
    include_str!("../../platforms/push/github.toml"),
    include_str!("../../platforms/push/instagram.toml"),
    include_str!("../../platforms/push/trustpilot.toml"),
];

/// A body, and what has to become of its records.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleTest {
    name: String,
    /// What the headers say.
    #[serde(default)]
    names: BTreeMap<String, String>,
    body: String,
    /// Of the first record: fields of the mention, `event` ("mention", "delete", "skip" or "reject"), `absent`.
    expect: toml::Table,
}

static PRESETS: LazyLock<BTreeMap<String, Arc<Definition>>> = LazyLock::new(|| {
    let parse = |text: &&str| {
        let (name, definition) = read(text).unwrap_or_else(|error| panic!("a shipped preset: {error}"));
        (name, Arc::new(definition))
    };
    TEXTS.iter().map(parse).collect()
});

/// # Errors
/// There is none of that name; the message lists them.
pub(super) fn find(name: &str) -> Result<Arc<Definition>, String> {
    let names = || PRESETS.keys().cloned().collect::<Vec<_>>().join(", ");
    PRESETS.get(name).cloned().ok_or_else(|| format!("is not known: it is one of {}", names()))
}

/// A definition and its name.
pub(super) fn read(text: &str) -> Result<(String, Definition), DefinitionError> {
    let raw: RawDefinition = toml::from_str(text).map_err(|error| DefinitionError::of_toml(text, &error))?;
    let name = raw.name.clone();
    let definition = Definition::parse(raw).map_err(|wrong| DefinitionError::of_wrong(text, wrong))?;
    Ok((name, definition))
}

/// Runs the tests of a definition, and gives what was not as expected.
pub fn test(text: &str) -> Vec<String> {
    let (raw, definition): (RawDefinition, Definition) = match (toml::from_str(text), read(text)) {
        (Ok(raw), Ok((_, definition))) => (raw, definition),
        (Err(error), _) => return vec![error.to_string()],
        (_, Err(error)) => return vec![error.to_string()],
    };
    let mut failures = Vec::new();
    for (rule, parsed) in raw.record.iter().zip(&definition.rules) {
        for test in &rule.test {
            let found = test.run(&definition);
            failures.extend(found.into_iter().map(|failure| format!("{} {}, {}: {failure}", raw.name, rule.name, test.name)));
        }
        let untested = parsed.fields().filter(|field| !rule.test.iter().any(|test| test.covers(field)));
        failures.extend(untested.map(|field| format!("{} {}: no test expects anything of {field}", raw.name, rule.name)));
    }
    failures
}

impl RuleTest {
    fn event(&self) -> &str {
        self.expect.get("event").and_then(toml::Value::as_str).unwrap_or("mention")
    }

    fn covers(&self, field: &str) -> bool {
        match field {
            "title" => self.expect.contains_key("text"),
            "changed_at" => true,
            "deleted" => self.event() == "delete",
            "skip" => self.event() == "skip",
            _ => self.expect.contains_key(field),
        }
    }

    fn run(&self, definition: &Definition) -> Vec<String> {
        let documents = body::read("application/json", self.body.as_bytes());
        if let Some((_, reason)) = documents.unreadable.first() {
            return vec![reason.clone()];
        }
        let claimed: Vec<_> = documents.values.iter().flat_map(|value| definition.claim(value, &self.names)).collect();
        let Some(first) = claimed.first() else { return self.expect_event("skip") };
        match definition.map(first, &self.names, Timestamp::MAX) {
            Ok(Some(read)) => match read.event {
                Event::Upsert(mention) => {
                    let mut failures = self.expect_event("mention");
                    failures.extend(compare(&fields(&mention), &self.expect));
                    failures
                }
                Event::Delete(deletion) => {
                    let mut failures = self.expect_event("delete");
                    let id = self.expect.get("id").and_then(toml::Value::as_str);
                    if id.is_some_and(|id| id != deletion.key.native_id) {
                        failures.push(format!("id: found {:?}", deletion.key.native_id));
                    }
                    failures
                }
                other => vec![format!("found {}", other.name())],
            },
            Ok(None) => self.expect_event("skip"),
            Err(reason) if self.event() == "reject" => {
                let expected = self.expect.get("reason").and_then(toml::Value::as_str).unwrap_or("");
                if reason.contains(expected) { Vec::new() } else { vec![format!("reason: found {reason:?}")] }
            }
            Err(reason) => vec![format!("the record was rejected: {reason}")],
        }
    }

    fn expect_event(&self, found: &str) -> Vec<String> {
        match self.event() {
            expected if expected == found => Vec::new(),
            expected => vec![format!("event: expected {expected:?}, found {found:?}")],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tests_of_every_preset_pass() {
        let failures: Vec<String> = TEXTS.iter().flat_map(|text| test(text)).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn a_preset_that_there_is_not_is_told_with_those_that_there_are() {
        let error = find("gitlab").unwrap_err();
        assert_eq!(error, "is not known: it is one of discourse, facebook, github, instagram, trustpilot");
    }
}
