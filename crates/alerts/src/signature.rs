//! Signatures of webhooks: HMAC-SHA256 over `timestamp:body`.
//!
//! A receiver checks one in a few lines of any language:
//!
//! ```python
//! import hashlib, hmac, time
//! stamp, signature = headers["X-Grapevine-Timestamp"], headers["X-Grapevine-Signature"]
//! wanted = "v1=" + hmac.new(secret.encode(), stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
//! genuine = hmac.compare_digest(wanted, signature) and abs(time.time() - int(stamp)) <= 300
//! ```

use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::config::Secret;

pub const TIMESTAMP_HEADER: &str = "X-Grapevine-Timestamp";
pub const SIGNATURE_HEADER: &str = "X-Grapevine-Signature";

/// How far a signature's time may be from the receiver's clock.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("the timestamp is not a number of seconds")]
    Malformed,
    #[error("the timestamp is more than five minutes from now: an old message, or a clock that is wrong")]
    Expired,
    #[error("the signature does not belong to this body and secret")]
    Wrong,
}

impl VerifyError {
    /// The same message will never verify later.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Value of the signature's header: `v1=` and 64 hexadecimal digits. `timestamp` is in Unix seconds.
pub fn sign(secret: &Secret, timestamp: i64, body: &[u8]) -> String {
    format!("v1={}", hex::encode(code(secret, &timestamp.to_string(), body)))
}

/// Is this body from someone who knows the secret, and recent? `timestamp` and `signature` are the headers' values.
pub fn verify(secret: &Secret, headers: (&str, &str), body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    let (timestamp, signature) = headers;
    let second: i64 = timestamp.parse().map_err(|_| VerifyError::Malformed)?;
    let wanted = format!("v1={}", hex::encode(code(secret, timestamp, body)));
    // In constant time, and before the window: a stranger learns nothing about either.
    let genuine: bool = wanted.as_bytes().ct_eq(signature.as_bytes()).into();
    if !genuine {
        return Err(VerifyError::Wrong);
    }
    if now.as_second().abs_diff(second) > WINDOW.as_secs().unsigned_abs() {
        return Err(VerifyError::Expired);
    }
    Ok(())
}

fn code(secret: &Secret, timestamp: &str, body: &[u8]) -> [u8; 32] {
    let mut mac: Hmac<Sha256> = Mac::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes keys of any length");
    mac.update(timestamp.as_bytes());
    mac.update(b":");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"brand":"Kestrovel"}"#;
    // printf '1762157700:{"brand":"Kestrovel"}' | openssl dgst -sha256 -hmac 'a secret of the tests'
    const KNOWN: &str = "v1=eca13f90e13023e8aef3f4b6e3d868af9d995a06a00a51bbd1074faff2e16381";

    fn secret() -> Secret {
        Secret::new("a secret of the tests")
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn agrees_with_openssl() {
        assert_eq!(sign(&secret(), 1_762_157_700, BODY), KNOWN);
    }

    #[test]
    fn verifies_within_five_minutes() {
        let check = |now: i64| verify(&secret(), ("1762157700", KNOWN), BODY, at(now));
        assert_eq!([check(1_762_157_400), check(1_762_158_000)], [Ok(()), Ok(())]);
        assert_eq!(check(1_762_158_001), Err(VerifyError::Expired));
        assert_eq!(check(1_762_157_399), Err(VerifyError::Expired));
    }

    #[test]
    fn refuses_what_was_changed() {
        let now = at(1_762_157_700);
        let check = |secret: &Secret, stamp: &str, signature: &str, body: &[u8]| {
            verify(secret, (stamp, signature), body, now).expect_err("it was changed")
        };
        assert_eq!(check(&secret(), "1762157701", KNOWN, BODY), VerifyError::Wrong);
        assert_eq!(check(&secret(), "1762157700", KNOWN, b"{}"), VerifyError::Wrong);
        assert_eq!(check(&Secret::new("another"), "1762157700", KNOWN, BODY), VerifyError::Wrong);
        assert_eq!(check(&secret(), "1762157700", &KNOWN[..60], BODY), VerifyError::Wrong);
        assert_eq!(check(&secret(), "1762157700", &KNOWN[3..], BODY), VerifyError::Wrong);
        assert_eq!(check(&secret(), "soon", KNOWN, BODY), VerifyError::Malformed);
    }
}
