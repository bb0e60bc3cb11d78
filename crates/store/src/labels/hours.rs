//! Which hours hold a mention that a person labelled: the table `labelled_hours`, and how a question reads by it.

use std::collections::BTreeSet;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::{CORRECTED, UNLABELLED};
use crate::{Store, StoreError, error::Doing, hours::Hour};

/// Mentions that are read where a labelled hour is read for itself: two granules of the table.
pub(crate) const BESIDE: u64 = 16_384;

/// The mentions of a question's brand as people see them; put an alias behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mentions {
    /// No label of the brand is there in the hours that are read.
    Unlabelled,
    /// Labels are looked at for every mention.
    Labelled,
    /// Labels are looked at in labelled hours alone, which are read for themselves: less work where they are few among
    /// many mentions.
    ByHour,
}

const LISTED: &str = "(SELECT hour FROM labelled_hours WHERE brand = {brand:String})";

impl Mentions {
    /// The same, where few mentions are read: looking which hours are listed takes longer than joining what there is.
    pub(crate) fn of_few(self) -> String {
        if self == Self::ByHour { Self::Labelled.sql() } else { self.sql() }
    }

    pub(crate) fn sql(self) -> String {
        match self {
            Self::Unlabelled => UNLABELLED.replace("$hours", "true"),
            Self::Labelled => labelled("true"),
            Self::ByHour => {
                let [others, listed] = ["NOT IN", "IN"].map(|is| format!("toStartOfHour(m.created_at) {is} {LISTED}"));
                let others = UNLABELLED.replace("$hours", &others);
                format!("(SELECT * FROM {others} UNION ALL SELECT * FROM {})", labelled(&listed))
            }
        }
    }
}

/// Labels of other brands need not be read.
fn labelled(hours: &str) -> String {
    let of_brand = format!("WHERE m.brand = {{brand:String}} AND {hours} AND c.irrelevant");
    CORRECTED
        .replace("FROM labels FINAL", "FROM labels FINAL WHERE brand = {brand:String}")
        .replace("WHERE c.irrelevant", &of_brand)
}

#[derive(Row, Serialize)]
struct Listed<'a> {
    brand: &'a str,
    hour: u32,
}

#[derive(Row, Deserialize)]
struct Counted {
    hours: u64,
    mentions: u64,
}

impl Store {
    /// How a question about the brand reads mentions that were created from `since` to before or at `to`, in milliseconds.
    pub(crate) async fn labelled_as(&self, brand: &str, (since, to): (i64, i64)) -> Result<Mentions, StoreError> {
        let doing = "looking whether a brand has labels";
        let bind = |sql: &str| {
            let seconds = |at: i64| u32::try_from(at.max(0) / 1000).unwrap_or(u32::MAX);
            self.read(sql).param("brand", brand).param("since", seconds(since) / 3600 * 3600).param("to", seconds(to))
        };
        let sql = "SELECT toUInt8(1) FROM labelled_hours WHERE brand = {brand:String}
            AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour <= toDateTime({to:UInt32}, 'UTC') LIMIT 1";
        let any: Option<u8> = bind(sql).fetch_optional().await.doing(doing)?;
        if any.is_none() {
            return Ok(Mentions::Unlabelled);
        }
        // Nearly: this tells what is quicker, not what is right.
        let sql = "SELECT assumeNotNull((SELECT count() FROM labelled_hours WHERE brand = {brand:String}
                AND hour >= toDateTime({since:UInt32}, 'UTC') AND hour <= toDateTime({to:UInt32}, 'UTC'))) AS hours,
            sum(mentions) AS mentions FROM rollup_counts WHERE brand = {brand:String}
                AND bucket >= toDateTime({since:UInt32}, 'UTC') AND bucket <= toDateTime({to:UInt32}, 'UTC')";
        let counted: Counted = bind(sql).fetch_one().await.doing(doing)?;
        let few = counted.hours.saturating_mul(self.beside) < counted.mentions;
        Ok(if few { Mentions::ByHour } else { Mentions::Labelled })
    }

    /// Lists hours before they are answered for.
    pub(crate) async fn list_labelled(&self, hours: &BTreeSet<Hour<'_>>) -> Result<(), StoreError> {
        if hours.is_empty() {
            return Ok(());
        }
        let doing = "listing labelled hours";
        let mut insert = self.writer().insert::<Listed<'_>>("labelled_hours").await.doing(doing)?;
        for (brand, hour) in hours {
            insert.write(&Listed { brand, hour: *hour }).await.doing(doing)?;
        }
        insert.end().await.doing(doing)
    }

    /// Lists the hours of all labels and mentions that are there. Safe beside writers; again, it changes nothing.
    pub async fn list_all_labelled(&self) -> Result<(), StoreError> {
        let sql = "INSERT INTO labelled_hours SELECT DISTINCT brand, toStartOfHour(created_at) FROM mentions
            WHERE (brand, id) IN (SELECT brand, id FROM labels)";
        self.writer().query(sql).execute().await.doing("listing labelled hours")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_question_reads_is_held_to_its_brand_with_labels_and_without() {
        let of_brand = |mentions: Mentions| mentions.sql().matches("brand = {brand:String}").count();
        assert_eq!(of_brand(Mentions::Unlabelled), 1);
        assert_eq!(of_brand(Mentions::Labelled), 2, "mentions and labels");
        assert_eq!(of_brand(Mentions::ByHour), 5, "mentions and listed hours, twice, and labels");
    }
}
