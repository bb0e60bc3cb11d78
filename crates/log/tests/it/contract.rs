//! What every implementation of the log promises. Each check runs over both: see `main.rs`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use grapevine_log::{LogError, Offsets, Retention, Rewritten, StartAt, TopicSpec, partition_of};

use crate::place::{DAY, PATIENCE, Place, at, limits, poll_until, read_n, record, settle_on, text};

pub async fn records_of_a_key_stay_in_one_partition_and_in_order(place: &Place) {
    let (log, topic) = place.with_topic(6, DAY).await;
    for batch in 0..5 {
        let records = (0..100).map(|i| record(format!("key {}", i % 20), format!("{}", batch * 100 + i))).collect();
        log.append(&topic, records).await.unwrap();
    }
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let mut last: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    let mut offsets: BTreeMap<u32, u64> = BTreeMap::new();
    for got in read_n(consumer.as_mut(), 500).await {
        assert_eq!(got.partition, partition_of(&got.key, 6), "{}", text(&got.key));
        assert_eq!(got.offset, *offsets.get(&got.partition).unwrap_or(&0), "no holes, no repeats");
        offsets.insert(got.partition, got.offset + 1);
        let number: u64 = text(&got.value).parse().unwrap();
        assert!(last.insert(got.key.clone(), number).is_none_or(|before| before < number));
        assert!(got.appended_at > jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5));
        assert_eq!(got.topic, topic);
    }
    assert_eq!(last.len(), 20);
    assert_eq!(log.bounds(&topic).await.unwrap().values().map(|(_, next)| next).sum::<u64>(), 500);
}

pub async fn a_stated_partition_overrides_the_key(place: &Place) {
    let (log, topic) = place.with_topic(3, DAY).await;
    log.append(&topic, (0..3).map(|part| at(part, format!("to {part}"))).collect()).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let mut got = read_n(consumer.as_mut(), 3).await;
    got.sort_by_key(|record| record.partition);
    let values: Vec<String> = got.iter().map(|record| text(&record.value)).collect();
    assert_eq!(values, ["to 0", "to 1", "to 2"]);
    let error = log.append(&topic, vec![at(3, "nowhere")]).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
}

pub async fn appended_records_are_there_after_reopening(place: &Place) {
    let (log, topic) = place.with_topic(1, DAY).await;
    log.append(&topic, vec![record("k", "kept")]).await.unwrap();
    drop(log);
    let log = place.open().await;
    assert_eq!(log.partitions(&topic).await.unwrap(), 1);
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    assert_eq!(read_n(consumer.as_mut(), 1).await[0].value, b"kept");
}

pub async fn a_poll_keeps_to_its_limits(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    log.append(&topic, (0..60).map(|i| record(format!("{i}"), [7; 1000])).collect()).await.unwrap();
    log.append(&topic, vec![at(0, [8; 50_000])]).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let mut count = 0;
    while count < 61 {
        let few = consumer.poll(limits(7, 1 << 20, 500)).await.unwrap().records;
        assert!(few.len() <= 7, "{}", few.len());
        // A record beyond the limit comes alone: else nobody would ever get past it.
        let small = consumer.poll(limits(100, 2_500, 500)).await.unwrap().records;
        assert!(small.len() <= 2, "{}", small.len());
        count += few.len() + small.len();
    }
    assert_eq!(count, 61);
}

pub async fn a_span_is_read_without_a_group(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    assert!(log.read(&topic, 1, 0, limits(10, 1 << 20, 0)).await.unwrap().is_empty(), "nothing is there");
    log.append(&topic, (0..30).map(|i| at(1, [i; 1000])).collect()).await.unwrap();
    let offsets = async |from, records, bytes| {
        let read = log.read(&topic, 1, from, limits(records, bytes, 0)).await.unwrap();
        read.iter().map(|record| (record.offset, record.value[0])).collect::<Vec<_>>()
    };
    assert_eq!(offsets(7, 3, 1 << 20).await, [(7, 7), (8, 8), (9, 9)]);
    assert_eq!(offsets(7, 100, 2_500).await, [(7, 7), (8, 8)], "and no more bytes");
    assert_eq!(offsets(7, 100, 10).await, [(7, 7)], "one comes however large");
    assert_eq!(offsets(28, 100, 1 << 20).await, [(28, 28), (29, 29)]);
    assert!(offsets(30, 100, 1 << 20).await.is_empty(), "at the end");
    assert!(log.read(&topic, 2, 0, limits(1, 1, 0)).await.is_err(), "there is no such partition");
    assert!(log.committed(&topic, "grapevine-reader").await.unwrap().is_empty(), "no position is kept");
}

pub async fn a_rewritten_record_keeps_its_place_or_nothing_is_changed(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    log.append(&topic, (0..5).map(|i| at(1, [b'a' + i; 9000])).collect()).await.unwrap();
    let changes = vec![(1, Vec::new()), (3, b"new".to_vec()), (99, b"nowhere".to_vec())];
    let rewritten = log.rewrite(&topic, 1, changes).await.unwrap();
    let read = log.read(&topic, 1, 0, limits(10, 1 << 20, 0)).await.unwrap();
    let found: Vec<(u64, usize, usize)> = read.iter().map(|r| (r.offset, r.key.len(), r.value.len())).collect();
    let key = read[0].key.len();
    match rewritten {
        Rewritten::Done => assert_eq!(found, [(0, key, 9000), (1, 0, 0), (2, key, 9000), (3, key, 3), (4, key, 9000)]),
        Rewritten::Never => assert!(found.iter().all(|(_, _, bytes)| *bytes == 9000), "{found:?}"),
    }
    assert!(log.rewrite(&topic, 2, vec![(0, vec![])]).await.is_err(), "there is no such partition");
    let (log, table) = place.with_topic(1, Retention::Compacted).await;
    if rewritten == Rewritten::Done {
        assert!(log.rewrite(&table, 0, vec![(0, vec![])]).await.is_err(), "its keys have heads");
    }
}

pub async fn a_poll_waits_for_news(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    settle_on(consumer.as_mut(), 2).await;
    let began = Instant::now();
    assert!(consumer.poll(limits(10, 1 << 20, 300)).await.unwrap().records.is_empty());
    assert!(began.elapsed() >= Duration::from_millis(290), "{:?}", began.elapsed());
    let other = place.open().await;
    for (name, log) in [("the same process", &log), ("another process", &other)] {
        let began = Instant::now();
        let append = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            log.append(&topic, vec![record("k", name)]).await.unwrap();
        };
        let (polled, ()) = tokio::join!(consumer.poll(limits(10, 1 << 20, 30_000)), append);
        assert_eq!(polled.unwrap().records[0].value, name.as_bytes());
        assert!(began.elapsed() < Duration::from_secs(10), "{name}: {:?}", began.elapsed());
    }
}

pub async fn a_group_reads_on_from_its_commit(place: &Place) {
    let (log, topic) = place.with_topic(1, DAY).await;
    log.append(&topic, (0..10).map(|i| record("k", format!("{i}"))).collect()).await.unwrap();
    assert!(log.committed(&topic, "g").await.unwrap().is_empty());
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    assert_eq!(read_n(consumer.as_mut(), 10).await.len(), 10);
    consumer.commit(&Offsets::from([(0, 6)])).await.unwrap();
    drop(consumer);
    drop(log);
    let log = place.open().await;
    assert_eq!(log.committed(&topic, "g").await.unwrap(), Offsets::from([(0, 6)]));
    let mut consumer = log.consumer(&topic, "g", StartAt::Newest).await.unwrap();
    let got = read_n(consumer.as_mut(), 4).await;
    assert_eq!((got.len(), got[0].offset), (4, 6), "a commit counts more than the start");
    let mut other = log.consumer(&topic, "other", StartAt::Oldest).await.unwrap();
    assert_eq!(read_n(other.as_mut(), 10).await[0].offset, 0, "groups do not know of each other");
}

pub async fn newest_starts_with_what_comes_after_joining(place: &Place) {
    let (log, topic) = place.with_topic(3, DAY).await;
    log.append(&topic, (0..30).map(|i| record(format!("{i}"), "old")).collect()).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Newest).await.unwrap();
    log.append(&topic, (0..30).map(|i| record(format!("{i}"), "new")).collect()).await.unwrap();
    let got = read_n(consumer.as_mut(), 30).await;
    assert_eq!(got.len(), 30);
    assert!(got.iter().all(|record| record.value == b"new"));
}

pub async fn seeking_reads_again(place: &Place) {
    let (log, topic) = place.with_topic(1, DAY).await;
    log.append(&topic, (0..20).map(|i| record("k", format!("{i}"))).collect()).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let some = poll_until(consumer.as_mut(), limits(5, 1 << 20, 500), |all, _, _| all.len() >= 5).await;
    assert_eq!(some.last().unwrap().offset, 4);
    consumer.seek(&Offsets::from([(0, 2)])).await.unwrap();
    let got = read_n(consumer.as_mut(), 18).await;
    assert_eq!(got.iter().map(|record| record.offset).collect::<Vec<_>>(), (2..20).collect::<Vec<_>>());
    let error = consumer.seek(&Offsets::from([(9, 0)])).await.unwrap_err();
    assert!(matches!(error, LogError::NotAssigned(9)), "{error}");
}

pub async fn members_share_partitions_and_take_over(place: &Place) {
    let (log, topic) = place.with_topic(4, DAY).await;
    let mut first = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    settle_on(first.as_mut(), 4).await;
    let other = place.open().await;
    let mut second = other.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let (mut told, began) = (false, Instant::now());
    while first.assignment().len() != 2 || second.assignment().len() != 2 {
        told |= first.poll(limits(10, 1000, 50)).await.unwrap().assignment_changed;
        second.poll(limits(10, 1000, 50)).await.unwrap();
        assert!(began.elapsed() < PATIENCE, "{:?} {:?}", first.assignment(), second.assignment());
    }
    assert!(told, "the first member was not told that partitions went");
    let shares: BTreeSet<u32> = first.assignment().into_iter().chain(second.assignment()).collect();
    assert_eq!(shares.len(), 4);

    log.append(&topic, (0..400).map(|i| record(format!("{i}"), format!("{i}"))).collect()).await.unwrap();
    let began = Instant::now();
    let mut seen = BTreeSet::new();
    while seen.len() < 400 {
        for member in [&mut first, &mut second] {
            for got in member.poll(limits(1000, 1 << 20, 50)).await.unwrap().records {
                assert!(member.assignment().contains(&got.partition));
                assert!(seen.insert(text(&got.value)), "read twice");
            }
        }
        assert!(began.elapsed() < PATIENCE, "only {} of 400", seen.len());
    }
    let done: Offsets = log.bounds(&topic).await.unwrap().into_iter().map(|(part, (_, next))| (part, next)).collect();
    let own = |parts: Vec<u32>| -> Offsets { parts.into_iter().map(|part| (part, done[&part])).collect() };
    first.commit(&own(first.assignment())).await.unwrap();
    second.commit(&own(second.assignment())).await.unwrap();
    drop(second);
    log.append(&topic, (0..400).map(|i| record(format!("{i}"), "more")).collect()).await.unwrap();
    let got =
        poll_until(first.as_mut(), limits(1000, 1 << 20, 200), |all, _, parts| all.len() >= 400 && parts.len() == 4);
    assert_eq!(got.await.len(), 400, "from the commits on, nothing twice");
}

pub async fn a_stale_commit_is_refused(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    log.append(&topic, (0..2).map(|part| at(part, "x")).collect()).await.unwrap();
    let mut first = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    read_n(first.as_mut(), 2).await;
    let mut second = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let began = Instant::now();
    while first.assignment().len() != 1 || second.assignment().len() != 1 {
        first.poll(limits(10, 1000, 50)).await.unwrap();
        second.poll(limits(10, 1000, 50)).await.unwrap();
        assert!(began.elapsed() < PATIENCE);
    }
    let lost = second.assignment()[0];
    let error = first.commit(&Offsets::from([(0, 1), (1, 1)])).await.unwrap_err();
    assert!(matches!(error, LogError::NotAssigned(part) if part == lost), "{error}");
    assert!(log.committed(&topic, "g").await.unwrap().is_empty(), "all or nothing");
    second.commit(&Offsets::from([(lost, 1)])).await.unwrap();
    assert_eq!(log.committed(&topic, "g").await.unwrap(), Offsets::from([(lost, 1)]));
}

pub async fn a_compacted_topic_is_a_table(place: &Place) {
    let (log, topic) = place.with_topic(1, Retention::Compacted).await;
    assert!(log.table(&topic).await.unwrap().is_empty());
    let rows = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", ""), ("", "no key")];
    log.append(&topic, rows.iter().map(|(key, value)| record(key, value)).collect()).await.unwrap();
    log.append(&topic, vec![record("c", "2")]).await.unwrap();
    let expected: BTreeMap<Vec<u8>, Vec<u8>> =
        [("a", "2"), ("c", "2"), ("", "no key")].map(|(key, value)| (key.into(), value.into())).into();
    assert_eq!(log.table(&topic).await.unwrap(), expected);
    assert_eq!(place.open().await.table(&topic).await.unwrap(), expected);

    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let got = poll_until(consumer.as_mut(), limits(100, 1 << 20, 200), |all, _, _| {
        all.last().is_some_and(|last| last.value == b"2" && last.key == b"c")
    })
    .await;
    assert!(got.is_sorted_by_key(|record| record.offset));
    let mut folded = BTreeMap::new();
    for record in got {
        folded.insert(record.key, record.value);
    }
    folded.retain(|_, value| !value.is_empty());
    assert_eq!(folded, expected, "a reader that folds the topic ends with the same table");
}

pub async fn old_records_go(place: &Place) {
    let (log, topic) = place.with_topic(1, Retention::For(Duration::from_millis(800))).await;
    log.append(&topic, (0..50).map(|i| record("k", format!("{i}"))).collect()).await.unwrap();
    assert_eq!(log.bounds(&topic).await.unwrap()[&0].1, 50);
    let began = Instant::now();
    while log.bounds(&topic).await.unwrap()[&0] != (50, 50) {
        assert!(began.elapsed() < Duration::from_secs(90), "{:?}", log.bounds(&topic).await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    log.append(&topic, vec![record("k", "young")]).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let got = read_n(consumer.as_mut(), 1).await;
    assert_eq!((got[0].offset, got[0].value.as_slice()), (50, b"young".as_slice()), "offsets go on");
}

pub async fn large_and_empty_records_pass(place: &Place) {
    let (log, topic) = place.with_topic(1, DAY).await;
    let large: Vec<u8> = (0..900_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let records = vec![record("large", &large), record("", "no key"), record("no value", ""), record("", "")];
    log.append(&topic, records.clone()).await.unwrap();
    log.append(&topic, Vec::new()).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let got = read_n(consumer.as_mut(), 4).await;
    let same = got.iter().zip(&records).all(|(got, sent)| got.key == sent.key && got.value == sent.value);
    assert!(same && got.len() == 4);
}

pub async fn a_hundred_thousand_records_make_the_round_trip(place: &Place) {
    let (log, topic) = place.with_topic(6, DAY).await;
    for batch in 0..50u64 {
        let number = |i| batch * 2000 + i;
        let records = (0..2000).map(|i| record(number(i).to_be_bytes(), format!("record {}", number(i)))).collect();
        log.append(&topic, records).await.unwrap();
    }
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let mut next = Offsets::new();
    let mut numbers = BTreeSet::new();
    for got in read_n(consumer.as_mut(), 100_000).await {
        assert_eq!(got.offset, *next.get(&got.partition).unwrap_or(&0));
        next.insert(got.partition, got.offset + 1);
        numbers.insert(u64::from_be_bytes(got.key.try_into().unwrap()));
    }
    assert_eq!(numbers.len(), 100_000);
    consumer.commit(&next).await.unwrap();
    assert_eq!(log.committed(&topic, "g").await.unwrap(), next);
}

pub async fn appenders_at_the_same_time_keep_their_order(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    let tasks = (0..8).map(|task| {
        let (log, topic) = (log.clone(), topic.clone());
        tokio::spawn(async move {
            for round in 0..20 {
                let records = (0..10).map(|i| record(format!("task {task}"), format!("{}", round * 10 + i))).collect();
                log.append(&topic, records).await.unwrap();
            }
        })
    });
    futures::future::try_join_all(tasks).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let mut next: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for got in read_n(consumer.as_mut(), 1600).await {
        let expected = next.entry(got.key).or_default();
        assert_eq!(text(&got.value), expected.to_string());
        *expected += 1;
    }
    assert!(next.len() == 8 && next.values().all(|count| *count == 200), "{next:?}");
}

pub async fn a_topic_of_another_shape_is_refused(place: &Place) {
    let (log, topic) = place.with_topic(3, DAY).await;
    let spec = |partitions| TopicSpec { name: topic.clone(), partitions, keep: DAY };
    log.ensure_topics(&[spec(3)]).await.unwrap();
    let error = log.ensure_topics(&[spec(5)]).await.unwrap_err();
    assert!(matches!(&error, LogError::Partitions { found: 3, wanted: 5, .. }), "{error}");
    assert_eq!(log.partitions(&topic).await.unwrap(), 3);
    for error in [
        log.partitions("absent").await.unwrap_err(),
        log.append("absent", vec![record("k", "v")]).await.unwrap_err(),
        log.bounds("absent").await.unwrap_err(),
        log.consumer("absent", "g", StartAt::Oldest).await.err().unwrap(),
    ] {
        assert!(matches!(&error, LogError::NoTopic(name) if name == "absent"), "{error}");
    }
}
