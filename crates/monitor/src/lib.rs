//! Which brands a mention belongs to: the boolean query language of monitors, and one matcher for all of them.
//!
//! | written | matches |
//! |---|---|
//! | `word` | the word, in any case; `acme` is found in `Acme's` and `#acme`, not in `acmeville` |
//! | `"two words"` | the words in order, however much white space lies between; `\` takes the next character as it is |
//! | `#tag` | the tag in the text, or in the mention's list of hashtags |
//! | `@handle` | the handle in the text, or in the mention's list of handles |
//! | `a b`, `a AND b` | both |
//! | `a OR b` | at least one |
//! | `NOT a`, `-a` | not this |
//! | `(a OR b) c` | a group |
//!
//! NOT binds closer than AND, and AND closer than OR. Operators are upper-case: `and` is a word. A query that requires
//! nothing (`NOT a`, `a OR NOT b`) is refused. Case is folded by Unicode; composed and decomposed accents are not
//! unified. In scripts without spaces between words (Han, kana, Thai, …) and in Hangul a word may stand anywhere.

mod error;
mod finder;
mod fold;
mod lexer;
mod matcher;
mod need;
mod parser;
mod query;
mod vocabulary;

pub use error::{MonitorError, ParseError};
pub use finder::Finder;
pub use matcher::{Matcher, OWN_ACCOUNT, OWNED_SPACE};
pub use need::{Need, ODD, Place};
pub use parser::{MAX_DEPTH, parse, parse_search};
pub use query::{Literal, MonitorQuery, Query};
pub use vocabulary::Words;

use serde::{Deserialize, Serialize};

/// A brand, ours or a competitor's, and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brand {
    /// The name that figures are shown under. Unique.
    pub name: String,
    /// A competitor's brand: it counts in share of voice and raises no alert of its own.
    #[serde(default)]
    pub competitor: bool,
    /// Handles that speak for the brand, without `@`, or the platform's ids of such accounts (`did:plc:…`). What they
    /// write belongs to the brand, and counts as the team's.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Spaces that the brand owns, as sources name them. Everything posted there belongs to the brand.
    #[serde(default)]
    pub spaces: Vec<String>,
    #[serde(default, rename = "monitor")]
    pub monitors: Vec<Monitor>,
}

/// A saved boolean query that says what belongs to a brand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// Unique within the brand.
    pub name: String,
    /// Words, "phrases", #hashtag, @handle, AND, OR, NOT, (groups). Words next to each other mean AND.
    pub query: String,
}

impl Monitor {
    /// As it stands in a configuration, under its brand.
    pub fn toml(&self) -> String {
        format!("[[brand.monitor]]\nname = {}\nquery = {}\n", quoted(&self.name), quoted(&self.query))
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monitor_is_written_as_toml_reads_it() {
        let monitor = Monitor { name: "a".into(), query: "\"new\tphone\" OR \\".into() };
        assert_eq!(monitor.toml(), "[[brand.monitor]]\nname = \"a\"\nquery = \"\\\"new\\u0009phone\\\" OR \\\\\"\n");
    }
}
