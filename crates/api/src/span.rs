//! Spans of time in a query: `from` and `to`, each an RFC 3339 time, a date (its midnight in UTC), `now`, or relative such
//! as `-7d`.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use crate::error::{ApiError, ErrorCode};

/// Used where a query names no `from`.
const DEFAULT: SignedDuration = SignedDuration::from_hours(24 * 7);
/// The longest span that one query may cover.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 800);

/// Half-open: `from` belongs to it, `to` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Span {
    /// Reads `from` and `to` as a query gives them. The last seven days by default.
    ///
    /// # Errors
    /// [`ErrorCode::BadSpan`] where one cannot be read, the span is empty, or longer than 800 days.
    pub fn parse(from: Option<&str>, to: Option<&str>, now: Timestamp) -> Result<Self, ApiError> {
        let to = to.map_or(Ok(now), |text| time("to", text, now))?;
        let from = match from {
            Some(text) => time("from", text, now)?,
            None => to.checked_sub(DEFAULT).map_err(|_| refused("`to` is out of range", "give a later `to`"))?,
        };
        if from >= to {
            let message = format!("the span is empty: from {from} is not before to {to}");
            return Err(refused(message, "give a `from` before `to`"));
        }
        if to.duration_since(from) > LONGEST {
            return Err(refused("the span is longer than 800 days", "ask for at most 800 days at once"));
        }
        Ok(Self { from, to })
    }
}

fn time(name: &str, text: &str, now: Timestamp) -> Result<Timestamp, ApiError> {
    let read = match text {
        "now" => Some(now),
        _ if text.starts_with('-') => relative(text).and_then(|back| now.checked_sub(back).ok()),
        _ => text.parse().ok().or_else(|| midnight(text)),
    };
    read.ok_or_else(|| {
        let hint = "write a date (2026-03-01), an RFC 3339 time (2026-03-01T12:00:00Z), now, or how far back (-90m, -24h, \
                    -7d, -8w)";
        refused(format!("`{name}` is not a time: {text:?}"), hint)
    })
}

/// In UTC. A text that names a time without its zone is refused, rather than its time dropped.
fn midnight(text: &str) -> Option<Timestamp> {
    let date: Date = text.parse().ok().filter(|_| text.len() == "2026-03-01".len())?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// `-90m`, `-24h`, `-7d`, `-8w`: how far back.
fn relative(text: &str) -> Option<SignedDuration> {
    let digits = text.strip_prefix('-')?;
    let unit = digits.chars().next_back()?;
    let count: i32 = digits.strip_suffix(unit)?.parse().ok()?;
    let hours = match unit {
        'm' => return Some(SignedDuration::from_mins(i64::from(count))),
        'h' => 1,
        'd' => 24,
        'w' => 24 * 7,
        _ => return None,
    };
    (count >= 0).then(|| SignedDuration::from_hours(i64::from(count) * hours))
}

fn refused(message: impl Into<String>, hint: &'static str) -> ApiError {
    ApiError { hint: hint.into(), ..ApiError::new(ErrorCode::BadSpan, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-08T12:00:00Z".parse().unwrap()
    }

    #[track_caller]
    fn check(from: Option<&str>, to: Option<&str>, expected: &str) {
        let shown = match Span::parse(from, to, now()) {
            Ok(span) => format!("{} .. {}", span.from, span.to),
            Err(error) => error.message,
        };
        assert_eq!(shown, expected);
    }

    #[track_caller]
    fn check_is_no_time(name: &str, text: &str) {
        let (from, to) = if name == "from" { (Some(text), None) } else { (None, Some(text)) };
        let error = Span::parse(from, to, now()).unwrap_err();
        assert_eq!(error.message, format!("`{name}` is not a time: {text:?}"));
        assert!(error.hint.starts_with("write a date (2026-03-01), an RFC 3339 time"), "{}", error.hint);
    }

    #[test]
    fn the_hint_fits_what_was_refused() {
        let hint = |from, to| Span::parse(Some(from), Some(to), now()).unwrap_err().hint;
        assert!(hint("yesterday", "now").contains("-24h"));
        assert_eq!(hint("now", "-1d"), "give a `from` before `to`");
        assert_eq!(hint("2020-01-01", "now"), "ask for at most 800 days at once");
    }

    #[test]
    fn the_last_seven_days_are_the_default() {
        check(None, None, "2026-03-01T12:00:00Z .. 2026-03-08T12:00:00Z");
        check(None, Some("2026-02-08T00:00:00Z"), "2026-02-01T00:00:00Z .. 2026-02-08T00:00:00Z");
    }

    #[test]
    fn times_are_absolute_or_relative_to_now() {
        check(Some("-24h"), None, "2026-03-07T12:00:00Z .. 2026-03-08T12:00:00Z");
        check(Some("-8w"), Some("-1d"), "2026-01-11T12:00:00Z .. 2026-03-07T12:00:00Z");
        check(Some("-90m"), Some("now"), "2026-03-08T10:30:00Z .. 2026-03-08T12:00:00Z");
        check(Some("2026-03-01T01:00:00+01:00"), None, "2026-03-01T00:00:00Z .. 2026-03-08T12:00:00Z");
    }

    #[test]
    fn a_date_alone_is_its_midnight_in_utc() {
        check(Some("2026-03-01"), None, "2026-03-01T00:00:00Z .. 2026-03-08T12:00:00Z");
        check(Some("2026-02-28"), Some("2026-03-01"), "2026-02-28T00:00:00Z .. 2026-03-01T00:00:00Z");
    }

    #[test]
    fn what_is_no_span_is_refused_with_the_reason() {
        check_is_no_time("from", "yesterday");
        for text in ["2026-03-01T12:00:00", "2026-02-30", "20260301", "2026-03"] {
            check_is_no_time("from", text);
        }
        check_is_no_time("from", "-7y");
        check_is_no_time("from", "--7d");
        check_is_no_time("from", "-é");
        check_is_no_time("to", "-99999999999999d");
        check_is_no_time("from", "-2000000000w");
        check(
            Some("now"),
            Some("-1d"),
            "the span is empty: from 2026-03-08T12:00:00Z is not before to 2026-03-07T12:00:00Z",
        );
        check(Some("-900d"), None, "the span is longer than 800 days");
    }
}
