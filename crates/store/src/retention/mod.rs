//! Mentions are removed when they are old enough; what they counted stays.
//!
//! Retention goes by whole days (UTC) of a brand and platform. The table `expired` names the days that went, each with the
//! pass that took it up; `expired_counts` and `expired_scored` keep by pass what the day's mentions counted, in the cells of
//! the rollups and by platform. Of several passes of a day the highest counts. So what an hour should say is, from here on:
//!
//! **the mentions of the days that `expired` does not name, with their labels, and the kept counts of the days that it
//! names.** A rebuild computes that (R3 of `rollup`), and a comparison compares with it. A day is in one of the two, wholly, so
//! that nothing is counted twice; an hour of which one platform went and another is there has both.
//!
//! Of what a mention is and is about (`rollup_cells`, `rollup_facets`) and of who wrote (`rollup_members`), nothing is kept:
//! their rows name authors and mentions. A rebuild of the hour takes them away, and a question that reads them says what is gone, as one
//! that reads mentions does.
//!
//! | a pass over a month ([`Store::expire_month`]) | an insert, beside its steps of `rollup` |
//! |---|---|
//! | Z1 take a number for the pass | I1 read up to when the brands' days went: what is older is dropped, and counted as `expired` |
//! | Z2 compute the counts of the days that have not gone, write them under the pass | – |
//! | Z3 leave out days that `expired` names by now | I3 read that again |
//! | Z4 name the days in `expired` | I4 mark the hours of rows that are older, and, of a replay, those of what was dropped |
//! | Z5 mark the hours of the mentions that are there | – |
//! | Z6 delete what hangs on the mentions' ids, then the mentions | – |
//!
//! **Claim: what was shown for `rollup` holds, with what an hour should say read as above.** Only what changes that needs a
//! mark after it can be seen. Z4 changes it: where a mention came or was edited between Z2 and Z4, and where two passes take
//! up one day. Z5 marks each hour that may be so, after Z4.
//!
//! | what else may happen | why it holds |
//! |---|---|
//! | a rebuild reads `mentions` while Z6 deletes, and read `expired` before Z4 | then its R1 came before Z5, and it leaves the hour dirty; the rebuild that mends it has a higher epoch |
//! | a mention of a day that went becomes visible, by a writer that read `expired` before Z4 | before I3 read: if I3 saw Z4, then I4 marks; else Z4 came later, and Z5 sees the row and marks. No rebuild counts it, and the next pass deletes it |
//! | its writer dies before I4 | the range is replayed: the event is dropped now, and its hour is marked |
//! | two passes at once, in any processes | each one's counts were read before its Z3, and nothing of the day is deleted before some Z4: if another's came before Z3, the day is left out. So all counts that are ever named were read from whole days. Whichever counts, marks come after |
//! | a pass dies before Z4 | its counts have a number that `expired` does not name, and never count |
//! | it dies between Z4 and Z5 | the mentions are there: the next pass finds a day that is named and has rows, marks its hours, deletes |
//! | it dies in Z6 | the same; what hangs on ids went first, while the mentions name them |
//! | the configuration keeps for longer afterwards | a day that went is gone: what comes of it is dropped as before |
//! | an edit, a deletion or a label comes for a mention that is gone | there is no row to change, and what the day counted stays. A label stays where it is: the log's table is the truth, and would bring it back |
//! | old posts of a brand on a platform of which nothing went yet | they are stored, counted, and go with the next pass |
//!
//! Nothing goes by whole partitions: a month holds all brands, and a row of one that is kept might come between the look and
//! the drop. A deletion that leaves nothing of a part leaves no part.

mod pass;
mod policy;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use clickhouse::Row;
use jiff::Timestamp;
use serde::Deserialize;

pub use pass::{Expired, Expiring};
pub use policy::{Keep, KeepRule, Retention};

use crate::{
    GapSpan, Store, StoreError,
    client::{from_millis, millis},
    error::Doing,
};

pub(crate) const DAY_MS: i64 = 86_400_000;

/// Of the aliased mentions `m`: those whose day did not go. `$days` bounds the days that are looked up.
pub(crate) const UNEXPIRED: &str = "(m.brand, m.platform, toDate(m.created_at)) NOT IN (SELECT brand, platform, day
            FROM expired WHERE day $days)";
/// Of the aliased kept counts `r`: those that count.
pub(crate) const KEPT: &str =
    "(r.brand, r.platform, toDate(r.bucket), r.pass) IN (SELECT brand, platform, day, max(pass)
            FROM expired WHERE day $days GROUP BY brand, platform, day)";

/// Up to when mentions went, by brand and platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gone(HashMap<String, HashMap<String, i64>>);

impl Gone {
    /// Whether a mention of that time, in milliseconds, is too old to be stored.
    pub(crate) fn has(&self, brand: &str, platform: &str, created_at: i64) -> bool {
        let kept_from = self.0.get(brand).and_then(|platforms| platforms.get(platform));
        kept_from.is_some_and(|kept_from| created_at < *kept_from)
    }
}

/// Days of a brand on a platform that went.
#[derive(Row, Deserialize)]
pub(crate) struct Went {
    pub brand: String,
    pub platform: String,
    /// The first and the last of them, since the Unix epoch.
    first: u16,
    last: u16,
}

impl Went {
    /// The part of a span from the first of them to the last, in milliseconds; empty or backwards where there is none.
    pub(crate) fn within(&self, (from, to): (i64, i64)) -> (i64, i64) {
        ((i64::from(self.first) * DAY_MS).max(from), self.end().min(to))
    }

    fn end(&self) -> i64 {
        (i64::from(self.last) + 1) * DAY_MS
    }
}

const WENT: &str =
    "SELECT toString(brand) AS brand, toString(platform) AS platform, min(day) AS first, max(day) AS last
    FROM expired WHERE brand IN {brands:Array(String)} GROUP BY brand, platform ORDER BY brand, platform";

impl Store {
    /// Of these brands.
    pub(crate) async fn gone(&self, brands: &BTreeSet<&str>) -> Result<Gone, StoreError> {
        let mut gone = Gone::default();
        for went in self.went(brands).await? {
            let end = went.end();
            gone.0.entry(went.brand).or_default().insert(went.platform, end);
        }
        Ok(gone)
    }

    async fn went(&self, brands: &BTreeSet<&str>) -> Result<Vec<Went>, StoreError> {
        if brands.is_empty() {
            return Ok(vec![]);
        }
        let query = self.read(WENT).param("brands", brands.iter().collect::<Vec<_>>());
        query.fetch_all().await.doing("reading what retention removed")
    }

    /// The parts of a span whose mentions of the brand retention removed, as gaps of what is read from them.
    pub(crate) async fn removed(
        &self,
        brand: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<GapSpan>, StoreError> {
        let went = self.went(&BTreeSet::from([brand])).await?;
        let span = |went: Went| {
            let (start, end) = went.within((millis(from), millis(to)));
            (start < end).then(|| GapSpan {
                source: format!("retention of {}", went.platform),
                from: from_millis(start),
                to: from_millis(end),
                reason: "mentions were removed, as the configuration says".to_owned(),
            })
        };
        Ok(went.into_iter().filter_map(span).collect())
    }
}

/// Days by month, such as 202603.
type Months<T> = BTreeMap<u32, Vec<T>>;
