use std::collections::BTreeMap;

use grapevine_api::SourceState;
use grapevine_log::Offsets;
use grapevine_model::{QuotaUse, SpendUse, Usage};
use grapevine_store::{Audit, Covered, Finding, Overview, SourceProgress, SourceReport};
use jiff::{SignedDuration, Timestamp};

use super::{
    gather::{LogSeen, Reader, Seen},
    judge::{Report, StageState, Verdict, judge},
    render,
};
use crate::{
    commands::dlq::{Letter, State},
    stages::ingest::mark::Mark,
};

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

fn mark(state: SourceState, since: i64, at: i64) -> Mark {
    let began = Mark::after(None, state, None, ago(since)).unwrap();
    Mark { at: ago(at), ..began }
}

/// A source of which the store knows nothing, and the log this.
fn unheard(marked: Option<Mark>, began: i64) -> Report {
    let mut seen = healthy();
    seen.sources.push("masto".into());
    let log = seen.log.as_mut().unwrap();
    log.began = Some(ago(began));
    log.marks.extend(marked.map(|mark| ("masto".to_owned(), mark)));
    judge(&seen)
}

fn finding(violations: u64, checked: u64) -> Finding {
    Finding { violations, checked, examples: Vec::new() }
}

fn reported() -> SourceReport {
    SourceReport {
        source: "posts".into(),
        kind: "x".into(),
        state: "live".into(),
        since: ago(7_200),
        message: String::new(),
        observed_at: ago(30),
        complete_through: Some(ago(60)),
        last_success: Some(ago(40)),
        requests: 1_440,
        records: 12_345,
        rejected: 2,
        errors: BTreeMap::from([("limited".to_owned(), 3), ("transient".to_owned(), 1)]),
        quota: Vec::new(),
        spend: None,
    }
}

fn healthy() -> Seen {
    let readers = vec![reader("score", "mentions.raw"), reader("sink", "mentions.scored")];
    let log = LogSeen {
        readers,
        marks: BTreeMap::from([("posts".to_owned(), mark(SourceState::Live, 7_200, 30))]),
        began: Some(ago(7_200)),
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
    Seen {
        at: now(),
        sources: vec!["posts".into()],
        log: Ok(log),
        store: Ok(store),
        audit: Ok(audit),
        reports: Ok(vec![reported()]),
    }
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
    seen.log.as_mut().unwrap().marks.insert("posts".into(), mark(SourceState::Live, 7_200, 3_610));
    let report = judge(&seen);
    assert_eq!(report.headline, "not healthy: source posts has not been heard for 1 h 0 min");
    assert!(printed(&report).contains("SILENT"));
}

#[test]
fn a_source_that_was_never_heard_is_not_known_at_first_and_then_a_problem() {
    for (marked, began) in [(None, 60), (Some(mark(SourceState::Starting, 60, 60)), 7_200)] {
        let report = unheard(marked, began);
        assert_eq!(report.verdict, Verdict::NotKnown);
        assert_eq!(report.headline, "not known: the source masto; what could be asked is well");
    }
    for marked in [None, Some(mark(SourceState::Starting, 600, 600))] {
        let report = unheard(marked, 7_200);
        assert_eq!(report.headline, "not healthy: source masto was never heard");
    }
}

#[test]
fn a_source_that_failed_is_a_problem_in_its_own_words() {
    let refused = "not allowed: 401; tried again at 2026-03-01 12:15:00 UTC";
    let report = unheard(Some(Mark { message: Some(refused.into()), ..mark(SourceState::Failed, 5, 5) }), 5);
    assert_eq!(report.headline, format!("not healthy: source masto has failed: {refused}"));
    assert!(printed(&report).contains("FAILED"));
}

#[test]
fn a_source_that_waits_for_its_quota_is_well_and_one_that_fails_for_long_is_not() {
    let words = |state| Some(Mark { message: Some("503".into()), ..mark(state, 3_000, 20) });
    let waits = unheard(words(SourceState::Waiting), 7_200);
    assert_eq!(waits.verdict, Verdict::Healthy, "{}", waits.headline);
    assert!(printed(&waits).contains("waits for its quota") && printed(&waits).contains("masto: 503"));
    let fails = unheard(words(SourceState::Retrying), 7_200);
    assert_eq!(fails.headline, "not healthy: source masto has been failing for 50 min 0 s: 503");
    assert_eq!(unheard(Some(mark(SourceState::CatchingUp, 7_000, 20)), 7_200).verdict, Verdict::Healthy);
}

#[test]
fn what_a_source_has_used_of_its_quota_and_its_cap_is_said() {
    let quota = vec![QuotaUse { what: "requests per 15m".into(), used: 1_200, allowed: 4_500 }];
    let spend = Some(SpendUse { records: 4_000, spent: 20.0, cap: 100.0, share: 0.25 });
    let usage = Usage { requests: 7, quota, spend };
    let shown = printed(&unheard(Some(Mark { usage, ..mark(SourceState::Live, 300, 20) }), 7_200));
    assert!(shown.contains("\n  masto: 1,200 of 4,500 requests per 15m\n"), "{shown}");
    let spent = "\n  masto: 20.00 of 100.00 spent this month, on 4,000 records; 25 % of what is there is read\n";
    assert!(shown.contains(spent), "{shown}");
}

#[test]
fn a_source_that_has_stalled_is_a_problem() {
    let stalled =
        Mark { message: Some("a poll has not returned for 120 s".into()), ..mark(SourceState::Stalled, 30, 5) };
    let report = unheard(Some(stalled), 7_200);
    assert_eq!(report.headline, "not healthy: source masto has stalled: a poll has not returned for 120 s");
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
    other_log.audit.as_mut().unwrap().covered.push(Covered { log: "older".into(), ..covered(0, 5) });
    assert_eq!(judge(&other_log).verdict, Verdict::Healthy, "another log's offsets say nothing of this one's");
}

#[test]
fn records_of_the_log_that_are_committed_and_before_every_stored_range_are_a_violation() {
    let headline = |covered: Vec<Covered>, oldest: u64| {
        let mut seen = healthy();
        seen.audit.as_mut().unwrap().covered.splice(0..1, covered);
        seen.log.as_mut().unwrap().readers[1].bounds.insert(0, (oldest, 1000));
        judge(&seen).headline
    };
    let from_400 = || Covered { first_offset: 400, ..covered(0, 1000) };
    let found = headline(vec![from_400()], 0);
    assert!(found.starts_with("not healthy: commit beyond frontier: 1 of 6 partitions"), "{found}");
    let found = headline(vec![], 0);
    assert!(found.starts_with("not healthy: commit beyond frontier: 1 of 6 partitions"), "{found}");
    assert!(headline(vec![from_400()], 400).starts_with("healthy"), "the log has nothing before it");
    assert!(headline(vec![], 1000).starts_with("healthy"), "all of it was stored, and has gone from both");
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
