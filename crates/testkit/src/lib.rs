//! What the tests of several crates share: the cache of downloads, child processes, a real Kafka broker, the shipped story.

pub mod cache;
pub mod kafka;
pub mod process;
pub mod story;
pub mod webhook_receiver;
