//! Rows as they are written. The names of the fields are the names of the columns.

use std::borrow::Cow;

use clickhouse::Row;
use grapevine_model::{AccountSnapshot, BrandMatch, EngagementSnapshot, Intent, Kind, Mention, MentionId, Polarity};
use jiff::Timestamp;
use serde::Serialize;

use super::Batch;

/// Borrows from the batch: a row is gone as soon as it is sent, and its text need not be copied for that.
#[derive(Debug, Clone, Default, PartialEq, Row, Serialize)]
pub(super) struct MentionRecord<'a> {
    pub brand: &'a str,
    pub id: u128,
    pub platform: &'a str,
    pub instance: &'a str,
    pub native_id: &'a str,
    pub kind: i8,
    pub space: &'a str,
    pub url: &'a str,
    pub author: &'a str,
    pub author_handle: &'a str,
    pub author_name: &'a str,
    pub author_followers: Option<u64>,
    pub author_bot: bool,
    pub team: bool,
    pub created_at: i64,
    pub observed_at: i64,
    pub text: &'a str,
    pub language: Cow<'a, str>,
    pub hashtags: &'a [String],
    pub handles: &'a [String],
    pub links: &'a [String],
    pub media_kinds: Vec<&'a str>,
    pub media_urls: Vec<&'a str>,
    pub thread_id: u128,
    pub parent_id: u128,
    pub parent_author: &'a str,
    pub likes: Option<u64>,
    pub reposts: Option<u64>,
    pub replies: Option<u64>,
    pub quotes: Option<u64>,
    pub bookmarks: Option<u64>,
    pub impressions: Option<u64>,
    pub stars: Option<f32>,
    pub weight: f32,
    pub monitor: &'a str,
    pub owned_space: bool,
    pub polarity: i8,
    pub negative: Option<f32>,
    pub neutral: Option<f32>,
    pub positive: Option<f32>,
    pub confidence: Option<f32>,
    pub intent: i8,
    pub hostility: Option<f32>,
    pub irony: Option<f32>,
    pub themes: Vec<&'a str>,
    pub theme_probabilities: Vec<f32>,
    pub theme_rules: Vec<bool>,
    pub model: &'a str,
    pub story: u128,
    pub version: u64,
    pub deleted: u8,
    pub first: bool,
    pub partition: u16,
    pub offset: u64,
    pub log: &'a str,
    /// That its hour had; see `rollup`.
    pub epoch: u64,
}

/// Value of `polarity` where no model scored the mention.
pub(crate) const UNSCORED: i8 = 2;

impl<'a> MentionRecord<'a> {
    /// `id` is the mention's; `created_at` is that of the first sighting, in milliseconds.
    pub(super) fn of(id: MentionId, mention: &'a Mention, brand: &'a BrandMatch, created_at: i64) -> Self {
        let Mention { key, author, engagement, .. } = mention;
        let (thread, parent) = ancestors(id, mention);
        let mut row = Self {
            brand: &brand.brand,
            id: id.0,
            platform: &key.platform,
            instance: &key.instance,
            native_id: &key.native_id,
            kind: kind_code(mention.kind),
            space: optional(&mention.space),
            url: optional(&mention.url),
            author: &author.native_id,
            author_handle: &author.handle,
            author_name: optional(&author.name),
            author_followers: author.followers,
            author_bot: author.is_bot,
            team: brand.team || author.is_team,
            created_at,
            observed_at: micros(mention.observed_at),
            text: &mention.text,
            language: mention.spoken_language().unwrap_or_default(),
            hashtags: &mention.hashtags,
            handles: &mention.handles,
            links: &mention.links,
            media_kinds: mention.media.iter().map(|media| media.kind.as_str()).collect(),
            media_urls: mention.media.iter().map(|media| media.url.as_str()).collect(),
            thread_id: thread.0,
            parent_id: parent.map_or(0, |id| id.0),
            parent_author: optional(&mention.parent_author),
            likes: engagement.likes,
            reposts: engagement.reposts,
            replies: engagement.replies,
            quotes: engagement.quotes,
            bookmarks: engagement.bookmarks,
            impressions: engagement.impressions,
            stars: mention.stars,
            weight: mention.weight,
            monitor: &brand.monitor,
            owned_space: brand.owned_space,
            polarity: UNSCORED,
            story: mention.story.map_or(0, |id| id.0),
            version: version(mention.observed_at),
            ..Self::default()
        };
        row.score(mention);
        row
    }

    fn score(&mut self, mention: &'a Mention) {
        let Some(scores) = &mention.scores else { return };
        self.polarity = polarity_code(scores.polarity);
        self.negative = Some(scores.negative);
        self.neutral = Some(scores.neutral);
        self.positive = Some(scores.positive);
        self.confidence = Some(scores.confidence);
        self.intent = intent_code(scores.intent);
        (self.hostility, self.irony) = (scores.hostility, scores.irony);
        self.themes = scores.themes.iter().map(|theme| theme.theme.as_str()).collect();
        self.theme_probabilities = scores.themes.iter().map(|theme| theme.probability).collect();
        self.theme_rules = scores.themes.iter().map(|theme| theme.rule).collect();
        self.model = &scores.model;
    }
}

fn optional(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or_default()
}

/// Ids of the thread and of the parent; hashed once where both are the same mention.
fn ancestors(id: MentionId, mention: &Mention) -> (MentionId, Option<MentionId>) {
    let thread = mention.root.as_deref().map_or(id, |root| mention.key.sibling_id(root));
    let parent = match &mention.parent {
        parent if *parent == mention.root => mention.root.as_ref().map(|_| thread),
        parent => parent.as_deref().map(|parent| mention.key.sibling_id(parent)),
    };
    (thread, parent)
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

/// `written_at` is the server's.
#[derive(Debug, Clone, PartialEq, Row, Serialize)]
pub(super) struct BatchRecord<'a> {
    pub log: &'a str,
    pub topic: &'a str,
    pub partition: u32,
    pub first_offset: u64,
    pub last_offset: u64,
    pub events: u64,
    pub unreadable: u64,
}

impl<'a> From<&'a Batch> for BatchRecord<'a> {
    fn from(batch: &'a Batch) -> Self {
        let Batch { partition, first_offset, last_offset, unreadable, .. } = *batch;
        let events = batch.events.len() as u64;
        Self { log: &batch.log, topic: &batch.topic, partition, first_offset, last_offset, events, unreadable }
    }
}

/// 2100-01-01. Hours and buckets are of a type that ends in 2106.
const LAST_SECOND: i64 = 4_102_444_800;

/// Milliseconds, held within 1970 to 2100: a platform that states year 1 or 9999 must not make a partition of its own
/// for
/// ever, nor a row that no span finds.
pub(super) fn created(time: Timestamp) -> i64 {
    time.as_millisecond().clamp(0, LAST_SECOND * 1000)
}

pub(crate) fn micros(time: Timestamp) -> i64 {
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

pub(super) fn polarity_code(polarity: Polarity) -> i8 {
    polarity.sign()
}

pub(super) fn intent_code(intent: Intent) -> i8 {
    match intent {
        Intent::None => 0,
        Intent::Question => 1,
        Intent::Complaint => 2,
        Intent::Suggestion => 3,
        Intent::Praise => 4,
        Intent::Purchase => 5,
    }
}
