//! A lift is against the time before: where the brand's history does not reach back that far, nothing is known of it.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{Column, registry::campaigns::BEFORE};

const BUCKET: SignedDuration = SignedDuration::from_mins(5);

/// Rows without the figures of a time before that begins earlier than the brand's history.
pub(crate) fn within_history(mut rows: Vec<Vec<Value>>, columns: &[Column], first: Timestamp) -> Vec<Vec<Value>> {
    let place = |name: &str| columns.iter().position(|column| column.name == name);
    let (starts, ends) = (place("starts"), place("ends"));
    for row in &mut rows {
        let time = |place: Option<usize>| row.get(place?)?.as_str()?.parse::<Timestamp>().ok();
        let Some((starts, ends)) = time(starts).zip(time(ends)) else { continue };
        // The history is known by its first five minutes.
        if first < starts - ends.duration_since(starts) + BUCKET {
            continue;
        }
        for place in BEFORE.into_iter().filter_map(place) {
            row[place] = Value::Null;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[
        Column { name: "starts", unit: "time" },
        Column { name: "ends", unit: "time" },
        Column { name: "volume_lift", unit: "%" },
        Column { name: "mentions", unit: "mentions" },
        Column { name: "mentions_before", unit: "mentions" },
    ];

    #[test]
    fn what_was_before_a_campaign_is_not_known_where_the_history_begins_later() {
        let row = |starts: &str| {
            json!([format!("{starts}T00:00:00.000Z"), "2026-03-10T00:00:00.000Z", 100.0, 8, 4]).as_array().cloned()
        };
        let rows: Vec<Vec<Value>> = [row("2026-03-08"), row("2026-03-06")].into_iter().flatten().collect();
        let kept = within_history(rows, COLUMNS, "2026-03-06T00:00:00Z".parse().unwrap());
        assert_eq!(kept[0][2..], [json!(100.0), json!(8), json!(4)]);
        assert_eq!(kept[1][2..], [Value::Null, json!(8), Value::Null]);
    }
}
