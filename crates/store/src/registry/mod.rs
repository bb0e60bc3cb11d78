//! The metric registry: every figure that a person sees is one entry here, with its definition in words and its SQL.
//!
//! A changed formula is a new version of the entry, never a silent edit. From the entries come the API, the command
//! line,
//! the help texts of the page and the reference.

mod accounts;
mod awareness;
pub(crate) mod campaigns;
mod community;
mod conversations;
pub(crate) mod corrected;
mod feedback;
pub(crate) mod forecast;
pub(crate) mod hashtags;
pub(crate) mod lacking;
mod look_back;
mod members;
mod reach;
mod sentiment;
mod subjects;
mod trust;
mod wellbeing;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use look_back::LookBack;

use crate::{Column, MetricInfo, StoreError};

const fn column(name: &'static str, unit: &'static str) -> Column {
    Column { name, unit }
}

/// One entry.
#[derive(Debug)]
pub struct Metric {
    /// Stable; what a query names.
    pub id: &'static str,
    pub title: &'static str,
    /// In words, with the scope: which mentions count.
    pub definition: &'static str,
    pub formula: &'static str,
    /// Unit of the first figure.
    pub unit: &'static str,
    pub denominator: &'static str,
    pub version: u16,
    /// Whose definition it is; `ours` where there is no standard.
    pub source: &'static str,
    pub roles: &'static [Role],
    pub partial_when: &'static str,
    /// It rests on the model's polarity or intent.
    pub scored: bool,
    pub looks_back: LookBack,
    /// The span is rounded to whole buckets of five minutes, as it is computed from rollups.
    pub buckets: bool,
    /// The ways it can be asked.
    pub shapes: &'static [Shape],
}

/// One way to ask a metric: how it is split, what comes back, and the statement.
///
/// The statement has server-side parameters only: `{brand:String}`, `{from:Int64}`, `{to:Int64}` (milliseconds),
/// `{limit:UInt32}`, `{among:Array(String)}`, `{target:UInt32}` (seconds), `{horizon:Int64}` (milliseconds),
/// `{hashtag:String}`, `{campaign:String}` (empty: all), `{owners:Array(String)}` beside `{accounts:Array(String)}`. `$NAME`
/// stands
/// for a piece of SQL that several metrics share.
#[derive(Debug)]
pub struct Shape {
    /// Empty: not split.
    pub by: &'static [By],
    pub columns: &'static [Column],
    pub sql: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Social media manager: looks outward.
    Awareness,
    /// Community manager: looks inward.
    Community,
}

/// How a figure is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// Over time, with the step that suits the span: five minutes up to 12 hours, an hour up to 14 days, else a day.
    Time,
    FiveMinutes,
    Hour,
    /// Days begin at midnight UTC.
    Day,
    Platform,
    Polarity,
    Kind,
    Language,
    /// What stands beside a hashtag.
    Hashtag,
    /// By the platform's id of the campaign.
    Campaign,
}

impl By {
    pub const ALL: [By; 10] = [
        By::Time,
        By::FiveMinutes,
        By::Hour,
        By::Day,
        By::Platform,
        By::Polarity,
        By::Kind,
        By::Language,
        By::Hashtag,
        By::Campaign,
    ];

    pub fn name(self) -> &'static str {
        match self {
            By::Time => "time",
            By::FiveMinutes => "five_minutes",
            By::Hour => "hour",
            By::Day => "day",
            By::Platform => "platform",
            By::Polarity => "polarity",
            By::Kind => "kind",
            By::Language => "language",
            By::Hashtag => "hashtag",
            By::Campaign => "campaign",
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{given:?} is no way to split a figure; there are: \
    time, five_minutes, hour, day, platform, polarity, kind, language, hashtag, campaign"
)]
pub struct UnknownBy {
    given: String,
}

impl FromStr for By {
    type Err = UnknownBy;

    fn from_str(text: &str) -> Result<Self, UnknownBy> {
        By::ALL.into_iter().find(|by| by.name() == text).ok_or_else(|| UnknownBy { given: text.to_owned() })
    }
}

/// Every metric: awareness with what belongs to it, subjects, community and trust.
pub fn all() -> &'static [&'static Metric] {
    static ALL: std::sync::LazyLock<Vec<&'static Metric>> = std::sync::LazyLock::new(|| {
        let awareness = [
            awareness::METRICS,
            reach::METRICS,
            sentiment::METRICS,
            corrected::METRICS,
            accounts::METRICS,
            hashtags::METRICS,
            campaigns::METRICS,
            forecast::METRICS,
            subjects::METRICS,
        ];
        let community =
            [community::METRICS, conversations::METRICS, members::METRICS, wellbeing::METRICS, feedback::METRICS];
        awareness.into_iter().chain(community).chain([trust::METRICS]).flatten().collect()
    });
    &ALL
}

/// # Errors
/// The error for an unknown id lists the valid ones.
pub fn find(id: &str) -> Result<&'static Metric, StoreError> {
    all().iter().copied().find(|metric| metric.id == id).ok_or_else(|| StoreError::UnknownMetric {
        name: id.to_owned(),
        valid: all().iter().map(|metric| metric.id).collect::<Vec<_>>().join(", "),
    })
}

impl Metric {
    pub fn info(&self) -> MetricInfo {
        MetricInfo {
            id: self.id,
            title: self.title,
            definition: self.definition,
            formula: self.formula,
            unit: self.unit,
            denominator: self.denominator,
            version: self.version,
            source: self.source,
            roles: self.roles,
            partial_when: self.partial_when,
            by: self.shapes.iter().flat_map(|shape| shape.by).copied().collect(),
        }
    }
}
