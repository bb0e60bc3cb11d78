//! The pure mapping: a feed's bytes to mentions.

use feed_rs::{
    model::{Entry, Feed, FeedType, Link, MediaObject, Text},
    parser::{Builder, ParseFeedError},
};
use grapevine_model::{Author, Engagement, Media, Mention, MentionKey};
use jiff::Timestamp;
use url::Url;

use crate::{
    html,
    text::{hashtag, signs},
};

const PLATFORM: &str = "feed";

/// Why something is no feed.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("elements stand in one another more than {DEEPEST} deep")]
    TooDeep,
    #[error("{0}")]
    Shape(#[from] ParseFeedError),
}

impl ParseError {
    /// Sites show other pages while they are worked on.
    pub fn is_transient(&self) -> bool {
        true
    }
}

/// Reads RSS, Atom or JSON Feed.
pub fn parse(bytes: &[u8]) -> Result<Feed, ParseError> {
    if is_too_deep(bytes) {
        return Err(ParseError::TooDeep);
    }
    // Without it, an entry that has no id gets a random one at each reading.
    let by_content = |links: &[Link], title: &Option<Text>, _: Option<&str>| {
        let title = title.as_ref().map_or("", |title| title.content.as_str());
        let link = links.first().map_or("", |link| link.href.as_str());
        if link.is_empty() && title.is_empty() { String::new() } else { digest(&[link, title]) }
    };
    Ok(Builder::new().id_generator(by_content).build().parse(bytes)?)
}

/// The parser goes into some elements by recursion: without a bound, a page could end the process.
const DEEPEST: usize = 200;

/// An estimate for XML; JSON has a bound of its own.
fn is_too_deep(bytes: &[u8]) -> bool {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return false;
    }
    let (mut rest, mut depth) = (bytes, 0_usize);
    while let Some(start) = rest.iter().position(|byte| *byte == b'<') {
        rest = &rest[start..];
        let end: &[u8] = match rest {
            [b'<', b'!', b'[', ..] => b"]]>",
            [b'<', b'!', b'-', ..] => b"-->",
            _ => b">",
        };
        let Some(length) = rest.windows(end.len()).position(|window| window == end) else { return false };
        match rest[1..=length] {
            [b'/', ..] => depth = depth.saturating_sub(1),
            [b'!' | b'?', ..] | [.., b'/', b'>'] => {}
            _ => depth += 1,
        }
        if depth > DEEPEST {
            return true;
        }
        rest = &rest[length..];
    }
    false
}

fn digest(parts: &[&str]) -> String {
    format!("blake3:{}", &blake3::hash(parts.join("\u{0}").as_bytes()).to_hex()[..32])
}

/// The entries, the oldest first. `url` is where the feed was read.
pub fn map(feed: &Feed, url: &Url, observed_at: Timestamp) -> Vec<Mention> {
    let mut mentions: Vec<Mention> =
        feed.entries.iter().rev().map(|entry| mention(feed, entry, url, observed_at)).collect();
    mentions.sort_by_key(|mention| mention.created_at);
    mentions
}

fn mention(feed: &Feed, entry: &Entry, feed_url: &Url, observed_at: Timestamp) -> Mention {
    let body = body(feed, entry);
    let host = feed_url.host_str().unwrap_or_default();
    let mut own = entry.links.iter().filter(|link| is_own(link)).map(|link| target(&link.href));
    let url = own.next();
    let signs = signs(&body.text);
    let mut links: Vec<String> = own.collect();
    body.links.iter().map(|link| target(link)).chain(signs.links).for_each(|link| add(&mut links, link));
    let mut hashtags = signs.hashtags;
    entry.categories.iter().for_each(|category| add(&mut hashtags, hashtag(&category.term)));
    let stated = entry.published.or(entry.updated);
    let created_at = stated.and_then(|time| Timestamp::from_millisecond(time.timestamp_millis()).ok());
    let key = MentionKey::new(PLATFORM, host, native_id(entry, url.as_deref(), feed_url, &body.text));
    Mention {
        observed_at,
        url,
        language: entry.language.clone().or_else(|| feed.language.clone()),
        hashtags,
        handles: signs.handles,
        links,
        media: media(entry, body.images),
        engagement: engagement(&entry.media),
        ..Mention::new(key, author(feed, entry, host), created_at.unwrap_or(observed_at), body.text)
    }
}

fn add<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// What the feed calls it. A bare number is unique in its feed only.
fn native_id(entry: &Entry, url: Option<&str>, feed_url: &Url, text: &str) -> String {
    match entry.id.trim() {
        "" => digest(&[text]),
        id if id.bytes().all(|byte| byte.is_ascii_digit()) => format!("{}#{id}", url.unwrap_or(feed_url.path())),
        id => id.to_owned(),
    }
}

/// The page of the entry, or another that it is about; not its pictures, comments or source.
fn is_own(link: &Link) -> bool {
    matches!(link.rel.as_deref(), None | Some("alternate" | "related" | "via"))
}

/// Google Alerts links by way of Google.
fn target(link: &str) -> String {
    let by_google = || {
        let url = Url::parse(link).ok()?;
        let is_detour = url.path() == "/url" && url.host_str()?.split('.').any(|part| part == "google");
        let mut pairs = url.query_pairs().filter(|(name, _)| is_detour && (name == "url" || name == "q"));
        pairs.find(|(_, value)| value.starts_with("http")).map(|(_, value)| value.into_owned())
    };
    by_google().unwrap_or_else(|| link.to_owned())
}

fn author(feed: &Feed, entry: &Entry, host: &str) -> Author {
    let named =
        |name: &Option<String>| name.as_deref().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
    let person = entry.authors.iter().chain(&feed.authors).find(|person| named(&person.name).is_some());
    let Some(person) = person else {
        let title = feed.title.as_ref().map(|title| html::read(&title.content).text).filter(|title| !title.is_empty());
        return Author { native_id: host.to_owned(), name: title, ..Author::default() };
    };
    let name = named(&person.name).unwrap_or_default();
    let native_id = named(&person.uri).or_else(|| named(&person.email)).unwrap_or_else(|| name.clone());
    // Reddit writes names as /u/name.
    let handle = name.strip_prefix("/u/").unwrap_or_default().to_owned();
    Author { native_id, handle, name: Some(name), ..Author::default() }
}

fn body(feed: &Feed, entry: &Entry) -> html::Read {
    let is_rss = matches!(feed.feed_type, FeedType::RSS0 | FeedType::RSS1 | FeedType::RSS2);
    let read = |content: &str, subtype: &str| match is_rss || subtype != "plain" {
        true => html::read(content),
        false => html::Read { text: content.trim().to_owned(), ..html::Read::default() },
    };
    let of_text = |text: &Text| read(&text.content, text.content_type.subty().as_str());
    let title = entry.title.as_ref().map(of_text).unwrap_or_default().text;
    let content = entry
        .content
        .iter()
        .filter_map(|content| Some(read(content.body.as_deref()?, content.content_type.subty().as_str())));
    let described = entry.media.iter().filter_map(|media| media.description.as_ref());
    let bodies = content.chain(entry.summary.iter().chain(described).map(of_text));
    let mut body = bodies.into_iter().find(|body| !body.text.is_empty()).unwrap_or_default();
    if !body.text.starts_with(&title) {
        body.text = format!("{title}\n\n{}", body.text).trim_end().to_owned();
    }
    body
}

/// What is attached, then the pictures in the text.
fn media(entry: &Entry, images: Vec<String>) -> Vec<Media> {
    let mut found = Vec::new();
    let kind = |kind: &str| match kind.split('/').next() {
        Some("image") => "image",
        Some("audio") => "audio",
        Some("video") => "video",
        _ => "link",
    };
    for link in entry.links.iter().filter(|link| link.rel.as_deref() == Some("enclosure")) {
        let kind = kind(link.media_type.as_deref().unwrap_or_default()).to_owned();
        add(&mut found, Media { kind, url: link.href.clone() });
    }
    for object in &entry.media {
        for content in &object.content {
            let kind = content.content_type.as_ref().map_or("link", |known| kind(known.as_str())).to_owned();
            content.url.iter().for_each(|url| add(&mut found, Media { kind: kind.clone(), url: url.to_string() }));
        }
        for thumbnail in &object.thumbnails {
            add(&mut found, Media { kind: "image".to_owned(), url: thumbnail.image.uri.clone() });
        }
    }
    images.into_iter().for_each(|url| add(&mut found, Media { kind: "image".to_owned(), url }));
    found
}

/// As YouTube counts in its feeds.
fn engagement(media: &[MediaObject]) -> Engagement {
    let community = media.iter().find_map(|media| media.community.as_ref());
    Engagement {
        likes: community.and_then(|community| community.stars_count),
        bookmarks: community.and_then(|community| community.stats_favorites),
        impressions: community.and_then(|community| community.stats_views),
        ..Engagement::default()
    }
}
