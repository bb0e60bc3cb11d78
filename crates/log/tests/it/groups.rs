//! What every implementation promises to the members of a group: notes, the fence, tending, and what was revoked.

use std::time::{Duration, Instant};

use grapevine_log::{Commit, Commits, Consumer, LogError, NOTE_BYTES, Offsets, StartAt};

use crate::place::{DAY, PATIENCE, Place, at, limits, read_n, record, settle_on};

pub fn noted(part: u32, next: u64, note: &str) -> Commits {
    Commits::from([(part, Commit { next, note: note.to_owned() })])
}

pub async fn a_note_is_read_back_by_the_next_owner(place: &Place) {
    let (log, topic) = place.with_topic(1, DAY).await;
    log.append(&topic, (0..10).map(|i| record("k", format!("{i}"))).collect()).await.unwrap();
    let mut first = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    read_n(first.as_mut(), 10).await;
    let longest = format!("pending 3-7 {}", "ü".repeat((NOTE_BYTES - 12) / 2));
    first.commit_noted(&noted(0, 2, "pending 2-4")).await.unwrap();
    first.commit_noted(&noted(0, 3, &longest)).await.unwrap();
    let error = first.commit_noted(&noted(0, 9, &format!("{longest}!"))).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("4097 bytes"), "{error}");
    drop(first);
    drop(log);
    let log = place.open().await;
    let mut second = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let again = read_n(second.as_mut(), 7).await;
    assert_eq!((again.len(), again[0].offset), (7, 3));
    assert_eq!(log.commits(&topic, "g").await.unwrap(), noted(0, 3, &longest));
    assert_eq!(log.committed(&topic, "g").await.unwrap(), Offsets::from([(0, 3)]));
    assert!(log.commits(&topic, "other").await.unwrap().is_empty(), "groups do not know of each other");
}

pub async fn an_ordinary_commit_clears_the_note(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    log.append(&topic, (0..2).flat_map(|part| [at(part, "x"), at(part, "y")]).collect()).await.unwrap();
    let mut consumer = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    read_n(consumer.as_mut(), 4).await;
    let both: Commits = noted(0, 1, "a").into_iter().chain(noted(1, 1, "b")).collect();
    consumer.commit_noted(&both).await.unwrap();
    assert_eq!(log.commits(&topic, "g").await.unwrap(), both);
    consumer.commit(&Offsets::from([(0, 2)])).await.unwrap();
    let expected: Commits = noted(0, 2, "").into_iter().chain(noted(1, 1, "b")).collect();
    assert_eq!(log.commits(&topic, "g").await.unwrap(), expected, "of the one partition alone");
    consumer.append_and_commit(&topic, vec![at(0, "z")], &Offsets::from([(1, 2)])).await.unwrap();
    let expected: Commits = noted(0, 2, "").into_iter().chain(noted(1, 2, "")).collect();
    assert_eq!(log.commits(&topic, "g").await.unwrap(), expected);
    assert_eq!(read_n(consumer.as_mut(), 1).await[0].value, b"z");
}

/// Polls both until each has this many partitions.
async fn share(first: &mut dyn Consumer, second: &mut dyn Consumer, each: usize) {
    let began = Instant::now();
    while first.assignment().len() != each || second.assignment().len() != each {
        first.poll(limits(10, 1000, 50)).await.unwrap();
        second.poll(limits(10, 1000, 50)).await.unwrap();
        assert!(began.elapsed() < PATIENCE, "{:?} {:?}", first.assignment(), second.assignment());
    }
}

pub async fn a_member_that_lost_its_partition_changes_nothing(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    let (_, out) = place.with_topic(1, DAY).await;
    log.append(&topic, (0..2).map(|part| at(part, "x")).collect()).await.unwrap();
    let mut first = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    read_n(first.as_mut(), 2).await;
    let mut second = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    share(first.as_mut(), second.as_mut(), 1).await;
    let (kept, lost) = (first.assignment()[0], second.assignment()[0]);
    let both: Commits = noted(kept, 1, "mine").into_iter().chain(noted(lost, 1, "not mine")).collect();
    let offsets = Offsets::from([(kept, 1), (lost, 1)]);
    for error in [
        first.commit_noted(&both).await.unwrap_err(),
        first.commit(&offsets).await.unwrap_err(),
        first.append_and_commit(&out, vec![record("k", "v")], &offsets).await.unwrap_err(),
        first.seek(&offsets).await.unwrap_err(),
    ] {
        assert!(matches!(error, LogError::NotAssigned(part) if part == lost), "{error}");
    }
    assert!(log.commits(&topic, "g").await.unwrap().is_empty());
    assert_eq!(log.bounds(&out).await.unwrap()[&0], (0, 0));
    first.commit_noted(&noted(kept, 1, "mine")).await.unwrap();
    assert_eq!(log.commits(&topic, "g").await.unwrap(), noted(kept, 1, "mine"), "what it kept it may commit");
}

/// One member reads a little, then only tends while another comes, and goes again.
pub async fn tending_serves_rebalances_and_reading_goes_on_where_it_was(place: &Place) {
    let (log, topic) = place.with_topic(4, DAY).await;
    let mut first = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    log.append(&topic, (0..4).flat_map(|part| (0..300).map(move |i| at(part, format!("{i}")))).collect())
        .await
        .unwrap();
    settle_on(first.as_mut(), 4).await;
    first.seek(&(0..4).map(|part| (part, 0)).collect()).await.unwrap();
    let mut next: Offsets = (0..4).map(|part| (part, 0)).collect();
    while next.values().sum::<u64>() < 100 {
        read_on(first.as_mut(), &mut next, 9).await;
    }
    for _ in 0..3 {
        let polled = first.tend(Duration::from_millis(100)).await.unwrap();
        assert!(polled.records.is_empty() && polled.revoked.is_empty() && !polled.assignment_changed, "{polled:?}");
    }
    read_on(first.as_mut(), &mut next, 9).await;

    let mut second = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let gone = tend_until(first.as_mut(), Some(second.as_mut()), 2).await;
    assert!(gone.len() == 2 && gone.iter().all(|part| second.assignment().contains(part)), "{gone:?}");
    drop(second);
    let back = tend_until(first.as_mut(), None, 4).await;
    assert!(back.is_empty(), "what comes was not revoked: {back:?}");
    next.extend(gone.into_iter().map(|part| (part, 0)));
    log.append(&topic, (0..4).map(|part| at(part, "last")).collect()).await.unwrap();
    while next.values().sum::<u64>() < 4 * 301 {
        read_on(first.as_mut(), &mut next, 500).await;
    }
    assert!(first.poll(limits(10, 1000, 300)).await.unwrap().records.is_empty(), "nothing twice");
}

/// Each record that comes is the next of its partition.
async fn read_on(consumer: &mut dyn Consumer, next: &mut Offsets, records: usize) {
    let got = consumer.poll(limits(records, 1 << 20, 10_000)).await.unwrap().records;
    assert!(!got.is_empty(), "nothing came after {next:?}");
    for one in got {
        assert_eq!(Some(&one.offset), next.get(&one.partition), "partition {}", one.partition);
        next.insert(one.partition, one.offset + 1);
    }
}

/// Tends until the member has this many partitions, and the other as well; gives what was revoked.
async fn tend_until(one: &mut dyn Consumer, mut other: Option<&mut dyn Consumer>, count: usize) -> Vec<u32> {
    let (began, mut revoked) = (Instant::now(), Vec::new());
    loop {
        let polled = one.tend(Duration::from_millis(100)).await.unwrap();
        assert!(polled.records.is_empty());
        revoked.extend(polled.revoked);
        let mut settled = one.assignment().len() == count;
        if let Some(other) = other.as_mut() {
            other.tend(Duration::from_millis(100)).await.unwrap();
            settled &= other.assignment().len() == count;
        }
        if settled {
            return revoked;
        }
        assert!(began.elapsed() < PATIENCE, "{:?}", one.assignment());
    }
}

pub async fn polls_name_what_was_revoked_once_and_also_what_is_back(place: &Place) {
    let (log, topic) = place.with_topic(2, DAY).await;
    let mut first = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    settle_on(first.as_mut(), 2).await;
    let mut second = log.consumer(&topic, "g", StartAt::Oldest).await.unwrap();
    let (began, mut revoked) = (Instant::now(), Vec::new());
    while second.assignment().len() != 1 {
        let polled = first.poll(limits(10, 1000, 50)).await.unwrap();
        assert!(polled.assignment_changed || polled.revoked.is_empty());
        revoked.extend(polled.revoked);
        second.poll(limits(10, 1000, 50)).await.unwrap();
        assert!(began.elapsed() < PATIENCE);
    }
    let lost = second.assignment();
    drop(second);
    while first.assignment().len() != 2 {
        revoked.extend(first.poll(limits(10, 1000, 50)).await.unwrap().revoked);
        assert!(began.elapsed() < PATIENCE);
    }
    revoked.extend(first.poll(limits(10, 1000, 50)).await.unwrap().revoked);
    assert_eq!(revoked, lost);
}
