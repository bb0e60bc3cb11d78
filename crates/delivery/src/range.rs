use std::{fmt, str::FromStr};

/// Offsets of one partition from `first` to `last`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetRange {
    pub first: u64,
    pub last: u64,
}

impl OffsetRange {
    /// `None` where `last` is before `first`.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// How many offsets it has.
    pub fn width(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// `17-42`.
impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an offset range is written as in 17-42, not {0:?}")]
pub struct ParseRangeError(String);

impl FromStr for OffsetRange {
    type Err = ParseRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| digits.parse().ok();
        text.split_once('-')
            .and_then(|(first, last)| Self::new(number(first)?, number(last)?))
            .ok_or_else(|| ParseRangeError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_written_as_tokens_have_it_and_read_back() {
        let range = OffsetRange::new(17, 42).unwrap();
        assert_eq!((range.to_string().as_str(), range.width()), ("17-42", 26));
        assert_eq!("17-42".parse(), Ok(range));
        assert_eq!(OffsetRange::new(2, 1), None);
        for text in ["", "17", "42-17", "-1-2", "17-", "a-b"] {
            assert!(text.parse::<OffsetRange>().is_err(), "{text:?}");
        }
    }
}
