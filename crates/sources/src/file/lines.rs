//! Records of a file of lines: NDJSON, or CSV with its header.

use std::io;

use serde_json::Value;

use super::{
    FileSpec,
    cursor::Position,
    page::{Raw, Read},
    record::{Format, csv_fields, csv_row, export_row, parse_json, text},
    tail::{Piece, Tail},
};
use crate::SourceError;

/// Exports begin with lines about themselves; the header stands among so many.
const BEFORE_HEADER: usize = 40;
/// How the files of spreadsheets part their fields.
const DELIMITERS: [u8; 3] = [b',', b'\t', b';'];

/// An open file of lines.
pub(crate) struct Lines {
    tail: Tail,
    /// Of a CSV file, once its header is whole.
    header: Option<Header>,
}

struct Header {
    columns: Vec<String>,
    delimiter: u8,
    /// Where the first row stands.
    end: u64,
}

impl Lines {
    pub(crate) fn open(spec: &FileSpec) -> Result<Self, SourceError> {
        let tail = Tail::open(&spec.path).map_err(|error| spec.failure(&error))?;
        if tail.is_unpacked() && spec.follow {
            let message = "is compressed or UTF-16, and can not be followed while it grows: set follow = false";
            return Err(SourceError::Config(format!("{} {message}", spec.path.display())));
        }
        Ok(Self { tail, header: None })
    }

    pub(crate) fn was_replaced(&self, spec: &FileSpec) -> bool {
        self.tail.was_replaced(&spec.path)
    }

    pub(crate) fn fits(&mut self, position: &Position) -> io::Result<bool> {
        self.tail.fits(position)
    }

    /// Reads the header where it is not known yet and there is one.
    pub(crate) fn prepare(&mut self, spec: &FileSpec) -> Result<(), SourceError> {
        let Format::Csv { delimiter } = spec.format else { return Ok(()) };
        if self.header.is_some() {
            return Ok(());
        }
        if spec.rows.is_none() || spec.delimiter_is_given {
            return self.find_header(spec, delimiter).map(|_| ());
        }
        for delimiter in DELIMITERS {
            if self.find_header(spec, delimiter)? {
                return Ok(());
            }
        }
        match spec.follow {
            true => Ok(()),
            false => Err(spec.wrong_header(&no_header(spec))),
        }
    }

    /// `true` once it is known.
    fn find_header(&mut self, spec: &FileSpec, delimiter: u8) -> Result<bool, SourceError> {
        let mut end = 0;
        for _ in 0..BEFORE_HEADER {
            let format = Format::Csv { delimiter };
            let record = self.tail.record_at(end, format, spec.follow).map_err(|error| spec.failure(&error))?;
            let Some(record) = record else { return Ok(false) };
            end += record.len() as u64;
            let wrong = |message: String| spec.wrong_header(&message);
            let columns = match (text(&record).map_err(wrong)?, &spec.rows) {
                (Some(line), _) => csv_fields(line, delimiter).map_err(wrong)?,
                (None, Some(_)) => continue,
                (None, None) => return Err(spec.wrong_header("the first line is blank")),
            };
            match &spec.rows {
                Some(rows) if !rows.knows(&columns) => continue,
                Some(_) => {}
                None => check_columns(spec, &columns)?,
            }
            self.header = Some(Header { columns, delimiter, end });
            return Ok(true);
        }
        Ok(false)
    }

    /// The records from a position on. `take_rest` takes an unfinished last line as a record.
    pub(crate) fn read(&mut self, spec: &FileSpec, from: &Position, take_rest: bool) -> Result<Read, SourceError> {
        let (format, begins) = match (spec.format, &self.header) {
            (Format::Csv { .. }, Some(header)) => (Format::Csv { delimiter: header.delimiter }, header.end),
            // Rows that arrive before the header is known are read once it is.
            (Format::Csv { .. }, None) => return Ok(Read { records: Vec::new(), at_end: true, next: from.clone() }),
            (format, _) => (format, 0),
        };
        let pieces = self.tail.read(from, format, take_rest || !spec.follow).map_err(|error| spec.failure(&error))?;
        let records = pieces.pieces.iter().filter(|piece| piece.offset >= begins);
        let records = records.map(|piece| self.raw(spec, piece)).collect();
        Ok(Read { records, at_end: pieces.at_end, next: pieces.next })
    }

    fn raw(&self, spec: &FileSpec, piece: &Piece) -> Raw {
        let place = format!("{} line {} (byte {})", spec.file_name(), piece.line, piece.offset);
        let value = match piece.fault {
            Some(fault) => Err(fault.to_owned()),
            None => self.value(spec, &piece.bytes),
        };
        Raw { place, bytes: piece.bytes.clone(), value }
    }

    /// `None` for a blank line.
    pub(crate) fn value(&self, spec: &FileSpec, bytes: &[u8]) -> Result<Option<Value>, String> {
        let Some(line) = text(bytes)? else { return Ok(None) };
        let value = match (&self.header, &spec.rows) {
            (Some(header), None) => csv_row(line, header.delimiter, &header.columns),
            (Some(header), Some(_)) => export_row(line, header.delimiter, &header.columns),
            (None, _) if matches!(spec.format, Format::Csv { .. }) => Err("the header is not known yet".to_owned()),
            (None, _) => parse_json(line),
        };
        value.map(Some)
    }
}

fn no_header(spec: &FileSpec) -> String {
    let needed = spec.rows.as_ref().map(|rows| rows.needed()).unwrap_or_default();
    format!("none of the first {BEFORE_HEADER} lines is one: it has {needed}; name others under rows.columns")
}

fn check_columns(spec: &FileSpec, header: &[String]) -> Result<(), SourceError> {
    if let Some(twice) = header.iter().enumerate().find_map(|(i, name)| header[..i].contains(name).then_some(name)) {
        return Err(spec.wrong_header(&format!("two columns are named {twice:?}: rename one")));
    }
    if let Some((field, column)) = spec.fields.missing_column(header) {
        let columns = header.join(", ");
        let message = format!("there is no column {column:?}, which fields.{field} names; it has {columns}");
        return Err(spec.wrong_header(&message));
    }
    Ok(())
}
