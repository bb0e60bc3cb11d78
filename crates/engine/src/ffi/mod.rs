//! libchdb's C interface, declared by hand, and the safe wrappers that the rest of the crate uses.
//!
//! What the library promises and the wrappers rely on: a connection is one session and runs one statement at a time,
//! from any thread; results are owned by whoever receives them; every function that takes a length is binary-safe. What
//! it does not promise and the callers must know: each streamed chunk is a whole document of its format, and inline
//! data behind `INSERT … FORMAT` in a query text is cut at a blank line without an error, so [`InsertStream`] is the
//! only way in.

mod api;
mod connection;
mod insert;
mod result;

pub(crate) use api::Api;
pub(crate) use connection::Connection;
pub(crate) use insert::InsertStream;
pub(crate) use result::{Counters, QueryResult};
