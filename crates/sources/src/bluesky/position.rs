use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Cursor;

const VERSION: u16 = 1;

/// How far the stream was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// Microseconds since the Unix epoch, by the server's clock. Good on every server, within seconds.
    pub(super) time_us: i64,
    /// The number of the last event, and the server that counts so. Exact, and good there alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) exact: Option<Exact>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exact {
    pub(super) seq: u64,
    pub(super) server: String,
}

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// What happens from now on.
    Live,
    /// What happened from this time on, in microseconds since the Unix epoch.
    Time(i64),
    /// What has this number or a higher one.
    Seq(u64),
}

impl Asked {
    pub(super) fn parameter(self) -> Option<String> {
        match self {
            Asked::Live => None,
            Asked::Time(time_us) => Some(time_us.to_string()),
            Asked::Seq(seq) => Some(seq.to_string()),
        }
    }
}

impl Position {
    pub(super) fn at(time: Timestamp) -> Self {
        Self { time_us: time.as_microsecond(), exact: None }
    }

    pub(super) fn of(cursor: &Cursor) -> Option<(Self, Timestamp)> {
        let position = Position::deserialize(&cursor.value).ok().filter(|_| cursor.version == VERSION)?;
        let time = position.time()?;
        Some((position, time))
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.time_us).ok()
    }

    pub(super) fn cursor(&self) -> Cursor {
        let mut value = serde_json::json!({ "time_us": self.time_us });
        if let Some(Exact { seq, server }) = &self.exact {
            value["exact"] = serde_json::json!({ "seq": seq, "server": server });
        }
        Cursor { version: VERSION, value }
    }

    /// The number that this server counts by.
    pub(super) fn seq_at(&self, server: &str) -> Option<u64> {
        self.exact.as_ref().filter(|exact| exact.server == server).map(|exact| exact.seq)
    }
}
