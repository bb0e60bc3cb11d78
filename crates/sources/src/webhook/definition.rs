//! What a platform pushes, described: in a preset, in a file of a user, or in the source's own table.

use std::collections::BTreeMap;

use grapevine_model::{Event, MentionKey};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{
    body,
    signature::{Signature, parameter},
};
use crate::{
    declarative::{Condition, FieldMap, Gives, Mapped, Origin, Scope, Under, Wrong},
    http::Secret,
    push::Delivery,
};

/// As it stands in TOML.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefinition {
    pub(super) name: String,
    /// Of its mentions; the name where it says nothing.
    pub(super) platform: Option<String>,
    pub(super) signature: Option<Signature>,
    pub(super) delivery_id: Option<String>,
    /// Names for headers, to be used in maps and conditions as `{name}`.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// A GET that asks whether the address is ours.
    pub(super) challenge: Option<Challenge>,
    pub(super) record: Vec<RawRule>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) name: String,
    #[serde(default)]
    pub(super) each: Vec<String>,
    pub(super) when: Option<toml::Value>,
    pub(super) map: toml::Table,
    #[serde(default)]
    pub(super) test: Vec<super::preset::RuleTest>,
}

/// Parameters of a GET that an address answers to show that it is ours.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Challenge {
    /// Holds the token that was agreed on.
    token: String,
    /// Is sent back.
    answer: String,
}

impl Challenge {
    /// What is to be answered; `None` where the token is not the one.
    pub(super) fn answer(&self, query: &str, token: &Secret) -> Option<String> {
        let given = parameter(query, &self.token)?;
        let fits = subtle::ConstantTimeEq::ct_eq(given.as_bytes(), token.expose().as_bytes());
        if bool::from(fits) { parameter(query, &self.answer) } else { None }
    }
}

/// What one platform pushes.
#[derive(Debug, Clone)]
pub(crate) struct Definition {
    pub(super) platform: String,
    pub(super) signature: Option<Signature>,
    pub(super) delivery_id: Option<String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) rules: Vec<Rule>,
}

/// One kind of record.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    each: Vec<String>,
    when: Option<Condition>,
    map: FieldMap,
    tells_changes: bool,
}

/// A record that a rule takes, with what its headers said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claimed {
    pub(super) rule: usize,
    pub(super) record: Value,
}

/// What a record became, and which version of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    pub(super) event: Event,
    /// When the platform says that it was written or changed.
    pub(super) version: Timestamp,
}

impl Definition {
    pub(super) fn parse(raw: RawDefinition) -> Result<Self, Wrong> {
        if let Some(signature) = &raw.signature {
            signature.check().under("signature")?;
        }
        let rules = raw.record.into_iter().enumerate().map(|(index, rule)| Rule::parse(&rule).under(index).under("record"));
        Ok(Self {
            platform: raw.platform.unwrap_or(raw.name),
            signature: raw.signature,
            delivery_id: raw.delivery_id,
            headers: raw.headers,
            challenge: raw.challenge,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    /// The headers that it names; one that is absent is no name.
    pub(super) fn names(&self, delivery: &Delivery) -> BTreeMap<String, String> {
        let value = |header: &String| delivery.header(header).map(str::to_owned);
        let mut names: BTreeMap<String, String> =
            self.headers.iter().filter_map(|(name, header)| Some((name.clone(), value(header)?))).collect();
        names.insert("received_at".to_owned(), delivery.received_at.to_string());
        names
    }

    /// The records of a document that it collects.
    pub(super) fn claim(&self, document: &Value, names: &BTreeMap<String, String>) -> Vec<Claimed> {
        let mut claimed: Vec<Claimed> = Vec::new();
        let mut of_steps: BTreeMap<&[String], Vec<(Value, bool)>> = BTreeMap::new();
        for (nth, rule) in self.rules.iter().enumerate() {
            let records = of_steps.entry(&rule.each).or_insert_with(|| {
                body::records(document, &rule.each).into_iter().map(|record| (record, false)).collect()
            });
            for (record, is_taken) in records.iter_mut().filter(|(_, is_taken)| !is_taken) {
                if rule.when.as_ref().is_none_or(|when| when.holds(&Scope { record, names })) {
                    *is_taken = true;
                    claimed.push(Claimed { rule: nth, record: record.clone() });
                }
            }
        }
        claimed
    }

    /// What a record means; `None` where it is nothing that is collected. Pure.
    ///
    /// # Errors
    /// Why it is no mention, in words.
    pub(super) fn map(
        &self,
        claimed: &Claimed,
        names: &BTreeMap<String, String>,
        received_at: Timestamp,
    ) -> Result<Option<Read>, String> {
        let rule = self.rules.get(claimed.rule).ok_or("there is no such rule any more")?;
        let origin = Origin { platform: &self.platform, names, observed_at: received_at };
        let Mapped::Event(mut event) = rule.map.map(&claimed.record, &origin)? else { return Ok(None) };
        let version = rule.map.position(&claimed.record, &origin).unwrap_or(received_at).min(received_at);
        // What comes out of order must not win: where the platform dates its changes, that is the version.
        if let Event::Upsert(mention) = &mut event
            && rule.tells_changes
        {
            mention.observed_at = version;
        }
        Ok(Some(Read { event, version }))
    }
}

/// Whom the event is about.
pub(super) fn key(event: &Event) -> Option<&MentionKey> {
    match event {
        Event::Upsert(mention) => Some(&mention.key),
        Event::Delete(deletion) => Some(&deletion.key),
        _ => None,
    }
}

impl Rule {
    fn parse(raw: &RawRule) -> Result<Self, Wrong> {
        let map = FieldMap::parse(&raw.map, Gives::Mention).under("map")?;
        let tells_changes = map.fields().any(|field| field == "changed_at");
        let when = raw.when.as_ref().map(|when| Condition::parse(when).under("when")).transpose()?;
        Ok(Self { each: raw.each.clone(), when, map, tells_changes })
    }

    pub(super) fn fields(&self) -> impl Iterator<Item = &str> {
        self.map.fields()
    }
}
