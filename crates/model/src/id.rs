use std::{fmt, str::FromStr, sync::LazyLock};

use blake3::hazmat::{ContextKey, HasherExt, hash_derive_key_context};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Names one mention: the platform, the instance of it, and the platform's own id there.
///
/// `instance` tells apart servers of one platform (`mastodon.social`, a forum's host name); it is empty where there is
/// only one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MentionKey {
    pub platform: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub instance: String,
    pub native_id: String,
}

impl MentionKey {
    pub fn new(platform: impl Into<String>, instance: impl Into<String>, native_id: impl Into<String>) -> Self {
        Self { platform: platform.into(), instance: instance.into(), native_id: native_id.into() }
    }

    /// The id of the same place's mention of another native id: how a reply names its parent.
    pub fn sibling_id(&self, native_id: &str) -> MentionId {
        MentionId::of_parts(&self.platform, &self.instance, native_id)
    }

    pub fn id(&self) -> MentionId {
        MentionId::of(self)
    }
}

/// `platform:instance:native_id`, for messages and for the key of a record.
impl fmt::Display for MentionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.platform, self.instance, self.native_id)
    }
}

/// A 128-bit id that depends on the [`MentionKey`] alone, so that a replay writes the same id.
///
/// The first 16 bytes of BLAKE3 over the three parts, each behind its length: `("a", "bc")` and `("ab", "c")` differ.
/// Written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MentionId(pub u128);

impl MentionId {
    pub fn of(key: &MentionKey) -> Self {
        Self::of_parts(&key.platform, &key.instance, &key.native_id)
    }

    /// As [`MentionId::of`] the key of these parts.
    pub fn of_parts(platform: &str, instance: &str, native_id: &str) -> Self {
        // The context is the same for every id: hashing it each time would take as long as the rest.
        static CONTEXT: LazyLock<ContextKey> = LazyLock::new(|| hash_derive_key_context("grapevine mention id v1"));
        let mut hasher = blake3::Hasher::new_from_context_key(&CONTEXT);
        for part in [platform, instance, native_id] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut first = [0; 16];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(u128::from_be_bytes(first))
    }
}

impl fmt::Display for MentionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for MentionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MentionId({self})")
    }
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a mention id is 32 hexadecimal digits, not {0:?}")]
pub struct ParseMentionIdError(String);

impl FromStr for MentionId {
    type Err = ParseMentionIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        match u128::from_str_radix(text, 16) {
            Ok(value) if well_formed => Ok(Self(value)),
            _ => Err(ParseMentionIdError(text.to_owned())),
        }
    }
}

impl Serialize for MentionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MentionId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_id_never_changes_between_releases() {
        // A changed id would double every stored mention at the next replay: this value is for ever.
        let id = MentionKey::new("bluesky", "", "at://did:plc:abc/app.bsky.feed.post/3kabc").id();
        assert_eq!(id.to_string(), "a50a18491272e0b1549aa45ee2afd864");
    }

    #[test]
    fn moving_a_character_between_parts_changes_the_id() {
        assert_ne!(MentionKey::new("a", "bc", "d").id(), MentionKey::new("ab", "c", "d").id());
        assert_ne!(MentionKey::new("a", "", "bc").id(), MentionKey::new("a", "b", "c").id());
    }

    #[test]
    fn what_is_not_an_id_is_refused() {
        for text in ["", "12", "+0000000000000000000000000000001", "zz000000000000000000000000000000"] {
            assert!(text.parse::<MentionId>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_id_round_trips_through_text(value: u128) {
            prop_assert_eq!(MentionId(value).to_string().parse(), Ok(MentionId(value)));
        }
    }
}
