//! The embedded ClickHouse engine: the real engine as a library (libchdb), served over ClickHouse's own HTTP protocol
//! on loopback by a child process, so that the stock `clickhouse` crate is the only client there is.
//!
//! ```text
//! parent: EmbeddedEngine ── spawns, pings, restarts ──▶ child: serve() ── dlopen ──▶ libchdb ──▶ data_dir/db
//!        store, API      ── HTTP on 127.0.0.1, with a key made at each start ──▶ │
//! ```
//!
//! A child process, because the library holds one data directory per process, keeps its threads, and takes the whole
//! process with it when it fails. What the parent relies on:
//!
//! | event | what happens |
//! |---|---|
//! | an insert was answered with 200 | its rows are in a part that is synced to disk |
//! | an insert was cut off | nothing of its last block (1,048,576 rows at most) is stored; send it again, same token |
//! | a reader's statement | reads tables of this engine, and no file, host or program; 30 s at most |
//! | the child dies or stops answering | it is started again after a growing pause, with the same port and keys |
//! | the parent dies, however it dies | the child dies too (a signal on Linux, the end of its stdin elsewhere) |
//! | a second engine on one directory | refused, naming the process that holds it |
//!
//! The child is whatever command reaches [`serve_child`]; the parent hands it its [`ServeOptions`] on stdin, so that no
//! key shows in an argument list.

mod announce;
mod child;
mod error;
mod fault;
mod ffi;
mod library;
mod lock;
mod probe;
mod serve;
mod server;
mod supervisor;
pub mod testing;

pub use error::EngineError;
pub use fault::Fault;
pub use library::{LIBRARY_VERSION, library_path};
pub use serve::{Credentials, ServeOptions, serve, serve_child};
pub use supervisor::{EmbeddedEngine, EngineOptions};
