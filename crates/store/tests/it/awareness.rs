//! Golden values: a day of `acme` small enough to count by hand.

use std::time::Duration;

use grapevine_model::{Author, Engagement, Kind, Mention, Polarity::*};
use grapevine_store::{By, MetricQuery, Store, StoreError};
use serde_json::json;

use crate::world::{World, at, by, by_team, day, gap, of, post, upsert, with_polarity, world};

fn likes(likes: u64, mention: Mention) -> Mention {
    Mention { engagement: Engagement { likes: Some(likes), ..Engagement::default() }, ..mention }
}

fn followers(count: u64, mention: Mention) -> Mention {
    let author = Author { followers: Some(count), ..mention.author };
    Mention { author, ..mention }
}

fn tagged(tags: &[&str], mention: Mention) -> Mention {
    Mention { hashtags: tags.iter().map(|tag| tag.to_string()).collect(), ..mention }
}

/// Ada: two negatives at 10; Bob: a positive at 10 and a repost, neutral, at 14; Cleo: unscored, in Spanish, at 14,
/// of both
/// brands; Dan: a post of the competitor at 14.
async fn a_day() -> World {
    let world = world().await;
    let mentions = [
        followers(100, likes(1, by("ada", with_polarity(Negative, post("1", day("10:00:00")))))),
        followers(120, likes(2, by("ada", with_polarity(Negative, post("2", day("10:04:59.999")))))),
        by("bob", with_polarity(Positive, post("3", day("10:05:00")))),
        followers(50, by("bob", Mention { kind: Kind::Repost, ..post("4", day("14:00:00")) })),
        Mention {
            scores: None,
            language: Some("es".into()),
            brands: vec![of("acme"), of("zenith")],
            ..by("cleo", post("5", day("14:30:00")))
        },
        Mention { brands: vec![of("zenith")], ..by("dan", post("6", day("14:31:00"))) },
    ];
    let _ = world.insert_mentions(&mentions).await;
    world.complete(at("2026-03-02T20:00:00Z")).await;
    world
}

#[tokio::test]
async fn mention_volume() {
    let world = a_day().await;
    assert_eq!(world.figures("mention_volume", None).await, json!([[5, 4, 3]]));
    assert_eq!(world.figures("mention_volume", Some(By::Platform)).await, json!([["forum", 5, 4, 3]]));
    let polarity = json!([["negative", 2], ["neutral", 1], ["positive", 1], ["unscored", 1]]);
    assert_eq!(world.figures("mention_volume", Some(By::Polarity)).await, polarity);
    assert_eq!(world.figures("mention_volume", Some(By::Kind)).await, json!([["post", 4, 4, 3], ["repost", 1, 0, 1]]));
    assert_eq!(world.figures("mention_volume", Some(By::Language)).await, json!([["en", 4, 3, 2], ["es", 1, 1, 1]]));
}

#[tokio::test]
async fn a_gap_and_what_is_to_come_are_empty_and_not_zero() {
    let world = a_day().await;
    let _ = world.insert(vec![gap(day("11:00:00"), day("12:30:00"))]).await;
    let query = MetricQuery::new("mention_volume", "acme", day("00:00:00"), at("2026-03-03T00:00:00Z"));
    let table = world.metric(&query.clone().by(By::Hour)).await;
    let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
    assert_eq!(columns, ["time", "raw", "unique", "authors", "covered"]);
    assert_eq!(table.rows.len(), 24);
    assert_eq!(json!(table.rows[10]), json!(["2026-03-02T10:00:00Z", 3, 3, 2, 1.0]));
    assert_eq!(json!(table.rows[11]), json!(["2026-03-02T11:00:00Z", null, null, null, 0.0]));
    assert_eq!(json!(table.rows[12]), json!(["2026-03-02T12:00:00Z", 0, 0, 0, 0.5]));
    assert_eq!(json!(table.rows[14]), json!(["2026-03-02T14:00:00Z", 2, 1, 2, 1.0]));
    assert_eq!(json!(table.rows[20]), json!(["2026-03-02T20:00:00Z", null, null, null, 0.0]));
    assert!(table.coverage.partial);
    assert_eq!(table.coverage.note, "complete through 2026-03-02T20:00:00Z only; 1 gap in the sources");
    let until = MetricQuery { to: day("10:30:00"), ..query };
    assert!(!world.metric(&until).await.coverage.partial);
}

#[tokio::test]
async fn rollup_metrics_round_the_span_to_whole_buckets_and_say_so() {
    let world = a_day().await;
    let table = world.metric(&MetricQuery::new("mention_volume", "acme", day("10:01:00"), day("10:04:00"))).await;
    assert_eq!((table.from, table.to), (day("10:00:00"), day("10:05:00")));
    assert_eq!(json!(table.rows), json!([[2, 2, 1]]));
}

#[tokio::test]
async fn potential_reach_takes_the_newest_count_of_each_author() {
    let world = a_day().await;
    assert_eq!(world.figures("potential_reach", None).await, json!([[170, 3, 2]]));
    assert_eq!(world.figures("potential_reach", Some(By::Platform)).await, json!([["forum", 170, 3, 2]]));
}

#[tokio::test]
async fn engagements() {
    let world = a_day().await;
    assert_eq!(world.figures("engagements", None).await, json!([[3, 3, null, null, null, null, 5, 2]]));
    let kinds =
        json!([["post", 3, 3, null, null, null, null, 4, 2], ["repost", null, null, null, null, null, null, 1, 0]]);
    assert_eq!(world.figures("engagements", Some(By::Kind)).await, kinds);
}

#[tokio::test]
async fn share_of_voice_of_the_named_brands_or_of_all() {
    let world = a_day().await;
    let all = json!([["acme", 5, 5.0 / 7.0 * 100.0], ["zenith", 2, 2.0 / 7.0 * 100.0]]);
    assert_eq!(world.figures("share_of_voice", None).await, all);
    let query = MetricQuery::new("share_of_voice", "acme", day("14:00:00"), day("15:00:00"));
    let named = MetricQuery { among: vec!["nova".into()], ..query.clone() };
    assert_eq!(json!(world.metric(&named).await.rows), json!([["acme", 2, 100], ["nova", 0, 0]]));
    let hours = world.metric(&query.by(By::Hour)).await;
    assert_eq!(json!(hours.rows), json!([["2026-03-02T14:00:00Z", 2, 4, 50, 1.0]]));
}

#[tokio::test]
async fn net_sentiment_with_its_model() {
    let world = a_day().await;
    // P 1, N 2, U 1: -25; polar -1/3.
    let polar = (1.0 - 2.0) / 3.0 * 100.0;
    assert_eq!(world.figures("net_sentiment", None).await, json!([[-25, polar, 2, 1, 1, 1]]));
    let languages = json!([["en", -25, polar, 2, 1, 1, 0], ["es", null, null, 0, 0, 0, 1]]);
    assert_eq!(world.figures("net_sentiment", Some(By::Language)).await, languages);
    let table = world.metric(&MetricQuery::new("net_sentiment", "acme", day("00:00:00"), day("23:00:00"))).await;
    let model = table.model.unwrap();
    assert_eq!((model.name.as_str(), model.share_scored), ("minilm@1", 0.8));
    assert_eq!((table.metric.id, table.metric.version), ("net_sentiment", 1));
}

#[tokio::test]
async fn trending_hashtags_by_distinct_authors() {
    let world = world().await;
    let mut mentions = vec![];
    for author in 0..8 {
        let new = tagged(&["new", "steady"], post(&format!("now-{author}"), day("09:00:00")));
        mentions.push(by(&format!("a{author}"), new));
    }
    // One author ten times is one author; seven days before, fourteen authors in all: two a day.
    for copy in 0..10 {
        mentions.push(by("loud", tagged(&["loud"], post(&format!("loud-{copy}"), day("09:00:00")))));
    }
    for author in 0..14 {
        let before = at("2026-02-25T09:00:00Z");
        mentions.push(by(&format!("b{author}"), tagged(&["steady"], post(&format!("old-{author}"), before))));
    }
    let _ = world.insert_mentions(&mentions).await;
    // (8 - 1)^2 / 1 and (8 - 2)^2 / 2.
    let figures = world.figures("trending_hashtags", None).await;
    let peaks: Vec<_> =
        figures.as_array().unwrap().iter().map(|row| json!([row[0], row[5], row[2], row[3], row[4]])).collect();
    assert_eq!(json!(peaks), json!([["new", 49, 8, 1, 8], ["steady", 18, 8, 2, 8], ["loud", 0, 1, 1, 10]]));
}

#[tokio::test]
async fn top_voices_side_by_side() {
    let world = a_day().await;
    let expected = json!([
        ["ada", "forum", 2, 120, 3, 1, 1, 1],
        ["bob", "forum", 2, 50, null, 2, null, 2],
        ["cleo", "forum", 1, null, null, null, null, 3]
    ]);
    assert_eq!(world.figures("top_voices", None).await, expected);
}

/// Ivy is read by most and posts least; Jon's one post is liked most; Kim and Lea post most, three times each, and are
/// equal but for their names; Max is second in reach only; the team is wider read than all of them.
#[tokio::test]
async fn top_voices_are_the_highest_of_each_figure() {
    let world = world().await;
    let posts = |author: &'static str, reach: u64, liked: u64, count: u32| {
        (0..count).map(move |copy| {
            let name = format!("{author}-{copy}");
            followers(reach, likes(liked, by(author, post(&name, day("10:00:00")))))
        })
    };
    let crowd = [("ivy", 9000, 0, 1), ("jon", 2, 70, 1), ("lea", 5, 4, 3), ("kim", 5, 4, 3), ("max", 800, 1, 2)];
    let mut mentions: Vec<Mention> =
        crowd.iter().flat_map(|(name, reach, liked, n)| posts(name, *reach, *liked, *n)).collect();
    mentions.push(followers(1_000_000, by_team(post("team", day("10:00:00")))));
    let _ = world.insert_mentions(&mentions).await;
    let asked = MetricQuery::new("top_voices", "acme", day("00:00:00"), day("23:00:00"));
    let first = async |limit| json!(world.metric(&MetricQuery { limit: Some(limit), ..asked.clone() }).await.rows);
    let kim = json!(["kim", "forum", 3, 5, 12, null, null, 1]);
    let jon = json!(["jon", "forum", 1, 2, 70, null, 1, null]);
    let ivy = json!(["ivy", "forum", 1, 9000, 0, 1, null, null]);
    assert_eq!(first(1).await, json!([kim, ivy, jon]));
    let expected = json!([
        ["kim", "forum", 3, 5, 12, null, 2, 1],
        ["lea", "forum", 3, 5, 12, null, null, 2],
        ["max", "forum", 2, 800, 2, 2, null, null],
        ivy,
        jon
    ]);
    assert_eq!(first(2).await, expected);
    assert_eq!(first(2).await, first(2).await, "equal figures are ranked alike every time");
}

#[tokio::test]
async fn coverage_and_freshness() {
    let world = a_day().await;
    let _ = world.insert(vec![gap(day("11:00:00"), day("12:00:00")), gap(day("11:30:00"), day("12:12:00"))]).await;
    // Complete through 20:00 of 24 hours, less 72 minutes.
    let coverage = json!([["s", (20.0 - 1.2) / 24.0 * 100.0, "2026-03-02T20:00:00.000Z", 2, 4320, true]]);
    assert_eq!(world.figures("coverage", None).await, coverage);
    // Cleo's post of 14:30 was observed 5 s later: 9 h 29 min 55 s before midnight.
    let fresh = json!([["forum", "2026-03-02T14:30:05.000000Z", 34195, 5, 5]]);
    assert_eq!(world.figures("freshness", Some(By::Platform)).await, fresh);
}

#[tokio::test]
async fn a_gap_beyond_what_is_complete_takes_nothing_from_the_coverage() {
    let world = world().await;
    world.complete(day("10:10:00")).await;
    let _ = world.insert(vec![gap(day("10:05:00"), day("11:00:00"))]).await;
    let rows = async |from: &str, to: &str| {
        json!(world.metric(&MetricQuery::new("coverage", "acme", day(from), day(to))).await.rows)
    };
    let through = "2026-03-02T10:10:00.000Z";
    // Ten minutes of the hour, five of them in the gap.
    assert_eq!(rows("10:00:00", "11:00:00").await, json!([["s", 5.0 / 60.0 * 100.0, through, 1, 3300, true]]));
    assert_eq!(rows("10:30:00", "11:30:00").await, json!([["s", 0, through, 1, 1800, true]]));
    assert_eq!(rows("09:00:00", "10:00:00").await, json!([["s", 100, through, 0, 0, true]]));
}

#[tokio::test]
async fn what_panels_have_in_common_is_kept_and_figures_are_not() {
    let world = world().await;
    world.complete(day("10:10:00")).await;
    let volume = MetricQuery::new("mention_volume", "acme", day("10:00:00"), day("11:00:00"));
    let ask = async |store: &Store| {
        let table = store.metric(&volume).await.unwrap();
        (table.rows[0][0].clone(), table.coverage.complete_through, table.coverage.gaps.len())
    };
    let keeping = world.store.clone().with_recent(Duration::from_secs(600));
    assert_eq!(ask(&keeping).await, (json!(0), Some(day("10:10:00")), 0));
    let _ = world.insert(vec![upsert(&post("1", day("10:05:00"))), gap(day("10:20:00"), day("10:25:00"))]).await;
    world.complete(day("10:30:00")).await;
    // The gap lies beyond what is shown as complete.
    assert_eq!(ask(&keeping).await, (json!(1), Some(day("10:10:00")), 0));
    assert_eq!(
        ask(&world.store.clone().with_recent(Duration::from_secs(600))).await,
        (json!(1), Some(day("10:30:00")), 1)
    );
}

#[tokio::test]
async fn a_figure_that_nothing_brings_data_for_is_empty_and_says_what_to_bring() {
    let world = a_day().await;
    let query = MetricQuery::new("campaign_ctr", "acme", day("00:00:00"), day("20:00:00"));
    let table = world.metric(&query).await;
    assert_eq!(json!(table.rows), json!([[null, null, null, 0, 0]]));
    assert!(table.coverage.partial);
    let note = "no campaign row of the brand begins in the span: import them from the advertising platform";
    assert_eq!(table.coverage.note, note);
    // Accounts are configured in none of these worlds, and no mention carries impressions.
    let growth = world.metric(&MetricQuery { metric: "follower_growth".into(), ..query.clone() }).await;
    assert!(growth.rows.is_empty() && growth.coverage.note.starts_with("no followers were counted"), "{growth:?}");
    let shown = world.metric(&MetricQuery { metric: "impressions".into(), ..query.clone() }).await;
    assert_eq!(json!(shown.rows), json!([[null, 5, 0, 0]]));
    let forecast = world.metric(&MetricQuery { metric: "volume_forecast".into(), ..query }).await;
    assert_eq!((forecast.rows.len(), &forecast.rows[0][1]), (14, &json!(null)), "a day is no history");
}

#[tokio::test]
async fn what_cannot_be_answered_says_why() {
    let world = a_day().await;
    let query = MetricQuery::new("mood", "acme", day("00:00:00"), day("23:00:00"));
    let error = world.store.metric(&query).await.unwrap_err();
    assert!(error.to_string().starts_with("there is no metric \"mood\"; there are: mention_volume, "), "{error}");
    let query = MetricQuery { metric: "top_voices".into(), ..query };
    let error = world.store.metric(&query.clone().by(By::Hour)).await.unwrap_err();
    assert_eq!(error.to_string(), "metric top_voices cannot be split by hour; it can be split by: nothing");
    let research = MetricQuery { metric: "hashtag_research".into(), hashtag: Some(" # ".into()), ..query.clone() };
    let error = world.store.metric(&research).await.unwrap_err();
    assert_eq!(error.to_string(), "metric hashtag_research answers about one hashtag: say which in `hashtag`");
    let backwards = MetricQuery { from: query.to, to: query.from, ..query.clone() };
    assert!(matches!(world.store.metric(&backwards).await, Err(StoreError::EmptySpan { .. })));
    let long = MetricQuery { from: at("1990-01-01T00:00:00Z"), metric: "mention_volume".into(), ..query };
    let error = world.store.metric(&long.by(By::FiveMinutes)).await.unwrap_err();
    assert!(matches!(error, StoreError::TooManyPoints { .. }), "{error}");
}
