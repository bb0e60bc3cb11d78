//! Bodies without an end: what a platform streams over HTTP.
//!
//! | part | reads |
//! |---|---|
//! | [`Lines`] | a line each: newline-delimited JSON |
//! | [`Events`] | Server-Sent Events |
//!
//! Both take pieces as they come, down to single bytes; both skip a byte order mark and heartbeats; both end with an
//! error when nothing at all came for the idle timeout, by the world's clock, or when the server ends the stream. What
//! waits is bounded: nobody reads on before what was read is taken.

mod lines;
mod pieces;
mod sse;

pub use self::lines::Lines;
pub use self::sse::{Event, Events, sse};
