use std::{fmt, str::FromStr};

use grapevine_model::MentionId;
use jiff::Timestamp;

/// The last mention of a page, or where a walk came to: `2026-03-01T10:00:00Z~` and the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub created_at: Timestamp,
    pub id: MentionId,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no cursor: take `next` of the page before, or a time such as 2026-03-01T10:00:00Z")]
pub struct BadCursor {
    text: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}", self.created_at, self.id)
    }
}

/// A time alone is before every mention of that time, in either order of ids.
impl FromStr for Cursor {
    type Err = BadCursor;

    fn from_str(text: &str) -> Result<Self, BadCursor> {
        let (time, id) = text.split_once('~').map_or((text, None), |(time, id)| (time, Some(id)));
        let id = id.map_or(Ok(MentionId(0)), str::parse).ok();
        let read = time.parse().ok().zip(id).map(|(created_at, id)| Self { created_at, id });
        read.ok_or_else(|| BadCursor { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_a_time_is_one() {
        let cursor = Cursor { created_at: "2026-03-01T10:00:00.25Z".parse().unwrap(), id: MentionId(7) };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!("2026-03-01T10:00:00Z".parse::<Cursor>().unwrap().id, MentionId(0));
        assert!("yesterday~1".parse::<Cursor>().is_err());
        assert!("2026-03-01T10:00:00Z~x".parse::<Cursor>().is_err());
    }
}
