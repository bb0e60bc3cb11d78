//! How records are delivered, as pure state machines: nothing here does I/O, reads a clock or draws a random number.
//!
//! - [`RetryPolicy`] says how long to wait before trying again.
//! - [`Batcher`] says when enough has gathered to be written.
//! - [`Ledger`] says up to which offset everything is finished.

mod batcher;
mod ledger;
mod retry;

pub use batcher::{BatchLimits, Batcher};
pub use ledger::{Ledger, LedgerError, OffsetRange};
pub use retry::RetryPolicy;
