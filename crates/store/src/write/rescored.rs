//! What another model says of stored mentions: the row that counts is written again, of the same version, with the new
//! scores.
//!
//! The statement reads the row and writes it in one go, so that no column is forgotten. It is no first sighting, so the view
//! does not feed it into the rollups: its hour is marked before and behind it, like that of any change.
//!
//! | what may happen | why it holds |
//! |---|---|
//! | the mention was edited, or deleted, since it was scored | the version differs: nothing is written |
//! | the same range again, after a crash or in another process | the row says so already, from this very offset: nothing is written |
//! | a writer that was stopped goes on behind others | the row of a later offset of this log is left alone |
//! | the same version comes from the source again in the same batch | of the two the later one in the log counts: see [`pending`] |

use std::collections::HashSet;

use clickhouse::Row;
use grapevine_model::{Event, MentionId, Scores};
use serde::{Deserialize, Serialize};

use super::{
    Batch,
    plan::partition_code,
    rows::{UNSCORED, intent_code, polarity_code, version},
};
use crate::{Store, StoreError, error::Doing};

/// Rows of one statement: each is looked for among the others.
const ROWS: usize = 1000;

/// What is to be said of a version of a mention.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pending<'a> {
    pub id: MentionId,
    offset: u64,
    version: u64,
    scores: Option<&'a Scores>,
}

/// Those of a batch, without the ones that a later event of the batch about the same version makes void.
pub(super) fn pending<'a>(batch: &'a Batch, ids: &[Option<MentionId>]) -> Vec<Pending<'a>> {
    let mut pending = Vec::new();
    // The common batch has none: nothing is gathered for it.
    if !batch.events.iter().any(|(_, event)| matches!(event, Event::Rescored(_))) {
        return pending;
    }
    let mut later = HashSet::new();
    for ((offset, event), id) in batch.events.iter().zip(ids).rev() {
        match (event, *id) {
            (Event::Upsert(mention), Some(id)) => {
                later.insert((id, version(mention.observed_at)));
            }
            (Event::Rescored(rescored), Some(id)) => {
                let version = version(rescored.observed_at);
                if later.insert((id, version)) {
                    pending.push(Pending { id, offset: *offset, version, scores: rescored.scores.as_ref() });
                }
            }
            _ => {}
        }
    }
    pending.reverse();
    pending
}

/// A mention as one model reads it: a row of `rescored`, and what is put into a row of `mentions`.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub(crate) struct RescoredRecord {
    pub scorer: String,
    pub created_at: i64,
    pub id: u128,
    pub version: u64,
    pub polarity: i8,
    pub negative: Option<f32>,
    pub neutral: Option<f32>,
    pub positive: Option<f32>,
    pub confidence: Option<f32>,
    pub intent: i8,
    pub hostility: Option<f32>,
    pub irony: Option<f32>,
    pub themes: Vec<String>,
    pub theme_probabilities: Vec<f32>,
    pub theme_rules: Vec<bool>,
    pub model: String,
}

impl RescoredRecord {
    pub(crate) fn of(scorer: &str, (id, version, created_at): (u128, u64, i64), scores: Option<&Scores>) -> Self {
        let themes = scores.map(|scores| &scores.themes[..]).unwrap_or_default();
        Self {
            scorer: scorer.to_owned(),
            created_at,
            id,
            version,
            polarity: scores.map_or(UNSCORED, |scores| polarity_code(scores.polarity)),
            negative: scores.map(|scores| scores.negative),
            neutral: scores.map(|scores| scores.neutral),
            positive: scores.map(|scores| scores.positive),
            confidence: scores.map(|scores| scores.confidence),
            intent: scores.map_or(0, |scores| intent_code(scores.intent)),
            hostility: scores.and_then(|scores| scores.hostility),
            irony: scores.and_then(|scores| scores.irony),
            themes: themes.iter().map(|theme| theme.theme.clone()).collect(),
            theme_probabilities: themes.iter().map(|theme| theme.probability).collect(),
            theme_rules: themes.iter().map(|theme| theme.rule).collect(),
            model: scores.map(|scores| scores.model.clone()).unwrap_or_default(),
        }
    }
}

/// `said` comes as JSON, one text for each id: a parameter has no rows. What rules said of themes does not depend on a
/// model, and stays.
const APPLY: &str = "
INSERT INTO mentions SELECT * EXCEPT (at, said, by_theme, by_rule, kept) REPLACE (
    said.polarity AS polarity, said.negative AS negative, said.neutral AS neutral, said.positive AS positive,
    said.confidence AS confidence, said.intent AS intent, said.hostility AS hostility, said.irony AS irony,
    arrayConcat(kept.1, said.themes) AS themes, arrayConcat(kept.2, said.theme_probabilities) AS theme_probabilities,
    arrayConcat(kept.3, said.theme_rules) AS theme_rules,
    said.model AS model, false AS first, {log:String} AS log, {partition:UInt16} AS partition,
    {offsets:Array(UInt64)}[at] AS offset)
FROM (SELECT *, JSONExtract({said:Array(String)}[at], 'Tuple(polarity Int8, negative Nullable(Float32),
        neutral Nullable(Float32), positive Nullable(Float32), confidence Nullable(Float32), intent Int8,
        hostility Nullable(Float32), irony Nullable(Float32), themes Array(String),
        theme_probabilities Array(Float32), theme_rules Array(Bool), model String)') AS said,
        arrayZip(themes, theme_probabilities, theme_rules) AS by_theme,
        arrayFilter(of -> of.3 AND NOT has(said.themes, of.1), by_theme) AS by_rule,
        (by_rule.1, by_rule.2, by_rule.3) AS kept
    FROM (SELECT *, indexOf({ids:Array(UInt128)}, id) AS at FROM mentions FINAL WHERE id IN {ids:Array(UInt128)})
    WHERE version = {versions:Array(UInt64)}[at] AND NOT (log = {log:String} AND partition = {partition:UInt16}
        AND offset >= {offsets:Array(UInt64)}[at]))";

impl Store {
    /// Writes what another model says of these mentions. Their hours are marked by the caller, before and behind.
    pub(super) async fn apply_rescored(&self, batch: &Batch, pending: &[Pending<'_>]) -> Result<(), StoreError> {
        let doing = "writing what another model says";
        for chunk in pending.chunks(ROWS) {
            let said = chunk.iter().map(|row| {
                let record = RescoredRecord::of("", (0, row.version, 0), row.scores);
                serde_json::to_string(&record).map_err(|source| StoreError::Answer { doing, source })
            });
            self.writer()
                .query(APPLY)
                .param("log", &batch.log)
                .param("partition", partition_code(batch.partition))
                .param("ids", super::lookup::array(&chunk.iter().map(|row| row.id).collect::<Vec<_>>()))
                .param("versions", chunk.iter().map(|row| row.version).collect::<Vec<_>>())
                .param("offsets", chunk.iter().map(|row| row.offset).collect::<Vec<_>>())
                .param("said", said.collect::<Result<Vec<_>, _>>()?)
                .with_setting("insert_deduplicate", "0")
                .with_setting("do_not_merge_across_partitions_select_final", "1")
                .execute()
                .await
                .doing(doing)?;
        }
        if !pending.is_empty() {
            self.step("rescore-applied");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Author, Mention, MentionKey, Rescored};
    use jiff::Timestamp;

    use super::*;

    fn key(id: &str) -> MentionKey {
        MentionKey::new("forum", "", id)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn upsert(id: &str, second: i64) -> Event {
        Event::Upsert(Box::new(Mention::new(key(id), Author::default(), at(second), "text")))
    }

    fn rescored(id: &str, second: i64) -> Event {
        Event::Rescored(Box::new(Rescored { key: key(id), observed_at: at(second), scores: None }))
    }

    /// Offsets of what is to be written.
    fn offsets(events: Vec<Event>) -> Vec<u64> {
        let last_offset = events.len() as u64 - 1;
        let events: Vec<_> = (0..).zip(events).collect();
        let (log, topic) = ("log".into(), "topic".into());
        let batch =
            Batch { log, topic, partition: 0, first_offset: 0, last_offset, events, unreadable: 0, replay: false };
        let ids = super::super::lookup::ids(&batch);
        pending(&batch, &ids).iter().map(|pending| pending.offset).collect()
    }

    #[test]
    fn of_two_that_say_something_of_one_version_the_later_counts() {
        assert_eq!(offsets(vec![upsert("a", 1), rescored("a", 1)]), [1]);
        assert_eq!(offsets(vec![rescored("a", 1), upsert("a", 1)]), [0_u64; 0]);
        assert_eq!(offsets(vec![rescored("a", 1), rescored("a", 1), rescored("b", 1)]), [1, 2]);
        assert_eq!(offsets(vec![rescored("a", 1), upsert("a", 2)]), [0], "the version that is stored decides");
        assert_eq!(offsets(vec![upsert("a", 1)]), [0_u64; 0]);
    }
}
