//! Appends posts to a file when their time comes.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::iter::Peekable;
use std::path::Path;

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::feed::Line;

pub struct Replay {
    lines: Peekable<Box<dyn Iterator<Item = Line>>>,
    file: BufWriter<File>,
}

impl Replay {
    /// Starts with an empty file.
    pub fn new(lines: Box<dyn Iterator<Item = Line>>, file: &Path) -> Result<Replay> {
        let file = File::create(file).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(Replay { lines: lines.peekable(), file: BufWriter::new(file) })
    }

    /// Appends every post whose time is not after `now`, whole lines only. Says how many.
    pub fn append_due(&mut self, now: Timestamp) -> Result<usize> {
        let mut count = 0;
        while let Some((_, line)) = self.lines.next_if(|(time, _)| *time <= now) {
            writeln!(self.file, "{line}").context("cannot append to the replayed file")?;
            count += 1;
        }
        self.file.flush().context("cannot append to the replayed file")?;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_are_appended_when_their_time_comes() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let lines = [(at(1), "a".to_owned()), (at(2), "b".to_owned()), (at(9), "c".to_owned())];
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("posts");
        let mut replay = Replay::new(Box::new(lines.into_iter()), &file).unwrap();
        assert_eq!(replay.append_due(at(2)).unwrap(), 2);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\nb\n");
        assert_eq!(replay.append_due(at(8)).unwrap(), 0);
        assert_eq!(replay.append_due(at(9)).unwrap(), 1);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "a\nb\nc\n");
    }
}
