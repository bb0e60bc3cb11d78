//! ClickHouse: schema, writer, metric registry and queries. No other crate speaks to it.
//!
//! The same SQL runs on a ClickHouse server, on a cluster of one shard (`cluster`) and on the embedded engine.
//!
//! | what can happen | what keeps the figures right |
//! |---|---|
//! | the same batch again | its token `log:topic:partition:first-last` is known to every table: nothing is written |
//! | a mention again, in another batch | `mentions` keeps the newest version; only a first sighting feeds the rollups |
//! | the same observation again | it is not written |
//! | an edit, a deletion, a mention that leaves a brand | its hour is marked, and rebuilt from the base table |
//! | what another model says of a stored version | its row is written again with the new scores, its hour marked |
//! | a crash between two tables, a member that was thought dead | the identical range is inserted again; what may lack is marked |
//! | a person corrects the model | labels are put in wherever mentions are read: see the proof in `labels` |
//! | mentions are older than they are kept for | they go by day, and what they counted stays: see the proof in `retention` |
//! | several writers and rebuilders at once, in any processes | epochs: see the proof in `rollup` |
//!
//! [`Store::audit`] checks all of it on what is stored.

mod answer;
mod audit;
mod buckets;
mod budget;
mod client;
mod cluster;
pub mod corrected;
mod days;
mod episodes;
mod error;
mod explain;
mod facets;
mod forecast;
mod forget;
mod hours;
mod labels;
mod lift;
mod members;
mod mentions;
mod metric;
mod migrate;
mod overview;
mod pieces;
mod ranges;
mod recent;
pub mod registry;
mod reports;
mod rescore;
mod retention;
mod rollup;
mod sample;
mod sampled;
pub mod search;
mod series;
mod sources;
mod standing;
mod tiers;
pub mod transfer;
mod verify;
mod write;

pub use audit::{Audit, Finding};
pub use budget::Budget;
pub use client::{Store, StoreOptions};
pub use cluster::Cluster;
pub use corrected::{Correction, LeftOut, Measured};
pub use days::Summed;
pub use error::StoreError;
pub use explain::{Explanation, Share};
pub use forget::{BrandHour, FoundRows, Named};
pub use labels::{Checked, LabelFilter, LabelRow, Labelled, Lacking, SaidOf};
pub use mentions::{GivenLabel, MentionRow, PolarityCount};
pub use metric::{Column, Coverage, GapSpan, MetricInfo, MetricQuery, MetricTable, ModelNote, SampledSpan};
pub use migrate::{Applied, Planned, planned, script};
pub use overview::{Overview, SourceProgress};
pub use ranges::Covered;
pub use registry::{By, LookBack, Metric, Role, UnknownBy};
pub use reports::SourceReport;
pub use rescore::{Compared, Day, Example, ToRescore};
pub use retention::{Expired, Expiring, Keep, KeepRule, Retention};
pub use rollup::Rebuilt;
pub use sample::Sample;
pub use search::{Search, TextIndex};
pub use standing::{ASKED_WITHIN, Asked, Failed, Given, Standing};
pub use verify::{Counts, Mismatch, Verified};
pub use write::{Batch, Inserted};
