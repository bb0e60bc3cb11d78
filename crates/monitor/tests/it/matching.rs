use grapevine_model::BrandMatch;
use grapevine_monitor::{Brand, Matcher, MonitorError};

use crate::support::{brand, matches, mention};

#[test]
fn queries_match_the_texts_they_should() {
    for (query, text, expected) in [
        ("acme", "I love ACME!", true),
        ("acme", "Acme's phone", true),
        ("acme", "acmeville", false),
        ("acme", "the_acme", false),
        ("acme", "macacme acme.", true),
        ("acme", "#Acme and @acme", true),
        ("straße", "die STRAßE", true),
        ("οδος", "Η ΟΔΟΣ", true),
        ("café", "cafés", false),
        ("cafe", "cafe\u{301}", false),
        ("東京", "東京都に", true),
        ("삼성", "삼성이 좋다", true),
        ("🔥", "so🔥good", true),
        ("c++", "modern C++20", true),
        ("c++", "c+", false),
        ("don't", "I DON’T know", true),
        ("\"new phone\"", "the New \n\t Phone is", true),
        ("\"new phone\"", "new phones", false),
        ("\"new phone\"", "phone new", false),
        ("\"new phone\"", "new, phone", false),
        ("#launch", "at the #Launch!", true),
        ("#launch", "at the launch", false),
        ("#launch", "#launchday", false),
        ("#launch", "page#launch", false),
        ("#東京", "#東京タワー", false),
        ("#launch", "＃launch", true),
        ("@acme", "hi @ACME.", true),
        ("@acme", "mail me@acme", false),
        ("@acme", "@acme.example", false),
        ("@acme", "@acme@server.example", false),
        ("@acme", "@acme_help", false),
        ("@acme.example", "ask @Acme.Example, please", true),
        ("acme NOT jobs", "acme jobs", false),
        ("acme NOT jobs", "acme", true),
        ("acme (phone OR tablet)", "tablet by acme", true),
        ("acme (phone OR tablet)", "watch by acme", false),
        ("a OR b c", "a", true),
        ("a OR b c", "b", false),
        ("acme", "", false),
        ("ab OR abc", "abc", true),
        ("brok*", "it is BROKEN", true),
        ("brok*", "brok", true),
        ("brok*", "unbroken", false),
        ("brok*", "#broken", true),
        ("οδο*", "Η ΟΔΟΣ", true),
        ("東京*", "大東京都", true),
        ("brok* -broken", "broken", false),
        ("acme NEAR/1 broken", "acme is broken", true),
        ("acme NEAR/1 broken", "Broken: Acme", true),
        ("acme NEAR/1 broken", "acme is not broken", false),
        ("acme NEAR/0 phone", "acme's phone", true),
        ("acme NEAR/1 phone", "acme don't phone", true),
        ("acme NEAR/0 acme", "acme", false),
        ("acme NEAR/0 acme", "acme, acme", true),
        ("a NEAR/9 \"a b\"", "a b", false),
        ("a NEAR/0 \"a b\"", "a a b", true),
        ("brok* NEAR/0 acme", "broken acme", true),
        ("\"new phone\" NEAR/2 brok*", "the new phone is so broken", true),
        ("\"new phone\" NEAR/1 brok*", "the new phone is so broken", false),
        ("東京 NEAR/1 acme", "東京都acme", true),
        ("東京 NEAR/0 acme", "東京都acme", false),
    ] {
        assert_eq!(matches(query, &mention(text)), expected, "{query} on {text}");
    }
}

#[test]
fn hashtags_and_handles_are_found_in_their_lists_too() {
    let mut tagged = mention("no tag here");
    tagged.hashtags = vec!["launch".into()];
    tagged.handles = vec!["Acme".into()];
    assert!(matches("#Launch @acme", &tagged));
    assert!(!matches("launch OR acme", &tagged));
}

#[test]
fn conditions_on_the_mention_are_compared_whole_and_in_any_case() {
    let mut post = mention("acme");
    (post.author.handle, post.author.native_id) = ("Ada.Example".into(), "DID:plc:1".into());
    post.space = Some("Help Desk".into());
    post.language = Some("pt-BR".into());
    for (query, expected) in [
        ("from:ada.example", true),
        ("from:@ADA.example", true),
        ("from:did:plc:1", true),
        ("from:ada", false),
        ("platform:Test", true),
        ("platform:tes", false),
        ("space:\"help desk\"", true),
        ("space:help", false),
        ("acme lang:pt", true),
        ("acme lang:en", false),
        ("acme -lang:en", true),
        ("acme -from:ada.example", false),
    ] {
        assert_eq!(matches(query, &post), expected, "{query}");
    }
    post.detected_language = Some("en".into());
    assert!(matches("acme lang:en -lang:pt", &post), "the text's own language goes before what the platform says");
    (post.space, post.author.handle) = (None, String::new());
    assert!(!matches("from:ada.example OR space:\"help desk\"", &post));
}

fn acme() -> Brand {
    Brand {
        accounts: vec!["@AcmeHelp".into()],
        spaces: vec!["acme-forum".into()],
        ..brand("Acme", &[("launch", "#launch"), ("name", "acme")])
    }
}

fn found(brand: &str, monitor: &str, team: bool, owned_space: bool) -> BrandMatch {
    BrandMatch { brand: brand.into(), monitor: monitor.into(), team, owned_space }
}

#[test]
fn a_brand_is_named_once_with_its_flags_united() {
    let matcher = Matcher::new(&[brand("Globex", &[("name", "globex")]), acme()]).unwrap();
    let mut post = mention("acme beats globex at the #launch");
    assert_eq!(matcher.matches(&post), [found("Globex", "name", false, false), found("Acme", "launch", false, false)]);
    post.author.is_team = true;
    assert!(!matcher.matches(&post)[1].team, "staff of another space do not speak for the brand");
    post.space = Some("acme-forum".into());
    assert_eq!(matcher.matches(&post)[1], found("Acme", "launch", true, true));
    post.text = "nothing".into();
    assert_eq!(matcher.matches(&post), [found("Acme", "owned space", true, true)]);
    post.author.is_team = false;
    assert_eq!(matcher.matches(&post), [found("Acme", "owned space", false, true)]);
    post.space = None;
    assert_eq!(matcher.matches(&post), []);
    post.author.handle = "acmehelp".into();
    assert_eq!(matcher.matches(&post), [found("Acme", "own account", true, false)]);
    post.author.handle = String::new();
    post.author.native_id = "acmehelp".into();
    assert_eq!(matcher.matches(&post), [found("Acme", "own account", true, false)]);
}

#[test]
fn a_mention_without_a_handle_belongs_to_no_account() {
    let mut post = mention("nothing");
    post.author.handle = String::new();
    let brand = Brand { accounts: vec!["@".into()], ..acme() };
    assert_eq!(Matcher::new(&[brand]).unwrap().matches(&post), []);
}

#[test]
fn equal_names_are_an_error_that_names_both() {
    let error = Matcher::new(&[acme(), brand("Globex", &[]), brand("ACME", &[])]).unwrap_err();
    assert_eq!(error.to_string(), "brands 1 and 3 have the same name, \"Acme\" and \"ACME\": rename one");
    let error = Matcher::new(&[brand("Acme", &[("one", "a"), ("One", "b")])]).unwrap_err();
    assert_eq!(error.to_string(), "monitors \"one\" and \"One\" of brand \"Acme\" have the same name: rename one");
    let error = Matcher::new(&[brand("Acme", &[("owned space", "a")])]).unwrap_err();
    assert!(matches!(error, MonitorError::ReservedName { .. }), "{error}");
    assert_eq!(Matcher::new(&[brand(" ", &[])]).unwrap_err(), MonitorError::UnnamedBrand { place: 1 });
}

#[test]
fn a_bad_query_says_whose_it_is() {
    let error = Matcher::new(&[brand("Acme", &[("name", "acme (phone")])]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "monitor \"name\" of brand \"Acme\": column 6: this group is never closed\n\
         acme (phone\n     ^ this group is never closed\nhint: add a `)`"
    );
}

#[test]
fn no_brands_match_nothing() {
    assert_eq!(Matcher::new(&[]).unwrap().matches(&mention("acme")), []);
}
