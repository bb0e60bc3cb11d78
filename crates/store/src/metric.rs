//! A question to the metric registry, and its answer.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{By, Correction, Role};

/// One question: a metric of a brand over a span.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MetricQuery {
    /// Id in the registry, such as `net_sentiment`.
    pub metric: String,
    pub brand: String,
    /// Inclusive. Metrics over rollups round it down to five minutes.
    pub from: Timestamp,
    /// Exclusive. Metrics over rollups round it up to five minutes.
    pub to: Timestamp,
    #[serde(default)]
    pub by: Option<By>,
    /// Most rows of a list; 50 where it is absent, 1,000 at most. For `top_voices` the most of each of its three
    /// rankings: up to three times as many rows.
    #[serde(default)]
    pub limit: Option<u32>,
    /// For `share_of_voice`: the brands that are compared. Empty means every stored brand.
    #[serde(default)]
    pub among: Vec<String>,
    /// For `hashtag_research`: the hashtag, with or without its `#`, in any case.
    #[serde(default)]
    pub hashtag: Option<String>,
    /// For figures of campaigns: the platform's id of one of them. Empty means all.
    #[serde(default)]
    pub campaign: Option<String>,
    /// For `unanswered_questions`: how soon an answer is due, in seconds; a day where it is absent.
    #[serde(default)]
    pub target_seconds: Option<u32>,
}

impl MetricQuery {
    pub fn new(metric: impl Into<String>, brand: impl Into<String>, from: Timestamp, to: Timestamp) -> Self {
        Self {
            metric: metric.into(),
            brand: brand.into(),
            from,
            to,
            by: None,
            limit: None,
            among: vec![],
            hashtag: None,
            campaign: None,
            target_seconds: None,
        }
    }

    pub fn by(self, by: By) -> Self {
        Self { by: Some(by), ..self }
    }
}

/// A figure or a list of them, with everything that a reader needs to trust it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricTable {
    pub metric: MetricInfo,
    pub brand: String,
    /// The span that was computed, after rounding.
    pub from: Timestamp,
    pub to: Timestamp,
    pub by: Option<By>,
    pub columns: Vec<Column>,
    /// One value per column. `null` is "not known", never zero. Times are RFC 3339 strings in UTC.
    pub rows: Vec<Vec<serde_json::Value>>,
    pub coverage: Coverage,
    /// For metrics over polarity or intent: the model that gave them.
    pub model: Option<ModelNote>,
    /// For figures that are corrected for what the model gets wrong: by which measurements.
    pub correction: Option<Correction>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Column {
    pub name: &'static str,
    /// `mentions`, `authors`, `%`, `points`, `s`, `time`, `text`, …
    pub unit: &'static str,
}

/// The entry of the registry, as it is shown beside the number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MetricInfo {
    pub id: &'static str,
    pub title: &'static str,
    pub definition: &'static str,
    pub formula: &'static str,
    pub unit: &'static str,
    pub denominator: &'static str,
    pub version: u16,
    pub source: &'static str,
    pub roles: &'static [Role],
    /// What makes the figure partial.
    pub partial_when: &'static str,
    pub by: Vec<By>,
}

/// How much of the span the sources have covered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// Every source has delivered everything before this. `None` where no source has said so.
    pub complete_through: Option<Timestamp>,
    /// Spans that a source could not read, within the span of the question and what the metric looks back over.
    pub gaps: Vec<GapSpan>,
    /// Spans of which a source read a part, because its budget does not pay for all of it.
    pub sampled: Vec<SampledSpan>,
    pub partial: bool,
    /// In words, empty where the span is complete.
    pub note: String,
}

impl Coverage {
    /// Partial for one more reason.
    pub(crate) fn and(self, reason: String) -> Self {
        let note = if self.note.is_empty() { reason } else { format!("{}; {reason}", self.note) };
        Self { partial: true, note, ..self }
    }

    /// Partial for what retention removed.
    pub(crate) fn without(self, removed: Vec<GapSpan>) -> Self {
        removed.into_iter().fold(self, |mut coverage, span| {
            let reason = format!("{} removed the mentions of {} to {}", span.source, span.from, span.to);
            coverage.gaps.push(span);
            coverage.and(reason)
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GapSpan {
    pub source: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub reason: String,
}

/// Counts are of what was read: a rate of 0.25 means that about four times as much was there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampledSpan {
    pub source: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Share of what was there that was read, 0 to 1.
    pub rate: f64,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelNote {
    /// `name@version` of the model that scored most of the span.
    pub name: String,
    /// Scored mentions / mentions, 0 to 1.
    pub share_scored: f64,
}
