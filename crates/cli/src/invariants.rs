//! What must hold of the pipeline at any time: counts that stay 0, and what to do where one does not.

/// A count that must stay 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariant {
    pub name: &'static str,
    /// What is counted, as the plural that follows a number.
    pub of: &'static str,
    /// What a violation says, and what to do about it.
    pub meaning: &'static str,
}

pub const ALL: [Invariant; 5] = [
    Invariant {
        name: "lost",
        of: "records",
        meaning: "records of the log that no stored range covers; stop the sink, set its group back before them (on Kafka \
                  with kafka-consumer-groups --reset-offsets), start it: what is stored already folds by its ids; and \
                  report it",
    },
    Invariant {
        name: "doubled",
        of: "mentions",
        meaning: "mentions that stand twice in the base table, so that figures count them twice; the table should not \
                  allow it: report it",
    },
    Invariant {
        name: "rollup_mismatch",
        of: "brand-hours",
        meaning: "hours whose rollup disagrees with the base table and that no rebuild waits for: `grapevine store \
                  verify` names them, `grapevine store rebuild` mends them",
    },
    Invariant {
        name: "commit_beyond_frontier",
        of: "partitions",
        meaning: "partitions whose commit lies beyond what was finished, so that records were passed over; set the group \
                  back to what is done (on Kafka with kafka-consumer-groups --reset-offsets), and report it",
    },
    Invariant {
        name: "unaccounted",
        of: "records",
        meaning: "records that a stage read and whose outcome it did not count: a mistake of this program; report it \
                  with the stage's log",
    },
];

/// What a violation of the invariant says; empty for a name that is none.
pub fn meaning(name: &str) -> &'static str {
    ALL.iter().find(|invariant| invariant.name == name).map_or("", |invariant| invariant.meaning)
}
