//! Search over stored mentions, in the language of the monitors. A listing is a search without a query.
//!
//! A search walks the table in the order of creation, window by window, from where the page before ended:
//!
//! | step | asks | of |
//! |---|---|---|
//! | 1 | which mentions may match: what the query needs ([`Need`]), and filters that hold of some version | the rows as they lie |
//! | 2 | those mentions as they are now, with the labels of people, and the filters again | `$mentions`, few of them |
//! | 3 | whether the query holds, and where | [`Finder`], which is what matches monitors |
//!
//! **Claim: a page holds exactly those mentions of its part of the span for which the matcher and the filters hold, in
//! order.** What is in it passed steps 2 and 3. Let a mention match as it is stored now: its newest row is among the rows
//! as they lie, a query that matches has what it needs ([`Need`]), and each filter of step 1 holds of that row, or a label
//! of people is there for it; so step 1 finds it, and the others keep it. Nothing of this depends on the text index, which
//! only makes step 1 read less.
//!
//! **Claim: pages neither repeat nor leave out.** A page ends at a key, `(created_at, id)`, which no version of a mention
//! changes, and the next one begins beyond it. What is stored meanwhile on this side of the key is not shown; nothing is
//! shown twice.
//!
//! A query that finds little, or needs nothing (`NOT a`), would read the whole span: a walk ends at its [`Limits`], says how
//! far it came, and goes on from there when it is asked to.

mod ask;
mod cursor;
mod index;
mod removed;
mod sql;
mod walk;
pub mod words;

use std::ops::Range;

use grapevine_model::{Intent, Kind, Polarity};
use grapevine_monitor::{Finder, Need, Query};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

pub use cursor::{BadCursor, Cursor};
pub use index::TextIndex;
pub use removed::Removed;
pub use words::BadFilter;

use crate::{MentionRow, StoreError};

/// Hits of one page, at most.
pub const MOST_HITS: u32 = 1000;

/// Which end of the span a search begins at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    NewestFirst,
    OldestFirst,
}

/// What must hold of a mention beside the query. Of several values of a list one suffices; an empty list asks nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Filters {
    pub brand: Option<String>,
    pub platforms: Vec<String>,
    /// ISO 639-1, lower-case.
    pub languages: Vec<String>,
    /// `None` is what no model scored.
    pub polarities: Vec<Option<Polarity>>,
    pub intents: Vec<Intent>,
    pub themes: Vec<String>,
    pub kinds: Vec<Kind>,
    /// Handle in any case, or the platform's id of the author.
    pub author: Option<String>,
    pub space: Option<String>,
    pub owned_space: Option<bool>,
    pub has_media: Option<bool>,
    pub has_links: Option<bool>,
    /// Likes, reposts, replies, quotes and bookmarks together, by the newest count that is known of each.
    pub min_engagement: Option<u64>,
}

/// How much one call may do before it says how far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Stored rows that are passed, whether or not they match.
    pub rows: u64,
    /// Mentions that are fetched and held against the query.
    pub fetched: u64,
    pub time: std::time::Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { rows: 5_000_000, fetched: 20_000, time: std::time::Duration::from_secs(8) }
    }
}

/// A question.
#[derive(Debug, Clone)]
pub struct Search {
    /// Without one, every mention that passes the filters.
    pub query: Option<Query>,
    pub filters: Filters,
    /// Half-open.
    pub from: Timestamp,
    pub to: Timestamp,
    pub order: Order,
    /// `next` of the page before.
    pub after: Option<Cursor>,
    /// Hits of this page, at most [`MOST_HITS`].
    pub limit: u32,
    /// Once the page is full, hits are counted up to this many, within the limits.
    pub count_to: u64,
    pub limits: Limits,
}

impl Search {
    /// 50 of the newest, without filters, and no count.
    pub fn new(query: Option<Query>, from: Timestamp, to: Timestamp) -> Self {
        let (filters, limits) = (Filters::default(), Limits::default());
        Self { query, filters, from, to, order: Order::default(), after: None, limit: 50, count_to: 0, limits }
    }
}

/// A mention that was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    #[serde(flatten)]
    pub mention: MentionRow,
    /// Bytes of the text that make the query hold, in order and apart.
    pub highlights: Vec<Range<usize>>,
}

/// A page of hits, and how far the search came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// `after` of the next page. `None` where the span ends.
    #[serde(serialize_with = "as_text")]
    pub next: Option<Cursor>,
    pub progress: Progress,
    /// Gaps of the span: what can not be found because it is no longer kept, by brand and platform.
    pub removed: Vec<Removed>,
}

/// How far a search came.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Hits from the beginning of this page on.
    pub count: u64,
    /// There may be more than that.
    pub at_least: bool,
    /// A limit ended the search: the page may have fewer hits than the span.
    pub stopped: bool,
    /// Stored rows that this call passed; one a mention and brand, and more where a mention was changed lately.
    pub looked_at: u64,
    /// Of so many in the span, or what is left of it; known where a limit ended the search.
    pub of: Option<u64>,
    /// Everything between here and where the page began was looked at.
    pub reached: Timestamp,
    /// A text index was used.
    pub indexed: bool,
}

fn as_text<S: Serializer>(cursor: &Option<Cursor>, serializer: S) -> Result<S::Ok, S::Error> {
    match cursor {
        Some(cursor) => serializer.collect_str(cursor),
        None => serializer.serialize_none(),
    }
}

/// A question after its checks.
struct Asked<'a> {
    search: &'a Search,
    finder: Option<Finder>,
    need: Need,
}

impl<'a> Asked<'a> {
    fn new(search: &'a Search) -> Result<Self, StoreError> {
        if search.from >= search.to {
            return Err(StoreError::EmptySpan { from: search.from, to: search.to });
        }
        let finder = search.query.as_ref().map(Finder::new).transpose()?;
        let need = search.query.as_ref().map_or(Need::Nothing, |query| sql::bounded(Need::of(query)));
        Ok(Self { search, finder, need })
    }
}
