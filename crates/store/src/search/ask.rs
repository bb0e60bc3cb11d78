//! What a walk asks of ClickHouse.

use std::collections::BTreeSet;

use clickhouse::{Row, query::Query};
use grapevine_model::MentionId;
use grapevine_monitor::Words;
use serde::Deserialize;

use super::{
    Cursor, Hit, Order, sql,
    walk::{HOUR, Walk},
};
use crate::{
    MentionRow, StoreError,
    client::{from_millis, millis},
    error::Doing,
    mentions::{COLUMNS, Fetched},
    pieces,
    write::array,
};

const WINDOW: &str = "created_at >= fromUnixTimestamp64Milli({low:Int64}, 'UTC')
    AND created_at <= fromUnixTimestamp64Milli({high:Int64}, 'UTC')";

/// A mention that may match.
#[derive(Debug, Row, Deserialize)]
pub(super) struct Candidate {
    platform: String,
    created_ms: i64,
    id: u128,
}

/// From one time to another, both in it, and beyond the cursor. In milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) after: Cursor,
}

impl Candidate {
    pub(super) fn key(&self) -> Cursor {
        Cursor { created_at: from_millis(self.created_ms), id: MentionId(self.id) }
    }
}

impl Walk<'_> {
    /// Stored rows of a window.
    pub(super) async fn rows(&self, window: &Window) -> Result<u64, StoreError> {
        let brand = self.asked.search.filters.brand_condition();
        let sql = format!("SELECT count() FROM mentions WHERE {brand} AND {WINDOW} AND {}", self.beyond_key());
        self.bind(&sql, window).fetch_one().await.doing("counting what there is to search")
    }

    /// What may match, in order, each mention once.
    pub(super) async fn candidates(&self, window: &Window, limit: u64) -> Result<Vec<Candidate>, StoreError> {
        let filters = &self.asked.search.filters;
        let sql = format!(
            "SELECT toString(platform) AS platform,
                toUnixTimestamp64Milli(created_at) AS created_ms, id
            FROM mentions WHERE {} AND {WINDOW} AND {} AND {} AND {}
            ORDER BY created_at {direction}, id {direction} LIMIT 1 BY created_at, id LIMIT {{limit:UInt64}}",
            filters.stored(),
            self.beyond_key(),
            filters.maybe_labelled(),
            self.need.sql,
            direction = self.direction(),
        );
        let query = self.need.bind(self.bind(&pieces::whole(&sql), window)).param("limit", limit);
        query
            .with_setting("text_index_like_min_pattern_length", "1")
            .fetch_all()
            .await
            .doing("searching the stored mentions")
    }

    /// Those of the candidates that match as they are now.
    pub(super) async fn matching(&self, candidates: &[Candidate]) -> Result<Vec<Hit>, StoreError> {
        let filters = &self.asked.search.filters;
        let engaged = if filters.min_engagement.is_some() { sql::ENGAGED } else { "1" };
        let sql = format!(
            "SELECT {COLUMNS} FROM $mentions WHERE $window AND id IN {{ids:Array(UInt128)}} AND {} AND {} AND {engaged}
            ORDER BY mentions.created_at {direction}, id {direction}, brand LIMIT 1 BY id",
            filters.stored(),
            filters.labelled(),
            direction = self.direction(),
        );
        let sql = sql.replace("$window", &format!("{} AND {PLACES}", filters.brand_condition()));
        let sql = match &filters.brand {
            Some(brand) => pieces::whole_of(&sql, self.store.labelled_as(brand, (0, i64::MAX)).await?),
            None => pieces::whole(&sql.replace("$mentions", "$corrected AS mentions")),
        };
        let rows: Vec<Fetched> =
            of(candidates, filters.bind(self.store.read(&sql))).fetch_all().await.doing(SEARCHING)?;
        Ok(rows.into_iter().filter_map(|row| self.hit(row.into())).collect())
    }

    fn hit(&self, mention: MentionRow) -> Option<Hit> {
        let highlights = match &self.asked.finder {
            None => Vec::new(),
            Some(finder) => finder.find(&words_of(&mention))?,
        };
        Some(Hit { mention, highlights })
    }

    fn direction(&self) -> &'static str {
        match self.asked.search.order {
            Order::NewestFirst => "DESC",
            Order::OldestFirst => "ASC",
        }
    }

    fn beyond_key(&self) -> &'static str {
        match self.asked.search.order {
            Order::NewestFirst => "(created_at, id) < (fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {after:UInt128})",
            Order::OldestFirst => "(created_at, id) > (fromUnixTimestamp64Milli({at:Int64}, 'UTC'), {after:UInt128})",
        }
    }

    fn bind(&self, sql: &str, window: &Window) -> Query {
        let query = self.asked.search.filters.bind(self.store.read(sql));
        query
            .param("low", window.low)
            .param("high", window.high)
            .param("at", millis(window.after.created_at))
            .param("after", window.after.id.0.to_string())
    }
}

fn words_of(mention: &MentionRow) -> Words<'_> {
    Words {
        text: &mention.text,
        hashtags: &mention.hashtags,
        handles: &mention.handles,
        author: &mention.author,
        author_handle: &mention.author_handle,
        language: &mention.language,
        platform: &mention.platform,
        space: &mention.space,
    }
}

/// Of candidates. The hour and the platform are in the table's key.
const PLACES: &str = "platform IN {among_platforms:Array(String)}
    AND toStartOfHour(created_at) IN {hours:Array(DateTime('UTC'))}";
const SEARCHING: &str = "reading the mentions that a search may find";

/// Where the candidates lie, so that little else is read.
fn of(candidates: &[Candidate], query: Query) -> Query {
    let ids: BTreeSet<MentionId> = candidates.iter().map(|candidate| MentionId(candidate.id)).collect();
    let hours: BTreeSet<i64> = candidates.iter().map(|candidate| candidate.created_ms.div_euclid(HOUR)).collect();
    let hours: Vec<String> = hours.into_iter().map(|hour| (hour * HOUR / 1000).to_string()).collect();
    let platforms: BTreeSet<&str> = candidates.iter().map(|candidate| candidate.platform.as_str()).collect();
    query
        .param("ids", array(&ids.into_iter().collect::<Vec<_>>()))
        .param("hours", format!("[{}]", hours.join(",")))
        .param("among_platforms", platforms.into_iter().collect::<Vec<_>>())
}
