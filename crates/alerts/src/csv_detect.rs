//! Runs a detector over a CSV file: the logic of `grapevine alert detect`.
//!
//! | detector | columns of the input |
//! |---|---|
//! | negative | `timestamp,mentions,negatives` and, where known, `authors` (distinct authors of negatives in the hour) |
//! | volume | `timestamp,value` |
//!
//! One row is one bucket of five minutes, in order of time. The output has one row for each: `timestamp,evidence,fired`.

use std::io;

use grapevine_model::Bucket;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

use crate::{Detector, NegativeSpike, VolumeSpike};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DetectorKind {
    Negative,
    Volume,
}

/// What was read and found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub rows: u64,
    pub fired: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    #[error("line {line}: {message}")]
    Row { line: u64, message: String },
    #[error("line {line}, column {column}: {value:?} is not {wanted}")]
    Field { line: u64, column: &'static str, value: String, wanted: &'static str },
    #[error("line 1: the header has no column {column}; it needs {needed}")]
    Header { column: &'static str, needed: &'static str },
    #[error("cannot write the result: {0}")]
    Write(#[from] io::Error),
}

impl DetectError {
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Places of the columns in the input.
struct Columns {
    timestamp: usize,
    mentions: (usize, &'static str),
    negatives: Option<usize>,
    authors: Option<usize>,
}

impl DetectorKind {
    fn detector(self) -> Detector {
        match self {
            DetectorKind::Negative => Detector::NegativeSpike(NegativeSpike::default()),
            DetectorKind::Volume => Detector::VolumeSpike(VolumeSpike::default()),
        }
    }

    fn needed(self) -> &'static str {
        match self {
            DetectorKind::Negative => "timestamp,mentions,negatives",
            DetectorKind::Volume => "timestamp,value",
        }
    }

    fn columns(self, header: &csv::StringRecord) -> Result<Columns, DetectError> {
        let place = |column: &str| header.iter().position(|name| name.trim_start_matches('\u{feff}').trim() == column);
        let must = |column: &'static str| place(column).ok_or(DetectError::Header { column, needed: self.needed() });
        let negative = self == DetectorKind::Negative;
        let mentions = if negative { "mentions" } else { "value" };
        Ok(Columns {
            timestamp: must("timestamp")?,
            mentions: (must(mentions)?, mentions),
            negatives: if negative { Some(must("negatives")?) } else { None },
            authors: place("authors").filter(|_| negative),
        })
    }
}

/// Writes timestamp (as it was read), evidence and fired for every row of the input.
pub fn detect(kind: DetectorKind, input: impl io::Read, output: impl io::Write) -> Result<Summary, DetectError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let columns = kind.columns(reader.headers().map_err(unreadable)?)?;
    let mut output = io::BufWriter::new(output);
    let mut detector = kind.detector();
    let (mut summary, mut last) = (Summary::default(), None);
    io::Write::write_all(&mut output, b"timestamp,evidence,fired\n")?;
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(0, csv::Position::line);
        let bucket = columns.bucket(&record, line)?;
        if last.is_some_and(|last| bucket.start <= last) {
            let message = format!("{} is not later than the row before; sort the rows by time", columns.text(&record));
            return Err(DetectError::Row { line, message });
        }
        last = Some(bucket.start);
        let reading = detector.step(&bucket);
        summary.rows += 1;
        summary.fired += u64::from(reading.fired);
        io::Write::write_fmt(
            &mut output,
            format_args!("{},{:.4},{}\n", columns.text(&record), reading.evidence, reading.fired),
        )?;
    }
    io::Write::flush(&mut output)?;
    Ok(summary)
}

impl Columns {
    fn text<'a>(&self, record: &'a csv::StringRecord) -> &'a str {
        record.get(self.timestamp).unwrap_or_default()
    }

    fn bucket(&self, record: &csv::StringRecord, line: u64) -> Result<Bucket, DetectError> {
        let (at, name) = self.mentions;
        let mentions = count(record, at, name, line)?;
        let negatives = self.negatives.map_or(Ok(0), |at| count(record, at, "negatives", line))?;
        if negatives > mentions {
            let message = format!("{negatives} negatives of {mentions} mentions: negatives are a part of mentions");
            return Err(DetectError::Row { line, message });
        }
        let known = self.authors.filter(|&at| record.get(at).is_some_and(|text| !text.is_empty()));
        let negative_authors = known.map(|at| count(record, at, "authors", line)).transpose()?;
        Ok(Bucket { start: time(self.text(record), line)?, mentions, negatives, negative_authors })
    }
}

fn unreadable(error: csv::Error) -> DetectError {
    let line = error.position().map_or(1, csv::Position::line);
    DetectError::Row { line, message: error.to_string() }
}

/// `2015-02-26 21:42:53` (taken as UTC) or RFC 3339.
fn time(text: &str, line: u64) -> Result<Timestamp, DetectError> {
    let wrong = || DetectError::Field {
        line,
        column: "timestamp",
        value: text.to_owned(),
        wanted: "a time such as 2015-02-26 21:42:53 or 2015-02-26T21:42:53Z",
    };
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let civil: DateTime = text.parse().map_err(|_| wrong())?;
    TimeZone::UTC.to_timestamp(civil).map_err(|_| wrong())
}

/// Whole numbers; `12.0` is one too.
fn count(record: &csv::StringRecord, at: usize, column: &'static str, line: u64) -> Result<u64, DetectError> {
    let text = record.get(at).unwrap_or_default();
    let whole = |number: f64| (0.0..9e15).contains(&number) && number.fract() == 0.0;
    let parsed = text.parse::<u64>().ok().filter(|&number| number < 1 << 53);
    parsed.or_else(|| text.parse::<f64>().ok().filter(|&number| whole(number)).map(|number| number as u64)).ok_or_else(
        || DetectError::Field { line, column, value: text.to_owned(), wanted: "a whole number that is not negative" },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(kind: DetectorKind, input: &str) -> Result<(Summary, String), String> {
        let mut output = Vec::new();
        let summary = detect(kind, input.as_bytes(), &mut output).map_err(|error| error.to_string())?;
        Ok((summary, String::from_utf8(output).expect("text")))
    }

    fn day_and_surge(row: impl Fn(i64, bool) -> String) -> String {
        let start: Timestamp = "2015-02-26T21:42:53Z".parse().expect("a time");
        (0..620).map(|number| row(start.as_second() + number * 300, number >= 600) + "\n").collect()
    }

    fn civil(second: i64) -> String {
        let time = Timestamp::from_second(second).expect("a time");
        time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    #[test]
    fn every_row_gets_an_answer() {
        let rows = day_and_surge(|at, surge| format!("{},{}", civil(at), if surge { 400 } else { 20 + at / 300 % 3 }));
        let (summary, output) = run(DetectorKind::Volume, &format!("timestamp,value\n{rows}")).expect("good rows");
        assert_eq!(summary, Summary { rows: 620, fired: 1 });
        assert_eq!(output.lines().count(), 621);
        let first_fired = output.lines().position(|line| line.ends_with("true"));
        assert!(matches!(first_fired, Some(601..=603)), "{first_fired:?}");
        assert!(output.starts_with("timestamp,evidence,fired\n2015-02-26 21:42:53,0.0000,false\n"));
    }

    #[test]
    fn negatives_with_and_without_authors() {
        let row = |at: i64, surge: bool| {
            let (mentions, negatives) = if surge { (60, 40) } else { (20, 2 + at / 300 % 3) };
            (civil(at), mentions, negatives)
        };
        let plain = day_and_surge(|at, surge| {
            let (time, mentions, negatives) = row(at, surge);
            format!("{time},{mentions},{negatives}")
        });
        let (summary, _) =
            run(DetectorKind::Negative, &format!("timestamp,mentions,negatives\n{plain}")).expect("good rows");
        assert_eq!(summary.fired, 1);
        let one_author = day_and_surge(|at, surge| {
            let (time, mentions, negatives) = row(at, surge);
            format!("1,{time},{mentions},{negatives}")
        });
        let input = format!("authors,timestamp,mentions,negatives\n{one_author}");
        assert_eq!(run(DetectorKind::Negative, &input).expect("good rows").0, Summary { rows: 620, fired: 0 });
    }

    #[test]
    fn a_bad_row_is_named() {
        let cases = [
            ("timestamp,count\n", "the header has no column value; it needs timestamp,value"),
            (
                "timestamp,value\n2015-02-26 21:42:53,1\n26.2.2015,1\n",
                "line 3, column timestamp: \"26.2.2015\" is not a time",
            ),
            ("timestamp,value\n2015-02-26 21:42:53,many\n", "line 2, column value: \"many\" is not a whole number"),
            ("timestamp,value\n2015-02-26 21:42:53,-1\n", "line 2, column value: \"-1\""),
            ("timestamp,value\n2015-02-26 21:42:53\n", "line 2"),
            (
                "timestamp,value\n2015-02-26 21:42:53,1\n2015-02-26 21:42:53,1\n",
                "line 3: 2015-02-26 21:42:53 is not later",
            ),
        ];
        for (input, want) in cases {
            let message = run(DetectorKind::Volume, input).expect_err("it is wrong");
            assert!(message.contains(want), "{message}");
        }
        let negative = "timestamp,mentions,negatives\n2015-02-26 21:42:53,1,2\n";
        assert!(
            run(DetectorKind::Negative, negative).is_err_and(|message| message.contains("2 negatives of 1 mentions"))
        );
    }
}
