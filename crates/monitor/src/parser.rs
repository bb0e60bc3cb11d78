use crate::{
    Field, Literal, ParseError, Query,
    lexer::{Token, TokenKind, lex},
};

/// How deep groups and NOTs may nest. The parser recurses, and so do those who walk its result.
pub const MAX_DEPTH: usize = 64;

/// Parses a query. The precedence is NOT, AND, OR; a query that could match every text is refused.
pub fn parse(query: &str) -> Result<Query, ParseError> {
    let parsed = whole(query)?;
    match parsed.open {
        None => Ok(parsed.query),
        Some(column) => Err(ParseError::new(
            column,
            "nothing is required, so this would match nearly every text",
            "add what must be there: `acme NOT jobs`",
        )),
    }
}

/// As [`parse`], and takes what would match nearly every text (`NOT a`): for a search, which has other bounds.
pub fn parse_search(query: &str) -> Result<Query, ParseError> {
    Ok(whole(query)?.query)
}

fn whole(query: &str) -> Result<Parsed, ParseError> {
    let tokens = lex(query)?;
    if tokens.is_empty() {
        return Err(ParseError::new(
            1,
            "the query is empty",
            "name at least one word, \"phrase\", #hashtag or @handle",
        ));
    }
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let parsed = parser.or()?;
    match parser.peek() {
        Some(token) => {
            Err(ParseError::new(token.column, "this group was never opened", "add a `(`, or remove the `)`"))
        }
        None => Ok(parsed),
    }
}

struct Parsed {
    query: Query,
    /// Where the reason stands that it can be true of a text with none of its literals, if it can be. That a text is in
    /// some language is nearly always true of it: `lang:` requires as little as NOT does.
    open: Option<usize>,
    /// It can be false of such a text.
    can_fail: bool,
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn takes(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == *kind);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Result<Parsed, ParseError> {
        let mut parts = vec![self.and()?];
        while self.takes(&TokenKind::Or) {
            parts.push(self.and()?);
        }
        let open = parts.iter().find_map(|part| part.open);
        let can_fail = parts.iter().all(|part| part.can_fail);
        Ok(Parsed { query: Query::any(parts.into_iter().map(|part| part.query).collect()), open, can_fail })
    }

    fn and(&mut self) -> Result<Parsed, ParseError> {
        let mut parts = vec![self.unary()?];
        loop {
            let is_named = self.takes(&TokenKind::And);
            let goes_on = matches!(
                self.peek().map(|token| &token.kind),
                Some(TokenKind::Literal(_) | TokenKind::Not | TokenKind::Open)
            );
            if !is_named && !goes_on {
                break;
            }
            parts.push(self.unary()?);
        }
        let open = if parts.iter().all(|part| part.open.is_some()) { parts[0].open } else { None };
        let can_fail = parts.iter().any(|part| part.can_fail);
        Ok(Parsed { query: Query::all(parts.into_iter().map(|part| part.query).collect()), open, can_fail })
    }

    fn unary(&mut self) -> Result<Parsed, ParseError> {
        let column = self.peek().map_or(0, |token| token.column);
        if self.takes(&TokenKind::Not) {
            let inner = self.nested(column, Self::unary)?;
            let open = inner.can_fail.then_some(column);
            return Ok(Parsed { query: Query::Not(Box::new(inner.query)), open, can_fail: inner.open.is_some() });
        }
        if self.takes(&TokenKind::Open) {
            if self.takes(&TokenKind::Close) {
                return Err(ParseError::new(column, "this group is empty", "put words into it, or remove it"));
            }
            let inner = self.nested(column, Self::or)?;
            if !self.takes(&TokenKind::Close) {
                return Err(ParseError::new(column, "this group is never closed", "add a `)`"));
            }
            return match self.peek() {
                Some(Token { kind: TokenKind::Near(_), .. }) => Err(unfit_for_near(column, "a group")),
                _ => Ok(inner),
            };
        }
        self.literal()
    }

    fn nested<T>(
        &mut self,
        column: usize,
        parse: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<T, ParseError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("groups and NOTs nest deeper than {MAX_DEPTH}");
            return Err(ParseError::new(column, message, "split the query into several monitors"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    fn literal(&mut self) -> Result<Parsed, ParseError> {
        let Some(Token { kind: TokenKind::Literal(literal), column }) = self.peek().cloned() else {
            return Err(self.missing_operand());
        };
        self.at += 1;
        let is_language = matches!(literal, Literal::Field(Field::Language, _));
        let query = match self.peek().map(|token| &token.kind) {
            Some(&TokenKind::Near(most)) => self.near(literal, column, most)?,
            _ => literal,
        };
        Ok(Parsed { query: Query::Literal(query), open: is_language.then_some(column), can_fail: true })
    }

    /// From the operator on, which joins what stands before it with what stands behind it.
    fn near(&mut self, left: Literal, column: usize, most: u8) -> Result<Literal, ParseError> {
        self.at += 1;
        let (right, right_column) = match self.peek().cloned() {
            Some(Token { kind: TokenKind::Literal(right), column }) => (right, column),
            Some(Token { kind: TokenKind::Open, column }) => return Err(unfit_for_near(column, "a group")),
            Some(Token { kind: TokenKind::Not, column }) => return Err(unfit_for_near(column, "what is excluded")),
            _ => return Err(self.missing_operand()),
        };
        self.at += 1;
        for (literal, column) in [(&left, column), (&right, right_column)] {
            if !literal.can_be_near() {
                return Err(unfit_for_near(column, &format!("`{literal}`")));
            }
        }
        match self.peek() {
            Some(Token { kind: TokenKind::Near(_), column }) => {
                let hint = "join them two by two: `a NEAR/3 b AND b NEAR/3 c`";
                Err(ParseError::new(*column, "NEAR joins two, and here is a third", hint))
            }
            _ => Ok(Literal::Near(Box::new(left), most, Box::new(right))),
        }
    }

    /// Blames the operator before the hole, or the one behind it where the hole opens the query or a group.
    fn missing_operand(&self) -> ParseError {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        let (token, side) = match (before, self.peek()) {
            (Some(token), _) if token.kind != TokenKind::Open => (token, "behind"),
            (_, Some(token)) => (token, "before"),
            (Some(token), None) => return ParseError::new(token.column, "this group is never closed", "add a `)`"),
            (None, None) => return ParseError::new(1, "the query is empty", "name at least one word"),
        };
        let name = match token.kind {
            TokenKind::And => "AND",
            TokenKind::Or => "OR",
            TokenKind::Not => "NOT",
            TokenKind::Near(_) => "NEAR",
            TokenKind::Close => return ParseError::new(token.column, "this group was never opened", "remove the `)`"),
            TokenKind::Open | TokenKind::Literal(_) => "this",
        };
        let hint =
            format!("name what it joins, or put it in quotes to look for the word: `\"{}\"`", name.to_lowercase());
        ParseError::new(token.column, format!("{name} has nothing {side} it"), hint)
    }
}

fn unfit_for_near(column: usize, what: &str) -> ParseError {
    let hint = "it joins words, \"phrases\" and wildcards; of several write each: `a NEAR/3 c OR b NEAR/3 c`";
    ParseError::new(column, format!("NEAR can not join {what}"), hint)
}
