use crate::fold::is_wide;

/// Why a query could not be parsed, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct ParseError {
    /// Counted in characters from the start of the query; 1 is the first.
    pub column: usize,
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ParseError {
    pub(crate) fn new(column: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { column, message: message.into(), hint: hint.into() }
    }

    /// The line of the query, a caret under the place with the message, and the hint.
    pub fn render(&self, query: &str) -> String {
        let mut left = self.column.saturating_sub(1);
        let mut line = "";
        for candidate in query.split('\n') {
            line = candidate;
            let length = candidate.chars().count();
            if left <= length {
                break;
            }
            left -= length + 1;
        }
        let blank = |c: char| match c {
            '\t' => '\t',
            c if is_wide(c) => '\u{3000}',
            _ => ' ',
        };
        let margin: String = line.chars().take(left).map(blank).collect();
        format!("{line}\n{margin}^ {}\nhint: {}", self.message, self.hint)
    }
}

/// Why a set of brands could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MonitorError {
    #[error("brand {place} has no name: give it one with `name = \"…\"`")]
    UnnamedBrand { place: usize },
    #[error("brands {first_place} and {second_place} have the same name, {first:?} and {second:?}: rename one")]
    DuplicateBrand { first: String, first_place: usize, second: String, second_place: usize },
    #[error("monitors {first:?} and {second:?} of brand {brand:?} have the same name: rename one")]
    DuplicateMonitor { brand: String, first: String, second: String },
    #[error(
        "a monitor of brand {brand:?} is named {monitor:?}, which is kept for what belongs to a brand anyway: rename it"
    )]
    ReservedName { brand: String, monitor: String },
    #[error("monitor {monitor:?} of brand {brand:?}: {error}\n{}", error.render(query))]
    Query { brand: String, monitor: String, query: String, error: Box<ParseError> },
    #[error("the monitors do not fit into one matcher: {0}")]
    TooLarge(String),
}

impl MonitorError {
    /// The configuration has to change: trying again does not help.
    pub fn is_transient(&self) -> bool {
        false
    }
}
