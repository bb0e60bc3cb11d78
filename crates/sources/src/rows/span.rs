//! Days, hours and ranges of days, as exports write them, in the time zone of the account. Pure.

use jiff::{Timestamp, ToSpan, civil::Date, civil::DateTime, tz::TimeZone};
use serde::Deserialize;
use serde_json::Value;

use super::number::shown;

/// Which comes first in `3/1/2026`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Dates {
    /// Each date is looked at: what could be both is refused.
    #[default]
    Auto,
    DayFirst,
    MonthFirst,
}

/// A day, or a moment, as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum When {
    Day(Date),
    /// Local, without an offset.
    Local(DateTime),
    Exact(Timestamp),
}

impl When {
    /// When it begins.
    pub(crate) fn start(&self, zone: &TimeZone) -> Result<Timestamp, String> {
        let local = |time: DateTime| time.to_zoned(zone.clone()).map(|zoned| zoned.timestamp());
        match self {
            When::Day(day) => local(day.at(0, 0, 0, 0)).map_err(|error| error.to_string()),
            When::Local(time) => local(*time).map_err(|error| error.to_string()),
            When::Exact(time) => Ok(*time),
        }
    }

    /// When a span ends that reaches to and includes it: a day's end; a moment itself.
    pub(crate) fn end(&self, zone: &TimeZone) -> Result<Timestamp, String> {
        match self {
            When::Day(day) => When::Day(next(*day)?).start(zone),
            moment => moment.start(zone),
        }
    }

    pub(crate) fn day(&self, zone: &TimeZone) -> Date {
        match self {
            When::Day(day) => *day,
            When::Local(time) => time.date(),
            When::Exact(time) => time.to_zoned(zone.clone()).date(),
        }
    }
}

pub(crate) fn next(day: Date) -> Result<Date, String> {
    day.checked_add(1.day()).map_err(|error| error.to_string())
}

impl Dates {
    /// # Errors
    /// What stands there instead.
    pub(crate) fn read(self, value: &Value) -> Result<When, String> {
        let unclear = || format!("{} is no date: write 2026-03-01, or RFC 3339", shown(value));
        match value {
            // 20260301 is a day, and no moment of 1970.
            Value::Number(day) if day.as_u64().is_some_and(|day| (19_000_101..=21_001_231).contains(&day)) => {
                self.text(&day.to_string())?.ok_or_else(unclear)
            }
            Value::Number(_) => crate::file::time::parse(value).map(When::Exact).map_err(|_| unclear()),
            Value::String(text) => self.text(text.trim())?.ok_or_else(unclear),
            _ => Err(unclear()),
        }
    }

    fn text(self, text: &str) -> Result<Option<When>, String> {
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Some(When::Exact(time)));
        }
        if text.len() == 8
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && let Ok(day) = Date::strptime("%Y%m%d", text)
        {
            return Ok(Some(When::Day(day)));
        }
        if let Ok(day) = text.parse::<Date>()
            && text.len() == 10
        {
            return Ok(Some(When::Day(day)));
        }
        if let Some(time) = local(text) {
            return Ok(Some(When::Local(time)));
        }
        if let Some(day) = with_name(text) {
            return Ok(Some(When::Day(day)));
        }
        self.slashed(text)
    }

    /// `3/1/2026`, `01.03.2026`, either with a time behind it.
    fn slashed(self, text: &str) -> Result<Option<When>, String> {
        let (date, time) = text.split_once([' ', ',']).unwrap_or((text, ""));
        let Some(mark) = date.chars().find(|c| matches!(c, '/' | '.' | '-')) else { return Ok(None) };
        let parts: Vec<i16> = date.split(mark).filter_map(|part| part.parse().ok()).collect();
        let [first, second, year] = parts[..] else { return Ok(None) };
        let (day, month) = match (self, mark) {
            (_, '.') | (Dates::DayFirst, _) => (first, second),
            (Dates::MonthFirst, _) => (second, first),
            _ if first > 12 => (first, second),
            _ if second > 12 || first == second => (second, first),
            _ => {
                return Err(format!(
                    "{text:?} has two readings: say with `dates` whether the day or the month is first"
                ));
            }
        };
        let year = if (0..100).contains(&year) { 2000 + year } else { year };
        let (Ok(day), Ok(month)) = (i8::try_from(day), i8::try_from(month)) else { return Ok(None) };
        let Ok(day) = Date::new(year, month, day) else { return Ok(None) };
        Ok(match time.trim() {
            "" => Some(When::Day(day)),
            time => local(&format!("{day} {time}")).or_else(|| with_half(day, time)).map(When::Local),
        })
    }
}

fn local(text: &str) -> Option<DateTime> {
    let forms =
        ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %I:%M:%S %p", "%Y-%m-%d %I:%M %p"];
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    forms.into_iter().find_map(|form| DateTime::strptime(form, text).ok())
}

fn with_half(day: Date, time: &str) -> Option<DateTime> {
    local(&format!("{day} {}", time.to_uppercase()))
}

/// `Mar 1, 2026`, `1 March 2026`.
fn with_name(text: &str) -> Option<Date> {
    let forms = ["%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%b %d %Y"];
    forms.into_iter().find_map(|form| Date::strptime(form, text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn start(dates: Dates, text: &str) -> String {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        match dates.read(&json!(text)).and_then(|when| when.start(&zone)) {
            Ok(time) => time.to_string(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn dates_are_read_in_the_zone_of_the_account() {
        for text in
            ["2026-03-01", "20260301", "Mar 1, 2026", "1 March 2026", "01.03.2026", "1.3.26", "2026-03-01 00:00:00"]
        {
            assert_eq!(start(Dates::Auto, text), "2026-02-28T23:00:00Z", "{text}");
        }
        for (dates, text, expected) in [
            (Dates::Auto, "2026-03-01T10:00:00Z", "2026-03-01T10:00:00Z"),
            (Dates::Auto, "3/31/2026", "2026-03-30T22:00:00Z"),
            (Dates::Auto, "31/3/2026", "2026-03-30T22:00:00Z"),
            (Dates::MonthFirst, "3/1/2026", "2026-02-28T23:00:00Z"),
            (Dates::DayFirst, "3/1/2026 1:30 pm", "2026-01-03T12:30:00Z"),
            (
                Dates::Auto,
                "3/1/2026",
                "\"3/1/2026\" has two readings: say with `dates` whether the day or the month is first",
            ),
            (Dates::Auto, "soon", "\"soon\" is no date: write 2026-03-01, or RFC 3339"),
            (Dates::Auto, "2026-02-30", "\"2026-02-30\" is no date: write 2026-03-01, or RFC 3339"),
        ] {
            assert_eq!(start(dates, text), expected, "{text}");
        }
    }

    #[test]
    fn a_day_ends_where_the_next_begins_when_the_clocks_change_too() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let day = Dates::Auto.read(&json!("2026-03-29")).unwrap();
        let hours = day.end(&zone).unwrap().duration_since(day.start(&zone).unwrap()).as_hours();
        assert_eq!(hours, 23);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9/.: -]{0,20}|\\PC{0,12}") {
            for dates in [Dates::Auto, Dates::DayFirst, Dates::MonthFirst] {
                let _ = start(dates, &text);
            }
        }
    }
}
