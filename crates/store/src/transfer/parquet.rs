//! Rows of a Parquet file, as the lines of JSON that the engine would have given for them.
//!
//! The engine writes these files. They are read here, row by row: it would hold a file as a whole, pass over columns that
//! it does not know, and who is to stay forgotten, and labels, are looked at here anyway.

use std::{
    fs::File,
    io::{self, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp, civil::Date};
use parquet::{
    errors::ParquetError,
    file::{reader::FileReader, serialized_reader::SerializedFileReader},
    record::{Field, Row, reader::RowIter},
};

use super::{
    TransferError,
    columns::{Column, Kind},
    error::At,
};

/// An open file whose columns are those of its table.
pub(super) struct Rows {
    path: PathBuf,
    /// Of the file's columns, in its order.
    columns: Vec<Column>,
    rows: RowIter<'static>,
    number: u64,
}

/// Of a whole file: a footer that is not there is an error.
pub(super) fn count(path: &Path) -> Result<u64, TransferError> {
    Ok(u64::try_from(open(path)?.metadata().file_metadata().num_rows()).unwrap_or(0))
}

fn open(path: &Path) -> Result<SerializedFileReader<File>, TransferError> {
    let file = File::open(path).at(path, "read")?;
    guarded(|| SerializedFileReader::new(file)).map_err(|why| damaged(path, why))
}

/// The reader panics on some damaged files.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err("its pages are not what its footer says".to_owned()),
    }
}

fn damaged(path: &Path, why: String) -> TransferError {
    TransferError::Damaged { path: path.to_owned(), why }
}

impl Rows {
    /// # Errors
    /// A file that is cut; columns that are not those of `table`. Where it `may_lack` some, for an older program wrote it, these
    /// are as for a new row.
    pub fn open(path: &Path, (table, columns): (&str, &[Column]), may_lack: bool) -> Result<Self, TransferError> {
        let reader = open(path)?;
        let schema = reader.metadata().file_metadata().schema_descr().root_schema_ptr();
        let unfit = |why: String| TransferError::Unfit { path: path.to_owned(), table: table.to_owned(), why };
        let mut found = vec![];
        for field in schema.get_fields() {
            let Some(column) = columns.iter().find(|column| column.name == field.name()) else {
                return Err(unfit(format!("it has a column {}, which the table lacks", field.name())));
            };
            match column.refuse(field) {
                Some(why) => return Err(unfit(why)),
                None => found.push(column.clone()),
            }
        }
        match columns.iter().find(|column| !found.contains(column)) {
            Some(lacks) if !may_lack => return Err(unfit(format!("it lacks the column {}", lacks.name))),
            _ => {}
        }
        let rows = guarded(|| Ok(RowIter::from_file_into(Box::new(reader)))).map_err(|why| damaged(path, why))?;
        Ok(Self { path: path.to_owned(), columns: found, rows, number: 0 })
    }

    /// Puts the next row in place of `line`; `false` where there is none.
    pub fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, TransferError> {
        line.clear();
        self.number += 1;
        let row = guarded(|| self.rows.next().transpose()).map_err(|why| self.refused(why))?;
        let Some(row) = row else { return Ok(false) };
        self.write(&row, line).map_err(|why| self.refused(why))?;
        Ok(true)
    }

    fn refused(&self, why: String) -> TransferError {
        TransferError::Row { path: self.path.clone(), number: self.number, why }
    }

    fn write(&self, row: &Row, line: &mut Vec<u8>) -> Result<(), String> {
        line.push(b'{');
        for (column, (_, field)) in self.columns.iter().zip(row.get_column_iter()) {
            if line.len() > 1 {
                line.push(b',');
            }
            quoted(line, column.name.as_bytes());
            line.push(b':');
            match field {
                Field::Null if !column.nullable => return Err(format!("{} has no value", column.name)),
                field => value(line, &column.kind, field).map_err(|why| format!("{}: {why}", column.name))?,
            }
        }
        line.extend_from_slice(b"}\n");
        Ok(())
    }
}

/// A value, in the shape in which the engine writes it.
fn value(line: &mut Vec<u8>, kind: &Kind, field: &Field) -> Result<(), String> {
    let said =
        |line: &mut Vec<u8>, what: std::fmt::Arguments<'_>| line.write_fmt(what).map_err(|e: io::Error| e.to_string());
    match (kind, field) {
        (_, Field::Null) => line.extend_from_slice(b"null"),
        (Kind::Id, Field::Str(text)) => {
            let id = Some(text).filter(|text| text.len() == 32).and_then(|text| u128::from_str_radix(text, 16).ok());
            said(line, format_args!("\"{}\"", id.ok_or_else(|| format!("{text:?} are not 32 hexadecimal digits"))?))?;
        }
        (Kind::State, Field::Str(text)) => {
            quoted(line, &hex::decode(text).map_err(|error| format!("no state of a count: {error}"))?);
        }
        (_, Field::Str(text)) => quoted(line, text.as_bytes()),
        (_, Field::Bool(value)) => said(line, format_args!("{value}"))?,
        (Kind::Whole(from, to), whole) => {
            let number = number(whole)?;
            match (*from..=*to).contains(&number) {
                true if *to > u32::MAX.into() => said(line, format_args!("\"{number}\""))?,
                true => said(line, format_args!("{number}"))?,
                false => return Err(format!("{number} is not from {from} to {to}")),
            }
        }
        (_, Field::Float(value)) => real(line, *value, value.is_finite())?,
        (_, Field::Double(value)) => real(line, *value, value.is_finite())?,
        (_, Field::Decimal(_)) => match field.to_json_value() {
            serde_json::Value::String(text) => quoted(line, text.as_bytes()),
            other => return Err(format!("{other} is no decimal")),
        },
        (_, Field::Date(days)) => said(line, format_args!("\"{}\"", day(*days).ok_or("a day that is out of range")?))?,
        (Kind::Time(digits), Field::TimestampMillis(at)) => time(line, *digits, Timestamp::from_millisecond(*at))?,
        (Kind::Time(digits), Field::TimestampMicros(at)) => time(line, *digits, Timestamp::from_microsecond(*at))?,
        (Kind::List(of), Field::ListInternal(list)) => {
            line.push(b'[');
            for (n, element) in list.elements().iter().enumerate() {
                if n > 0 {
                    line.push(b',');
                }
                match element {
                    Field::Null => return Err("an element has no value".to_owned()),
                    element => value(line, of, element)?,
                }
            }
            line.push(b']');
        }
        (_, other) => return Err(format!("{other} is not what the column says")),
    }
    Ok(())
}

fn number(field: &Field) -> Result<i128, String> {
    Ok(match field {
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        other => return Err(format!("{other} is no whole number")),
    })
}

/// The shortest digits that are the same number again.
fn real(line: &mut Vec<u8>, value: impl serde::Serialize + std::fmt::Display, is_finite: bool) -> Result<(), String> {
    match is_finite {
        true => serde_json::to_writer(&mut *line, &value).map_err(|error| error.to_string()),
        false => {
            quoted(line, value.to_string().to_lowercase().as_bytes());
            Ok(())
        }
    }
}

fn day(days: i32) -> Option<Date> {
    Date::constant(1970, 1, 1).checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
}

fn time(line: &mut Vec<u8>, digits: u8, at: Result<Timestamp, jiff::Error>) -> Result<(), String> {
    let at = at.map_err(|error| error.to_string())?;
    let written = match digits {
        0 => write!(line, "\"{}\"", at.strftime("%Y-%m-%d %H:%M:%S")),
        3 => write!(line, "\"{}\"", at.strftime("%Y-%m-%d %H:%M:%S%.3f")),
        _ => write!(line, "\"{}\"", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
    };
    written.map_err(|error| error.to_string())
}

/// Bytes as the engine's JSON has them: what is no text too.
fn quoted(line: &mut Vec<u8>, bytes: &[u8]) {
    line.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' => line.extend_from_slice(&[b'\\', *byte]),
            0..0x20 => line.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => line.push(*byte),
        }
    }
    line.push(b'"');
}
