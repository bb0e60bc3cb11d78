use crate::{
    Literal, ParseError,
    fold::{fold, is_word_char, narrow},
    forms,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Open,
    Close,
    And,
    Or,
    Not,
    /// With how many words may stand between.
    Near(u8),
    Literal(Literal),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// 1 is the first character.
    pub(crate) column: usize,
    pub(crate) kind: TokenKind,
}

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
            c if is_quote(c) => TokenKind::Literal(Literal::phrase(&quoted(&chars, &mut at)?)),
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

/// What stands from the opening quote to the closing one. A backslash takes the next character as it is.
fn quoted(chars: &[char], at: &mut usize) -> Result<String, ParseError> {
    let column = *at + 1;
    let mut text = String::new();
    *at += 1;
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        if is_quote(c) {
            return match text.chars().all(char::is_whitespace) {
                true => Err(ParseError::new(column, "this phrase is empty", "put words between the quotes")),
                false => Ok(text),
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
        _ => return operator_or_word(chars, at, start),
    };
    Ok(TokenKind::Literal(literal))
}

/// The run from `start` on; with the quoted value behind it, where it is a field's name.
fn operator_or_word(chars: &[char], at: &mut usize, start: usize) -> Result<TokenKind, ParseError> {
    let (run, column) = (&chars[start..*at], start + 1);
    if let Some(most) = forms::near(&run.iter().collect::<String>(), column) {
        return most.map(TokenKind::Near);
    }
    let Some((field, value)) = forms::field(run) else { return forms::word(run, column).map(TokenKind::Literal) };
    let behind = *at + 1 - value.len();
    let literal = match (value, chars.get(*at)) {
        ([], Some(&c)) if is_quote(c) => forms::condition(field, &quoted(chars, at)?, true, behind),
        ([], _) => forms::condition(field, "", false, column),
        (value, _) => forms::condition(field, &value.iter().collect::<String>(), false, behind),
    };
    literal.map(TokenKind::Literal)
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
