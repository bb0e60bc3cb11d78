//! Whether two answers are the same. Numbers may differ in their last digits, which depend on the order of operations;
//! the rows of a split that is none over time have no order.

use grapevine_store::By;
use serde_json::Value;

/// Of 1, or of the number where it is larger.
pub const TOLERANCE: f64 = 1e-9;

pub fn equal(one: &Value, other: &Value, by: Option<By>) -> bool {
    equal_to_within(TOLERANCE, (one, other), by)
}

pub fn equal_to_within(tolerance: f64, (one, other): (&Value, &Value), by: Option<By>) -> bool {
    same(tolerance, &ordered(one, by), &ordered(other, by))
}

/// The first row that differs, of each.
pub fn difference(engine: &Value, independent: &Value, by: Option<By>) -> String {
    let rows = |value: &Value| ordered(value, by).as_array().cloned().unwrap_or_default();
    let (engine, independent) = (rows(engine), rows(independent));
    let first = (0..engine.len().max(independent.len())).find(|at| match (engine.get(*at), independent.get(*at)) {
        (Some(one), Some(other)) => !same(TOLERANCE, one, other),
        _ => true,
    });
    let shown = |rows: &[Value]| first.and_then(|at| rows.get(at)).map_or("nothing".to_owned(), Value::to_string);
    let (at, lengths) = (first.unwrap_or_default(), (engine.len(), independent.len()));
    format!("row {at} of {lengths:?}\n   engine {}\n   other  {}", shown(&engine), shown(&independent))
}

fn same(tolerance: f64, one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(tolerance, one, other))
        }
        (Value::Number(one), Value::Number(other)) => match (one.as_f64(), other.as_f64()) {
            (Some(one), Some(other)) => (one - other).abs() <= tolerance * one.abs().max(other.abs()).max(1.0),
            _ => false,
        },
        _ => one == other,
    }
}

fn ordered(rows: &Value, by: Option<By>) -> Value {
    let mut rows = rows.clone();
    let over_time = matches!(by, None | Some(By::Time | By::FiveMinutes | By::Hour | By::Day));
    if let (Value::Array(rows), false) = (&mut rows, over_time) {
        rows.sort_by_key(|row| row.get(0).map(Value::to_string));
    }
    rows
}

#[test]
fn answers_are_the_same_up_to_last_digits_and_the_order_of_a_split() {
    use serde_json::json;
    let rows = json!([["b", 1], ["a", 0.1 + 0.2]]);
    assert!(equal(&rows, &json!([["a", 0.3], ["b", 1.0]]), Some(By::Kind)));
    assert!(!equal(&rows, &json!([["a", 0.3], ["b", 1.0]]), None), "a list has an order");
    assert!(!equal(&rows, &json!([["b", 1], ["a", 0.3001]]), None));
    assert!(!equal(&json!([[null]]), &json!([[0]]), None), "what is not known is not 0");
    assert!(!equal(&json!([[1]]), &json!([]), None));
}
