//! Who sent a delivery: a signature over it, or a token. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::{http::Secret, push::Delivery};

/// How a delivery proves where it comes from, as it stands in the `signature` table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Signature {
    /// HMAC-SHA256 in a header.
    Hmac {
        header: String,
        /// Before the signature.
        #[serde(default)]
        prefix: String,
        #[serde(default)]
        encoding: Encoding,
        /// What is signed: a text with `{body}`, and `{timestamp}` and `{id}` where they are part of it.
        #[serde(default = "the_body")]
        signs: String,
        timestamp_header: Option<String>,
        /// Of an older or newer delivery, somebody may have kept it.
        #[serde(default = "five_minutes")]
        window_seconds: u32,
    },
    /// The secret itself, in a header or a parameter of the address.
    Token {
        header: Option<String>,
        #[serde(default)]
        prefix: String,
        query: Option<String>,
    },
    /// Whoever reaches the address may send.
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    #[default]
    Hex,
    Base64,
}

fn the_body() -> String {
    BODY.to_owned()
}

fn five_minutes() -> u32 {
    300
}

const BODY: &str = "{body}";

impl Signature {
    pub(crate) fn needs_secret(&self) -> bool {
        *self != Signature::None
    }

    /// # Errors
    /// What can not be meant, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Signature::Hmac { signs, timestamp_header, .. } => {
                let has = |hole: &str| signs.contains(hole);
                match (has(BODY), has("{timestamp}"), timestamp_header) {
                    (false, _, _) => Err("has no {body} in `signs`: anything could be sent under it".to_owned()),
                    (_, true, None) => Err("has {timestamp} in `signs`: name its `timestamp_header`".to_owned()),
                    (_, false, Some(_)) => {
                        Err("has a `timestamp_header` that is not signed: put {timestamp} into `signs`".to_owned())
                    }
                    _ => Ok(()),
                }
            }
            Signature::Token { header, query, .. } if header.is_some() == query.is_some() => {
                Err("needs one of `header` and `query`".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Any of the secrets may have made it: while one is changed, both are used.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(crate) fn verify(&self, secrets: &[Secret], delivery: &Delivery, id: &str) -> Result<(), String> {
        match self {
            Signature::None => Ok(()),
            Signature::Token { header, prefix, query } => {
                let given = match (header, query) {
                    (Some(header), _) => delivery.header(header).and_then(|value| value.strip_prefix(prefix.as_str())),
                    (_, Some(name)) => return is_one_of(secrets, parameter(&delivery.query, name).as_deref()),
                    _ => None,
                };
                is_one_of(secrets, given)
            }
            Signature::Hmac { header, prefix, encoding, signs, timestamp_header, window_seconds } => {
                let timestamp = timestamp_header.as_ref().map(|name| delivery.header(name).unwrap_or_default());
                if let Some(timestamp) = timestamp {
                    in_window(timestamp, delivery.received_at, *window_seconds)?;
                }
                let given = delivery.header(header).ok_or_else(|| format!("the header {header} is missing"))?;
                let signed = Signed { signs, timestamp: timestamp.unwrap_or_default(), id, body: &delivery.body };
                let candidates = given.split([',', ' ']).filter_map(|one| encoding.decode(one.trim().strip_prefix(prefix.as_str())?));
                // All are compared: how long it takes tells nothing.
                let fits = candidates.fold(false, |fits, tag| secrets.iter().fold(fits, |fits, secret| fits | signed.fits(secret, &tag)));
                if fits { Ok(()) } else { Err(format!("the signature in {header} does not fit the secret")) }
            }
        }
    }
}

/// What a signature is made over.
struct Signed<'a> {
    signs: &'a str,
    timestamp: &'a str,
    id: &'a str,
    body: &'a [u8],
}

impl Signed<'_> {
    fn fits(&self, secret: &Secret, tag: &[u8]) -> bool {
        self.mac(secret).is_some_and(|mac| mac.verify_slice(tag).is_ok())
    }

    fn mac(&self, secret: &Secret) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).ok()?;
        let (before, after) = self.signs.split_once(BODY)?;
        let fill = |text: &str| text.replace("{timestamp}", self.timestamp).replace("{id}", self.id);
        mac.update(fill(before).as_bytes());
        mac.update(self.body);
        mac.update(fill(after).as_bytes());
        Some(mac)
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Hex => hex::decode(text).ok(),
            Encoding::Base64 => BASE64_STANDARD.decode(text).ok(),
        }
    }
}

fn is_one_of(secrets: &[Secret], given: Option<&str>) -> Result<(), String> {
    let given = given.ok_or("the token is missing")?;
    let fits = secrets.iter().fold(0, |fits, secret| fits | given.as_bytes().ct_eq(secret.expose().as_bytes()).unwrap_u8());
    if fits == 1 { Ok(()) } else { Err("the token is not the secret".to_owned()) }
}

/// The signature's own time, in seconds or milliseconds of Unix, or RFC 3339.
fn in_window(timestamp: &str, now: Timestamp, seconds: u32) -> Result<(), String> {
    let value = serde_json::Value::from(timestamp);
    let at = crate::file::time::parse(&value).map_err(|_| "the signature's timestamp is missing or no time".to_owned())?;
    match now.duration_since(at).abs() <= SignedDuration::from_secs(seconds.into()) {
        true => Ok(()),
        false => Err(format!("it was signed at {at}, more than {seconds} s from now")),
    }
}

/// A parameter of the address, decoded.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// As a platform signs, with something before the body.
#[cfg(any(test, feature = "conformance"))]
pub(crate) fn hex_of(secret: &str, before: &str, body: &[u8]) -> String {
    let signs = format!("{before}{BODY}");
    let signed = Signed { signs: &signs, timestamp: "", id: "", body };
    signed.mac(&Secret::new(secret)).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, header::{HeaderMap, HeaderName, HeaderValue}};

    use super::*;

    fn rule(toml: &str) -> Signature {
        toml::from_str(toml).unwrap()
    }

    fn delivery(headers: &[(&str, &str)], query: &str, body: &str) -> Delivery {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = headers.iter().map(pair).collect();
        let at = Timestamp::from_second(1_772_359_200).unwrap();
        Delivery::new(Method::POST, query, headers, body.as_bytes().to_vec(), at).0
    }

    fn secrets(all: &[&str]) -> Vec<Secret> {
        all.iter().map(|one| Secret::new(*one)).collect()
    }

    /// GitHub's documentation names this secret, body and signature.
    #[test]
    fn a_documented_signature_is_believed_and_no_other() {
        let rule = rule("kind = 'hmac'\nheader = 'X-Hub-Signature-256'\nprefix = 'sha256='");
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let secret = secrets(&["It's a Secret to Everybody"]);
        let verify = |tag: &str, body: &str, secret: &[Secret]| {
            rule.verify(secret, &delivery(&[("x-hub-signature-256", tag)], "", body), "")
        };
        assert_eq!(verify(right, "Hello, World!", &secret), Ok(()));
        let wrong = Err("the signature in X-Hub-Signature-256 does not fit the secret".to_owned());
        for (tag, body) in [(right, "Hello, World"), (&right[..70], "Hello, World!"), ("sha256=", "Hello, World!"), ("", "")] {
            assert_eq!(verify(tag, body, &secret), wrong, "{tag} {body}");
        }
        assert_eq!(verify(right, "Hello, World!", &secrets(&["another", "It's a Secret to Everybody"])), Ok(()));
        assert_eq!(verify(right, "Hello, World!", &secrets(&["another"])), wrong);
        let missing = rule.verify(&secret, &delivery(&[], "", "Hello, World!"), "");
        assert_eq!(missing.unwrap_err(), "the header X-Hub-Signature-256 is missing");
    }

    #[test]
    fn a_signed_time_that_is_too_far_is_a_replay() {
        let rule = rule(
            "kind = 'hmac'\nheader = 'webhook-signature'\nprefix = 'v1='\nencoding = 'base64'\nsigns = '{id}.{timestamp}.{body}'\n\
             timestamp_header = 'webhook-timestamp'",
        );
        assert_eq!(rule.check(), Ok(()));
        let sign = |timestamp: &str| {
            let signed = Signed { signs: "{id}.{timestamp}.{body}", timestamp, id: "d1", body: b"{}" };
            let tag = signed.mac(&Secret::new("s")).unwrap().finalize().into_bytes();
            format!("v1=AAAA v1={}", BASE64_STANDARD.encode(tag))
        };
        let verify = |timestamp: &str| {
            let headers = [("webhook-signature", sign(timestamp)), ("webhook-timestamp", timestamp.to_owned())];
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            rule.verify(&secrets(&["s"]), &delivery(&headers, "", "{}"), "d1")
        };
        assert_eq!((verify("1772359200"), verify("1772358900"), verify("1772359200000")), (Ok(()), Ok(()), Ok(())));
        assert!(verify("1772358899").unwrap_err().contains("more than 300 s from now"));
        assert!(verify("1772359501").is_err() && verify("soon").is_err() && verify("").is_err());
    }

    #[test]
    fn a_token_is_believed_where_it_is_the_secret() {
        let (in_query, in_header) = (rule("kind = 'token'\nquery = 'token'"), rule("kind = 'token'\nheader = 'authorization'\nprefix = 'Bearer '"));
        let secret = secrets(&["a b"]);
        assert_eq!(in_query.verify(&secret, &delivery(&[], "x=1&token=a+b", ""), ""), Ok(()));
        assert!(in_query.verify(&secret, &delivery(&[], "token=a", ""), "").is_err());
        assert_eq!(in_header.verify(&secret, &delivery(&[("authorization", "Bearer a b")], "", ""), ""), Ok(()));
        assert!(in_header.verify(&secret, &delivery(&[("authorization", "a b")], "", ""), "").is_err());
    }

    #[test]
    fn rules_that_prove_nothing_are_refused() {
        for toml in [
            "kind = 'hmac'\nheader = 'a'\nsigns = 'x'",
            "kind = 'hmac'\nheader = 'a'\nsigns = '{timestamp}{body}'",
            "kind = 'hmac'\nheader = 'a'\ntimestamp_header = 'b'",
            "kind = 'token'",
        ] {
            assert!(rule(toml).check().is_err(), "{toml}");
        }
    }
}
