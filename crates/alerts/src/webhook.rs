//! The generic webhook: POST of signed JSON.
//!
//! | header | holds |
//! |---|---|
//! | `X-Grapevine-Timestamp` | Unix seconds of this attempt |
//! | `X-Grapevine-Signature` | `v1=` and the HMAC-SHA256 of `timestamp:body`, see [`signature`](crate::signature) |
//! | `Idempotency-Key` | the same for every attempt at one notification |
//!
//! The name is resolved once, every address is checked, and the request goes to a checked address: a name that points
//! elsewhere a moment later changes nothing. Redirects are not followed, proxies of the environment are not used.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Client, StatusCode, redirect};
use tokio::net::lookup_host;
use url::{Host, Url};

use crate::Notification;
use crate::address::forbidden;
use crate::config::{ReceiverConfig, ReceiverError, Secret};
use crate::signature::{SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// What came of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// It may work later, not before `after` where the receiver says so.
    Retry {
        after: Option<SignedDuration>,
        reason: String,
    },
    /// It will never work.
    Refused {
        reason: String,
    },
}

/// A receiver of notifications that speaks HTTP.
#[derive(Debug, Clone)]
pub struct Webhook {
    name: String,
    url: Url,
    secret: Secret,
    allow_private: bool,
}

impl Webhook {
    /// Reads the secret through `variable` (the environment) or from its file.
    pub fn new(config: &ReceiverConfig, variable: impl Fn(&str) -> Option<String>) -> Result<Self, ReceiverError> {
        let secret = config.secret(variable)?;
        // Whoever was first has chosen the provider; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let webhook =
            Self { name: config.name.clone(), url: config.url.clone(), secret, allow_private: config.allow_private };
        webhook.client(&[]).map_err(|source| ReceiverError::Client { name: config.name.clone(), source })?;
        Ok(webhook)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// One attempt. It ends within 15 seconds and a name's resolution.
    pub async fn send(&self, notification: &Notification, now: Timestamp) -> Outcome {
        let addresses = match self.resolve().await {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let body = notification.body.to_string();
        let second = now.as_second();
        let client = match self.client(&addresses) {
            Ok(client) => client,
            Err(error) => return retry(format!("cannot prepare the request: {}", error.without_url())),
        };
        let request = client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(TIMESTAMP_HEADER, second)
            .header(SIGNATURE_HEADER, sign(&self.secret, second, body.as_bytes()))
            .header("Idempotency-Key", &notification.key)
            .body(body);
        match request.send().await {
            Ok(answer) => judge(answer.status(), answer.headers(), now),
            Err(error) => retry(failure(&error)),
        }
    }

    /// The addresses of the receiver's host, all of them checked.
    async fn resolve(&self) -> Result<Vec<SocketAddr>, Outcome> {
        let port = self.url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match self.url.host() {
            Some(Host::Ipv4(address)) => vec![(address, port).into()],
            Some(Host::Ipv6(address)) => vec![(address, port).into()],
            Some(Host::Domain(name)) => match tokio::time::timeout(CONNECT_WITHIN, lookup_host((name, port))).await {
                Ok(Ok(found)) => found.collect(),
                Ok(Err(error)) => return Err(retry(format!("cannot resolve {name}: {error}"))),
                Err(_) => return Err(retry(format!("no answer within 5 s to the question where {name} is"))),
            },
            None => Vec::new(),
        };
        if !self.allow_private
            && let Some((address, what)) = addresses.iter().find_map(|at| Some((at.ip(), forbidden(at.ip())?)))
        {
            return Err(Outcome::Refused {
                reason: format!("{address} is {what}; set allow_private = true for receiver {} to allow it", self.name),
            });
        }
        if addresses.is_empty() { Err(retry("the host has no address".to_owned())) } else { Ok(addresses) }
    }

    fn client(&self, pinned: &[SocketAddr]) -> reqwest::Result<Client> {
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("grapevine/", env!("CARGO_PKG_VERSION")));
        match self.url.domain() {
            Some(name) => builder.resolve_to_addrs(name, pinned).build(),
            None => builder.build(),
        }
    }
}

fn retry(reason: String) -> Outcome {
    Outcome::Retry { after: None, reason }
}

/// Without the URL, which may carry a token.
fn failure(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer within 10 s".to_owned();
    }
    if error.is_connect() {
        return "cannot connect".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    format!("the request failed: {cause}")
}

fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Outcome {
    let reason = format!("status {}", status.as_u16());
    match status.as_u16() {
        200..300 => Outcome::Delivered,
        408 | 425 | 429 | 500.. => Outcome::Retry { after: retry_after(headers, now), reason },
        300..400 => {
            Outcome::Refused { reason: format!("{reason}: redirects are not followed; set url to the final address") }
        }
        _ => Outcome::Refused { reason },
    }
}

/// In seconds or as an HTTP date; nothing where it cannot be read or is past.
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<SignedDuration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match value.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => jiff::fmt::rfc2822::parse(value).ok()?.timestamp().as_second() - now.as_second(),
    };
    (seconds > 0).then(|| SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: u16, retry_after: Option<&str>) -> Outcome {
        let mut headers = HeaderMap::new();
        if let Some(value) = retry_after {
            headers.insert(RETRY_AFTER, value.parse().expect("a header"));
        }
        let status = StatusCode::from_u16(status).expect("a status");
        judge(status, &headers, "2026-11-03T08:15:00Z".parse().expect("a time"))
    }

    #[test]
    fn tells_later_from_never() {
        assert!([200, 201, 204].iter().all(|&status| judged(status, None) == Outcome::Delivered));
        for status in [408, 425, 429, 500, 502, 503, 504] {
            assert!(matches!(judged(status, None), Outcome::Retry { after: None, .. }), "{status}");
        }
        for status in [301, 307, 400, 401, 403, 404, 410] {
            assert!(matches!(judged(status, None), Outcome::Refused { .. }), "{status}");
        }
    }

    #[test]
    fn reads_retry_after_in_both_forms() {
        let asked = |value: &str| match judged(429, Some(value)) {
            Outcome::Retry { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Tue, 03 Nov 2026 08:16:30 GMT"), Some(90));
        assert_eq!([asked("Tue, 03 Nov 2026 08:00:00 GMT"), asked("soon"), asked("-5")], [None, None, None]);
    }
}
