use grapevine_monitor::{Finder, Literal, Matcher, Need, ODD, Query, Words, parse, parse_search};
use proptest::prelude::*;

use crate::support::{brand, mention};

/// Folded words; few of them, so that texts hit them often.
fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "b", "é", "ß", "σας", "東京", "东", "c++", "🔥", "x_1", "don't", "or"])
        .prop_map(str::to_lowercase)
        .prop_map(|word| word.replace('ς', "σ"))
}

fn literal() -> impl Strategy<Value = Literal> {
    let name = prop::sample::select(vec!["a", "ab", "é", "東京", "x_1"]).prop_map(str::to_owned);
    prop_oneof![
        word().prop_map(Literal::Word),
        prop::collection::vec(word(), 1..3).prop_map(|words| Literal::Phrase(words.join(" "))),
        prop::sample::select(vec!["\"", "\\ (", "and", "-x"]).prop_map(|text| Literal::Phrase(text.into())),
        name.clone().prop_map(Literal::Hashtag),
        name.prop_map(Literal::Handle),
    ]
}

fn query() -> impl Strategy<Value = Query> {
    literal().prop_map(Query::Literal).prop_recursive(5, 30, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|query| Query::Not(Box::new(query))),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Query::all),
            prop::collection::vec(inner, 2..4).prop_map(Query::any),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => word().prop_map(|word| word.to_uppercase()),
        4 => word(),
        2 => prop::sample::select(vec!["#", "@", "-", ".", "'", "\u{301}", "ς", "s", "\\", "(", "\""])
            .prop_map(str::to_owned),
        3 => prop::sample::select(vec!["#a", "#AB", "＃é", "#東京", "@a", "@Ab", "＠東京"]).prop_map(str::to_owned),
        4 => prop::sample::select(vec![" ", "\n\t ", "\u{a0}"]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// The meaning of a query, straight from the definition: each literal is compared at each place of the text.
fn holds(query: &Query, text: &[char]) -> bool {
    match query {
        Query::Literal(literal) => (0..text.len()).any(|at| stands_at(literal, text, at)),
        Query::Not(inner) => !holds(inner, text),
        Query::And(parts) => parts.iter().all(|part| holds(part, text)),
        Query::Or(parts) => parts.iter().any(|part| holds(part, text)),
    }
}

fn stands_at(literal: &Literal, text: &[char], at: usize) -> bool {
    let (sign, body) = match literal {
        Literal::Word(body) | Literal::Phrase(body) => (None, body),
        Literal::Hashtag(body) => (Some('#'), body),
        Literal::Handle(body) => (Some('@'), body),
    };
    let wanted: Vec<char> = sign.into_iter().chain(body.chars()).collect();
    if !text[at..].starts_with(&wanted) {
        return false;
    }
    let before = at.checked_sub(1).map(|index| text[index]);
    let after = &text[at + wanted.len()..];
    let word = |c: &char| c.is_alphanumeric() || *c == '_' || ('\u{300}'..='\u{36f}').contains(c);
    let dense = |c: char| "東京东".contains(c) || is_other_dense(c);
    let glued = |a: char, b: char| word(&a) && word(&b) && !dense(a) && !dense(b);
    match literal {
        Literal::Word(_) | Literal::Phrase(_) => {
            let last = wanted[wanted.len() - 1];
            !before.is_some_and(|c| glued(c, wanted[0])) && !after.first().is_some_and(|&c| glued(last, c))
        }
        Literal::Hashtag(_) => !before.as_ref().is_some_and(word) && !after.first().is_some_and(word),
        Literal::Handle(_) => {
            let dotted = matches!(after, ['.' | '-' | '@', next, ..] if word(next));
            !before.as_ref().is_some_and(word) && !after.first().is_some_and(word) && !dotted
        }
    }
}

fn is_other_dense(c: char) -> bool {
    [
        0xe00..=0xeff,
        0x1000..=0x109f,
        0x1100..=0x11ff,
        0x1780..=0x17ff,
        0x3040..=0x30ff,
        0x3400..=0x9fff,
        0xac00..=0xd7af,
    ]
    .iter()
    .chain(&[0xf900..=0xfaff, 0x20000..=0x3ffff])
    .any(|range: &std::ops::RangeInclusive<u32>| range.contains(&(c as u32)))
}

fn folded(text: &str) -> Vec<char> {
    let mut folded: Vec<char> = Vec::new();
    for c in text.chars() {
        match c {
            c if c.is_whitespace() => {
                if folded.last() != Some(&' ') {
                    folded.push(' ');
                }
            }
            '’' => folded.push('\''),
            '＃' => folded.push('#'),
            '＠' => folded.push('@'),
            c => folded.extend(c.to_lowercase().map(|c| if c == 'ς' { 'σ' } else { c })),
        }
    }
    folded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_parses_or_points_into_itself(query in "\\PC{0,40}|[a ()\"#@ANDORT*-]{0,40}") {
        match parse(&query) {
            Ok(parsed) => prop_assert_eq!(parse(&parsed.to_string()), Ok(parsed)),
            Err(error) => {
                prop_assert!((1..=query.chars().count().max(1)).contains(&error.column), "{}", error);
                let rendered = error.render(&query);
                prop_assert!(rendered.contains("^ "));
            }
        }
    }

    #[test]
    fn a_query_that_is_written_is_read_back(query in query()) {
        match parse(&query.to_string()) {
            Ok(parsed) => prop_assert_eq!(parsed, query),
            Err(error) => prop_assert!(error.message.contains("nothing is required"), "{query}: {error}"),
        }
    }

    /// A query is refused for requiring nothing exactly when a text without its literals matches.
    #[test]
    fn only_queries_that_require_nothing_are_refused(query in query()) {
        prop_assert_eq!(parse(&query.to_string()).is_err(), holds(&query, &[]));
    }

    #[test]
    fn the_matcher_agrees_with_the_definition(queries in prop::collection::vec(query(), 1..6), text in text()) {
        let kept: Vec<&Query> = queries.iter().filter(|query| !holds(query, &[])).collect();
        let written: Vec<(String, String)> =
            kept.iter().enumerate().map(|(index, query)| (format!("m{index}"), query.to_string())).collect();
        let brands: Vec<_> = written.iter().map(|(name, query)| brand(name, &[("m", query)])).collect();
        let matches = Matcher::new(&brands).unwrap().matches(&mention(&text));
        let found: Vec<String> = matches.into_iter().map(|found| found.brand).collect();
        let text = folded(&text);
        let expected: Vec<String> = kept
            .iter()
            .zip(&written)
            .filter(|(query, _)| holds(query, &text))
            .map(|(_, (name, _))| name.clone())
            .collect();
        prop_assert_eq!(found, expected, "{:?}", written);
    }
}

/// Whether a text has what a query needs, as a database compares.
fn has(need: &Need, text: &str) -> bool {
    match need {
        Need::Nothing => true,
        Need::Piece(_, piece) => text.contains(ODD) || text.to_ascii_lowercase().contains(piece.as_str()),
        Need::Lower(_, piece) => text.to_lowercase().contains(piece.as_str()),
        Need::All(parts) => parts.iter().all(|part| has(part, text)),
        Need::Any(parts) => parts.iter().any(|part| has(part, text)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_finder_says_what_the_matcher_says_and_what_is_needed_is_there(query in query(), text in text()) {
        let read = parse_search(&query.to_string()).unwrap();
        let finder = Finder::new(&read).unwrap();
        let words = Words { text: &text, hashtags: &[], handles: &[] };
        let found = finder.find(&words);
        prop_assert_eq!(found.is_some(), finder.holds(&words));
        prop_assert!(found.is_none() || has(&Need::of(&read), &text), "{} {:?}", query, Need::of(&read));
        for range in found.iter().flatten() {
            prop_assert!(text.get(range.clone()).is_some_and(|hit| !hit.is_empty()));
        }
        if parse(&query.to_string()).is_ok() {
            let matcher = Matcher::new(&[brand("b", &[("m", &query.to_string())])]).unwrap();
            prop_assert_eq!(found.is_some(), !matcher.matches(&mention(&text)).is_empty());
        }
    }
}
