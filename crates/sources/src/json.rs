//! Reading JSON that may hold anything: what is absent, or of another type, is not there. Paths have dots for keys, as
//! [`at`](crate::http::at) reads them.

use serde_json::Value;

use crate::http::at;

/// A text that is not empty.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> Option<&'a str> {
    at(value, path)?.as_str().filter(|text| !text.is_empty())
}

/// Also a whole number as it is written: ids come in both forms.
pub(crate) fn owned(value: &Value, path: &str) -> Option<String> {
    match at(value, path)? {
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        Value::Number(number) if number.is_u64() || number.is_i64() => Some(number.to_string()),
        _ => None,
    }
}

/// Also one that is written as a text.
pub(crate) fn int(value: &Value, path: &str) -> Option<i64> {
    let value = at(value, path)?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Also one that is written as a text.
pub(crate) fn count(value: &Value, path: &str) -> Option<u64> {
    let value = at(value, path)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// False where it is absent.
pub(crate) fn flag(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool).unwrap_or_default()
}

/// Empty where there is none.
pub(crate) fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// An object, if one is there.
pub(crate) fn object<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    at(value, path).filter(|found| found.is_object())
}

/// Keeps each item once.
pub(crate) fn push_new(list: &mut Vec<String>, item: impl Into<String>) {
    let item = item.into();
    if !item.is_empty() && !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_of_another_type_is_not_there() {
        let value = json!({"a": {"b": "x", "n": 7, "empty": ""}, "l": [1], "t": true});
        assert_eq!((text(&value, "a.b"), text(&value, "a.n"), text(&value, "a.empty")), (Some("x"), None, None));
        assert_eq!((int(&value, "a.n"), count(&value, "a.b")), (Some(7), None));
        let written = json!({"n": "-7", "id": 12, "part": 1.5});
        assert_eq!(
            (int(&written, "n"), count(&written, "n"), owned(&written, "id")),
            (Some(-7), None, Some("12".into()))
        );
        assert_eq!((owned(&written, "part"), owned(&value, "t")), (None, None));
        assert_eq!((list(&value, "l").len(), list(&value, "a").len()), (1, 0));
        assert!(flag(&value, "t") && !flag(&value, "a"));
    }
}
