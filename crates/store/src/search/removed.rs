//! What a search can not find any more: what retention removed of its span.

use jiff::Timestamp;
use serde::Serialize;

use super::Search;
use crate::{
    Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
    retention::{DAY_MS, Went},
};

/// Mentions of a brand on a platform that retention removed of the span, by whole days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removed {
    pub brand: String,
    pub platform: String,
    pub from: Timestamp,
    /// Nothing of the brand and platform that is older is kept.
    pub to: Timestamp,
}

/// Only of days that held mentions: in those alone something was removed.
const WENT: &str =
    "SELECT toString(brand) AS brand, toString(platform) AS platform, min(day) AS first, max(day) AS last
    FROM expired WHERE day BETWEEN toDate({first:UInt16}) AND toDate({last:UInt16})
        AND (brand = {brand:String} OR {brand:String} = '')
        AND (platform IN {platforms:Array(String)} OR empty({platforms:Array(String)}))
    GROUP BY brand, platform ORDER BY brand, platform";

impl Store {
    /// Of what the search covers. Read after the walk: a day is named before its mentions go, so that a walk that misses
    /// them is told so.
    pub(super) async fn removed_of_search(&self, search: &Search) -> Result<Vec<Removed>, StoreError> {
        let (from, to) = (millis(search.from), millis(search.to));
        let day = |at: i64| at.div_euclid(DAY_MS).clamp(0, u16::MAX.into());
        let query = self
            .read(WENT)
            .param("first", day(from))
            .param("last", day(to - 1))
            .param("brand", search.filters.brand.as_deref().unwrap_or_default())
            .param("platforms", &search.filters.platforms);
        let went: Vec<Went> = query.fetch_all().await.doing("reading what retention removed of a search")?;
        let part = |went: Went| {
            let (start, end) = went.within((from, to));
            Removed { brand: went.brand, platform: went.platform, from: from_millis(start), to: from_millis(end) }
        };
        Ok(went.into_iter().map(part).collect())
    }
}
