//! The pure mapping: one status of the API to a mention.

use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{html, text::signs};

pub(super) const PLATFORM: &str = "mastodon";

/// A status as the API gives it. Everything may be absent or null.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    id: Option<String>,
    created_at: Option<String>,
    in_reply_to_id: Option<String>,
    in_reply_to_account_id: Option<String>,
    spoiler_text: Option<String>,
    language: Option<String>,
    uri: Option<String>,
    url: Option<String>,
    replies_count: Option<i64>,
    reblogs_count: Option<i64>,
    favourites_count: Option<i64>,
    quotes_count: Option<i64>,
    content: Option<String>,
    account: Option<Account>,
    media_attachments: Option<Vec<Attachment>>,
    mentions: Option<Vec<Named>>,
    tags: Option<Vec<Named>>,
    card: Option<Card>,
    /// What it boosts: a status.
    reblog: Option<Value>,
    /// What it quotes: a status, or a note that it cannot be shown.
    quote: Option<Value>,
    poll: Option<Poll>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Account {
    id: Option<String>,
    acct: Option<String>,
    display_name: Option<String>,
    bot: Option<bool>,
    followers_count: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment {
    #[serde(rename = "type")]
    kind: Option<String>,
    url: Option<String>,
    remote_url: Option<String>,
}

/// An account that is mentioned, or a hashtag.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    acct: Option<String>,
    name: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Card {
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Poll {
    options: Option<Vec<PollOption>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PollOption {
    title: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("a status that cannot be read: {0}")]
    Shape(String),
    #[error("a status without `{0}`")]
    Missing(&'static str),
    #[error("a status whose created_at {0:?} is no time")]
    Time(String),
    #[error("the streaming server refuses: {0}")]
    Refused(String),
}

impl MapError {
    /// The status has to change: trying again does not help.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// The mention of one status, as the instance with this host name gives it.
pub fn map(status: &Value, host: &str, observed_at: Timestamp) -> Result<Mention, MapError> {
    let status = Status::deserialize(status).map_err(|error| MapError::Shape(error.to_string()))?;
    let id = status.id.as_deref().filter(|id| !id.is_empty()).ok_or(MapError::Missing("id"))?;
    let stated = status.created_at.as_deref().ok_or(MapError::Missing("created_at"))?;
    let created_at: Timestamp = stated.parse().map_err(|_| MapError::Time(stated.to_owned()))?;
    let body = html::read(status.content.as_deref().unwrap_or_default());
    let text = text(&status, &body.text);
    let (kind, parent) = relation(&status);
    let (hashtags, handles) = names(&status, &text);
    let author = author(status.account.as_ref().ok_or(MapError::Missing("account"))?)?;
    Ok(Mention {
        kind,
        url: status.url.clone().or_else(|| status.uri.clone()),
        observed_at,
        hashtags,
        handles,
        links: links(&status, body.links),
        language: status.language.clone(),
        media: media(&status),
        parent_author: status.in_reply_to_account_id.clone().filter(|_| kind == Kind::Reply),
        parent,
        engagement: engagement(&status),
        ..Mention::new(MentionKey::new(PLATFORM, host, id), author, created_at, text)
    })
}

/// A warning stands before the text, the choices of a poll behind it.
fn text(status: &Status, body: &str) -> String {
    let options = status.poll.iter().flat_map(|poll| poll.options.iter().flatten());
    let choices: Vec<&str> = options.filter_map(|option| option.title.as_deref()).collect();
    let warning = status.spoiler_text.as_deref().unwrap_or_default().trim();
    let parts = [warning, body, &choices.join("\n")];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

fn relation(status: &Status) -> (Kind, Option<String>) {
    let id = |status: &Value| status.get("id").and_then(Value::as_str).map(str::to_owned);
    let quoted = || {
        let quote = status.quote.as_ref()?;
        let shallow = || quote.get("quoted_status_id").and_then(Value::as_str).map(str::to_owned);
        quote.get("quoted_status").and_then(id).or_else(shallow)
    };
    if let Some(parent) = &status.in_reply_to_id {
        return (Kind::Reply, Some(parent.clone()));
    }
    match (status.reblog.as_ref().and_then(id), quoted()) {
        (Some(boosted), _) => (Kind::Repost, Some(boosted)),
        (None, Some(quoted)) => (Kind::Quote, Some(quoted)),
        (None, None) => (Kind::Post, None),
    }
}

fn author(account: &Account) -> Result<Author, MapError> {
    let handle = account.acct.clone().unwrap_or_default();
    let native_id = account.id.clone().filter(|id| !id.is_empty()).ok_or(MapError::Missing("account.id"))?;
    Ok(Author {
        native_id,
        handle,
        name: account.display_name.clone().filter(|name| !name.is_empty()),
        followers: account.followers_count.and_then(|count| u64::try_from(count).ok()),
        is_team: false,
        is_bot: account.bot == Some(true),
    })
}

/// As the instance lists them; where it lists none, as they are written.
fn names(status: &Status, text: &str) -> (Vec<String>, Vec<String>) {
    let written = signs(text);
    let list = |named: &Option<Vec<Named>>, name: fn(&Named) -> Option<&String>| {
        let names = named.iter().flatten().filter_map(name).map(|name| name.to_lowercase());
        names.fold(Vec::new(), |mut list, name| {
            push_new(&mut list, name);
            list
        })
    };
    let (tags, handles) =
        (list(&status.tags, |tag| tag.name.as_ref()), list(&status.mentions, |named| named.acct.as_ref()));
    let or = |listed: Vec<String>, written| if listed.is_empty() { written } else { listed };
    (or(tags, written.hashtags), or(handles, written.handles))
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Those that lead out: a hashtag and a mention are links as well.
fn links(status: &Status, written: Vec<String>) -> Vec<String> {
    let of_mentions: Vec<&str> = status.mentions.iter().flatten().filter_map(|named| named.url.as_deref()).collect();
    let tags: Vec<String> =
        status.tags.iter().flatten().filter_map(|tag| tag.name.as_deref()).map(str::to_lowercase).collect();
    let is_tag = |link: &str| {
        let mut parts = link.rsplit('/');
        let name = parts.next().unwrap_or_default().to_lowercase();
        matches!(parts.next(), Some("tags" | "tag")) && tags.contains(&name)
    };
    let mut links: Vec<String> = Vec::new();
    let card = status.card.as_ref().and_then(|card| card.url.clone());
    for link in written.into_iter().chain(card) {
        if !of_mentions.contains(&link.as_str()) && !is_tag(&link) {
            push_new(&mut links, link);
        }
    }
    links
}

fn media(status: &Status) -> Vec<Media> {
    let attached = status.media_attachments.iter().flatten().filter_map(|attachment| {
        let kind = match attachment.kind.as_deref() {
            Some("image") => "image",
            Some("video" | "gifv") => "video",
            Some("audio") => "audio",
            _ => "link",
        };
        let url = attachment.url.clone().or_else(|| attachment.remote_url.clone())?;
        Some(Media { kind: kind.to_owned(), url })
    });
    let card = status.card.as_ref().and_then(|card| card.url.clone());
    attached.chain(card.map(|url| Media { kind: "link".to_owned(), url })).collect()
}

fn engagement(status: &Status) -> Engagement {
    let count = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
    Engagement {
        likes: count(status.favourites_count),
        reposts: count(status.reblogs_count),
        replies: count(status.replies_count),
        quotes: count(status.quotes_count),
        ..Engagement::default()
    }
}
