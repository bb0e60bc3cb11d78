use grapevine_monitor::{MAX_DEPTH, parse};

#[test]
fn queries_are_read_by_precedence_and_written_back_in_full() {
    for (query, canonical) in [
        ("acme", "acme"),
        ("Acme PHONE", "acme AND phone"),
        ("a OR b c OR d", "a OR b AND c OR d"),
        ("(a OR b) c", "(a OR b) AND c"),
        ("a (b (c d))", "a AND b AND c AND d"),
        ("acme -jobs", "acme AND NOT jobs"),
        ("acme -(jobs OR #hiring)", "acme AND NOT (jobs OR #hiring)"),
        ("NOT NOT acme", "NOT NOT acme"),
        ("a AND NOT b OR c", "a AND NOT b OR c"),
        (" \"Two\n  Words\" ", "\"two words\""),
        ("“smart quotes”", "\"smart quotes\""),
        (r#""a \"b\" \\ c""#, r#""a \"b\" \\ c""#),
        ("@Acme.example #ＴＡＧ", "@acme.example AND #ｔａｇ"),
        ("＃tag ＠acme", "#tag AND @acme"),
        ("and or not", "and AND or AND not"),
        ("c++ don’t wi-fi", "c++ AND don't AND wi-fi"),
        ("a(b)c", "a AND b AND c"),
        ("Brok* c+d* 東京*", "brok* AND c+d* AND 東京*"),
        ("acme NEAR/5 Brok*", "acme NEAR/5 brok*"),
        ("x -a NEAR/0 \"B c\" OR d", "x AND NOT a NEAR/0 \"b c\" OR d"),
        ("near near/3 nearby NEARBY", "near AND near/3 AND nearby AND nearby"),
        ("a NEAR/007 b", "a NEAR/7 b"),
        ("from:@Ada From:did:plc:x", "from:ada AND from:did:plc:x"),
        ("a -lang:EN", "a AND NOT lang:en"),
        ("platform:X space:\" Help  Desk \"", "platform:x AND space:\"help desk\""),
        ("space:\"a\\\"*\" space:“b”", "space:\"a\\\"*\" AND space:b"),
        ("\"lang:en\" \"phon*\" \"NEAR/3\"", "\"lang:en\" AND \"phon*\" AND \"near/3\""),
    ] {
        let parsed = parse(query).unwrap_or_else(|error| panic!("{query}\n{}", error.render(query)));
        assert_eq!(parsed.to_string(), canonical, "{query}");
        assert_eq!(parse(canonical), Ok(parsed), "{query}");
    }
}

#[test]
fn an_error_points_at_its_column() {
    for (query, column, message) in [
        ("", 1, "the query is empty"),
        ("   ", 1, "the query is empty"),
        ("AND", 1, "AND has nothing before it"),
        ("acme AND", 6, "AND has nothing behind it"),
        ("acme OR OR b", 6, "OR has nothing behind it"),
        ("acme NOT", 6, "NOT has nothing behind it"),
        ("acme (OR b)", 7, "OR has nothing before it"),
        ("acme (b", 6, "this group is never closed"),
        ("acme (", 6, "this group is never closed"),
        ("acme ()", 6, "this group is empty"),
        ("acme )", 6, "this group was never opened"),
        (")", 1, "this group was never opened"),
        ("über \"ab", 6, "this phrase is never closed"),
        ("acme \" \"", 6, "this phrase is empty"),
        ("acme -", 6, "`-` stands alone"),
        ("acme - b", 6, "`-` stands alone"),
        ("#", 1, "`#` has no name behind it"),
        ("#acme's", 6, "`'` cannot stand here in a `#` name"),
        ("@acme.", 6, "`.` cannot stand here in a `@` name"),
        ("acme *phone", 6, "`*` can only stand at the end of a word"),
        ("acme ph*ne", 8, "`*` can only stand at the end of a word"),
        ("acme phon**", 10, "`*` can only stand at the end of a word"),
        ("acme p*", 7, "too little stands before `*`"),
        ("acme *", 6, "too little stands before `*`"),
        ("acme #phon*", 11, "`*` cannot stand here in a `#` name"),
        ("acme lang:", 6, "`lang:` has nothing behind it"),
        ("acme lang:english", 11, "`english` is no code of a language"),
        ("acme lang:pt-BR", 11, "`pt-BR` is no code of a language"),
        ("acme from:@", 11, "`from:` has nothing behind it"),
        ("acme from:ad*", 13, "`*` can not stand behind `from:`"),
        ("acme space:(a)", 6, "`space:` has nothing behind it"),
        ("acme space:\"a", 12, "this phrase is never closed"),
        ("acme space:\" \"", 12, "this phrase is empty"),
        ("a NEAR b", 3, "NEAR needs how many words may lie between, from 0 to 100"),
        ("a NEAR/ b", 3, "NEAR needs how many words may lie between, from 0 to 100"),
        ("a NEAR/101 b", 3, "NEAR needs how many words may lie between, from 0 to 100"),
        ("a NEAR/+3 b", 3, "NEAR needs how many words may lie between, from 0 to 100"),
        ("NEAR/3 b", 1, "NEAR has nothing before it"),
        ("a OR NEAR/3 b", 3, "OR has nothing behind it"),
        ("a NEAR/3", 3, "NEAR has nothing behind it"),
        ("(a NEAR/3)", 4, "NEAR has nothing behind it"),
        ("a NEAR/3 AND b", 3, "NEAR has nothing behind it"),
        ("a NEAR/3 (b OR c)", 10, "NEAR can not join a group"),
        ("(b OR c) NEAR/3 a", 1, "NEAR can not join a group"),
        ("a NEAR/3 -b", 10, "NEAR can not join what is excluded"),
        ("a NEAR/3 #b", 10, "NEAR can not join `#b`"),
        ("from:a NEAR/3 b", 1, "NEAR can not join `from:a`"),
        ("a NEAR/3 b NEAR/3 c", 12, "NEAR joins two, and here is a third"),
        ("lang:en", 1, "nothing is required, so this would match nearly every text"),
        ("a OR lang:en", 6, "nothing is required, so this would match nearly every text"),
        ("lang:en -lang:de", 1, "nothing is required, so this would match nearly every text"),
        ("-(a lang:en)", 1, "nothing is required, so this would match nearly every text"),
        ("a && b", 3, "`&&` is not an operator"),
        ("NOT acme", 1, "nothing is required, so this would match nearly every text"),
        ("a NOT b OR -c", 12, "nothing is required, so this would match nearly every text"),
        ("-a -b", 1, "nothing is required, so this would match nearly every text"),
        ("NOT (a -b)", 1, "nothing is required, so this would match nearly every text"),
    ] {
        let error = parse(query).expect_err(query);
        assert_eq!((error.column, error.message.as_str()), (column, message), "{query}");
        assert!(!error.hint.is_empty(), "{query}");
    }
}

#[test]
fn an_error_shows_the_line_with_a_caret() {
    let query = "acme OR\n東京 (phone";
    assert_eq!(
        parse(query).unwrap_err().render(query),
        "東京 (phone\n\u{3000}\u{3000} ^ this group is never closed\nhint: add a `)`"
    );
    let query = "acme AND";
    let rendered = parse(query).unwrap_err().render(query);
    assert!(rendered.starts_with("acme AND\n     ^ AND has nothing behind it\nhint: "), "{rendered}");
}

#[test]
fn an_error_in_a_value_has_its_caret_at_the_value() {
    let query = "acme lang:english";
    assert_eq!(
        parse(query).unwrap_err().render(query),
        "acme lang:english\n          ^ `english` is no code of a language\n\
         hint: write two letters of ISO 639-1, such as `lang:en`, or put it in quotes to look for the text"
    );
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for (open, close) in [("(", ")"), ("NOT ", ""), ("-", ""), ("(NOT ", ")"), ("(a OR ", ")")] {
        let query = format!("{}a{}", open.repeat(10_000), close.repeat(10_000));
        let error = parse(&query).unwrap_err();
        assert!(error.message.contains("nest deeper"), "{}", error.message);
        assert!(error.column <= (MAX_DEPTH + 1) * open.len(), "{}", error.column);
    }
    let deepest = format!("{}a{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    assert_eq!(parse(&deepest).unwrap().to_string(), "a");
}
