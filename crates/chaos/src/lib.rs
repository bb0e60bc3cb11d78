//! Breaks a running pipeline by a plan, and counts what is left.
//!
//! ```text
//! producer ─▶ posts.ndjson ─▶ ingest ─┐
//!     └──────────── mentions.raw ◀────┴─▶ score … ─▶ sink … ─▶ engine        alert, serve
//!     └▶ truth                  every stage a process, every connection through a proxy, every clock its own
//!          └───────────────────────────────────────▶ audit of every id, every hour, every dead letter
//! ```
//!
//! The producer numbers what it sends and knows what must be stored in the end (`truth`). Meanwhile faults strike by a
//! seeded plan ([`grapevine_testkit::fault_plan`]). Then all is mended, the pipeline drains, and the audit compares.

mod audit;
mod config;
mod drain;
mod driver;
mod engine;
mod fleet;
mod options;
mod posts;
mod producer;
mod report;
mod run;
mod slot;
mod tally;
mod truth;
mod watch;
mod world;

pub use config::LogKind;
pub use options::Options;
pub use report::Report;
pub use run::{run, run_plan};
pub use tally::Tally;
