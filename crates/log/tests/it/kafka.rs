//! What is particular to Kafka: brokers that are away, and settings.

use std::time::Duration;

use grapevine_log::{
    Log, LogError, Offsets, Retention, StartAt, TopicSpec,
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_testkit::kafka::{Broker, required_own};

use crate::place::{DAY, limits, poll_until, read_n, record, text};

#[tokio::test]
async fn without_a_broker_the_error_says_where_it_looked_and_why_it_failed() {
    let options = KafkaOptions { patience: Duration::from_secs(2), ..KafkaOptions::new("127.0.0.1:1") };
    let error = KafkaLog::connect(options).await.err().expect("nothing listens there");
    let text = error.to_string();
    assert!(text.starts_with("no Kafka broker answers at 127.0.0.1:1: "), "{text}");
    assert!(text.contains("refused") && error.is_transient(), "{text}");
}

#[tokio::test]
async fn a_wrong_property_is_named_without_its_value() {
    for (key, value) in [("sasl.pasword", "s3cret"), ("acks", "0"), ("security.protocol", "s3cret")] {
        let mut options = KafkaOptions::new("127.0.0.1:1");
        options.properties.insert(key.to_owned(), value.to_owned());
        let error = KafkaLog::connect(options).await.err().expect("it must be refused");
        let text = error.to_string();
        assert!(text.contains(key) && !text.contains("s3cret") && !error.is_transient(), "{text}");
    }
}

async fn own_broker() -> Option<Broker> {
    tokio::task::spawn_blocking(required_own).await.unwrap()
}

async fn connect(broker: &Broker) -> KafkaLog {
    let options = KafkaOptions { patience: Duration::from_secs(60), ..KafkaOptions::new(broker.address()) };
    let log = KafkaLog::connect(options).await.unwrap();
    log.ensure_topics(&[TopicSpec { name: "t".to_owned(), partitions: 1, keep: DAY }]).await.unwrap();
    log
}

/// The broker is killed while 40 appends are under way; they wait for its return.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_outlast_a_broker_that_is_killed_and_comes_back() {
    let Some(broker) = own_broker().await else { return };
    let log = connect(&broker).await;
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    log.append("t", vec![record("k", "0")]).await.unwrap();
    assert_eq!(read_n(consumer.as_mut(), 1).await.len(), 1);
    consumer.commit(&Offsets::from([(0, 1)])).await.unwrap();

    let appends = async {
        for number in 1..=40 {
            log.append("t", vec![record("k", number.to_string())]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let restart = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(300));
        broker.kill9().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        broker.restart().unwrap();
        broker
    });
    let (_, broker) = tokio::join!(appends, restart);
    let got: Vec<String> = read_n(consumer.as_mut(), 40).await.iter().map(|record| text(&record.value)).collect();
    assert_eq!(got, (1..=40).map(|number| number.to_string()).collect::<Vec<_>>(), "each once, in order");
    consumer.commit(&Offsets::from([(0, 41)])).await.unwrap();
    assert_eq!(log.committed("t", "g").await.unwrap(), Offsets::from([(0, 41)]));
    drop(broker);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_without_a_broker_fails_in_time_and_may_be_tried_again() {
    let Some(broker) = own_broker().await else { return };
    let options = KafkaOptions { patience: Duration::from_secs(3), ..KafkaOptions::new(broker.address()) };
    connect(&broker).await;
    let log = KafkaLog::connect(options).await.unwrap();
    log.append("t", vec![record("k", "before")]).await.unwrap();
    let broker = tokio::task::spawn_blocking(move || broker.kill9().map(|_| broker)).await.unwrap().unwrap();
    let began = std::time::Instant::now();
    let error = log.append("t", vec![record("k", "lost")]).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("appending to t"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let broker = tokio::task::spawn_blocking(move || broker.restart().map(|_| broker)).await.unwrap().unwrap();
    let mut tries = 0;
    while let Err(error) = log.append("t", vec![record("k", "after")]).await {
        tries += 1;
        assert!(error.is_transient() && tries < 20, "{error}");
    }
    let mut consumer = log.consumer("t", "g", StartAt::Oldest).await.unwrap();
    let got = read_n(consumer.as_mut(), 2).await;
    assert_eq!(text(&got.last().unwrap().value), "after");
    drop(broker);
}

/// Of bytes that do not compress: the brokers' limit counts compressed ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_of_six_megabytes_pass_through_topics_of_both_kinds() {
    let Some(place) = crate::place::Place::cluster().await else { return };
    let noise = |seed: u32| -> Vec<u8> {
        let step = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 24) as u8)
        };
        std::iter::repeat_n((), 6_000_000).scan(seed, |state, ()| step(state)).collect()
    };
    let (first, second) = (noise(1), noise(2));
    let (log, topic) = place.with_topic(1, DAY).await;
    log.append(&topic, vec![record("a", first.clone()), record("b", "small"), record("c", second.clone())])
        .await
        .unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let got = read_n(consumer.as_mut(), 3).await;
    assert!(got[0].value == first && got[1].value == b"small" && got[2].value == second, "as they were appended");
    let (log, table) = place.with_topic(1, Retention::Compacted).await;
    log.append(&table, vec![record("a", first.clone())]).await.unwrap();
    assert!(log.table(&table).await.unwrap()[&b"a"[..]] == first, "as it was appended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_beyond_the_limit_is_refused_with_a_mend() {
    let Some(place) = crate::place::Place::cluster().await else { return };
    let (log, topic) = place.with_topic(1, DAY).await;
    let error = log.append(&topic, vec![record("k", vec![1; 17 << 20])]).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("message.max.bytes"), "{error}");
    log.append(&topic, vec![record("k", "small")]).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    assert_eq!(read_n(consumer.as_mut(), 1).await[0].value, b"small");
}

/// A member that is not polled while its partitions go learns it from the commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_put_out_of_the_group_cannot_commit() {
    let Some(place) = crate::place::Place::cluster().await else { return };
    let crate::place::Place::Cluster(broker) = &place else { return };
    let (log, topic) = place.with_topic(1, DAY).await;
    log.append(&topic, vec![record("k", "x")]).await.unwrap();
    let mut options = KafkaOptions::new(broker.address());
    let times = [("session.timeout.ms", "6000"), ("max.poll.interval.ms", "6000")];
    options.properties.extend(times.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let mut slow = KafkaLog::connect(options).await.unwrap().consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    assert_eq!(read_n(slow.as_mut(), 1).await.len(), 1);
    tokio::time::sleep(Duration::from_secs(8)).await;
    let error = slow.commit(&Offsets::from([(0, 1)])).await.unwrap_err();
    assert!(matches!(error, LogError::NotAssigned(0)), "{error}");
    // It may come back: then it reads what it could not commit.
    let mut revoked = Vec::new();
    let again = poll_until(slow.as_mut(), limits(10, 1000, 500), |all, polled, _| {
        revoked.extend(polled.revoked.clone());
        !all.is_empty()
    })
    .await;
    assert_eq!(revoked, [0]);
    assert_eq!(again[0].offset, 0);
    slow.commit(&Offsets::from([(0, 1)])).await.unwrap();
    assert!(slow.poll(limits(1, 1, 0)).await.unwrap().records.is_empty());
}
