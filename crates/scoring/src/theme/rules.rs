//! Rules of themes, in the query language of monitors.

use grapevine_model::Mention;
use grapevine_monitor::{Brand, Matcher, Monitor, Query};

use super::{Theme, ThemeError};

/// All rules of all themes, compiled into one matcher: a theme is to it what a brand is to the scoring stage.
#[derive(Debug)]
pub(super) struct Rules(Matcher);

impl Rules {
    pub fn new(themes: &[Theme]) -> Result<Self, ThemeError> {
        let with_rules: Vec<&Theme> = themes.iter().filter(|theme| !theme.rules.is_empty()).collect();
        with_rules.iter().try_for_each(|theme| check(theme))?;
        let brands: Vec<Brand> = with_rules.iter().map(|theme| as_brand(theme)).collect();
        let whole = |error: grapevine_monitor::MonitorError| {
            let name = with_rules.first().map(|theme| theme.name.clone()).unwrap_or_default();
            ThemeError::Rule { name, number: 1, error: error.to_string() }
        };
        Matcher::new(&brands).map(Self).map_err(whole)
    }

    /// Names of the themes of which a rule matches.
    pub fn matches(&self, mention: &Mention) -> Vec<String> {
        self.0.matches(mention).into_iter().map(|matched| matched.brand).collect()
    }
}

/// Each rule alone, so that the one that is wrong is named.
fn check(theme: &Theme) -> Result<(), ThemeError> {
    for (at, rule) in theme.rules.iter().enumerate() {
        let wrong = |error: String| ThemeError::Rule { name: theme.name.clone(), number: at + 1, error };
        let query = Query::parse(rule).map_err(|error| wrong(error.to_string()))?;
        // Themes are told anew of stored texts, of which nothing else is at hand.
        if let Some(field) = query.field() {
            let hint = "leave it out, and look at the theme by language, platform or author";
            return Err(wrong(format!("a theme is told by the text alone, and `{field}` is not of the text: {hint}")));
        }
    }
    Ok(())
}

fn as_brand(theme: &Theme) -> Brand {
    let monitor = |(at, rule): (usize, &String)| Monitor { name: format!("rule {}", at + 1), query: rule.clone() };
    Brand {
        name: theme.name.clone(),
        competitor: false,
        accounts: Vec::new(),
        spaces: Vec::new(),
        monitors: theme.rules.iter().enumerate().map(monitor).collect(),
    }
}
