use grapevine_model::{Author, Mention, MentionKey};
use grapevine_monitor::{Brand, Literal, Matcher, Monitor};
use proptest::prelude::*;

use super::{
    evaluate::{Division, Indexed},
    *,
};

fn translated(query: &str) -> String {
    translate(&Query::parse(query).unwrap()).to_string()
}

fn monitor(query: &str) -> MonitorQuery {
    MonitorQuery { brand: "b".into(), monitor: "m".into(), query: Query::parse(query).unwrap() }
}

#[test]
fn queries_are_written_in_the_language_of_x() {
    for (query, written) in [
        ("acme", "acme OR #acme OR @acme"),
        ("ACME kettle_x", "(acme OR #acme OR @acme) (\"kettle_x\" OR #kettle_x OR @kettle_x)"),
        ("\"two  words\"", "\"two words\""),
        ("#Tag OR @Acme OR #42", "#tag OR @acme OR 42 OR @42"),
        ("@acme.bsky.example", "\"acme.bsky.example\" OR (acme bsky example)"),
        ("coca-cola", "\"coca-cola\" OR (coca cola)"),
        ("don't", "\"don't\" OR \"don’t\" OR (don t)"),
        ("c++", "\"c++\" OR c"),
        ("\"the \\\"best\\\"\"", "the best"),
        ("#a -jobs -#b -@c", "#a -jobs -#b -@c"),
        ("#a NOT (jobs OR #b)", "#a -jobs -#b"),
        ("#a NOT (jobs #b)", "#a"),
        ("#a NOT \"two words\"", "#a"),
        ("#a (#b OR NOT #c)", "#a"),
        ("#a NOT NOT #b", "#a #b"),
        ("#σας", "#σασ OR #σας"),
        ("\"and\" #a", "(\"and\" OR #and OR @and) #a"),
        ("🔥 #a", "🔥 #a"),
        ("東京", "東京 OR #東京"),
        ("\"?!\" #a", "#a"),
        ("#a brok* lang:en space:b platform:x", "#a"),
        ("#a brok* NEAR/2 \"two words\"", "#a \"two words\""),
        ("#a NOT b NEAR/2 c", "#a"),
        ("from:@Ada OR from:ada.example OR #a", ""),
        ("from:@Ada -from:bob -from:42", "from:ada -from:bob"),
        ("#a from:42", "#a"),
    ] {
        assert_eq!(translated(query), written, "{query}");
    }
}

#[test]
fn what_x_cannot_look_for_is_said() {
    let asked = of_monitors(&[monitor("\"?!\""), monitor("#a")], &Conditions::default(), 512);
    assert_eq!(asked.queries, ["#a"]);
    assert_eq!(asked.problems, ["monitor \"m\" of \"b\" asks for nothing that X can look for"]);
}

#[test]
fn a_condition_that_x_is_not_asked_for_is_said() {
    let asked = of_monitors(&[monitor("acme NOT \"hot tea\" NOT (#b OR \"two words\")"), monitor("#a NOT c")], &Conditions::default(), 512);
    assert_eq!(asked.problems, [""; 0]);
    assert_eq!(
        asked.widened,
        ["monitor \"m\" of \"b\" is asked for without NOT \"hot tea\", NOT \"two words\", which X has no words for: more \
          is read, and paid, than matches"]
    );
}

#[test]
fn conditions_stand_behind_all_of_it() {
    let conditions = Conditions { languages: vec!["en".into(), "de".into()], sample: Some(10) };
    let asked = of_monitors(&[monitor("#a #b"), monitor("#c")], &conditions, 512);
    assert_eq!(asked.queries, ["((#a #b) OR #c) (lang:en OR lang:de) sample:10"]);
    let one = Conditions { languages: vec!["en".into()], sample: None };
    assert_eq!(of_monitors(&[monitor("#a #b")], &one, 512).queries, ["#a #b lang:en"]);
}

#[test]
fn long_queries_are_split() {
    let tags = |from: u32, to: u32| (from..to).map(|n| format!("#tag{n}")).collect::<Vec<_>>().join(" OR ");
    let query = format!("({}) ({}) #must -#not", tags(0, 40), tags(100, 140));
    let asked = of_monitors(&[monitor(&query)], &Conditions::default(), 300);
    assert!(asked.queries.len() > 4, "{:?}", asked.queries);
    assert!(asked.queries.iter().all(|query| query.chars().count() <= 300));
    let found = |text: &str| {
        let indexed = Indexed::new(text, Division::Stream);
        asked.queries.iter().filter(|query| indexed.matches(query)).count()
    };
    for (first, second) in [(0, 100), (39, 139), (20, 101)] {
        assert_eq!(found(&format!("#tag{first} #tag{second} #must")), 1);
    }
    assert_eq!(found("#tag0 #tag100") + found("#tag0 #tag100 #must #not"), 0);
    let many: Vec<MonitorQuery> = (0..200).map(|n| monitor(&format!("#brand{n} #other"))).collect();
    let asked = of_monitors(&many, &Conditions::default(), 1024);
    assert!((4..8).contains(&asked.queries.len()), "{}", asked.queries.len());
}

#[test]
fn what_can_not_be_split_asks_for_less() {
    let groups: Vec<String> =
        (0..12).map(|n| format!("({})", (0..30).map(|m| format!("#g{n}x{m}")).collect::<Vec<_>>().join(" OR "))).collect();
    let asked = of_monitors(&[monitor(&groups.join(" "))], &Conditions::default(), 512);
    assert!((1..=128).contains(&asked.queries.len()), "{}", asked.queries.len());
    let all: Vec<String> = (0..12).map(|n| format!("#g{n}x7")).collect();
    let indexed = Indexed::new(&all.join(" "), Division::Search);
    assert!(asked.queries.iter().any(|query| indexed.matches(query)));
}

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "ab", "b", "é", "ß", "σασ", "東京", "东", "c++", "🔥", "x_1", "don't", "or", "1"])
        .prop_map(str::to_owned)
}

fn literal() -> impl Strategy<Value = Literal> {
    let name = prop::sample::select(vec!["a", "ab", "é", "東京", "x_1", "1", "σασ"]).prop_map(str::to_owned);
    prop_oneof![
        3 => word().prop_map(Literal::Word),
        2 => prop::collection::vec(word(), 1..3).prop_map(|words| Literal::Phrase(words.join(" "))),
        1 => prop::sample::select(vec!["\"", "\\ (", "and", "-x", "a.b \"c\""]).prop_map(|text| Literal::Phrase(text.into())),
        1 => name.clone().prop_map(Literal::Hashtag),
        1 => name.prop_map(Literal::Handle),
        1 => Just(Literal::Handle("a.b".into())),
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
    let signs = vec![" ", "#", "@", "-", ".", "'", "’", "\u{301}", "ς", "s", "\\", "(", "\"", "\n\t "];
    let piece = prop_oneof![
        4 => word().prop_map(|word| word.to_uppercase()),
        4 => word(),
        2 => prop::sample::select(signs).prop_map(str::to_owned),
        3 => prop::sample::select(vec!["#a", "#AB", "＃é", "#東京", "@a", "@Ab", "#ΣΑΣ", "σας", "#1"]).prop_map(str::to_owned),
        4 => Just(" ".to_owned()),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What Grapevine makes of it, with the tags and names that X states.
fn is_wanted(query: &str, text: &str, indexed: &Indexed) -> bool {
    let monitors = vec![Monitor { name: "m".into(), query: query.into() }];
    let brand = Brand { name: "b".into(), competitor: false, accounts: vec![], spaces: vec![], monitors };
    let at = "2026-03-01T10:00:00Z".parse().unwrap();
    let mut mention = Mention::new(MentionKey::new("x", "", "1"), Author::default(), at, text);
    mention.hashtags = indexed.hashtags.iter().cloned().collect();
    mention.handles = indexed.accounts.iter().cloned().collect();
    !Matcher::new(&[brand]).unwrap().matches(&mention).is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 20_000, ..ProptestConfig::with_cases(2000) })]

    /// However X divides words, and however short the rules have to be.
    #[test]
    fn whatever_a_monitor_finds_its_rules_find(query in query(), text in text(), most in 40..400_usize) {
        let written = query.to_string();
        prop_assume!(Query::parse(&written).is_ok());
        let asked = of_monitors(&[MonitorQuery { brand: "b".into(), monitor: "m".into(), query }], &Conditions::default(), most);
        for division in [Division::Stream, Division::Search] {
            let indexed = Indexed::new(&text, division);
            let finds = asked.queries.iter().any(|query| indexed.matches(query));
            let is_said = !asked.problems.is_empty();
            prop_assert!(finds || is_said || !is_wanted(&written, &text, &indexed), "{written} as {:?}", asked.queries);
        }
        prop_assert!(asked.queries.iter().all(|query| query.chars().count() <= most), "{:?}", asked.queries);
        prop_assert!(!asked.queries.is_empty() || !asked.problems.is_empty(), "{written} is asked for in no rule");
    }
}
