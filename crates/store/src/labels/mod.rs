//! What people say about mentions: stored beside the model's answers, and before them wherever something is read.
//!
//! `mentions` keeps what the model said. `labels` keeps, by brand, mention and field, what a person said. Every question
//! reads [`CORRECTED`], which is both: a label's value where there is one, else the model's; a mention that is labelled as
//! not relevant is left out. So a replay, a rescoring by another model or an edit, which write `mentions`, can not touch a
//! label, and one that is there before its mention counts as soon as the mention comes.
//!
//! Rollups are computed from [`CORRECTED`] when an hour is rebuilt, and fed from `mentions` alone as first sightings are
//! written. The proof of `rollup` so has one more thing that makes an hour wrong, and one more party that marks:
//!
//! | a label is applied ([`Store::apply_labels`]) | an insert, beside its steps of `rollup` |
//! |---|---|
//! | L1 mark the hours of its mention | I2 marks hours of first sightings that a label is there for, too |
//! | L2 write the label, not settled | – |
//! | L3 look up the hours of its mention, in all versions that are there | I3 looks up labels of its first sightings again |
//! | L4 mark those hours | I4 marks the hours of those that a label is there for |
//! | L5 write the label again, settled | – |
//!
//! **Claim: the rollup of an hour equals what [`CORRECTED`] gives, or the hour is dirty.** Let a label and a row of its
//! mention be there, and let the rollup not count the label.
//!
//! | the row | so |
//! |---|---|
//! | was visible before L3 looked | L4 marks its hour, after both are visible |
//! | became visible later, thus after L2: as a first sighting | I3 looks after the row is visible, finds the label, and I4 marks its hour |
//! | … as a change or removal of what was stored | its hour is marked at I4 in any case |
//!
//! In each case the mark comes when label and row can both be seen: a rebuild that saw the mark at R1 reads both at R3, and
//! any other leaves the hour dirty. R3 reads both tables in one statement after R1, so that it does not matter that it takes
//! no snapshot over the two. The same holds for a withdrawal, which is a row like any other.
//!
//! | what else may happen | why it holds |
//! |---|---|
//! | a process dies between L2 and L5 | its label is not settled: who follows the log's table next finds that, and applies it again |
//! | it dies before L2 | the label is in the log's table and not in the store: the same |
//! | two processes apply one label, one of them late | equal rows fold; a mark too many is a rebuild too many |
//! | an older label is applied after a newer one | the higher version counts |
//! | a label is there and its mention is not, or not yet, or no more | no row, no hour: nothing is wrong |
//! | the log is begun anew beside the store | its table is empty, and nothing is taken away that it does not name |
//! | two people label one field of one mention in one moment, through two processes whose clocks differ | the later clock wins here, the later record in the log; what the store has stays |
//!
//! L1, as I2, is there for who looks in between. Buckets that alerts have judged are not judged again.
//!
//! **Hours without a label are read without them.** The join takes more time than the rest of a question. L4 and I4 so list the
//! hours that they mark for a label in `labelled_hours`, before the mark, and nothing takes one off the list.
//!
//! Claim: where a label and a row of its mention can be seen, and neither is being written, the row's hour is listed. It is
//! the table above again: whoever of L3 and I3 comes after both lists the hour; a row that changes or removes another stands
//! in the hour of its first sighting, which was a row like any other. Withdrawn labels stay listed, and cost time alone. An
//! import writes mentions without these steps, and lists all hours behind its last file.
//!
//! A question about one brand ([`Store::labelled_as`]) looks first whether an hour that it reads is listed. The look is a
//! statement of its own, before the question's, on the same server: every label that was acknowledged before the question
//! came is seen. One that comes in between counts from the next question on, as it would had it come a moment later.

mod apply;
mod drawn;
mod give;
mod hours;
mod list;

pub use apply::{Labelled, Lacking};
pub use drawn::Checked;
pub(crate) use hours::{BESIDE, Mentions};
pub use list::{LabelFilter, LabelRow, SaidOf};

/// Mentions as people see them: with the labels put in, and without those that are not relevant. Put an alias behind it.
/// Filters on brand, time and id reach the primary key through it.
pub(crate) const CORRECTED: &str = "(
SELECT m.* REPLACE (
        CAST(if(c.polarity_code > 0, toInt8(c.polarity_code) - 2, toInt8(m.polarity)),
            'Enum8(\\'negative\\' = -1, \\'neutral\\' = 0, \\'positive\\' = 1, \\'unscored\\' = 2)') AS polarity,
        CAST(if(c.intent_code > 0, toInt8(c.intent_code) - 1, toInt8(m.intent)),
            'Enum8(\\'none\\' = 0, \\'question\\' = 1, \\'complaint\\' = 2, \\'suggestion\\' = 3, \\'praise\\' = 4, \\'purchase\\' = 5)')
            AS intent,
        CAST(if(c.has_themes, c.themes, m.themes), 'Array(LowCardinality(String))') AS themes,
        if(c.has_themes, CAST(replicate(1, c.themes), 'Array(Float32)'), m.theme_probabilities) AS theme_probabilities,
        if(c.has_themes, CAST(replicate(false, c.themes), 'Array(Bool)'), m.theme_rules) AS theme_rules),
    m.author_key AS author_key, m.named AS named, toInt8(m.polarity) AS model_polarity, toString(m.intent) AS model_intent,
    m.themes AS model_themes, c.given AS given
FROM mentions AS m FINAL LEFT ANY JOIN (
    SELECT brand, id, anyIf(indexOf(['negative', 'neutral', 'positive'], value), field = 'polarity') AS polarity_code,
        anyIf(indexOf(['none', 'question', 'complaint', 'suggestion', 'praise', 'purchase'], value), field = 'intent')
            AS intent_code,
        toBool(countIf(field = 'theme') > 0) AS has_themes, anyIf(labels.themes, field = 'theme') AS themes,
        countIf(field = 'relevance' AND value = 'no') AS irrelevant,
        groupArray((toString(field), value, toString(by), toUnixTimestamp64Micro(at), drawn)) AS given
    FROM labels FINAL GROUP BY brand, id) AS c ON m.brand = c.brand AND m.id = c.id
WHERE c.irrelevant = 0)";

/// [`CORRECTED`] of the brand of the question alone, of hours without a label: columns as there. The brand stands in it, so
/// that a statement that means several brands can not take it for all of them.
const UNLABELLED: &str = "(
SELECT m.*, m.author_key AS author_key, m.named AS named, toInt8(m.polarity) AS model_polarity, toString(m.intent) AS model_intent,
    m.themes AS model_themes, CAST([], 'Array(Tuple(String, String, String, Int64, Bool))') AS given
FROM mentions AS m FINAL WHERE m.brand = {brand:String} AND $hours)";
