//! What campaigns cost and brought, by rows that are imported.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{AccountSnapshot, Amount, Campaign, CampaignFigures, Event, Polarity::*};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    Facts, Group, Held, Proof, Row, Rows,
    accounts::{Counts, WEEK, own_counts},
    awareness::{net, part},
    split::{over_time, with},
};
use crate::world::{at, day, heartbeat, post, upsert, with_polarity};

fn amount(units: f64) -> Option<Amount> {
    Some(Amount::from_micros((units * 1e6) as i64))
}

fn row(campaign: &str, part: &str, currency: &str, figures: CampaignFigures) -> Campaign {
    Campaign {
        platform: "google_ads".into(),
        account: "7".into(),
        campaign: campaign.into(),
        name: format!("the {campaign}"),
        part: part.into(),
        brand: "acme".into(),
        from: day("00:00:00"),
        to: day("12:00:00"),
        currency: currency.into(),
        observed_at: day("13:00:00"),
        figures,
    }
}

/// Spring, in EUR: a row for the whole of it, which an older one and a part must not change, and a row that knows no clicks;
/// winter, in USD; a row that begins before the span, and one of another brand. Spring ran from 00:00 to 12:00 and saw three
/// mentions, after one in the twelve hours before, and the brand's account gained 30 followers, after it had lost 10.
pub fn groups() -> Vec<Group> {
    let figures = |spend: f64, impressions, clicks, conversions: f64| CampaignFigures {
        spend: amount(spend),
        impressions: Some(impressions),
        clicks,
        conversions: amount(conversions),
        conversion_value: None,
    };
    let spring = row("spring", "", "EUR", figures(12.5, 1000, Some(25), 5.0));
    let rows = [
        spring.clone(),
        Campaign { observed_at: day("12:30:00"), figures: figures(99.0, 9, Some(9), 9.0), ..spring.clone() },
        Campaign { part: "mobile".into(), figures: figures(4.0, 400, Some(10), 1.0), ..spring.clone() },
        Campaign { platform: "meta_ads".into(), figures: figures(7.5, 500, None, 1.0), ..spring.clone() },
        row("winter", "mobile", "USD", figures(3.0, 200, Some(5), 1.5)),
        row("winter", "desktop", "USD", figures(2.0, 300, Some(5), 0.5)),
        Campaign { from: at("2026-03-01T23:00:00Z"), ..spring.clone() },
        Campaign { brand: "zenith".into(), campaign: "other".into(), ..spring },
    ];
    let mentions = [
        with_polarity(Positive, post("1", day("01:00:00"))),
        with_polarity(Positive, post("2", day("02:00:00"))),
        with_polarity(Neutral, post("3", day("03:00:00"))),
        with_polarity(Negative, post("4", at("2026-03-01T12:00:00Z"))),
        post("5", at("2026-03-01T11:59:59Z")),
        post("6", day("12:00:00")),
    ];
    let mut events: Vec<Event> = mentions.iter().map(upsert).collect();
    events.extend(rows.map(|row| Event::Campaign(Box::new(row))));
    events.push(heartbeat("s", at("2026-03-03T00:00:00Z")));
    let counts = [
        ("acme_team", "2026-02-28T12:00:00Z", 1010),
        ("acme_team", "2026-03-02T00:00:00Z", 1000),
        ("acme_team", "2026-03-02T12:00:00Z", 1030),
        ("acme_team", "2026-03-02T12:00:01Z", 1099),
        ("nova_team", "2026-03-02T06:00:00Z", 7),
    ];
    events.extend(counts.map(|(account, time, followers)| {
        let (platform, account, observed_at) = ("x".into(), account.into(), at(time));
        Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at, followers })
    }));
    let money = json!([["EUR", 20, null, 2, 2], ["USD", 5, null, 2, 2]]);
    let by_campaign = json!([["spring", "EUR", 20, null, 2, 2], ["winter", "USD", 5, null, 2, 2]]);
    let cost = json!([["EUR", 0.5, 12.5, 25, 1, 2], ["USD", 0.5, 5, 10, 2, 2]]);
    let (from, to) = ("2026-03-02T00:00:00.000Z", "2026-03-02T12:00:00.000Z");
    let lifted = |campaign: &str, platform: &str| {
        let sure = json!([200, 3, 1, 2.0 / 3.0 * 100.0 + 100.0, 2.0 / 3.0 * 100.0, -100, 30, -10]);
        let named = json!([campaign, format!("the {campaign}"), platform, from, to]);
        [named, sure].iter().flat_map(|part| part.as_array().cloned().unwrap_or_default()).collect::<Row>()
    };
    let lift = json!([lifted("spring", "google_ads"), lifted("spring", "meta_ads"), lifted("winter", "google_ads")]);
    // With the row that begins the day before, Spring is held against a time that begins before the brand's history.
    let two_thirds = 2.0 / 3.0 * 100.0;
    let long = json!(["spring", "the spring", "google_ads", "2026-03-01T23:00:00.000Z", to]);
    let unknown = json!([null, 3, null, null, two_thirds, null, 20, null]);
    let long = [long, unknown].iter().flat_map(|part| part.as_array().cloned().unwrap_or_default()).collect::<Row>();
    let with_unknown = json!([long, lifted("spring", "meta_ads"), lifted("winter", "google_ads")]);
    let proofs = vec![
        Proof::of("campaign_spend", money, spend),
        Proof::of("campaign_spend", by_campaign, spend).by(By::Campaign),
        // 35 clicks of 1,500 impressions, 7 conversions: the row without clicks is in neither.
        Proof::of("campaign_ctr", json!([[35.0 / 15.0, 35, 1500, 3, 4]]), ctr),
        Proof::of("campaign_cpc", cost, cpc),
        Proof::of("campaign_conversion_rate", json!([[20, 7, 35, 3, 4]]), conversion_rate),
        Proof::of("campaign_lift", lift, campaign_lift),
        Proof::of("campaign_lift", with_unknown, campaign_lift).over("2026-03-01T12:00:00Z", "2026-03-03T00:00:00Z"),
    ];
    vec![Group { events, labels: vec![], proofs }]
}

/// Rows of the brand that begin in the span; of a campaign's span that has a row of its own, not its parts.
fn rows<'a>(facts: &'a Facts, query: &MetricQuery) -> Vec<&'a Campaign> {
    let inside = |row: &&Campaign| row.brand == query.brand && query.from <= row.from && row.from < query.to;
    let of_span: Vec<&Campaign> = facts.campaigns.iter().filter(inside).collect();
    let key = |row: &Campaign| (row.platform.clone(), row.campaign.clone(), row.from, row.to);
    let whole: Vec<_> = of_span.iter().filter(|row| row.part.is_empty()).map(|row| key(row)).collect();
    of_span.into_iter().filter(|row| row.part.is_empty() || !whole.contains(&key(row))).collect()
}

fn units(amounts: impl Iterator<Item = Option<Amount>>) -> Option<f64> {
    let known: Vec<i64> = amounts.flatten().map(Amount::micros).collect();
    (!known.is_empty()).then(|| known.iter().sum::<i64>() as f64 / 1e6)
}

/// Splits rows as mentions are split.
fn split_rows(facts: &Facts, query: &MetricQuery, figure: impl Fn(&[&Campaign]) -> Rows) -> Rows {
    let rows = rows(facts, query);
    let grouped = |key: fn(&Campaign) -> &String| -> Rows {
        let keys: BTreeSet<&String> = rows.iter().map(|row| key(row)).collect();
        let of =
            |wanted: &String| -> Vec<&Campaign> { rows.iter().copied().filter(|row| key(row) == wanted).collect() };
        keys.into_iter().flat_map(|name| figure(&of(name)).into_iter().map(move |row| with(json!(name), row))).collect()
    };
    match query.by {
        None => figure(&rows),
        Some(By::Platform) => grouped(|row| &row.platform),
        Some(By::Campaign) => grouped(|row| &row.campaign),
        _ => over_time(facts, query, |from, to| {
            let inside: Vec<&Campaign> = rows.iter().copied().filter(|row| from <= row.from && row.from < to).collect();
            (!inside.is_empty()).then(|| figure(&inside).remove(0))
        }),
    }
}

/// One row for each currency, the largest first.
fn by_currency(rows: &[&Campaign], size: usize, figure: impl Fn(&[&Campaign]) -> Row) -> Rows {
    let currencies: BTreeSet<&String> = rows.iter().map(|row| &row.currency).collect();
    let of = |currency: &String| -> Vec<&Campaign> {
        rows.iter().copied().filter(|row| row.currency == *currency).collect()
    };
    let mut made: Rows = currencies.into_iter().map(|currency| with(json!(currency), figure(&of(currency)))).collect();
    let value = |row: &Row| row[size].as_f64().unwrap_or(-1.0);
    made.sort_by(|one, other| value(other).total_cmp(&value(one)));
    made
}

fn spend(facts: &Facts, query: &MetricQuery) -> Rows {
    split_rows(facts, query, |rows| {
        by_currency(rows, 1, |rows| {
            let (paid, won) =
                (rows.iter().map(|row| row.figures.spend), rows.iter().map(|row| row.figures.conversion_value));
            let known = paid.clone().flatten().count();
            vec![json!(units(paid)), json!(units(won)), json!(known), json!(rows.len())]
        })
    })
}

fn clicks(rows: &[&Campaign]) -> Option<u64> {
    rows.iter().filter_map(|row| row.figures.clicks).reduce(|sum, more| sum + more)
}

fn stating<'a>(rows: &[&'a Campaign], states: fn(&CampaignFigures) -> bool) -> Vec<&'a Campaign> {
    rows.iter().copied().filter(|row| row.figures.clicks.is_some() && states(&row.figures)).collect()
}

fn ctr(facts: &Facts, query: &MetricQuery) -> Rows {
    split_rows(facts, query, |rows| {
        let both = stating(rows, |figures| figures.impressions.is_some());
        let shown = both.iter().filter_map(|row| row.figures.impressions).reduce(|sum, more| sum + more);
        let rate = clicks(&both).zip(shown).map_or(Value::Null, |(clicks, shown)| part(clicks as f64, shown as f64));
        vec![vec![rate, json!(clicks(&both)), json!(shown), json!(both.len()), json!(rows.len())]]
    })
}

fn cpc(facts: &Facts, query: &MetricQuery) -> Rows {
    split_rows(facts, query, |rows| {
        by_currency(rows, 3, |rows| {
            let both = stating(rows, |figures| figures.spend.is_some());
            let paid = units(both.iter().map(|row| row.figures.spend));
            let cost =
                paid.zip(clicks(&both)).filter(|(_, clicks)| *clicks > 0).map(|(paid, clicks)| paid / clicks as f64);
            vec![json!(cost), json!(paid), json!(clicks(&both)), json!(both.len()), json!(rows.len())]
        })
    })
}

fn conversion_rate(facts: &Facts, query: &MetricQuery) -> Rows {
    split_rows(facts, query, |rows| {
        let both = stating(rows, |figures| figures.conversions.is_some());
        let won = units(both.iter().map(|row| row.figures.conversions));
        let rate = won.zip(clicks(&both)).map_or(Value::Null, |(won, clicks)| part(won, clicks as f64));
        vec![vec![rate, json!(won), json!(clicks(&both)), json!(both.len()), json!(rows.len())]]
    })
}

fn campaign_lift(facts: &Facts, query: &MetricQuery) -> Rows {
    let mut windows: BTreeMap<(&str, &str), (Timestamp, Timestamp, &str)> = BTreeMap::new();
    for row in rows(facts, query) {
        let window = windows.entry((&row.campaign, &row.platform)).or_insert((row.from, row.to, &row.name));
        *window = (window.0.min(row.from), window.1.max(row.to), &row.name);
    }
    let since = query.from - query.to.duration_since(query.from) - WEEK;
    let own = own_counts(facts, &query.brand, since, query.to);
    let mut made: Vec<(Timestamp, Row)> = vec![];
    for ((campaign, platform), (starts, ends, name)) in windows {
        let ends = ends.min(query.to);
        let here = facts.within(&query.brand, starts, ends);
        let earlier = starts - ends.duration_since(starts);
        let before = facts.within(&query.brand, earlier, starts);
        let known = history_begins(facts, &query.brand).is_none_or(|first| first < earlier + BUCKET);
        let mut figures = lift(&here, known.then_some(&*before));
        figures.extend([gained(&own, starts, ends), gained(&own, earlier, starts)]);
        let times = [starts, ends].map(|time| json!(format!("{time:.3}")));
        made.push((starts, [vec![json!(campaign), json!(name), json!(platform)], times.to_vec(), figures].concat()));
    }
    made.sort_by_key(|(starts, _)| *starts);
    made.into_iter().map(|(_, row)| row).collect()
}

/// Change of all accounts' followers: each as counted last at a moment, and counted anew within the time.
fn gained(own: &[Counts], from: Timestamp, to: Timestamp) -> Value {
    let last =
        |seen: &Counts, moment: Timestamp| seen.iter().rfind(|(at, _)| moment - WEEK <= *at && *at <= moment).copied();
    let change = |seen: &Counts| {
        let (first, newest) = (last(seen, from)?, last(seen, to)?);
        (newest.0 > from).then(|| newest.1 as i64 - first.1 as i64)
    };
    let changes: Option<Vec<i64>> = own.iter().map(change).collect();
    json!(changes.filter(|changes| !changes.is_empty()).map(|changes| changes.iter().sum::<i64>()))
}

const BUCKET: SignedDuration = SignedDuration::from_mins(5);

/// The first five minutes with a mention after the last two weeks without any.
fn history_begins(facts: &Facts, brand: &str) -> Option<Timestamp> {
    let seconds = BUCKET.as_secs();
    let bucket = |held: &&Held| held.at().as_second().div_euclid(seconds) * seconds;
    let mut buckets: Vec<i64> = facts.within(brand, Timestamp::MIN, Timestamp::MAX).iter().map(bucket).collect();
    buckets.sort_unstable();
    let after_hole = buckets.windows(2).rev().find(|pair| pair[1] - pair[0] >= 14 * 86_400).map(|pair| pair[1]);
    after_hole.or(buckets.first().copied()).and_then(|first| Timestamp::from_second(first).ok())
}

/// `before` is absent where it is not known.
fn lift(here: &[&Held], before: Option<&[&Held]>) -> Row {
    let grown = before.map_or(Value::Null, |before| part(here.len() as f64 - before.len() as f64, before.len() as f64));
    let (mood, mood_before) = (net(here), before.and_then(net));
    let change = mood.zip(mood_before).map(|(mood, before)| mood - before);
    vec![grown, json!(here.len()), json!(before.map(<[_]>::len)), json!(change), json!(mood), json!(mood_before)]
}
