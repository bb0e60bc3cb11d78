/// What a metric reads beyond its span. Its coverage is asked from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookBack {
    Nothing,
    /// So many spans of equal length before the span.
    SpansBefore(i64),
    /// So many days before the end of the span; by day, before the end of its first day.
    DaysBeforeEnd(i64),
    /// Everything that is stored.
    History,
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
            Self::DaysBeforeEnd(days) => to - days * DAY,
            Self::History => 0,
        };
        begin.max(0)
    }

    /// The latest time at which the brand's history may begin for the figure to be whole; `None` where it does not
    /// matter.
    pub(crate) fn history_since(self, from: i64, to: i64, over_time: bool) -> Option<i64> {
        match self {
            Self::Nothing => None,
            Self::History => Some((from - SHORT_HISTORY).max(0)),
            Self::SpansBefore(_) | Self::DaysBeforeEnd(_) => Some(self.begin(from, to, over_time)),
        }
    }
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
        assert_eq!(LookBack::SpansBefore(7).begin(DAY, 2 * DAY, false), 0, "nothing is before 1970");
        assert_eq!(LookBack::Nothing.history_since(from, to, false), None);
        assert_eq!(LookBack::History.history_since(from, to, false), Some(from - 30 * DAY));
    }
}
