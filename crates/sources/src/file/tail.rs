use std::{io, path::Path};

use super::{
    bytes::Bytes,
    cursor::{HASHED, Position, hash},
    record::{Format, line_length},
};

pub(crate) const PAGE_BYTES: u64 = 1 << 20;
pub(crate) const PAGE_RECORDS: usize = 500;
/// A longer line is rejected.
pub(crate) const LONGEST_LINE: u64 = 4 << 20;
/// How much of a line that is too long is skipped in one page.
const SKIPPED_AT_ONCE: u64 = 64 << 20;
const SKIP_STEP: u64 = 1 << 16;

/// An open file. It stays readable when its path is given to another file.
pub(crate) struct Tail {
    bytes: Bytes,
    inode: u64,
}

/// A record as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) offset: u64,
    /// Number of its first line; 1 is the file's first.
    pub(crate) line: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) fault: Option<&'static str>,
}

/// What one read gave.
#[derive(Debug)]
pub(crate) struct Pieces {
    pub(crate) pieces: Vec<Piece>,
    /// Only bytes of an unfinished line, or none at all, stand behind `next`.
    pub(crate) at_end: bool,
    pub(crate) next: Position,
}

impl Tail {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (bytes, about) = Bytes::open(path)?;
        Ok(Self { bytes, inode: inode(&about) })
    }

    /// It is packed, and can not be read while it grows.
    pub(crate) fn is_unpacked(&self) -> bool {
        self.bytes.is_unpacked()
    }

    /// Another file stands at the path now. `false` where none does: one may be about to appear.
    pub(crate) fn was_replaced(&self, path: &Path) -> bool {
        std::fs::metadata(path).is_ok_and(|about| inode(&about) != self.inode)
    }

    /// The bytes around the position are those that were there when it was taken.
    pub(crate) fn fits(&mut self, position: &Position) -> io::Result<bool> {
        if position.offset > 0 && self.bytes.ends_by(position.offset - 1)? {
            return Ok(false);
        }
        let (head, tail) = self.hashes(position.offset)?;
        Ok(head == position.head && tail == position.tail)
    }

    fn hashes(&mut self, offset: u64) -> io::Result<(String, String)> {
        let covered = offset.min(HASHED);
        let head = hash(&self.read_at(0, covered)?);
        let tail = hash(&self.read_at(offset - covered, covered)?);
        Ok((head, tail))
    }

    fn read_at(&mut self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        self.bytes.read_at(offset, length)
    }

    /// The record at an offset, if it is whole (or all there is, where the file will not grow).
    pub(crate) fn record_at(&mut self, offset: u64, format: Format, will_grow: bool) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = self.read_at(offset, PAGE_BYTES)?;
        match format.record_length(&bytes) {
            Some(length) => bytes.truncate(length),
            None if will_grow || bytes.is_empty() => return Ok(None),
            None => {}
        }
        Ok(Some(bytes))
    }

    /// The records from `from` on. `take_rest` takes an unfinished last line as a record.
    pub(crate) fn read(&mut self, from: &Position, format: Format, take_rest: bool) -> io::Result<Pieces> {
        if from.skipping {
            return self.skip(from);
        }
        let mut bytes = self.read_at(from.offset, PAGE_BYTES)?;
        if bytes.len() as u64 == PAGE_BYTES && format.record_length(&bytes).is_none() {
            bytes = self.read_at(from.offset, LONGEST_LINE)?;
        }
        let reached_end = self.bytes.ends_by(from.offset + bytes.len() as u64)?;
        let mut cut = Cut { offset: from.offset, line: from.line, pieces: Vec::new() };
        let used = cut.whole(&bytes, format);
        let rest = &bytes[used..];
        let is_too_long = cut.pieces.is_empty() && bytes.len() as u64 >= LONGEST_LINE;
        let mut skipping = false;
        if is_too_long {
            skipping = cut.too_long(rest);
        } else if reached_end && take_rest && cut.pieces.len() < PAGE_RECORDS && !rest.is_empty() {
            cut.rest(rest, format);
        }
        let took_all = cut.offset == from.offset + bytes.len() as u64;
        let at_end = reached_end && !is_too_long && (took_all || cut.pieces.len() < PAGE_RECORDS);
        let next = Position { offset: cut.offset, line: cut.line, skipping, ..from.clone() };
        Ok(Pieces { pieces: cut.pieces, at_end, next: self.proven(next)? })
    }

    /// Goes to the end of a line that is too long, without keeping it.
    fn skip(&mut self, from: &Position) -> io::Result<Pieces> {
        let mut next = from.clone();
        let mut at_end = false;
        while next.skipping && !at_end && next.offset - from.offset < SKIPPED_AT_ONCE {
            let bytes = self.read_at(next.offset, SKIP_STEP)?;
            let found = line_length(&bytes);
            next.offset += found.unwrap_or(bytes.len()) as u64;
            next.line += u64::from(found.is_some());
            next.skipping = found.is_none();
            at_end = bytes.is_empty();
        }
        Ok(Pieces { pieces: Vec::new(), at_end, next: self.proven(next)? })
    }

    fn proven(&mut self, position: Position) -> io::Result<Position> {
        let (head, tail) = self.hashes(position.offset)?;
        Ok(Position { head, tail, inode: self.inode, ..position })
    }
}

/// Cuts bytes into records and keeps count of where it is.
struct Cut {
    offset: u64,
    line: u64,
    pieces: Vec<Piece>,
}

impl Cut {
    fn push(&mut self, bytes: &[u8], fault: Option<&'static str>) {
        self.pieces.push(Piece { offset: self.offset, line: self.line + 1, bytes: bytes.to_vec(), fault });
        self.offset += bytes.len() as u64;
        self.line += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
    }

    /// Takes whole records up to the page's bound, and gives the number of bytes they took.
    fn whole(&mut self, bytes: &[u8], format: Format) -> usize {
        let mut used = 0;
        while self.pieces.len() < PAGE_RECORDS
            && let Some(length) = format.record_length(&bytes[used..])
        {
            self.push(&bytes[used..used + length], None);
            used += length;
        }
        used
    }

    /// Rejects a line that is too long, and tells whether its end is still to be found. A CSV record of many lines
    /// loses its first line only: most often that one holds the quote that was never closed.
    fn too_long(&mut self, bytes: &[u8]) -> bool {
        match line_length(bytes) {
            Some(length) => {
                self.push(&bytes[..length], Some("a quote opens here that is not closed within 4 MiB"));
                false
            }
            None => {
                self.push(bytes, Some("the line is longer than 4 MiB"));
                true
            }
        }
    }

    /// Takes the bytes behind the last whole record, as nothing will follow them.
    fn rest(&mut self, bytes: &[u8], format: Format) {
        match (format, line_length(bytes)) {
            (Format::Csv { .. }, Some(length)) => {
                self.push(&bytes[..length], Some("a quote opens here that is never closed"));
                let used = self.whole(&bytes[length..], format) + length;
                if used < bytes.len() && self.pieces.len() < PAGE_RECORDS {
                    self.rest(&bytes[used..], format);
                }
            }
            _ => self.push(bytes, None),
        }
    }
}

#[cfg(unix)]
fn inode(about: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(about)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}
