use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Request;

/// What came back, whole: bodies are bounded by the transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// When the last of it came, by the machine's clock.
    pub at: Timestamp,
}

impl Response {
    /// The header as text; `None` where it is absent or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// Nothing changed since the [`Validators`] that were sent along.
    pub fn is_unchanged(&self) -> bool {
        self.status == 304
    }

    /// A page for people: a login, a proxy's or a maintenance page stands where an API should answer.
    pub fn is_html(&self) -> bool {
        let typed = self.header(CONTENT_TYPE.as_str()).is_some_and(|kind| kind.starts_with("text/html"));
        let start: Vec<u8> = self.body.trim_ascii_start().iter().take(14).map(u8::to_ascii_lowercase).collect();
        typed || start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
    }

    /// The body as JSON; `Err` says what stands there instead.
    pub fn json(&self) -> Result<Value, String> {
        if self.is_html() {
            return Err("answered HTML where JSON is expected".to_owned());
        }
        serde_json::from_slice(&self.body).map_err(|error| format!("answered broken JSON: {error}"))
    }

    /// What to send along next time, so that only news is sent back.
    pub fn validators(&self) -> Validators {
        let text = |name: &str| self.header(name).map(str::to_owned);
        Validators { etag: text(ETAG.as_str()), last_modified: text(LAST_MODIFIED.as_str()) }
    }
}

/// `ETag` and `Last-Modified` of an answer, as the platform wrote them. They fit in a cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Asks for news only. A value that no header may hold is left out: then everything is sent again.
    pub fn apply(&self, mut request: Request) -> Request {
        for (name, value) in [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.last_modified)] {
            if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                request.headers.insert(name, value);
            }
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(body: &str, headers: &[(&'static str, &'static str)]) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| (reqwest::header::HeaderName::from_static(name), HeaderValue::from_static(value)));
        Response { status: 200, headers: headers.collect(), body: body.into(), at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn html_is_told_from_json() {
        for (body, headers) in [
            ("\n<!DOCTYPE HTML><p>", &[][..]),
            ("<html>", &[("content-type", "application/json")]),
            ("{}", &[("content-type", "text/html; charset=utf-8")]),
        ] {
            assert_eq!(response(body, headers).json().unwrap_err(), "answered HTML where JSON is expected", "{body}");
        }
        assert!(response("{\"a\":", &[]).json().unwrap_err().starts_with("answered broken JSON: "));
        assert_eq!(response("null", &[]).json(), Ok(Value::Null));
    }

    #[test]
    fn validators_come_back_as_they_were_given() {
        let first = response("", &[("etag", "W/\"a\""), ("last-modified", "Tue, 03 Nov 2026 08:16:30 GMT")]);
        let request = first.validators().apply(Request::get("https://a.example".parse().unwrap()));
        assert_eq!(request.headers[IF_NONE_MATCH], "W/\"a\"");
        assert_eq!(request.headers[IF_MODIFIED_SINCE], "Tue, 03 Nov 2026 08:16:30 GMT");
        assert!(Validators::default().apply(request.clone()).headers.len() == 2);
    }
}
