use std::{path::PathBuf, sync::Arc};

use jiff::{SignedDuration, tz::TimeZone};
use serde::Deserialize;
use url::Url;

use super::{caller, rules::Conditions, source::XSource};
use crate::{
    Source, World,
    http::{QuotaPolicy, SecretPlace, Spend},
    registry::{Arrival, Capabilities, ConfigError, KeyDoc, KindRow, Place, Settings, SourceSpec, parse_settings},
};

pub const KIND: &str = "x";
const DOC: &str = "Posts of X that the monitors ask for, by its search or its filtered stream. Paid by the post.";

/// How far back the recent search goes.
pub(super) const SEARCHED: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Of a query to the search, in characters.
const LONGEST_QUERY: usize = 512;

pub const KEYS: &[KeyDoc] = &[
    KeyDoc {
        key: "method",
        value_type: "string",
        default: "\"search\"",
        doc: "`search` asks every interval_seconds; `stream` holds a connection and heals its gaps by search.",
    },
    KeyDoc {
        key: "token_env",
        value_type: "string",
        default: "none",
        doc: "Environment variable that holds the app's bearer token.",
    },
    KeyDoc {
        key: "token_file",
        value_type: "string",
        default: "none",
        doc: "File that holds the bearer token, in place of token_env.",
    },
    KeyDoc {
        key: "queries",
        value_type: "list",
        default: "[]",
        doc: "Queries in X's own language, in place of what the monitors ask for.",
    },
    KeyDoc {
        key: "languages",
        value_type: "list",
        default: "[]",
        doc: "Only posts that X holds to be in one of these languages (en, de, …). Empty means any.",
    },
    KeyDoc { key: "interval_seconds", value_type: "integer", default: "300", doc: "How often the search is asked." },
    KeyDoc {
        key: "backfill_hours",
        value_type: "integer",
        default: "1",
        doc: "How far back the first start reads; 168 at most. Every post costs.",
    },
    KeyDoc {
        key: "recheck_hours",
        value_type: "integer",
        default: "0",
        doc: "Read posts again 1, 6, 24, 72 and 168 hours after they were written, up to this age, for counters and \
              deletions. Each reading costs as much as the first. 0 reads none.",
    },
    KeyDoc {
        key: "accounts",
        value_type: "list",
        default: "[]",
        doc: "Accounts whose followers are counted once a day, with or without @.",
    },
    KeyDoc {
        key: "monthly_usd",
        value_type: "number",
        default: "none",
        doc: "The most that posts may cost in a month (UTC), in USD. Where it runs short a sample is read, and said to be one.",
    },
    KeyDoc { key: "price_usd", value_type: "number", default: "0.005", doc: "What X takes for one post." },
    KeyDoc {
        key: "rules",
        value_type: "integer",
        default: "1000",
        doc: "How many rules the stream may have in your contract. Those of others count too.",
    },
    KeyDoc {
        key: "rule_length",
        value_type: "integer",
        default: "1024",
        doc: "How many characters one rule may have in your contract.",
    },
    KeyDoc {
        key: "lateness_seconds",
        value_type: "integer",
        default: "60",
        doc: "How long after it was written a post may be found and still count as in time.",
    },
    KeyDoc {
        key: "endpoint",
        value_type: "string",
        default: "\"https://api.x.com\"",
        doc: "Base address of the API.",
    },
];

/// The row of the registry.
pub(crate) const ROW: KindRow = KindRow {
    kind: KIND,
    doc: DOC,
    keys: KEYS,
    capabilities: Capabilities {
        arrival: Arrival::Streamed,
        backfill: "as far as `backfill_hours` goes, 7 days at most",
        edits: "all: X gives an edited post anew",
        deletions: "at 1 h, 6 h, 24 h, 72 h and 168 h of age as far as `recheck_hours` goes; off by default",
        engagement: "at 1 h, 6 h, 24 h, 72 h and 168 h of age as far as `recheck_hours` goes; off by default",
        cost: "0.005 USD a post",
    },
    terms: "X sells its data under its developer agreement: what is deleted or hidden there has to be deleted here, for \
            which `recheck_hours` is the means.",
    parse: parse_settings::<XSettings>,
};

/// The settings, as [`KEYS`] documents them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct XSettings {
    #[serde(default)]
    method: Method,
    token_env: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    queries: Vec<String>,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default = "five_minutes")]
    interval_seconds: u32,
    #[serde(default = "one")]
    backfill_hours: u32,
    #[serde(default)]
    recheck_hours: u32,
    #[serde(default)]
    accounts: Vec<String>,
    monthly_usd: Option<f64>,
    #[serde(default = "a_post")]
    price_usd: f64,
    #[serde(default = "a_thousand")]
    rules: usize,
    #[serde(default = "long")]
    rule_length: usize,
    #[serde(default = "a_minute")]
    lateness_seconds: u32,
    #[serde(default = "public_endpoint")]
    endpoint: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Method {
    #[default]
    Search,
    Stream,
}

fn one() -> u32 {
    1
}

fn five_minutes() -> u32 {
    300
}

fn a_minute() -> u32 {
    60
}

fn a_post() -> f64 {
    0.005
}

fn a_thousand() -> usize {
    1000
}

fn long() -> usize {
    1024
}

fn public_endpoint() -> String {
    "https://api.x.com".to_owned()
}

impl Settings for XSettings {
    fn into_spec(self, place: Place<'_>) -> Result<Box<dyn SourceSpec>, ConfigError> {
        let endpoint = self.endpoint(place)?;
        let token = SecretPlace::of(self.token_env.clone(), self.token_file.clone());
        let token = token.map_err(|problem| place.value_error("token_env", problem))?;
        let token = token.ok_or_else(|| place.value_error("token_env", "is missing: X answers nobody without a token"))?;
        self.check_lists(place)?;
        self.check_numbers(place)?;
        let spend = self.monthly_usd.map(|cap| Spend { price: self.price_usd, cap, zone: TimeZone::UTC });
        Ok(Box::new(XSpec {
            name: place.source_name.to_owned(),
            method: self.method,
            endpoint,
            token,
            queries: self.queries,
            conditions: Conditions { languages: self.languages, sample: None },
            accounts: self.accounts.iter().map(|name| name.trim_start_matches('@').to_lowercase()).collect(),
            interval: SignedDuration::from_secs(self.interval_seconds.into()),
            backfill: SignedDuration::from_hours(self.backfill_hours.into()),
            recheck: SignedDuration::from_hours(self.recheck_hours.into()),
            lateness: SignedDuration::from_secs(self.lateness_seconds.into()),
            rules: self.rules,
            rule_length: self.rule_length,
            spend,
        }))
    }
}

impl XSettings {
    fn endpoint(&self, place: Place<'_>) -> Result<Url, ConfigError> {
        let endpoint = Url::parse(&self.endpoint)
            .map_err(|error| place.value_error("endpoint", format!("is no address: {error}")))?;
        match endpoint.scheme() {
            "http" | "https" => Ok(endpoint),
            _ => Err(place.value_error("endpoint", "does not start with https:// (or http://)")),
        }
    }

    fn check_lists(&self, place: Place<'_>) -> Result<(), ConfigError> {
        let longest = if self.method == Method::Stream { self.rule_length.min(LONGEST_QUERY) } else { LONGEST_QUERY };
        if let Some(long) = self.queries.iter().find(|query| query.chars().count() > longest) {
            return Err(place.value_error("queries", format!("has {long:?}, which is longer than {longest} characters")));
        }
        if self.queries.iter().any(|query| query.trim().is_empty()) {
            return Err(place.value_error("queries", "has an empty one"));
        }
        let is_name = |name: &str| {
            (1..=15).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        if let Some(wrong) = self.accounts.iter().find(|name| !is_name(name.trim_start_matches('@'))) {
            return Err(place.value_error("accounts", format!("has {wrong:?}, which is no name of an account of X")));
        }
        let is_code = |code: &String| (2..=8).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        match self.languages.iter().find(|code| !is_code(code)) {
            Some(wrong) => Err(place.value_error("languages", format!("has {wrong:?}, which is no code such as \"en\""))),
            None => Ok(()),
        }
    }

    fn check_numbers(&self, place: Place<'_>) -> Result<(), ConfigError> {
        if i64::from(self.backfill_hours) > SEARCHED.as_hours() {
            return Err(place.value_error("backfill_hours", "is more than 168: the search goes back seven days"));
        }
        if !(self.price_usd.is_finite() && self.price_usd > 0.0) {
            return Err(place.value_error("price_usd", "is no price: write what one post costs, such as 0.005"));
        }
        if self.monthly_usd.is_some_and(|cap| !cap.is_finite() || cap < self.price_usd * 10.0) {
            return Err(place.value_error("monthly_usd", "does not pay for ten posts, the least that one request gives"));
        }
        if self.rules == 0 || self.rule_length < 256 {
            let key = if self.rules == 0 { "rules" } else { "rule_length" };
            return Err(place.value_error(key, "is too small for a rule"));
        }
        Ok(())
    }
}

/// The checked settings.
#[derive(Debug, Clone)]
pub(crate) struct XSpec {
    pub(super) name: String,
    pub(super) method: Method,
    pub(super) endpoint: Url,
    pub(super) token: SecretPlace,
    /// In X's language; what the monitors ask for where it is empty.
    pub(super) queries: Vec<String>,
    pub(super) conditions: Conditions,
    /// Lower-case, without `@`.
    pub(super) accounts: Vec<String>,
    pub(super) interval: SignedDuration,
    pub(super) backfill: SignedDuration,
    pub(super) recheck: SignedDuration,
    pub(super) lateness: SignedDuration,
    pub(super) rules: usize,
    pub(super) rule_length: usize,
    pub(super) spend: Option<Spend>,
}

impl XSpec {
    /// What is asked for, as the search takes it.
    pub(super) fn searched(&self, world: &World) -> super::rules::Asked {
        super::rules::asked(&self.queries, &world.monitors, &self.conditions, LONGEST_QUERY)
    }
}

impl SourceSpec for XSpec {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        KIND
    }

    fn terms(&self) -> &str {
        ROW.terms
    }

    fn quota(&self) -> QuotaPolicy {
        caller::policy(self)
    }

    fn build(&self, world: &World) -> Box<dyn Source> {
        Box::new(XSource::new(Arc::new(self.clone()), world))
    }
}

#[cfg(test)]
mod tests {
    fn error(more: &str) -> String {
        let table = format!("name = \"x\"\nkind = \"x\"\ntoken_env = \"X_TOKEN\"\n{more}");
        crate::parse(&toml::from_str(&table).unwrap()).map_or_else(|error| error.to_string(), |_| "none".to_owned())
    }

    #[test]
    fn settings_that_can_not_work_say_why() {
        for (more, part) in [
            ("monthly_usd = 50\naccounts = [\"@Acme\"]", "none"),
            ("method = \"firehose\"", "unknown variant `firehose`"),
            ("backfill_hours = 200", "`backfill_hours` is more than 168"),
            ("monthly_usd = 0.01", "`monthly_usd` does not pay for ten posts"),
            ("accounts = [\"acme.example\"]", "`accounts` has \"acme.example\""),
            ("queries = [\" \"]", "`queries` has an empty one"),
            ("languages = [\"English!\"]", "`languages` has \"English!\""),
            ("endpoint = \"ftp://x.example\"", "`endpoint` does not start with https://"),
        ] {
            assert!(error(more).contains(part), "{more}: {}", error(more));
        }
        let none: toml::Table = toml::from_str("name = \"x\"\nkind = \"x\"").unwrap();
        assert!(crate::parse(&none).unwrap_err().to_string().contains("`token_env` is missing"));
    }
}
