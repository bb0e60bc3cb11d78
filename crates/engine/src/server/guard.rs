//! What a reader's statement may not reach. The engine was made for a person at a command line, so even a session with
//! `readonly` reads any file of the machine, in two ways: by table functions (`file`, `url`, `executable`, …), and by a
//! table's name that is a path (`FROM '/etc/passwd'`). In a server, grants and `user_files_path` stand before both.
//!
//! The check is on tokens and refuses what it cannot see through: outside of plain quotes, only ASCII, and no `$`, as
//! ClickHouse knows quotes and blanks beyond ASCII and `$tag$…$tag$` strings. Values belong in parameters anyway.

use std::collections::HashSet;
use std::ops::Range;

use super::sql::{Lexer, Placed, Token, is};
use crate::Fault;
use crate::fault::code;

/// Table functions that only make rows up or read tables of this engine. All others reach files, hosts or programs.
const HARMLESS: [&str; 13] = [
    "format",
    "generate_series",
    "generaterandom",
    "generateseries",
    "merge",
    "null",
    "numbers",
    "numbers_mt",
    "values",
    "view",
    "viewifpermitted",
    "zeros",
    "zeros_mt",
];

/// Words after which a table's name comes.
const BEFORE_TABLE: [&str; 6] = ["FROM", "JOIN", "TABLE", "DESCRIBE", "DESC", "EXISTS"];
/// Words that begin a list of tables.
const BEFORE_TABLES: [&str; 2] = ["FROM", "JOIN"];
/// Words that end one.
const AFTER_TABLES: [&str; 14] = [
    "SELECT", "WHERE", "PREWHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "SETTINGS", "UNION", "ON", "USING", "QUALIFY",
    "WINDOW", "WITH",
];

/// Knows the functions of this build that reach beyond its tables.
pub(super) struct Guard {
    outward: HashSet<String>,
}

impl Guard {
    /// From the lower-cased names of all table functions.
    pub(super) fn against<'a>(table_functions: impl Iterator<Item = &'a str>) -> Self {
        let outward = table_functions.filter(|name| !HARMLESS.contains(name));
        Self { outward: outward.map(str::to_owned).collect() }
    }

    /// Refuses a text that reaches beyond the tables, or that cannot be seen through.
    pub(super) fn check(&self, text: &[u8]) -> Result<(), Fault> {
        let mut last: Option<Token> = None;
        // For each open bracket, whether a list of tables is being read in it.
        let mut tables = vec![false];
        for Placed { token, depth, .. } in Lexer::new(text) {
            tables.resize(depth + 1, false);
            if let Some(what) = self.way_out(text, (last.as_ref(), &token), tables[depth]) {
                let text = format!("reader: {what} is refused, as it may reach beyond the tables. (READONLY)");
                return Err(Fault::new(code::READONLY, text));
            }
            // After a brace it is a parameter's name, such as `from`, and no keyword.
            if let Token::Word(word) = &token
                && last != Some(Token::Symbol(b'{'))
            {
                let word = &text[word.clone()];
                tables[depth] = one_of(word, &BEFORE_TABLES) || tables[depth] && !one_of(word, &AFTER_TABLES);
            }
            last = Some(token);
        }
        Ok(())
    }

    /// What is wrong with a token, given the one before it.
    fn way_out(&self, text: &[u8], pair: (Option<&Token>, &Token), in_tables: bool) -> Option<String> {
        let of = |range: &Range<usize>| &text[range.clone()];
        match pair {
            (_, Token::Word(word)) if !of(word).is_ascii() => {
                Some("a letter beyond ASCII outside of quotes".to_owned())
            }
            (_, Token::Quoted(name)) if of(name).iter().any(|byte| matches!(byte, b'\\' | b'/')) => {
                Some("a quoted name with a slash".to_owned())
            }
            (Some(Token::Word(word)), Token::Text) if one_of(of(word), &BEFORE_TABLE) => {
                Some("a string in a table's place".to_owned())
            }
            (Some(Token::Symbol(b',')), Token::Text) if in_tables => Some("a string in a table's place".to_owned()),
            (_, Token::Symbol(b'$')) => Some("`$` outside of quotes".to_owned()),
            (Some(Token::Symbol(b'}')), Token::Symbol(b'(')) => Some("a function named by a parameter".to_owned()),
            (Some(Token::Word(name) | Token::Quoted(name)), Token::Symbol(b'(')) => {
                let name = String::from_utf8_lossy(of(name)).to_ascii_lowercase();
                self.outward.contains(&name).then(|| format!("function {name}"))
            }
            _ => None,
        }
    }
}

fn one_of(word: &[u8], keywords: &[&str]) -> bool {
    keywords.iter().any(|keyword| is(word, keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::against(["file", "url", "numbers"].into_iter())
    }

    #[test]
    fn statements_on_tables_pass() {
        for text in [
            "SELECT count(), `a`, \"b c\" FROM t WHERE x = 'file(1) /etc 🍇 $' AND y IN ('/a', 'b') SETTINGS a = 1",
            "SELECT a FROM t WHERE at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')",
            "WITH x AS (SELECT 1) SELECT * FROM x, numbers(3) AS n JOIN t ON t.a = '/b' GROUP BY 1, 'c', file",
            "SELECT trimBoth(s), {p:String}, [1, 2] FROM {d:Identifier}.t ORDER BY a DESC, 'x'",
        ] {
            assert_eq!(guard().check(text.as_bytes()), Ok(()), "{text}");
        }
    }

    #[test]
    fn ways_out_are_refused() {
        for text in [
            "SELECT * FROM File /* x */ ('/etc/hostname')",
            "SELECT `file`('/etc/hostname')",
            "SELECT `fi\\x6ce`('/etc/hostname')",
            "SELECT “file”('/etc/hostname')",
            "SELECT 1−file('/etc/hostname')",
            "SELECT ‘'’, file('/etc/hostname')",
            "SELECT $$'$$, file('/etc/hostname')",
            "SELECT * FROM '/etc/passwd'",
            "SELECT * FROM t, '/etc/passwd'",
            "SELECT * FROM (SELECT 1) AS x LEFT JOIN '/etc/passwd' USING a",
            "SELECT * FROM default.`/etc/passwd`",
            "DESCRIBE '/etc/passwd'",
            "SELECT * FROM {f:Identifier}('/etc/hostname')",
        ] {
            assert_eq!(guard().check(text.as_bytes()).map_err(|fault| fault.code), Err(code::READONLY), "{text}");
        }
    }
}
