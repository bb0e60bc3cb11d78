use std::collections::BTreeSet;

use grapevine_alerts::{Episode, EpisodeState};
use grapevine_model::{Author, Bucket, Mention, Polarity::*};
use grapevine_store::{Asked, By, MetricQuery, StoreError, registry};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::world::{at, by, day, of, post, with_polarity, world};

fn negative(author: &str, id: &str, time: &str) -> Mention {
    by(author, with_polarity(Negative, post(id, day(time))))
}

#[tokio::test]
async fn buckets_are_dense_and_count_the_authors_of_an_hour() {
    let world = world().await;
    let mentions = [
        negative("ada", "1", "10:00:00"),
        negative("ada", "2", "10:04:59"),
        negative("bob", "3", "10:30:00"),
        negative("cleo", "4", "10:59:59"),
        post("5", day("10:30:01")),
    ];
    let _ = world.insert_mentions(&mentions).await;
    let buckets = world.store.buckets("acme", day("10:05:00"), day("12:00:00")).await.unwrap();
    assert_eq!(buckets.len(), 23);
    assert!(buckets.is_sorted_by(|a, b| b.start.duration_since(a.start) == Bucket::LENGTH));
    let of = |time: &str| {
        let bucket = buckets.iter().find(|bucket| bucket.start == day(time)).unwrap();
        (bucket.mentions, bucket.negatives, bucket.negative_authors)
    };
    assert_eq!(of("10:05:00"), (0, 0, Some(1)), "ada, from before the span");
    assert_eq!(of("10:30:00"), (2, 1, Some(2)));
    assert_eq!(of("10:55:00"), (1, 1, Some(3)));
    assert_eq!(of("11:00:00"), (0, 0, Some(2)), "ada's hour is over");
    assert_eq!(of("11:55:00"), (0, 0, Some(0)));
    assert_eq!(world.store.buckets("nobody", day("10:00:00"), day("10:05:00")).await.unwrap().len(), 1);
    assert_eq!(world.store.first_bucket("acme").await.unwrap(), Some(day("10:00:00")));
    assert_eq!(world.store.first_bucket("nobody").await.unwrap(), None);
    let backwards = world.store.buckets("acme", day("12:00:00"), day("10:00:00")).await;
    assert!(matches!(backwards, Err(StoreError::EmptySpan { .. })));
}

#[tokio::test]
async fn a_history_begins_after_its_last_hole_of_two_weeks() {
    let world = world().await;
    let first = async || world.store.first_bucket("acme").await.unwrap();
    let _ = world.insert_mentions(&[post("1970", Timestamp::UNIX_EPOCH)]).await;
    assert_eq!(first().await, Some(Timestamp::UNIX_EPOCH), "nothing else is there");
    let _ = world.insert_mentions(&[post("2022", at("2022-05-01T10:00:00Z")), post("1", day("10:01:00"))]).await;
    assert_eq!(first().await, Some(day("10:00:00")));
    let (short, long) = (SignedDuration::from_mins(14 * 24 * 60 - 5), SignedDuration::from_hours(14 * 24));
    let _ = world.insert_mentions(&[post("2", day("10:01:00") + short)]).await;
    assert_eq!(first().await, Some(day("10:00:00")), "five minutes less than a hole");
    let _ = world.insert_mentions(&[post("3", day("10:01:00") + short + long)]).await;
    assert_eq!(first().await, Some(day("10:00:00") + short + long));
    let _ = world.insert_mentions(&[post("4", at("2099-01-01T00:00:00Z"))]).await;
    assert_eq!(first().await, Some(day("10:00:00") + short + long), "what is ahead of the clock begins nothing");
}

#[tokio::test]
async fn a_mention_from_the_future_does_not_lead_the_newest() {
    let world = world().await;
    let _ = world.insert_mentions(&[post("1", day("10:00:00")), post("2", at("2099-01-01T00:00:00Z"))]).await;
    let texts = async |before| {
        let rows = world.store.latest(None, 1, before).await.unwrap();
        rows.into_iter().map(|row| row.text).collect::<Vec<_>>()
    };
    assert_eq!(texts(None).await, ["text of 1"]);
    let beyond = Some((at("2099-06-01T00:00:00Z"), grapevine_model::MentionId(u128::MAX)));
    assert_eq!(texts(beyond).await, ["text of 2"], "who asks for it gets it");
}

#[tokio::test]
async fn pages_of_the_newest_mentions_meet_without_overlap() {
    let world = world().await;
    let mut mentions = vec![];
    for number in 0..25 {
        // Five at the same moment, months between some of them.
        let created_at = at("2025-06-01T00:00:00Z") + SignedDuration::from_hours(24 * 20 * (number / 5));
        mentions.push(post(&number.to_string(), created_at));
    }
    let _ = world.insert_mentions(&mentions).await;
    let (mut seen, mut before) = (vec![], None);
    loop {
        let page = world.store.latest(Some("acme"), 7, before).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some((last.created_at, last.id));
        seen.extend(page);
    }
    assert!(seen.is_sorted_by(|a, b| (a.created_at, a.id) > (b.created_at, b.id)));
    assert_eq!(seen.iter().map(|row| row.id).collect::<BTreeSet<_>>().len(), 25);
    assert_eq!(world.store.latest(Some("zenith"), 7, None).await.unwrap(), []);
}

#[tokio::test]
async fn a_stored_mention_reads_back_as_it_was() {
    let world = world().await;
    let author = Author { name: Some("Ada L.".into()), followers: Some(7), ..post("1", day("10:00:00")).author };
    let mention = Mention { author, text: "line\n\ttab \\ 'quote' – 日本 ?".into(), ..post("1", day("10:00:00")) };
    let _ = world.insert_mentions(&[mention.clone(), Mention { scores: None, ..post("2", day("09:00:00")) }]).await;
    let rows = world.store.latest(None, 10, None).await.unwrap();
    let row = &rows[0];
    assert_eq!((row.id, row.created_at, row.observed_at), (mention.id(), mention.created_at, mention.observed_at));
    assert_eq!((&row.text, &row.author_name, row.author_followers), (&mention.text, &"Ada L.".to_owned(), Some(7)));
    assert_eq!((row.kind.as_str(), row.polarity, row.intent.as_deref()), ("post", Some("neutral"), Some("none")));
    assert_eq!((rows[1].polarity, rows[1].intent.as_deref(), rows[1].confidence), (None, None, None));
}

#[tokio::test]
async fn a_name_that_looks_like_sql_is_only_a_name() {
    let world = world().await;
    let names = [
        "o'brien",
        "x' OR '1'='1",
        "back\\slash",
        "tab\tline\n",
        "{brand:String}",
        "a?b",
        "'); DROP TABLE mentions; --",
    ];
    for (number, name) in names.iter().enumerate() {
        let mention = Mention { brands: vec![of(name)], ..post(&number.to_string(), day("10:00:00")) };
        let _ = world.insert_mentions(&[mention]).await;
    }
    for name in names {
        for metric in registry::all().iter().filter(|metric| metric.id != "coverage") {
            let mut query = MetricQuery::new(metric.id, name, day("00:00:00"), day("23:00:00"));
            query.among = vec![name.to_owned()];
            query.hashtag = Some(name.to_owned());
            world.metric(&query).await;
        }
        let query = MetricQuery::new("mention_volume", name, day("00:00:00"), day("23:00:00"));
        assert_eq!(json!(world.metric(&query).await.rows), json!([[1, 1, 1]]), "{name:?}");
        assert_eq!(world.store.latest(Some(name), 10, None).await.unwrap().len(), 1, "{name:?}");
        assert_eq!(world.store.rebuild(name, day("10:00:00"), day("11:00:00")).await.unwrap().hours, 1);
    }
    assert_eq!(world.store.count().await.unwrap(), names.len() as u64);
    world.assert_rollups_agree().await;
}

#[tokio::test]
async fn every_way_to_ask_every_metric_is_answered_on_an_empty_store() {
    let world = world().await;
    for metric in registry::all() {
        for shape in metric.shapes {
            let splits: Vec<Option<By>> = match shape.by {
                [] => vec![None],
                all => all.iter().copied().map(Some).collect(),
            };
            for by in splits {
                let query = MetricQuery::new(metric.id, "acme", day("00:00:00"), day("12:00:00"));
                let query = MetricQuery { hashtag: Some("launch".to_owned()), ..query };
                let table = world.metric(&MetricQuery { by, ..query }).await;
                let width = table.columns.len();
                assert!(table.rows.iter().all(|row| row.len() == width), "{} by {by:?}: {:?}", metric.id, table.rows);
                assert!(table.coverage.partial && table.model.is_none());
            }
        }
    }
}

#[tokio::test]
async fn an_explanation_splits_the_excess() {
    let world = world().await;
    let mut mentions = vec![];
    for number in 0..4 {
        let tagged = Mention { hashtags: vec!["outage".into()], ..negative("ada", &format!("a{number}"), "10:10:00") };
        mentions.push(Mention { text: "It is DOWN, again!".into(), ..tagged });
    }
    for number in 0..2 {
        mentions.push(negative("bob", &format!("b{number}"), "10:20:00"));
    }
    // 168 in the week before: one an hour is usual, and all of them Bob's.
    for hour in 1..=168 {
        let created_at = day("10:00:00") - SignedDuration::from_hours(hour);
        mentions.push(by("bob", with_polarity(Negative, post(&format!("w{hour}"), created_at))));
    }
    let _ = world.insert_mentions(&mentions).await;
    let found = world.store.explain("acme", day("10:00:00"), day("11:00:00")).await.unwrap();
    assert_eq!((found.observed, found.expected), (6, 1.0));
    let authors: Vec<_> = found.authors.iter().map(|s| (s.name.as_str(), s.observed, s.expected, s.share)).collect();
    assert_eq!(authors, [("ada (forum)", 4, 0.0, 0.8), ("bob (forum)", 2, 1.0, 0.2)]);
    assert_eq!((found.platforms[0].name.as_str(), found.platforms[0].share), ("forum", 1.0));
    assert_eq!((found.hashtags[0].name.as_str(), found.hashtags[0].observed), ("outage", 4));
    let texts: BTreeSet<_> = found.examples.iter().map(|row| row.text.as_str()).collect();
    assert_eq!(texts, BTreeSet::from(["It is DOWN, again!", "text of b0", "text of b1"]));
}

#[tokio::test]
async fn an_episode_is_replaced_by_its_newest_state() {
    let world = world().await;
    let firing = Episode {
        id: "e1".into(),
        rule: "negative_spike".into(),
        brand: "acme".into(),
        state: EpisodeState::Firing,
        started_at: day("10:00:00"),
        resolved_at: None,
        evidence: 2.5,
        peak_evidence: 2.5,
        observed: 20.0,
        expected: 3.25,
    };
    let resolved = Episode {
        state: EpisodeState::Resolved,
        resolved_at: Some(day("16:00:00")),
        peak_evidence: 7.0,
        ..firing.clone()
    };
    let all = |from: Timestamp, to: Timestamp| world.store.episodes(None, from, to);
    world.store.save_episode(&firing).await.unwrap();
    assert_eq!(all(day("20:00:00"), day("21:00:00")).await.unwrap(), std::slice::from_ref(&firing), "it still fires");
    world.store.save_episode(&resolved).await.unwrap();
    assert_eq!(all(day("15:00:00"), day("21:00:00")).await.unwrap(), [resolved]);
    assert_eq!(all(day("16:00:00"), day("21:00:00")).await.unwrap(), []);
    // A rebuild at start writes the same states again, in their order.
    world.store.save_episode(&firing).await.unwrap();
    assert_eq!(all(day("20:00:00"), day("21:00:00")).await.unwrap(), [firing]);
    assert_eq!(world.store.episodes(Some("zenith"), day("00:00:00"), day("21:00:00")).await.unwrap(), []);
}

#[tokio::test]
async fn what_pages_asked_is_remembered_once_as_it_was_asked_last() {
    let world = world().await;
    // What was asked long ago goes by itself.
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
    let asked = |brand: &str, minutes: i64| {
        let at = now - SignedDuration::from_mins(minutes);
        let query = MetricQuery::new("net_sentiment", brand, at - SignedDuration::from_hours(24), at).by(By::Hour);
        Asked { query, at }
    };
    let (other, again) = (asked(r#"it's \ "nova""#, 90), asked("acme", 60));
    world.store.remember_asked(&[asked("acme", 120), other.clone()]).await.unwrap();
    world.store.remember_asked(std::slice::from_ref(&again)).await.unwrap();
    assert_eq!(world.store.asked_since(now - SignedDuration::from_mins(100)).await.unwrap(), [again.clone(), other]);
    assert_eq!(world.store.asked_since(now - SignedDuration::from_mins(75)).await.unwrap(), [again]);
}
