//! Which monitors need to be looked at.

use crate::{Field, Literal, Query};

/// Literals of which at least one is found wherever the query holds; of the parts of an AND those of the one that should be
/// found most seldom. `None` where it can hold without: a query that requires nothing.
///
/// `holds` is whether it is asked of the query, or of its opposite.
pub(crate) fn anchors(query: &Query, holds: bool) -> Option<Vec<&Literal>> {
    match query {
        Query::Literal(literal) if holds => of_literal(literal),
        Query::Literal(_) => None,
        Query::Not(inner) => anchors(inner, !holds),
        // Not all of them is one without.
        Query::And(parts) if holds => rarest(parts, true),
        Query::Or(parts) if !holds => rarest(parts, false),
        Query::And(parts) | Query::Or(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(|part| anchors(part, holds)).collect();
            parts.map(|parts| parts.concat()).map(distinct)
        }
    }
}

fn of_literal(literal: &Literal) -> Option<Vec<&Literal>> {
    match literal {
        Literal::Near(left, _, _) => Some(vec![left]),
        Literal::Field(Field::Language, _) => None,
        other => Some(vec![other]),
    }
}

fn rarest(parts: &[Query], holds: bool) -> Option<Vec<&Literal>> {
    let is_common = |literal: &&Literal| matches!(literal, Literal::Field(Field::Platform | Field::Space, _));
    let parts = parts.iter().filter_map(|part| anchors(part, holds));
    parts.min_by_key(|anchors| (anchors.iter().any(is_common), anchors.len()))
}

fn distinct(anchors: Vec<&Literal>) -> Vec<&Literal> {
    let mut seen = std::collections::HashSet::new();
    anchors.into_iter().filter(|literal| seen.insert(*literal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: Option<&[&str]>) {
        let query = crate::parse_search(query).unwrap();
        let anchors = anchors(&query, true).map(|found| found.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            anchors.as_ref().map(|found| found.iter().map(String::as_str).collect::<Vec<_>>()).as_deref(),
            expected
        );
    }

    #[test]
    fn a_monitor_is_looked_at_for_the_fewest_of_its_literals() {
        check("acme", Some(&["acme"]));
        check("(a OR b) c -d", Some(&["c"]));
        check("platform:x lang:en (a OR b)", Some(&["a", "b"]));
        check("a OR bb* NEAR/3 c OR a", Some(&["a", "bb*"]));
        check("NOT (NOT a OR b)", Some(&["a"]));
        check("platform:x", Some(&["platform:x"]));
        check("-a", None);
        check("lang:en", None);
        check("a OR lang:en", None);
        check("-(a -lang:en)", None);
    }
}
