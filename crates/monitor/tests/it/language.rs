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
        ("acme phon*", 10, "wildcards are not part of the language"),
        ("acme lang:en", 6, "`lang:` is reserved and not understood"),
        ("a NEAR/3 b", 3, "`NEAR/` is reserved and not understood"),
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
