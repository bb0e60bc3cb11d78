//! What a text must hold for a query to match it, in terms that a database can look for: necessary, not sufficient.

use crate::{
    Field, Literal, Query,
    fold::{is_unspaced, is_word_char},
};

/// Letters of others that fold into ASCII: `İ` into `i` and a dot, the Kelvin sign into `k`. Who compares ASCII letters
/// alone takes a text with one of them for one that may match.
pub const ODD: [char; 2] = ['\u{130}', '\u{212a}'];

/// Where a [`Need::Piece`] has to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Text,
    /// In one of the hashtags.
    Hashtags,
    /// In one of the handles.
    Handles,
    /// In the author's handle, or the platform's id of the author.
    Author,
    Language,
    Platform,
    Space,
}

/// Characters that stand in a row. Beside an end of it that is also the end of a word, no ASCII letter, digit or `_` stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub starts_word: bool,
    pub ends_word: bool,
}

/// Holds of everything that the query matches, and perhaps of more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Everything may match.
    Nothing,
    /// These characters in a row. ASCII letters are lower-case and stand for both cases; the others stand for themselves:
    /// none of them has another form.
    Piece(Place, Piece),
    /// These characters in a row, once all of the text is in lower case. Unicode's plain lower case will do: what other
    /// things folding does is not in here.
    Lower(Place, Piece),
    /// Two or more.
    All(Vec<Need>),
    /// Two or more.
    Any(Vec<Need>),
}

impl Need {
    pub fn of(query: &Query) -> Need {
        match query {
            Query::Literal(literal) => Need::of_literal(literal),
            Query::Not(_) => Need::Nothing,
            Query::And(parts) => Need::all(parts.iter().map(Need::of)),
            Query::Or(parts) => Need::any(parts.iter().map(Need::of)),
        }
    }

    fn of_literal(literal: &Literal) -> Need {
        let is_spaced = |c: Option<char>| c.is_some_and(|c| is_word_char(c) && !is_unspaced(c));
        let starts = |text: &str| is_spaced(text.chars().next());
        let ends = |text: &str| is_spaced(text.chars().next_back());
        // A sign stands before it.
        let listed = |place: Place, name: &str| {
            Need::any([within(Place::Text, name, true, true), within(place, name, true, true)].into_iter())
        };
        match literal {
            Literal::Word(text) | Literal::Phrase(text) => within(Place::Text, text, starts(text), ends(text)),
            Literal::Prefix(text) => within(Place::Text, text, starts(text), false),
            Literal::Hashtag(tag) => listed(Place::Hashtags, tag),
            Literal::Handle(handle) => listed(Place::Handles, handle),
            Literal::Near(left, _, right) => Need::all([left, right].into_iter().map(|part| Need::of_literal(part))),
            // What follows a primary subtag may be `_`.
            Literal::Field(field, value) => within(place_of(*field), value, true, *field != Field::Language),
        }
    }

    fn all(parts: impl Iterator<Item = Need>) -> Need {
        let mut parts: Vec<Need> = parts.filter(|part| *part != Need::Nothing).collect();
        match parts.len() {
            0 => Need::Nothing,
            1 => parts.remove(0),
            _ => Need::All(parts),
        }
    }

    fn any(parts: impl Iterator<Item = Need>) -> Need {
        let mut parts: Vec<Need> = parts.collect();
        match parts.len() {
            _ if parts.contains(&Need::Nothing) => Need::Nothing,
            0 => Need::Nothing,
            1 => parts.remove(0),
            _ => Need::Any(parts),
        }
    }
}

fn place_of(field: Field) -> Place {
    match field {
        Field::From => Place::Author,
        Field::Language => Place::Language,
        Field::Platform => Place::Platform,
        Field::Space => Place::Space,
    }
}

/// Whether words start and end where the text does is told. At an end within it stands what no ASCII letter, digit or `_`
/// folds into.
fn within(place: Place, text: &str, starts_word: bool, ends_word: bool) -> Need {
    Need::all(pieces(text).map(|(at, piece)| {
        let is_plain = piece.chars().all(stays);
        let piece = Piece {
            starts_word: starts_word || at > 0,
            ends_word: ends_word || at + piece.len() < text.len(),
            text: piece.to_owned(),
        };
        if is_plain { Need::Piece(place, piece) } else { Need::Lower(place, piece) }
    }))
}

/// The longest runs of characters that stand in an unfolded text as they do in the folded one, but for their case; and
/// where each begins.
fn pieces(folded: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_changed = |c: char| !stays(c) && !has_one_lower_case(c);
    let mut next = 0;
    let pieces = folded.split_inclusive(is_changed).map(move |part| {
        let at = next;
        next += part.len();
        (at, part.trim_end_matches(is_changed))
    });
    pieces.filter(|(_, piece)| !piece.is_empty())
}

/// White space, `#`, `@` and `'` have several forms, and the small sigma has two. Beyond this border editions of Unicode
/// differ in what has a case.
fn has_one_lower_case(c: char) -> bool {
    ('\u{80}'..'\u{1c80}').contains(&c) && !c.is_whitespace() && !matches!(c, 'σ' | 'ς')
}

/// Whether a folded character comes from itself alone, or from its ASCII capital.
///
/// White space, `#`, `@` and `'` have several forms; so has what has a case. Of the rest only scripts are named that
/// never get one, so that it does not matter whose edition of Unicode is the newer.
fn stays(c: char) -> bool {
    match c {
        ' ' | '#' | '@' | '\'' => false,
        c if c.is_ascii() => true,
        '\u{e00}'..='\u{eff}' | '\u{600}'..='\u{6ff}' | '\u{5d0}'..='\u{5ea}' | '\u{900}'..='\u{dff}' => true,
        '\u{2e80}'..='\u{9fff}' => !c.is_whitespace(),
        '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3ffff}' => {
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::{fold, narrow};

    fn needs(query: &str) -> String {
        shown(&Need::of(&crate::parse_search(query).unwrap()))
    }

    fn shown(need: &Need) -> String {
        let joined = |parts: &[Need], sign| format!("({})", parts.iter().map(shown).collect::<Vec<_>>().join(sign));
        match need {
            Need::Nothing => "anything".into(),
            Need::Piece(Place::Text, piece) => bordered(piece),
            Need::Piece(place, piece) => format!("{place:?}:{}", bordered(piece)),
            Need::Lower(_, piece) => format!("lower:{}", bordered(piece)),
            Need::All(parts) => joined(parts, " & "),
            Need::Any(parts) => joined(parts, " | "),
        }
    }

    /// `_` where it may go on as a word.
    fn bordered(piece: &Piece) -> String {
        let sign = |is_end: bool| if is_end { "" } else { "_" };
        format!("{}{}{}", sign(piece.starts_word), piece.text, sign(piece.ends_word))
    }

    #[test]
    fn a_query_needs_the_pieces_that_have_one_form_alone() {
        assert_eq!(needs("Acme \"new phone\""), "(acme & (new & phone))");
        assert_eq!(needs("don't"), "(don & t)");
        assert_eq!(needs("#launch OR 東京"), "((launch | Hashtags:launch) | _東京_)");
        assert_eq!(needs("@a.b"), "(a.b | Handles:a.b)");
        assert_eq!(needs("café ΟΔΟΣ"), "(lower:café & lower:οδο)");
        assert_eq!(needs("acme -jobs"), "acme");
        assert_eq!(needs("acme OR -jobs"), "anything");
        assert_eq!(needs("Москва"), "lower:москва");
        assert_eq!(needs("’"), "anything");
        assert_eq!(needs("c++ 東京a a東京"), "(c++_ & _東京a & a東京_)");
    }

    #[test]
    fn wildcards_need_a_start_and_near_needs_both_and_fields_are_narrowed_too() {
        assert_eq!(needs("brok*"), "brok_");
        assert_eq!(needs("brok* NEAR/3 \"new phone\""), "(brok_ & (new & phone))");
        assert_eq!(needs("from:@Ada lang:pt"), "(Author:ada & Language:pt_)");
        assert_eq!(needs("platform:X OR space:\"Help desk\""), "(Platform:x | (Space:help & Space:desk))");
        assert_eq!(needs("acme -lang:en"), "acme");
    }

    #[test]
    fn nothing_but_odd_letters_and_what_is_split_at_folds_into_what_stays() {
        for c in '\0'..=char::MAX {
            for into in fold(&c.to_string()).chars() {
                let is_same = into == c || into.to_ascii_uppercase() == c;
                assert!(is_same || !stays(into) || ODD.contains(&c), "{c:?} folds into {into:?}");
                let is_lower = c.to_lowercase().any(|lower| lower == into);
                assert!(is_lower || !has_one_lower_case(into), "{c:?} folds into {into:?}");
            }
            assert!(!stays(c) || c.is_ascii() || narrow(c) == c);
        }
    }
}
