use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{MentionId, MentionKey, Scores};

/// One post, reply, repost, quote, review or message that was observed.
///
/// A source fills everything but `brands`, `scores`, `detected_language` and `story`, which the scoring stage fills. Text is UTF-8 as the platform
/// gave it, times are UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mention {
    pub key: MentionKey,
    pub kind: Kind,
    /// Forum category, subreddit, channel or server that it was posted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    pub author: Author,
    /// When the author posted it, by the platform's clock.
    pub created_at: Timestamp,
    /// When this version of it was read from the platform. The newest version wins.
    pub observed_at: Timestamp,
    pub text: String,
    /// BCP 47 tag that the platform stated, such as `en` or `pt-BR`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// ISO 639-1 code of the language that its text was found to be in; absent where that could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detected_language: Option<String>,
    /// Without `#`, lower-case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hashtags: Vec<String>,
    /// Accounts that the text names, without `@`, lower-case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub handles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// Native id of the first post of the thread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// Native id of what this replies to, quotes or reposts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Native id of the parent's author, where the platform says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_author: Option<String>,
    #[serde(default)]
    pub engagement: Engagement,
    /// Rating of a review, 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stars: Option<f32>,
    /// How many mentions it stands for: 1, or the inverse of the share that was read where its source read a sample.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f32,
    /// Brands that it belongs to, and why. Empty until matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brands: Vec<BrandMatch>,
    /// Absent until scored, and for ever where no model covers its language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<Scores>,
    /// The first mention that says nearly the same, itself where it is the first; absent until stories are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub story: Option<MentionId>,
    /// The platform's payload as it came, for as long as the configuration keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

impl Mention {
    /// A post with nothing but what every mention has; observed when it was created.
    pub fn new(key: MentionKey, author: Author, created_at: Timestamp, text: impl Into<String>) -> Self {
        Self {
            key,
            kind: Kind::Post,
            space: None,
            url: None,
            author,
            created_at,
            observed_at: created_at,
            text: text.into(),
            language: None,
            detected_language: None,
            hashtags: Vec::new(),
            handles: Vec::new(),
            links: Vec::new(),
            media: Vec::new(),
            root: None,
            parent: None,
            parent_author: None,
            engagement: Engagement::default(),
            stars: None,
            weight: 1.0,
            brands: Vec::new(),
            scores: None,
            story: None,
            raw: None,
        }
    }

    pub fn id(&self) -> MentionId {
        self.key.id()
    }

    /// ISO 639-1 code of its language, lower-case: as it was detected, else as the platform stated it.
    pub fn spoken_language(&self) -> Option<Cow<'_, str>> {
        if let Some(detected) = &self.detected_language {
            return Some(Cow::Borrowed(detected));
        }
        let tag = self.language.as_deref()?;
        let primary = tag.split(['-', '_']).next().filter(|primary| !primary.is_empty())?;
        let lower = primary.chars().all(|c| c.is_ascii_lowercase());
        Some(if lower { Cow::Borrowed(primary) } else { Cow::Owned(primary.to_lowercase()) })
    }

    pub fn parent_id(&self) -> Option<MentionId> {
        self.parent.as_deref().map(|native_id| self.key.sibling_id(native_id))
    }

    /// Id of the thread: the root's, or its own where it starts one.
    pub fn thread_id(&self) -> MentionId {
        self.root.as_deref().map_or_else(|| self.id(), |native_id| self.key.sibling_id(native_id))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Post,
    Reply,
    Repost,
    Quote,
    Review,
    Message,
}

impl Kind {
    pub const ALL: [Kind; 6] = [Kind::Post, Kind::Reply, Kind::Repost, Kind::Quote, Kind::Review, Kind::Message];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Post => "post",
            Kind::Reply => "reply",
            Kind::Repost => "repost",
            Kind::Quote => "quote",
            Kind::Review => "review",
            Kind::Message => "message",
        }
    }
}

/// Who wrote a mention, as far as the platform says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Author {
    /// The platform's stable id; the handle where there is none.
    pub native_id: String,
    /// Without `@`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub handle: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
    /// Staff, as the platform marks it. Own accounts of a brand are known from the configuration, see [`BrandMatch::team`].
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_team: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_bot: bool,
}

fn one() -> f32 {
    1.0
}

fn is_one(value: &f32) -> bool {
    *value == 1.0
}

fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    /// `image`, `video`, `audio` or `link`.
    pub kind: String,
    pub url: String,
}

/// Counters of one mention at one time. Absent means that the platform did not say, which is not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Engagement {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reposts: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bookmarks: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impressions: Option<u64>,
}

/// A brand that a mention belongs to, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrandMatch {
    pub brand: String,
    /// Name of the monitor that matched; `owned space` or `own account` where it is one of those.
    pub monitor: String,
    /// The author speaks for this brand: one of its own accounts, or marked as staff in one of its spaces.
    #[serde(default, skip_serializing_if = "is_false")]
    pub team: bool,
    /// Posted in a space that the brand owns.
    #[serde(default, skip_serializing_if = "is_false")]
    pub owned_space: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_detected_goes_before_what_the_platform_states() {
        let of = |detected: Option<&str>, stated: Option<&str>| {
            let key = MentionKey::new("test", "", "1");
            let mention = Mention::new(key, Author::default(), Timestamp::UNIX_EPOCH, "hola");
            let (detected_language, language) = (detected.map(str::to_owned), stated.map(str::to_owned));
            Mention { detected_language, language, ..mention }.spoken_language().map(Cow::into_owned)
        };
        assert_eq!(of(Some("es"), Some("en")).as_deref(), Some("es"));
        assert_eq!(of(None, Some("pt-BR")).as_deref(), Some("pt"));
        assert_eq!(of(None, Some("ZH_Hant")).as_deref(), Some("zh"));
        assert_eq!((of(None, None), of(None, Some(""))), (None, None));
    }
}
