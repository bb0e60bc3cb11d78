use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::Value;

use super::Exchange;
use crate::{
    SourceError,
    http::{Request, Response, Transport},
};

/// Headers that are kept, by a part of their name.
const KEPT: [&str; 9] =
    ["limit", "usage", "retry-after", "date", "link", "etag", "last-modified", "content-type", "next"];
/// Values of these keys are secrets, wherever they stand in an answer.
const SECRET_KEYS: [&str; 12] = [
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "secret",
    "client_secret",
    "password",
    "accessjwt",
    "refreshjwt",
    "api_key",
    "apikey",
    "authorization",
];
pub(super) const REDACTED: &str = "[redacted]";

/// A transport that keeps what passes.
pub struct Recorder {
    inner: Arc<dyn Transport>,
    exchanges: Mutex<Vec<Exchange>>,
}

impl Recorder {
    pub fn new(inner: Arc<dyn Transport>) -> Self {
        Self { inner, exchanges: Mutex::default() }
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().clone()
    }
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let response = self.inner.send(request.clone()).await?;
        self.exchanges.lock().push(exchange(&request, &response));
        Ok(response)
    }
}

fn exchange(request: &Request, response: &Response) -> Exchange {
    let body = request.redact(&String::from_utf8_lossy(&response.body));
    let is_kept = |name: &str| KEPT.iter().any(|part| name.contains(part));
    let headers: BTreeMap<String, String> = response
        .headers
        .iter()
        .filter(|(name, _)| is_kept(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), request.redact(value.to_str().ok()?))))
        .collect();
    Exchange {
        method: request.method.to_string(),
        url: request.redact(request.url.as_str()),
        // A body that is no JSON may be a form with a password.
        sent: request.body.as_ref().map(|body| match serde_json::from_slice(body) {
            Ok(value) => request.redact(&without_secrets(value).to_string()),
            Err(_) => REDACTED.to_owned(),
        }),
        status: response.status,
        headers,
        body: match serde_json::from_str(&body) {
            Ok(value) => without_secrets(value).to_string(),
            Err(_) => body,
        },
        at: response.at,
    }
}

fn without_secrets(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(key, value)| match value {
                    Value::String(_) if SECRET_KEYS.contains(&key.to_lowercase().as_str()) => (key, REDACTED.into()),
                    other => (key, without_secrets(other)),
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(without_secrets).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::http::{Auth, Secret};

    #[test]
    fn no_secret_is_kept() {
        let url = "https://api.example/v1?q=tea".parse().unwrap();
        let auth = Auth::Query { name: "key".into(), value: Secret::new("s3cr3t") };
        let asked = Request::post(url).with_form(&[("password", "hunter2")]);
        let request = auth.apply(&asked).unwrap();
        let mut headers = crate::http::header::HeaderMap::new();
        headers.insert("set-cookie", "session=1".parse().unwrap());
        headers.insert("x-ratelimit-remaining", "7".parse().unwrap());
        let body = r#"{"access_token": "abc", "posts": [{"text": "my key is s3cr3t", "token": null}]}"#.into();
        let kept = exchange(&request, &Response { status: 200, headers, body, at: Timestamp::UNIX_EPOCH });
        let shown = serde_json::to_string(&kept).unwrap();
        for secret in ["s3cr3t", "hunter2", "abc", "session"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert_eq!(kept.headers, BTreeMap::from([("x-ratelimit-remaining".to_owned(), "7".to_owned())]));
        assert!(kept.body.contains(r#""token":null"#), "what is no text is no secret: {}", kept.body);
    }
}
