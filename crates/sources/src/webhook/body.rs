//! From the body of a delivery to its records. Pure.

use serde_json::{Map, Value};

/// What a body holds: documents, and what of it is none.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Documents {
    pub(crate) values: Vec<Value>,
    /// The bytes and why they can not be read.
    pub(crate) unreadable: Vec<(Vec<u8>, String)>,
}

/// JSON, lines of JSON, or a form, by the content type and by what it looks like.
pub(crate) fn read(content_type: &str, body: &[u8]) -> Documents {
    let kind = content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    if kind == "application/x-www-form-urlencoded" {
        return Documents { values: vec![form(body)], ..Documents::default() };
    }
    let is_lines = kind.contains("ndjson") || kind.contains("jsonl") || kind.contains("json-seq");
    match serde_json::from_slice(body) {
        Ok(value) => Documents { values: vec![value], ..Documents::default() },
        Err(_) if is_lines || looks_like_lines(body) => lines(body),
        Err(error) => {
            Documents { unreadable: vec![(body.to_vec(), format!("the body is not JSON: {error}"))], ..Documents::default() }
        }
    }
}

/// The first of several lines is an object of its own.
fn looks_like_lines(body: &[u8]) -> bool {
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let is_object = |line: &[u8]| serde_json::from_slice::<Map<String, Value>>(line).is_ok();
    lines.next().is_some_and(is_object) && lines.next().is_some()
}

fn lines(body: &[u8]) -> Documents {
    let mut documents = Documents::default();
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).enumerate();
    for (nth, line) in lines.filter(|(_, line)| !line.is_empty()) {
        match serde_json::from_slice(line.strip_prefix(b"\x1e").unwrap_or(line)) {
            Ok(value) => documents.values.push(value),
            Err(error) => documents.unreadable.push((line.to_vec(), format!("line {} is not JSON: {error}", nth + 1))),
        }
    }
    documents
}

/// Fields of a form. Some platforms put JSON into a field `payload`: then that is meant.
fn form(body: &[u8]) -> Value {
    let fields: Map<String, Value> =
        url::form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect();
    let payload = fields.get("payload").and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    payload.filter(Value::is_object).unwrap_or(Value::Object(fields))
}

/// The records of a document: steps into lists, each one further in. A record keeps what stands around it under `outer`.
pub(crate) fn records(document: &Value, each: &[String]) -> Vec<Value> {
    let open = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    let mut found = open(document);
    for step in each {
        found = found.iter().flat_map(|outer| inner(outer, step)).collect();
    }
    found
}

fn inner(outer: &Value, step: &str) -> Vec<Value> {
    let around = || match outer {
        Value::Object(table) => table.iter().filter(|(key, _)| *key != step).map(|(k, v)| (k.clone(), v.clone())).collect(),
        _ => Map::new(),
    };
    let with_outer = |record: &Value| match record {
        Value::Object(table) => {
            let mut table = table.clone();
            table.insert("outer".to_owned(), Value::Object(around()));
            Value::Object(table)
        }
        other => other.clone(),
    };
    match crate::http::at(outer, step) {
        Some(Value::Array(items)) => items.iter().map(with_outer).collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![with_outer(one)],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn bodies_are_read_by_their_type_and_looks() {
        for (kind, body, expected) in [
            ("application/json; charset=utf-8", "{\"a\": 1}", vec![json!({"a": 1})]),
            ("", "[{\"a\": 1}, {\"a\": 2}]", vec![json!([{"a": 1}, {"a": 2}])]),
            ("application/x-ndjson", "{\"a\": 1}\n\n{\"a\": 2}\r\n", vec![json!({"a": 1}), json!({"a": 2})]),
            ("text/plain", "{\"a\": 1}\n{\"a\": 2}", vec![json!({"a": 1}), json!({"a": 2})]),
            ("application/x-www-form-urlencoded", "a=1&b=x+y", vec![json!({"a": "1", "b": "x y"})]),
            ("application/x-www-form-urlencoded", "payload=%7B%22a%22%3A1%7D", vec![json!({"a": 1})]),
        ] {
            assert_eq!(read(kind, body.as_bytes()), Documents { values: expected, unreadable: vec![] }, "{body}");
        }
        let broken = read("application/x-ndjson", b"{\"a\": 1}\n{\"a\": \n{\"a\": 3}");
        assert_eq!(broken.values.len(), 2);
        assert!(broken.unreadable[0].1.starts_with("line 2 is not JSON"));
        assert!(read("application/json", b"{\"a\": 1").unreadable[0].1.starts_with("the body is not JSON"));
    }

    #[test]
    fn records_are_found_step_by_step_and_keep_what_is_around_them() {
        let document = json!({"entry": [{"id": 7, "changes": [{"field": "feed"}, {"field": "x"}]}, {"id": 8}]});
        let steps = |steps: &[&str]| steps.iter().map(|step| (*step).to_owned()).collect::<Vec<_>>();
        let found = records(&document, &steps(&["entry", "changes"]));
        assert_eq!(found[0], json!({"field": "feed", "outer": {"id": 7, "outer": {}}}));
        assert_eq!(found.len(), 2);
        assert_eq!(records(&document, &steps(&["nothing"])).len(), 0);
        assert_eq!(records(&json!([{"a": 1}, {"a": 2}]), &[]).len(), 2);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>, kind in "application/(json|x-ndjson|x-www-form-urlencoded)") {
            for value in read(&kind, &body).values {
                let _ = records(&value, &["a".to_owned()]);
            }
        }
    }
}
