//! Figures against a naive computation over generated worlds: mentions that come in any order, again, edited and
//! deleted.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{BrandMatch, Event, Kind, Mention, Polarity};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::world::{at, by, day, delete, of, post, scores, upsert, varied, world};

const BRANDS: [&str; 3] = ["acme", "nova", "zenith"];

/// One event on one of few mentions, so that they meet often.
#[derive(Debug, Clone)]
struct Step {
    mention: u8,
    /// Minutes after the first; the newest version wins.
    observed: i64,
    author: u8,
    polarity: Option<Polarity>,
    brands: BTreeSet<usize>,
    delete: bool,
    /// A batch ends behind it.
    cut: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let polarity = prop::option::of(prop::sample::select(Polarity::ALL.to_vec()));
    let brands = prop::collection::btree_set(0..BRANDS.len(), 0..=BRANDS.len());
    let step = (0u8..25, 0u8..5, polarity, brands, prop::bool::weighted(0.15), prop::bool::weighted(0.2));
    let step = step
        .prop_map(|(mention, author, polarity, brands, delete, cut)| (mention, author, polarity, brands, delete, cut));
    (prop::collection::vec(step, 1..80), any::<u64>()).prop_map(|(steps, seed)| {
        let count = steps.len() as i64;
        // Every observation has a moment of its own, in an order unlike that of arrival.
        let moment = |index: i64| (index * 37 + (seed % 1000) as i64).rem_euclid(count.max(1)) * 1000 + index;
        let with_moment = |(index, (mention, author, polarity, brands, delete, cut))| Step {
            mention,
            observed: moment(index as i64),
            author,
            polarity,
            brands,
            delete,
            cut,
        };
        steps.into_iter().enumerate().map(with_moment).collect()
    })
}

fn mention(step: &Step) -> Mention {
    let number = i64::from(step.mention);
    let created_at = day("09:00:00") + SignedDuration::from_mins(number * 7);
    let kind = if step.mention.is_multiple_of(4) { Kind::Repost } else { Kind::Post };
    let base = by(&format!("a{}", step.author), post(&number.to_string(), created_at));
    let brands: Vec<BrandMatch> = step.brands.iter().map(|brand| of(BRANDS[*brand])).collect();
    let scores = step.polarity.map(|polarity| scores(polarity, grapevine_model::Intent::None));
    let plain = Mention { kind, brands, scores, observed_at: observed(step), ..base };
    varied(usize::from(step.mention) + usize::from(step.author), plain)
}

fn observed(step: &Step) -> Timestamp {
    day("20:00:00") + SignedDuration::from_millis(step.observed)
}

fn event(step: &Step) -> Event {
    let mention = mention(step);
    if step.delete { delete(&mention, observed(step)) } else { upsert(&mention) }
}

/// What should be stored: per mention, the newest event wins; a deletion of what is not there does nothing.
fn naive(steps: &[Step]) -> Vec<Mention> {
    // (version, mention) of what was written last; `None` for gone.
    let mut stored: BTreeMap<(u8, usize), (i64, Option<Mention>)> = BTreeMap::new();
    for step in steps {
        let written: Vec<_> = stored.keys().filter(|(id, _)| *id == step.mention).copied().collect();
        for key in written {
            let leaves = step.delete || !step.brands.contains(&key.1);
            let slot = stored.get_mut(&key).unwrap();
            if leaves && slot.0 <= step.observed {
                *slot = (step.observed, None);
            }
        }
        for brand in step.brands.iter().filter(|_| !step.delete) {
            let slot = stored.entry((step.mention, *brand)).or_insert((i64::MIN, None));
            if slot.0 <= step.observed {
                *slot = (step.observed, Some(Mention { brands: vec![of(BRANDS[*brand])], ..mention(step) }));
            }
        }
    }
    stored.into_values().filter_map(|(_, mention)| mention).collect()
}

fn figures(mentions: &[Mention], brand: &str) -> (Value, Value, Value) {
    let own: Vec<&Mention> = mentions.iter().filter(|mention| mention.brands[0].brand == brand).collect();
    let count = |polarity: Option<Polarity>| {
        own.iter().filter(|mention| mention.scores.as_ref().map(|scores| scores.polarity) == polarity).count() as f64
    };
    let [n, u, p] = Polarity::ALL.map(|polarity| count(Some(polarity)));
    let ratio = |part: f64, whole: f64| if whole == 0.0 { Value::Null } else { float(&json!(part / whole * 100.0)) };
    let reposts = own.iter().filter(|mention| mention.kind == Kind::Repost).count();
    let authors = own.iter().map(|mention| &mention.author.native_id).collect::<BTreeSet<_>>().len();
    (
        json!([own.len() as f64, (own.len() - reposts) as f64, authors as f64]),
        json!([ratio(p - n, p + n + u), ratio(p - n, p + n), n, u, p, count(None)]),
        ratio(own.len() as f64, mentions.len() as f64),
    )
}

/// Numbers as floats, so that 1 and 1.0 are equal, without the last digits, which depend on the order of operations.
fn floats(row: &[Value]) -> Value {
    json!(row.iter().map(float).collect::<Vec<_>>())
}

fn float(value: &Value) -> Value {
    value.as_f64().map_or(Value::Null, |number| json!((number * 1e9).round() / 1e9))
}

#[test]
fn figures_equal_the_naive_computation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 8,
        failure_persistence: None,
        max_shrink_iters: 60,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&steps(), |steps| runtime.block_on(compare(&steps)));
    outcome.unwrap();
}

async fn compare(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = world().await;
    for batch in steps.split_inclusive(|step| step.cut) {
        let batch = world.batch(batch.iter().map(event).collect());
        let inserted = world.store.insert(&batch).await.unwrap();
        prop_assert_eq!(inserted.events(), batch.events.len() as u64);
        let stored = world.store.count().await.unwrap();
        let again = world.store.insert(&batch).await.unwrap();
        // Not each count on its own: a merge in between takes away what tells a new mention from a changed one.
        prop_assert_eq!(again.events(), inserted.events());
        prop_assert_eq!(world.store.count().await.unwrap(), stored);
        let _ = world.store.sum_days().await.unwrap();
    }
    let _ = world.store.rebuild_dirty().await.unwrap();
    if steps.len().is_multiple_of(2) {
        let _ = world.store.sum_days().await.unwrap();
    }
    world.assert_rollups_agree().await;
    let mentions = naive(steps);
    prop_assert_eq!(world.store.count().await.unwrap(), mentions.len() as u64);
    for brand in BRANDS {
        let ask = |metric: &str| MetricQuery::new(metric, brand, day("00:00:00"), at("2026-03-03T00:00:00Z"));
        let (volume, sentiment, voice) = figures(&mentions, brand);
        let tables = [world.metric(&ask("mention_volume")).await, world.metric(&ask("net_sentiment")).await];
        prop_assert_eq!(&[floats(&tables[0].rows[0]), floats(&tables[1].rows[0])], &[volume, sentiment.clone()]);
        let share = world.metric(&ask("share_of_voice")).await;
        prop_assert_eq!(&floats(&share.rows[0])[2], &voice);
        // The base table gives the same as the rollup.
        let kinds = world.metric(&ask("net_sentiment").by(By::Kind)).await;
        for (column, total) in sentiment.as_array().unwrap().iter().enumerate().skip(2) {
            let sum: f64 = kinds.rows.iter().map(|row| row[column + 1].as_f64().unwrap_or(f64::NAN)).sum();
            prop_assert_eq!(&json!(sum), total);
        }
    }
    Ok(())
}
