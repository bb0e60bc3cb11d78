//! The body of a request, with holes.
//!
//! | written in `json` | becomes |
//! |---|---|
//! | `"tag {tag}"` | a text; left out where a hole has nothing to fill it, as a member and as an item |
//! | `"{page:number}"` | a number |
//! | `"{tags:list}"` | the texts of a list setting, or of what is asked for in one batch |
//! | a number, a truth value, a list, a table | itself, filled |

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    error::{Under, Wrong, unknown},
    template::Template,
};

/// What fills holes.
pub(crate) trait Holes {
    fn text(&self, name: &str) -> Option<String>;
    fn list(&self, name: &str) -> Option<Vec<String>>;
}

/// The names of the holes that there are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known<'a> {
    pub(crate) texts: Vec<&'a str>,
    pub(crate) lists: Vec<&'a str>,
}

impl Known<'_> {
    /// # Errors
    /// A brace is missing, or nothing fills a hole.
    pub(crate) fn template(&self, text: &str) -> Result<Template, String> {
        let template = Template::parse(text)?;
        let unknown = template.holes().find(|hole| !self.texts.contains(hole)).map(|hole| {
            format!("has the hole `{{{hole}}}`, which nothing fills: it is one of {}", self.texts.join(", "))
        });
        unknown.map_or(Ok(template), Err)
    }
}

#[derive(Debug, Clone)]
pub(crate) enum BodyTemplate {
    Json(JsonTemplate),
    Form(Vec<(String, Template)>),
    /// The text of the query is sent as it is: its braces are no holes.
    GraphQl {
        query: String,
        variables: JsonTemplate,
    },
}

/// What a body is, filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    Json(Value),
    Form(Vec<(String, String)>),
}

impl BodyTemplate {
    pub(crate) fn form(table: &BTreeMap<String, String>, known: &Known<'_>) -> Result<Self, Wrong> {
        let field = |(name, text): (&String, &String)| Ok((name.clone(), known.template(text).under(name)?));
        table.iter().map(field).collect::<Result<_, Wrong>>().map(Self::Form)
    }

    pub(crate) fn fill(&self, holes: &impl Holes) -> Body {
        match self {
            Self::Json(template) => Body::Json(template.fill(holes).unwrap_or_default()),
            Self::GraphQl { query, variables } => {
                Body::Json(json!({"query": query, "variables": variables.fill(holes).unwrap_or_default()}))
            }
            Self::Form(fields) => {
                let filled = |(name, template): &(String, Template)| {
                    Some((name.clone(), template.fill(|hole| holes.text(hole))?))
                };
                Body::Form(fields.iter().filter_map(filled).collect())
            }
        }
    }

    pub(crate) fn uses(&self, hole: &str) -> bool {
        match self {
            Self::Json(template) | Self::GraphQl { variables: template, .. } => template.uses(hole),
            Self::Form(fields) => fields.iter().any(|(_, template)| template.holes().any(|name| name == hole)),
        }
    }
}

/// A JSON value with holes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum JsonTemplate {
    Fixed(Value),
    Text(Template),
    Number(String),
    List(String),
    Items(Vec<JsonTemplate>),
    Members(Vec<(String, JsonTemplate)>),
}

impl JsonTemplate {
    pub(crate) fn parse(value: &toml::Value, known: &Known<'_>) -> Result<Self, Wrong> {
        Ok(match value {
            toml::Value::String(text) => Self::text(text, known).map_err(Wrong::new)?,
            toml::Value::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| Self::parse(item, known).under(index));
                Self::Items(items.collect::<Result<_, _>>()?)
            }
            toml::Value::Table(table) => {
                let members = table.iter().map(|(name, value)| {
                    let value = Self::parse(value, known).under(name)?;
                    Ok((name.clone(), value))
                });
                Self::Members(members.collect::<Result<_, Wrong>>()?)
            }
            other => Self::Fixed(serde_json::to_value(other).unwrap_or_default()),
        })
    }

    fn text(text: &str, known: &Known<'_>) -> Result<Self, String> {
        let whole = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).filter(|hole| !hole.contains('{'));
        let Some((hole, kind)) = whole.and_then(|hole| hole.split_once(':')) else {
            return known.template(text).map(Self::Text);
        };
        let (names, made): (_, fn(String) -> Self) = match kind {
            "number" => (&known.texts, Self::Number),
            "list" => (&known.lists, Self::List),
            _ => return Err(format!("has a hole of the kind `{kind}`, which {}", unknown(kind, &["number", "list"]))),
        };
        match names.contains(&hole) {
            true => Ok(made(hole.to_owned())),
            false => Err(format!("has the hole `{hole}` as a {kind}, which {}", unknown(hole, names))),
        }
    }

    /// `None` where nothing fills it.
    fn fill(&self, holes: &impl Holes) -> Option<Value> {
        Some(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(template) => Value::String(template.fill(|hole| holes.text(hole))?),
            Self::Number(hole) => number(&holes.text(hole)?)?,
            Self::List(hole) => json!(holes.list(hole).filter(|list| !list.is_empty())?),
            Self::Items(items) => items.iter().filter_map(|item| item.fill(holes)).collect(),
            Self::Members(members) => {
                let filled = members.iter().filter_map(|(name, value)| Some((name.clone(), value.fill(holes)?)));
                Value::Object(filled.collect())
            }
        })
    }

    fn uses(&self, hole: &str) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::Text(template) => template.holes().any(|name| name == hole),
            Self::Number(name) | Self::List(name) => name == hole,
            Self::Items(items) => items.iter().any(|item| item.uses(hole)),
            Self::Members(members) => members.iter().any(|(_, value)| value.uses(hole)),
        }
    }
}

fn number(text: &str) -> Option<Value> {
    let whole = text.parse::<i64>().ok().map(Value::from);
    whole.or_else(|| text.parse::<f64>().ok().map(Value::from)).filter(|number| !number.is_null())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Filled;

    impl Holes for Filled {
        fn text(&self, name: &str) -> Option<String> {
            [("page", "200"), ("tag", "a\"b")].into_iter().find(|(known, _)| *known == name).map(|(_, v)| v.to_owned())
        }

        fn list(&self, name: &str) -> Option<Vec<String>> {
            (name == "tags").then(|| vec!["x".to_owned(), "y".to_owned()])
        }
    }

    fn parse(text: &str) -> Result<JsonTemplate, Wrong> {
        let table: toml::Table = toml::from_str(text).unwrap();
        let known = Known { texts: vec!["page", "tag", "user"], lists: vec!["tags"] };
        JsonTemplate::parse(&toml::Value::Table(table), &known)
    }

    #[test]
    fn holes_keep_their_types_and_empty_ones_are_left_out() {
        let text = "n = '{page:number}'\nt = 'is {page}'\nq = '{tag}'\nu = '{user}'\nl = '{tags:list}'\nm = 7\n\
                    a = ['{user}', '{tag}', { b = true, u = '{user}' }]";
        let filled = parse(text).unwrap().fill(&Filled);
        let expected = json!({"n": 200, "t": "is 200", "q": "a\"b", "l": ["x", "y"], "m": 7, "a": ["a\"b", {"b": true}]});
        assert_eq!(filled, Some(expected));
        assert!(parse(text).unwrap().uses("page") && parse(text).unwrap().uses("tags"));
        assert!(!parse(text).unwrap().uses("since"));
    }

    #[test]
    fn a_wrong_hole_is_told_with_its_place() {
        for (text, place, message) in [
            ("a = { b = ['{pgae}'] }", "a.b.0", "has the hole `{pgae}`, which nothing fills: it is one of page"),
            ("a = '{page:nmber}'", "a", "has a hole of the kind `nmber`, which is not known: write `number`"),
            ("a = '{tag:list}'", "a", "has the hole `tag` as a list, which is not known: write `tags`"),
        ] {
            let wrong = parse(text).unwrap_err();
            assert_eq!(wrong.place.join("."), place);
            assert!(wrong.message.starts_with(message), "{}", wrong.message);
        }
    }

    #[test]
    fn a_graphql_query_keeps_its_braces() {
        let known = Known { texts: vec!["page"], lists: Vec::new() };
        let variables = JsonTemplate::parse(&toml::from_str("after = '{page}'").unwrap(), &known).unwrap();
        let template = BodyTemplate::GraphQl { query: "query { a }".into(), variables };
        let expected = json!({"query": "query { a }", "variables": {"after": "200"}});
        assert_eq!(template.fill(&Filled), Body::Json(expected));
    }
}
