//! What a reader's statement may not reach. The engine was made for a person at a command line, so even a session with
//! `readonly` reads any file of the machine, in two ways: by table functions (`file`, `url`, `executable`, …), and by a
//! table's name that is a path (`FROM '/etc/passwd'`). In a server, grants and `user_files_path` stand before both.
//!
//! The check is on tokens and refuses what it cannot see through: outside of plain quotes, only ASCII, and no `$`, as
//! ClickHouse knows quotes and blanks beyond ASCII and `$tag$…$tag$` strings. Values belong in parameters anyway.

use std::collections::HashSet;

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
/// Words that end a list of tables.
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
            let in_tables = &mut tables[depth];
            match (&token, &last) {
                (Token::Word(word), _) => {
                    let word = &text[word.clone()];
                    if !word.is_ascii() {
                        return Err(refuse("letters beyond ASCII outside of quotes"));
                    }
                    *in_tables = BEFORE_TABLE.iter().any(|keyword| is(word, keyword))
                        || *in_tables && !AFTER_TABLES.iter().any(|keyword| is(word, keyword));
                }
                (Token::Quoted(name), _) if text[name.clone()].iter().any(|byte| matches!(byte, b'\\' | b'/')) => {
                    return Err(refuse("a quoted name with a slash"));
                }
                (Token::Text, Some(Token::Word(word)))
                    if BEFORE_TABLE.iter().any(|known| is(&text[word.clone()], known)) =>
                {
                    return Err(refuse("a string in a table's place"));
                }
                (Token::Text, Some(Token::Symbol(b','))) if *in_tables => {
                    return Err(refuse("a string in a table's place"));
                }
                (Token::Symbol(b'$'), _) => return Err(refuse("`$` outside of quotes")),
                (Token::Symbol(b'('), Some(Token::Symbol(b'}'))) => {
                    return Err(refuse("a function named by a parameter"));
                }
                (Token::Symbol(b'('), Some(Token::Word(name) | Token::Quoted(name))) => {
                    let name = String::from_utf8_lossy(&text[name.clone()]).to_ascii_lowercase();
                    if self.outward.contains(&name) {
                        return Err(refuse(&format!("function {name}")));
                    }
                }
                _ => {}
            }
            last = Some(token);
        }
        Ok(())
    }
}

fn refuse(what: &str) -> Fault {
    Fault::new(code::READONLY, format!("reader: {what} is refused, as it may reach beyond the tables. (READONLY)"))
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
            "SELECT count(), `a`, \"b c\" FROM t WHERE x = 'file(1) /etc 🍇 $' AND y IN ('/a', 'b') SETTINGS max_threads = 1",
            "WITH x AS (SELECT 1) SELECT * FROM x, numbers(3) AS n JOIN t ON t.a = '/b' GROUP BY 1, 'c', file",
            "SELECT trimBoth(s), {p:String}, [1, 2] FROM {d:Identifier}.t ORDER BY a, 'x'",
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
