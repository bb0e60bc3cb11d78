//! Which rules to add and which to delete, so that the stream has those that are wanted. Pure.

use std::collections::HashSet;

use serde_json::{Value, json};

/// Before the digest in the tag of every rule of ours. What bears another tag is somebody else's.
const OURS: &str = "grapevine:";

/// A rule that X has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) id: String,
    pub(crate) value: String,
    pub(crate) tag: String,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) add: Vec<String>,
    /// Ids.
    pub(crate) delete: Vec<String>,
    /// For which there is no room.
    pub(crate) left_over: Vec<String>,
    /// Rules of others.
    pub(crate) foreign: usize,
}

/// The rules in X's answer.
pub(crate) fn standing(answer: &Value) -> Vec<Standing> {
    let text = |rule: &Value, key: &str| rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let rules = answer.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |rule: &Value| Standing { id: text(rule, "id"), value: text(rule, "value"), tag: text(rule, "tag") };
    rules.iter().map(read).filter(|rule| !rule.id.is_empty()).collect()
}

/// `most` is how many rules there may be, those of others included.
pub(crate) fn plan(standing: &[Standing], wanted: &[String], most: usize) -> Plan {
    let is_ours = |rule: &&Standing| rule.tag.starts_with(OURS);
    let foreign = standing.iter().filter(|rule| !is_ours(rule)).count();
    let mut kept = HashSet::new();
    let (mut plan, mut room) = (Plan { foreign, ..Plan::default() }, most.saturating_sub(foreign));
    for rule in standing.iter().filter(is_ours) {
        if wanted.contains(&rule.value) && room > 0 && kept.insert(rule.value.as_str()) {
            room -= 1;
        } else {
            plan.delete.push(rule.id.clone());
        }
    }
    // X takes no rule twice: one of somebody else's brings the same posts.
    let there: HashSet<&str> = standing.iter().filter(|rule| !is_ours(rule)).map(|rule| rule.value.as_str()).collect();
    let missing = wanted.iter().filter(|value| !kept.contains(value.as_str()) && !there.contains(value.as_str()));
    for value in missing {
        let list = if plan.add.len() < room { &mut plan.add } else { &mut plan.left_over };
        list.push(value.clone());
    }
    plan
}

/// The tag of a rule of ours.
pub(crate) fn tag(value: &str) -> String {
    format!("{OURS}{}", &blake3::hash(value.as_bytes()).to_hex()[..16])
}

pub(crate) fn addition(values: &[String]) -> Value {
    let rules: Vec<Value> = values.iter().map(|value| json!({"value": value, "tag": tag(value)})).collect();
    json!({ "add": rules })
}

pub(crate) fn deletion(ids: &[String]) -> Value {
    json!({"delete": {"ids": ids}})
}

/// Which of the values X refuses, each with its reason. That it has one already is no refusal.
pub(crate) fn refused(answer: &Value, values: &[String]) -> Vec<(String, String)> {
    let errors = answer.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |error: &Value, key: &str| error.get(key).and_then(Value::as_str).map(str::to_owned);
    let reason = |error: &Value| {
        let details = error.get("details").and_then(Value::as_array).and_then(|details| details.first()?.as_str());
        let words = details.map(str::to_owned).or_else(|| text(error, "detail")).or_else(|| text(error, "title"));
        words.unwrap_or_else(|| "no reason is given".to_owned())
    };
    let is_known = |error: &&Value| text(error, "title").as_deref() == Some("DuplicateRule");
    let named = errors.iter().filter(|error| !is_known(error)).filter_map(|error| Some((text(error, "value")?, reason(error))));
    named.filter(|(value, _)| values.contains(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(id: u32, value: &str, tag: &str) -> Standing {
        Standing { id: id.to_string(), value: value.to_owned(), tag: tag.to_owned() }
    }

    fn owned(values: &[&str]) -> Vec<String> {
        values.iter().map(|value| (*value).to_owned()).collect()
    }

    #[test]
    fn ours_are_brought_into_step_and_those_of_others_are_left_alone() {
        let there = [rule(1, "#a", &tag("#a")), rule(2, "#old", "grapevine:0"), rule(3, "#theirs", ""), rule(4, "#a", "grapevine:1")];
        let plan = plan(&there, &owned(&["#a", "#b", "#theirs"]), 1000);
        assert_eq!(plan, Plan { add: owned(&["#b"]), delete: owned(&["2", "4"]), left_over: vec![], foreign: 1 });
    }

    #[test]
    fn what_has_no_room_is_left_over() {
        let there = [rule(1, "#a", &tag("#a")), rule(2, "#x", "mine"), rule(3, "#y", "mine")];
        let plan = plan(&there, &owned(&["#a", "#b", "#c"]), 4);
        assert_eq!((plan.add, plan.left_over, plan.delete.len()), (owned(&["#b"]), owned(&["#c"]), 0));
    }

    #[test]
    fn refusals_are_read() {
        let answer = json!({"meta": {"summary": {"created": 0, "invalid": 1}}, "errors": [
            {"value": "#a (", "details": ["missing ')' (at position 5)"], "title": "UnprocessableEntity"},
            {"value": "#b", "id": "1", "title": "DuplicateRule"}, {"title": "Other"}]});
        let refused = refused(&answer, &owned(&["#a (", "#b"]));
        assert_eq!(refused, [("#a (".to_owned(), "missing ')' (at position 5)".to_owned())]);
        assert_eq!(standing(&json!({"data": [{"id": "1", "value": "#a"}, 3, {}], "meta": {}})), [rule(1, "#a", "")]);
    }

    proptest! {
        /// Whatever stands there: afterwards the wanted ones stand or are said to be left over, and no foreign one is touched.
        #[test]
        fn a_plan_reaches_what_is_wanted(
            ours in prop::collection::vec(0..6_u32, 0..6),
            theirs in prop::collection::vec(0..6_u32, 0..4),
            wanted in prop::collection::hash_set(0..6_u32, 0..6),
            most in 1..8_usize,
        ) {
            let mut there: Vec<Standing> = ours.iter().map(|n| rule(0, &format!("#{n}"), &tag(&format!("#{n}")))).collect();
            there.extend(theirs.iter().map(|n| rule(0, &format!("#{n}"), "theirs")));
            there.iter_mut().enumerate().for_each(|(id, rule)| rule.id = id.to_string());
            let wanted: Vec<String> = wanted.iter().map(|n| format!("#{n}")).collect();
            let plan = plan(&there, &wanted, most);
            let is_gone = |rule: &&Standing| plan.delete.contains(&rule.id);
            prop_assert!(there.iter().filter(is_gone).all(|rule| rule.tag != "theirs"));
            let mut after: Vec<&str> = there.iter().filter(|rule| !is_gone(rule)).map(|rule| rule.value.as_str()).collect();
            after.extend(plan.add.iter().map(String::as_str));
            prop_assert!(after.len() <= most.max(theirs.len()));
            for value in &wanted {
                prop_assert!(after.contains(&value.as_str()) != plan.left_over.contains(value), "{value}");
            }
        }
    }
}
