//! Answers that would be larger than the server is allowed to give.

use grapevine_model::Mention;
use grapevine_store::{Budget, MetricQuery, StoreError, registry};
use jiff::{SignedDuration, Timestamp};

use crate::world::{at, by, day, post, tombstone, upsert, world};

const MOST: u64 = 20;

#[tokio::test]
async fn more_dirty_hours_than_an_answer_holds_are_rebuilt_in_turns_newest_first() {
    let world = world().await;
    let hour = |number: i64| at("2026-03-02T00:10:00Z") + SignedDuration::from_hours(number);
    let posts: Vec<Mention> = (0..25).map(|number| post(&number.to_string(), hour(number))).collect();
    let _ = world.insert_mentions(&posts).await;
    let edits = posts.into_iter().map(|post| Mention { observed_at: at("2026-03-09T00:00:00Z"), ..post });
    assert_eq!(world.insert_mentions(&edits.collect::<Vec<_>>()).await.dirty_hours, 25);
    let limited = world.store.clone().with_most_rows(MOST);
    assert_eq!(limited.rebuild_dirty().await.unwrap().hours, 2);
    let wrong = world.store.verify(day("00:00:00"), at("2026-03-04T00:00:00Z")).await.unwrap();
    assert_eq!(wrong.hours, 25);
    let newest = "SELECT toUnixTimestamp(max(hour)) FROM (SELECT hour FROM rollup_hours GROUP BY hour
        HAVING sum(marks) > max(done).2)";
    let newest: u32 = world.client().query(newest).fetch_one().await.unwrap();
    assert_eq!(i64::from(newest), at("2026-03-02T22:00:00Z").as_second());
    // A rebuild of a span finds its hours, however many others are dirty.
    assert_eq!(limited.rebuild("acme", day("00:00:00"), day("01:00:00")).await.unwrap().hours, 1);
    assert_eq!(world.store.oldest_dirty("acme", Timestamp::UNIX_EPOCH).await.unwrap(), Some(day("01:00:00")));
    let mut rounds = 0;
    while limited.rebuild_dirty().await.unwrap().hours > 0 {
        rounds += 1;
    }
    assert_eq!(rounds, 11, "22 hours, two at a time");
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn an_author_who_wrote_more_than_an_answer_holds_is_removed_whole() {
    let world = world().await;
    let mentions: Vec<Mention> = (0..45)
        .map(|number| by(if number < 41 { "ada" } else { "bob" }, post(&number.to_string(), day("10:00:00"))))
        .collect();
    let _ = world.insert_mentions(&mentions).await;
    let limited = world.store.clone().with_most_rows(MOST);
    let gone = world.batch(vec![tombstone("ada", day("12:00:00")), tombstone("eve", day("12:00:00"))]);
    let inserted = limited.insert(&gone).await.unwrap();
    assert_eq!((inserted.tombstones, inserted.unmatched, inserted.removed_rows), (1, 1, 41));
    assert_eq!(world.store.count().await.unwrap(), 4);
}

#[tokio::test]
async fn the_tombstones_of_a_batch_remove_their_own_authors_and_no_other_platforms_namesakes() {
    let world = world().await;
    let mut namesake = by("a7", post("elsewhere", day("10:00:00")));
    namesake.key.instance = "g.example".into();
    let mut mentions: Vec<Mention> =
        (0..30).map(|number| by(&format!("a{number}"), post(&number.to_string(), day("10:00:00")))).collect();
    mentions.push(namesake);
    let _ = world.insert_mentions(&mentions).await;
    // More authors than one question names.
    let mut events: Vec<_> = (0..25).map(|number| tombstone(&format!("a{number}"), day("12:00:00"))).collect();
    events.extend((0..2000).map(|number| tombstone(&format!("nobody'{number}"), day("12:00:00"))));
    events.push(upsert(&by("a1", post("later", day("13:00:00")))));
    let inserted = world.insert(events).await;
    assert_eq!((inserted.tombstones, inserted.unmatched, inserted.removed_rows), (25, 2000, 25));
    assert_eq!(world.store.count().await.unwrap(), 7);
}

#[tokio::test]
async fn a_question_beyond_the_budget_is_refused_before_it_is_run_and_says_what_to_narrow() {
    let world = world().await;
    let posts: Vec<Mention> = (0..40).map(|number| post(&number.to_string(), day("10:00:00"))).collect();
    let _ = world.insert_mentions(&posts).await;
    let limited = world.store.clone().with_budget(Budget { rows: 10, ..Budget::default() });
    let mut refused = vec![];
    for metric in registry::all() {
        for shape in metric.shapes {
            let by = shape.by.first().copied();
            let whole = MetricQuery::new(metric.id, "acme", day("00:00:00"), day("23:00:00"));
            let query = MetricQuery { by, hashtag: Some("launch".to_owned()), ..whole };
            match limited.metric(&query).await {
                Ok(_) => {}
                Err(error @ StoreError::TooHeavy { .. }) => {
                    assert!(error.to_string().contains("ask for a shorter span"), "{error}");
                    refused.push(metric.id);
                }
                Err(error) => panic!("{} by {by:?}: {error}", metric.id),
            }
        }
    }
    for metric in ["potential_reach", "stories", "top_voices", "first_response_time", "newcomers", "freshness"] {
        assert!(refused.contains(&metric), "{metric} reads 40 rows where it may read 10; refused were {refused:?}");
    }
}
