//! The pure mapping: one item of the API to an event.

use grapevine_model::{Author, Deletion, Engagement, Event, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{html, text::signs};

pub(super) const PLATFORM: &str = "hackernews";

/// An item as the API gives it. Everything may be absent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item {
    id: Option<u64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    by: Option<String>,
    time: Option<i64>,
    title: Option<String>,
    text: Option<String>,
    url: Option<String>,
    parent: Option<u64>,
    /// Of an option: the poll that it belongs to.
    poll: Option<u64>,
    /// Ids of the direct replies.
    kids: Option<Vec<u64>>,
    /// All replies below a story.
    descendants: Option<i64>,
    score: Option<i64>,
    deleted: Option<bool>,
    dead: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("an item that cannot be read: {0}")]
    Shape(String),
    #[error("an item without `{0}`")]
    Missing(&'static str),
    #[error("an item whose time {0} is none")]
    Time(i64),
}

impl MapError {
    /// The item has to change: trying again does not help.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// The event of one item; `None` where the item is null, which means that it is not there yet.
pub fn map(item: &Value, observed_at: Timestamp) -> Result<Option<Event>, MapError> {
    if item.is_null() {
        return Ok(None);
    }
    let item = Item::deserialize(item).map_err(|error| MapError::Shape(error.to_string()))?;
    let id = item.id.ok_or(MapError::Missing("id"))?;
    let key = MentionKey::new(PLATFORM, "", id.to_string());
    if item.deleted == Some(true) || item.dead == Some(true) {
        return Ok(Some(Event::Delete(Deletion { key, observed_at })));
    }
    mention(key, item, observed_at).map(|mention| Some(Event::Upsert(Box::new(mention))))
}

fn mention(key: MentionKey, item: Item, observed_at: Timestamp) -> Result<Mention, MapError> {
    let time = item.time.ok_or(MapError::Missing("time"))?;
    let by = item.by.clone().filter(|by| !by.is_empty()).ok_or(MapError::Missing("by"))?;
    let created_at = Timestamp::from_second(time).map_err(|_| MapError::Time(time))?;
    let body = html::read(item.text.as_deref().unwrap_or_default());
    let title = item.title.as_deref().map(|title| html::read(title).text).unwrap_or_default();
    let parts: Vec<&str> = [title.as_str(), &body.text].into_iter().filter(|part| !part.is_empty()).collect();
    let text = parts.join("\n\n");
    let signs = signs(&text);
    let url = format!("https://news.ycombinator.com/item?id={}", key.native_id);
    let own = item.url.clone().filter(|url| !url.is_empty());
    let author = Author { native_id: by.clone(), handle: by, ..Author::default() };
    Ok(Mention {
        kind: if item.kind.as_deref() == Some("comment") { Kind::Reply } else { Kind::Post },
        url: Some(url),
        observed_at,
        hashtags: signs.hashtags,
        handles: signs.handles,
        links: links(own.as_ref(), body.links, signs.links),
        media: own.map(|url| Media { kind: "link".to_owned(), url }).into_iter().collect(),
        parent: item.parent.or(item.poll).map(|parent| parent.to_string()),
        engagement: engagement(&item),
        ..Mention::new(key, author, created_at, text)
    })
}

/// A link's text is often cut short, its address is not.
fn links(own: Option<&String>, addressed: Vec<String>, written: Vec<String>) -> Vec<String> {
    let inside = if addressed.is_empty() { written } else { addressed };
    let mut links: Vec<String> = own.cloned().into_iter().collect();
    links.extend(inside.into_iter().filter(|link| Some(link) != own));
    links
}

fn engagement(item: &Item) -> Engagement {
    let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
    let direct = || item.kids.as_ref().map(|kids| kids.len() as u64);
    Engagement { likes: count(item.score), replies: count(item.descendants).or_else(direct), ..Engagement::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapped(item: Value) -> Result<Option<Event>, MapError> {
        map(&item, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_comment_is_read_whole() {
        let Ok(Some(Event::Upsert(mention))) = mapped(json!({
            "id": 12, "type": "comment", "by": "ann", "time": 1772366400, "parent": 7, "kids": [13, 14],
            "text": "It&#x27;s fine<p>see <a href=\"https:&#x2F;&#x2F;a.example&#x2F;long\">https:&#x2F;&#x2F;a.example&#x2F;lo...</a>"
        })) else {
            panic!("no mention");
        };
        assert_eq!(mention.text, "It's fine\nsee https://a.example/lo...");
        assert_eq!(mention.links, ["https://a.example/long"]);
        assert_eq!((mention.kind, mention.parent.as_deref()), (Kind::Reply, Some("7")));
        assert_eq!((mention.engagement.replies, mention.engagement.likes), (Some(2), None));
        assert_eq!(mention.created_at, "2026-03-01T12:00:00Z".parse().unwrap());
    }

    #[test]
    fn what_is_gone_is_deleted_and_what_is_null_is_not_there_yet() {
        for gone in [json!({"id": 1, "deleted": true}), json!({"id": 1, "dead": true, "by": "x", "text": "spam"})] {
            assert!(matches!(mapped(gone), Ok(Some(Event::Delete(_)))));
        }
        assert_eq!(mapped(Value::Null), Ok(None));
        assert_eq!(mapped(json!({"id": 1, "time": 1})), Err(MapError::Missing("by")));
        assert!(matches!(mapped(json!({"id": "x"})), Err(MapError::Shape(_))));
        assert_eq!(mapped(json!({"id": 1, "by": "x", "time": i64::MAX})), Err(MapError::Time(i64::MAX)));
    }
}
