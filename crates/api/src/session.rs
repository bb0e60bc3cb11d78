//! Sessions of the page: a signed cookie, so that nothing is stored.
//!
//! The value is `expiry.signature`, the expiry in seconds since the Unix epoch, the signature an HMAC-SHA256 of it under a
//! key that is made at the start and held in memory only: nothing on disk or in a backup opens a session. A restart ends
//! every session; the token opens the next.

use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

pub(crate) const COOKIE: &str = "grapevine_session";
const LENGTH: SignedDuration = SignedDuration::from_hours(24 * 30);

/// Signs the sessions of one process.
pub(crate) struct SessionKey([u8; 32]);

impl SessionKey {
    /// 256 bits from the system's random source.
    pub(crate) fn generate() -> Self {
        Self(rand::random())
    }

    /// The `Set-Cookie` value that opens a session.
    ///
    /// `Secure` is absent, because the page is served over plain HTTP on loopback; a proxy that adds TLS may add it.
    pub(crate) fn opening_cookie(&self, now: Timestamp) -> String {
        let value = self.issue(now);
        format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", LENGTH.as_secs())
    }

    fn issue(&self, now: Timestamp) -> String {
        let expiry = (now + LENGTH).as_second().to_string();
        let signature = hex::encode(self.signer(&expiry).finalize().into_bytes());
        format!("{expiry}.{signature}")
    }

    /// Whether a cookie's value was issued under this key and has not expired.
    pub(crate) fn is_valid(&self, value: &str, now: Timestamp) -> bool {
        let Some((expiry, signature)) = value.split_once('.') else { return false };
        let Ok(signature) = hex::decode(signature) else { return false };
        let signed = self.signer(expiry).verify_slice(&signature).is_ok();
        signed && expiry.parse::<i64>().is_ok_and(|second| now.as_second() < second)
    }

    fn signer(&self, expiry: &str) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(b"grapevine session v1:");
        mac.update(expiry.as_bytes());
        mac
    }
}

/// The `Set-Cookie` value that ends a session in this browser.
pub(crate) fn closing_cookie() -> String {
    format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-03-01T10:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_session_lasts_thirty_days_under_its_own_key() {
        let key = SessionKey::generate();
        let value = key.issue(now());
        assert!(key.is_valid(&value, now()));
        assert!(key.is_valid(&value, now() + LENGTH - SignedDuration::from_secs(1)));
        assert!(!key.is_valid(&value, now() + LENGTH), "expired");
        assert!(!SessionKey::generate().is_valid(&value, now()), "another process's");
    }

    #[test]
    fn a_forged_session_is_refused() {
        let key = SessionKey::generate();
        let signature = key.issue(now()).split_once('.').unwrap().1.to_owned();
        for forged in ["", ".", "9999999999.", "9999999999.00", &format!("9999999999.{signature}")] {
            assert!(!key.is_valid(forged, now()), "{forged}");
        }
    }
}
