//! The monitors' queries in X's language: rules of the filtered stream, and queries of the search.
//!
//! A translation finds whatever the monitor's query finds, and perhaps more: what X does not know is left out of what is
//! asked, and Grapevine's own matcher decides in the end.
//!
//! | monitor | X |
//! |---|---|
//! | `acme` | `acme OR #acme OR @acme` |
//! | `"two words"` | `"two words"` |
//! | `coca-cola` | `"coca-cola" OR (coca cola)`: X divides words at most signs |
//! | `#tag`, `@handle` | the same, where X has such tags and names; else their words |
//! | `a NEAR/3 b` | `a b` |
//! | `from:ada` | the same, where X has such names |
//! | `brok*`, `lang:`, `platform:`, `space:` | nothing: X has no such words, or tells languages apart in its own way |
//! | `a b`, `a OR b` | the same |
//! | `NOT acme`, `NOT #tag`, `NOT @handle`, `NOT from:ada` | `-acme`, … |
//! | `NOT (a OR b)` | `-a -b` |
//! | `NOT "two words"`, `NOT (a b)`, `a OR NOT b` within more | nothing: X would leave out too much, or refuses it |
//! | signs alone, such as `"?!"` | nothing |
//!
//! X takes accented letters for plain ones in its search, and how it divides Chinese, Japanese and Thai is its own affair.

mod ask;
mod literal;
pub(crate) mod plan;
mod split;

use grapevine_monitor::{MonitorQuery, Query};

pub(crate) use self::ask::Ask;

/// What is asked for, and what cannot be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Each is short enough.
    pub(crate) queries: Vec<String>,
    /// Monitors, each with what is wrong, for a person.
    pub(crate) problems: Vec<String>,
    /// Monitors that are asked for without some of their conditions, for a person.
    pub(crate) widened: Vec<String>,
}

impl Asked {
    /// All that a person should know.
    pub(crate) fn notices(self) -> Vec<String> {
        [self.problems, self.widened].concat()
    }
}

/// What stands behind every rule or query: `lang:en sample:10`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) languages: Vec<String>,
    /// Of a hundred posts that match, so many.
    pub(crate) sample: Option<u8>,
}

impl Conditions {
    fn written(&self) -> String {
        let mut written = match self.languages.as_slice() {
            [] => String::new(),
            [language] => format!(" lang:{language}"),
            several => {
                let languages: Vec<String> = several.iter().map(|language| format!("lang:{language}")).collect();
                format!(" ({})", languages.join(" OR "))
            }
        };
        if let Some(percent) = self.sample {
            written += &format!(" sample:{percent}");
        }
        written
    }

    /// The conditions stand behind all of it.
    pub(crate) fn apply(&self, query: &str, is_group: bool) -> String {
        match self.written() {
            none if none.is_empty() => query.to_owned(),
            written if is_group => format!("({query}){written}"),
            written => format!("{query}{written}"),
        }
    }
}

/// What finds all that a query finds.
pub(crate) fn translate(query: &Query) -> Ask {
    match query {
        Query::Literal(literal) => literal::wide(literal),
        Query::Not(inner) => negated(inner),
        Query::And(parts) => Ask::all(parts.iter().map(translate)),
        Query::Or(parts) => Ask::any(parts.iter().map(translate)),
    }
}

/// What finds all that a query does not find.
fn negated(query: &Query) -> Ask {
    match query {
        Query::Literal(literal) => literal::without(literal),
        Query::Not(inner) => translate(inner),
        Query::And(parts) => Ask::any(parts.iter().map(negated)),
        Query::Or(parts) => Ask::all(parts.iter().map(negated)),
    }
}

/// The conditions of a query that X is not asked for, as they are written: without them it finds more.
fn left_out(query: &Query) -> Vec<String> {
    match query {
        Query::Literal(_) => Vec::new(),
        Query::Not(inner) => kept_in(inner),
        Query::Or(parts) => parts.iter().flat_map(left_out).collect(),
        Query::And(parts) => parts.iter().flat_map(|part| one_left_out(translate(part), part, left_out)).collect(),
    }
}

/// The same of what is negated.
fn kept_in(query: &Query) -> Vec<String> {
    match query {
        Query::Literal(_) => Vec::new(),
        Query::Not(inner) => left_out(inner),
        Query::And(parts) => parts.iter().flat_map(kept_in).collect(),
        Query::Or(parts) => {
            let negations = parts.iter().map(|part| Query::Not(Box::new(part.clone())));
            negations.flat_map(|part| one_left_out(translate(&part), &part, left_out)).collect()
        }
    }
}

fn one_left_out(ask: Ask, part: &Query, within: fn(&Query) -> Vec<String>) -> Vec<String> {
    if ask == Ask::Anything { vec![part.to_string()] } else { within(part) }
}

/// All monitors in as few queries of at most so many characters as it takes.
pub(crate) fn of_monitors(monitors: &[MonitorQuery], conditions: &Conditions, most: usize) -> Asked {
    let room = most.saturating_sub(conditions.written().chars().count() + 2);
    let mut asked = Asked::default();
    let mut asks = Vec::new();
    for MonitorQuery { brand, monitor, query } in monitors {
        let ask = translate(query);
        if ask.asks_for_something() {
            asks.push(ask);
            let left_out = left_out(query);
            if !left_out.is_empty() {
                asked.widened.push(format!(
                    "monitor {monitor:?} of {brand:?} is asked for without {}, which X has no words for: more is read, and \
                     paid, than matches",
                    left_out.join(", ")
                ));
            }
        } else {
            let problem = format!("monitor {monitor:?} of {brand:?} asks for nothing that X can look for");
            asked.problems.push(problem);
        }
    }
    let split = split::split(&Ask::any(asks), room);
    asked.queries = split.iter().map(|ask| conditions.apply(&ask.to_string(), matches!(ask, Ask::Any(_)))).collect();
    asked
}

/// The queries as they stand, each under the conditions; or what the monitors ask for, where there are none.
pub(crate) fn asked(queries: &[String], monitors: &[MonitorQuery], conditions: &Conditions, most: usize) -> Asked {
    if queries.is_empty() {
        return of_monitors(monitors, conditions, most);
    }
    let is_group = |query: &str| query.contains(" OR ");
    let queries = queries.iter().map(|query| conditions.apply(query.trim(), is_group(query)));
    let (queries, long): (Vec<_>, Vec<_>) = queries.partition(|query| query.chars().count() <= most);
    let problems = long.iter().map(|query| format!("a query is longer than {most} characters: {query}")).collect();
    Asked { queries, problems, widened: Vec::new() }
}

#[cfg(test)]
mod evaluate;
#[cfg(test)]
mod tests;
