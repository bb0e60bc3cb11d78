use std::collections::BTreeMap;

use serde_json::Value;

use crate::registry::{ConfigError, Place};

/// The fields of a mention that a record can give.
pub(crate) const FIELDS: [&str; 29] = [
    "id",
    "platform",
    "instance",
    "created_at",
    "author",
    "author_id",
    "author_name",
    "followers",
    "is_team",
    "is_bot",
    "text",
    "kind",
    "space",
    "url",
    "language",
    "hashtags",
    "parent",
    "root",
    "parent_author",
    "likes",
    "reposts",
    "replies",
    "quotes",
    "bookmarks",
    "impressions",
    "stars",
    "links",
    "handles",
    "media",
];

/// Where each field of a mention stands in a record. A field that is not named stands under its own name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FieldMap {
    places: BTreeMap<String, Location>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Location {
    Path(String),
    Constant(Value),
}

impl FieldMap {
    pub(crate) fn new(fields: &BTreeMap<String, String>, place: Place<'_>) -> Result<Self, ConfigError> {
        let mut places = BTreeMap::new();
        for (field, written) in fields {
            if !FIELDS.contains(&field.as_str()) {
                let message = format!("is not a field of a mention: it is one of {}", FIELDS.join(", "));
                return Err(place.value_error(format!("fields.{field}"), message));
            }
            let location = match written.strip_prefix('=') {
                Some(constant) => Location::Constant(constant.into()),
                None if written.trim().is_empty() => {
                    let message =
                        "is empty: name the place in the record, or write \"=\" for a field that is never there";
                    return Err(place.value_error(format!("fields.{field}"), message));
                }
                None => Location::Path(written.clone()),
            };
            places.insert(field.clone(), location);
        }
        Ok(Self { places })
    }

    /// The field's value in this record; `None` where it is absent, null or an empty text.
    pub(crate) fn get<'a>(&'a self, field: &str, record: &'a Value) -> Option<&'a Value> {
        let value = match self.places.get(field) {
            Some(Location::Constant(value)) => Some(value),
            Some(Location::Path(path)) => lookup(record, path),
            None => record.get(field),
        };
        value.filter(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// How the field is named in messages: where it was looked for.
    pub(crate) fn describe(&self, field: &str) -> String {
        match self.places.get(field) {
            Some(Location::Path(path)) if path != field => format!("`{field}` (from `{path}`)"),
            _ => format!("`{field}`"),
        }
    }

    /// The first mapped place that no column of a header has.
    pub(crate) fn missing_column(&self, header: &[String]) -> Option<(&str, &str)> {
        self.places.iter().find_map(|(field, location)| match location {
            Location::Path(path) if !header.contains(path) => Some((field.as_str(), path.as_str())),
            _ => None,
        })
    }
}

/// The key as a whole, or step by step at its dots. A number picks from a list.
fn lookup<'a>(record: &'a Value, path: &str) -> Option<&'a Value> {
    record.get(path).or_else(|| {
        path.split('.').try_fold(record, |value, step| match value {
            Value::Array(items) => items.get(step.parse::<usize>().ok()?),
            other => other.get(step),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_goes_through_tables_and_lists() {
        let record = json!({"user": {"names": ["ada", "x"]}, "a.b": 1, "a": {"b": 2}});
        assert_eq!(lookup(&record, "user.names.0"), Some(&json!("ada")));
        assert_eq!(lookup(&record, "a.b"), Some(&json!(1)));
        assert_eq!(lookup(&record, "user.names.7"), None);
        assert_eq!(lookup(&record, "user.names.x"), None);
        assert_eq!(lookup(&record, "user..names"), None);
    }

    #[test]
    fn a_wrong_field_is_named_with_the_valid_ones() {
        let place = Place { source_name: "s", kind: "file" };
        let error = FieldMap::new(&[("autor".to_owned(), "user".to_owned())].into(), place).unwrap_err().to_string();
        assert!(
            error.starts_with("source \"s\" (file): `fields.autor` is not a field of a mention: it is one of id, ")
        );
        let error = FieldMap::new(&[("author".to_owned(), String::new())].into(), place).unwrap_err().to_string();
        assert!(error.contains("`fields.author` is empty"), "{error}");
    }
}
