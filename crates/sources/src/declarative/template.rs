//! Texts with holes: `{base_url}/t/{topic_id}`. A brace that is meant itself is written twice: `media{{{field}}}`.

/// A text with named holes. Pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Hole(String),
}

impl Template {
    /// # Errors
    /// What is wrong with its braces.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            if from.starts_with("{{") || from.starts_with("}}") {
                parts.push(Part::Literal(rest[..=at].to_owned()));
                rest = &from[2..];
                continue;
            }
            let Some(after) = from.strip_prefix('{') else {
                return Err("has a `}` that no `{` opens: write `}}` for the brace itself".to_owned());
            };
            let (name, after) = after.split_once('}').ok_or("has a `{` that no `}` closes")?;
            let name = name.trim();
            if name.is_empty() {
                return Err("has `{}`: name what stands there".to_owned());
            }
            parts.push(Part::Literal(before.to_owned()));
            parts.push(Part::Hole(name.to_owned()));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        parts.retain(|part| *part != Part::Literal(String::new()));
        Ok(Self { parts })
    }

    pub(crate) fn holes(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// `None` where a hole has nothing to fill it: half an address is worse than none.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Hole(name) => text.push_str(&value(name).filter(|value| !value.is_empty())?),
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brace_that_is_written_twice_is_itself() {
        let template = Template::parse("a.name({who}){{count,{more}}}").unwrap();
        assert_eq!(template.fill(|hole| Some(hole.to_uppercase())).as_deref(), Some("a.name(WHO){count,MORE}"));
        assert!(Template::parse("a}").unwrap_err().starts_with("has a `}` that no `{` opens"));
    }

    #[test]
    fn holes_are_filled_or_nothing_is_given() {
        let template = Template::parse("a/{x}/{ y }").unwrap();
        assert_eq!(template.holes().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(template.fill(|name| Some(name.to_uppercase())), Some("a/X/Y".to_owned()));
        assert_eq!(template.fill(|name| (name == "x").then(|| "1".to_owned())), None);
        assert_eq!(template.fill(|_| Some(String::new())), None);
    }

    #[test]
    fn wrong_braces_are_told() {
        assert_eq!(Template::parse("a{b").unwrap_err(), "has a `{` that no `}` closes");
        assert_eq!(Template::parse("a{}").unwrap_err(), "has `{}`: name what stands there");
    }
}
