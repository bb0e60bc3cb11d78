use std::ops::Range;

use crate::{
    MonitorError, Query,
    fold::fold_with_places,
    found::Reasons,
    vocabulary::{Condition, Literals, Vocabulary, Words},
};

/// One query, compiled to be asked of one text after another: whether it holds, and where its literals stand.
///
/// It holds of exactly what [`Matcher`](crate::Matcher) says of a monitor with that query.
#[derive(Debug)]
pub struct Finder {
    vocabulary: Vocabulary,
    condition: Condition,
}

impl Finder {
    pub fn new(query: &Query) -> Result<Self, MonitorError> {
        let mut literals = Literals::default();
        let condition = literals.compile(query);
        Ok(Self { vocabulary: Vocabulary::new(&literals)?, condition })
    }

    pub fn holds(&self, words: &Words<'_>) -> bool {
        self.condition.holds(&self.vocabulary.found(words))
    }

    /// Where the literals stand in the text that make the query hold: ranges of its bytes, on borders of characters, in
    /// order and apart. None where the query holds by the lists of hashtags and handles and the other fields alone, or by what is not there.
    ///
    /// `None` where it does not hold.
    pub fn find(&self, words: &Words<'_>) -> Option<Vec<Range<usize>>> {
        let found = self.vocabulary.found(words);
        if !self.condition.holds(&found) {
            return None;
        }
        let mut reasons = Reasons::default();
        self.condition.reasons(&found, &mut reasons);
        let (folded, places) = fold_with_places(words.text);
        let in_text = |hit: Range<usize>| {
            let last = places[hit.end - 1];
            places[hit.start]..last + words.text[last..].chars().next().map_or(0, char::len_utf8)
        };
        let mut hits = self.vocabulary.places(&folded, &reasons.literals);
        hits.append(&mut reasons.places);
        Some(united(hits.into_iter().filter(|hit| !hit.is_empty()).map(in_text).collect()))
    }
}

/// Ranges that overlap or touch become one.
fn united(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut united: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match united.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => united.push(range),
        }
    }
    united
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, text: &str, expected: Option<&[&str]>) {
        let finder = Finder::new(&crate::parse_search(query).unwrap()).unwrap();
        let words = Words { text, ..Words::default() };
        let found = finder.find(&words);
        let shown = found.as_ref().map(|ranges| ranges.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>());
        assert_eq!(shown.as_deref(), expected, "{query} in {text}");
        assert_eq!(finder.holds(&words), expected.is_some());
    }

    #[test]
    fn highlights_are_what_stands_in_the_text_as_it_was_written() {
        check("acme", "I love ACME, and Acme's phone", Some(&["ACME", "Acme"]));
        check("\"new phone\"", "the New \n\t Phone is", Some(&["New \n\t Phone"]));
        check("οδος", "Η ΟΔΟΣ", Some(&["ΟΔΟΣ"]));
        check("#tag", "a ＃TAG.", Some(&["＃TAG"]));
        check("a OR \"a b\"", "a b a", Some(&["a b", "a"]));
        check("a \"b a\"", "a b a", Some(&["a", "b a"]));
    }

    #[test]
    fn only_what_makes_the_query_hold_is_highlighted() {
        check("a OR (b c)", "a b", Some(&["a"]));
        check("a -c", "a b", Some(&["a"]));
        check("-c", "a b", Some(&[]));
        check("a c", "a b", None);
        check("NOT (NOT a)", "a", Some(&[]));
    }

    #[test]
    fn a_wildcard_highlights_the_word_and_near_what_is_near() {
        check("brok*", "unbroken Broken, brokers!", Some(&["Broken", "brokers"]));
        check("a NEAR/1 b", "a x b y z a y z b a", Some(&["a", "b", "b", "a"]));
        check("ac* NEAR/0 b -c", "acme B", Some(&["acme", "B"]));
        check("a NEAR/0 b", "a x b", None);
    }

    #[test]
    fn what_is_only_in_a_list_holds_and_is_nowhere_in_the_text() {
        let finder = Finder::new(&crate::parse("#launch").unwrap()).unwrap();
        let words = Words { text: "no tag here", hashtags: &["Launch".into()], ..Words::default() };
        assert_eq!(finder.find(&words), Some(vec![]));
    }
}
