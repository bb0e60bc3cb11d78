//! Rows of a Parquet file, by their number. A cursor proves the file by its footer, which names every block of it.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use jiff::Timestamp;
use parquet::{
    file::{
        reader::FileReader,
        serialized_reader::{ReadOptionsBuilder, SerializedFileReader},
    },
    record::{Field, Row, reader::RowIter},
};
use serde_json::{Map, Value};

use super::cursor::{HASHED, Position, hash};

/// How much of the end is hashed: the footer, in all but very wide files.
const FOOTER: u64 = 64 << 10;

/// An open Parquet file.
pub(crate) struct Table {
    file: File,
    rows: u64,
    /// Rows before each block.
    blocks: Vec<u64>,
    /// Reads on where the last page ended.
    reading: Option<(u64, RowIter<'static>)>,
    head: String,
    tail: String,
}

/// A row, or why it can not be read, with its number from 0.
pub(crate) type Numbered = (u64, Result<Value, String>);

impl Table {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let head = hash(&part(&mut file, 0, HASHED)?);
        let tail = hash(&part(&mut file, length.saturating_sub(FOOTER), FOOTER)?);
        let reader = guarded(|| SerializedFileReader::new(file.try_clone()?).map_err(io::Error::other))?;
        let mut rows = 0;
        let mut blocks = Vec::new();
        for block in reader.metadata().row_groups() {
            blocks.push(rows);
            rows += u64::try_from(block.num_rows()).unwrap_or(0);
        }
        Ok(Self { file, rows, blocks, reading: None, head, tail })
    }

    pub(crate) fn fits(&self, position: &Position) -> bool {
        position.offset <= self.rows
            && (position.offset == 0 || (position.head == self.head && position.tail == self.tail))
    }

    /// Up to `most` rows from a number on, and the position behind them.
    pub(crate) fn read(&mut self, from: &Position, most: usize) -> io::Result<(Vec<Numbered>, Position)> {
        let mut rows = Vec::new();
        let mut next = from.offset;
        if self.reading.as_ref().is_none_or(|(at, _)| *at != next) {
            self.reading = Some((next, self.seek(next)?));
        }
        if let Some((at, reading)) = &mut self.reading {
            while rows.len() < most && next < self.rows {
                let row = guarded(|| reading.next().transpose().map_err(io::Error::other))?;
                rows.push((next, row.map(|row| value_of_row(&row)).ok_or_else(|| "the block ends before it".to_owned())));
                next += 1;
            }
            *at = next;
        }
        let (head, tail) = (self.head.clone(), self.tail.clone());
        Ok((rows, Position { offset: next, line: next, head, tail, ..from.clone() }))
    }

    pub(crate) fn is_read(&self, position: &Position) -> bool {
        position.offset >= self.rows
    }

    /// Blocks before the one that holds the row are not touched.
    fn seek(&self, row: u64) -> io::Result<RowIter<'static>> {
        let block = self.blocks.partition_point(|first| *first <= row).saturating_sub(1);
        let first = self.blocks.get(block).copied().unwrap_or(0);
        let options = ReadOptionsBuilder::new().with_predicate(Box::new(move |_, index| index >= block)).build();
        guarded(|| {
            let reader = SerializedFileReader::new_with_options(self.file.try_clone()?, options);
            let mut rows = RowIter::from_file_into(Box::new(reader.map_err(io::Error::other)?));
            for _ in first..row {
                rows.next().transpose().map_err(io::Error::other)?;
            }
            Ok(rows)
        })
    }
}

fn part(file: &mut File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The reader panics on some damaged files.
fn guarded<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let damaged = |_| Err(io::Error::new(io::ErrorKind::InvalidData, "the Parquet file is damaged"));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(damaged)
}

fn value_of_row(row: &Row) -> Value {
    row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect::<Map<_, _>>().into()
}

fn value(field: &Field) -> Value {
    let time = |time: Result<Timestamp, jiff::Error>| time.map_or(Value::Null, |time| time.to_string().into());
    match field {
        Field::TimestampMillis(millis) => time(Timestamp::from_millisecond(*millis)),
        Field::TimestampMicros(micros) => time(Timestamp::from_microsecond(*micros)),
        Field::Bytes(bytes) => match std::str::from_utf8(bytes.data()) {
            Ok(text) => text.into(),
            Err(_) => field.to_json_value(),
        },
        Field::Group(row) => value_of_row(row),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        other => other.to_json_value(),
    }
}
