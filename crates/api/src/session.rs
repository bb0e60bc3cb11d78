//! Sessions of the page: a signed cookie, so that a restart of the server logs nobody out and nothing is stored.
//!
//! The value is `expiry.signature`, the expiry in seconds since the Unix epoch, the signature an HMAC-SHA256 of it under
//! the token's hash. A new token therefore ends every session.

use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::token::TokenHash;

pub(crate) const COOKIE: &str = "grapevine_session";
const LENGTH: SignedDuration = SignedDuration::from_hours(24 * 30);

/// The `Set-Cookie` value that opens a session.
///
/// `Secure` is absent, because the page is served over plain HTTP on loopback; a proxy that adds TLS may add it.
pub(crate) fn opening_cookie(hash: &TokenHash, now: Timestamp) -> String {
    let value = issue(hash, now);
    format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", LENGTH.as_secs())
}

/// The `Set-Cookie` value that ends a session in this browser.
pub(crate) fn closing_cookie() -> String {
    format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

fn issue(hash: &TokenHash, now: Timestamp) -> String {
    let expiry = (now + LENGTH).as_second().to_string();
    let signature = hex::encode(signer(hash, &expiry).finalize().into_bytes());
    format!("{expiry}.{signature}")
}

/// Whether a cookie's value was issued under this token and has not expired.
pub(crate) fn is_valid(hash: &TokenHash, value: &str, now: Timestamp) -> bool {
    let Some((expiry, signature)) = value.split_once('.') else { return false };
    let Ok(signature) = hex::decode(signature) else { return false };
    let signed = signer(hash, expiry).verify_slice(&signature).is_ok();
    signed && expiry.parse::<i64>().is_ok_and(|second| now.as_second() < second)
}

fn signer(hash: &TokenHash, expiry: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(hash.key()).expect("HMAC takes a key of any length");
    mac.update(b"grapevine session v1:");
    mac.update(expiry.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_session_lasts_thirty_days_under_its_own_token() {
        let hash = token::hash("gv_1");
        let value = issue(&hash, now());
        assert!(is_valid(&hash, &value, now()));
        assert!(is_valid(&hash, &value, now() + LENGTH - SignedDuration::from_secs(1)));
        assert!(!is_valid(&hash, &value, now() + LENGTH), "expired");
        assert!(!is_valid(&token::hash("gv_2"), &value, now()), "another token");
    }

    #[test]
    fn a_forged_session_is_refused() {
        let hash = token::hash("gv_1");
        let signature = issue(&hash, now()).split_once('.').unwrap().1.to_owned();
        for forged in ["", ".", "9999999999.", "9999999999.00", &format!("9999999999.{signature}")] {
            assert!(!is_valid(&hash, forged, now()), "{forged}");
        }
    }
}
