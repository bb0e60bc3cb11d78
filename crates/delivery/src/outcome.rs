use std::collections::BTreeMap;

/// What became of one record at a stage. Closed: nothing leaves a stage in any other way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It goes on, counted under `label`.
    Emit { label: &'static str, what: T },
    /// It ends here, as it should.
    Drop { reason: &'static str },
    /// It can not be worked on: it is parked.
    DeadLetter { reason: String },
}

impl<T> Outcome<T> {
    /// Under which it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Outcome::Emit { label, .. } => label,
            Outcome::Drop { reason } => reason,
            Outcome::DeadLetter { .. } => DEAD_LETTER,
        }
    }
}

/// The label of what was parked.
pub const DEAD_LETTER: &str = "dead_letter";

/// How many records were read, and what became of how many: both sides have to be equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "outcomes that are not counted are lost in silence"]
pub struct Tally {
    read: u64,
    outcomes: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn of(read: u64) -> Self {
        Self { read, outcomes: BTreeMap::new() }
    }

    pub fn count(&mut self, label: &'static str, n: u64) {
        if n > 0 {
            *self.outcomes.entry(label).or_default() += n;
        }
    }

    pub fn read(&self) -> u64 {
        self.read
    }

    /// Each label with its count, none of them 0.
    pub fn outcomes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.outcomes.iter().map(|(label, n)| (*label, *n))
    }

    /// Records without an outcome, or outcomes without a record. It is 0, or there is a mistake in the stage.
    pub fn unaccounted(&self) -> u64 {
        self.read.abs_diff(self.outcomes.values().sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_without_an_outcome_and_an_outcome_without_a_record_both_show() {
        let mut tally = Tally::of(3);
        tally.count("stored", 2);
        assert_eq!(tally.unaccounted(), 1);
        tally.count(Outcome::<()>::DeadLetter { reason: "torn".into() }.label(), 1);
        assert_eq!(tally.unaccounted(), 0);
        tally.count(Outcome::<()>::Drop { reason: "stored" }.label(), 1);
        assert_eq!(tally.unaccounted(), 1);
        assert_eq!(tally.outcomes().collect::<Vec<_>>(), [("dead_letter", 1), ("stored", 3)]);
    }
}
