//! How records are delivered, as pure state machines: nothing here does I/O, reads a clock or draws a random number.
//!
//! - [`Batcher`] says when enough has gathered to be written.
//! - [`Tracker`] says up to which offset everything is finished, over all partitions of a member and whatever comes and
//!   goes.
//! - [`RetryPolicy`] says how long to wait before trying again, and when to give up.
//! - [`Outcome`] and [`Tally`] say what became of every record.

mod batcher;
mod ledger;
mod outcome;
mod range;
mod retry;
mod tracker;

pub use batcher::{BatchLimits, Batcher};
pub use ledger::LedgerError;
pub use outcome::{DEAD_LETTER, Outcome, Tally};
pub use range::{OffsetRange, ParseRangeError};
pub use retry::RetryPolicy;
pub use tracker::{Completion, Ticket, Tracker};
