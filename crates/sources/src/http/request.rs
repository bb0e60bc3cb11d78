use std::fmt;

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

use super::Secret;

/// One request, described. What a source makes carries no secret; [`Auth`](super::Auth) adds it on the way out.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
    /// Never shown, wherever in the request they stand.
    pub(super) secrets: Vec<Secret>,
}

impl Request {
    pub fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None, secrets: Vec::new() }
    }

    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    pub fn delete(url: Url) -> Self {
        Self::new(Method::DELETE, url)
    }

    /// Replaces what the header held.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub fn with_body(mut self, body: impl Into<Vec<u8>>, content_type: &'static str) -> Self {
        self.body = Some(body.into());
        self.with_header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub fn with_json(self, body: &serde_json::Value) -> Self {
        self.with_body(body.to_string(), "application/json")
    }

    /// As a web form writes it.
    pub fn with_form(self, pairs: &[(&str, &str)]) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.with_body(body, "application/x-www-form-urlencoded")
    }

    /// Keeps a secret out of every message that this request comes to: for platforms that want it in the path or body.
    pub fn hiding(mut self, secret: &Secret) -> Self {
        self.secrets.push(secret.clone());
        self
    }

    /// Method and address for messages: without the query, which may be long or carry a key, and without any secret.
    pub fn place(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        // A URL of http or https has a host, so it takes both.
        let _ = (url.set_password(None), url.set_username(""));
        self.redact(&format!("{} {url}", self.method))
    }

    /// The text without any of the request's secrets.
    pub fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| secret.redact(&text))
    }
}

/// As in messages: headers, query and body are left out.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_goes_along_and_is_shown_nowhere() {
        let url: Url = "https://api.example/token".parse().unwrap();
        let form = Request::post(url.clone()).with_form(&[("grant_type", "password"), ("password", "s3cr3t & more")]);
        assert_eq!(form.body.as_deref(), Some(&b"grant_type=password&password=s3cr3t+%26+more"[..]));
        assert_eq!(form.headers[CONTENT_TYPE], "application/x-www-form-urlencoded");
        let json = Request::post(url.clone()).with_json(&serde_json::json!({"key": "s3cr3t"}));
        assert_eq!(json.body.as_deref(), Some(&br#"{"key":"s3cr3t"}"#[..]));
        for request in [form, json] {
            assert_eq!(format!("{request:?}"), "POST https://api.example/token");
        }
        assert_eq!(format!("{:?}", Request::delete(url)), "DELETE https://api.example/token");
    }

    #[test]
    fn a_secret_in_the_path_is_hidden() {
        let url = "https://api.example/bot7:s3cr3t/getMe".parse().unwrap();
        let request = Request::get(url).hiding(&Secret::new("7:s3cr3t"));
        assert_eq!(request.place(), "GET https://api.example/bot[redacted]/getMe");
    }
}
