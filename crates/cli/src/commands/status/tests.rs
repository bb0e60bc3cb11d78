use std::collections::BTreeMap;

use grapevine_log::Offsets;
use grapevine_store::{Audit, Covered, Finding, Overview, SourceProgress};
use jiff::{SignedDuration, Timestamp};

use super::{
    gather::{LogSeen, Reader, Seen},
    judge::{Report, StageState, Verdict, judge},
    render,
};
use crate::commands::dlq::{Letter, State};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn ago(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

/// Three partitions, all of 1,000 records read.
fn reader(stage: &'static str, topic: &'static str) -> Reader {
    let bounds: BTreeMap<u32, (u64, u64)> = (0..3).map(|partition| (partition, (0, 1000))).collect();
    let commits = Offsets::from([(0, 1000), (1, 1000), (2, 1000)]);
    Reader { stage, topic, bounds, commits, oldest_waiting: None, moved: Some(ago(2)) }
}

fn covered(partition: u32, next_offset: u64) -> Covered {
    let (log, topic) = ("a-log".to_owned(), "mentions.scored".to_owned());
    Covered { log, topic, partition, next_offset, ..Covered::default() }
}

fn letter() -> Letter {
    Letter {
        number: 4,
        parked_at: ago(900),
        stage: "ingest".into(),
        place: "source posts: posts.ndjson line 3".into(),
        reason: "not JSON: EOF".into(),
        bytes: 12,
        times: 1,
        state: State::Parked,
    }
}

fn finding(violations: u64, checked: u64) -> Finding {
    Finding { violations, checked, examples: Vec::new() }
}

fn healthy() -> Seen {
    let readers = vec![reader("score", "mentions.raw"), reader("sink", "mentions.scored")];
    let log = LogSeen {
        readers,
        checkpoints: vec!["posts".into()],
        watched_through: Some(ago(300)),
        letters: vec![],
        id: Some("a-log".into()),
    };
    let source =
        SourceProgress { source: "posts".into(), complete_through: Some(ago(60)), heard_at: ago(3), caught_up: true };
    let store =
        Overview { mentions: 1_234_567, newest: Some(ago(40)), last_written: Some(ago(2)), sources: vec![source] };
    let audit = Audit {
        lost: finding(0, 1_300_000),
        doubled: finding(0, 1_234_567),
        rollup_mismatch: finding(0, 96),
        covered: (0..3).map(|partition| covered(partition, 1000)).collect(),
        ..Audit::default()
    };
    Seen { at: now(), sources: vec!["posts".into()], log: Ok(log), store: Ok(store), audit: Ok(audit) }
}

fn with_log(change: impl FnOnce(&mut LogSeen)) -> Report {
    let mut seen = healthy();
    seen.log.as_mut().map(change).unwrap();
    judge(&seen)
}

fn printed(report: &Report) -> String {
    let mut out = Vec::new();
    render::print(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_healthy_pipeline_says_so_in_its_first_line() {
    let report = judge(&healthy());
    assert_eq!(report.verdict, Verdict::Healthy);
    assert_eq!(report.headline, "healthy: nothing waits, 0 of 1,300,000 records lost, rollups agree");
    insta::assert_snapshot!(printed(&report));
}

#[test]
fn records_that_wait_for_a_moment_are_no_problem() {
    let report = with_log(|log| {
        log.readers[1].commits.insert(2, 990);
        log.readers[1].oldest_waiting = Some(ago(4));
    });
    assert_eq!((report.verdict, report.stages[1].state), (Verdict::Healthy, StageState::Working));
    assert!(report.headline.starts_with("healthy: 10 records are on their way"), "{}", report.headline);
}

#[test]
fn a_long_backlog_that_shrinks_is_work_and_one_that_stands_still_has_stalled() {
    let backlog = |moved| {
        with_log(|log| {
            let scorer = &mut log.readers[0];
            scorer.commits = Offsets::from([(0, 10), (1, 20), (2, 30)]);
            (scorer.oldest_waiting, scorer.moved) = (Some(ago(7_200)), Some(ago(moved)));
        })
    };
    assert_eq!(backlog(5).verdict, Verdict::Healthy);
    let report = backlog(600);
    assert_eq!((report.verdict, report.stages[0].state), (Verdict::Violated, StageState::Stalled));
    assert_eq!(report.headline, "not healthy: score has stalled: 2,940 records wait, the oldest for 2 h 0 min");
}

#[test]
fn a_silent_source_is_a_problem() {
    let mut seen = healthy();
    seen.store.as_mut().unwrap().sources[0].heard_at = ago(3_600);
    let report = judge(&seen);
    assert_eq!(report.headline, "not healthy: source posts has not been heard for 1 h 0 min");
    assert!(printed(&report).contains("SILENT"));
}

#[test]
fn violated_invariants_come_first_with_what_to_do() {
    let mut seen = healthy();
    let audit = seen.audit.as_mut().unwrap();
    audit.lost = Finding { examples: vec!["mentions.scored partition 1: 5 to 6".into()], ..finding(2, 1_300_000) };
    audit.rollup_mismatch = finding(1, 96);
    let report = judge(&seen);
    assert_eq!(report.verdict, Verdict::Violated);
    insta::assert_snapshot!(printed(&report));
}

#[test]
fn a_commit_beyond_what_is_stored_or_beyond_the_log_is_a_violation() {
    let beyond = |stage: usize, partition, next| {
        let report = with_log(|log| log.readers[stage].commits.extend([(partition, next)]));
        let found = report.invariants.iter().find(|checked| checked.name == "commit_beyond_frontier").unwrap();
        (found.violations, found.checked)
    };
    assert_eq!(beyond(1, 2, 1000), (0, 6));
    assert_eq!(beyond(0, 2, 1001), (1, 6), "beyond the end of the topic");
    let mut seen = healthy();
    seen.audit.as_mut().unwrap().covered[0].next_offset = 997;
    let report = judge(&seen);
    assert!(report.headline.contains("commit beyond frontier: 1 of 6 partitions"), "{}", report.headline);
    let mut other_log = healthy();
    other_log.audit.as_mut().unwrap().covered[0] = Covered { log: "older".into(), ..covered(0, 5) };
    assert_eq!(judge(&other_log).verdict, Verdict::Healthy, "another log's offsets say nothing of this one's");
}

#[test]
fn a_store_that_does_not_answer_is_not_known_and_the_rest_is_shown() {
    let mut seen = healthy();
    let why = "the embedded engine does not run; `grapevine up` starts it".to_owned();
    (seen.store, seen.audit) = (Err(why.clone()), Err(why));
    seen.log.as_mut().unwrap().letters = vec![letter()];
    let report = judge(&seen);
    assert_eq!(report.verdict, Verdict::NotKnown);
    insta::assert_snapshot!(printed(&report));
    let json = serde_json::to_value(&report).unwrap();
    assert!(json["store"].is_null() && json["dirty_hours"].is_null(), "not known is not 0: {json}");
}

#[test]
fn what_is_violated_weighs_more_than_what_is_not_known() {
    let mut seen = healthy();
    seen.audit.as_mut().unwrap().doubled = finding(3, 10);
    seen.log = Err("no Kafka broker answers".into());
    let report = judge(&seen);
    assert_eq!(report.verdict, Verdict::Violated);
    assert!(printed(&report).contains("log not known: no Kafka broker answers"));
}

#[test]
fn dead_letters_are_told_and_do_not_make_it_ill() {
    let report = with_log(|log| log.letters = vec![letter()]);
    assert_eq!(report.verdict, Verdict::Healthy);
    assert!(report.headline.ends_with(", 1 dead letter is parked"), "{}", report.headline);
}
