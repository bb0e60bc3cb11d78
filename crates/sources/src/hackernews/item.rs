//! The pure mapping: one item of the API to an event.

use grapevine_model::{Author, Deletion, Engagement, Event, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    html,
    loose::{Flag, List, Number, Text},
    text::signs,
};

pub(super) const PLATFORM: &str = "hackernews";

/// An item as the API gives it. Everything may be absent or of another type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    id: Number,
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    by: Text<'a>,
    time: Number,
    #[serde(borrow)]
    title: Text<'a>,
    #[serde(borrow)]
    text: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    parent: Number,
    /// Of an option: the poll that it belongs to.
    poll: Number,
    /// Ids of the direct replies.
    kids: Option<List<Number>>,
    /// All replies below a story.
    descendants: Number,
    score: Number,
    deleted: Flag,
    dead: Flag,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("an item that cannot be read: {0}")]
    Shape(String),
    #[error("an item without `{0}`")]
    Missing(&'static str),
    #[error("an item whose time {0} is none")]
    Time(u64),
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
    let id = item.id.0.ok_or(MapError::Missing("id"))?;
    let key = MentionKey::new(PLATFORM, "", id.to_string());
    if item.deleted.0 == Some(true) || item.dead.0 == Some(true) {
        return Ok(Some(Event::Delete(Deletion { key, observed_at })));
    }
    mention(key, &item, observed_at).map(|mention| Some(Event::Upsert(Box::new(mention))))
}

fn mention(key: MentionKey, item: &Item<'_>, observed_at: Timestamp) -> Result<Mention, MapError> {
    let time = item.time.0.ok_or(MapError::Missing("time"))?;
    let by = item.by.owned().ok_or(MapError::Missing("by"))?;
    let created_at = i64::try_from(time).ok().and_then(|time| Timestamp::from_second(time).ok());
    let body = html::read(item.text.or_empty());
    let title = html::read(item.title.or_empty()).text;
    let parts: Vec<&str> = [title.as_str(), &body.text].into_iter().filter(|part| !part.is_empty()).collect();
    let text = parts.join("\n\n");
    let signs = signs(&text);
    let url = format!("https://news.ycombinator.com/item?id={}", key.native_id);
    let own = item.url.owned();
    let parent = item.parent.0.or(item.poll.0).map(|parent| parent.to_string());
    let author = Author { native_id: by.clone(), handle: by, ..Author::default() };
    Ok(Mention {
        kind: if parent.is_some() || item.kind.get() == Some("comment") { Kind::Reply } else { Kind::Post },
        url: Some(url),
        observed_at,
        hashtags: signs.hashtags,
        handles: signs.handles,
        links: links(own.as_ref(), body.links, signs.links),
        media: own.map(|url| Media { kind: "link".to_owned(), url }).into_iter().collect(),
        // An option of a poll is a part of it.
        root: item.poll.0.map(|poll| poll.to_string()),
        parent,
        engagement: engagement(item),
        ..Mention::new(key, author, created_at.ok_or(MapError::Time(time))?, text)
    })
}

/// A link's text is often cut short, its address is not.
fn links(own: Option<&String>, addressed: Vec<String>, written: Vec<String>) -> Vec<String> {
    let inside = if addressed.is_empty() { written } else { addressed };
    let mut links: Vec<String> = own.cloned().into_iter().collect();
    links.extend(inside.into_iter().filter(|link| Some(link) != own));
    links
}

fn engagement(item: &Item<'_>) -> Engagement {
    let direct = || item.kids.as_ref().map(|kids| kids.len() as u64);
    Engagement { likes: item.score.0, replies: item.descendants.0.or_else(direct), ..Engagement::default() }
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
        assert_eq!(mapped(json!({"id": "x"})), Err(MapError::Missing("id")));
        assert!(matches!(mapped(json!("x")), Err(MapError::Shape(_))));
        assert_eq!(mapped(json!({"id": 1, "by": "x", "time": u64::MAX})), Err(MapError::Time(u64::MAX)));
    }

    #[test]
    fn an_option_belongs_to_its_poll_and_a_wrong_type_costs_its_field_alone() {
        let Ok(Some(Event::Upsert(option))) = mapped(json!({
            "id": "160705", "type": "pollopt", "by": "ann", "time": "1772366400", "poll": 160704, "text": "Yes &amp; no",
            "score": "12", "kids": null, "url": 7, "title": []
        })) else {
            panic!("no mention");
        };
        assert_eq!((option.kind, option.parent.as_deref(), option.root.as_deref()), (Kind::Reply, Some("160704"), Some("160704")));
        assert_eq!((option.text.as_str(), option.engagement.likes), ("Yes & no", Some(12)));
    }
}
