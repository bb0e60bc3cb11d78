//! What X means when it refuses, in words that a person can act on.

use crate::{
    SourceError,
    http::{Class, ErrorRule},
};

/// What stands in X's answers, and what to do about it.
const WORDS: [(&str, &str); 6] = [
    ("client-not-enrolled", "the app belongs to no project with access to the API: attach it to one in the developer console"),
    ("credits", "the account has no credits left: buy some in the developer console, or raise its spending limit"),
    ("unsupported-authentication", "this is no app-only bearer token: use the one that stands under the app's keys"),
    ("unsupported authentication", "this is no app-only bearer token: use the one that stands under the app's keys"),
    ("client-forbidden", "the app may not use this part of the API: look at what its plan includes"),
    ("usage-capped", "the month's posts are used up: raise the cap in the developer console"),
];

/// Accounts without credit are topped up, so that it is worth to ask again; a query that X refuses is not.
pub(super) fn rules() -> Vec<ErrorRule> {
    let rule = |status| ErrorRule { status: Some(status), field: None, is: vec![], contains: vec![], class: Class::Limited };
    vec![rule(402)]
}

/// The same error with what to do about it.
pub(super) fn explained(error: SourceError) -> SourceError {
    let add = |message: String, otherwise: &str| {
        let said = message.to_lowercase();
        let known = WORDS.iter().find(|(part, _)| said.contains(part)).map(|(_, words)| *words);
        match known.unwrap_or(otherwise) {
            "" => message,
            words => format!("{message}; {words}"),
        }
    };
    match error {
        SourceError::Auth(message) => {
            let otherwise = "see in the developer console whether the token is still valid and the app has paid access";
            SourceError::Auth(add(message, otherwise))
        }
        SourceError::Config(message) => SourceError::Config(add(message, "")),
        SourceError::RateLimited { until, message } => SourceError::RateLimited { until, message: add(message, "") },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_missing() {
        let refused = |words: &str| explained(SourceError::Auth(words.to_owned())).to_string();
        assert!(refused("GET … answered 403: {\"reason\":\"client-not-enrolled\"}").ends_with("in the developer console"));
        assert!(refused("GET … answered 403: Unsupported Authentication").contains("app-only bearer token"));
        assert!(refused("GET … answered 401").contains("whether the token is still valid"));
        let config = explained(SourceError::Config("GET … answered 400: CreditsDepleted".to_owned()));
        assert!(config.to_string().contains("no credits left"));
    }
}
