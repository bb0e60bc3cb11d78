//! Counters by the hour of their mention, against the join of what is stored: snapshots and mentions in any order, edits that
//! name other times and brands, deletions, batches again, and inserts that were cut off.

use std::collections::BTreeSet;

use grapevine_model::{Engagement, EngagementSnapshot, Event, Mention};
use grapevine_store::{Batch, MetricQuery, Store};
use jiff::SignedDuration;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use crate::world::{World, at, day, delete, of, post, upsert, world};

const BRANDS: [&str; 2] = ["acme", "nova"];

/// One event on one of few mentions, so that they meet often.
#[derive(Debug, Clone)]
struct Step {
    mention: u8,
    what: What,
    /// A batch ends behind it: it is inserted once, twice, or after a process that died in it.
    cut: Option<End>,
}

#[derive(Debug, Clone)]
enum What {
    Snapshot {
        likes: u64,
    },
    /// Hours that the edit moves the time of creation by.
    Upsert {
        brands: BTreeSet<usize>,
        moved: i64,
    },
    Delete,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Once,
    Twice,
    AfterDeath,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let snapshot = (0u64..1000).prop_map(|likes| What::Snapshot { likes });
    let brands = prop::collection::btree_set(0..BRANDS.len(), 1..=BRANDS.len());
    let upsert = (brands, -2i64..3).prop_map(|(brands, moved)| What::Upsert { brands, moved });
    let what = prop_oneof![4 => snapshot, 5 => upsert, 1 => Just(What::Delete)];
    let end = prop::sample::select(vec![End::Once, End::Twice, End::AfterDeath]);
    let step = (0u8..20, what, prop::option::weighted(0.1, end));
    prop::collection::vec(step.prop_map(|(mention, what, cut)| Step { mention, what, cut }), 70..100)
}

fn event((index, step): (usize, &Step)) -> Event {
    let created_at = day("06:00:00") + SignedDuration::from_mins(i64::from(step.mention) * 37);
    let mention = post(&step.mention.to_string(), created_at);
    // Some come late: the order of moments is not that of arrival.
    let observed_at =
        day("20:00:00") + SignedDuration::from_secs((index as i64 * 37).rem_euclid(101) * 1000 + index as i64);
    match &step.what {
        What::Snapshot { likes } => snapshot(&mention, observed_at, *likes),
        What::Upsert { brands, moved } => {
            let brands = brands.iter().map(|brand| of(BRANDS[*brand])).collect();
            upsert(&Mention {
                brands,
                observed_at,
                created_at: created_at + SignedDuration::from_hours(*moved),
                ..mention
            })
        }
        What::Delete => delete(&mention, observed_at),
    }
}

fn snapshot(mention: &Mention, observed_at: jiff::Timestamp, likes: u64) -> Event {
    let engagement = Engagement { likes: Some(likes), ..Engagement::default() };
    Event::EngagementSnapshot(EngagementSnapshot { key: mention.key.clone(), observed_at, engagement })
}

/// The process dies before it looks up what else is there of its mentions.
async fn die_in(world: &World, batch: &Batch) {
    let dying = Store::connect(world.options.clone()).unwrap().with_steps(|step| {
        assert!(step != "store-mentions-written", "dies here");
    });
    let batch = batch.clone();
    let died = tokio::spawn(async move { dying.insert(&batch).await }).await;
    assert!(died.is_err_and(|error| error.is_panic()));
}

const JOIN: &str = "SELECT DISTINCT toString(m.brand), toUnixTimestamp(toStartOfHour(m.created_at)), m.id, e.likes
    FROM mentions AS m INNER JOIN (SELECT id, likes FROM engagement FINAL) AS e ON m.id = e.id ORDER BY ALL";
const PLACED: &str =
    "SELECT toString(brand), toUnixTimestamp(hour), id, likes FROM engagement_by_hour FINAL ORDER BY ALL";

async fn rows(world: &World, sql: &str) -> Vec<(String, u32, u128, Option<u64>)> {
    world.client().query(sql).fetch_all().await.unwrap()
}

async fn compare(steps: &[Step]) -> Result<(), TestCaseError> {
    let world = world().await;
    let events: Vec<(usize, &Step)> = steps.iter().enumerate().collect();
    for part in events.split_inclusive(|(_, step)| step.cut.is_some()) {
        let batch = world.batch(part.iter().copied().map(event).collect());
        let end = part.last().and_then(|(_, step)| step.cut).unwrap_or(End::Once);
        if matches!(end, End::AfterDeath) {
            die_in(&world, &batch).await;
        }
        let replay = matches!(end, End::AfterDeath);
        let _ = world.store.insert(&Batch { replay, ..batch.clone() }).await.unwrap();
        if matches!(end, End::Twice) {
            let _ = world.store.insert(&batch).await.unwrap();
        }
        prop_assert_eq!(rows(&world, PLACED).await, rows(&world, JOIN).await);
    }
    Ok(())
}

#[test]
fn counters_by_the_hour_are_the_join_of_snapshots_and_mentions() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config =
        ProptestConfig { cases: 1, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| runtime.block_on(compare(&steps)));
    outcome.unwrap();
}

#[tokio::test]
async fn counters_that_were_there_before_a_mention_count_and_so_do_those_of_its_second_brand() {
    let world = world().await;
    let mention = post("1", day("10:00:00"));
    let _ = world.insert(vec![snapshot(&mention, day("12:00:00"), 7)]).await;
    let _ = world.insert_mentions(std::slice::from_ref(&mention)).await;
    let of_both = Mention { brands: vec![of("acme"), of("nova")], observed_at: day("13:00:00"), ..mention.clone() };
    let _ = world.insert_mentions(&[of_both]).await;
    for brand in BRANDS {
        let query = MetricQuery::new("engagements", brand, day("00:00:00"), at("2026-03-03T00:00:00Z"));
        assert_eq!(world.metric(&query).await.rows[0][0], json!(7), "{brand}");
    }
    // What is computed from all of it at once, as after an import, is the same.
    let before = rows(&world, PLACED).await;
    world.execute("TRUNCATE TABLE engagement_by_hour").await;
    world.store.place_engagement().await.unwrap();
    assert_eq!((rows(&world, PLACED).await, before.len()), (before, 2));
}
