use serde_json::{Map, Value};

/// How the records of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Ndjson,
    Csv { delimiter: u8 },
    Parquet,
}

impl Format {
    /// Length of the first record with its line end, if it is whole.
    pub(crate) fn record_length(self, bytes: &[u8]) -> Option<usize> {
        match self {
            Format::Ndjson | Format::Parquet => line_length(bytes),
            Format::Csv { delimiter } => csv_record_length(bytes, delimiter),
        }
    }
}

/// Length of the first line with its line end, if it is whole.
pub(crate) fn line_length(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| byte == b'\n').map(|index| index + 1)
}

/// A line end inside quotes belongs to the field; a quote inside a bare field is a character like any other.
fn csv_record_length(bytes: &[u8], delimiter: u8) -> Option<usize> {
    enum At {
        FieldStart,
        Bare,
        Quoted,
        QuoteInQuoted,
    }
    let mut at = At::FieldStart;
    for (index, &byte) in bytes.iter().enumerate() {
        at = match (at, byte) {
            (At::Quoted, b'"') => At::QuoteInQuoted,
            (At::Quoted, _) => At::Quoted,
            (At::FieldStart | At::QuoteInQuoted, b'"') => At::Quoted,
            (_, b'\n') => return Some(index + 1),
            (_, byte) if byte == delimiter => At::FieldStart,
            _ => At::Bare,
        };
    }
    None
}

/// As [`csv_row`], for exports: the first of two columns of a name counts, and lines about all others are shorter.
pub(crate) fn export_row(text: &str, delimiter: u8, header: &[String]) -> Result<Value, String> {
    let mut row = Map::new();
    let fields = csv_fields(text, delimiter)?;
    if fields.iter().skip(header.len()).any(|field| !field.trim().is_empty()) {
        return Err(format!("{} fields, where the header has {}", fields.len(), header.len()));
    }
    for (name, field) in header.iter().zip(fields) {
        row.entry(name.clone()).or_insert(Value::String(field));
    }
    Ok(Value::Object(row))
}

/// The text of a record without its line end; `None` where the line is blank.
pub(crate) fn text(bytes: &[u8]) -> Result<Option<&str>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| format!("not UTF-8 from byte {} of the line on: convert the file", error.valid_up_to()))?;
    let text = text.trim_end_matches(['\n', '\r']);
    Ok(if text.trim().is_empty() { None } else { Some(text) })
}

pub(crate) fn parse_json(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("not a JSON object: each line holds one `{…}`".to_owned()),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

pub(crate) fn csv_fields(text: &str, delimiter: u8) -> Result<Vec<String>, String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    match reader.read_record(&mut record) {
        Ok(_) => Ok(record.iter().map(str::to_owned).collect()),
        Err(error) => Err(format!("not CSV: {error}")),
    }
}

pub(crate) fn csv_row(text: &str, delimiter: u8, header: &[String]) -> Result<Value, String> {
    let fields = csv_fields(text, delimiter)?;
    if fields.len() != header.len() {
        return Err(format!("{} fields, where the header has {}", fields.len(), header.len()));
    }
    let row: Map<String, Value> = header.iter().cloned().zip(fields.into_iter().map(Value::String)).collect();
    Ok(Value::Object(row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_csv_record_ends_at_the_line_end_outside_quotes() {
        for (bytes, length) in [
            ("a,b\nc", Some(4)),
            ("\"a\nb\",c\nd", Some(8)),
            ("\"a\"\"\n\",b\n", Some(9)),
            ("5\" phone,b\nc", Some(11)),
            ("\"open\nstill", None),
            ("half", None),
            ("\n", Some(1)),
        ] {
            assert_eq!(csv_record_length(bytes.as_bytes(), b','), length, "{bytes}");
        }
    }

    proptest! {
        /// The csv crate decides what a record is: both must cut alike, or fields would move between records.
        #[test]
        fn records_are_cut_as_the_csv_crate_cuts_them(text in "[a\",\n]{0,24}\n") {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<String>> =
                reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
            let (mut rest, mut found) = (text.as_bytes(), Vec::new());
            while !rest.is_empty() {
                let length = csv_record_length(rest, b',').unwrap_or(rest.len());
                let record = std::str::from_utf8(&rest[..length]).unwrap();
                if !record.trim_matches('\n').is_empty() {
                    found.push(csv_fields(record, b',').unwrap());
                }
                rest = &rest[length..];
            }
            prop_assert_eq!(found, expected);
        }
    }
}
