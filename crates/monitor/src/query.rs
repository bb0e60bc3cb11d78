use std::fmt;

use crate::{
    Brand, ParseError,
    fold::{Rule, fold},
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

/// What is looked for in a text, folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Literal {
    Word(String),
    /// Words in order, with one space between two.
    Phrase(String),
    /// Without `#`.
    Hashtag(String),
    /// Without `@`.
    Handle(String),
}

impl Query {
    /// See [`parse`](crate::parse()).
    pub fn parse(query: &str) -> Result<Query, ParseError> {
        crate::parse(query)
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

    pub(crate) fn rule(&self) -> Rule {
        match self {
            Literal::Word(_) | Literal::Phrase(_) => Rule::Word,
            Literal::Hashtag(_) => Rule::Hashtag,
            Literal::Handle(_) => Rule::Handle,
        }
    }

    /// The bytes to find in a folded text.
    pub(crate) fn pattern(&self) -> String {
        match self {
            Literal::Word(text) | Literal::Phrase(text) => text.clone(),
            Literal::Hashtag(tag) => format!("#{tag}"),
            Literal::Handle(handle) => format!("@{handle}"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Literal::Phrase(text) = self else { return f.write_str(&self.pattern()) };
        f.write_str("\"")?;
        for c in text.chars() {
            if c == '\\' || crate::lexer::is_quote(c) {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
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
