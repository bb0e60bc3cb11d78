//! The result of a run, as one table.

use std::{fmt, time::Duration};

use crate::{audit::Found, options::Options, tally::Tally, watch::Progress};

pub struct Report {
    pub options: Options,
    pub tally: Tally,
    pub found: Found,
    /// Events and lines that were sent, repetitions included.
    pub sent: u64,
    /// How long it took to drain, or what still waited.
    pub drained: Result<Duration, String>,
    pub progress: Progress,
    pub took: Duration,
}

impl Report {
    /// Nothing lost, doubled or wrong, everything drained, and broken often enough.
    pub fn passed(&self) -> bool {
        self.found.violations() == 0 && self.drained.is_ok() && self.enough()
    }

    fn enough(&self) -> bool {
        self.tally.all_kills() >= u64::from(self.options.goal)
    }

    fn say_what_broke(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { kills, faults, gave_up, skipped } = &self.tally;
        writeln!(f, "  {:<40} {} (goal {})", "kills", self.tally.all_kills(), self.options.goal)?;
        for (kind, count) in kills {
            writeln!(f, "    {kind:<38} {count}")?;
        }
        writeln!(f, "  {:<40} {} ({skipped} planned ones met nobody)", "faults", self.tally.all_faults())?;
        for (kind, count) in faults {
            writeln!(f, "    {kind:<38} {count}")?;
        }
        for (what, count) in gave_up {
            writeln!(f, "    {:<38} {count}", format!("{what}, started again"))?;
        }
        Ok(())
    }

    fn rows(&self) -> Vec<(String, String)> {
        let Found { letters, .. } = &self.found;
        let found = &self.found;
        let drained = match &self.drained {
            Ok(time) => format!("in {:.0} s", time.as_secs_f64()),
            Err(state) => format!("NO: {state}"),
        };
        let seconds = self.took.as_secs_f64();
        let rows = [
            ("ids sent", found.ids.to_string()),
            ("events sent", format!("{} ({:.0} a second)", self.sent, self.sent as f64 / seconds)),
            ("rows expected (id and brand, live)", found.expected.to_string()),
            ("rows stored", found.stored.to_string()),
            ("lost", found.lost.to_string()),
            ("doubled after FINAL", found.doubled.to_string()),
            ("wrong state", found.wrong.to_string()),
            ("rollup mismatches", format!("{} of {} brand-hours", found.rollup_mismatches, found.brand_hours)),
            ("offsets not covered by a range", format!("{} of {}", found.uncovered, found.offsets)),
            ("dead letters", format!("{} expected, {} parked", letters.expected, letters.parked)),
            ("dead letters missing, unexpected", format!("{}, {}", letters.missing, letters.unexpected)),
            ("repetitions folded", format!("{} scored records, {} dead letters", found.repeated, letters.repeated)),
            (
                "largest lag",
                format!("{} to score, {} to store", self.progress.most_to_score, self.progress.most_to_store),
            ),
            ("drained", drained),
            ("grapevine status", found.status.clone()),
        ];
        rows.map(|(name, value)| (name.to_owned(), value)).into()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { log, seed, scorers, sinks, scoring, .. } = &self.options;
        let scoring = if *scoring { "with the model" } else { "without scoring" };
        let minutes = self.options.length.as_secs_f64() / 60.0;
        writeln!(
            f,
            "chaos on {}: seed {seed}, {minutes:.1} min, {scorers} scorers, {sinks} sinks, {scoring}",
            log.name()
        )?;
        self.say_what_broke(f)?;
        for (name, value) in self.rows() {
            writeln!(f, "  {name:<40} {value}")?;
        }
        for example in &self.found.examples {
            writeln!(f, "  ! {example}")?;
        }
        let verdict = match (self.passed(), self.enough()) {
            (true, _) => "passed",
            (false, false) => "FAILED (fewer kills than wanted, or worse)",
            (false, true) => "FAILED",
        };
        write!(f, "  {verdict}")
    }
}
