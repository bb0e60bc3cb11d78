//! What a run of letters means that is more than a word: wildcards, NEAR, and conditions on the mention.

use crate::{
    Field, Literal, ParseError,
    fold::{fold, is_word_char},
};

/// Words that may stand between the two that NEAR joins.
pub const MOST_BETWEEN: u8 = 100;
/// A wildcard has so many characters before `*`, or it would match a word in ten.
const LEAST_BEFORE_WILDCARD: usize = 2;

/// `NEAR/3`: how many words may stand between.
pub(crate) fn near(text: &str, column: usize) -> Option<Result<u8, ParseError>> {
    let count = text.strip_prefix("NEAR")?;
    if !count.is_empty() && !count.starts_with('/') {
        return None;
    }
    let digits = count.strip_prefix('/').filter(|digits| digits.chars().all(|c| c.is_ascii_digit()));
    let most = digits.and_then(|digits| digits.parse().ok()).filter(|most| *most <= MOST_BETWEEN);
    Some(most.ok_or_else(|| {
        let message = format!("NEAR needs how many words may lie between, from 0 to {MOST_BETWEEN}");
        ParseError::new(column, message, "write `acme NEAR/5 broken`, or `\"near\"` to look for the word")
    }))
}

/// The field that a run begins with, and the rest of the run.
pub(crate) fn field(run: &[char]) -> Option<(Field, &[char])> {
    Field::ALL.into_iter().find_map(|field| {
        let length = field.prefix().len();
        let start = fold(&run.get(..length)?.iter().collect::<String>());
        (start == field.prefix()).then(|| (field, &run[length..]))
    })
}

/// A condition on the mention. `column` is where its value stands.
pub(crate) fn condition(field: Field, value: &str, is_quoted: bool, column: usize) -> Result<Literal, ParseError> {
    let prefix = field.prefix();
    let error = |message: String, hint: &str| Err(ParseError::new(column, message, hint));
    let folded = fold(value);
    let folded = match field {
        Field::From => folded.trim().trim_start_matches('@'),
        _ => folded.trim(),
    };
    if folded.is_empty() {
        return error(format!("`{prefix}` has nothing behind it"), example(field));
    }
    if !is_quoted && let Some(index) = value.chars().position(|c| c == '*') {
        let message = format!("`*` can not stand behind `{prefix}`");
        return Err(ParseError::new(column + index, message, "write the whole value, and several with OR"));
    }
    if field == Field::Language && !(matches!(folded.len(), 2 | 3) && folded.bytes().all(|c| c.is_ascii_lowercase())) {
        return error(format!("`{value}` is no code of a language"), example(field));
    }
    Ok(Literal::Field(field, folded.to_owned()))
}

pub(crate) fn example(field: Field) -> &'static str {
    match field {
        Field::From => "write `from:handle`, or put it in quotes to look for the text",
        Field::Language => {
            "write two letters of ISO 639-1, such as `lang:en`, or put it in quotes to look for the text"
        }
        Field::Platform => "write `platform:reddit`, or put it in quotes to look for the text",
        Field::Space => "write `space:name`, or `space:\"two words\"`, or put it in quotes to look for the text",
    }
}

/// A word, or words that begin so.
pub(crate) fn word(run: &[char], column: usize) -> Result<Literal, ParseError> {
    let star = run.iter().position(|&c| c == '*');
    let Some(star) = star else { return plain(run, column) };
    let error = |message: &str, hint: &str| Err(ParseError::new(column + star, message, hint));
    if star + 1 != run.len() {
        return error(
            "`*` can only stand at the end of a word",
            "write `brok*` for words that begin so, or put it in quotes to look for the sign",
        );
    }
    if run[..star].iter().filter(|&&c| is_word_char(c)).count() < LEAST_BEFORE_WILDCARD {
        return error(
            "too little stands before `*`",
            "write at least two letters, such as `br*`, or put it in quotes to look for the sign",
        );
    }
    Ok(Literal::Prefix(fold(&run[..star].iter().collect::<String>())))
}

fn plain(run: &[char], column: usize) -> Result<Literal, ParseError> {
    let text: String = run.iter().collect();
    match text.as_str() {
        "&&" => Err(ParseError::new(column, "`&&` is not an operator", "write AND")),
        "||" => Err(ParseError::new(column, "`||` is not an operator", "write OR")),
        _ => Ok(Literal::Word(fold(&text))),
    }
}
