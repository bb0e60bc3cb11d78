use std::collections::BTreeSet;

use clickhouse::{Row, query::Query};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    MentionRow, Store, StoreError,
    client::millis,
    error::Doing,
    mentions::{COLUMNS, Fetched},
    pieces,
};

/// What is usual is taken from this long before the span.
const BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);
const TOP: usize = 5;
const EXAMPLES: usize = 3;

/// Where the negative mentions of a span come from, beyond what is usual.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    pub brand: String,
    pub from: Timestamp,
    pub to: Timestamp,
    /// Negative mentions in the span.
    pub observed: u64,
    /// What the week before gives for a span of this length.
    pub expected: f64,
    /// The five largest of each, by excess.
    pub platforms: Vec<Share>,
    pub authors: Vec<Share>,
    pub hashtags: Vec<Share>,
    /// Three negative mentions of different texts, the widest reach first.
    pub examples: Vec<MentionRow>,
}

/// One platform's, author's or hashtag's part in the excess.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    pub name: String,
    pub observed: u64,
    pub expected: f64,
    /// observed - expected, over the same for all, 0 to 1. Shares of hashtags can sum to more than 1.
    pub share: f64,
}

/// `facet` 0 is everything, 1 a platform, 2 an author, 3 a hashtag.
#[derive(Row, Deserialize)]
struct Counted {
    facet: u8,
    name: String,
    observed: u64,
    before: u64,
}

const SHARES: &str = "
WITH negatives AS (
    SELECT platform, if(author_handle = '', author, author_handle) AS who, hashtags,
        created_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AS inside
    FROM $mentions WHERE brand = {brand:String} AND polarity = 'negative'
        AND created_at >= fromUnixTimestamp64Milli({before:Int64}, 'UTC')
        AND created_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC'))
SELECT entry.1 AS facet, entry.2 AS name, countIf(inside) AS observed, countIf(NOT inside) AS before FROM (
    SELECT inside, arrayJoin(arrayConcat(
        [(toUInt8(0), ''), (toUInt8(1), toString(platform)), (toUInt8(2), concat(who, ' (', platform, ')'))],
        arrayMap(tag -> (toUInt8(3), toString(tag)), arrayDistinct(hashtags)))) AS entry FROM negatives)
GROUP BY facet, name HAVING observed > 0 OR facet = 0
ORDER BY observed - before * {scale:Float64} DESC, name LIMIT 20 BY facet";

impl Store {
    /// Splits the excess of negative mentions over the week before, from the base table.
    pub async fn explain(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Explanation, StoreError> {
        if from >= to {
            return Err(StoreError::EmptySpan { from, to });
        }
        let explained = self.explained(brand, from, to).await;
        explained.map_err(|error| self.too_heavy(error, &format!("what explains {brand}"), (from, to)))
    }

    async fn explained(&self, brand: &str, from: Timestamp, to: Timestamp) -> Result<Explanation, StoreError> {
        let doing = "explaining negative mentions";
        let scale = (millis(to) - millis(from)).max(1) as f64 / BEFORE.as_millis() as f64;
        let before = millis(from.saturating_sub(BEFORE).unwrap_or(Timestamp::UNIX_EPOCH)).max(0);
        let bind = |query: Query| {
            let query = query.param("brand", brand).param("from", millis(from)).param("to", millis(to));
            query.param("before", before).param("scale", scale)
        };
        let mentions = self.labelled_as(brand, (before, millis(to))).await?;
        let counted: Vec<Counted> =
            bind(self.ask(&pieces::whole_of(SHARES, mentions))).fetch_all().await.doing(doing)?;
        let sql = format!(
            "SELECT {COLUMNS} FROM $mentions WHERE brand = {{brand:String}} AND mentions.polarity = 'negative'
            AND created_at >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC')
            AND created_at < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')
            ORDER BY author_followers DESC NULLS LAST, created_at, id LIMIT 100"
        );
        let widest: Vec<Fetched> = bind(self.ask(&pieces::whole_of(&sql, mentions))).fetch_all().await.doing(doing)?;
        let (observed, expected) = total(&counted, scale);
        let shares = |facet: u8| shares(&counted, facet, scale, observed as f64 - expected);
        Ok(Explanation {
            brand: brand.to_owned(),
            from,
            to,
            observed,
            expected,
            platforms: shares(1),
            authors: shares(2),
            hashtags: shares(3),
            examples: different(widest.into_iter().map(MentionRow::from)),
        })
    }
}

fn total(counted: &[Counted], scale: f64) -> (u64, f64) {
    let all = counted.iter().find(|row| row.facet == 0);
    all.map_or((0, 0.0), |row| (row.observed, row.before as f64 * scale))
}

fn shares(counted: &[Counted], facet: u8, scale: f64, excess: f64) -> Vec<Share> {
    let of_facet = counted.iter().filter(|row| row.facet == facet).take(TOP);
    let share = |row: &Counted| {
        let expected = row.before as f64 * scale;
        let share = if excess > 0.0 { ((row.observed as f64 - expected) / excess).max(0.0) } else { 0.0 };
        Share { name: row.name.clone(), observed: row.observed, expected, share }
    };
    of_facet.map(share).collect()
}

/// The first few whose texts differ in more than case, spacing and punctuation.
fn different(rows: impl Iterator<Item = MentionRow>) -> Vec<MentionRow> {
    let mut seen = BTreeSet::new();
    let letters =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    rows.filter(|row| seen.insert(letters(&row.text))).take(EXAMPLES).collect()
}
