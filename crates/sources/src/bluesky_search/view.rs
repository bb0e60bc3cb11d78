use grapevine_model::{Engagement, Mention};
use jiff::Timestamp;
use serde_json::Value;

use crate::{
    bluesky::{MapError, post_of},
    json::{count, owned, text},
};

/// Turns a post as the app shows it into a mention. Pure; it refuses what it does not understand, and never panics.
pub fn map(view: &Value, observed_at: Timestamp) -> Result<Mention, MapError> {
    let uri = text(view, "uri").ok_or(MapError::Missing("uri"))?;
    let record = view.get("record").filter(|record| record.is_object()).ok_or(MapError::Missing("record"))?;
    // Where the author's own statement of the time is none, this is.
    let seen_at = text(view, "indexedAt").and_then(|time| time.parse().ok()).unwrap_or(observed_at);
    let mut mention = post_of(uri, record, seen_at, observed_at)?;
    // What the app writes where a handle does not lead back to its account names nobody.
    let handle = text(view, "author.handle").filter(|handle| *handle != "handle.invalid");
    mention.author.handle = handle.unwrap_or_default().to_lowercase();
    mention.author.name = owned(view, "author.displayName");
    mention.engagement = Engagement {
        likes: count(view, "likeCount"),
        reposts: count(view, "repostCount"),
        replies: count(view, "replyCount"),
        quotes: count(view, "quoteCount"),
        bookmarks: count(view, "bookmarkCount"),
        ..Engagement::default()
    };
    Ok(mention)
}
