//! Which brands a mention belongs to: the boolean query language of monitors, and one matcher for all of them.
//!
//! | written | matches |
//! |---|---|
//! | `word` | the word, in any case; `acme` is found in `Acme's` and `#acme`, not in `acmeville` |
//! | `"two words"` | the words in order, however much white space lies between; `\` takes the next character as it is |
//! | `brok*` | words that begin so: `broke`, `broken`; two letters at least, and `*` only at the end |
//! | `acme NEAR/5 broken` | both, in either order, with five words between at most; each is a word, a phrase or a wildcard |
//! | `#tag` | the tag in the text, or in the mention's list of hashtags |
//! | `@handle` | the handle in the text, or in the mention's list of handles |
//! | `from:ada` | what the author with this handle wrote, or with this id on the platform |
//! | `lang:pt` | what is written in the language, whatever the country: the text's own, else what the platform says |
//! | `platform:reddit` | what comes from the platform |
//! | `space:help`, `space:"two words"` | what was posted in the space, by its whole name |
//! | `a b`, `a AND b` | both |
//! | `a OR b` | at least one |
//! | `NOT a`, `-a` | not this |
//! | `(a OR b) c` | a group |
//!
//! NEAR binds closer than NOT, NOT closer than AND, and AND closer than OR. Operators are upper-case: `and` is a word. A
//! query that requires nothing (`NOT a`, `a OR NOT b`, `lang:en`) is refused. NEAR counts `don't` as one word, and each sign of
//! a script without spaces; the two that it joins do not overlap. Values behind `from:` and the like are compared whole, in any
//! case. Case is folded by Unicode; composed and decomposed accents are not
//! unified. In scripts without spaces between words (Han, kana, Thai, …) and in Hangul a word may stand anywhere.

mod anchors;
mod error;
mod finder;
mod fold;
mod forms;
mod found;
mod lexer;
mod matcher;
mod need;
mod parser;
mod query;
mod vocabulary;

pub use error::{MonitorError, ParseError};
pub use finder::Finder;
pub use forms::MOST_BETWEEN;
pub use matcher::{Matcher, OWN_ACCOUNT, OWNED_SPACE};
pub use need::{Need, ODD, Piece, Place};
pub use parser::{MAX_DEPTH, parse, parse_search};
pub use query::{Field, Literal, MonitorQuery, Query};
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
    /// Words, "phrases", wildc*, a NEAR/5 b, #hashtag, @handle, from:, lang:, platform:, space:, AND, OR, NOT, (groups). Words
    /// next to each other mean AND.
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
        let monitor = Monitor { name: "b".into(), query: "brok* NEAR/3 acme space:\"help desk\"".into() };
        assert!(
            monitor.toml().ends_with("query = \"brok* NEAR/3 acme space:\\\"help desk\\\"\"\n"),
            "{}",
            monitor.toml()
        );
    }
}
