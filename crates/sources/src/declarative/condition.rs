//! Whether something holds for a record.
//!
//! | written | holds where |
//! |---|---|
//! | `"deleted_at"` | something stands there, and it is not `false` |
//! | `{ from = "type", any_of = ["a", "{account}"] }` | it is one of these; holes as in any text |
//! | `{ from = "type", none_of = ["a"] }` | something stands there, and it is none of these |
//! | `{ from = "rating", absent = true }` | nothing stands there |
//! | `[…, …]` | any of these conditions holds |

use serde_json::Value;

use super::{
    error::{Under, Wrong},
    expression::{Expression, OF_TEXTS, Scope, only, scalar},
    template::Template,
};

#[derive(Debug, Clone)]
pub(crate) struct Condition {
    any: Vec<(Expression, Test)>,
}

#[derive(Debug, Clone)]
enum Test {
    Present,
    Absent,
    AnyOf(Vec<Template>),
    NoneOf(Vec<Template>),
}

impl Condition {
    pub(crate) fn parse(value: &toml::Value) -> Result<Self, Wrong> {
        let any = match value {
            toml::Value::Array(items) => {
                items.iter().enumerate().map(|(index, item)| one(item).under(index)).collect::<Result<_, _>>()?
            }
            other => vec![one(other)?],
        };
        Ok(Self { any })
    }

    pub(crate) fn holds(&self, scope: &Scope<'_>) -> bool {
        self.any.iter().any(|(expression, test)| {
            let value = expression.value(scope);
            let text = value.as_deref().and_then(scalar);
            match test {
                Test::Present => value.is_some_and(|value| *value != Value::Bool(false)),
                Test::Absent => value.is_none(),
                Test::AnyOf(wanted) => text.is_some_and(|text| is_among(wanted, &text, scope)),
                Test::NoneOf(unwanted) => text.is_some_and(|text| !is_among(unwanted, &text, scope)),
            }
        })
    }
}

fn one(value: &toml::Value) -> Result<(Expression, Test), Wrong> {
    let toml::Value::Table(table) = value else {
        return Ok((Expression::parse(value, OF_TEXTS)?, Test::Present));
    };
    only(table, &["from", "any_of", "none_of", "absent", "pick"])?;
    let test = match (table.get("any_of"), table.get("none_of"), table.get("absent")) {
        (Some(values), None, None) => Test::AnyOf(texts(values).under("any_of")?),
        (None, Some(values), None) => Test::NoneOf(texts(values).under("none_of")?),
        (None, None, Some(toml::Value::Boolean(true))) => Test::Absent,
        (None, None, None) => Test::Present,
        _ => return Err(Wrong::new("has more than one test: keep one of any_of = […], none_of = […], absent = true")),
    };
    let place = table.iter().filter(|(key, _)| matches!(key.as_str(), "from" | "pick"));
    let place = place.map(|(key, value)| (key.clone(), value.clone())).collect();
    Ok((Expression::parse(&toml::Value::Table(place), OF_TEXTS)?, test))
}

fn is_among(templates: &[Template], text: &str, scope: &Scope<'_>) -> bool {
    templates.iter().any(|template| template.fill(|name| scope.fill(name)).is_some_and(|filled| filled == text))
}

fn texts(value: &toml::Value) -> Result<Vec<Template>, String> {
    let text = |item: &toml::Value| match item {
        toml::Value::String(text) => Template::parse(text).ok(),
        toml::Value::Integer(number) => Template::parse(&number.to_string()).ok(),
        toml::Value::Boolean(flag) => Template::parse(&flag.to_string()).ok(),
        _ => None,
    };
    let items = value.as_array().map(|items| items.iter().map(text).collect::<Option<Vec<_>>>());
    items.flatten().filter(|items| !items.is_empty()).ok_or_else(|| "is no list of values".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    #[test]
    fn every_form_holds_where_it_should() {
        let (record, names): (_, BTreeMap<String, String>) =
            (json!({"n": 2, "no": false, "none": null, "t": "x"}), [("own".to_owned(), "x".to_owned())].into());
        for (written, expected) in [
            ("'n'", true),
            ("'no'", false),
            ("'none'", false),
            ("{ from = 'n', any_of = [1, 2] }", true),
            ("{ from = 'n', none_of = [1] }", true),
            ("{ from = 'n', none_of = [2] }", false),
            ("{ from = 'none', none_of = [2] }", false),
            ("{ from = 'none', absent = true }", true),
            ("{ from = 't', absent = true }", false),
            ("['no', { from = 't', any_of = ['x'] }]", true),
            ("{ from = 't', any_of = ['{own}'] }", true),
            ("{ from = 'n', any_of = ['{own}', '{none}'] }", false),
        ] {
            let table: toml::Table = toml::from_str(&format!("x = {written}")).unwrap();
            let condition = Condition::parse(&table["x"]).unwrap();
            assert_eq!(condition.holds(&Scope { record: &record, names: &names }), expected, "{written}");
        }
    }

    #[test]
    fn two_tests_are_refused() {
        let table: toml::Table = toml::from_str("x = { from = 'a', any_of = [1], absent = true }").unwrap();
        assert!(Condition::parse(&table["x"]).unwrap_err().message.starts_with("has more than one test"));
    }
}
