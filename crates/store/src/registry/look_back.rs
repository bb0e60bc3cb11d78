use jiff::{ToSpan, tz::TimeZone};

use crate::client::{from_millis, millis};

/// What a metric reads beyond its span. Its coverage is asked from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookBack {
    Nothing,
    /// So many spans of equal length before the span.
    SpansBefore(i64),
    /// So many days before the end of the span; by day, before the end of its first day.
    DaysBeforeEnd(i64),
    /// So many days before the span.
    DaysBefore(i64),
    /// From the start of the calendar month (UTC) before the span's first.
    MonthBefore,
    /// Everything that is stored.
    History,
    /// Everything that is stored, to tell who was new in the span or so many days before it.
    HistoryOfDaysBefore(i64),
    /// So many days before the span, for what is replied to in it: nobody counts what is there, so coverage is that of the span.
    RepliedTo(i64),
    /// So many days before the end of the span, whatever its beginning: the answer's span is these days.
    Window(i64),
}

const DAY: i64 = 86_400_000;
/// A history that begins less than this before the span is short: nearly everyone in it is new.
const SHORT_HISTORY: i64 = 30 * DAY;

impl LookBack {
    /// Where a metric over this span begins to read. All in milliseconds.
    pub(crate) fn begin(self, from: i64, to: i64, over_time: bool) -> i64 {
        let begin = match self {
            Self::Nothing => from,
            Self::SpansBefore(spans) => from - spans * (to - from),
            Self::DaysBeforeEnd(days) if over_time => from.div_euclid(DAY) * DAY - (days - 1) * DAY,
            Self::DaysBeforeEnd(days) | Self::Window(days) => to - days * DAY,
            Self::DaysBefore(days) | Self::RepliedTo(days) => from - days * DAY,
            Self::MonthBefore => month_before(from),
            Self::History | Self::HistoryOfDaysBefore(_) => 0,
        };
        begin.max(0)
    }

    /// From when on a gap makes a metric over this span partial, in milliseconds.
    pub(crate) fn covered(self, from: i64, to: i64, over_time: bool) -> i64 {
        if matches!(self, Self::RepliedTo(_)) { from } else { self.begin(from, to, over_time) }
    }

    /// The latest time at which the brand's history may begin for the figure to be whole; `None` where it does not
    /// matter.
    pub(crate) fn history_since(self, from: i64, to: i64, over_time: bool) -> Option<i64> {
        match self {
            Self::Nothing | Self::RepliedTo(_) => None,
            Self::History => Some((from - SHORT_HISTORY).max(0)),
            Self::HistoryOfDaysBefore(days) => Some((from - days * DAY - SHORT_HISTORY).max(0)),
            Self::SpansBefore(_)
            | Self::DaysBeforeEnd(_)
            | Self::DaysBefore(_)
            | Self::MonthBefore
            | Self::Window(_) => Some(self.begin(from, to, over_time)),
        }
    }
}

/// Start of the month before the one that holds this time, all in milliseconds.
fn month_before(from: i64) -> i64 {
    let date = from_millis(from).to_zoned(TimeZone::UTC).date();
    let start = date.first_of_month().saturating_sub(1.month()).to_zoned(TimeZone::UTC);
    start.map_or(0, |start| millis(start.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_begins_to_read_where_it_looks_back_to() {
        let (from, to) = (100 * DAY + DAY / 2, 101 * DAY);
        let begin = |back: LookBack, over_time| back.begin(from, to, over_time);
        assert_eq!(begin(LookBack::Nothing, false), from);
        assert_eq!(begin(LookBack::SpansBefore(7), false), 97 * DAY);
        assert_eq!(begin(LookBack::DaysBeforeEnd(30), false), 71 * DAY);
        assert_eq!(begin(LookBack::DaysBeforeEnd(30), true), 71 * DAY, "from the start of the first day");
        assert_eq!(begin(LookBack::History, false), 0);
        assert_eq!(begin(LookBack::Window(14), true), 87 * DAY);
        assert_eq!(LookBack::SpansBefore(7).begin(DAY, 2 * DAY, false), 0, "nothing is before 1970");
        assert_eq!(LookBack::Nothing.history_since(from, to, false), None);
        assert_eq!(LookBack::History.history_since(from, to, false), Some(from - 30 * DAY));
        assert_eq!(begin(LookBack::DaysBefore(90), false), from - 90 * DAY);
        assert_eq!(begin(LookBack::RepliedTo(90), false), from - 90 * DAY);
        assert_eq!(LookBack::RepliedTo(90).covered(from, to, false), from, "nobody counts what is replied to");
        assert_eq!(LookBack::DaysBefore(90).covered(from, to, false), from - 90 * DAY);
        assert_eq!(LookBack::RepliedTo(90).history_since(from, to, false), None);
        assert_eq!(LookBack::HistoryOfDaysBefore(30).history_since(from, to, false), Some(from - 60 * DAY));
        // 11 April 1970 at noon; March begins on day 59.
        assert_eq!(begin(LookBack::MonthBefore, false), 59 * DAY);
        assert_eq!(LookBack::MonthBefore.begin(5, 10, false), 0, "nothing is before 1970");
    }
}
