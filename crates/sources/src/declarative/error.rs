//! Mistakes in a definition: what, where, and how to mend them.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// A mistake in a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// From 1; absent where the mistake is in no line.
    pub line: Option<usize>,
    /// The key that it is about, such as `listing.0.map.text`; empty for the whole.
    pub place: String,
    pub message: String,
}

impl DefinitionError {
    /// The definition has to change: trying again does not help.
    pub fn is_transient(&self) -> bool {
        false
    }

    /// From the parser of TOML; an unknown key is told with the nearest that there is.
    pub(crate) fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map(|span| line_of(text, span.start));
        Self { line, place: String::new(), message: with_hint(error.message()) }
    }

    /// A mistake that the parser does not see.
    pub(crate) fn of_wrong(text: &str, wrong: Wrong) -> Self {
        Self { line: place_line(text, &wrong.place), place: wrong.place.join("."), message: wrong.message }
    }
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(formatter, "line {line}: ")?;
        }
        if !self.place.is_empty() {
            write!(formatter, "`{}` ", self.place)?;
        }
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for DefinitionError {}

/// A mistake under a key, before the line is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Keys and indices from the outermost inwards.
    pub(crate) place: Vec<String>,
    /// Goes on after the key: `has a { that no } closes`.
    pub(crate) message: String,
}

impl Wrong {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { place: Vec::new(), message: message.into() }
    }

    /// The same, one step further out.
    pub(crate) fn under(mut self, step: impl ToString) -> Self {
        self.place.insert(0, step.to_string());
        self
    }
}

/// Puts the key before a mistake.
pub(crate) trait Under<T> {
    fn under(self, step: impl ToString) -> Result<T, Wrong>;
}

impl<T> Under<T> for Result<T, Wrong> {
    fn under(self, step: impl ToString) -> Result<T, Wrong> {
        self.map_err(|wrong| wrong.under(step))
    }
}

impl<T> Under<T> for Result<T, String> {
    fn under(self, step: impl ToString) -> Result<T, Wrong> {
        self.map_err(|message| Wrong::new(message).under(step))
    }
}

/// The name that is most like this one, if any is.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.map(|known| (strsim::jaro_winkler(name, known), known));
    scored.filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// What to say of a name that there is not.
pub(crate) fn unknown(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("is not known: write `{nearest}`, or one of {}", known.join(", ")),
        None => format!("is not known: it is one of {}", known.join(", ")),
    }
}

/// serde's message, on one line; an unknown key is told with the nearest that there is.
pub(crate) fn with_hint(message: &str) -> String {
    let message = message.trim().replace('\n', " ");
    let hint = unknown_field(&message).and_then(|(unknown, known)| {
        let nearest = nearest(&unknown, known.iter().map(String::as_str))?;
        Some(format!("there is no key `{unknown}`: write `{nearest}`, or one of {}", known.join(", ")))
    });
    hint.unwrap_or(message)
}

/// serde's message for a key that a table does not have, taken apart.
fn unknown_field(message: &str) -> Option<(String, Vec<String>)> {
    let mut quoted = message.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2).map(str::to_owned);
    Some((quoted.next()?, quoted.collect()))
}

fn line_of(text: &str, byte: usize) -> usize {
    text.get(..byte).unwrap_or(text).matches('\n').count() + 1
}

/// The line of the deepest part of the place that is written there.
fn place_line(text: &str, place: &[String]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let mut line = None;
    let mut value: Option<&DeValue<'_>> = None;
    for step in place {
        let table = match value {
            None => Some(document.get_ref()),
            Some(DeValue::Table(table)) => Some(table),
            Some(_) => None,
        };
        let (span, next) = match (table, value) {
            (Some(table), _) => {
                let Some((key, found)) = table.iter().find(|(key, _)| key.get_ref().as_ref() == step) else { break };
                (key.span(), found.get_ref())
            }
            (None, Some(DeValue::Array(items))) => {
                let Some(item) = step.parse().ok().and_then(|index: usize| items.get(index)) else { break };
                (item.span(), item.get_ref())
            }
            _ => break,
        };
        line = Some(line_of(text, span.start));
        value = Some(next);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_its_line() {
        let text = "a = 1\n[[b]]\nc = 1\n[[b]]\nc = 2\n[b.d]\ne = { f = 3 }\n";
        let line = |place: &[&str]| place_line(text, &place.iter().map(|step| step.to_string()).collect::<Vec<_>>());
        assert_eq!(line(&["a"]), Some(1));
        assert_eq!(line(&["b", "1", "c"]), Some(5));
        assert_eq!(line(&["b", "1", "d", "e", "f"]), Some(7));
        assert_eq!(line(&["b", "1", "d", "e", "missing"]), Some(7));
        assert_eq!(line(&[]), None);
    }

    #[test]
    fn an_unknown_name_is_told_with_the_nearest() {
        assert_eq!(unknown("tex", &["id", "text"]), "is not known: write `text`, or one of id, text");
        assert_eq!(unknown("zzz", &["id", "text"]), "is not known: it is one of id, text");
    }
}
