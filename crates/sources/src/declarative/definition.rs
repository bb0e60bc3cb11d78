//! A definition as it stands in TOML. [`check`](super::check) makes of it what is read by.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;

use super::{
    auth::{AuthRule, RawAuth},
    check::check,
    error::DefinitionError,
    expression::{Expression, Scope},
    map::{FieldMap, Gives},
    paging::{Pager, RawPaging},
    path::Path,
    request::{RawRequest, RequestTemplate},
    settings::{Setting, SettingType},
    test::MapTest,
};
use crate::{
    http::{Cost, ErrorRule, QuotaPolicy},
    recheck::Plan,
};

/// A platform, described.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its kind in a `[[source]]` table.
    pub name: String,
    pub doc: String,
    /// What the platform demands of those who read it.
    pub terms: String,
    pub settings: Vec<Setting>,
    /// The platform of its mentions.
    pub(crate) platform: String,
    pub(crate) auth: Vec<AuthRule>,
    pub(crate) poll: Pace,
    pub(crate) quota: QuotaPolicy,
    pub(crate) errors: Vec<ErrorRule>,
    pub(crate) listings: Vec<Listing>,
}

/// When a listing is read, and how far back.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pace {
    /// How long a listing rests once it was read to its end.
    pub(crate) every: SignedDuration,
    /// How far back the first reading goes.
    pub(crate) backfill: SignedDuration,
    /// How much before the newest is read again each time: for what came late, was edited, or got likes.
    pub(crate) look_back: SignedDuration,
    /// How long after it was written a post may come into the listing and still count as in time.
    pub(crate) lateness: SignedDuration,
}

/// One list of records that is read page by page.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) name: String,
    /// Holes of the request, each filled with every element of a list setting in turn.
    pub(crate) each: BTreeMap<String, String>,
    /// More holes, made of settings and of those of `each`.
    pub(crate) holes: Vec<(String, Expression)>,
    pub(crate) for_each: Option<ForEach>,
    pub(crate) order: Order,
    pub(crate) records: Vec<Path>,
    pub(crate) max_pages: u32,
    /// So many records the platform shows at most, whether there are more or not.
    pub(crate) shows: Option<u64>,
    pub(crate) pace: OwnPace,
    /// The platform shows nothing that is older.
    pub(crate) reach: Option<SignedDuration>,
    pub(crate) empty: Empty,
    pub(crate) request: RequestTemplate,
    pub(crate) pager: Pager,
    pub(crate) map: FieldMap,
    pub(crate) has_borrowed_map: bool,
    pub(crate) recheck: Option<RecheckRule>,
    pub(crate) also: Option<Also>,
    pub(crate) tests: Vec<MapTest>,
}

/// A second mention in the same record, such as the answer to a review.
#[derive(Debug, Clone)]
pub(crate) struct Also {
    pub(crate) map: FieldMap,
    pub(crate) tests: Vec<MapTest>,
}

/// In place of the definition's.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OwnPace {
    pub(crate) every: Option<SignedDuration>,
    pub(crate) backfill: Option<SignedDuration>,
    pub(crate) look_back: Option<SignedDuration>,
    pub(crate) lateness: Option<SignedDuration>,
}

/// A listing is read once for each record of another one that is new or has grown.
#[derive(Debug, Clone)]
pub(crate) struct ForEach {
    /// Index of the listing whose records they are.
    pub(crate) listing: usize,
    /// What fills holes of this listing, in a record of the other one.
    pub(crate) holes: Vec<(String, Expression)>,
    /// It is read again when this is another value.
    pub(crate) grown: Option<Expression>,
    /// It is read again after so long, while the other listing shows it.
    pub(crate) again: Option<SignedDuration>,
    /// So many are asked for in one request.
    pub(crate) batch: usize,
    /// So many wait at most; the other listing is not read on while they do.
    pub(crate) most: usize,
}

/// How what a listing gave is read again by its ids.
#[derive(Debug, Clone)]
pub(crate) struct RecheckRule {
    pub(crate) plan: Plan,
    pub(crate) every: SignedDuration,
    /// So many ids go into one request.
    pub(crate) batch: usize,
    /// What names a record in the request; the map's id where nothing is said.
    pub(crate) id: Option<Expression>,
    pub(crate) request: RequestTemplate,
    pub(crate) records: Vec<Path>,
    pub(crate) map: FieldMap,
    pub(crate) has_borrowed_map: bool,
    pub(crate) missing: Missing,
    pub(crate) tests: Vec<MapTest>,
}

/// What it means that an id which was asked for is not in the answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Missing {
    Deleted,
    #[default]
    Unknown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Read from the newest back to what is known.
    #[default]
    NewestFirst,
    /// Read from `{since}` on, or from the last page's token.
    OldestFirst,
    /// Read to its end, as nothing says what comes on the next page.
    Any,
}

/// What a page without records says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Empty {
    /// The listing ends there.
    #[default]
    End,
    /// Nothing: the platform gives empty pages at times where there are records.
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) name: String,
    pub(super) doc: String,
    pub(super) terms: String,
    pub(super) platform: Option<String>,
    #[serde(default)]
    pub(super) setting: Vec<Setting>,
    pub(super) auth: Option<RawAuth>,
    pub(super) poll: Pace,
    #[serde(default)]
    pub(super) quota: QuotaPolicy,
    #[serde(default)]
    pub(super) error: Vec<ErrorRule>,
    pub(super) listing: Vec<RawListing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawListing {
    pub(super) name: String,
    #[serde(default)]
    pub(super) each: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) holes: toml::Table,
    pub(super) for_each: Option<RawForEach>,
    #[serde(default)]
    pub(super) gives: Gives,
    #[serde(default)]
    pub(super) order: Order,
    pub(super) records: Vec<String>,
    #[serde(default = "a_thousand")]
    pub(super) max_pages: u32,
    pub(super) shows: Option<u64>,
    pub(super) every: Option<SignedDuration>,
    pub(super) backfill: Option<SignedDuration>,
    pub(super) look_back: Option<SignedDuration>,
    pub(super) lateness: Option<SignedDuration>,
    pub(super) reach: Option<SignedDuration>,
    #[serde(default)]
    pub(super) empty: Empty,
    pub(super) request: RawRequest,
    #[serde(default)]
    pub(super) paging: RawPaging,
    pub(super) map: Option<toml::Table>,
    /// The listing before this one whose records are mapped alike.
    pub(super) map_of: Option<String>,
    pub(super) recheck: Option<RawRecheck>,
    pub(super) also: Option<RawAlso>,
    #[serde(default)]
    pub(super) test: Vec<MapTest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlso {
    pub(super) map: toml::Table,
    #[serde(default)]
    pub(super) test: Vec<MapTest>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawForEach {
    pub(super) listing: String,
    pub(super) holes: toml::Table,
    pub(super) grown: Option<toml::Value>,
    pub(super) again: Option<SignedDuration>,
    #[serde(default = "one")]
    pub(super) batch: usize,
    #[serde(default = "five_hundred")]
    pub(super) most: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecheck {
    pub(super) ages: Vec<SignedDuration>,
    #[serde(default = "five_minutes")]
    pub(super) every: SignedDuration,
    #[serde(default = "one")]
    pub(super) batch: usize,
    pub(super) id: Option<toml::Value>,
    pub(super) request: RawRequest,
    pub(super) records: Option<Vec<String>>,
    pub(super) map: Option<toml::Table>,
    /// The listing up to this one whose records are mapped alike; this one where nothing is said.
    pub(super) map_of: Option<String>,
    #[serde(default)]
    pub(super) missing: Missing,
    #[serde(default = "a_thousand_watched")]
    pub(super) most: usize,
    #[serde(default)]
    pub(super) test: Vec<MapTest>,
}

fn one() -> usize {
    1
}

fn five_hundred() -> usize {
    500
}

fn a_thousand_watched() -> usize {
    1000
}

fn a_thousand() -> u32 {
    1000
}

fn five_minutes() -> SignedDuration {
    SignedDuration::from_mins(5)
}

impl Definition {
    /// # Errors
    /// What is wrong with it, where, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        let raw: Raw = toml::from_str(text).map_err(|error| DefinitionError::of_toml(text, &error))?;
        check(raw).map_err(|wrong| DefinitionError::of_wrong(text, wrong))
    }

    /// What a request of this listing draws on: a bucket of its own only where a limit is about it alone.
    pub(crate) fn cost(&self, listing: &Listing) -> Cost {
        let is_apart = self.quota.limits.iter().any(|limit| limit.only.as_ref() == Some(&listing.name));
        if is_apart { Cost::of(&listing.name) } else { Cost::default() }
    }

    /// The names that templates may use: settings that are one text.
    pub(crate) fn names(&self) -> Vec<&str> {
        let plain = |setting: &&Setting| !matches!(setting.kind, SettingType::List | SettingType::Secret);
        self.settings.iter().filter(plain).map(|setting| setting.name.as_str()).collect()
    }

    /// The names of settings that are lists of texts.
    pub(crate) fn lists(&self) -> Vec<&str> {
        let lists = self.settings.iter().filter(|setting| setting.kind == SettingType::List);
        lists.map(|setting| setting.name.as_str()).collect()
    }

    pub(crate) fn has(&self, kind: SettingType, name: &str) -> Result<(), String> {
        let fits: Vec<&str> =
            self.settings.iter().filter(|setting| setting.kind == kind).map(|setting| setting.name.as_str()).collect();
        match fits.contains(&name) {
            true => Ok(()),
            false => Err(format!("names `{name}`, which is no setting of that type; there are: {}", fits.join(", "))),
        }
    }
}

impl Listing {
    pub(crate) fn gives(&self) -> Gives {
        self.map.gives
    }

    /// What fills its holes: settings, what it is read for, and what is made of both.
    pub(crate) fn names(&self, mut names: BTreeMap<String, String>) -> BTreeMap<String, String> {
        for (hole, expression) in &self.holes {
            let value = expression.text(&Scope { record: &serde_json::Value::Null, names: &names });
            if let Ok(Some(value)) = value {
                names.insert(hole.clone(), value);
            }
        }
        names
    }
}
