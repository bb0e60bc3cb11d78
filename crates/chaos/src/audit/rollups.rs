//! The rollups: hour by hour against the truth, and bucket by bucket against the base.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::{Found, PATIENCE};
use crate::{truth::Truth, world::World};

/// Counts of a bucket of one brand and platform, as text: they are only compared.
#[derive(Deserialize)]
struct Bucket {
    brand: String,
    bucket: i64,
    platform: String,
    mentions: u64,
    counts: String,
}

const BASE: &str = "SELECT brand, toUnixTimestamp(toStartOfFiveMinutes(created_at)) AS bucket, platform, \
    count() AS mentions, concat(toString(countIf(polarity = 'negative')), ' negative, ', \
    toString(countIf(polarity = 'neutral')), ' neutral, ', toString(countIf(polarity = 'positive')), ' positive, ', \
    toString(countIf(polarity = 'unscored')), ' not scored, ', toString(uniqCombined64(14)(author_key)), ' authors') \
    AS counts FROM mentions FINAL WHERE deleted = 0 GROUP BY brand, bucket, platform";

const ROLLUP: &str = "SELECT brand, toUnixTimestamp(bucket) AS bucket, platform, sum(rollup_5m.mentions) AS mentions, \
    concat(toString(sum(negative)), ' negative, ', toString(sum(neutral)), ' neutral, ', toString(sum(positive)), \
    ' positive, ', toString(sum(unscored)), ' not scored, ', toString(uniqCombined64Merge(14)(authors)), ' authors') \
    AS counts FROM rollup_5m GROUP BY brand, bucket, platform HAVING sum(rollup_5m.mentions) != 0";

/// By brand, start and platform.
type Buckets = BTreeMap<(String, i64, String), (u64, String)>;
/// Mentions by brand and start of the hour.
type Hours = BTreeMap<(String, i64), u64>;

pub fn compare(world: &World, truth: &Truth, found: &mut Found) -> anyhow::Result<()> {
    let (base, rollup) = (buckets(world, BASE)?, buckets(world, ROLLUP)?);
    judge(&base, &rollup, &hours_of(truth), found);
    Ok(())
}

/// An hour counts once, however many of its buckets are wrong.
fn judge(base: &Buckets, rollup: &Buckets, wanted: &Hours, found: &mut Found) {
    let mut wrong = BTreeSet::new();
    for key in base.keys().chain(rollup.keys()).collect::<BTreeSet<_>>() {
        let hour = (key.0.clone(), key.1 / 3600 * 3600);
        if base.get(key) != rollup.get(key) && wrong.insert(hour) {
            let say = || format!("rollup of {key:?} says {:?}, the base {:?}", rollup.get(key), base.get(key));
            found.note(|found| &mut found.rollup_mismatches, say);
        }
    }
    let rolled_up = hours(rollup);
    let all: BTreeSet<_> = wanted.keys().chain(rolled_up.keys()).collect();
    found.brand_hours = all.len() as u64;
    for hour in all {
        let (has, wants) = (rolled_up.get(hour), wanted.get(hour));
        if has != wants && wrong.insert(hour.clone()) {
            let say = || format!("rollup of {hour:?} counts {has:?}, {wants:?} were sent");
            found.note(|found| &mut found.rollup_mismatches, say);
        }
    }
}

fn buckets(world: &World, sql: &str) -> anyhow::Result<Buckets> {
    let rows = world.engine.rows::<Bucket>(sql, PATIENCE)?;
    Ok(rows.into_iter().map(|row| ((row.brand, row.bucket, row.platform), (row.mentions, row.counts))).collect())
}

fn hours(buckets: &Buckets) -> Hours {
    let mut hours = Hours::new();
    for ((brand, bucket, _), (mentions, _)) in buckets {
        *hours.entry((brand.clone(), bucket / 3600 * 3600)).or_default() += mentions;
    }
    hours
}

fn hours_of(truth: &Truth) -> Hours {
    let mut hours = Hours::new();
    for ((_, brand), row) in truth.expected() {
        *hours.entry((brand.to_owned(), row.created_at.as_second() / 3600 * 3600)).or_default() += 1;
    }
    hours
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(counts: &[(i64, u64)]) -> Buckets {
        counts.iter().map(|(at, n)| (("Acme".into(), *at, "file".into()), (*n, String::new()))).collect()
    }

    fn mismatches(base: &[(i64, u64)], rollup: &[(i64, u64)], sent: u64) -> (u64, u64) {
        let mut found = Found::default();
        judge(&buckets(base), &buckets(rollup), &Hours::from([(("Acme".into(), 7200), sent)]), &mut found);
        (found.rollup_mismatches, found.brand_hours)
    }

    #[test]
    fn a_rollup_is_compared_with_the_base_and_with_what_was_sent() {
        assert_eq!(mismatches(&[(7200, 3), (7500, 1)], &[(7200, 3), (7500, 1)], 4), (0, 1));
        assert_eq!(mismatches(&[(7200, 3), (7500, 1)], &[(7200, 4)], 4), (1, 1), "the right sum at the wrong time");
        assert_eq!(mismatches(&[(7200, 3)], &[(7200, 3)], 4), (1, 1), "both have lost one");
        assert_eq!(mismatches(&[(7200, 4)], &[(7200, 4), (10_800, 1)], 4), (1, 2), "one that is nowhere else");
    }
}
