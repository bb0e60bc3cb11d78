//! The walk of a search over the span.

use std::time::Instant;

use grapevine_model::MentionId;

use super::{
    Asked, Cursor, Found, Hit, MOST_HITS, Order, Progress, Search,
    ask::{Candidate, Window},
    sql::{self, Condition},
};
use crate::{
    Store, StoreError,
    client::{from_millis, millis},
};

/// The first window: as wide as a page of the newest often needs.
const FIRST_WINDOW: i64 = 6 * HOUR;
pub(super) const HOUR: i64 = 3_600_000;
/// A window of fewer rows makes the next one wider.
const SPARSE: u64 = 100_000;
/// A window of more rows is cut, down to a minute.
const MOST_IN_WINDOW: u64 = 1_000_000;
/// With the text index what does not match costs little.
const MOST_INDEXED: u64 = 50_000_000;
/// Rows that a walk over the index may pass, to one without.
const INDEXED_SHARE: u64 = 20;
/// Mentions fetched at once: their ids go into one address.
const BATCH: u64 = 500;

impl Store {
    /// Finds mentions: one page, within the search's limits.
    ///
    /// # Errors
    /// An empty span, a query too large to be compiled, or a store that does not answer in time.
    pub async fn search(&self, search: &Search) -> Result<Found, StoreError> {
        let asked = Asked::new(search)?;
        let indexed = search.query.is_some() && self.has_text_index().await?;
        let found = Walk::new(self, &asked, indexed).run().await?;
        Ok(Found { removed: self.removed_of_search(search).await?, ..found })
    }
}

pub(super) struct Walk<'a> {
    pub(super) store: &'a Store,
    pub(super) asked: &'a Asked<'a>,
    pub(super) need: Condition,
    indexed: bool,
    began: Instant,
    /// Everything before it, in the order of the walk, was looked at.
    at: Cursor,
    width: i64,
    hits: Vec<Hit>,
    /// Where the page ends, once it is full.
    full_at: Option<Cursor>,
    count: u64,
    looked_at: u64,
    fetched: u64,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, asked: &'a Asked<'a>, indexed: bool) -> Self {
        let search = asked.search;
        let (begin, need) = (begin(search), sql::need(&asked.need, indexed));
        Self {
            store,
            asked,
            need,
            indexed,
            began: Instant::now(),
            at: begin,
            width: FIRST_WINDOW,
            hits: Vec::new(),
            full_at: None,
            count: 0,
            looked_at: 0,
            fetched: 0,
        }
    }

    async fn run(mut self) -> Result<Found, StoreError> {
        while let Some(window) = self.window() {
            if self.is_counted() || self.is_spent() {
                return self.found(true).await;
            }
            let rows = self.rows(&window).await?;
            let most = if self.indexed { MOST_INDEXED } else { MOST_IN_WINDOW };
            if rows > most && self.width > HOUR / 60 {
                self.width = (self.width / 8).max(HOUR / 60);
                continue;
            }
            if rows > 0 && !self.look(window).await? {
                // What of this window lies beyond is not looked at.
                let left = self.rows(&self.beyond(window)).await?;
                self.looked_at += rows.saturating_sub(left);
                return self.found(true).await;
            }
            self.looked_at += rows;
            self.at = self.end_of(&window);
            if rows < SPARSE || self.indexed {
                self.width = self.width.saturating_mul(8);
            }
        }
        self.found(false).await
    }

    /// The next one; `None` where the span ends.
    fn window(&self) -> Option<Window> {
        let search = self.asked.search;
        let (from, to) = (millis(search.from), millis(search.to) - 1);
        let at = millis(self.at.created_at);
        let (low, high) = match search.order {
            Order::NewestFirst => (from.max(at.saturating_sub(self.width)), at.min(to)),
            Order::OldestFirst => (at.max(from), to.min(at.saturating_add(self.width))),
        };
        // Nothing comes before the lowest id, or behind the highest.
        let is_over = match search.order {
            Order::NewestFirst => at < from || (at == from && self.at.id.0 == 0),
            Order::OldestFirst => at > to || (at == to && self.at.id.0 == u128::MAX),
        };
        (!is_over).then_some(Window { low, high, after: self.at })
    }

    fn end_of(&self, window: &Window) -> Cursor {
        match self.asked.search.order {
            Order::NewestFirst => Cursor { created_at: from_millis(window.low), id: MentionId(0) },
            Order::OldestFirst => Cursor { created_at: from_millis(window.high), id: MentionId(u128::MAX) },
        }
    }

    fn beyond(&self, window: Window) -> Window {
        Window { after: self.at, ..window }
    }

    /// Holds what may match in a window against the query, batch by batch; whether all of it was.
    async fn look(&mut self, window: Window) -> Result<bool, StoreError> {
        loop {
            let limit = self.batch();
            let candidates = self.candidates(&self.beyond(window), limit).await?;
            let Some(last) = candidates.last().map(Candidate::key) else { return Ok(true) };
            self.fetched += candidates.len() as u64;
            for hit in self.matching(&candidates).await? {
                self.take(hit);
                if self.is_counted() {
                    return Ok(false);
                }
            }
            self.at = last;
            if (candidates.len() as u64) < limit {
                return Ok(true);
            }
            if self.is_spent() {
                return Ok(false);
            }
        }
    }

    /// Without a query nearly all that is fetched is a hit.
    fn batch(&self) -> u64 {
        let wanted = u64::from(self.limit()).max(self.asked.search.count_to).saturating_sub(self.count);
        let spare = if self.asked.finder.is_some() { 2 * wanted } else { wanted };
        spare.clamp(1, BATCH)
    }

    fn limit(&self) -> u32 {
        self.asked.search.limit.min(MOST_HITS)
    }

    fn take(&mut self, hit: Hit) {
        let key = Cursor { created_at: hit.mention.created_at, id: hit.mention.id };
        self.count += 1;
        self.at = key;
        if self.full_at.is_none() {
            self.hits.push(hit);
            self.full_at = (self.hits.len() >= self.limit() as usize).then_some(key);
        }
    }

    /// The page is full, and enough is counted.
    fn is_counted(&self) -> bool {
        self.full_at.is_some() && self.count >= self.asked.search.count_to
    }

    fn is_spent(&self) -> bool {
        let limits = &self.asked.search.limits;
        let rows = limits.rows.saturating_mul(if self.indexed { INDEXED_SHARE } else { 1 });
        self.looked_at >= rows || self.fetched >= limits.fetched || self.began.elapsed() >= limits.time
    }

    async fn found(mut self, ended_early: bool) -> Result<Found, StoreError> {
        let stopped = ended_early && self.full_at.is_none();
        let of = match stopped {
            true => Some(self.looked_at + self.rows(&self.rest()).await?),
            false => None,
        };
        let next = self.full_at.or(ended_early.then_some(self.at));
        let progress = Progress {
            count: self.count,
            at_least: ended_early,
            stopped,
            looked_at: self.looked_at,
            of,
            reached: self.at.created_at,
            indexed: self.indexed,
        };
        Ok(Found { hits: std::mem::take(&mut self.hits), next, progress, removed: Vec::new() })
    }

    fn rest(&self) -> Window {
        Window { low: millis(self.asked.search.from), high: millis(self.asked.search.to) - 1, after: self.at }
    }
}

/// Before the first mention, in the order of the search, or where the page before ended.
fn begin(search: &Search) -> Cursor {
    let first = match search.order {
        Order::NewestFirst => Cursor { created_at: search.to, id: MentionId(0) },
        Order::OldestFirst => {
            let before = millis(search.from).saturating_sub(1);
            Cursor { created_at: from_millis(before), id: MentionId(u128::MAX) }
        }
    };
    match (search.after, search.order) {
        (None, _) => first,
        (Some(after), Order::NewestFirst) => after.min(first),
        (Some(after), Order::OldestFirst) => after.max(first),
    }
}
