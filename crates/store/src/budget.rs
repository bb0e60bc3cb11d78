//! What one question may take. A heavy one is refused with a hint, before it is run where the engine can tell, and never hangs.

use std::{fmt, time::Duration};

use clickhouse::{error::Error, query::Query};
use jiff::Timestamp;

use crate::{Store, StoreError, error::code_of};

/// After so many seconds the engine judges by its progress how long the whole would take.
const JUDGED_AFTER: &str = "3";

/// Of time, memory and rows; the smallest that is exceeded refuses a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub time: Duration,
    /// Bytes.
    pub memory: u64,
    /// Read from any one table, as the index tells before anything is read.
    pub rows: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { time: Duration::from_secs(15), memory: 4_000_000_000, rows: 500_000_000 }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let megabytes = self.memory / 1_000_000;
        write!(f, "{} s, {megabytes} MB of memory, {} rows", self.time.as_secs(), self.rows)
    }
}

impl Store {
    /// Other limits than the usual ones.
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// A question of people, within the budget.
    pub(crate) fn ask(&self, sql: &str) -> Query {
        let Budget { time, memory, rows } = self.budget;
        let seconds = time.as_secs().max(1).to_string();
        self.read(sql)
            .with_setting("max_execution_time", &seconds)
            .with_setting("max_estimated_execution_time", seconds)
            .with_setting("timeout_before_checking_execution_speed", JUDGED_AFTER)
            .with_setting("max_memory_usage", memory.to_string())
            .with_setting("max_rows_to_read", rows.to_string())
    }

    /// The error of a question that was refused for its size says what to narrow; any other stays as it is.
    pub(crate) fn too_heavy(&self, error: StoreError, what: &str, (from, to): (Timestamp, Timestamp)) -> StoreError {
        match is_too_heavy(&error) {
            true => StoreError::TooHeavy { what: what.to_owned(), from, to, budget: self.budget },
            false => error,
        }
    }
}

/// ClickHouse's codes of too many rows (158), time (159), an estimate of it (160), memory (241), bytes (307), a large
/// answer (396). Memory that others have taken is not the question's fault.
fn is_too_heavy(error: &StoreError) -> bool {
    let StoreError::Engine { source: Error::BadResponse(message), .. } = error else { return false };
    match code_of(message) {
        Some(241) => !message.contains("(total)"),
        code => matches!(code, Some(158..=160 | 307 | 396)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_refused_for_its_own_size_and_not_for_what_others_take() {
        let heavy = |message: &str| {
            is_too_heavy(&StoreError::Engine { doing: "testing", source: Error::BadResponse(message.into()) })
        };
        assert!(heavy("Code: 158. DB::Exception: Limit for rows (controlled by 'max_rows_to_read' setting) exceeded"));
        assert!(heavy("Code: 160. DB::Exception: Estimated query execution time is too long"));
        assert!(heavy("Code: 241. DB::Exception: (query) memory limit exceeded"));
        assert!(!heavy("Code: 241. DB::Exception: (total) memory limit exceeded"));
        assert!(!heavy("Code: 60. DB::Exception: Unknown table"));
    }
}
