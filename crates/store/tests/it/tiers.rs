//! A question that reads hours gives what its five minutes, or the base table, give.

use grapevine_model::{Mention, Polarity};
use grapevine_store::{By, MetricQuery};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::world::{World, at, by, post, scores, upsert, with_polarity, world};

const MENTIONS: i64 = 160;

/// Three days, a mention every 27 minutes and some seconds; every ninth is edited, so that its hour is rebuilt.
fn mention(number: i64) -> Mention {
    let created_at = at("2026-03-02T00:03:10Z") + SignedDuration::from_secs(number * 1633);
    let polarity = Polarity::ALL[usize::try_from(number % 3).unwrap()];
    let plain = by(&format!("a{}", number % 23), post(&number.to_string(), created_at));
    let language = ["en", "de", "pt-BR"][usize::try_from(number % 7 % 3).unwrap()].to_owned();
    let plain = Mention { language: Some(language), ..with_polarity(polarity, plain) };
    if number % 11 == 0 { Mention { scores: None, ..plain } } else { plain }
}

async fn filled() -> World {
    let world = world().await;
    let mentions: Vec<Mention> = (0..MENTIONS).map(mention).collect();
    for batch in mentions.chunks(40) {
        let _ = world.insert(batch.iter().map(upsert).collect()).await;
    }
    let later = at("2026-03-09T00:00:00Z");
    let said = || Some(scores(Polarity::Negative, grapevine_model::Intent::None));
    let edits: Vec<Mention> = (0..MENTIONS)
        .step_by(9)
        .map(|number| Mention { observed_at: later, scores: said(), ..mention(number) })
        .collect();
    let _ = world.insert_mentions(&edits).await;
    let _ = world.store.rebuild_dirty().await.unwrap();
    // First sightings behind a rebuild carry its epoch, in every table.
    let late: Vec<Mention> =
        (0..12).map(|number| post(&format!("late{number}"), mention(number * 13).created_at)).collect();
    assert_eq!(world.store.sum_days().await.unwrap().days, 4);
    assert_eq!(world.store.sum_days().await.unwrap().days, 0, "each is summed as it is");
    let _ = world.insert_mentions(&late).await;
    world.assert_rollups_agree().await;
    world
}

#[tokio::test]
async fn a_day_is_read_instead_of_its_hours_until_one_of_them_changes() {
    let world = filled().await;
    let day = |number: i64| at("2026-03-02T00:00:00Z") + SignedDuration::from_hours(24 * number);
    let two_days = (day(0), day(2));
    let before = figures(&world, "mention_volume", None, two_days).await;
    assert_eq!(world.store.sum_days().await.unwrap().days, 3, "late posts came to three days");
    assert_eq!(figures(&world, "mention_volume", None, two_days).await, before);
    world.execute("ALTER TABLE rollup_hourly DELETE WHERE true SETTINGS mutations_sync = 2").await;
    assert_eq!(figures(&world, "mention_volume", None, two_days).await, before, "of the days alone");
    let _ = world.insert_mentions(&[post("new", day(1))]).await;
    let after = figures(&world, "mention_volume", None, two_days).await;
    assert_eq!(
        number(&after[0][0]),
        number(&figures(&world, "mention_volume", None, (day(0), day(1))).await[0][0]) + 1.0
    );
}

/// Spans in minutes after the start: whole hours, parts of hours at one end or both, less than an hour, days.
const SPANS: [(i64, i64); 8] =
    [(0, 2880), (60, 180), (35, 2875), (60, 1475), (5, 55), (55, 65), (55, 125), (1430, 4320)];

#[tokio::test]
async fn figures_by_the_hour_are_those_by_five_minutes() {
    let world = filled().await;
    for (from, to) in spans() {
        for (metric, counts) in [("mention_volume", 0..2), ("net_sentiment", 2..6)] {
            let whole = figures(&world, metric, None, (from, to)).await;
            let parts = figures(&world, metric, Some(By::FiveMinutes), (from, to)).await;
            let hours = figures(&world, metric, Some(By::Hour), (from, to)).await;
            for column in counts {
                let sum = |rows: &[Vec<Value>]| rows.iter().map(|row| number(&row[column + 1])).sum::<f64>();
                assert_eq!(number(&whole[0][column]), sum(&parts), "{metric}, column {column}, {from} to {to}");
                assert_eq!(sum(&hours), sum(&parts), "{metric} by the hour, column {column}, {from} to {to}");
            }
        }
        let platforms = figures(&world, "mention_volume", Some(By::Platform), (from, to)).await;
        let whole = figures(&world, "mention_volume", None, (from, to)).await;
        assert_eq!(platforms.first().map_or(&Value::from(0), |row| &row[3]), &whole[0][2], "authors, {from} to {to}");
    }
}

#[tokio::test]
async fn what_models_said_by_the_hour_is_what_the_base_table_says() {
    let world = filled().await;
    for (from, to) in spans() {
        let scored = |rows: &[Vec<Value>], column: usize| rows.iter().map(|row| number(&row[column])).sum::<f64>();
        let hours = figures(&world, "net_sentiment_corrected", None, (from, to)).await;
        let base = figures(&world, "net_sentiment_corrected", Some(By::Kind), (from, to)).await;
        assert_eq!(scored(&hours, 13), scored(&base, 14), "scored, {from} to {to}");
        let of_base = base.first().map_or(Value::Null, |row| row[13].clone());
        assert_eq!(hours.first().map_or(Value::Null, |row| row[12].clone()), of_base, "uncorrected, {from} to {to}");
        let languages = figures(&world, "net_sentiment_corrected", Some(By::Language), (from, to)).await;
        assert_eq!(scored(&languages, 14), scored(&base, 14), "by language, {from} to {to}");
    }
}

fn spans() -> impl Iterator<Item = (Timestamp, Timestamp)> {
    let start = at("2026-03-02T00:00:00Z");
    SPANS
        .into_iter()
        .map(move |(from, to)| (start + SignedDuration::from_mins(from), start + SignedDuration::from_mins(to)))
}

async fn figures(world: &World, metric: &str, by: Option<By>, (from, to): (Timestamp, Timestamp)) -> Vec<Vec<Value>> {
    world.metric(&MetricQuery { by, ..MetricQuery::new(metric, "acme", from, to) }).await.rows
}

/// A point without mentions holds nothing.
fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_default()
}
