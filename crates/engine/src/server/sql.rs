//! Just enough of ClickHouse's lexer to see what a text is, without being fooled by quotes and comments. Whether a text
//! is valid, and whether it only reads, is for the engine's own parser to say.

use std::ops::Range;

/// A piece of a text that is not blank and no comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A bare identifier, keyword or number.
    Word(Range<usize>),
    /// An identifier in quotes; the range is without them.
    Quoted(Range<usize>),
    /// A string literal.
    Text,
    /// Any other byte.
    Symbol(u8),
}

/// A token, the number of brackets open around it, and where the text goes on after it.
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) depth: usize,
    end: usize,
}

/// Cuts a text into its tokens.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    depth: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn past(&self, needle: &[u8], from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        let found = rest.windows(needle.len()).position(|window| window == needle);
        found.map_or(self.text.len(), |at| from + at + needle.len())
    }

    /// End of the quoted part that opens at `start`, past its closing quote.
    fn quoted(&self, start: usize) -> usize {
        let quote = self.text[start];
        let mut at = start + 1;
        while at < self.text.len() {
            match self.text[at] {
                b'\\' => at += 1,
                byte if byte == quote => return at + 1,
                _ => {}
            }
            at += 1;
        }
        self.text.len()
    }

    /// End of the blank or comment at `start`, if one is there.
    fn skipped(&self, start: usize) -> Option<usize> {
        let rest = &self.text[start..];
        match rest {
            [byte, ..] if byte.is_ascii_whitespace() => Some(start + 1),
            [b'-', b'-', ..] | [b'#', b' ' | b'!', ..] => Some(self.past(b"\n", start)),
            [b'/', b'*', ..] => Some(self.past(b"*/", start + 2)),
            _ => None,
        }
    }

    /// The token at `start`, whose first byte is `byte`, and its end.
    fn token(&self, start: usize, byte: u8) -> (Token, usize) {
        match byte {
            b'\'' => (Token::Text, self.quoted(start)),
            b'`' | b'"' => {
                let end = self.quoted(start);
                (Token::Quoted(start + 1..(end - 1).max(start + 1)), end)
            }
            byte if in_word(byte) => {
                let length = self.text[start..].iter().take_while(|byte| in_word(**byte)).count();
                (Token::Word(start..start + length), start + length)
            }
            byte => (Token::Symbol(byte), start + 1),
        }
    }
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Iterator for Lexer<'_> {
    type Item = Placed;

    fn next(&mut self) -> Option<Placed> {
        while let Some(end) = self.text.get(self.at).and_then(|_| self.skipped(self.at)) {
            self.at = end;
        }
        let (token, end) = self.token(self.at, *self.text.get(self.at)?);
        self.at = end;
        if token == Token::Symbol(b')') {
            self.depth = self.depth.saturating_sub(1);
        }
        let depth = self.depth;
        if token == Token::Symbol(b'(') {
            self.depth += 1;
        }
        Some(Placed { token, depth, end })
    }
}

/// The bare words outside of any brackets, each with where the text goes on after it.
fn outer_words(text: &[u8]) -> impl Iterator<Item = (&[u8], usize)> {
    Lexer::new(text).filter(|placed| placed.depth == 0).filter_map(move |placed| match placed.token {
        Token::Word(range) => Some((&text[range], placed.end)),
        Token::Quoted(_) | Token::Text | Token::Symbol(_) => None,
    })
}

/// Whether the text is a select by its first word; such a text can be streamed.
pub(super) fn is_select(text: &[u8]) -> bool {
    outer_words(text).next().is_some_and(|(word, _)| is(word, "SELECT") || is(word, "WITH"))
}

/// The format that the text itself names (`… FORMAT Name …`).
pub(super) fn named_format(text: &[u8]) -> Option<String> {
    let mut words = outer_words(text);
    let mut named = None;
    while let Some((word, _)) = words.next() {
        if is(word, "FORMAT") {
            named = words.next().map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        }
    }
    named
}

/// An `INSERT INTO … FORMAT Name`, with the place where its inline data begins.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InsertText {
    /// The statement up to `FORMAT`.
    pub(super) head: String,
    /// The name of the data's format.
    pub(super) format: String,
    /// Offset in the text at which data begins; its length if there is none.
    pub(super) data: usize,
}

/// Words that say that an insert's data do not follow in a format.
const OTHER_DATA: [&str; 4] = ["SELECT", "WITH", "VALUES", "WATCH"];

/// Reads an insert whose data follow in a format. `None` for anything else, such as `INSERT … SELECT` or `… VALUES`.
pub(super) fn insert_text(text: &[u8]) -> Option<InsertText> {
    let mut words = outer_words(text);
    words.next().filter(|(word, _)| is(word, "INSERT"))?;
    let (_, keyword_end) = words
        .by_ref()
        .take_while(|(word, _)| !OTHER_DATA.iter().any(|other| is(word, other)))
        .find(|(word, _)| is(word, "FORMAT"))?;
    let (format, after) = words.next()?;
    let format = String::from_utf8_lossy(format).into_owned();
    let head = String::from_utf8_lossy(&text[..keyword_end - "FORMAT".len()]).trim_end().to_owned();
    let blank = text[after..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
    let newline = usize::from(text.get(after + blank) == Some(&b'\n'));
    Some(InsertText { head, format, data: after + blank + newline })
}

/// Whether a word is this keyword, in upper or lower case.
pub(super) fn is(word: &[u8], keyword: &str) -> bool {
    word.eq_ignore_ascii_case(keyword.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(text: &str) -> Option<(String, String, String)> {
        insert_text(text.as_bytes()).map(|found| (found.head, found.format, text[found.data..].to_owned()))
    }

    fn parts(head: &str, format: &str, data: &str) -> Option<(String, String, String)> {
        Some((head.to_owned(), format.to_owned(), data.to_owned()))
    }

    #[test]
    fn an_insert_is_split_at_its_format() {
        assert_eq!(insert("INSERT INTO t(a, b) FORMAT RowBinary"), parts("INSERT INTO t(a, b)", "RowBinary", ""));
        assert_eq!(
            insert("insert into `format` (`a`) format CSV\n\n1"),
            parts("insert into `format` (`a`)", "CSV", "\n1")
        );
        assert_eq!(insert("/* x */ INSERT INTO t SETTINGS a=1 FORMAT CSV 1"), {
            parts("/* x */ INSERT INTO t SETTINGS a=1", "CSV", "1")
        });
    }

    #[test]
    fn other_inserts_and_selects_are_left_to_the_engine() {
        for text in [
            "INSERT INTO t SELECT 1 FORMAT CSV",
            "INSERT INTO t VALUES ('FORMAT CSV')",
            "SELECT 1 FORMAT CSV",
            "INSERT",
        ] {
            assert_eq!(insert(text), None, "{text}");
        }
    }

    #[test]
    fn the_named_format_is_found_wherever_it_stands() {
        assert_eq!(named_format(b"SELECT 1 FORMAT JSON SETTINGS max_threads=1;").as_deref(), Some("JSON"));
        assert_eq!(named_format(b"SELECT 'x FORMAT JSON' -- FORMAT CSV\n"), None);
        assert_eq!(named_format(b"SELECT * FROM (SELECT 1 FORMAT CSV)"), None);
    }

    #[test]
    fn selects_are_known_by_their_first_word() {
        assert!(is_select(b" -- note\n/* a */ with 1 as x select x"));
        assert!(!is_select(b"EXPLAIN SELECT 1") && !is_select(b"'SELECT'"));
    }
}
