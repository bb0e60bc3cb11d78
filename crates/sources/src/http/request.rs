use std::fmt;

use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use url::Url;

use super::Secret;

/// One request, described. What a source makes carries no secret; [`Auth`](super::Auth) adds it on the way out.
#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    /// Never shown, wherever in the request they stand.
    pub(super) secrets: Vec<Secret>,
}

impl Request {
    pub fn get(url: Url) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), secrets: Vec::new() }
    }

    /// Replaces what the header held.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
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

/// As in messages: headers and query are left out.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.place())
    }
}
