//! Posts of X: by its recent search, or live by the filtered stream with the search to heal its gaps. Paid by the post.
//!
//! What is asked for follows from the monitors (`rules/` says how), or stands in `queries`.
//!
//! | what happens | what the source does |
//! |---|---|
//! | a round of the search is due | reads each query newest first down to the newest post of the round before (`since_id`) |
//! | that post is older than the seven days of the search, and was read long ago | says so in a gap, and reads on from there |
//! | the stream connects | brings the rules into step (ours alone), then reads by search what it missed meanwhile |
//! | the stream ends, or is silent for longer than two heartbeats | connects again: at once, then as X asks, ever later |
//! | the rules are more than X takes | says so; what has no rule is read by search |
//! | a post is edited | gives it again under the key of its first version |
//! | the month's budget runs short | reads the newest part of each span, or `sample:` of the stream; says which part |
//! | a post reaches one of its ages (as far as `recheck_hours` goes) | reads it again: counters, or a deletion |
//!
//! X sells deletions and edits as a stream to enterprises only. A post that can no longer be seen, for whatever reason,
//! is taken as deleted. `complete_through` trails a finished round, or the last heartbeat, by `lateness_seconds`.

mod access;
mod api;
mod caller;
mod map;
mod position;
mod rules;
mod search;
mod settings;
#[cfg(any(test, feature = "conformance"))]
pub(crate) mod shape;
mod source;
mod stream;
mod text;
mod upkeep;

pub use self::map::{MapError, Mapped, Trouble, map};
pub(crate) use self::settings::ROW;
pub use self::settings::{KEYS, KIND};
