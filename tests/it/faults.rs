//! Every stage a process, two members in each group, one planned disaster a test: and then every id is audited.
//!
//! `cargo xtask chaos` does the same for minutes, with random plans. Here are those that a random plan meets seldom, and a
//! short random one for each log. Posts go on being sent all the while: edits, deletions, repetitions, late ones, poison.

use std::time::Duration;

use anyhow::ensure;
use grapevine_chaos::{LogKind, Options, Report, run, run_plan};
use grapevine_testkit::{
    fault_plan::{Fault, Member, Role, Server, Timed},
    kafka,
};

use crate::app::{binary, root};

const SINK: Member = Member { role: Role::Sink, number: 1 };
const SCORE: Member = Member { role: Role::Score, number: 1 };
const INGEST: Member = Member { role: Role::Ingest, number: 1 };

fn options(log: LogKind, seconds: u64) -> Options {
    Options::new(log, Duration::from_secs(seconds), binary(), root().join("models"))
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn at(when: f64, fault: Fault) -> Timed {
    Timed { at: seconds(when), fault }
}

fn cut(member: Member, from: Server, silent: bool, lasts: f64) -> Fault {
    Fault::Cut { member, from, silent, lasts: seconds(lasts) }
}

/// Everything struck, everything drained, and nothing is lost, doubled or wrong.
fn all_is_well(report: &Report, strikes: usize) -> anyhow::Result<()> {
    println!("{report}");
    let struck = report.tally.all_kills() + report.tally.all_faults();
    ensure!(struck >= strikes as u64, "{struck} of {strikes} faults struck");
    ensure!(report.found.expected > 0 && report.found.letters.expected > 0, "nothing was sent");
    ensure!(report.passed(), "violations; logs in {}", report.options.folder.display());
    Ok(())
}

fn broken_by(options: &Options, plan: Vec<Timed>) -> anyhow::Result<()> {
    let strikes = plan.len();
    all_is_well(&run_plan(options, plan, |_| {})?, strikes)
}

/// A sink is stopped in the middle of an insert for longer than its session, and wakes up when another has its partitions:
/// its insert may still arrive, its commits may not count.
fn zombies() -> Vec<Timed> {
    let frozen = Options::SESSION + seconds(4.0);
    vec![
        at(4.0, cut(SINK, Server::Engine, true, 12.0)),
        at(5.5, Fault::Freeze { member: SINK, lasts: frozen }),
        at(9.0, Fault::Freeze { member: SCORE, lasts: frozen }),
    ]
}

#[test]
fn a_frozen_sink_and_a_frozen_scorer_wake_up_as_strangers_on_the_embedded_log() -> anyhow::Result<()> {
    broken_by(&options(LogKind::Embedded, 24), zombies())
}

#[test]
fn a_frozen_sink_and_a_frozen_scorer_wake_up_as_strangers_on_kafka() -> anyhow::Result<()> {
    if kafka::skipped() {
        return Ok(());
    }
    broken_by(&options(LogKind::Kafka, 24), zombies())
}

#[test]
fn a_broker_that_is_killed_and_unreachable_costs_nothing_that_it_acknowledged() -> anyhow::Result<()> {
    if kafka::skipped() {
        return Ok(());
    }
    let plan = vec![
        at(4.0, Fault::KillBroker { down: seconds(1.0) }),
        at(5.0, Fault::Kill(SINK)),
        at(16.0, cut(SINK, Server::Broker, true, 8.0)),
        at(17.0, cut(SCORE, Server::Broker, false, 4.0)),
        at(18.0, cut(INGEST, Server::Broker, false, 3.0)),
    ];
    broken_by(&options(LogKind::Kafka, 26), plan)
}

#[test]
fn an_engine_that_is_cut_off_slow_or_killed_in_the_middle_of_an_insert_has_each_row_once() -> anyhow::Result<()> {
    let delay = Duration::from_millis(200);
    let plan = vec![
        at(3.0, cut(SINK, Server::Engine, false, 1.0)),
        at(4.7, cut(SINK, Server::Engine, false, 0.3)),
        at(6.0, Fault::SlowEngine { member: SINK, delay, lasts: seconds(4.0) }),
        at(8.0, cut(SINK, Server::Engine, false, 0.5)),
        at(11.0, Fault::KillEngine { down: seconds(1.0) }),
        at(12.0, cut(Member { number: 2, ..SINK }, Server::Engine, true, 4.0)),
    ];
    broken_by(&options(LogKind::Embedded, 18), plan)
}

#[test]
fn a_clock_that_jumps_an_hour_either_way_changes_nothing_that_is_stored() -> anyhow::Result<()> {
    if cfg!(not(target_os = "linux")) {
        return Ok(());
    }
    let jump = |member, seconds| Fault::ClockJump { member, seconds, lasts: Duration::from_secs(5) };
    let plan = vec![
        at(3.0, jump(SINK, 3600)),
        at(4.0, jump(INGEST, -3600)),
        at(9.0, jump(SINK, -3600)),
        at(10.0, jump(INGEST, 3600)),
        at(10.5, jump(SCORE, 3600)),
        at(12.0, Fault::Kill(SINK)),
    ];
    broken_by(&options(LogKind::Embedded, 18), plan)
}

/// Some kills at crash points and anywhere, and some of everything else.
fn short_chaos(log: LogKind) -> anyhow::Result<()> {
    let options = Options { seed: 20, kills: 12, others: 9, goal: 6, ..options(log, 40) };
    all_is_well(&run(&options, |_| {})?, 12)
}

#[test]
fn a_short_chaos_on_the_embedded_log_loses_and_doubles_nothing() -> anyhow::Result<()> {
    short_chaos(LogKind::Embedded)
}

#[test]
fn a_short_chaos_on_kafka_loses_and_doubles_nothing() -> anyhow::Result<()> {
    if kafka::skipped() {
        return Ok(());
    }
    short_chaos(LogKind::Kafka)
}
