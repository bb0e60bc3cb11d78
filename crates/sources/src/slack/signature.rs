//! Whether Slack sent it: a signature over the body and its time. Pure.

use hmac::{Hmac, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use crate::http::Secret;

/// A delivery that is older may be one that somebody overheard and plays again.
const FRESH: SignedDuration = SignedDuration::from_mins(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the headers X-Slack-Signature and X-Slack-Request-Timestamp are not both there")]
    Unsigned,
    #[error("the time in X-Slack-Request-Timestamp is more than five minutes away: look at this machine's clock")]
    Stale,
    #[error("the signature is not that of the signing secret: look under Basic Information of the app")]
    Wrong,
}

/// Compares in constant time.
pub(super) fn verify(
    secret: &Secret,
    (timestamp, signature): (Option<&str>, Option<&str>),
    body: &[u8],
    now: Timestamp,
) -> Result<(), Refusal> {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return Err(Refusal::Unsigned) };
    let sent_at = timestamp.parse().ok().and_then(|second| Timestamp::from_second(second).ok());
    if sent_at.is_none_or(|sent_at| now.duration_since(sent_at).abs() > FRESH) {
        return Err(Refusal::Stale);
    }
    let claimed = signature.strip_prefix("v0=").and_then(|digits| hex::decode(digits).ok()).ok_or(Refusal::Wrong)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).map_err(|_| Refusal::Wrong)?;
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    mac.verify_slice(&claimed).map_err(|_| Refusal::Wrong)
}

/// As Slack signs it.
#[cfg(any(test, feature = "conformance"))]
pub(super) fn sign(secret: &Secret, timestamp: &str, body: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else { return String::new() };
    mac.update(format!("v0:{timestamp}:").as_bytes());
    mac.update(body);
    format!("v0={}", hex::encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of Slack's own documentation of request signing.
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&\
        channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&\
        response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&\
        trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn judge(timestamp: &str, signature: &str, body: &str, now: i64) -> Result<(), Refusal> {
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
        verify(&secret, (Some(timestamp), Some(signature)), body.as_bytes(), Timestamp::from_second(now).unwrap())
    }

    #[test]
    fn slacks_own_example_is_accepted() {
        assert_eq!(judge("1531420618", SIGNATURE, BODY, 1_531_420_700), Ok(()));
        let secret = Secret::new("8f742231b10e8888abcd99yyyzzz85a5");
        assert_eq!(sign(&secret, "1531420618", BODY.as_bytes()), SIGNATURE);
    }

    #[test]
    fn what_is_old_altered_or_unsigned_is_refused() {
        assert_eq!(judge("1531420618", SIGNATURE, BODY, 1_531_420_618 + 301), Err(Refusal::Stale));
        assert_eq!(judge("1531420618", SIGNATURE, BODY, 1_531_420_618 - 301), Err(Refusal::Stale));
        assert_eq!(judge("soon", SIGNATURE, BODY, 1_531_420_618), Err(Refusal::Stale));
        assert_eq!(judge("1531420619", SIGNATURE, BODY, 1_531_420_618), Err(Refusal::Wrong));
        assert_eq!(judge("1531420618", SIGNATURE, &format!("{BODY}x"), 1_531_420_618), Err(Refusal::Wrong));
        assert_eq!(judge("1531420618", "v0=zz", BODY, 1_531_420_618), Err(Refusal::Wrong));
        let secret = Secret::new("a");
        assert_eq!(verify(&secret, (None, Some("v0=")), b"", Timestamp::UNIX_EPOCH), Err(Refusal::Unsigned));
    }
}
