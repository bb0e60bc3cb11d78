//! The one line by which a child tells its parent how its start went.

use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::EngineError;

/// What the child says on stdout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Announcement {
    /// It answers on `port`.
    Ready { port: u16, version: String },
    /// It cannot; `in_use_by` names the process that holds the data directory, where that is why.
    Failed { reason: String, in_use_by: Option<u32> },
}

impl Announcement {
    pub(crate) fn of_error(error: &EngineError) -> Self {
        let in_use_by = match error {
            EngineError::DataDirInUse { pid, .. } => Some(*pid),
            _ => None,
        };
        Self::Failed { reason: error.to_string(), in_use_by }
    }

    /// Writes the line. It begins with a line break, as a test harness may have left half a line.
    pub(crate) fn say(&self) -> io::Result<()> {
        let line = serde_json::to_string(self)?;
        let mut out = io::stdout().lock();
        writeln!(out, "\n{line}")?;
        out.flush()
    }

    /// Reads a line; `None` if it is something else.
    pub(crate) fn read(line: &str) -> Option<Self> {
        serde_json::from_str(line.trim()).ok()
    }

    /// The port and the version, or why there is none.
    pub(crate) fn into_result(self, dir: &Path, log: &Path) -> Result<(u16, String), EngineError> {
        match self {
            Self::Ready { port, version } => Ok((port, version)),
            Self::Failed { in_use_by: Some(pid), .. } => Err(EngineError::DataDirInUse { dir: dir.to_path_buf(), pid }),
            Self::Failed { reason, in_use_by: None } => Err(EngineError::Start { reason, log: log.to_path_buf() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_as_it_was_said_and_other_lines_are_not() {
        let ready = Announcement::Ready { port: 8123, version: "26.7".to_owned() };
        let line = serde_json::to_string(&ready).expect("serialises");
        assert_eq!(line, r#"{"ready":{"port":8123,"version":"26.7"}}"#);
        assert_eq!(Announcement::read(&format!("{line}\n")), Some(ready));
        assert_eq!(Announcement::read("running 1 test"), None);
    }
}
