//! Filters as people write them: in an address, on a command line.

use grapevine_model::{Intent, Kind, Polarity};

/// A value that no mention can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {text:?}; there are: {valid}")]
pub struct BadFilter {
    what: &'static str,
    text: String,
    valid: String,
}

/// What no model scored, among polarities.
const UNSCORED: &str = "unscored";

/// `a,b`: its parts, without the empty.
pub fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Of names such as `negative,unscored`.
pub fn polarities(text: &str) -> Result<Vec<Option<Polarity>>, BadFilter> {
    let all = Polarity::ALL.into_iter().map(|polarity| (polarity.name(), Some(polarity)));
    named("polarity", text, &all.chain([(UNSCORED, None)]).collect::<Vec<_>>())
}

/// Of names such as `question,complaint`.
pub fn intents(text: &str) -> Result<Vec<Intent>, BadFilter> {
    named("intent", text, &Intent::ALL.map(|intent| (intent.name(), intent)))
}

/// Of names such as `post,reply`.
pub fn kinds(text: &str) -> Result<Vec<Kind>, BadFilter> {
    named("kind", text, &Kind::ALL.map(|kind| (kind.name(), kind)))
}

fn named<T: Copy>(what: &'static str, text: &str, all: &[(&str, T)]) -> Result<Vec<T>, BadFilter> {
    let find = |text: String| match all.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let valid: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            Err(BadFilter { what, text, valid: valid.join(", ") })
        }
    };
    listed(text).into_iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_there_is_not_is_answered_with_those_that_there_are() {
        assert_eq!(polarities("negative, unscored").unwrap(), [Some(Polarity::Negative), None]);
        assert_eq!(
            kinds("post,story").unwrap_err().to_string(),
            "there is no kind \"story\"; there are: post, reply, repost, quote, review, message"
        );
    }
}
