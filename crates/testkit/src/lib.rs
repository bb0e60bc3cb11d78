//! What the tests of several crates share: the cache of downloads, child processes, a real Kafka broker, planned faults, the
//! shipped story.

pub mod cache;
pub mod clock;
pub mod fault_plan;
pub mod kafka;
pub mod ports;
pub mod process;
pub mod proxy;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod story;
pub mod webhook_receiver;
