use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use serde_json::Value;

/// A time as files write it: RFC 3339, `YYYY-MM-DD HH:MM:SS` with an offset or taken as UTC, or a Unix time.
///
/// A number is in seconds, milliseconds, microseconds or nanoseconds by its size: 10^11 seconds are the year 5138.
pub(crate) fn parse(value: &Value) -> Result<Timestamp, String> {
    let unclear = || format!("{value} is not a time: write RFC 3339, \"2026-03-01 10:00:00\" or a Unix time");
    match value {
        Value::Number(number) => number.as_f64().and_then(from_number).ok_or_else(unclear),
        Value::String(text) => from_text(text.trim()).ok_or_else(unclear),
        _ => Err(unclear()),
    }
}

fn from_number(number: f64) -> Option<Timestamp> {
    let microseconds = match number.abs() {
        size if size < 1e11 => number * 1e6,
        size if size < 1e14 => number * 1e3,
        size if size < 1e17 => number,
        // Nanoseconds, as some Parquet files have them.
        size if size < 1e20 => number / 1e3,
        _ => return None,
    };
    Timestamp::from_microsecond(microseconds.round() as i64).ok()
}

fn from_text(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(time) = jiff::fmt::strtime::parse("%Y-%m-%d %H:%M:%S %z", text).and_then(|parsed| parsed.to_timestamp()) {
        return Some(time);
    }
    if let Ok(number) = text.parse::<f64>() {
        return from_number(number);
    }
    let civil: DateTime = text.parse().ok()?;
    civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_documented_form_is_read_as_utc() {
        let expected: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        for value in [
            json!("2026-03-01T10:00:00Z"),
            json!("2026-03-01T11:00:00+01:00"),
            json!("2026-03-01 10:00:00"),
            json!("2026-03-01T10:00:00"),
            json!("2026-03-01 02:00:00 -0800"),
            json!(1_772_359_200),
            json!("1772359200"),
            json!(1_772_359_200_000_i64),
            json!(1_772_359_200_000_000_i64),
            json!(1_772_359_200.0),
        ] {
            assert_eq!(parse(&value), Ok(expected), "{value}");
        }
    }

    #[test]
    fn what_is_no_time_says_so() {
        for value in [json!(null), json!("yesterday"), json!(""), json!([1]), json!(1e30), json!("nan"), json!("inf")] {
            assert!(parse(&value).unwrap_err().contains("is not a time"), "{value}");
        }
    }
}
