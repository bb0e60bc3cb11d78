//! The pure mapping: one status of the API to a mention.

use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    html,
    loose::{Flag, List, Number, Object, Text},
    text::signs,
};

pub(super) const PLATFORM: &str = "mastodon";

/// A status as the API gives it, and as software that only speaks like Mastodon does. Everything may be absent, null or
/// of another type.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    created_at: Text<'a>,
    #[serde(borrow)]
    in_reply_to_id: Text<'a>,
    #[serde(borrow)]
    in_reply_to_account_id: Text<'a>,
    #[serde(borrow)]
    spoiler_text: Text<'a>,
    #[serde(borrow)]
    language: Text<'a>,
    #[serde(borrow)]
    uri: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    replies_count: Number,
    reblogs_count: Number,
    favourites_count: Number,
    quotes_count: Number,
    #[serde(borrow)]
    content: Text<'a>,
    #[serde(borrow)]
    account: Object<Account<'a>>,
    #[serde(borrow)]
    media_attachments: List<Object<Attachment<'a>>>,
    #[serde(borrow)]
    mentions: List<Object<Named<'a>>>,
    #[serde(borrow)]
    tags: List<Object<Named<'a>>>,
    #[serde(borrow)]
    card: Object<Card<'a>>,
    /// What it boosts.
    #[serde(borrow)]
    reblog: Object<Box<Status<'a>>>,
    #[serde(borrow)]
    quote: Object<Quote<'a>>,
    /// What it quotes, as Fedibird has it.
    #[serde(borrow)]
    quote_id: Text<'a>,
    #[serde(borrow)]
    poll: Object<Poll<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Account<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    acct: Text<'a>,
    #[serde(borrow)]
    display_name: Text<'a>,
    bot: Flag,
    followers_count: Number,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Attachment<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    remote_url: Text<'a>,
    #[serde(borrow)]
    preview_url: Text<'a>,
}

/// An account that is mentioned, or a hashtag.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    acct: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    url: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Card<'a> {
    #[serde(borrow)]
    url: Text<'a>,
}

/// What it quotes: a status, the id of one, or a note that it can not be shown. Akkoma has the status itself in its place.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Quote<'a> {
    #[serde(borrow)]
    quoted_status: Object<Quoted<'a>>,
    #[serde(borrow)]
    quoted_status_id: Text<'a>,
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    account: Object<Account<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Quoted<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    account: Object<Account<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Poll<'a> {
    #[serde(borrow)]
    options: List<Object<PollOption<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PollOption<'a> {
    #[serde(borrow)]
    title: Text<'a>,
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
    let id = status.id.get().ok_or(MapError::Missing("id"))?;
    let stated = status.created_at.get().ok_or(MapError::Missing("created_at"))?;
    let created_at: Timestamp = stated.parse().map_err(|_| MapError::Time(stated.to_owned()))?;
    let author = author(status.account.get().ok_or(MapError::Missing("account"))?)?;
    // A boost says what it boosts.
    let said = status.reblog.get().filter(|boosted| boosted.content.is_there()).map_or(&status, Box::as_ref);
    let body = html::read(said.content.or_empty());
    let text = text(said, &body.text);
    let relation = Relation::of(&status);
    let (hashtags, handles) = names(said, &text);
    Ok(Mention {
        kind: relation.kind,
        url: status.url.owned().or_else(|| status.uri.owned()),
        observed_at,
        hashtags,
        handles,
        links: links(said, body.links),
        language: said.language.owned().filter(|tag| tag != "und"),
        media: media(said, body.images),
        parent_author: relation.author.map(str::to_owned),
        parent: relation.to.map(str::to_owned),
        engagement: engagement(&status),
        ..Mention::new(MentionKey::new(PLATFORM, host, id), author, created_at, text)
    })
}

/// A warning stands before the text, the choices of a poll behind it.
fn text(status: &Status<'_>, body: &str) -> String {
    let options = status.poll.get().map_or(&[][..], |poll| &poll.options);
    let choices: Vec<&str> = options.iter().filter_map(|option| option.get()?.title.get()).collect();
    let parts = [status.spoiler_text.or_empty().trim(), body, &choices.join("\n")];
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n\n")
}

/// What a status is to another one.
struct Relation<'a> {
    kind: Kind,
    to: Option<&'a str>,
    author: Option<&'a str>,
}

impl<'a> Relation<'a> {
    fn of(status: &'a Status<'a>) -> Self {
        let writer = |account: &'a Object<Account<'a>>| account.get()?.id.get();
        if let Some(parent) = status.in_reply_to_id.get() {
            return Self { kind: Kind::Reply, to: Some(parent), author: status.in_reply_to_account_id.get() };
        }
        if let Some(boosted) = status.reblog.get() {
            return Self { kind: Kind::Repost, to: boosted.id.get(), author: writer(&boosted.account) };
        }
        let quote = status.quote.get();
        let shown = quote.and_then(|quote| quote.quoted_status.get());
        let by_id = quote.and_then(|quote| quote.quoted_status_id.get().or(quote.id.get()));
        let to = shown.and_then(|shown| shown.id.get()).or(by_id).or(status.quote_id.get());
        let author = shown.and_then(|shown| writer(&shown.account)).or_else(|| writer(&quote?.account));
        match to {
            Some(_) => Self { kind: Kind::Quote, to, author },
            None => Self { kind: Kind::Post, to: None, author: None },
        }
    }
}

fn author(account: &Account<'_>) -> Result<Author, MapError> {
    Ok(Author {
        native_id: account.id.owned().ok_or(MapError::Missing("account.id"))?,
        handle: account.acct.or_empty().to_owned(),
        name: account.display_name.owned(),
        followers: account.followers_count.0,
        is_team: false,
        is_bot: account.bot.0 == Some(true),
    })
}

/// As the instance lists them; where it lists none, as they are written.
fn names(status: &Status<'_>, text: &str) -> (Vec<String>, Vec<String>) {
    let written = signs(text);
    let (mut tags, mut handles) = (Vec::new(), Vec::new());
    let listed = |list: &'_ List<Object<Named<'_>>>, into: &mut Vec<String>, name: fn(&Named<'_>) -> Option<String>| {
        list.iter().filter_map(|named| name(named.get()?)).for_each(|name| push_new(into, name.to_lowercase()));
    };
    listed(&status.tags, &mut tags, |tag| tag.name.owned());
    listed(&status.mentions, &mut handles, |named| named.acct.owned());
    let or = |listed: Vec<String>, written| if listed.is_empty() { written } else { listed };
    (or(tags, written.hashtags), or(handles, written.handles))
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Those that lead out: a hashtag and a mention are links as well.
fn links(status: &Status<'_>, written: Vec<String>) -> Vec<String> {
    let of_mentions: Vec<&str> = status.mentions.iter().filter_map(|named| named.get()?.url.get()).collect();
    let tags: Vec<String> = status.tags.iter().filter_map(|tag| Some(tag.get()?.name.get()?.to_lowercase())).collect();
    let is_tag = |link: &str| {
        let mut parts = link.rsplit('/');
        let name = parts.next().unwrap_or_default().to_lowercase();
        matches!(parts.next(), Some("tags" | "tag")) && tags.contains(&name)
    };
    let mut links: Vec<String> = Vec::new();
    let card = status.card.get().and_then(|card| card.url.owned());
    for link in written.into_iter().chain(card) {
        if !of_mentions.contains(&link.as_str()) && !is_tag(&link) {
            push_new(&mut links, link);
        }
    }
    links
}

/// What is attached, pictures in the text as other software has them, and the page that is shown.
fn media(status: &Status<'_>, images: Vec<String>) -> Vec<Media> {
    let attached = status.media_attachments.iter().filter_map(Object::get).filter_map(|attachment| {
        let kind = match attachment.kind.get() {
            Some("image") => "image",
            Some("video" | "gifv") => "video",
            Some("audio") => "audio",
            _ => "link",
        };
        let url = attachment.url.get().or(attachment.remote_url.get()).or(attachment.preview_url.get())?;
        Some(Media { kind: kind.to_owned(), url: url.to_owned() })
    });
    let of = |kind: &str, url: String| Media { kind: kind.to_owned(), url };
    let mut media: Vec<Media> = attached.collect();
    let shown = images.into_iter().map(|url| of("image", url));
    for more in shown.chain(status.card.get().and_then(|card| card.url.owned()).map(|url| of("link", url))) {
        if !media.contains(&more) {
            media.push(more);
        }
    }
    media
}

fn engagement(status: &Status<'_>) -> Engagement {
    Engagement {
        likes: status.favourites_count.0,
        reposts: status.reblogs_count.0,
        replies: status.replies_count.0,
        quotes: status.quotes_count.0,
        ..Engagement::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapped(more: Value) -> Mention {
        let mut status = json!({"id": "9", "created_at": "2026-03-01T10:00:00.000Z", "account": {"id": "1", "acct": "ann"}});
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        map(&status, "social.example", Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_boost_says_what_it_boosts_and_whose_it_is() {
        let boost = mapped(json!({"content": "", "reblog": {"id": "7", "content": "<p>Hot #tea</p>", "spoiler_text": "Drinks", "language": "de",
            "account": {"id": "2", "acct": "bo@other.example"}, "tags": [{"name": "Tea"}], "mentions": [{"acct": "cy", "url": "https://c.example"}],
            "media_attachments": [{"type": "image", "url": "https://m.example/1.png"}], "card": {"url": "https://a.example"}}}));
        assert_eq!((boost.kind, boost.parent.as_deref(), boost.parent_author.as_deref()), (Kind::Repost, Some("7"), Some("2")));
        assert_eq!((boost.text.as_str(), boost.language.as_deref()), ("Drinks\n\nHot #tea", Some("de")));
        assert_eq!((boost.hashtags, boost.handles), (vec!["tea".to_owned()], vec!["cy".to_owned()]));
        assert_eq!(boost.media.iter().map(|media| media.kind.as_str()).collect::<Vec<_>>(), ["image", "link"]);
        assert_eq!(boost.author.native_id, "1");
    }

    #[test]
    fn a_quote_names_its_parent_in_every_softwares_way() {
        for (quote, parent, author) in [
            (json!({"quote": {"state": "accepted", "quoted_status": {"id": "7", "account": {"id": "2"}}}}), "7", Some("2")),
            (json!({"quote": {"state": "accepted", "quoted_status": null, "quoted_status_id": "7"}}), "7", None),
            (json!({"quote": {"id": "7", "account": {"id": "2"}, "content": "x"}}), "7", Some("2")),
            (json!({"quote_id": 7}), "7", None),
        ] {
            let mention = mapped(quote.clone());
            assert_eq!((mention.kind, mention.parent.as_deref()), (Kind::Quote, Some(parent)), "{quote}");
            assert_eq!(mention.parent_author.as_deref(), author, "{quote}");
        }
        assert_eq!(mapped(json!({"quote": {"state": "revoked", "quoted_status": null}})).kind, Kind::Post);
    }

    #[test]
    fn other_types_than_mastodons_cost_their_field_and_no_more() {
        let mention = mapped(json!({"id": 9, "account": {"id": 1, "acct": "ann", "bot": "no", "followers_count": "12"}, "content": "<p>Tea</p>",
            "language": "", "tags": "none", "mentions": null, "poll": [], "card": "x", "favourites_count": -1, "replies_count": 2.0,
            "media_attachments": [null, 3, {"type": "unknown", "url": null, "remote_url": "https://m.example/a.pdf"}]}));
        assert_eq!((mention.key.native_id.as_str(), mention.author.native_id.as_str(), mention.author.followers), ("9", "1", Some(12)));
        assert_eq!((mention.text.as_str(), mention.language, mention.engagement.likes, mention.engagement.replies), ("Tea", None, None, Some(2)));
        assert_eq!(mention.media, [Media { kind: "link".into(), url: "https://m.example/a.pdf".into() }]);
    }
}
