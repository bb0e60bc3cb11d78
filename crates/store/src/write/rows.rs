//! Rows as they are written. The names of the fields are the names of the columns.

use clickhouse::Row;
use grapevine_model::{
    AccountSnapshot, BrandMatch, EngagementSnapshot, Gap, Heartbeat, Intent, Kind, Mention, Polarity,
};
use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Clone, Default, PartialEq, Row, Serialize)]
pub(super) struct MentionRecord {
    pub brand: String,
    pub id: u128,
    pub platform: String,
    pub instance: String,
    pub native_id: String,
    pub kind: i8,
    pub space: String,
    pub url: String,
    pub author: String,
    pub author_handle: String,
    pub author_name: String,
    pub author_followers: Option<u64>,
    pub author_bot: bool,
    pub team: bool,
    pub created_at: i64,
    pub observed_at: i64,
    pub text: String,
    pub language: String,
    pub hashtags: Vec<String>,
    pub handles: Vec<String>,
    pub links: Vec<String>,
    pub media_kinds: Vec<String>,
    pub media_urls: Vec<String>,
    pub thread_id: u128,
    pub parent_id: u128,
    pub parent_author: String,
    pub likes: Option<u64>,
    pub reposts: Option<u64>,
    pub replies: Option<u64>,
    pub quotes: Option<u64>,
    pub bookmarks: Option<u64>,
    pub impressions: Option<u64>,
    pub stars: Option<f32>,
    pub monitor: String,
    pub owned_space: bool,
    pub polarity: i8,
    pub negative: Option<f32>,
    pub neutral: Option<f32>,
    pub positive: Option<f32>,
    pub confidence: Option<f32>,
    pub intent: i8,
    pub model: String,
    pub version: u64,
    pub deleted: u8,
    pub first: bool,
    pub partition: u16,
    pub offset: u64,
    pub log: String,
}

/// Value of `polarity` where no model scored the mention.
pub(crate) const UNSCORED: i8 = 2;

impl MentionRecord {
    /// `created_at` is that of the first sighting, in milliseconds.
    pub(super) fn of(mention: &Mention, brand: &BrandMatch, created_at: i64) -> Self {
        let Mention { key, author, engagement, .. } = mention;
        let mut row = Self {
            brand: brand.brand.clone(),
            id: mention.id().0,
            platform: key.platform.clone(),
            instance: key.instance.clone(),
            native_id: key.native_id.clone(),
            kind: kind_code(mention.kind),
            space: mention.space.clone().unwrap_or_default(),
            url: mention.url.clone().unwrap_or_default(),
            author: author.native_id.clone(),
            author_handle: author.handle.clone(),
            author_name: author.name.clone().unwrap_or_default(),
            author_followers: author.followers,
            author_bot: author.is_bot,
            team: brand.team || author.is_team,
            created_at,
            observed_at: micros(mention.observed_at),
            text: mention.text.clone(),
            language: mention.language.clone().unwrap_or_default(),
            hashtags: mention.hashtags.clone(),
            handles: mention.handles.clone(),
            links: mention.links.clone(),
            media_kinds: mention.media.iter().map(|media| media.kind.clone()).collect(),
            media_urls: mention.media.iter().map(|media| media.url.clone()).collect(),
            thread_id: mention.thread_id().0,
            parent_id: mention.parent_id().map_or(0, |id| id.0),
            parent_author: mention.parent_author.clone().unwrap_or_default(),
            likes: engagement.likes,
            reposts: engagement.reposts,
            replies: engagement.replies,
            quotes: engagement.quotes,
            bookmarks: engagement.bookmarks,
            impressions: engagement.impressions,
            stars: mention.stars,
            monitor: brand.monitor.clone(),
            owned_space: brand.owned_space,
            polarity: UNSCORED,
            version: version(mention.observed_at),
            ..Self::default()
        };
        row.score(mention);
        row
    }

    fn score(&mut self, mention: &Mention) {
        let Some(scores) = &mention.scores else { return };
        self.polarity = polarity_code(scores.polarity);
        self.negative = Some(scores.negative);
        self.neutral = Some(scores.neutral);
        self.positive = Some(scores.positive);
        self.confidence = Some(scores.confidence);
        self.intent = intent_code(scores.intent);
        self.model = scores.model.clone();
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct EngagementRecord {
    pub id: u128,
    pub observed_at: i64,
    pub likes: Option<u64>,
    pub reposts: Option<u64>,
    pub replies: Option<u64>,
    pub quotes: Option<u64>,
    pub bookmarks: Option<u64>,
    pub impressions: Option<u64>,
}

impl From<&EngagementSnapshot> for EngagementRecord {
    fn from(snapshot: &EngagementSnapshot) -> Self {
        let engagement = snapshot.engagement;
        Self {
            id: snapshot.key.id().0,
            observed_at: micros(snapshot.observed_at),
            likes: engagement.likes,
            reposts: engagement.reposts,
            replies: engagement.replies,
            quotes: engagement.quotes,
            bookmarks: engagement.bookmarks,
            impressions: engagement.impressions,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct AccountRecord {
    pub platform: String,
    pub account: String,
    pub observed_at: i64,
    pub followers: u64,
}

impl From<&AccountSnapshot> for AccountRecord {
    fn from(snapshot: &AccountSnapshot) -> Self {
        Self {
            platform: snapshot.platform.clone(),
            account: snapshot.account.clone(),
            observed_at: micros(snapshot.observed_at),
            followers: snapshot.followers,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct GapRecord {
    pub source: String,
    pub from_time: i64,
    pub to_time: i64,
    pub reason: String,
}

impl From<&Gap> for GapRecord {
    fn from(gap: &Gap) -> Self {
        Self {
            source: gap.source.clone(),
            from_time: created(gap.from),
            to_time: created(gap.to),
            reason: gap.reason.clone(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct HealthRecord {
    pub source: String,
    pub partition: u16,
    pub complete_through: i64,
    pub observed_at: i64,
    pub caught_up_at: i64,
}

impl HealthRecord {
    pub(super) fn of(heartbeat: &Heartbeat, partition: u16) -> Self {
        let observed_at = micros(heartbeat.observed_at);
        Self {
            source: heartbeat.source.clone(),
            partition,
            complete_through: created(heartbeat.complete_through),
            observed_at,
            caught_up_at: if heartbeat.caught_up { observed_at } else { 0 },
        }
    }
}

#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct DirtyRecord {
    pub brand: String,
    /// Seconds since the Unix epoch.
    pub hour: u32,
    pub marks: i64,
}

/// 2100-01-01. Hours and buckets are of a type that ends in 2106.
const LAST_SECOND: i64 = 4_102_444_800;

/// Milliseconds, held within 1970 to 2100: a platform that states year 1 or 9999 must not make a partition of its own
/// for
/// ever, nor a row that no span finds.
pub(super) fn created(time: Timestamp) -> i64 {
    time.as_millisecond().clamp(0, LAST_SECOND * 1000)
}

fn micros(time: Timestamp) -> i64 {
    time.as_microsecond().clamp(0, LAST_SECOND * 1_000_000)
}

/// Even; the odd number above it is a deletion of the same moment.
pub(super) fn version(observed_at: Timestamp) -> u64 {
    micros(observed_at).unsigned_abs() * 2
}

pub(super) fn observed_micros(version: u64) -> i64 {
    i64::try_from(version / 2).unwrap_or(i64::MAX)
}

fn kind_code(kind: Kind) -> i8 {
    match kind {
        Kind::Post => 1,
        Kind::Reply => 2,
        Kind::Repost => 3,
        Kind::Quote => 4,
        Kind::Review => 5,
        Kind::Message => 6,
    }
}

fn polarity_code(polarity: Polarity) -> i8 {
    polarity.sign()
}

fn intent_code(intent: Intent) -> i8 {
    match intent {
        Intent::None => 0,
        Intent::Question => 1,
        Intent::Complaint => 2,
        Intent::Suggestion => 3,
        Intent::Praise => 4,
        Intent::Purchase => 5,
    }
}
