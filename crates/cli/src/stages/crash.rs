//! Where a process can be killed between two writes, and what that leaves: the table that ARCHITECTURE.md shows.
//!
//! `GRAPEVINE_CRASH_AT=sink-inserted` aborts the process the first time it passes that point, without any clean-up;
//! `sink-inserted:3` the third time. `grapevine crash-points` lists the names.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use anyhow::bail;

const VARIABLE: &str = "GRAPEVINE_CRASH_AT";

/// A step between two writes.
pub struct CrashPoint {
    pub name: &'static str,
    /// What is there after a crash here.
    pub leaves: &'static str,
    /// What happens at the next start, or in the process that takes over.
    pub then: &'static str,
}

const fn point(name: &'static str, leaves: &'static str, then: &'static str) -> CrashPoint {
    CrashPoint { name, leaves, then }
}

/// All of them, in the order that a mention passes them.
pub const ALL: &[CrashPoint] = &[
    point("ingest-fetched", "nothing", "the page is fetched again from the checkpoint"),
    point(
        "ingest-parked",
        "the page's dead letters",
        "the page is fetched again; its dead letters are parked again, for the same place",
    ),
    point(
        "ingest-appended",
        "the events, and the old checkpoint",
        "the page is appended again; equal ids fold in the store",
    ),
    point(
        "ingest-checkpointed",
        "events and checkpoint; the platform was not told",
        "a platform that wants an acknowledgement gets it with the next page",
    ),
    point("score-read", "nothing", "the records are read again from the commit"),
    point("score-scored", "nothing", "the records are read and scored again"),
    point(
        "score-parked",
        "the dead letters of a batch",
        "the batch is read again; its dead letters are parked again, for the same place",
    ),
    point(
        "score-appended",
        "Kafka: scored records without their commit; embedded: both, in one transaction",
        "Kafka: the records are scored and appended again; equal ids fold in the store",
    ),
    point("score-committed", "output and commit", "reading goes on"),
    point("sink-read", "nothing", "the records are read again from the commit"),
    point(
        "sink-noted",
        "the range, as the note of the commit",
        "whoever gets the partition reads exactly that range and inserts it",
    ),
    point(
        "sink-parked",
        "the note, and the dead letters of the range",
        "the range is read again; they are parked again",
    ),
    point(
        "store-mentions-written",
        "the note; mentions and rollups, in part",
        "the range again under the same token: what is there is dropped, the rest is written",
    ),
    point("store-marks-written", "the same, and the marks of hours to rebuild", "the same"),
    point(
        "sink-inserted",
        "the note; all of the range is stored",
        "the range again under the same token: the engine drops it",
    ),
    point("sink-committed", "everything", "reading goes on"),
    point(
        "rebuild-started",
        "the rebuild's epoch is announced; the hours are still marked",
        "the next rebuild does the hours under a higher epoch",
    ),
    point("rebuild-inserted", "rollups of the new epoch; the hours are still marked", "the same"),
    point("rebuild-done", "right rollups, no marks", "nothing is left to do"),
    point("rescore-scored", "what other pages of the day came to", "the page is read by the other model again"),
    point("rescore-kept", "what the other model says of the page, beside what is shown", "the next page is read"),
    point(
        "rescore-appended",
        "a page of the switch in the log",
        "`rescore switch` appends what the sink has not written; twice changes nothing",
    ),
    point(
        "rescore-applied",
        "the note; rows with the new scores, their hours marked before",
        "the range again: rows that say so already are left, their hours are marked again",
    ),
    point(
        "forget-suppressed",
        "the request, and what it keeps out from now on",
        "`grapevine forget`, repeated, goes on; meanwhile nothing new of it comes in",
    ),
    point("forget-counted", "the same, what was found, and the hours that it is in", "the same"),
    point(
        "forget-deleted",
        "the same; the store has nothing of it, its figures are from before",
        "`grapevine forget`, repeated, rebuilds the hours that were kept",
    ),
    point("forget-mended", "the same, with right figures", "`grapevine forget`, repeated, goes through the log"),
    point("forget-rewritten", "nothing of it in the store and in the log", "repeated, it says so in the request"),
    point(
        "export-file-drafted",
        "the files that are finished; the rows of the next under another name",
        "`grapevine export`, repeated, writes that file anew",
    ),
    point(
        "export-file-written",
        "the same, and the file in the manifest",
        "`grapevine export`, repeated, goes on behind it",
    ),
    point(
        "import-piece-read",
        "the files that were read, and some rows of the next",
        "`grapevine import`, repeated, reads that file again; equal rows fold",
    ),
    point(
        "import-file-read",
        "the same, all rows of the file, and the marks of their hours",
        "`grapevine import`, repeated, goes on behind it",
    ),
    point("alert-persisted", "the notification in the outbox", "it is sent"),
    point("alert-sent", "the notification in the outbox; the receiver has it", "it is sent again under the same key"),
    point("alert-settled", "the outbox knows that it was sent", "nothing is left to do"),
];

/// One a line.
pub fn names() -> String {
    ALL.iter().map(|point| format!("{}\n", point.name)).collect()
}

/// The rows of ARCHITECTURE.md's table.
pub fn table() -> String {
    let row = |CrashPoint { name, leaves, then }: &CrashPoint| format!("| `{name}` | {leaves} | {then} |\n");
    ALL.iter().map(row).collect()
}

/// Which passing of which point ends the process.
struct Plan {
    name: String,
    passing: u32,
    passed: AtomicU32,
}

impl Plan {
    /// `name` or `name:n`.
    fn parse(text: &str) -> anyhow::Result<Self> {
        let (name, passing) = match text.split_once(':') {
            Some((name, n)) => (name, n.parse().unwrap_or_default()),
            None => (text, 1),
        };
        if ALL.iter().all(|point| point.name != name) {
            bail!("{VARIABLE}: there is no crash point {name:?}; there are:\n{}", names());
        }
        if passing == 0 {
            bail!("{VARIABLE}: {text:?} does not say which passing; write {name}, or {name}:3 for the third");
        }
        Ok(Self { name: name.to_owned(), passing, passed: AtomicU32::new(0) })
    }

    /// Counts this passing, and says whether it is the one.
    fn is_due(&self, name: &str) -> bool {
        self.name == name && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.passing
    }
}

static PLAN: OnceLock<Plan> = OnceLock::new();

/// Reads the environment, once at the start. A plan that would never come true is refused: a test that waits for its
/// crash would take a pipeline that was never hurt for one that survived.
pub fn arm() -> anyhow::Result<()> {
    if let Some(text) = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()) {
        let plan = Plan::parse(&text)?;
        PLAN.get_or_init(|| plan);
    }
    Ok(())
}

/// The process passes a point: it ends here where the plan says so.
pub fn at(name: &'static str) {
    if PLAN.get().is_some_and(|plan| plan.is_due(name)) {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_names_a_point_and_a_passing() {
        let first = Plan::parse("sink-noted").unwrap();
        assert!(!first.is_due("sink-read") && first.is_due("sink-noted") && !first.is_due("sink-noted"));
        let third = Plan::parse("sink-noted:3").unwrap();
        assert_eq!([(); 4].map(|()| third.is_due("sink-noted")), [false, false, true, false]);
    }

    #[test]
    fn a_plan_that_would_never_come_true_is_refused() {
        let refused = |text| Plan::parse(text).err().map(|error| error.to_string()).unwrap_or_default();
        let unknown = refused("sink-note");
        assert!(unknown.contains("no crash point \"sink-note\"") && unknown.contains("\nsink-noted\n"), "{unknown}");
        for text in ["sink-noted:0", "sink-noted:x", "sink-noted:", "sink-noted:-1"] {
            assert!(refused(text).contains("write sink-noted, or sink-noted:3"), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn the_table_of_the_architecture_is_this_one() {
        let page = include_str!("../../../../ARCHITECTURE.md");
        assert!(page.contains(&table()), "ARCHITECTURE.md lacks this table of crash points:\n{}", table());
    }
}
