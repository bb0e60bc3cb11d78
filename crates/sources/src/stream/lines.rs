use std::{collections::VecDeque, time::Duration};

use bytes::{Buf, Bytes};
use futures::StreamExt;
use jiff::Timestamp;

use super::pieces::{Pulse, ended};
use crate::{SourceError, World, http::ByteStream};

const MARK: &[u8] = b"\xef\xbb\xbf";
/// The largest line. Of a longer one, so much is given: whoever reads it will reject it, and say why.
const LARGEST: usize = 4 << 20;

/// Splits a body into lines, each without its end. Empty ones are heartbeats, and skipped.
pub struct Lines {
    body: ByteStream,
    pulse: Pulse,
    split: Split,
    gave_lines: bool,
    end: Option<SourceError>,
}

impl Lines {
    pub fn new(world: &World, body: ByteStream, idle_timeout: Duration) -> Self {
        let pulse = Pulse::new(world, idle_timeout);
        let (body, split) = (pulse.listen_to(body), Split::default());
        Self { body, pulse, split, gave_lines: false, end: None }
    }

    /// The next line; `None` where none came until then. The end is an error, each time. Safe to drop while it waits.
    pub async fn next(&mut self, until: Timestamp) -> Result<Option<Vec<u8>>, SourceError> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let (body, split) = (&mut self.body, &mut self.split);
        let line = self.pulse.wait_for(until, line(body, split)).await;
        match line.and_then(Option::transpose) {
            Ok(line) => {
                self.gave_lines |= line.is_some();
                Ok(line)
            }
            Err(end) => {
                self.end = Some(end.clone());
                Err(end)
            }
        }
    }

    /// Whether any line was given.
    pub fn gave_lines(&self) -> bool {
        self.gave_lines
    }

    /// When anything came last, a heartbeat included.
    pub fn heard_at(&self) -> Timestamp {
        self.pulse.heard_at()
    }
}

/// What waits for more of it is kept in `split`.
async fn line(body: &mut ByteStream, split: &mut Split) -> Result<Vec<u8>, SourceError> {
    loop {
        if let Some(line) = split.next() {
            return Ok(line);
        }
        match body.next().await {
            Some(piece) => split.add(piece?),
            None => return split.rest().ok_or_else(ended),
        }
    }
}

/// Pure: pieces in, lines out.
#[derive(Debug, Default)]
struct Split {
    pieces: VecDeque<Bytes>,
    /// The beginning of a line.
    open: Vec<u8>,
    /// A mark may only stand at the very beginning.
    is_under_way: bool,
}

impl Split {
    fn add(&mut self, piece: Bytes) {
        self.pieces.push_back(piece);
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(piece) = self.pieces.front_mut() {
            let end = piece.iter().position(|byte| *byte == b'\n');
            let part = &piece[..end.unwrap_or(piece.len())];
            let room = LARGEST.saturating_sub(self.open.len());
            self.open.extend_from_slice(&part[..part.len().min(room)]);
            piece.advance(end.map_or(piece.len(), |end| end + 1));
            if !piece.has_remaining() {
                self.pieces.pop_front();
            }
            if end.is_some()
                && let Some(line) = self.rest()
            {
                return Some(line);
            }
        }
        None
    }

    /// The line that is open, unless nothing stands in it.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let mut line = std::mem::take(&mut self.open);
        if !std::mem::replace(&mut self.is_under_way, true) && line.starts_with(MARK) {
            line.drain(..MARK.len());
        }
        if line.ends_with(b"\r") {
            line.pop();
        }
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<String> {
        let mut split = Split::default();
        let mut lines = Vec::new();
        for piece in pieces {
            split.add(Bytes::copy_from_slice(piece));
            lines.extend(std::iter::from_fn(|| split.next()));
        }
        lines.extend(split.rest());
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        let body = "\u{feff}{\"a\":1}\r\n\r\n\n{\"b\":\"\u{feff}é\"}\n{\"c\":3}".as_bytes();
        let lines = ["{\"a\":1}", "{\"b\":\"\u{feff}é\"}", "{\"c\":3}"];
        assert_eq!(split(&[body]), lines);
        assert_eq!(split(&body.chunks(1).collect::<Vec<_>>()), lines);
        for at in 0..body.len() {
            assert_eq!(split(&[&body[..at], &body[at..]]), lines);
        }
    }

    #[test]
    fn a_line_beyond_the_largest_is_cut_and_the_next_is_whole() {
        let mut split = Split::default();
        for _ in 0..5 {
            split.add(Bytes::from(vec![b'x'; 1 << 20]));
            assert_eq!(split.next(), None);
        }
        assert!(split.open.capacity() <= 2 * LARGEST);
        split.add(Bytes::from_static(b"\nshort\n"));
        assert_eq!(split.next().map(|line| line.len()), Some(LARGEST));
        assert_eq!(split.next().as_deref(), Some(&b"short"[..]));
    }
}
