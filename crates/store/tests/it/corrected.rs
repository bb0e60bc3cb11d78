//! Sentiment corrected by what was measured of the model: cards come through the log, counts from the base table.

use grapevine_model::{Confusion, Event, Mention, ModelCard, Polarity, Polarity::*};
use grapevine_store::{By, MetricQuery, MetricTable};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{World, at, day, post, with_polarity, world};

/// Of a model that mistakes one in five, measured exactly.
fn card(observed_at: Timestamp, n: u32) -> Event {
    let counts = [[8 * n, n, n], [n, 8 * n, n], [n, n, 8 * n]];
    let confusion = Confusion { language: "en".into(), set: "posts by hand".into(), n: 30 * n, counts };
    let (id, languages) = ("minilm@1".into(), vec!["en".into()]);
    Event::ModelCard(Box::new(ModelCard { id, observed_at, languages, confusions: vec![confusion] }))
}

fn posts(language: &str, of: &[(Polarity, usize)]) -> Vec<Mention> {
    let each = of.iter().flat_map(|(polarity, n)| std::iter::repeat_n(*polarity, *n)).enumerate();
    each.map(|(at, polarity)| {
        let created = day("10:00:00") + SignedDuration::from_secs(at as i64 * 10);
        Mention {
            language: Some(language.into()),
            ..with_polarity(polarity, post(&format!("{language}-{at}"), created))
        }
    })
    .collect()
}

async fn corrected(world: &World, by: Option<By>) -> MetricTable {
    let (from, to) = (day("00:00:00"), at("2026-03-03T00:00:00Z"));
    world.metric(&MetricQuery { by, ..MetricQuery::new("net_sentiment_corrected", "acme", from, to) }).await
}

fn figure(table: &MetricTable, row: usize, column: &str) -> f64 {
    let at = table.columns.iter().position(|of| of.name == column).unwrap();
    table.rows[row][at].as_f64().unwrap_or_else(|| panic!("{column}: {}", table.rows[row][at]))
}

#[tokio::test]
async fn counts_are_corrected_by_the_card_of_the_model_that_scored_them() {
    let world = world().await;
    // 60 % positive and 40 % neutral of truth, as this model calls them.
    let _ = world.insert_mentions(&posts("en-GB", &[(Negative, 10), (Neutral, 38), (Positive, 52)])).await;
    let before = corrected(&world, None).await;
    assert_eq!(before.rows[0][0], json!(null));
    assert_eq!(before.correction.unwrap().note, "not corrected: no confusion of minilm@1 is measured in en");
    let inserted = world.insert(vec![card(day("09:00:00"), 100_000)]).await;
    assert_eq!((inserted.cards, inserted.events()), (1, 1));
    let table = corrected(&world, None).await;
    assert!((figure(&table, 0, "net_sentiment_corrected") - 60.0).abs() < 0.1, "{:?}", table.rows);
    assert!((figure(&table, 0, "net_sentiment") - 42.0).abs() < 1e-6);
    assert!((figure(&table, 0, "neutral") - 40.0).abs() < 0.1);
    // 100 mentions and no error of measurement: the sampling of what was said, times 10/7.
    assert!(
        (figure(&table, 0, "low") - 41.0).abs() < 2.0 && (figure(&table, 0, "high") - 79.0).abs() < 2.0,
        "{:?}",
        table.rows
    );
    assert_eq!((figure(&table, 0, "scored"), figure(&table, 0, "corrected")), (100.0, 100.0));
}

#[tokio::test]
async fn the_newest_card_of_a_model_counts_and_one_that_comes_again_changes_nothing() {
    let world = world().await;
    let _ = world.insert_mentions(&posts("en", &[(Negative, 10), (Neutral, 38), (Positive, 52)])).await;
    let _ = world.insert(vec![card(day("09:00:00"), 100_000)]).await;
    let exact = figure(&corrected(&world, None).await, 0, "low");
    let _ = world.insert(vec![card(day("09:30:00"), 10), card(day("09:00:00"), 100_000)]).await;
    let newest = corrected(&world, None).await;
    assert!(figure(&newest, 0, "low") < exact - 1.0, "measured on fewer texts, it is less sure");
    assert_eq!(newest.correction.unwrap().measured[0].n, 300);
    assert_eq!(world.store.cards().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_language_that_was_not_measured_is_left_out_and_an_unscored_mention_is_in_neither() {
    let world = world().await;
    let _ = world.insert(vec![card(day("09:00:00"), 1000)]).await;
    let _ = world.insert_mentions(&posts("en", &[(Negative, 10), (Neutral, 38), (Positive, 52)])).await;
    let _ = world.insert_mentions(&posts("de", &[(Positive, 25)])).await;
    let unscored = posts("fr", &[(Positive, 7)]).into_iter().map(|mention| Mention { scores: None, ..mention });
    let _ = world.insert_mentions(&unscored.collect::<Vec<_>>()).await;
    let table = corrected(&world, None).await;
    assert_eq!((figure(&table, 0, "scored"), figure(&table, 0, "corrected")), (125.0, 100.0));
    let correction = table.correction.unwrap();
    assert_eq!(
        correction.note,
        "en: minilm@1 finds 80.0 % of each polarity (posts by hand, n = 30000); 20.0 % of the scored mentions are left \
         out: no confusion of minilm@1 is measured in de"
    );
    let split = corrected(&world, Some(By::Language)).await;
    assert_eq!((&split.rows[0][0], &split.rows[1][0], &split.rows[1][1]), (&json!("en"), &json!("de"), &json!(null)));
}

#[tokio::test]
async fn a_series_has_every_point_and_none_where_nothing_was_scored() {
    let world = world().await;
    let _ = world.insert(vec![card(day("09:00:00"), 1000)]).await;
    let _ = world.insert_mentions(&posts("en", &[(Negative, 300), (Positive, 300)])).await;
    world.complete(at("2026-03-03T00:00:00Z")).await;
    let table = corrected(&world, Some(By::Hour)).await;
    assert_eq!(table.rows.len(), 24);
    assert!(
        figure(&table, 10, "net_sentiment_corrected") < -60.0,
        "the negative ones come first: {:?}",
        table.rows[10]
    );
    assert!(figure(&table, 11, "net_sentiment_corrected") > 60.0, "{:?}", table.rows[11]);
    assert_eq!(table.rows[12][1..4], [json!(null), json!(null), json!(null)]);
}
