use grapevine_model::Mention;
use grapevine_monitor::{Field, Finder, Literal, Matcher, Need, ODD, Piece, Place, Query, Words, parse, parse_search};
use proptest::prelude::*;

use crate::support::{brand, mention};

/// Folded words; few of them, so that texts hit them often.
fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "b", "é", "ß", "σας", "東京", "东", "c++", "🔥", "x_1", "don't", "or"])
        .prop_map(str::to_lowercase)
        .prop_map(|word| word.replace('ς', "σ"))
}

/// What NEAR joins.
fn joined() -> impl Strategy<Value = Literal> {
    let prefix = prop::sample::select(vec!["ab", "x_", "σα", "東京", "c+c+", "don't"]).prop_map(str::to_owned);
    prop_oneof![
        3 => word().prop_map(Literal::Word),
        1 => prop::collection::vec(word(), 1..3).prop_map(|words| Literal::Phrase(words.join(" "))),
        2 => prefix.prop_map(Literal::Prefix),
    ]
}

fn field() -> impl Strategy<Value = Literal> {
    let values = [
        (Field::From, vec!["ada", "did:plc:1", "k"]),
        (Field::Language, vec!["en", "pt"]),
        (Field::Platform, vec!["test", "é"]),
        (Field::Space, vec!["help desk", "a(b)*\"", "a"]),
    ];
    prop::sample::select(values.to_vec()).prop_flat_map(|(field, values)| {
        prop::sample::select(values).prop_map(move |value| Literal::Field(field, value.into()))
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    let name = prop::sample::select(vec!["a", "ab", "é", "東京", "x_1"]).prop_map(str::to_owned);
    let near = (joined(), 0u8..4, joined());
    prop_oneof![
        joined(),
        near.prop_map(|(left, most, right)| Literal::Near(Box::new(left), most, Box::new(right))),
        field(),
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

/// A mention, of which the fields are now and then what the queries ask for.
fn post() -> impl Strategy<Value = Mention> {
    let author = prop::sample::select(vec![("ada", "1"), ("Ada", "DID:plc:1"), ("\u{212a}", ""), ("", "x")]);
    let language = prop::sample::select(vec![None, Some("en"), Some("pt-BR"), Some("PT_br"), Some("ptx")]);
    let space = prop::sample::select(vec![None, Some("Help  desk"), Some("a(b)*\""), Some("A")]);
    let fields = (author, language, any::<bool>(), prop::sample::select(vec!["test", "É"]), space);
    (text(), fields).prop_map(|(text, ((handle, id), language, is_detected, platform, space))| {
        let mut post = mention(&text);
        (post.author.handle, post.author.native_id) = (handle.into(), id.into());
        (post.key.platform, post.space) = (platform.into(), space.map(str::to_owned));
        post.language = language.map(str::to_owned);
        post.detected_language = is_detected.then(|| "en".to_owned());
        post
    })
}

/// Folded characters of a mention, and what it says of itself.
struct Read {
    text: Vec<char>,
    fields: Vec<(Field, String)>,
}

impl Read {
    fn of(mention: &Mention) -> Self {
        let lower = |text: &str| folded(text).into_iter().collect::<String>();
        let language = mention.spoken_language().unwrap_or_default();
        let fields = vec![
            (Field::From, lower(&mention.author.handle)),
            (Field::From, lower(&mention.author.native_id)),
            (Field::Language, lower(&language)),
            (Field::Platform, lower(&mention.key.platform)),
            (Field::Space, lower(mention.space.as_deref().unwrap_or_default())),
        ];
        Self { text: folded(&mention.text), fields }
    }

    fn of_nothing() -> Self {
        Self { text: Vec::new(), fields: Vec::new() }
    }
}

/// The meaning of a query, straight from the definition: each literal is compared at each place of the text.
fn holds(query: &Query, read: &Read) -> bool {
    match query {
        Query::Literal(Literal::Field(field, value)) => read.fields.contains(&(*field, value.clone())),
        Query::Literal(Literal::Near(left, most, right)) => {
            let (left, right) = (places(left, &read.text), places(right, &read.text));
            let near =
                |(from, to): (usize, usize)| from <= to && words_between(&read.text, from, to) <= usize::from(*most);
            left.iter().any(|a| right.iter().any(|b| near((a.1, b.0)) || near((b.1, a.0))))
        }
        Query::Literal(literal) => !places(literal, &read.text).is_empty(),
        Query::Not(inner) => !holds(inner, read),
        Query::And(parts) => parts.iter().all(|part| holds(part, read)),
        Query::Or(parts) => parts.iter().any(|part| holds(part, read)),
    }
}

/// Whether a query can hold of a mention without its literals, in whichever languages mentions are.
fn requires_nothing(query: &Query, wanted: bool) -> bool {
    match query {
        Query::Literal(Literal::Field(Field::Language, _)) => true,
        Query::Literal(_) => !wanted,
        Query::Not(inner) => requires_nothing(inner, !wanted),
        Query::And(parts) if wanted => parts.iter().all(|part| requires_nothing(part, wanted)),
        Query::Or(parts) if !wanted => parts.iter().all(|part| requires_nothing(part, wanted)),
        Query::And(parts) | Query::Or(parts) => parts.iter().any(|part| requires_nothing(part, wanted)),
    }
}

fn is_word(c: &char) -> bool {
    c.is_alphanumeric() || *c == '_' || ('\u{300}'..='\u{36f}').contains(c)
}

fn glued(a: char, b: char) -> bool {
    let dense = |c: char| "東京东".contains(c) || is_other_dense(c);
    is_word(&a) && is_word(&b) && !dense(a) && !dense(b)
}

/// Begins and ends, in characters.
fn places(literal: &Literal, text: &[char]) -> Vec<(usize, usize)> {
    let end = |at: usize| {
        let mut end = at + literal.to_string().trim_matches(['"', '*']).chars().count();
        while matches!(literal, Literal::Prefix(_)) && end < text.len() && glued(text[end - 1], text[end]) {
            end += 1;
        }
        end
    };
    (0..text.len()).filter(|at| stands_at(literal, text, *at)).map(|at| (at, end(at))).collect()
}

fn words_between(text: &[char], from: usize, to: usize) -> usize {
    let begins = |at: &usize| {
        let back = |by: usize| at.checked_sub(by).map(|index| text[index]);
        let goes_on = back(1).is_some_and(|c| glued(c, text[*at]));
        let behind_apostrophe = back(1) == Some('\'') && back(2).is_some_and(|c| glued(c, text[*at]));
        is_word(&text[*at]) && !goes_on && !behind_apostrophe
    };
    (from..to).filter(begins).count()
}

fn stands_at(literal: &Literal, text: &[char], at: usize) -> bool {
    let (sign, body) = match literal {
        Literal::Word(body) | Literal::Phrase(body) | Literal::Prefix(body) => (None, body),
        Literal::Hashtag(body) => (Some('#'), body),
        Literal::Handle(body) => (Some('@'), body),
        Literal::Near(..) | Literal::Field(..) => panic!("{literal} stands at no place"),
    };
    let wanted: Vec<char> = sign.into_iter().chain(body.chars()).collect();
    if !text[at..].starts_with(&wanted) {
        return false;
    }
    let before = at.checked_sub(1).map(|index| text[index]);
    let after = &text[at + wanted.len()..];
    match literal {
        Literal::Prefix(_) => !before.is_some_and(|c| glued(c, wanted[0])),
        Literal::Hashtag(_) => !before.as_ref().is_some_and(is_word) && !after.first().is_some_and(is_word),
        Literal::Handle(_) => {
            let dotted = matches!(after, ['.' | '-' | '@', next, ..] if is_word(next));
            !before.as_ref().is_some_and(is_word) && !after.first().is_some_and(is_word) && !dotted
        }
        _ => {
            let last = wanted[wanted.len() - 1];
            !before.is_some_and(|c| glued(c, wanted[0])) && !after.first().is_some_and(|&c| glued(last, c))
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
    fn any_text_parses_or_points_into_itself(query in "\\PC{0,40}|[a ()\"#@ANDORT*-]{0,40}|(ab?|bb|NEAR/[03]|lang:|from:|en|[()\"* -]){0,20}") {
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

    /// A query is refused for requiring nothing exactly when a text without its literals can match.
    #[test]
    fn only_queries_that_require_nothing_are_refused(query in query()) {
        prop_assert_eq!(parse(&query.to_string()).is_err(), requires_nothing(&query, true));
        prop_assert!(parse(&query.to_string()).is_err() || !holds(&query, &Read::of_nothing()));
    }

    #[test]
    fn the_matcher_agrees_with_the_definition(queries in prop::collection::vec(query(), 1..6), post in post()) {
        let kept: Vec<&Query> = queries.iter().filter(|query| !requires_nothing(query, true)).collect();
        let written: Vec<(String, String)> =
            kept.iter().enumerate().map(|(index, query)| (format!("m{index}"), query.to_string())).collect();
        let brands: Vec<_> = written.iter().map(|(name, query)| brand(name, &[("m", query)])).collect();
        let matches = Matcher::new(&brands).unwrap().matches(&post);
        let found: Vec<String> = matches.into_iter().map(|found| found.brand).collect();
        let read = Read::of(&post);
        let expected: Vec<String> = kept
            .iter()
            .zip(&written)
            .filter(|(query, _)| holds(query, &read))
            .map(|(_, (name, _))| name.clone())
            .collect();
        prop_assert_eq!(found, expected, "{:?}", written);
    }
}

/// Whether a mention has what a query needs, as a database compares.
fn has(need: &Need, words: &Words<'_>) -> bool {
    match need {
        Need::Nothing => true,
        Need::Piece(place, piece) => texts(*place, words).iter().any(|text| {
            let lower = text.to_ascii_lowercase();
            text.contains(ODD) || stands_in(piece, &lower)
        }),
        Need::Lower(place, piece) => texts(*place, words).iter().any(|text| stands_in(piece, &text.to_lowercase())),
        Need::All(parts) => parts.iter().all(|part| has(part, words)),
        Need::Any(parts) => parts.iter().any(|part| has(part, words)),
    }
}

fn texts<'a>(place: Place, words: &Words<'a>) -> Vec<&'a str> {
    match place {
        Place::Text => vec![words.text],
        Place::Hashtags => words.hashtags.iter().map(String::as_str).collect(),
        Place::Handles => words.handles.iter().map(String::as_str).collect(),
        Place::Author => vec![words.author, words.author_handle],
        Place::Language => vec![words.language],
        Place::Platform => vec![words.platform],
        Place::Space => vec![words.space],
    }
}

/// With nothing of a word beside it in ASCII, where its ends are ends of words.
fn stands_in(piece: &Piece, text: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let hits = (0..text.len()).filter(|at| text.is_char_boundary(*at) && text[*at..].starts_with(&piece.text));
    hits.into_iter().any(|at| {
        let before = text[..at].chars().next_back().is_some_and(is_of_word);
        let after = text[at + piece.text.len()..].chars().next().is_some_and(is_of_word);
        !(piece.starts_word && before || piece.ends_word && after)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn a_finder_says_what_the_matcher_says_and_what_is_needed_is_there(query in query(), post in post()) {
        let read = parse_search(&query.to_string()).unwrap();
        let finder = Finder::new(&read).unwrap();
        let words = Words::of(&post);
        let found = finder.find(&words);
        prop_assert_eq!(found.is_some(), finder.holds(&words));
        prop_assert_eq!(found.is_some(), holds(&query, &Read::of(&post)));
        prop_assert!(found.is_none() || has(&Need::of(&read), &words), "{} {:?}", query, Need::of(&read));
        for range in found.iter().flatten() {
            prop_assert!(post.text.get(range.clone()).is_some_and(|hit| !hit.is_empty()));
        }
        if parse(&query.to_string()).is_ok() {
            let matcher = Matcher::new(&[brand("b", &[("m", &query.to_string())])]).unwrap();
            prop_assert_eq!(found.is_some(), !matcher.matches(&post).is_empty());
        }
    }
}
