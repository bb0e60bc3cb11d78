use serde::Deserialize;
use serde_json::Value;

use super::{Request, Response};
use crate::SourceError;

/// What an answer means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// It is what was asked for.
    Fine,
    /// It may work later.
    Transient,
    /// All that the platform allows in its day or month is used.
    Limited,
    /// Too much was asked at once.
    LimitedForNow,
    /// The secret is wrong, old, or not enough.
    Auth,
    /// The request is wrong: a person has to change the settings.
    Config,
    /// What was asked for is there no more.
    Gone,
}

/// A platform's own way to say what went wrong. The first rule that fits decides; without one, the status does.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The status that it is about; any where absent, also 200.
    pub status: Option<u16>,
    /// Place in the JSON body, with dots for keys and indices within: `error.errors.0.reason`.
    pub field: Option<String>,
    /// Values of that field that it is about; any that is not null where empty.
    #[serde(default)]
    pub is: Vec<Value>,
    /// What that field's text may hold, one of these, in any case; anything where empty.
    #[serde(default)]
    pub contains: Vec<String>,
    pub class: Class,
}

impl ErrorRule {
    fn fits(&self, status: u16, body: Option<&Value>) -> bool {
        let field = |path: &String| at(body?, path).filter(|found| !found.is_null());
        self.status.is_none_or(|wanted| wanted == status)
            && match &self.field {
                None => true,
                Some(path) => field(path).is_some_and(|found| self.is_meant(found)),
            }
    }

    fn is_meant(&self, found: &Value) -> bool {
        let holds = |text: &str| {
            let text = text.to_lowercase();
            self.contains.iter().any(|part| text.contains(&part.to_lowercase()))
        };
        (self.is.is_empty() || self.is.contains(found))
            && (self.contains.is_empty() || found.as_str().is_some_and(holds))
    }
}

/// The value at a path with dots: keys of objects, indices of arrays.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

pub(super) fn classify(response: &Response, rules: &[ErrorRule]) -> Class {
    let body = rules.iter().any(|rule| rule.field.is_some()).then(|| response.json().ok()).flatten();
    if let Some(rule) = rules.iter().find(|rule| rule.fits(response.status, body.as_ref())) {
        return rule.class;
    }
    match response.status {
        200..300 | 304 => Class::Fine,
        // A page for people comes from a firewall before the platform, which knows nothing of secrets.
        403 if response.is_html() => Class::Transient,
        401 | 403 => Class::Auth,
        404 | 410 => Class::Gone,
        408 | 425 | 500.. => Class::Transient,
        _ => Class::Config,
    }
}

/// Is it about what was asked for, and not about who asked, or the platform? Another request may do better.
pub(crate) fn is_about_the_request(error: &SourceError) -> bool {
    match error {
        SourceError::Config(_) | SourceError::Gone(_) => true,
        // 401 is about the secret; 403 may be.
        SourceError::Auth(message) => message.contains(" answered 403"),
        _ => false,
    }
}

/// How much of a platform's message is kept, in characters.
const MESSAGE: usize = 200;

/// The platform's words about it, if any: on one line, short, without a secret.
pub(super) fn error(class: Class, request: &Request, response: &Response) -> SourceError {
    let said = if response.is_html() { String::new() } else { said(request, response) };
    let mut message = format!("{} answered {}", request.place(), response.status);
    if (300..400).contains(&response.status) {
        message += " and sends elsewhere: set the final address";
    }
    if !said.is_empty() {
        message += &format!(": {said}");
    }
    match class {
        Class::Fine | Class::Transient | Class::Limited | Class::LimitedForNow => SourceError::Transient(message),
        Class::Auth => SourceError::Auth(format!("{message}; check the secret and what it may do")),
        Class::Config => SourceError::Config(message),
        Class::Gone => SourceError::Gone(message),
    }
}

/// The secrets go first and the cut is made last: one that lay across the cut would stay in part.
fn said(request: &Request, response: &Response) -> String {
    let body = request.redact(&String::from_utf8_lossy(&response.body));
    let words: Vec<&str> = body.split_whitespace().take(MESSAGE).collect();
    words.join(" ").chars().take(MESSAGE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Auth, Secret};
    use jiff::Timestamp;

    fn answer(status: u16, body: &str) -> Response {
        Response { status, headers: Default::default(), body: body.into(), at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn a_status_has_a_class() {
        for (class, statuses) in [
            (Class::Fine, &[200, 204, 304][..]),
            (Class::Auth, &[401, 403]),
            (Class::Gone, &[404, 410]),
            (Class::Transient, &[408, 425, 500, 502, 503, 504, 520]),
            (Class::Config, &[301, 400, 422, 451]),
        ] {
            for status in statuses {
                assert_eq!(classify(&answer(*status, ""), &[]), class, "{status}");
            }
        }
    }

    #[test]
    fn a_rule_of_the_platform_goes_first() {
        let rules: Vec<ErrorRule> = serde_json::from_str(
            r#"[{"status": 403, "field": "error.errors.0.reason", "is": ["quotaExceeded"], "class": "limited"},
                {"status": 200, "field": "error", "class": "auth"}]"#,
        )
        .unwrap();
        let quota = r#"{"error": {"errors": [{"reason": "quotaExceeded"}]}}"#;
        assert_eq!(classify(&answer(403, quota), &rules), Class::Limited);
        assert_eq!(classify(&answer(403, &quota.replace("quota", "other")), &rules), Class::Auth);
        assert_eq!(classify(&answer(200, r#"{"error": "token_revoked"}"#), &rules), Class::Auth);
        assert_eq!(classify(&answer(200, r#"{"error": null}"#), &rules), Class::Fine);
    }

    #[test]
    fn a_rule_may_look_for_words_in_a_message() {
        let rules: Vec<ErrorRule> = serde_json::from_str(
            r#"[{"status": 403, "field": "message", "contains": ["secondary rate limit"], "class": "limited_for_now"}]"#,
        )
        .unwrap();
        let body = |message: &str| format!(r#"{{"message": "{message}"}}"#);
        let limited = answer(403, &body("You have exceeded a Secondary rate limit. Please wait."));
        assert_eq!(classify(&limited, &rules), Class::LimitedForNow);
        assert_eq!(classify(&answer(403, &body("Resource not accessible")), &rules), Class::Auth);
        assert_eq!(classify(&answer(403, r#"{"message": 7}"#), &rules), Class::Auth);
    }

    #[test]
    fn a_firewalls_page_is_no_wrong_secret() {
        assert_eq!(classify(&answer(403, "<!DOCTYPE html><title>Blocked</title>"), &[]), Class::Transient);
        assert_eq!(classify(&answer(401, "<html>"), &[]), Class::Auth);
    }

    #[test]
    fn a_message_repeats_no_secret() {
        let url = "https://api.example/v1?q=x".parse().unwrap();
        let auth = Auth::Query { name: "key".into(), value: Secret::new("s3cr3t") };
        let request = auth.apply(&Request::get(url)).unwrap();
        let response = answer(400, "{\"message\":\n  \"bad key s3cr3t\"}");
        let message = error(Class::Config, &request, &response).to_string();
        assert_eq!(message, "GET https://api.example/v1 answered 400: {\"message\": \"bad key [redacted]\"}");
    }

    #[test]
    fn a_secret_across_the_cut_is_not_shown_in_part() {
        let auth = Auth::Query { name: "key".into(), value: Secret::new("s3cr3t") };
        let request = auth.apply(&Request::get("https://api.example/v1".parse().unwrap())).unwrap();
        for before in MESSAGE - 6..=MESSAGE {
            let response = answer(400, &format!("{} s3cr3t", "x".repeat(before - 1)));
            let message = error(Class::Config, &request, &response).to_string();
            assert!(!message.contains("s3"), "{message}");
        }
    }
}
