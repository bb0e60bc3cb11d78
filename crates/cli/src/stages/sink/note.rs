//! The note of a commit: which range is about to be inserted, under which name of the log.

use anyhow::Context;
use grapevine_delivery::OffsetRange;
use grapevine_log::Commit;

/// A range that was begun: an insert of it under this name of the log may have happened, in whole or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub range: OffsetRange,
    /// It is part of the token. Two processes that start at once may know a new log by two names, so the name in the note
    /// counts.
    pub log_id: String,
}

impl Pending {
    /// The commit before the insert: reading goes on at the range, and the note names it.
    pub fn commit(&self) -> Commit {
        Commit { next: self.range.first, note: format!("pending {} of {}", self.range, self.log_id) }
    }

    /// What was begun and not finished, if there is anything.
    pub fn of(commit: &Commit) -> anyhow::Result<Option<Self>> {
        if commit.note.is_empty() {
            return Ok(None);
        }
        let pending = parse(&commit.note).with_context(|| {
            let note = &commit.note;
            format!(
                "the note {note:?} of the sink's commit can not be read; a newer version wrote it: upgrade this one"
            )
        })?;
        // A commit that was moved by hand leaves the range behind: it means nothing any more.
        Ok((pending.range.first == commit.next).then_some(pending))
    }
}

fn parse(note: &str) -> Option<Pending> {
    let (range, log_id) = note.strip_prefix("pending ")?.split_once(" of ")?;
    Some(Pending { range: range.parse().ok()?, log_id: log_id.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(next: u64, note: &str) -> Commit {
        Commit { next, note: note.into() }
    }

    #[test]
    fn what_was_begun_is_found_again() {
        let pending = Pending { range: OffsetRange::new(5, 9).unwrap(), log_id: "a1".into() };
        assert_eq!(pending.commit(), noted(5, "pending 5-9 of a1"));
        assert_eq!(Pending::of(&pending.commit()).unwrap(), Some(pending));
        assert_eq!(Pending::of(&noted(10, "")).unwrap(), None);
    }

    #[test]
    fn a_range_that_the_commit_does_not_begin_at_is_past() {
        assert_eq!(Pending::of(&noted(7, "pending 5-9 of a1")).unwrap(), None);
    }

    #[test]
    fn a_note_of_another_version_is_an_error_and_not_forgotten() {
        let error = Pending::of(&noted(7, "half 5-9")).unwrap_err();
        assert!(error.to_string().contains("half 5-9"), "{error}");
    }
}
