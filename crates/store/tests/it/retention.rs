//! What is older than it is kept for goes, what it counted stays, and neither late events nor replays change that.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{
    Correction, Engagement, EngagementSnapshot, Event, Intent, LabelRecord, Mention, MentionKey, Polarity,
};
use grapevine_store::{
    Batch, By, Expired, Keep, KeepRule, MetricQuery, Retention,
    search::{Filters, Search},
};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::Value;

use crate::{
    labels::label_of,
    transfer::{assert_equal, export, import},
    world::{World, at, by, delete, of, post, scores, upsert, with_polarity, world},
};

const BRANDS: [&str; 2] = ["acme", "nova"];
const PLATFORMS: [&str; 2] = ["forum", "x"];
const MENTIONS: u8 = 24;
const DAYS: i64 = 6;
/// Two months meet in the middle of what is generated.
const FIRST: &str = "2026-02-26T00:00:00Z";

/// The days of a mention's brand and platform differ in when they go: `x` sooner, `x` of nova never.
fn retention() -> Retention {
    let rule = |brand: Option<&str>, keep| KeepRule { brand: brand.map(Into::into), platform: Some("x".into()), keep };
    Retention { keep: Keep::Days(4), rules: vec![rule(None, Keep::Days(2)), rule(Some("nova"), Keep::Forever)] }
}

/// Days of [`FIRST`] and after.
fn midnight(day: i64) -> Timestamp {
    at(FIRST) + SignedDuration::from_hours(24 * day)
}

fn place(number: u8) -> (&'static str, &'static str, i64) {
    (BRANDS[usize::from(number / 2 % 2)], PLATFORMS[usize::from(number % 2)], i64::from(number / 4) % DAYS)
}

fn mention(number: u8) -> Mention {
    let (brand, platform, day) = place(number);
    let created_at = midnight(day) + SignedDuration::from_mins(i64::from(number) * 37 % 1440);
    let plain = by(&format!("a{}", number % 5), post(&number.to_string(), created_at));
    Mention { key: MentionKey::new(platform, "f.example", number.to_string()), brands: vec![of(brand)], ..plain }
}

#[derive(Debug, Clone)]
enum Step {
    /// Mentions, each with a polarity, or deleted.
    Insert(Vec<(u8, Option<Polarity>)>),
    Label(u8, Polarity),
    /// An earlier batch again, as a replay or not.
    Again(usize, bool),
    Expire(i64),
    Rebuild,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let polarity = || prop::sample::select(Polarity::ALL.to_vec());
    let event = (0..MENTIONS, prop::option::weighted(0.85, polarity()));
    let step = prop_oneof![
        4 => prop::collection::vec(event, 1..8).prop_map(Step::Insert),
        1 => (0..MENTIONS, polarity()).prop_map(|(number, polarity)| Step::Label(number, polarity)),
        1 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(at, replay)| Step::Again(at.index(64), replay)),
        2 => (0..DAYS + 5).prop_map(Step::Expire),
        1 => Just(Step::Rebuild),
    ];
    prop::collection::vec(step, 8..20)
}

/// What should be there.
#[derive(Default)]
struct Naive {
    /// Of every mention that has rows, what its newest says; `None` where it was deleted.
    rows: BTreeMap<u8, Option<Polarity>>,
    labels: BTreeMap<u8, Polarity>,
    gone: BTreeSet<(&'static str, &'static str, i64)>,
    /// Of days that went, by brand and day: negative, neutral, positive.
    kept: BTreeMap<(&'static str, i64), [u64; 3]>,
}

impl Naive {
    fn is_gone(&self, number: u8) -> bool {
        let (brand, platform, day) = place(number);
        self.gone.iter().any(|(of, on, last)| (*of, *on) == (brand, platform) && day <= *last)
    }

    /// How many are dropped as expired.
    fn insert(&mut self, events: &[(u8, Option<Polarity>)]) -> u64 {
        let mut dropped = 0;
        for (number, polarity) in events {
            match polarity {
                _ if self.is_gone(*number) => dropped += u64::from(polarity.is_some()),
                Some(polarity) => drop(self.rows.insert(*number, Some(*polarity))),
                None => drop(self.rows.get_mut(number).map(|row| row.take())),
            }
        }
        dropped
    }

    fn expire(&mut self, now: Timestamp) {
        let first_day = |(brand, platform, _): (&str, &str, _)| match retention().of(brand, platform) {
            Keep::Forever => i64::MIN,
            Keep::Days(days) => now.duration_since(at(FIRST)).as_hours() / 24 - i64::from(days),
        };
        let goes: Vec<u8> = self.rows.keys().copied().filter(|at| place(*at).2 < first_day(place(*at))).collect();
        for number in goes {
            let (brand, platform, day) = place(number);
            let polarity = self.rows.remove(&number).flatten();
            self.gone.insert((brand, platform, day));
            let counted = polarity.map(|said| self.labels.get(&number).copied().unwrap_or(said));
            for (place, of) in Polarity::ALL.into_iter().enumerate() {
                self.kept.entry((brand, day)).or_default()[place] += u64::from(counted == Some(of));
            }
        }
    }

    fn counts(&self, brand: &str, day: i64, kept: bool) -> [u64; 3] {
        let of = |brand: &str| BRANDS.into_iter().find(|own| *own == brand).unwrap();
        let mut counts = if kept { self.kept.get(&(of(brand), day)).copied().unwrap_or_default() } else { [0; 3] };
        for (number, said) in &self.rows {
            let said = said.map(|said| self.labels.get(number).copied().unwrap_or(said));
            if place(*number).0 == brand && place(*number).2 == day {
                let found = Polarity::ALL.into_iter().position(|of| said == Some(of));
                found.into_iter().for_each(|place| counts[place] += 1);
            }
        }
        counts
    }
}

async fn expire(world: &World, now: Timestamp) -> Vec<Expired> {
    let mut passes = vec![world.store.expire(&retention(), now).await.unwrap()];
    while passes.last().unwrap().months_left > 0 {
        passes.push(world.store.expire(&retention(), now).await.unwrap());
    }
    passes
}

async fn run(world: &World, steps: &[Step]) -> Result<Naive, TestCaseError> {
    let (mut naive, mut batches): (Naive, Vec<Batch>) = (Naive::default(), vec![]);
    for (moment, step) in (1..).zip(steps) {
        // Every step is later than the one before, so that the newest version is the last.
        let now = at("2026-04-01T00:00:00Z") + SignedDuration::from_mins(moment);
        match step {
            Step::Insert(events) => {
                let event = |(number, said): &(u8, Option<Polarity>), second| {
                    let observed_at = now + SignedDuration::from_secs(second);
                    let plain = Mention { observed_at, ..mention(*number) };
                    said.map_or_else(|| delete(&plain, observed_at), |said| upsert(&with_polarity(said, plain.clone())))
                };
                let batch = world.batch(events.iter().zip(0..).map(|(one, second)| event(one, second)).collect());
                let inserted = world.store.insert(&batch).await.unwrap();
                prop_assert_eq!(inserted.events(), events.len() as u64);
                prop_assert_eq!(inserted.expired, naive.insert(events));
                batches.push(batch);
            }
            Step::Label(number, said) => {
                let brand = place(*number).0;
                let label = label_of(mention(*number).id(), brand, Correction::Polarity(*said), now);
                let _ = world.store.apply_labels(&[LabelRecord::Label(label)]).await.unwrap();
                naive.labels.insert(*number, *said);
            }
            Step::Again(which, replay) if !batches.is_empty() => {
                let batch = Batch { replay: *replay, ..batches[which % batches.len()].clone() };
                let inserted = world.store.insert(&batch).await.unwrap();
                prop_assert_eq!(inserted.events(), batch.events.len() as u64);
            }
            Step::Again(..) => {}
            Step::Expire(day) => {
                expire(world, midnight(*day)).await;
                naive.expire(midnight(*day));
            }
            Step::Rebuild => drop(world.store.rebuild_dirty().await.unwrap()),
        }
    }
    Ok(naive)
}

async fn compare(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = world().await;
    let naive = run(&world, steps).await?;
    let _ = world.store.rebuild_dirty().await.unwrap();
    let audit = world.store.audit(midnight(0), midnight(DAYS)).await.unwrap();
    prop_assert_eq!((audit.violations(), audit.dirty_hours), (0, 0), "{:?}", audit);
    for brand in BRANDS {
        let ask = |by| MetricQuery::new("net_sentiment", brand, midnight(0), midnight(DAYS)).by(by);
        let counts = |row: &[Value], first: usize| [0, 1, 2].map(|place| row[first + place].as_u64().unwrap_or(0));
        let shown = world.metric(&ask(By::Day)).await.rows;
        let days: Vec<_> = (0..DAYS).map(|day| naive.counts(brand, day, true)).collect();
        prop_assert_eq!(shown.iter().map(|row| counts(row, 3)).collect::<Vec<_>>(), days, "{}", brand);
        let base = world.metric(&ask(By::Kind)).await;
        let there = (0..DAYS)
            .map(|day| naive.counts(brand, day, false))
            .fold([0; 3], |sum: [u64; 3], of| [sum[0] + of[0], sum[1] + of[1], sum[2] + of[2]]);
        let found = base.rows.first().map_or([0; 3], |row| counts(row, 3));
        prop_assert_eq!(found, there, "mentions of {}", brand);
        let went = naive.gone.iter().any(|(of, ..)| *of == brand);
        let said = base.coverage.gaps.iter().any(|gap| gap.source.starts_with("retention of "));
        prop_assert_eq!(went, said, "what is read from mentions says that some are gone: {:?}", base.coverage);
    }
    Ok(())
}

#[test]
fn figures_are_those_of_what_is_there_and_of_what_was_there_when_it_went() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config =
        ProptestConfig { cases: 2, failure_persistence: None, max_shrink_iters: 20, ..ProptestConfig::default() };
    TestRunner::new(config).run(&steps(), |steps| runtime.block_on(compare(&steps))).unwrap();
}

fn snapshot(number: u8) -> Event {
    Event::EngagementSnapshot(EngagementSnapshot {
        key: mention(number).key,
        observed_at: midnight(30),
        engagement: Engagement { likes: Some(9), ..Default::default() },
    })
}

#[tokio::test]
async fn a_pass_shows_what_goes_and_takes_what_hangs_on_it_and_nothing_younger() {
    let world = world().await;
    let shared = Mention { brands: vec![of("acme"), of("nova")], ..mention(1) };
    let mut events: Vec<Event> = (0..MENTIONS).map(|number| upsert(&mention(number))).collect();
    events.extend([upsert(&Mention { observed_at: midnight(9), ..shared }), snapshot(1), snapshot(5), snapshot(23)]);
    let _ = world.insert(events).await;
    let _ = world.store.rebuild_dirty().await.unwrap();
    let now = midnight(6) + SignedDuration::from_hours(1);
    let shown = world.store.expiring(&retention(), now).await.unwrap();
    let shown: Vec<String> = shown
        .iter()
        .map(|row| format!("{} {} {} {} {}", row.brand, row.platform, row.oldest, row.kept_from, row.mentions))
        .collect();
    let expected =
        ["acme forum 2026-02-26 2026-02-28 2", "acme x 2026-02-26 2026-03-02 4", "nova forum 2026-02-26 2026-02-28 2"];
    assert_eq!(shown, expected);
    let passes = expire(&world, now).await;
    let sums = passes.iter().fold((0, 0), |sum, pass| (sum.0 + pass.mentions, sum.1 + pass.days));
    assert_eq!((passes.len(), sums), (2, (8, 8)), "a month each");
    let count = |sql: &'static str| world.client().query(sql).fetch_one::<u64>();
    assert_eq!(count("SELECT count() FROM mentions").await.unwrap(), u64::from(MENTIONS) + 1 + 1 - 8 - 1);
    assert_eq!(count("SELECT count() FROM engagement").await.unwrap(), 2, "nova keeps the first, the last is young");
    assert_eq!(expire(&world, now).await, [Expired::default()], "again, nothing is left to do");
    let _ = world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
    a_copy_has_the_same_history(&world).await;
}

async fn a_copy_has_the_same_history(world: &World) {
    let (target, folder) = (crate::world::world().await, tempfile::tempdir().unwrap());
    export(&world.store, folder.path()).await;
    assert_equal(&import(&target.store, folder.path()).await.unwrap());
    target.assert_rollups_agree().await;
    let states = "SELECT uniqCombined64Merge(14)(authors) + sum(mentions) FROM expired_counts";
    let [here, there] = [world, &target].map(|world| world.client().query(states).fetch_one::<u64>());
    assert_eq!(here.await.unwrap(), there.await.unwrap());
    let again = target.insert_mentions(&[mention(0)]).await;
    assert_eq!((again.expired, again.stored), (1, 0));
}

/// `brand on platform: from to`, of what a search from day to day says that it can not find.
async fn missed(world: &World, filters: Filters, days: (Timestamp, Timestamp)) -> Vec<String> {
    let search = Search { filters, ..Search::new(None, days.0, days.1) };
    let found = world.reader().search(&search).await.unwrap();
    found.removed.iter().map(|gap| format!("{} on {}: {} {}", gap.brand, gap.platform, gap.from, gap.to)).collect()
}

#[tokio::test]
async fn a_search_says_what_retention_removed_of_its_span_and_nothing_where_nothing_went() {
    let world = world().await;
    let _ = world.insert((0..MENTIONS).map(|number| upsert(&mention(number))).collect()).await;
    let whole = (midnight(0) + SignedDuration::from_hours(6), midnight(DAYS));
    assert_eq!(missed(&world, Filters::default(), whole).await, [""; 0], "before the first pass");
    expire(&world, midnight(6)).await;
    let forum = ["acme", "nova"].map(|of| format!("{of} on forum: 2026-02-26T06:00:00Z 2026-02-28T00:00:00Z"));
    let x = "acme on x: 2026-02-26T06:00:00Z 2026-03-02T00:00:00Z".to_owned();
    let [acme, nova] = forum;
    assert_eq!(
        missed(&world, Filters::default(), whole).await,
        [&acme, &x, &nova].map(String::as_str),
        "of all brands"
    );
    let of = |brand: &str| Filters { brand: Some(brand.into()), ..Filters::default() };
    assert_eq!(missed(&world, of("acme"), whole).await, [&acme, &x].map(String::as_str));
    let on_x = Filters { platforms: vec!["x".into()], ..of("nova") };
    assert_eq!(missed(&world, on_x, whole).await, [""; 0], "what is kept for ever");
    let later = (midnight(2), midnight(3) + SignedDuration::from_hours(1));
    let clipped = "acme on x: 2026-02-28T00:00:00Z 2026-03-01T01:00:00Z";
    assert_eq!(missed(&world, Filters::default(), later).await, [clipped], "of the span alone");
    assert_eq!(missed(&world, Filters::default(), (midnight(4), midnight(DAYS))).await, [""; 0], "what is kept");
    let long_ago = (at("0001-01-01T00:00:00Z"), midnight(0));
    assert_eq!(missed(&world, Filters::default(), long_ago).await, [""; 0], "before there was anything");
}

/// Writers, rebuilds and two passes at once: whoever comes first, the figures are right or marked, and old mentions are gone.
#[tokio::test(flavor = "multi_thread")]
async fn passes_beside_writers_and_rebuilds_leave_every_hour_right_or_marked() {
    let world = world().await;
    for round in 0..5 {
        let numbers = (0..MENTIONS).filter(|number| u32::from(*number) % 5 == round);
        let events = numbers.map(|number| {
            upsert(&Mention { scores: Some(scores(Polarity::Negative, Intent::None)), ..mention(number) })
        });
        let batch = world.batch(events.collect());
        let (insert, rebuild) = (world.store.insert(&batch), world.store.rebuild_dirty());
        let (retention, now) = (retention(), midnight(6));
        let pass = || world.store.expire(&retention, now);
        let (_, _, _, _) = tokio::try_join!(insert, pass(), rebuild, pass()).unwrap();
        let audit = world.store.audit(midnight(0), midnight(DAYS)).await.unwrap();
        assert_eq!(audit.violations(), 0, "{audit:?}");
    }
    expire(&world, midnight(6)).await;
    let _ = world.store.rebuild_dirty().await.unwrap();
    world.assert_rollups_agree().await;
    assert_eq!(world.store.expiring(&retention(), midnight(6)).await.unwrap(), []);
}
