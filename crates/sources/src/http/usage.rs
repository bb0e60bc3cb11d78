//! Headers that say in percent how much was used: `{"call_count": 28, "total_time": 25}`, or by business
//! `{"17": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}]}`, in minutes.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Response;

/// From here on nothing is asked: whoever goes beyond 100 is shut out, and others may use the same application.
const NEARLY_ALL: f64 = 95.0;
/// What is used goes down minute by minute; where the platform does not say until when, this is waited.
const A_WHILE: SignedDuration = SignedDuration::from_mins(5);
/// Names of what is a percentage.
const SHARES: [&str; 3] = ["call_count", "total_time", "total_cputime"];
const REGAINED: &str = "estimated_time_to_regain_access";

/// When to ask again, where one of these headers says that nearly all is used.
pub(super) fn used_up(headers: &[String], response: &Response) -> Option<Timestamp> {
    let said = headers.iter().filter_map(|name| serde_json::from_str::<Value>(response.header(name)?).ok());
    let wait = said.filter_map(|value| wait(&value)).max()?;
    response.at.checked_add(wait).ok()
}

fn wait(value: &Value) -> Option<SignedDuration> {
    let Value::Object(object) = value else {
        return value.as_array()?.iter().filter_map(wait).max();
    };
    let number = |name: &str| object.get(name)?.as_f64();
    let minutes = number(REGAINED).filter(|minutes| *minutes > 0.0);
    let is_full = SHARES.iter().filter_map(|name| number(name)).any(|share| share >= NEARLY_ALL);
    let told = minutes.and_then(|minutes| SignedDuration::try_from_secs_f64(minutes * 60.0).ok());
    let own = told.or(is_full.then_some(A_WHILE));
    own.max(object.values().filter(|value| value.is_array() || value.is_object()).filter_map(wait).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(header: &str) -> Option<i64> {
        let headers = [("x-app-usage".parse().unwrap(), header.parse().unwrap())].into_iter().collect();
        let response = Response { status: 200, headers, body: Vec::new(), at: Timestamp::UNIX_EPOCH };
        used_up(&["x-other".to_owned(), "x-app-usage".to_owned()], &response).map(|until| until.as_second() / 60)
    }

    #[test]
    fn what_is_nearly_used_up_is_left_alone() {
        for (header, expected) in [
            (r#"{"call_count": 28, "total_time": 25, "total_cputime": 94}"#, None),
            (r#"{"call_count": 28, "total_time": 99}"#, Some(5)),
            (r#"{"17": [{"type": "pages", "call_count": 100, "estimated_time_to_regain_access": 19}]}"#, Some(19)),
            (
                r#"{"17": [{"call_count": 3, "estimated_time_to_regain_access": 0}], "18": [{"call_count": 96}]}"#,
                Some(5),
            ),
            (r#"{"17": [{"call_count": 3, "estimated_time_to_regain_access": 1e300}]}"#, None),
            ("[", None),
            ("7", None),
        ] {
            assert_eq!(minutes(header), expected, "{header}");
        }
    }
}
