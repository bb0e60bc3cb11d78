//! The pure mapping: one message, or one event that Slack sends, to what it means.

use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde_json::Value;

use super::{mrkdwn, people::People};
use crate::json::{count, flag, list, object, owned, push_new, text};

pub(super) const PLATFORM: &str = "slack";
/// Kinds of message that somebody wrote; all others are notes of the service: who joined, a new topic.
const WRITTEN: [&str; 7] =
    ["", "thread_broadcast", "reply_broadcast", "me_message", "file_share", "file_comment", "bot_message"];

/// What Slack says in place of a text where an app sent blocks alone.
const NO_WORDS: &str = "This content can't be displayed";

/// Where a message stands, and what is known around it.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The workspace's id: ids are its own.
    pub team: &'a str,
    /// The workspace's address, such as `https://acme.slack.com/`.
    pub address: &'a str,
    pub channel: &'a str,
    /// The channel's name, without `#`.
    pub channel_name: &'a str,
    pub people: &'a People,
    /// Lists of messages name every reaction and the number of replies; an event does not.
    pub is_listed: bool,
    pub observed_at: Timestamp,
}

/// What a message means.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    Mention(Box<Mention>),
    /// The message of this native id is gone.
    Deleted(String),
    /// A reaction came, or went.
    Reaction { native_id: String, is_added: bool },
    /// It is nothing that is collected, and why.
    Skipped(&'static str),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("a message without `{0}`, or not of the type it should have")]
    Missing(&'static str),
    #[error("a message whose `{0}` {1:?} is no time")]
    Time(&'static str, String),
}

impl MapError {
    /// The same message gives the same error again.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// What one event of the Events API means: what stands under `event` in its envelope.
pub fn map_event(event: &Value, context: &Context<'_>) -> Result<Said, MapError> {
    let of = |path, name| text(event, path).map(|ts| native_id(context.channel, ts)).ok_or(MapError::Missing(name));
    match (text(event, "type").unwrap_or_default(), text(event, "subtype").unwrap_or_default()) {
        ("message", "message_changed") => {
            map(object(event, "message").ok_or(MapError::Missing("message"))?, context)
        }
        ("message", "message_deleted") => Ok(Said::Deleted(of("deleted_ts", "deleted_ts")?)),
        ("message", _) => map(event, context),
        (kind @ ("reaction_added" | "reaction_removed"), _) => match text(event, "item.type") {
            Some("message") => {
                let native_id = of("item.ts", "item.ts")?;
                Ok(Said::Reaction { native_id, is_added: kind == "reaction_added" })
            }
            _ => Ok(Said::Skipped("a reaction to what is no message")),
        },
        _ => Ok(Said::Skipped("a kind of event that is not collected")),
    }
}

/// What one message means, as `conversations.history` and `conversations.replies` list it.
pub fn map(message: &Value, context: &Context<'_>) -> Result<Said, MapError> {
    let ts = text(message, "ts").ok_or(MapError::Missing("ts"))?;
    let native_id = native_id(context.channel, ts);
    let subtype = text(message, "subtype").unwrap_or_default();
    if subtype == "tombstone" {
        return Ok(Said::Deleted(native_id));
    }
    if !WRITTEN.contains(&subtype) {
        return Ok(Said::Skipped("a note of the service: who joined, a new topic"));
    }
    let created_at = time(ts).ok_or_else(|| MapError::Time("ts", ts.to_owned()))?;
    let mut plain = mrkdwn::read(&words(message), context.people);
    links(message).into_iter().for_each(|link| push_new(&mut plain.signs.links, link));
    let thread = text(message, "thread_ts").filter(|thread| *thread != ts);
    let shared = shared(message).filter(|_| thread.is_none());
    let kind = match (thread, &shared) {
        (Some(_), _) => Kind::Reply,
        (None, Some(_)) => Kind::Quote,
        (None, None) => Kind::Message,
    };
    let root = thread.map(|thread| self::native_id(context.channel, thread));
    let parent_author = match thread {
        Some(_) => owned(message, "parent_user_id").or_else(|| owned(message, "root.user")),
        None => shared.as_ref().and_then(|shared| shared.1.clone()),
    };
    Ok(Said::Mention(Box::new(Mention {
        kind,
        space: Some(context.channel_name.to_owned()),
        url: url(context, ts, thread),
        observed_at: context.observed_at,
        hashtags: plain.signs.hashtags,
        handles: plain.signs.handles,
        links: plain.signs.links,
        media: media(message),
        parent: root.clone().or(shared.map(|shared| shared.0)),
        root,
        parent_author,
        engagement: engagement(message, context),
        ..Mention::new(
            MentionKey::new(PLATFORM, context.team, native_id),
            author(message, context.people)?,
            created_at,
            plain.text,
        )
    })))
}

/// Those whose names a message needs: its author and whom it names.
pub(super) fn users(message: &Value) -> Vec<String> {
    let mut users = Vec::new();
    push_new(&mut users, text(message, "user").unwrap_or_default());
    let words = words(message);
    mrkdwn::users(&words).for_each(|user| push_new(&mut users, user));
    users
}

pub(super) fn native_id(channel: &str, ts: &str) -> String {
    format!("{channel}/{ts}")
}

/// `1512085950.000216`: seconds, and what tells equal ones apart.
pub(super) fn time(ts: &str) -> Option<Timestamp> {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, "0"));
    let fraction: i64 = format!("{fraction:0<6.6}").parse().ok()?;
    Timestamp::from_microsecond(seconds.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(fraction)?).ok()
}

/// Only those of its own workspace have an address.
fn url(context: &Context<'_>, ts: &str, thread: Option<&str>) -> Option<String> {
    if context.address.is_empty() {
        return None;
    }
    let Context { address, channel, .. } = context;
    let place = format!("{}/archives/{channel}/p{}", address.trim_end_matches('/'), ts.replace('.', ""));
    Some(match thread {
        Some(thread) => format!("{place}?thread_ts={thread}&cid={channel}"),
        None => place,
    })
}

fn author(message: &Value, people: &People) -> Result<Author, MapError> {
    let user = owned(message, "user");
    let others = ["bot_id", "comment.user", "username"];
    let native_id = user.clone().or_else(|| others.iter().find_map(|path| owned(message, path)));
    let native_id = native_id.ok_or(MapError::Missing("user"))?;
    let person = people.get(&native_id).cloned().unwrap_or_default();
    let bot = ["username", "bot_profile.name"].iter().find_map(|path| owned(message, path));
    let profile = ["user_profile.display_name", "user_profile.real_name"];
    let named = || profile.iter().find_map(|path| owned(message, path));
    Ok(Author {
        handle: Some(person.handle).filter(|handle| !handle.is_empty())
            .or_else(|| owned(message, "user_profile.name"))
            .unwrap_or_default(),
        name: bot.or(person.name).or_else(named),
        is_team: people.is_staff(&native_id),
        is_bot: person.is_bot || text(message, "bot_id").is_some() || text(message, "subtype") == Some("bot_message"),
        native_id,
        followers: None,
    })
}

/// The text, or what blocks say where there is none; then what an app attached. Of a link's preview nothing: its author
/// did not write it.
fn words(message: &Value) -> String {
    let mut parts: Vec<String> = Vec::new();
    let blocks = list(message, "blocks");
    match text(message, "text").filter(|text| blocks.is_empty() || !text.starts_with(NO_WORDS)) {
        Some(text) => parts.push(text.to_owned()),
        None => blocks.iter().for_each(|block| block_words(block, &mut parts)),
    }
    for attachment in list(message, "attachments").iter().filter(|attachment| !is_preview(attachment)) {
        for field in ["pretext", "title", "text"] {
            parts.extend(owned(attachment, field));
        }
        for field in list(attachment, "fields") {
            parts.extend(["title", "value"].iter().filter_map(|part| owned(field, part)));
        }
        if ["pretext", "title", "text"].iter().all(|field| text(attachment, field).is_none()) {
            list(attachment, "blocks").iter().for_each(|block| block_words(block, &mut parts));
            parts.extend(owned(attachment, "fallback").filter(|_| parts.is_empty()));
        }
    }
    parts.join("\n")
}

fn is_preview(attachment: &Value) -> bool {
    let is_linked = ["from_url", "original_url"].iter().any(|field| text(attachment, field).is_some());
    is_linked || is_shared(attachment)
}

fn is_shared(attachment: &Value) -> bool {
    flag(attachment, "is_share") || flag(attachment, "is_msg_unfurl")
}

/// The texts of a block, in their order; inline ones on one line.
fn block_words(block: &Value, parts: &mut Vec<String>) {
    match text(block, "type").unwrap_or_default() {
        "rich_text_section" | "rich_text_quote" | "rich_text_preformatted" => {
            parts.push(list(block, "elements").iter().map(inline).collect());
        }
        _ => {
            parts.extend(owned(block, "title.text"));
            parts.extend(owned(block, "text.text").or_else(|| owned(block, "text")).or_else(|| owned(block, "alt_text")));
            parts.extend(owned(block, "description.text"));
            let cells = list(block, "rows").iter().filter_map(Value::as_array).flatten();
            cells.for_each(|cell| block_words(cell, parts));
            for field in ["elements", "fields"] {
                list(block, field).iter().for_each(|inner| block_words(inner, parts));
            }
        }
    }
}

/// As a text has it.
fn inline(element: &Value) -> String {
    let field = |name| text(element, name).unwrap_or_default();
    match field("type") {
        "user" => format!("<@{}>", field("user_id")),
        "channel" => format!("<#{}>", field("channel_id")),
        "usergroup" => format!("<!subteam^{}>", field("usergroup_id")),
        "broadcast" => format!("<!{}>", field("range")),
        "date" => field("fallback").to_owned(),
        "emoji" => format!(":{}:", field("name")),
        "link" => format!("<{}|{}>", field("url"), field("text")),
        _ => field("text").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
    }
}

fn links(message: &Value) -> Vec<String> {
    let mut links = Vec::new();
    for attachment in list(message, "attachments") {
        for field in ["title_link", "from_url", "original_url"] {
            push_new(&mut links, text(attachment, field).unwrap_or_default());
        }
    }
    links
}

/// The message that is shared in this one, and its author.
fn shared(message: &Value) -> Option<(String, Option<String>)> {
    list(message, "attachments").iter().find_map(|attachment| {
        let (channel, ts) = (text(attachment, "channel_id")?, text(attachment, "ts")?);
        let author = owned(attachment, "author_id");
        is_shared(attachment).then(|| (native_id(channel, ts), author))
    })
}

/// Files open for members only.
fn media(message: &Value) -> Vec<Media> {
    let mut media = Vec::new();
    for file in list(message, "files").iter().chain(message.get("file")) {
        let url = ["permalink", "url_private", "permalink_public"].iter().find_map(|path| owned(file, path));
        let stated = text(file, "mimetype").and_then(|kind| kind.split('/').next());
        let kind = stated.filter(|kind| ["image", "video", "audio"].contains(kind)).unwrap_or("link");
        media.extend(url.map(|url| Media { kind: kind.to_owned(), url }));
    }
    let parts = list(message, "attachments").iter().chain(list(message, "blocks"));
    for part in parts {
        let pictures = ["image_url", "slack_file.url", "accessory.image_url", "thumb_url"];
        let picture = pictures.iter().find_map(|path| owned(part, path)).filter(|_| text(part, "video_url").is_none());
        media.extend(picture.map(|url| Media { kind: "image".to_owned(), url }));
        media.extend(owned(part, "video_url").map(|url| Media { kind: "video".to_owned(), url }));
    }
    media
}

fn engagement(message: &Value, context: &Context<'_>) -> Engagement {
    let reactions = message.get("reactions").and_then(Value::as_array).map(Vec::as_slice);
    let sum = |reactions: &[Value]| {
        reactions.iter().filter_map(|reaction| count(reaction, "count")).fold(0, u64::saturating_add)
    };
    let nothing = context.is_listed.then_some(0);
    Engagement { likes: reactions.map(sum).or(nothing), replies: count(message, "reply_count").or(nothing), ..Engagement::default() }
}
