//! Every hand-written payload of every kind, spoilt in every place: nothing panics, what is refused says why, null is the
//! same as nothing, and a value of a wrong type costs no more than the field that it stands for.

mod payloads;

use std::collections::BTreeSet;

use grapevine_model::Event;
use proptest::prelude::*;
use serde_json::{Value, json};

use self::payloads::{Payload, all};

/// What stands in a field in place of what should stand there.
fn strangers() -> Vec<Value> {
    let mut deep = json!("x");
    for _ in 0..40 {
        deep = json!([{ "a": deep }]);
    }
    let huge = serde_json::from_str("123456789012345678901234567890").unwrap();
    vec![
        json!({}),
        json!([]),
        json!(""),
        json!(true),
        json!(-1),
        json!(1.5e300),
        huge,
        json!([[3]]),
        json!({"a": 1}),
        deep,
    ]
}

/// Every place of a document, as a JSON pointer.
fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, found: &mut Vec<String>) {
        let step = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, field)| walk(field, &step(key), found)),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(at, item)| walk(item, &step(&at.to_string()), found));
            }
            _ => {}
        }
        if !path.is_empty() {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    walk(value, "", &mut found);
    found
}

/// With something else in a place, or nothing at all; `None` where that can not be.
fn with(value: &Value, place: &str, other: Option<&Value>) -> Option<Value> {
    let mut value = value.clone();
    let (parent, key) = place.rsplit_once('/')?;
    match (other, value.pointer_mut(parent)?) {
        (Some(other), _) => *value.pointer_mut(place)? = other.clone(),
        (None, Value::Object(fields)) => drop(fields.remove(&key.replace("~1", "/").replace("~0", "~"))),
        (None, _) => return None,
    }
    Some(value)
}

/// The fields of the first mention that hold something.
fn filled(events: &[Event]) -> Option<BTreeSet<String>> {
    let Some(Event::Upsert(mention)) = events.first() else { return None };
    let Ok(Value::Object(fields)) = serde_json::to_value(mention) else { return None };
    let parts = fields.into_iter().flat_map(|(name, value)| match value {
        Value::Object(parts) => parts.into_iter().map(|(part, value)| (format!("{name}.{part}"), value)).collect(),
        value => vec![(name, value)],
    });
    let is_empty =
        |value: &Value| matches!(value, Value::Null | Value::Bool(false)) || *value == json!("") || *value == json!([]);
    Some(parts.filter(|(_, value)| !is_empty(value)).map(|(name, _)| name).collect())
}

/// What a person can act on.
fn check_refusal(payload: &Payload, place: &str, mapped: &Result<Vec<Event>, String>) {
    if let Err(reason) = mapped {
        assert!(reason.len() > 10, "{}: {place} is refused without a reason: {reason:?}", payload.name);
    }
}

#[test]
fn every_payload_is_a_mention_as_it_stands() {
    for payload in all().iter().filter(|payload| payload.is_mention) {
        let mapped = (payload.map)(&payload.body);
        assert!(mapped.as_ref().is_ok_and(|events| filled(events).is_some()), "{}: {mapped:?}", payload.name);
    }
}

#[test]
fn null_is_the_same_as_nothing() {
    let mut problems = Vec::new();
    for payload in all() {
        for place in places(&payload.body) {
            // A list has no place for nothing.
            let Some(without) = with(&payload.body, &place, None) else { continue };
            let nulled = with(&payload.body, &place, Some(&Value::Null)).unwrap();
            let (absent, null) = ((payload.map)(&without), (payload.map)(&nulled));
            if absent != null && (absent.is_ok() || null.is_ok()) {
                problems.push(format!("{}: {place}: {absent:?} without it, {null:?} where it is null", payload.name));
            }
        }
    }
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn a_wrong_type_costs_its_own_field_alone() {
    let mut problems = Vec::new();
    for payload in all() {
        for place in places(&payload.body) {
            let without = with(&payload.body, &place, Some(&Value::Null)).map(|body| (payload.map)(&body));
            let kept = without.and_then(Result::ok).and_then(|events| filled(&events));
            for stranger in strangers() {
                let Some(body) = with(&payload.body, &place, Some(&stranger)) else { continue };
                let mapped = (payload.map)(&body);
                check_refusal(&payload, &place, &mapped);
                let (Some(kept), Ok(events)) = (&kept, &mapped) else { continue };
                let Some(found) = filled(events) else { continue };
                let lost: Vec<_> = kept.difference(&found).filter(|field| !payload.decides(&place, field)).collect();
                if !lost.is_empty() {
                    let shown: String = stranger.to_string().chars().take(40).collect();
                    problems.push(format!("{}: {shown} at {place} costs {lost:?}", payload.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Kinds whose maps are programmed read what is there; only definitions refuse a record for a counter that is none.
#[test]
fn a_programmed_map_refuses_for_no_field_that_may_be_absent() {
    let mut problems = Vec::new();
    for payload in all().iter().filter(|payload| payload.is_programmed) {
        for place in places(&payload.body) {
            let nulled = with(&payload.body, &place, Some(&Value::Null)).unwrap();
            // Of what is no mention without it, it may be asked what it is.
            if !(payload.map)(&nulled).is_ok_and(|events| filled(&events).is_some()) {
                continue;
            }
            for stranger in strangers() {
                let body = with(&payload.body, &place, Some(&stranger)).unwrap();
                if let Err(reason) = (payload.map)(&body) {
                    let shown: String = stranger.to_string().chars().take(40).collect();
                    problems.push(format!("{}: {shown} at {place}: {reason}", payload.name));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn several_wrong_values_at_once_panic_nowhere(
        which in any::<prop::sample::Index>(),
        wrong in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), "\\PC{0,12}"), 1..6),
    ) {
        let payloads = all();
        let payload = which.get(&payloads);
        let mut body = payload.body.clone();
        for (place, stranger, text) in wrong {
            let (places, mut others) = (places(&body), strangers());
            if places.is_empty() {
                break;
            }
            others.extend([Value::Null, json!(text), json!(u64::MAX), json!("2026-13-45T99:00:00Z"), body.clone()]);
            let place = place.get(&places).clone();
            body = with(&body, &place, Some(stranger.get(&others))).unwrap_or(body);
        }
        check_refusal(payload, "several places", &(payload.map)(&body));
    }
}
