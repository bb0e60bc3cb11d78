//! What the API sends, as far as a mention has room for it. Everything may be absent or of another type.

use serde::Deserialize;

use crate::loose::{List, Number, Object, OneOrMany, Text};

/// A page of a search, a look-up, or a line of the stream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Answer<'a> {
    /// Of a search a list, of the stream a single one.
    #[serde(borrow)]
    pub(super) data: OneOrMany<Object<Tweet<'a>>>,
    #[serde(borrow)]
    pub(super) includes: Object<Includes<'a>>,
    #[serde(borrow)]
    pub(super) errors: List<Object<Problem<'a>>>,
    #[serde(borrow)]
    pub(super) meta: Object<Meta<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tweet<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) edit_history_tweet_ids: List<Text<'a>>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) note_tweet: Object<Note<'a>>,
    #[serde(borrow)]
    pub(super) article: Object<Article<'a>>,
    #[serde(borrow)]
    pub(super) author_id: Text<'a>,
    #[serde(borrow)]
    pub(super) created_at: Text<'a>,
    #[serde(borrow)]
    pub(super) conversation_id: Text<'a>,
    #[serde(borrow)]
    pub(super) in_reply_to_user_id: Text<'a>,
    #[serde(borrow)]
    pub(super) community_id: Text<'a>,
    #[serde(borrow)]
    pub(super) lang: Text<'a>,
    #[serde(borrow)]
    pub(super) referenced_tweets: List<Object<Reference<'a>>>,
    #[serde(borrow)]
    pub(super) attachments: Object<Attachments<'a>>,
    #[serde(borrow)]
    pub(super) entities: Object<Entities<'a>>,
    pub(super) public_metrics: Object<Metrics>,
    /// Of posts of one's own.
    pub(super) organic_metrics: Object<Metrics>,
    pub(super) non_public_metrics: Object<Metrics>,
}

/// The whole of a long post.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Note<'a> {
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) entities: Object<Entities<'a>>,
}

/// An article, of which the post itself shows only a link.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Article<'a> {
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) plain_text: Text<'a>,
    #[serde(borrow)]
    pub(super) preview_text: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Attachments<'a> {
    #[serde(borrow)]
    pub(super) media_keys: List<Text<'a>>,
    #[serde(borrow)]
    pub(super) poll_ids: List<Text<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entities<'a> {
    #[serde(borrow)]
    pub(super) hashtags: List<Object<Tag<'a>>>,
    #[serde(borrow)]
    pub(super) mentions: List<Object<Named<'a>>>,
    #[serde(borrow)]
    pub(super) urls: List<Object<Link<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tag<'a> {
    #[serde(borrow)]
    pub(super) tag: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named<'a> {
    #[serde(borrow)]
    pub(super) username: Text<'a>,
}

/// A link as it stands in the text (`url`, of t.co), and where it leads.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link<'a> {
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    #[serde(borrow)]
    pub(super) expanded_url: Text<'a>,
    #[serde(borrow)]
    pub(super) unwound_url: Text<'a>,
    #[serde(borrow)]
    pub(super) display_url: Text<'a>,
    /// Set where the link is the post's own picture or video.
    #[serde(borrow)]
    pub(super) media_key: Text<'a>,
    /// Set where a preview of the page is shown.
    #[serde(borrow)]
    pub(super) title: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metrics {
    pub(super) like_count: Number,
    pub(super) retweet_count: Number,
    pub(super) reply_count: Number,
    pub(super) quote_count: Number,
    pub(super) bookmark_count: Number,
    pub(super) impression_count: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Includes<'a> {
    #[serde(borrow)]
    pub(super) users: List<Object<User<'a>>>,
    #[serde(borrow)]
    pub(super) tweets: List<Object<Tweet<'a>>>,
    #[serde(borrow)]
    pub(super) media: List<Object<Medium<'a>>>,
    #[serde(borrow)]
    pub(super) polls: List<Object<Poll<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) username: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) public_metrics: Object<UserMetrics>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct UserMetrics {
    pub(super) followers_count: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Medium<'a> {
    #[serde(borrow)]
    pub(super) media_key: Text<'a>,
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    #[serde(borrow)]
    pub(super) preview_image_url: Text<'a>,
    #[serde(borrow)]
    pub(super) variants: List<Object<Variant<'a>>>,
}

/// One file of a video.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Variant<'a> {
    #[serde(borrow)]
    pub(super) url: Text<'a>,
    pub(super) bit_rate: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Poll<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) options: List<Object<PollOption<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PollOption<'a> {
    #[serde(borrow)]
    pub(super) label: Text<'a>,
}

/// What was asked for and cannot be shown; or, where nothing else came, why the connection ends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Problem<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) title: Text<'a>,
    #[serde(borrow)]
    pub(super) detail: Text<'a>,
    #[serde(borrow)]
    pub(super) resource_type: Text<'a>,
    #[serde(borrow)]
    pub(super) resource_id: Text<'a>,
    #[serde(borrow)]
    pub(super) value: Text<'a>,
    #[serde(borrow)]
    pub(super) parameter: Text<'a>,
    #[serde(borrow)]
    pub(super) disconnect_type: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Meta<'a> {
    #[serde(borrow)]
    pub(super) newest_id: Text<'a>,
    #[serde(borrow)]
    pub(super) oldest_id: Text<'a>,
    #[serde(borrow)]
    pub(super) next_token: Text<'a>,
}
