//! How far back a statement reads mentions.

/// Whether every read of `$mentions` in a statement with its pieces put in begins at some time: what the metric says that
/// it looks back to. Otherwise one of them reads everything.
pub(crate) fn is_bounded(sql: &str) -> bool {
    sql.replace("$few_mentions", "$mentions")
        .split("$mentions")
        .skip(1)
        .all(|rest| condition(rest).contains("created_at >= "))
}

/// What stands behind a read up to the end of its own `SELECT`, without what stands in brackets.
fn condition(rest: &str) -> String {
    let (mut depth, mut own) = (0_i32, String::new());
    for letter in rest.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if depth < 0 {
            break;
        }
        if depth == 0 {
            own.push(letter);
        }
    }
    own.split("UNION ALL").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LookBack, Metric, pieces::whole, registry, registry::Shape};

    #[test]
    fn a_read_is_bounded_by_its_own_condition_alone() {
        assert!(is_bounded("SELECT 1 FROM $mentions WHERE brand = 'a' AND created_at >= fromUnix(1, 'UTC')"));
        assert!(!is_bounded("SELECT 1 FROM $few_mentions WHERE brand = 'a'"));
        assert!(!is_bounded("SELECT 1 FROM $mentions WHERE id IN (SELECT id FROM t WHERE created_at >= 1)"));
        assert!(!is_bounded("WITH a AS (SELECT 1 FROM $mentions WHERE b) SELECT 1 FROM c WHERE created_at >= 1"));
        assert!(!is_bounded("SELECT 1 FROM $mentions WHERE b UNION ALL SELECT 1 FROM c WHERE created_at >= 1"));
    }

    #[test]
    fn statements_read_everything_where_they_ask_for_history_alone() {
        let of = |shape: &Shape| whole(shape.sql);
        let history =
            |metric: &&Metric| matches!(metric.looks_back, LookBack::History | LookBack::HistoryOfDaysBefore(_));
        let others = || registry::all().iter().filter(|metric| !history(metric));
        let unbounded: Vec<&str> = others()
            .filter(|metric| !metric.shapes.iter().all(|shape| is_bounded(&of(shape))))
            .map(|metric| metric.id)
            .collect();
        assert_eq!(unbounded, [""; 0]);
        // What is replied to is looked for from where the metric says, and labels are looked at from there on.
        for metric in others() {
            if let LookBack::RepliedTo(days) = metric.looks_back {
                let bound = format!("'UTC') - INTERVAL {days} DAY AND");
                assert!(metric.shapes.iter().all(|shape| of(shape).contains(&bound)), "{}", metric.id);
            }
        }
        // Who says that nothing is looked back to begins at the span's own beginning.
        for metric in others().filter(|metric| metric.looks_back == LookBack::Nothing) {
            for sql in metric.shapes.iter().map(of) {
                let begins = sql.split("created_at >= ").skip(1);
                let at_from = |rest: &str| {
                    let rest = rest.strip_prefix("fromUnixTimestamp64Milli({from:Int64}, 'UTC')");
                    rest.is_some_and(|rest| !rest.trim_start().starts_with('-'))
                };
                assert!(begins.clone().all(at_from), "{}: {sql}", metric.id);
            }
        }
    }
}
