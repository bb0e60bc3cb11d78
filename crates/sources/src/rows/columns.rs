//! Where the fields of a row stand: columns by their names, of which an export may have any.

use std::collections::BTreeMap;

use grapevine_model::is_currency;
use serde::Deserialize;
use serde_json::Value;

use crate::http::at;

/// One name or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    fn list(&self) -> &[String] {
        match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Many(names) => names,
        }
    }
}

/// Field = names of the column that holds it, the best first. `(*)` at the end of a name stands for a currency's code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns(BTreeMap<String, Vec<String>>);

/// A value and the column that it stands in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cell<'a> {
    pub(crate) column: &'a str,
    pub(crate) value: &'a Value,
}

impl Columns {
    /// # Errors
    /// A field that there is not.
    pub(crate) fn new(written: &BTreeMap<String, Names>, fields: &[&str]) -> Result<Self, (String, String)> {
        match written.keys().find(|field| !fields.contains(&field.as_str())) {
            Some(field) => {
                Err((field.clone(), format!("is not a field of such a row: it is one of {}", fields.join(", "))))
            }
            None => Ok(Self(written.iter().map(|(field, names)| (field.clone(), names.list().to_vec())).collect())),
        }
    }

    /// These columns, and where they are silent those of `others`.
    pub(crate) fn or(mut self, others: &Columns) -> Self {
        for (field, names) in &others.0 {
            self.0.entry(field.clone()).or_insert_with(|| names.clone());
        }
        self
    }

    pub(crate) fn names(&self, field: &str) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// One of the field's columns is among these names.
    pub(crate) fn is_in(&self, field: &str, header: &[String]) -> bool {
        self.names(field).iter().any(|name| header.iter().any(|column| fits(name, column)))
    }

    /// The first that the record has, and that is not blank.
    pub(crate) fn find<'a>(&self, field: &str, record: &'a Value) -> Option<Cell<'a>> {
        self.names(field).iter().find_map(|name| cell(name, record))
    }

    /// Every one that the record has, and that is not blank.
    pub(crate) fn all<'a>(&self, field: &str, record: &'a Value) -> Vec<Cell<'a>> {
        self.names(field).iter().filter_map(|name| cell(name, record)).collect()
    }
}

fn cell<'a>(name: &str, record: &'a Value) -> Option<Cell<'a>> {
    let table = record.as_object()?;
    let found = table.iter().find(|(column, _)| fits(name, column)).map(|(column, value)| Cell { column, value });
    let found = found.or_else(|| Some(Cell { column: "", value: at(record, name)? }));
    found.filter(|cell| !cell.value.is_null() && !cell.value.as_str().is_some_and(super::number::is_blank))
}

/// Upper and lower case, and what is neither letter nor digit, do not count.
fn fits(name: &str, column: &str) -> bool {
    match name.strip_suffix("(*)") {
        Some(name) => currency_of(column).is_some_and(|code| {
            let rest = column.trim_end().trim_end_matches(')').trim_end_matches(code);
            plain(rest).eq(plain(name))
        }),
        None => plain(name).eq(plain(column)),
    }
}

fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
    name.chars().filter(|c| c.is_alphanumeric() || *c == '#').flat_map(char::to_lowercase)
}

/// `EUR` of `Amount spent (EUR)`.
pub(crate) fn currency_of(column: &str) -> Option<&str> {
    let column = column.trim_end().trim_end_matches(')');
    let code = column.get(column.len().checked_sub(3)?..)?;
    is_currency(code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_column_is_found_by_its_name_however_it_is_written() {
        for (name, column, expected) in [
            ("Campaign ID", "campaign_id", true),
            ("Campaign ID", "\u{feff}Campaign Id ", true),
            ("Campaign ID", "Campaign", false),
            ("Conv. value", "Conv. value", true),
            ("Amount spent (*)", "Amount spent (EUR)", true),
            ("Amount spent (*)", "Amount spent (per)", false),
            ("Amount spent (*)", "Amount spent", false),
            ("#", "#", true),
        ] {
            assert_eq!(fits(name, column), expected, "{name} in {column}");
        }
        assert_eq!(currency_of("Amount spent (EUR)"), Some("EUR"));
        assert_eq!((currency_of("Größe"), currency_of("x")), (None, None));
    }

    #[test]
    fn the_first_name_that_is_filled_decides() {
        let written =
            BTreeMap::from([("clicks".to_owned(), Names::Many(vec!["Link clicks".into(), "metrics.clicks".into()]))]);
        let columns = Columns::new(&written, &["clicks"]).unwrap();
        let value = |record: Value| columns.find("clicks", &record).map(|cell| cell.value.clone());
        assert_eq!(value(json!({"link clicks": "--", "metrics": {"clicks": 3}})), Some(json!(3)));
        assert_eq!(value(json!({"Link clicks": 4, "metrics": {"clicks": 3}})), Some(json!(4)));
        assert_eq!(value(json!([1])), None);
        assert!(Columns::new(&written, &["spend"]).unwrap_err().1.starts_with("is not a field of such a row"));
    }
}
