//! One literal of a query in X's language.

use std::ops::RangeInclusive;

use grapevine_monitor::{Field, Literal};

use super::Ask;

/// No term is longer, in characters.
const LONGEST: usize = 200;
/// The longest name of an account.
const LONGEST_NAME: usize = 15;
/// Words that X would take for operators.
const OPERATORS: [&str; 3] = ["and", "or", "not"];
/// Emoji and the signs that join them.
const EMOJI: [RangeInclusive<char>; 6] = [
    '\u{200d}'..='\u{200d}',
    '\u{2600}'..='\u{27bf}',
    '\u{2b00}'..='\u{2bff}',
    '\u{fe0f}'..='\u{fe0f}',
    '\u{1f000}'..='\u{1faff}',
    '\u{e0020}'..='\u{e007f}',
];

/// Matches whatever the literal matches, and perhaps more; [`Ask::Anything`] where X has no word for it.
pub(super) fn wide(literal: &Literal) -> Ask {
    match literal {
        Literal::Word(text) | Literal::Phrase(text) => words(text),
        Literal::Hashtag(tag) if is_tag(tag) => with_final_sigma(tag, |tag| format!("#{tag}")),
        Literal::Handle(handle) if is_account(handle) => Ask::Term(format!("@{handle}")),
        Literal::Hashtag(name) | Literal::Handle(name) => words(name),
        Literal::Near(left, _, right) => Ask::all([wide(left), wide(right)]),
        Literal::Field(Field::From, name) if is_named(name) => Ask::Term(format!("from:{name}")),
        Literal::Prefix(_) | Literal::Field(..) => Ask::Anything,
    }
}

/// Leaves out only what the literal matches, and perhaps less: [`Ask::Anything`] leaves out nothing.
///
/// Of a phrase X also finds what has other signs between the words, so that none is left out.
pub(super) fn without(literal: &Literal) -> Ask {
    match literal {
        Literal::Word(text) | Literal::Phrase(text) => {
            let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric());
            if is_plain && text.len() <= LONGEST { Ask::Without(quoted_if_needed(text)) } else { Ask::Anything }
        }
        Literal::Hashtag(tag) if is_tag(tag) => Ask::Without(format!("#{tag}")),
        Literal::Handle(handle) if is_account(handle) => Ask::Without(format!("@{handle}")),
        Literal::Field(Field::From, name) if is_named(name) => Ask::Without(format!("from:{name}")),
        Literal::Hashtag(_) | Literal::Handle(_) => Ask::Anything,
        Literal::Prefix(_) | Literal::Near(..) | Literal::Field(..) => Ask::Anything,
    }
}

fn words(text: &str) -> Ask {
    let pieces = pieces(text);
    match pieces.as_slice() {
        [] => Ask::Anything,
        [word] if *word == text => word_forms(word),
        // Nothing but spaces between the words: the phrase says it.
        _ if text.split(' ').eq(pieces.iter().copied()) => phrase(text, &pieces),
        // X divides words at signs, but not at every sign everywhere: as a whole, or all of its parts.
        _ => {
            let whole = cut(text).filter(|text| !text.contains(['"', '\\', '“', '”', '„']));
            let curly = whole.filter(|text| text.contains('\'')).map(|text| text.replace('\'', "’"));
            let whole = whole.map(str::to_owned).into_iter().chain(curly).map(|text| Ask::Term(format!("\"{text}\"")));
            Ask::any(whole.chain([parts(&pieces)]))
        }
    }
}

/// All of them, in any order.
fn parts(pieces: &[&str]) -> Ask {
    Ask::all(pieces.iter().map(|piece| with_final_sigma(piece, quoted_if_needed)))
}

/// A word is also found in a tag or a name that is nothing else.
fn word_forms(word: &str) -> Ask {
    let plain = with_final_sigma(word, quoted_if_needed);
    let tag = is_tag(word).then(|| with_final_sigma(word, |tag| format!("#{tag}")));
    let name = is_account(word).then(|| Ask::Term(format!("@{word}")));
    Ask::any([plain].into_iter().chain(tag).chain(name))
}

fn phrase(text: &str, pieces: &[&str]) -> Ask {
    match cut(text) {
        None => Ask::Anything,
        // Either form may stand at the end of each word.
        Some(_) if pieces.iter().any(|piece| piece.ends_with('σ')) => parts(pieces),
        Some(text) => Ask::Term(format!("\"{text}\"")),
    }
}

/// A long phrase is found by its first words; there is no such word.
fn cut(text: &str) -> Option<&str> {
    match text.char_indices().nth(LONGEST) {
        None => Some(text),
        Some((end, _)) => text[..end].rfind(' ').map(|end| &text[..end]),
    }
}

/// Queries are folded: σ stands for both of its forms, which X tells apart.
fn with_final_sigma(word: &str, write: impl Fn(&str) -> String) -> Ask {
    if word.chars().count() > LONGEST {
        return Ask::Anything;
    }
    let other = word.strip_suffix('σ').map(|start| Ask::Term(write(&format!("{start}ς"))));
    Ask::any([Ask::Term(write(word))].into_iter().chain(other))
}

fn quoted_if_needed(word: &str) -> String {
    let is_plain = word.chars().all(char::is_alphanumeric) || word.chars().count() == 1;
    if is_plain && !OPERATORS.contains(&word) { word.to_owned() } else { format!("\"{word}\"") }
}

/// The words and the runs of emoji; what stands between them finds nothing on X.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut class = Class::Other;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        let next = Class::of(c);
        if next != class {
            if class != Class::Other {
                pieces.push(&text[start..at]);
            }
            (start, class) = (at, next);
        }
    }
    pieces
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Word,
    Emoji,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            c if is_of_word(c) => Class::Word,
            c if EMOJI.iter().any(|range| range.contains(&c)) => Class::Emoji,
            _ => Class::Other,
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{300}'..='\u{36f}')
}

/// X makes no tag of digits alone.
fn is_tag(name: &str) -> bool {
    name.chars().all(is_of_word)
        && name.chars().any(|c| !c.is_numeric() && c != '_')
        && name.chars().count() <= LONGEST
}

fn is_account(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Digits alone may also be an author's id: X would have to guess.
fn is_named(name: &str) -> bool {
    is_account(name) && !name.chars().all(|c| c.is_ascii_digit())
}
