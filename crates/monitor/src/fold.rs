//! One normal form for queries and texts, and where words end in it.

/// Folds case, white space and look-alike signs, so that equal words are equal bytes.
///
/// Each run of white space becomes one space. Case is folded character by character: the Greek final sigma and the
/// typographic apostrophe become the plain ones, and the full-width `＃` and `＠` the narrow ones.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_each(text, |_, c| folded.push(c));
    folded
}

/// As [`fold`], and of each byte where the character began that it came from.
pub(crate) fn fold_with_places(text: &str) -> (String, Vec<usize>) {
    let (mut folded, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
    fold_each(text, |at, c| {
        folded.push(c);
        places.resize(folded.len(), at);
    });
    (folded, places)
}

fn fold_each(text: &str, mut push: impl FnMut(usize, char)) {
    let mut in_space = false;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() {
            if !in_space {
                push(at, ' ');
            }
            in_space = true;
            continue;
        }
        in_space = false;
        narrow(c).to_lowercase().for_each(|c| push(at, if c == 'ς' { 'σ' } else { c }));
    }
}

pub(crate) fn narrow(c: char) -> char {
    match c {
        '＃' => '#',
        '＠' => '@',
        '’' => '\'',
        other => other,
    }
}

/// Letters, digits, `_` and the accents that follow their letter.
pub(crate) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || matches!(c, '\u{300}'..='\u{36f}')
}

/// Scripts that put no space between words, or hang particles on them: Thai to Khmer, kana, Han and Hangul.
///
/// No rule of neighbours finds words there, so a word of such a script may stand anywhere.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

/// Takes two columns in a terminal.
pub(crate) fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{3000}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}'
        | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3ffff}')
}

fn joins(left: char, right: char) -> bool {
    is_word_char(left) && is_word_char(right) && !is_unspaced(left) && !is_unspaced(right)
}

/// What must stand around a hit for it to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// The ends of the hit are ends of words.
    Word,
    /// The start of the hit is the start of a word.
    Prefix,
    /// `#tag`, and not the beginning of a longer tag.
    Hashtag,
    /// `@handle`, and neither the beginning of a longer handle nor part of an address.
    Handle,
}

impl Rule {
    /// `text[start..end]` is the hit, on character boundaries.
    pub(crate) fn holds(self, text: &str, start: usize, end: usize) -> bool {
        let before = text[..start].chars().next_back();
        let mut rest = text[end..].chars();
        let after = rest.next();
        let stands_alone = !before.is_some_and(is_word_char);
        let hit = &text[start..end];
        match self {
            Rule::Word => !joined(before, hit.chars().next()) && !joined(hit.chars().next_back(), after),
            Rule::Prefix => !joined(before, hit.chars().next()),
            Rule::Hashtag => stands_alone && !after.is_some_and(is_word_char),
            Rule::Handle => stands_alone && !goes_on_as_handle(after, rest.next()),
        }
    }
}

fn joined(left: Option<char>, right: Option<char>) -> bool {
    matches!((left, right), (Some(left), Some(right)) if joins(left, right))
}

/// Where the word ends that goes on at a place.
pub(crate) fn end_of_word(text: &str, at: usize) -> usize {
    let mut last = text[..at].chars().next_back();
    for (offset, c) in text[at..].char_indices() {
        if !joined(last, Some(c)) {
            return at + offset;
        }
        last = Some(c);
    }
    text.len()
}

/// Where the words of a folded text begin, as NEAR counts them: `don't` is one word, and so is each sign of a script
/// without spaces.
pub(crate) fn starts_of_words(text: &str) -> Vec<usize> {
    let (mut before_last, mut last) = (None, None);
    let mut starts = Vec::new();
    for (at, c) in text.char_indices() {
        let goes_on = joined(last, Some(c)) || (last == Some('\'') && joined(before_last, Some(c)));
        if is_word_char(c) && !goes_on {
            starts.push(at);
        }
        (before_last, last) = (last, Some(c));
    }
    starts
}

/// `@acme` ends before the stop of a sentence, but not inside `@acme.example` or `@acme@server.example`.
fn goes_on_as_handle(after: Option<char>, next: Option<char>) -> bool {
    match after {
        Some('.' | '-' | '@') => next.is_some_and(is_word_char),
        Some(c) => is_word_char(c),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_is_by_character_and_joins_white_space() {
        assert_eq!(fold("  ΟΔΟΣ \n\t Straße ＃Tag Don’t"), " οδοσ straße #tag don't");
    }

    #[test]
    fn a_word_ends_where_letters_end() {
        for (text, whole) in
            [("acme", true), ("acme's", true), ("#acme", true), ("acmes", false), ("e\u{301}acme", false)]
        {
            let start = text.find("acme").expect("the case holds the word");
            assert_eq!(Rule::Word.holds(text, start, start + 4), whole, "{text}");
        }
    }
}
