use std::fmt;

use crate::{
    Brand, ParseError,
    fold::{Rule, fold},
    lexer::is_quote,
};

/// One monitor of one brand, parsed: what a source asks a platform for, where that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitorQuery {
    pub brand: String,
    /// The monitor's name within the brand.
    pub monitor: String,
    pub query: Query,
}

impl MonitorQuery {
    /// Of every monitor, in the order they were configured in.
    ///
    /// # Errors
    /// The first query that cannot be parsed.
    pub fn all(brands: &[Brand]) -> Result<Vec<Self>, ParseError> {
        let monitors = brands.iter().flat_map(|brand| brand.monitors.iter().map(move |monitor| (brand, monitor)));
        let parsed = monitors.map(|(brand, monitor)| {
            let query = Query::parse(&monitor.query)?;
            Ok(Self { brand: brand.name.clone(), monitor: monitor.name.clone(), query })
        });
        parsed.collect()
    }
}

/// A parsed query. Its literals are folded, and an AND holds no AND, an OR no OR: equal queries are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Query {
    Literal(Literal),
    Not(Box<Query>),
    /// Two or more.
    And(Vec<Query>),
    /// Two or more.
    Or(Vec<Query>),
}

/// What is looked for in a mention, folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    Word(String),
    /// What words begin with, without `*`.
    Prefix(String),
    /// Words in order, with one space between two.
    Phrase(String),
    /// Without `#`.
    Hashtag(String),
    /// Without `@`.
    Handle(String),
    /// Both, in either order and apart, with at most so many words between. Each is a word, a phrase or a prefix.
    Near(Box<Literal>, u8, Box<Literal>),
    /// Not of the text, but of the mention; the whole value.
    Field(Field, String),
}

/// What a mention says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The author's handle, without `@`, or the platform's id of the author.
    From,
    /// The primary subtag: `pt` is also `pt-BR`.
    Language,
    Platform,
    Space,
}

impl Field {
    pub const ALL: [Field; 4] = [Field::From, Field::Language, Field::Platform, Field::Space];

    /// As it is written before a value.
    pub fn prefix(self) -> &'static str {
        match self {
            Field::From => "from:",
            Field::Language => "lang:",
            Field::Platform => "platform:",
            Field::Space => "space:",
        }
    }
}

impl Query {
    /// See [`parse`](crate::parse()).
    pub fn parse(query: &str) -> Result<Query, ParseError> {
        crate::parse(query)
    }

    /// A condition on the mention in it, such as `lang:en`: of a text alone it says nothing.
    pub fn field(&self) -> Option<&Literal> {
        match self {
            Query::Literal(literal) => matches!(literal, Literal::Field(..)).then_some(literal),
            Query::Not(inner) => inner.field(),
            Query::And(parts) | Query::Or(parts) => parts.iter().find_map(Query::field),
        }
    }

    /// All of them; flat, and the query itself where it is only one.
    pub fn all(parts: Vec<Query>) -> Query {
        Self::flat(parts, |part| match part {
            Query::And(inner) => Ok(inner),
            other => Err(other),
        })
        .map_or_else(|one| one, Query::And)
    }

    /// Any of them; flat, and the query itself where it is only one.
    pub fn any(parts: Vec<Query>) -> Query {
        Self::flat(parts, |part| match part {
            Query::Or(inner) => Ok(inner),
            other => Err(other),
        })
        .map_or_else(|one| one, Query::Or)
    }

    /// The flattened parts, or the only one as an error.
    fn flat(parts: Vec<Query>, open: impl Fn(Query) -> Result<Vec<Query>, Query>) -> Result<Vec<Query>, Query> {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match open(part) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        match flat.len() {
            1 => Err(flat.remove(0)),
            _ => Ok(flat),
        }
    }
}

impl Literal {
    pub(crate) fn phrase(text: &str) -> Literal {
        Literal::Phrase(fold(text).trim().to_owned())
    }

    /// What to find in a folded text, and what must stand around it; none of what is not one piece of text.
    pub(crate) fn pattern(&self) -> Option<(String, Rule)> {
        match self {
            Literal::Word(text) | Literal::Phrase(text) => Some((text.clone(), Rule::Word)),
            Literal::Prefix(start) => Some((start.clone(), Rule::Prefix)),
            Literal::Hashtag(tag) => Some((format!("#{tag}"), Rule::Hashtag)),
            Literal::Handle(handle) => Some((format!("@{handle}"), Rule::Handle)),
            Literal::Near(..) | Literal::Field(..) => None,
        }
    }

    /// NEAR joins words, phrases and prefixes.
    pub(crate) fn can_be_near(&self) -> bool {
        matches!(self, Literal::Word(_) | Literal::Phrase(_) | Literal::Prefix(_))
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Word(text) => f.write_str(text),
            Literal::Prefix(start) => write!(f, "{start}*"),
            Literal::Phrase(text) => write_quoted(f, text),
            Literal::Hashtag(tag) => write!(f, "#{tag}"),
            Literal::Handle(handle) => write!(f, "@{handle}"),
            Literal::Near(left, most, right) => write!(f, "{left} NEAR/{most} {right}"),
            Literal::Field(field, value) => {
                f.write_str(field.prefix())?;
                if value.chars().any(must_be_quoted) { write_quoted(f, value) } else { f.write_str(value) }
            }
        }
    }
}

/// Ends a value that stands without quotes, or may not stand in it.
fn must_be_quoted(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | '*') || is_quote(c)
}

fn write_quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        if c == '\\' || is_quote(c) {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("\"")
}

/// In the query language, with every AND written and no group that is not needed.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Query::Literal(literal) => literal.fmt(f),
            Query::Not(inner) => {
                f.write_str("NOT ")?;
                write_part(f, inner, matches!(**inner, Query::And(_) | Query::Or(_)))
            }
            Query::And(parts) => write_joined(f, parts, " AND ", |part| matches!(part, Query::Or(_))),
            Query::Or(parts) => write_joined(f, parts, " OR ", |_| false),
        }
    }
}

fn write_joined(
    f: &mut fmt::Formatter<'_>,
    parts: &[Query],
    operator: &str,
    is_group: impl Fn(&Query) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(operator)?;
        }
        write_part(f, part, is_group(part))?;
    }
    Ok(())
}

fn write_part(f: &mut fmt::Formatter<'_>, part: &Query, is_group: bool) -> fmt::Result {
    if is_group { write!(f, "({part})") } else { write!(f, "{part}") }
}
