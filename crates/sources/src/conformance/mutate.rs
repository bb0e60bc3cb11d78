//! Bodies as they come on a bad day: cut off, with other types than the documentation says, with fields that nobody
//! knows.

use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Value, json};

/// How many places of one body are spoilt, at most; and how many random bodies are made of it.
const PLACES: usize = 120;
const RANDOM: u64 = 40;

/// The same data with fields that nobody knows: it has to be read as before. `None` where the body is no JSON.
pub(super) fn with_unknown_fields(body: &[u8]) -> Option<Vec<u8>> {
    fn add(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(add);
                fields.insert("unheard_of".into(), json!({ "new": [1, null, "x"] }));
            }
            Value::Array(items) => items.iter_mut().for_each(add),
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_slice(body).ok()?;
    add(&mut value);
    Some(value.to_string().into_bytes())
}

/// Spoilt in one place each, in turn; then in many at random, by a fixed seed.
pub(super) fn spoilt(body: &[u8]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..body.len()).step_by(body.len() / 64 + 1).map(|end| body[..end].to_vec()).collect();
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => {
            all.extend(in_one_place(&value));
            all.extend((0..RANDOM).map(|seed| at_random(&value, seed)));
        }
        Err(_) => all.extend((0..RANDOM).map(|seed| garbled(body, seed))),
    }
    all
}

fn in_one_place(value: &Value) -> Vec<Vec<u8>> {
    let mut places = Vec::new();
    paths(value, String::new(), &mut places);
    let others =
        [json!(null), json!({}), json!([]), json!(-1), json!(1e300), json!(""), json!("\u{0}🦀<b>&#x"), json!(true)];
    let step = places.len() / PLACES + 1;
    let mut all = Vec::new();
    for place in places.iter().step_by(step) {
        for other in &others {
            let mut spoilt = value.clone();
            if let Some(target) = spoilt.pointer_mut(place) {
                *target = other.clone();
                all.push(spoilt.to_string().into_bytes());
            }
        }
        all.extend(without(value, place));
    }
    all
}

fn without(value: &Value, place: &str) -> Option<Vec<u8>> {
    let (parent, key) = place.rsplit_once('/')?;
    let mut spoilt = value.clone();
    match spoilt.pointer_mut(parent)? {
        Value::Object(fields) => drop(fields.remove(&key.replace("~1", "/").replace("~0", "~"))),
        Value::Array(items) => drop(items.remove(key.parse().ok()?)),
        _ => return None,
    }
    Some(spoilt.to_string().into_bytes())
}

fn paths(value: &Value, path: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields {
                paths(field, format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| paths(item, format!("{path}/{index}"), found));
        }
        _ => {}
    }
    found.push(path);
}

fn at_random(value: &Value, seed: u64) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut places = Vec::new();
    paths(value, String::new(), &mut places);
    let mut spoilt = value.clone();
    for _ in 0..random.random_range(2..6) {
        let other = match random.random_range(0..5) {
            0 => json!(null),
            1 => json!(random.random::<i64>()),
            2 => json!(random.random::<f64>()),
            3 => json!([spoilt.clone()]),
            _ => json!(random.random::<char>().to_string().repeat(random.random_range(0..50))),
        };
        if let Some(target) = places.choose(&mut random).and_then(|place| spoilt.pointer_mut(place)) {
            *target = other;
        }
    }
    spoilt.to_string().into_bytes()
}

/// `None` where there is no list to empty.
pub(super) fn with_empty_lists(body: &[u8]) -> Option<Vec<u8>> {
    fn empty(value: &mut Value) -> bool {
        match value {
            Value::Array(items) => !std::mem::take(items).is_empty(),
            Value::Object(fields) => fields.values_mut().map(empty).filter(|is_emptied| *is_emptied).count() > 0,
            _ => false,
        }
    }
    let mut value: Value = serde_json::from_slice(body).ok()?;
    empty(&mut value).then(|| value.to_string().into_bytes())
}

/// For bodies that are not JSON: a few bytes are others.
fn garbled(body: &[u8], seed: u64) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut garbled = body.to_vec();
    for _ in 0..random.random_range(1..8) {
        if let Some(at) = (!garbled.is_empty()).then(|| random.random_range(0..garbled.len())) {
            match random.random_range(0..3) {
                0 => garbled[at] = random.random(),
                1 => drop(garbled.remove(at)),
                _ => garbled.insert(at, b"<>&\"'\0\xff"[random.random_range(0..7)]),
            }
        }
    }
    garbled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_spoilt_in_every_place() {
        let body = br#"{"items":[{"id":1,"a/b":"x"}],"next":null}"#;
        let all = spoilt(body);
        let has = |text: &str| all.iter().any(|body| body == text.as_bytes());
        assert!(has(r#"{"items":[{"a/b":"x","id":null}],"next":null}"#), "a null");
        assert!(has(r#"{"items":[{"id":1}],"next":null}"#), "a missing field");
        assert!(has(r#"{"items":[],"next":null}"#), "a missing item");
        assert!(has(r#"{"items":[{"id""#), "cut off");
        let known: Value = serde_json::from_slice(&with_unknown_fields(body).unwrap()).unwrap();
        assert!(known["items"][0]["unheard_of"].is_object());
        assert_eq!(spoilt(body), all, "the same each time");
        assert_eq!(with_empty_lists(body).unwrap(), br#"{"items":[],"next":null}"#);
        assert_eq!(with_empty_lists(br#"{"items":[]}"#), None);
    }

    #[test]
    fn what_is_no_json_is_spoilt_by_bytes() {
        assert!(spoilt(b"<rss/>").len() > RANDOM as usize);
        assert_eq!(with_unknown_fields(b"<rss/>"), None);
    }
}
