//! What a figure needs and nothing has brought: said beside an answer that would else look like none of it.

use serde_json::Value;

use super::{Metric, Shape};

/// By metric: the column that counts what it rests on (where it is empty, any row does), and what to say where there is
/// none.
const NEEDS: &[(&str, &str, &str)] = &[
    ("impressions", "mentions_known", "no mention of the span carries impressions"),
    (
        "engagement_rate",
        "mentions_known",
        "no mention of the span has both counters and an author with known followers",
    ),
    (
        "follower_growth",
        "",
        "no followers were counted: name the brand's accounts, and tell a source to count them or import the counts",
    ),
    ("best_time_to_post", "", "no post of the team with known counters is stored"),
    ("campaign_spend", "rows", NO_CAMPAIGN),
    ("campaign_ctr", "rows", NO_CAMPAIGN),
    ("campaign_cpc", "rows", NO_CAMPAIGN),
    ("campaign_conversion_rate", "rows", NO_CAMPAIGN),
    ("campaign_lift", "", NO_CAMPAIGN),
];

const NO_CAMPAIGN: &str = "no campaign row of the brand begins in the span: import them from the advertising platform";

/// The reason why the figure is partial, where what it rests on is not there at all. `rows` are those of the statement.
pub(crate) fn note(metric: &Metric, shape: &Shape, rows: &[Vec<Value>]) -> Option<&'static str> {
    let (_, column, reason) = NEEDS.iter().find(|(id, ..)| *id == metric.id)?;
    // A split has its key before the columns.
    let key = usize::from(!shape.by.is_empty());
    let at = shape.columns.iter().position(|of| of.name == *column).map(|at| at + key);
    let counts = |row: &Vec<Value>| at.is_none_or(|at| row.get(at).and_then(Value::as_u64).is_some_and(|n| n > 0));
    (!rows.iter().any(counts)).then_some(reason)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::find;

    #[test]
    fn a_figure_whose_data_nothing_brings_says_so() {
        let note_of = |id: &str, rows: Vec<Vec<Value>>| {
            let metric = find(id).unwrap();
            note(metric, &metric.shapes[0], &rows)
        };
        assert_eq!(
            note_of("campaign_ctr", vec![vec![Value::Null, Value::Null, Value::Null, json!(0), json!(0)]]),
            Some(NO_CAMPAIGN)
        );
        assert_eq!(note_of("campaign_ctr", vec![vec![json!(1), json!(1), json!(100), json!(1), json!(2)]]), None);
        assert!(note_of("follower_growth", vec![]).is_some());
        assert_eq!(note_of("mention_volume", vec![]), None, "none is none");
    }

    #[test]
    fn what_is_needed_is_a_column_of_every_shape() {
        for (id, column, _) in NEEDS.iter().filter(|(_, column, _)| !column.is_empty()) {
            let shapes = find(id).unwrap().shapes;
            assert!(shapes.iter().all(|shape| shape.columns.iter().any(|of| of.name == *column)), "{id}");
        }
    }
}
