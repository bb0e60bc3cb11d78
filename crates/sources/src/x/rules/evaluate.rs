//! X's language, as far as it is written here, as its documentation describes it: for tests.

use std::collections::HashSet;

/// How X divides a text: the stream keeps signs as words of their own, the search takes them for white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Division {
    Stream,
    Search,
}

/// A post as X indexes it.
#[derive(Debug)]
pub(super) struct Indexed {
    division: Division,
    words: Vec<String>,
    pub(super) hashtags: HashSet<String>,
    pub(super) accounts: HashSet<String>,
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_alone(c: char) -> bool {
    "東京东".contains(c) || ('\u{1f300}'..='\u{1faff}').contains(&c) || is_unspaced(c)
}

fn is_unspaced(c: char) -> bool {
    let ranges = [(0xe00, 0xeff), (0x1000, 0x11ff), (0x1780, 0x17ff), (0x3040, 0x30ff), (0x3400, 0x9fff)];
    let more = [(0xac00, 0xd7af), (0xf900, 0xfaff), (0x20000, 0x3ffff)];
    ranges.iter().chain(&more).any(|(from, to)| (*from..=*to).contains(&(c as u32)))
}

fn divided(text: &str, division: Division) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for c in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        if is_word(c) && !is_alone(c) {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if is_alone(c) || (division == Division::Stream && !c.is_whitespace()) {
            words.push(c.to_string());
        }
    }
    words
}

fn names(text: &str, sign: [char; 2], is_of_name: fn(char) -> bool) -> HashSet<String> {
    let chars: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let starts = (0..chars.len()).filter(|at| sign.contains(&chars[*at]) && (*at == 0 || !is_word(chars[at - 1])));
    starts.map(|at| chars[at + 1..].iter().take_while(|c| is_of_name(**c)).collect()).collect()
}

impl Indexed {
    pub(super) fn new(text: &str, division: Division) -> Self {
        let mut hashtags = names(text, ['#', '＃'], is_word);
        hashtags.retain(|tag| tag.chars().any(|c| !c.is_numeric() && c != '_'));
        let mut accounts = names(text, ['@', '＠'], |c| c.is_ascii_alphanumeric() || c == '_');
        accounts.retain(|name| !name.is_empty());
        Self { division, words: divided(text, division), hashtags, accounts }
    }

    fn has(&self, term: &str) -> bool {
        match term.chars().next() {
            Some('#') => self.hashtags.contains(&term[1..]),
            Some('@') => self.accounts.contains(&term[1..]),
            _ => {
                let wanted = divided(term.trim_matches('"'), self.division);
                assert!(!wanted.is_empty(), "{term:?} asks for nothing");
                self.words.windows(wanted.len()).any(|words| words == wanted)
            }
        }
    }

    /// # Panics
    /// Where X would refuse the query.
    pub(super) fn matches(&self, query: &str) -> bool {
        let tokens = tokens(query);
        let mut at = 0;
        let found = self.or(&tokens, &mut at).0;
        assert_eq!(at, tokens.len(), "a stray bracket in {query:?}");
        found
    }

    /// Whether it holds, and whether it asks for something that is there.
    fn or(&self, tokens: &[String], at: &mut usize) -> (bool, bool) {
        let mut sides = vec![self.and(tokens, at)];
        while tokens.get(*at).is_some_and(|token| token == "OR") {
            *at += 1;
            sides.push(self.and(tokens, at));
        }
        assert!(sides.iter().all(|side| side.1), "a side asks for nothing that is there: {tokens:?}");
        (sides.iter().any(|side| side.0), true)
    }

    fn and(&self, tokens: &[String], at: &mut usize) -> (bool, bool) {
        let (mut holds, mut is_positive) = (true, false);
        while let Some(token) = tokens.get(*at).filter(|token| !matches!(token.as_str(), "OR" | ")")) {
            *at += 1;
            match token.strip_prefix('-') {
                Some(term) => holds &= !self.has(term),
                None if token == "(" => {
                    holds &= self.or(tokens, at).0;
                    assert_eq!(tokens.get(*at).map(String::as_str), Some(")"));
                    (*at, is_positive) = (*at + 1, true);
                }
                None => (holds, is_positive) = (holds && self.has(token), true),
            }
        }
        (holds, is_positive)
    }
}

fn tokens(query: &str) -> Vec<String> {
    let (mut tokens, mut token, mut is_quoted) = (Vec::new(), String::new(), false);
    for c in query.chars().chain([' ']) {
        match c {
            '"' => {
                token.push(c);
                is_quoted = !is_quoted;
            }
            c if is_quoted => token.push(c),
            ' ' | '(' | ')' => {
                if !token.is_empty() {
                    tokens.push(std::mem::take(&mut token));
                }
                if c != ' ' {
                    tokens.push(c.to_string());
                }
            }
            c => token.push(c),
        }
    }
    assert!(!is_quoted, "an open quote in {query:?}");
    tokens
}
