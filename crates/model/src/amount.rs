use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of money or of conversions, exact to a millionth: what is added up must not drift.
///
/// Written as a decimal number in a text: `"12.5"`, `"-0.000001"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(i64);

impl Amount {
    pub const ZERO: Self = Self(0);
    /// Digits after the point.
    pub const SCALE: usize = 6;
    const ONE: i64 = 1_000_000;

    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Millionths.
    pub fn micros(self) -> i64 {
        self.0
    }

    pub fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 1_000_000, self.0.unsigned_abs() % 1_000_000);
        let digits = format!("{rest:06}");
        match digits.trim_end_matches('0') {
            "" => write!(f, "{sign}{whole}"),
            digits => write!(f, "{sign}{whole}.{digits}"),
        }
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an amount is a decimal number between -9223372036854 and 9223372036854, not {0:?}")]
pub struct ParseAmountError(String);

impl FromStr for Amount {
    type Err = ParseAmountError;

    /// Digits beyond the sixth round half away from zero.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Self).ok_or_else(|| ParseAmountError(text.chars().take(60).collect()))
    }
}

fn parse(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(rest) || (whole.is_empty() && rest.is_empty()) {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let digit = |at: usize| rest.as_bytes().get(at).map_or(0, |byte| i64::from(byte - b'0'));
    let kept = (0..Amount::SCALE).fold(0, |sum, at| sum * 10 + digit(at));
    let rounded = kept + i64::from(digit(Amount::SCALE) >= 5);
    let micros = whole.checked_mul(Amount::ONE)?.checked_add(rounded)?;
    Some(if negative { -micros } else { micros })
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_decimal_number_is_read_to_the_millionth() {
        for (text, micros) in [
            ("0", 0),
            ("12.5", 12_500_000),
            ("-0.000001", -1),
            (".5", 500_000),
            ("7.", 7_000_000),
            ("+1.0000005", 1_000_001),
            ("0.1234564999", 123_456),
        ] {
            assert_eq!(text.parse(), Ok(Amount(micros)), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in ["", ".", "-", "1,5", "1e3", " 1", "--1", "9223372036855", "٣"] {
            assert!(text.parse::<Amount>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_amount_round_trips_through_text(micros in -i64::MAX..=i64::MAX) {
            prop_assert_eq!(Amount(micros).to_string().parse(), Ok(Amount(micros)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+.0-9é]{0,30}") {
            let _ = text.parse::<Amount>();
        }
    }
}
