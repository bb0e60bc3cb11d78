//! The pure mapping: one update of the Bot API to what it means.

use grapevine_model::{Author, Engagement, EngagementSnapshot, Event, Kind, Mention, MentionKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{content, entities::signs};
use crate::json::{count, flag, int, list, object, owned, push_new, text};

pub(super) const PLATFORM: &str = "telegram";
/// Where messages stand in an update.
const MESSAGES: [&str; 4] = ["message", "edited_message", "channel_post", "edited_channel_post"];

/// One update, and where it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    pub id: i64,
    pub chat: Option<Chat>,
    pub said: Said,
}

/// What an update means.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Event(Event),
    /// A group became a supergroup, which has another id.
    Moved { to: i64 },
    /// What the bot is in the chat from now on: `member`, `administrator`, `left`, `kicked` …
    Standing(String),
    /// It is nothing that is collected, and why.
    Skipped(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    pub kind: String,
    pub username: Option<String>,
    pub title: Option<String>,
}

impl Chat {
    fn of(chat: &Value) -> Option<Self> {
        let title = owned(chat, "title").or_else(|| full_name(chat));
        Some(Self { id: int(chat, "id")?, kind: owned(chat, "type").unwrap_or_default(), username: owned(chat, "username"), title })
    }

    /// As mentions carry it: the public name, else the title, else the id.
    pub fn name(&self) -> String {
        self.username.clone().or_else(|| self.title.clone()).unwrap_or_else(|| self.id.to_string())
    }

    /// Of a message in it, if it has an address. Those of private supergroups open for members only.
    fn url(&self, message: i64) -> Option<String> {
        match (&self.username, self.id.to_string().strip_prefix("-100")) {
            _ if self.kind == "private" => None,
            (Some(username), _) => Some(format!("https://t.me/{username}/{message}")),
            (None, Some(id)) => Some(format!("https://t.me/c/{id}/{message}")),
            (None, None) => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("an update without `{0}`, or not of the type it should have")]
    Missing(&'static str),
}

impl MapError {
    /// The same update gives the same error again.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// What one update means. It refuses what it can not read, and never panics.
pub fn map(update: &Value, observed_at: Timestamp) -> Result<Update, MapError> {
    let id = int(update, "update_id").ok_or(MapError::Missing("update_id"))?;
    if let Some(message) = MESSAGES.iter().find_map(|kind| object(update, kind)) {
        let chat = chat_of(message)?;
        let said = of_message(message, &chat, observed_at)?;
        return Ok(Update { id, chat: Some(chat), said });
    }
    if let Some(counted) = object(update, "message_reaction_count") {
        let chat = chat_of(counted)?;
        let said = Said::Event(Event::EngagementSnapshot(reactions(counted, &chat, observed_at)?));
        return Ok(Update { id, chat: Some(chat), said });
    }
    if let Some(change) = object(update, "my_chat_member") {
        let standing = owned(change, "new_chat_member.status").ok_or(MapError::Missing("new_chat_member.status"))?;
        return Ok(Update { id, chat: Some(chat_of(change)?), said: Said::Standing(standing) });
    }
    Ok(Update { id, chat: None, said: Said::Skipped("a kind of update that is not collected") })
}

fn chat_of(value: &Value) -> Result<Chat, MapError> {
    value.get("chat").and_then(Chat::of).ok_or(MapError::Missing("chat.id"))
}

fn key(chat: i64, message: i64) -> MentionKey {
    MentionKey::new(PLATFORM, "", native_id(chat, message))
}

fn native_id(chat: i64, message: i64) -> String {
    format!("{chat}/{message}")
}

fn reactions(counted: &Value, chat: &Chat, observed_at: Timestamp) -> Result<EngagementSnapshot, MapError> {
    let message = int(counted, "message_id").ok_or(MapError::Missing("message_id"))?;
    let likes = list(counted, "reactions").iter().filter_map(|reaction| count(reaction, "total_count")).fold(0, u64::saturating_add);
    let engagement = Engagement { likes: Some(likes), ..Engagement::default() };
    Ok(EngagementSnapshot { key: key(chat.id, message), observed_at, engagement })
}

fn of_message(message: &Value, chat: &Chat, observed_at: Timestamp) -> Result<Said, MapError> {
    if let Some(to) = int(message, "migrate_to_chat_id") {
        return Ok(Said::Moved { to });
    }
    let id = int(message, "message_id").ok_or(MapError::Missing("message_id"))?;
    let url = chat.url(id);
    let Some(content) = content::read(message, url.as_deref()) else {
        return Ok(Said::Skipped("a message without words, pictures or a poll: a note of the service, a contact card, a place"));
    };
    let date = int(message, "date").and_then(|date| Timestamp::from_second(date).ok());
    let created_at = date.filter(|date| date.as_second() > 0).ok_or(MapError::Missing("date"))?;
    let mut signs = signs(content.written, content.entities);
    content.links.into_iter().for_each(|link| push_new(&mut signs.links, link));
    let relation = relation(message, chat, id);
    let (author, is_channels) = author(message, chat)?;
    let plain = if chat.kind == "channel" || is_channels { Kind::Post } else { Kind::Message };
    Ok(Said::Event(Event::Upsert(Box::new(Mention {
        kind: relation.kind.unwrap_or(plain),
        space: Some(chat.name()),
        url,
        observed_at,
        hashtags: signs.hashtags,
        handles: signs.handles,
        links: signs.links,
        media: content.media,
        root: relation.root,
        parent: relation.parent,
        parent_author: relation.parent_author,
        ..Mention::new(key(chat.id, id), author, created_at, content.text)
    }))))
}

#[derive(Default)]
struct Relation {
    kind: Option<Kind>,
    root: Option<String>,
    parent: Option<String>,
    parent_author: Option<String>,
}

/// A message of a topic answers the message that made it only in form.
fn relation(message: &Value, chat: &Chat, id: i64) -> Relation {
    let thread = int(message, "message_thread_id").filter(|thread| *thread != id);
    let root = thread.map(|thread| native_id(chat.id, thread));
    let answered = object(message, "reply_to_message").filter(|parent| object(parent, "forum_topic_created").is_none());
    if let Some((parent, parent_id)) = answered.and_then(|parent| Some((parent, int(parent, "message_id")?))) {
        let parent_author = int(parent, "sender_chat.id").or(int(parent, "from.id")).map(|id| id.to_string());
        return Relation { kind: Some(Kind::Reply), root, parent: Some(native_id(chat.id, parent_id)), parent_author };
    }
    let (kind, place) = match (object(message, "external_reply"), object(message, "forward_origin")) {
        (Some(quoted), _) => (Some(Kind::Quote), quoted),
        (None, Some(origin)) => (Some(Kind::Repost), origin),
        // Before version 7 of the Bot API.
        (None, None) if int(message, "forward_date").is_some() => {
            let origin = int(message, "forward_from_chat.id").zip(int(message, "forward_from_message_id"));
            let parent = origin.map(|(chat, message)| native_id(chat, message));
            let parent_author = int(message, "forward_from_chat.id").or(int(message, "forward_from.id"));
            return Relation { kind: Some(Kind::Repost), root, parent, parent_author: parent_author.map(|id| id.to_string()) };
        }
        (None, None) => return Relation { root, ..Relation::default() },
    };
    let origin = object(place, "origin").unwrap_or(place);
    let authors = ["chat.id", "sender_chat.id", "sender_user.id"];
    let chat_id = int(place, "chat.id").or(int(origin, "chat.id"));
    let parent = chat_id.zip(int(place, "message_id").or(int(origin, "message_id")));
    Relation {
        kind,
        root,
        parent: parent.map(|(chat, message)| native_id(chat, message)),
        parent_author: authors.iter().find_map(|path| int(origin, path)).map(|id| id.to_string()),
    }
}

/// Who speaks, and whether a channel does. Who writes in the name of the chat itself is one of its administrators.
fn author(message: &Value, chat: &Chat) -> Result<(Author, bool), MapError> {
    let is_channels = chat.kind == "channel" || flag(message, "is_automatic_forward");
    if let Some(sender) = message.get("sender_chat").and_then(Chat::of) {
        let is_team = sender.id == chat.id || is_channels;
        return Ok((speaker(sender, is_team), is_channels));
    }
    match object(message, "from").filter(|_| !is_channels) {
        Some(from) => {
            let id = int(from, "id").ok_or(MapError::Missing("from.id"))?;
            let handle = owned(from, "username").unwrap_or_default();
            let is_bot = flag(from, "is_bot");
            Ok((Author { native_id: id.to_string(), handle, name: full_name(from), is_bot, ..Author::default() }, false))
        }
        None if is_channels => Ok((speaker(chat.clone(), true), true)),
        None => Err(MapError::Missing("from")),
    }
}

fn speaker(chat: Chat, is_team: bool) -> Author {
    let Chat { id, username, title, .. } = chat;
    Author { native_id: id.to_string(), handle: username.unwrap_or_default(), name: title, is_team, ..Author::default() }
}

fn full_name(person: &Value) -> Option<String> {
    let parts: Vec<&str> = ["first_name", "last_name"].iter().filter_map(|part| text(person, part)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}
