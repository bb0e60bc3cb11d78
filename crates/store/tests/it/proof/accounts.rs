//! Followers of the accounts that the worlds configure.

use std::collections::BTreeMap;

use grapevine_model::{AccountSnapshot, Event};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Facts, Group, Proof, Row, Rows, split::over_time};
use crate::world::{at, heartbeat};

/// Brand and account of every world here.
pub const ACCOUNTS: [(&str, &str); 2] = [("acme", "@Acme_Team"), ("nova", "nova_team")];

/// The brand's account on X: 1,000 two days before the span, 1,100 in the middle of its day; on Mastodon counted once. The
/// competitor's shrank from 500 to 490 within six hours. An account that belongs to nobody, and a count of ten days ago.
pub fn groups() -> Vec<Group> {
    let seen = |platform: &str, account: &str, time: &str, followers: u64| {
        let (platform, account, observed_at) = (platform.into(), account.into(), at(time));
        Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at, followers })
    };
    let events = vec![
        seen("x", "acme_team", "2026-02-20T00:00:00Z", 9),
        seen("x", "acme_team", "2026-02-28T12:00:00Z", 1000),
        seen("x", "acme_team", "2026-03-02T12:00:00Z", 1100),
        seen("mastodon", "@acme_team", "2026-03-02T06:00:00Z", 70),
        seen("x", "nova_team", "2026-03-02T06:00:00Z", 500),
        seen("x", "nova_team", "2026-03-02T12:00:00Z", 490),
        seen("x", "somebody", "2026-03-02T12:00:00Z", 4),
        heartbeat("s", at("2026-03-03T00:00:00Z")),
    ];
    let (before, noon, six) =
        ("2026-02-28T12:00:00.000000Z", "2026-03-02T12:00:00.000000Z", "2026-03-02T06:00:00.000000Z");
    let golden = json!([
        ["acme", "x", "acme_team", 1100, 100, 10, 50, before, noon],
        ["acme", "mastodon", "@acme_team", 70, null, null, null, six, six],
        ["nova", "x", "nova_team", 490, -10, -2, -40, six, noon]
    ]);
    // On Sunday nobody had counted on Mastodon yet.
    let days = json!([["2026-03-01T00:00:00Z", null, 1, 1], ["2026-03-02T00:00:00Z", 1170, 2, 1]]);
    let proofs = vec![
        Proof::of("follower_growth", golden, growth),
        Proof::of("follower_growth", days, growth).by(By::Day).over("2026-03-01T00:00:00Z", "2026-03-03T00:00:00Z"),
    ];
    vec![Group { events, labels: vec![], proofs }]
}

/// Counts of an account, oldest first.
pub type Counts = Vec<(Timestamp, u64)>;

/// By brand, platform and account.
fn counts(facts: &Facts, from: Timestamp, to: Timestamp) -> BTreeMap<(&'static str, String, String), Counts> {
    let mut counts: BTreeMap<_, Counts> = BTreeMap::new();
    for seen in facts.accounts.iter().filter(|seen| from <= seen.observed_at && seen.observed_at < to) {
        let plain = |name: &str| name.trim_start_matches('@').to_lowercase();
        for (brand, _) in ACCOUNTS.into_iter().filter(|(_, account)| plain(account) == plain(&seen.account)) {
            let key = (brand, seen.platform.clone(), seen.account.clone());
            counts.entry(key).or_default().push((seen.observed_at, seen.followers));
        }
    }
    counts.values_mut().for_each(|counts| counts.sort_unstable());
    counts
}

/// Of each of the brand's accounts what was counted from then up to and with then.
pub fn own_counts(facts: &Facts, brand: &str, from: Timestamp, to: Timestamp) -> Vec<Counts> {
    let counted = counts(facts, from, to + SignedDuration::from_micros(1));
    counted.into_iter().filter(|((owner, ..), _)| *owner == brand).map(|(_, seen)| seen).collect()
}

pub const WEEK: SignedDuration = SignedDuration::from_hours(168);

/// By which accounts are ordered.
type Place<'a> = (bool, &'a str, std::cmp::Reverse<u64>, String, String);

fn growth(facts: &Facts, query: &MetricQuery) -> Rows {
    let all = counts(facts, query.from - WEEK, query.to);
    if query.by.is_some() {
        let own: Vec<Counts> =
            all.into_iter().filter(|((brand, ..), _)| *brand == query.brand).map(|(_, seen)| seen).collect();
        return over_time(facts, query, |from, to| {
            let day_end = (from + SignedDuration::from_hours(24)).min(to);
            let last = |seen: &Counts| {
                seen.iter().rfind(|(at, _)| day_end - WEEK <= *at && *at < day_end).map(|(_, count)| *count)
            };
            let known: Vec<u64> = own.iter().filter_map(last).collect();
            let sum = (known.len() == own.len()).then(|| known.iter().sum::<u64>());
            (!own.is_empty()).then(|| vec![json!(sum), json!(known.len())])
        });
    }
    let mut rows: Vec<(Place<'_>, Row)> = vec![];
    for ((brand, platform, account), seen) in all {
        let (until, newest) = seen[seen.len() - 1];
        let (since, first) = seen.iter().rfind(|(at, _)| *at <= query.from).copied().unwrap_or(seen[0]);
        let change = (until > since).then_some(newest as f64 - first as f64);
        let days = (until.as_microsecond() - since.as_microsecond()) as f64 / 86_400e6;
        let micros = |time: Timestamp| json!(format!("{:.6}", time));
        let figures: Vec<Value> = vec![
            json!(brand),
            json!(platform),
            json!(account),
            json!(newest),
            json!(change),
            json!(change.map(|change| change / first as f64 * 100.0)),
            json!(change.map(|change| change / days)),
            micros(since),
            micros(until),
        ];
        let order = (brand != query.brand, brand, std::cmp::Reverse(newest), platform, account);
        rows.push((order, figures));
    }
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    rows.into_iter().map(|(_, row)| row).collect()
}
