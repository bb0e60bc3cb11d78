//! Which themes there are: the built-in ones, and the user's own.

use serde::Deserialize;

use super::rules::Rules;

/// `[[theme]]`: a subject that posts are about. The name of a built-in theme changes that one: what is given here is added.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// The name that it is shown under. Unique.
    pub name: String,
    /// What it is about, in words, for people.
    #[serde(default)]
    pub description: String,
    /// Posts of this theme, as people write them; 8 or more, of different wording. With fewer the rules alone decide.
    #[serde(default)]
    pub examples: Vec<String>,
    /// Queries in the language of monitors: a post that one of them matches is of the theme, marked as told by a rule.
    #[serde(default)]
    pub rules: Vec<String>,
    /// `false` leaves a built-in theme out. Default: `true`.
    #[serde(default = "yes")]
    pub enabled: bool,
}

fn yes() -> bool {
    true
}

/// Examples that a theme needs for the model to learn it.
pub const LEAST_EXAMPLES: usize = 8;
/// Themes at most: a post is compared with each.
const MOST_THEMES: usize = 100;
/// Characters of a name at most.
const LONGEST_NAME: usize = 60;

/// All themes, and examples of what belongs to none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    #[serde(rename = "theme")]
    pub themes: Vec<Theme>,
    background: Background,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Background {
    examples: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    #[error("two themes are named `{0}`; give each its own name")]
    Twice(String),
    #[error("the name of theme `{0}` is empty or longer than {LONGEST_NAME} characters")]
    Name(String),
    #[error(
        "theme `{name}` has no rules and {examples} examples; it needs a rule, or {LEAST_EXAMPLES} examples of different \
         wording"
    )]
    Nothing { name: String, examples: usize },
    #[error("theme `{name}`, rule {number}: {error}")]
    Rule { name: String, number: usize, error: String },
    #[error("there are {0} themes, and at most {MOST_THEMES} can be told apart; leave some out with `enabled = false`")]
    TooMany(usize),
}

impl Scheme {
    /// The themes that Grapevine knows from the start.
    pub fn builtin() -> Self {
        toml::from_str(include_str!("builtin.toml")).expect("a file of this crate that a test reads")
    }

    /// The built-in themes with the user's own.
    ///
    /// # Errors
    /// A theme that nothing could ever be told to be, or that can not be told from another.
    pub fn with(own: &[Theme]) -> Result<Self, ThemeError> {
        let mut scheme = Self::builtin();
        for (at, theme) in own.iter().enumerate() {
            if own[..at].iter().any(|other| other.name == theme.name) {
                return Err(ThemeError::Twice(theme.name.clone()));
            }
            match scheme.themes.iter_mut().find(|known| known.name == theme.name) {
                Some(known) => known.add(theme),
                None => scheme.themes.push(theme.clone()),
            }
        }
        scheme.themes.retain(|theme| theme.enabled);
        scheme.themes.iter().try_for_each(Theme::check)?;
        match scheme.themes.len() {
            too_many if too_many > MOST_THEMES => Err(ThemeError::TooMany(too_many)),
            _ => Rules::new(&scheme.themes).map(|_| scheme),
        }
    }

    /// Texts, and the place of the theme of each; `None` for the background.
    pub(super) fn examples(&self) -> (Vec<&str>, Vec<Option<usize>>) {
        let of_theme = |(at, theme): (usize, &'_ Theme)| theme.learnt().map(|_| Some(at)).collect::<Vec<_>>();
        let themes = self.themes.iter().enumerate().flat_map(of_theme);
        let labels = themes.chain(self.background.examples.iter().map(|_| None)).collect();
        let texts =
            self.themes.iter().flat_map(Theme::learnt).chain(self.background.examples.iter().map(String::as_str));
        (texts.collect(), labels)
    }
}

impl Theme {
    fn add(&mut self, own: &Theme) {
        if !own.description.is_empty() {
            self.description.clone_from(&own.description);
        }
        self.examples.extend(own.examples.iter().cloned());
        self.rules.extend(own.rules.iter().cloned());
        self.enabled = own.enabled;
    }

    fn check(&self) -> Result<(), ThemeError> {
        if self.name.trim().is_empty() || self.name.chars().count() > LONGEST_NAME {
            return Err(ThemeError::Name(self.name.clone()));
        }
        if self.rules.is_empty() && self.learnt().next().is_none() {
            return Err(ThemeError::Nothing { name: self.name.clone(), examples: self.distinct().len() });
        }
        Ok(())
    }

    /// Examples that the model learns from: all, or none where there are too few.
    fn learnt(&self) -> impl Iterator<Item = &str> {
        let distinct = self.distinct();
        let enough = distinct.len() >= LEAST_EXAMPLES;
        distinct.into_iter().filter(move |_| enough)
    }

    fn distinct(&self) -> Vec<&str> {
        let mut seen = std::collections::HashSet::new();
        self.examples.iter().map(|text| text.trim()).filter(|text| !text.is_empty() && seen.insert(*text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(name: &str, examples: usize, rules: &[&str]) -> Theme {
        Theme {
            name: name.into(),
            description: String::new(),
            examples: (0..examples).map(|n| format!("example {n}")).collect(),
            rules: rules.iter().map(|rule| rule.to_string()).collect(),
            enabled: true,
        }
    }

    #[test]
    fn every_built_in_theme_has_25_examples_in_several_languages_and_none_twice() {
        let scheme = Scheme::with(&[]).unwrap();
        assert_eq!(scheme.themes.len(), 11);
        for theme in &scheme.themes {
            assert!(theme.distinct().len() >= 25 && !theme.description.is_empty(), "{}", theme.name);
        }
        let (texts, labels) = scheme.examples();
        assert_eq!(texts.len(), labels.len());
        let distinct: std::collections::HashSet<&str> = texts.iter().copied().collect();
        assert_eq!(distinct.len(), texts.len());
    }

    #[test]
    fn a_theme_of_a_known_name_adds_to_it_and_one_that_is_off_is_left_out() {
        let off = Theme { enabled: false, ..own("question", 0, &[]) };
        let scheme = Scheme::with(&[own("delivery", 2, &["drone"]), off, own("queues", 0, &["queue"])]).unwrap();
        let names: Vec<&str> = scheme.themes.iter().map(|theme| theme.name.as_str()).collect();
        assert!(!names.contains(&"question") && names.last() == Some(&"queues"));
        let delivery = scheme.themes.iter().find(|theme| theme.name == "delivery").unwrap();
        assert_eq!((delivery.examples.last().unwrap().as_str(), delivery.rules.len()), ("example 1", 1));
    }

    #[test]
    fn what_could_never_be_told_is_refused() {
        assert!(matches!(Scheme::with(&[own("a", 3, &[])]), Err(ThemeError::Nothing { examples: 3, .. })));
        assert!(matches!(Scheme::with(&[own("a", 9, &[]), own("a", 9, &[])]), Err(ThemeError::Twice(_))));
        assert!(matches!(Scheme::with(&[own(" ", 9, &[])]), Err(ThemeError::Name(_))));
        let many: Vec<Theme> = (0..100).map(|n| own(&n.to_string(), 9, &[])).collect();
        assert!(matches!(Scheme::with(&many), Err(ThemeError::TooMany(111))));
    }
}
