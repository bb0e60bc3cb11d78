use crate::{
    Literal, ParseError,
    fold::{fold, is_word_char, narrow},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Open,
    Close,
    And,
    Or,
    Not,
    Literal(Literal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// 1 is the first character.
    pub(crate) column: usize,
    pub(crate) kind: TokenKind,
}

/// Words that a later form of the language gives a meaning to. Read as plain words they would change theirs then.
const RESERVED_PREFIXES: [&str; 4] = ["from:", "lang:", "platform:", "space:"];

pub(crate) fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„')
}

pub(crate) fn lex(query: &str) -> Result<Vec<Token>, ParseError> {
    let chars: Vec<char> = query.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let column = at + 1;
        let kind = match c {
            '(' => single(&mut at, TokenKind::Open),
            ')' => single(&mut at, TokenKind::Close),
            '-' => {
                at += 1;
                minus(&chars, at)?
            }
            c if is_quote(c) => TokenKind::Literal(phrase(&chars, &mut at)?),
            _ => word(&chars, &mut at)?,
        };
        tokens.push(Token { column, kind });
    }
    Ok(tokens)
}

fn single(at: &mut usize, kind: TokenKind) -> TokenKind {
    *at += 1;
    kind
}

fn minus(chars: &[char], at: usize) -> Result<TokenKind, ParseError> {
    match chars.get(at) {
        Some(&c) if !c.is_whitespace() && c != ')' => Ok(TokenKind::Not),
        _ => Err(ParseError::new(
            at,
            "`-` stands alone",
            "write `-word` to exclude a word, or `\"-\"` to look for the sign",
        )),
    }
}

/// From the opening quote to the closing one. A backslash takes the next character as it is.
fn phrase(chars: &[char], at: &mut usize) -> Result<Literal, ParseError> {
    let column = *at + 1;
    let mut text = String::new();
    *at += 1;
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        if is_quote(c) {
            return match Literal::phrase(&text) {
                Literal::Phrase(folded) if folded.is_empty() => {
                    Err(ParseError::new(column, "this phrase is empty", "put words between the quotes"))
                }
                literal => Ok(literal),
            };
        }
        match (c, chars.get(*at)) {
            ('\\', Some(&escaped)) => {
                *at += 1;
                text.push(escaped);
            }
            _ => text.push(c),
        }
    }
    Err(ParseError::new(column, "this phrase is never closed", "add a closing `\"`"))
}

fn word(chars: &[char], at: &mut usize) -> Result<TokenKind, ParseError> {
    let start = *at;
    while chars.get(*at).is_some_and(|&c| !c.is_whitespace() && !matches!(c, '(' | ')') && !is_quote(c)) {
        *at += 1;
    }
    let run = &chars[start..*at];
    let text: String = run.iter().collect();
    let literal = match (text.as_str(), narrow(run[0])) {
        ("AND", _) => return Ok(TokenKind::And),
        ("OR", _) => return Ok(TokenKind::Or),
        ("NOT", _) => return Ok(TokenKind::Not),
        (_, '#') => Literal::Hashtag(name(run, start, is_word_char)?),
        (_, '@') => Literal::Handle(name(run, start, |c| is_word_char(c) || matches!(c, '.' | '-' | '@'))?),
        _ => {
            refuse_reserved(&text, start + 1)?;
            Literal::Word(fold(&text))
        }
    };
    Ok(TokenKind::Literal(literal))
}

/// The folded name behind a `#` or `@`.
fn name(run: &[char], start: usize, allowed: impl Fn(char) -> bool) -> Result<String, ParseError> {
    let (sign, name) = (narrow(run[0]), &run[1..]);
    if name.is_empty() {
        let hint = format!("write `{sign}name`, or `\"{sign}\"` to look for the sign");
        return Err(ParseError::new(start + 1, format!("`{sign}` has no name behind it"), hint));
    }
    let bad = name.iter().position(|&c| !allowed(c)).or((!is_word_char(name[name.len() - 1])).then(|| name.len() - 1));
    match bad {
        None => Ok(fold(&name.iter().collect::<String>())),
        Some(index) => {
            let message = format!("`{}` cannot stand here in a `{sign}` name", name[index]);
            Err(ParseError::new(start + 2 + index, message, "put a space before it, or the whole in quotes"))
        }
    }
}

fn refuse_reserved(text: &str, column: usize) -> Result<(), ParseError> {
    if let Some(index) = text.chars().position(|c| c == '*') {
        let hint = "name the forms: `(phone OR phones)`; put it in quotes to look for the sign";
        return Err(ParseError::new(column + index, "wildcards are not part of the language", hint));
    }
    let folded = fold(text);
    if let Some(prefix) = RESERVED_PREFIXES.iter().find(|prefix| folded.starts_with(**prefix)) {
        let message = format!("`{prefix}` is reserved and not understood");
        return Err(ParseError::new(column, message, "put it in quotes to look for the text"));
    }
    if text.starts_with("NEAR/") {
        return Err(ParseError::new(column, "`NEAR/` is reserved and not understood", "use AND, or a \"phrase\""));
    }
    match text {
        "&&" => Err(ParseError::new(column, "`&&` is not an operator", "write AND")),
        "||" => Err(ParseError::new(column, "`||` is not an operator", "write OR")),
        _ => Ok(()),
    }
}
