//! Numbers as people and exports write them: `1,234.56`, `1.234,56 €`, `1 234,56`, `(12.50)`, `12 %`. Pure.

use grapevine_model::Amount;
use serde::Deserialize;
use serde_json::Value;

/// Which mark stands before the digits of a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub(crate) enum Numbers {
    /// Each number is looked at: what could be both is refused.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    #[serde(rename = "1,234.56")]
    Point,
    #[serde(rename = "1.234,56")]
    Comma,
}

impl Numbers {
    /// `None` where nothing is said: blank, a dash, `N/A`.
    ///
    /// # Errors
    /// What stands there instead.
    pub(crate) fn amount(self, value: &Value) -> Result<Option<Amount>, String> {
        match value {
            Value::Number(number) => of_json(number).map(Some),
            Value::String(text) if is_blank(text) => Ok(None),
            Value::String(text) => self.plain(text, false)?.parse().map(Some).map_err(|_| no_number(value)),
            other => Err(no_number(other)),
        }
    }

    /// A whole number that is not below 0.
    ///
    /// # Errors
    /// What stands there instead.
    pub(crate) fn count(self, value: &Value) -> Result<Option<u64>, String> {
        let amount = match value {
            Value::Number(number) if number.is_u64() => return Ok(number.as_u64()),
            Value::Number(number) => of_json(number)?,
            Value::String(text) if is_blank(text) => return Ok(None),
            Value::String(text) => self.plain(text, true)?.parse().map_err(|_| no_number(value))?,
            other => return Err(no_number(other)),
        };
        match u64::try_from(amount.micros()) {
            Err(_) => Err(format!("{} is below 0", shown(value))),
            Ok(micros) if micros % 1_000_000 != 0 => Err(format!("{} is no whole number", shown(value))),
            Ok(micros) => Ok(Some(micros / 1_000_000)),
        }
    }

    /// Digits with a point at most. `whole`: a single mark before three digits parts thousands.
    fn plain(self, text: &str, whole: bool) -> Result<String, String> {
        let is_negative = text.contains('-') || text.contains('−') || (text.contains('(') && text.contains(')'));
        let kept: String = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
        let stray = text.chars().any(|c| c.is_alphanumeric() && !c.is_ascii_digit() && !is_unit(text, c));
        if kept.is_empty() || stray {
            return Err(no_number(&Value::from(text)));
        }
        let decimal = match self {
            Numbers::Point => Some('.'),
            Numbers::Comma => Some(','),
            Numbers::Auto => decimal_mark(&kept, whole)
                .map_err(|()| format!("{text:?} has two readings: say with `numbers` how they are written"))?,
        };
        let plain: String = kept
            .chars()
            .filter_map(|c| match c {
                mark @ ('.' | ',') => (Some(mark) == decimal).then_some('.'),
                digit => Some(digit),
            })
            .collect();
        Ok(if is_negative { format!("-{plain}") } else { plain })
    }
}

/// A currency's code beside a number, such as `EUR 12.50`: letters in a run of three.
fn is_unit(text: &str, letter: char) -> bool {
    let runs = || text.split(|c: char| !c.is_alphabetic()).filter(|run| !run.is_empty());
    letter.is_alphabetic() && runs().count() == 1 && runs().all(|run| run.chars().count() <= 3)
}

/// The mark before the fraction, where there is one. `Err` where the number could be read in two ways.
fn decimal_mark(kept: &str, whole: bool) -> Result<Option<char>, ()> {
    let last = kept.rfind(['.', ',']).map(|at| (at, kept.as_bytes()[at] as char));
    let Some((at, mark)) = last else { return Ok(None) };
    let other = if mark == '.' { ',' } else { '.' };
    let times = kept.matches(mark).count();
    if kept.contains(other) {
        return if times == 1 { Ok(Some(mark)) } else { Err(()) };
    }
    let (before, after) = (&kept[..at], &kept[at + 1..]);
    let could_be_thousands = after.len() == 3 && !before.is_empty() && before.len() <= 3 && !before.starts_with('0');
    match (times, could_be_thousands) {
        (1, false) => Ok(Some(mark)),
        (1, true) if whole => Ok(None),
        (1, true) => Err(()),
        _ => Ok(None),
    }
}

fn of_json(number: &serde_json::Number) -> Result<Amount, String> {
    let written = match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => whole.to_string(),
        (_, Some(float)) => format!("{float:.6}"),
        _ => number.to_string(),
    };
    written.parse().map_err(|_| format!("{number} is too large for a number of money"))
}

pub(crate) fn is_blank(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || text.chars().all(|c| matches!(c, '-' | '–' | '—')) || text.eq_ignore_ascii_case("n/a")
}

fn no_number(value: &Value) -> String {
    format!("{} is no number", shown(value))
}

pub(crate) fn shown(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn amount(numbers: Numbers, text: &str) -> String {
        match numbers.amount(&json!(text)) {
            Ok(Some(amount)) => amount.to_string(),
            Ok(None) => "nothing".to_owned(),
            Err(reason) => reason,
        }
    }

    #[test]
    fn numbers_of_every_country_are_read() {
        for (text, expected) in [
            ("12", "12"),
            ("12.5", "12.5"),
            ("12,50", "12.5"),
            ("1,234.56", "1234.56"),
            ("1.234,56 €", "1234.56"),
            ("1\u{202f}234,56", "1234.56"),
            ("1'234.56", "1234.56"),
            ("€1,234,567", "1234567"),
            ("EUR 12.30", "12.3"),
            ("US$12.30", "12.3"),
            ("0.125", "0.125"),
            ("1234.567", "1234.567"),
            ("(12.50)", "-12.5"),
            ("−3", "-3"),
            ("12 %", "12"),
            ("--", "nothing"),
            (" ", "nothing"),
            ("N/A", "nothing"),
            ("free", "\"free\" is no number"),
            ("12 of 13 clicks", "\"12 of 13 clicks\" is no number"),
            ("1,234", "\"1,234\" has two readings: say with `numbers` how they are written"),
        ] {
            assert_eq!(amount(Numbers::Auto, text), expected, "{text}");
        }
        assert_eq!(amount(Numbers::Point, "1,234"), "1234");
        assert_eq!(amount(Numbers::Comma, "1,234"), "1.234");
    }

    #[test]
    fn a_count_is_whole_and_not_below_zero() {
        let count = |value: Value| Numbers::Auto.count(&value);
        for (value, expected) in [
            (json!("1,234"), Ok(Some(1234))),
            (json!("1.234"), Ok(Some(1234))),
            (json!("12.00"), Ok(Some(12))),
            (json!(7), Ok(Some(7))),
            (json!(7.0), Ok(Some(7))),
            (json!("--"), Ok(None)),
            (json!("-3"), Err("\"-3\" is below 0".to_owned())),
            (json!(-3), Err("-3 is below 0".to_owned())),
            (json!("1.5"), Err("\"1.5\" is no whole number".to_owned())),
            (json!([1]), Err("[1] is no number".to_owned())),
        ] {
            assert_eq!(count(value.clone()), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-−0-9.,'€ ()%A-Za-z]{0,16}") {
            for numbers in [Numbers::Auto, Numbers::Point, Numbers::Comma] {
                let _ = (numbers.amount(&json!(text)), numbers.count(&json!(text)));
            }
        }
    }
}
