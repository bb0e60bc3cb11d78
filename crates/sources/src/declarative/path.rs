//! Places in a JSON document: `user.login`, or a JSONPath that begins with `$`.

use serde_json::Value;
use serde_json_path::JsonPath;

use crate::http::at;

/// A place in a JSON document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Path {
    /// Keys and indices between dots. A key that has a dot itself is found as a whole.
    Dotted(String),
    Query(Box<JsonPath>),
}

impl Path {
    /// # Errors
    /// Why it is no path.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.trim() {
            "" => Err("is empty: name the place in the record".to_owned()),
            query if query.starts_with('$') => match JsonPath::parse(query) {
                Ok(query) => Ok(Path::Query(Box::new(query))),
                Err(error) => Err(format!("is no JSONPath: {error}")),
            },
            dotted => Ok(Path::Dotted(dotted.to_owned())),
        }
    }

    /// The first value there; `None` where it is absent, null or an empty text.
    pub(crate) fn find<'a>(&self, record: &'a Value) -> Option<&'a Value> {
        let found = match self {
            Path::Dotted(path) => record.get(path).or_else(|| at(record, path)),
            Path::Query(query) => query.query(record).first(),
        };
        found.filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// Every value there; lists are opened.
    pub(crate) fn all<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let found = match self {
            Path::Dotted(_) => self.find(document).into_iter().collect(),
            Path::Query(query) => query.query(document).all(),
        };
        let open = |value: &'a Value| match value {
            Value::Array(items) => items.iter().collect(),
            other => vec![other],
        };
        found.into_iter().flat_map(open).filter(|value| !value.is_null()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_forms_find_the_same() {
        let record = json!({"a": {"b": [{"c": 1}, {"c": 2}]}, "im:x": {"l": "y"}, "e": "", "n": null});
        let find = |path: &str| Path::parse(path).unwrap().find(&record).cloned();
        for (path, expected) in [
            ("a.b.1.c", Some(json!(2))),
            ("$.a.b[1].c", Some(json!(2))),
            ("im:x.l", Some(json!("y"))),
            ("a.b.7", None),
            ("a.x.c", None),
            ("e", None),
            ("n", None),
        ] {
            assert_eq!(find(path), expected, "{path}");
        }
        let all = |path: &str| Path::parse(path).unwrap().all(&record).len();
        assert_eq!([all("a.b"), all("$.a.b[*].c"), all("a"), all("n"), all("zz")], [2, 2, 1, 0, 0]);
    }

    #[test]
    fn a_wrong_path_says_so() {
        assert!(Path::parse("$.a[").unwrap_err().starts_with("is no JSONPath"));
        assert!(Path::parse(" ").is_err());
    }
}
