//! The pure mapping: one message, as REST lists it and as the gateway sends it, to a mention.

use std::sync::Arc;

use grapevine_model::{Author, Engagement, Kind, Mention, MentionKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{content, words, words::Names};
use crate::json::{count, flag, int, list, object, owned, push_new, text};

pub(super) const PLATFORM: &str = "discord";
/// The first millisecond of Discord's ids.
const EPOCH: i64 = 1_420_070_400_000;
/// Types of message that somebody wrote: plain, reply, an app's answer to a command (two kinds). All others are notes of
/// the service: who joined, what was pinned.
const WRITTEN: [i64; 4] = [0, 19, 20, 23];
/// A message whose original stands in a channel that is followed from here.
const IS_CROSSPOST: i64 = 1 << 1;
/// A reference of this type is a forward.
const FORWARD: i64 = 1;

/// Where a message stands, and what is known around it.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// Id of the server; empty in a message that says it itself, and in none.
    pub guild: String,
    /// As mentions carry it: the name of the channel or of the server.
    pub space: Option<String>,
    /// The channel is a thread or a post of a forum; its id is that of the message which began it.
    pub is_thread: bool,
    /// Roles of the author, where the message does not say them.
    pub roles: Vec<String>,
    /// Roles whose members are staff.
    pub team_roles: Vec<String>,
    /// Lists of messages name every reaction; an event of the gateway does not.
    pub is_listed: bool,
    pub(super) names: Arc<Names>,
}

impl Context {
    /// A role that a text may name.
    pub fn with_role(mut self, id: &str, name: &str) -> Self {
        Arc::make_mut(&mut self.names).roles.insert(id.to_owned(), name.to_owned());
        self
    }

    /// A channel that a text may name.
    pub fn with_channel(mut self, id: &str, name: &str) -> Self {
        Arc::make_mut(&mut self.names).channels.insert(id.to_owned(), name.to_owned());
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("a message without `{0}`, or not of the type it should have")]
    Missing(&'static str),
}

impl MapError {
    /// The same message gives the same error again.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// The mention of one message; `None` for a note of the service, which nobody wrote.
pub fn map(message: &Value, context: &Context, observed_at: Timestamp) -> Result<Option<Mention>, MapError> {
    let id = text(message, "id").ok_or(MapError::Missing("id"))?;
    if !WRITTEN.contains(&int(message, "type").unwrap_or(0)) {
        return Ok(None);
    }
    let channel = text(message, "channel_id").unwrap_or_default();
    let created_at = text(message, "timestamp").and_then(|stated| stated.parse().ok()).or_else(|| time_of(id));
    let created_at = created_at.ok_or(MapError::Missing("timestamp"))?;
    // A forward says nothing itself: what it says is a copy of the original.
    let forwarded = list(message, "message_snapshots").first().and_then(|snapshot| object(snapshot, "message"));
    let said = forwarded.unwrap_or(message);
    let mut plain = words::read(&content::words(said), &[&names(message, said), &context.names]);
    content::links(said).into_iter().for_each(|link| push_new(&mut plain.signs.links, link));
    if let Some(title) = title(context, (id, channel)) {
        plain.text = format!("{title}\n\n{}", plain.text).trim_end().to_owned();
    }
    let relation = relation(message, context, (id, channel));
    Ok(Some(Mention {
        kind: relation.kind,
        space: context.space.clone(),
        url: url(message, context, (id, channel)),
        observed_at,
        hashtags: plain.signs.hashtags,
        handles: plain.signs.handles,
        links: plain.signs.links,
        media: content::media(said),
        root: relation.root,
        parent: relation.parent,
        parent_author: relation.parent_author,
        engagement: engagement(message, context),
        ..Mention::new(MentionKey::new(PLATFORM, "", id), author(message, context)?, created_at, plain.text)
    }))
}

pub(super) fn key(id: &str) -> MentionKey {
    MentionKey::new(PLATFORM, "", id)
}

/// When an id was given.
pub(super) fn time_of(id: &str) -> Option<Timestamp> {
    let millis = i64::try_from(id.parse::<u64>().ok()? >> 22).ok()?;
    Timestamp::from_millisecond(millis.checked_add(EPOCH)?).ok()
}

/// The least id of a moment.
pub(super) fn id_at(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond() - EPOCH).unwrap_or(0) << 22
}

/// A post of a forum begins a thread of its own id: the thread's name is the post's title.
fn title<'c>(context: &'c Context, (id, channel): (&str, &str)) -> Option<&'c str> {
    let begins = context.is_thread && id == channel;
    begins.then(|| context.names.channels.get(channel)).flatten().map(String::as_str)
}

/// As the message says them.
fn names(message: &Value, said: &Value) -> Names {
    let mut names = Names::default();
    for user in list(message, "mentions").iter().chain(list(said, "mentions")) {
        if let (Some(id), Some(name)) = (owned(user, "id"), owned(user, "username")) {
            names.users.insert(id, name);
        }
    }
    for channel in list(message, "mention_channels") {
        if let (Some(id), Some(name)) = (owned(channel, "id"), owned(channel, "name")) {
            names.channels.insert(id, name);
        }
    }
    names
}

/// `None` where it is not known of which server the channel is.
fn url(message: &Value, context: &Context, (id, channel): (&str, &str)) -> Option<String> {
    let stated = text(message, "guild_id").or_else(|| Some(context.guild.as_str()).filter(|guild| !guild.is_empty()));
    // What it refers to is of the same server where it is of the same channel.
    let is_here = text(message, "message_reference.channel_id") == Some(channel);
    let referred = || text(message, "message_reference.guild_id").filter(|_| is_here);
    let guild = stated.or_else(referred).filter(|_| !channel.is_empty())?;
    Some(format!("https://discord.com/channels/{guild}/{channel}/{id}"))
}

struct Relation {
    kind: Kind,
    root: Option<String>,
    parent: Option<String>,
    parent_author: Option<String>,
}

fn relation(message: &Value, context: &Context, (id, channel): (&str, &str)) -> Relation {
    let root = (context.is_thread && !channel.is_empty() && id != channel).then(|| channel.to_owned());
    let parent = owned(message, "message_reference.message_id");
    let is_copy = int(message, "message_reference.type") == Some(FORWARD)
        || int(message, "flags").is_some_and(|flags| flags & IS_CROSSPOST != 0);
    let parent_author = owned(message, "referenced_message.author.id");
    match parent {
        Some(parent) => {
            let kind = if is_copy { Kind::Repost } else { Kind::Reply };
            Relation { kind, root, parent: Some(parent), parent_author }
        }
        None if is_copy => Relation { kind: Kind::Repost, root, parent: None, parent_author: None },
        // What stands in a thread answers the message that began it.
        None if root.is_some() => Relation { kind: Kind::Reply, parent: root.clone(), root, parent_author: None },
        None => {
            let kind = if context.is_thread { Kind::Post } else { Kind::Message };
            Relation { kind, root: None, parent: None, parent_author: None }
        }
    }
}

fn author(message: &Value, context: &Context) -> Result<Author, MapError> {
    let user = object(message, "author").ok_or(MapError::Missing("author"))?;
    let native_id = owned(user, "id").ok_or(MapError::Missing("author.id"))?;
    let own: Vec<&str> = list(message, "member.roles").iter().filter_map(Value::as_str).collect();
    let holds = |role: &String| own.contains(&role.as_str()) || context.roles.contains(role);
    Ok(Author {
        native_id,
        handle: owned(user, "username").unwrap_or_default(),
        name: owned(message, "member.nick").or_else(|| owned(user, "global_name")),
        followers: None,
        is_team: context.team_roles.iter().any(holds),
        is_bot: flag(user, "bot") || flag(user, "system") || text(message, "webhook_id").is_some(),
    })
}

fn engagement(message: &Value, context: &Context) -> Engagement {
    let sum = || {
        let counts = list(message, "reactions").iter().filter_map(|reaction| count(reaction, "count"));
        counts.fold(0, u64::saturating_add)
    };
    let is_said = context.is_listed || message.get("reactions").is_some_and(Value::is_array);
    let replies = count(message, "thread.message_count");
    Engagement { likes: is_said.then(sum), replies, ..Engagement::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapped(more: Value, context: &Context) -> Mention {
        let mut message = json!({"id": "334385199974967042", "channel_id": "5", "type": 0, "content": "a",
            "timestamp": "2017-07-11T17:27:07.299000+00:00", "author": {"id": "8", "username": "ann"}});
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        map(&message, context, Timestamp::UNIX_EPOCH).unwrap().unwrap()
    }

    #[test]
    fn an_id_tells_its_time() {
        // The example of Discord's own documentation.
        assert_eq!(time_of("175928847299117063").unwrap().to_string(), "2016-04-30T11:18:25.796Z");
        assert_eq!(id_at(time_of("175928847299117063").unwrap()) >> 22, 175_928_847_299_117_063 >> 22);
        assert_eq!(time_of("x"), None);
    }

    #[test]
    fn relations_are_told_apart() {
        let plain = Context { guild: "1".into(), ..Context::default() };
        let thread = Context { is_thread: true, ..plain.clone() };
        let told = |mention: Mention| (mention.kind, mention.parent, mention.root);
        let reference = json!({"message_reference": {"message_id": "3", "channel_id": "5"}, "type": 19});
        assert_eq!(told(mapped(reference.clone(), &plain)), (Kind::Reply, Some("3".into()), None));
        assert_eq!(told(mapped(reference, &thread)), (Kind::Reply, Some("3".into()), Some("5".into())));
        assert_eq!(told(mapped(json!({}), &thread)), (Kind::Reply, Some("5".into()), Some("5".into())));
        assert_eq!(told(mapped(json!({"channel_id": "334385199974967042"}), &thread)), (Kind::Post, None, None));
        let forum = thread.clone().with_channel("334385199974967042", "It leaks");
        assert_eq!(mapped(json!({"channel_id": "334385199974967042"}), &forum).text, "It leaks\n\na");
        assert_eq!(mapped(json!({"channel_id": "5"}), &forum.with_channel("5", "other")).text, "a", "it answers in it");
        let forward = json!({"content": "", "message_reference": {"type": 1, "message_id": "3", "channel_id": "7"},
            "message_snapshots": [{"message": {"content": "the original", "attachments": [{"url": "https://a.example/1.png"}]}}]});
        let forward = mapped(forward, &plain);
        assert_eq!((forward.kind, forward.text.as_str(), forward.media.len()), (Kind::Repost, "the original", 1));
    }

    #[test]
    fn staff_is_told_by_roles_and_a_webhook_is_a_bot() {
        let context = Context { team_roles: vec!["77".into()], ..Context::default() };
        assert!(mapped(json!({"member": {"roles": ["5", "77"], "nick": "Ann of Acme"}}), &context).author.is_team);
        assert!(!mapped(json!({"member": {"roles": ["5"]}}), &context).author.is_team);
        assert!(mapped(json!({}), &Context { roles: vec!["77".into()], ..context.clone() }).author.is_team);
        assert!(mapped(json!({"webhook_id": "4"}), &context).author.is_bot);
    }

    #[test]
    fn what_an_app_embeds_is_text_and_a_preview_is_not() {
        let embeds = json!({"embeds": [
            {"type": "rich", "title": "Release", "description": "Kettle 2", "fields": [{"name": "Size", "value": "1 l"}],
             "url": "https://a.example/2", "image": {"url": "https://a.example/2.png"}},
            {"type": "article", "title": "Somebody else's", "url": "https://b.example"}]});
        let mention = mapped(embeds, &Context::default());
        assert_eq!(mention.text, "a\nRelease\nKettle 2\nSize\n1 l");
        assert_eq!(mention.links, ["https://a.example/2", "https://b.example"]);
        assert_eq!(mention.media[0].url, "https://a.example/2.png");
        let preview = json!({"embeds": [{"type": "image", "image": null, "thumbnail": {"url": "https://a.example/t.png"}}],
            "components": [{"type": 17, "components": [{"type": 12, "items": [{"media": {"url": "https://a.example/v", "content_type": "video/mp4"}}]},
                {"type": 13, "file": {"url": "https://a.example/f.pdf", "content_type": "application/pdf"}}]}]});
        let kinds: Vec<String> = mapped(preview, &Context::default()).media.into_iter().map(|media| media.kind).collect();
        assert_eq!(kinds, ["image", "video", "link"]);
        let sticker = mapped(json!({"sticker_items": [{"id": "9", "name": "pot", "format_type": 1}]}), &Context::default());
        assert_eq!(sticker.media[0].url, "https://cdn.discordapp.com/stickers/9.png");
    }

    #[test]
    fn a_note_of_the_service_is_no_mention() {
        let note = json!({"id": "334385199974967042", "type": 7});
        assert_eq!(map(&note, &Context::default(), Timestamp::UNIX_EPOCH), Ok(None));
        assert_eq!(map(&json!({}), &Context::default(), Timestamp::UNIX_EPOCH), Err(MapError::Missing("id")));
    }
}
