//! The token that opens the page and the API. It is shown once and kept as a hash only.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Makes a token: `gv_` and 64 hexadecimal digits from the system's random source (256 bits).
pub fn generate() -> String {
    format!("gv_{}", hex::encode(rand::random::<[u8; 32]>()))
}

/// The hash that is stored. A fast hash is enough, for a token has 256 random bits and cannot be guessed.
pub fn hash(token: &str) -> TokenHash {
    TokenHash(Sha256::digest(token.trim().as_bytes()).into())
}

/// SHA-256 of a token. Written as 64 hexadecimal digits; never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Whether this is the token, in a time that does not depend on where they differ.
    pub fn matches(&self, token: &str) -> bool {
        self.0.ct_eq(&hash(token).0).into()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(redacted)")
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a token's hash is 64 hexadecimal digits: delete the stored hash to have a new token made at the next start")]
pub struct ParseTokenHashError;

impl FromStr for TokenHash {
    type Err = ParseTokenHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| ParseTokenHashError)?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tokens_differ_and_only_the_right_one_matches() {
        let (one, other) = (generate(), generate());
        assert_ne!(one, other);
        assert_eq!(one.len(), 67);
        assert!(hash(&one).matches(&one));
        assert!(hash(&one).matches(&format!(" {one}\n")), "a pasted token may carry white space");
        assert!(!hash(&one).matches(&other));
        assert!(!hash(&one).matches(""));
    }

    #[test]
    fn a_hash_round_trips_through_text_and_hides_from_debug() {
        let kept = hash("gv_1");
        assert_eq!(kept.to_string().parse(), Ok(kept.clone()));
        assert_eq!(format!("{kept:?}"), "TokenHash(redacted)");
        assert_eq!("nonsense".parse::<TokenHash>(), Err(ParseTokenHashError));
    }
}
