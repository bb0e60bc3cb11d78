use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    MapError, POSTS,
    frame::{PLATFORM, text},
};
use crate::text::{Signs, hashtag, signs};

/// Before the network was. Clients state the time of a post, and some state anything.
const EARLIEST: &str = "2022-01-01T00:00:00Z";
/// How far a client's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// By the server's clock.
    pub(crate) seen_at: Timestamp,
    pub(crate) observed_at: Timestamp,
}

pub(crate) fn uri(did: &str, record_key: &str) -> String {
    format!("at://{did}/{POSTS}/{record_key}")
}

pub(crate) fn map(did: &str, record_key: &str, record: &Value, times: Times) -> Result<Mention, MapError> {
    let body = text(record, "text").ok_or(MapError::Missing("commit.record.text"))?;
    let signs = read_signs(body, record);
    let Relation { kind, root, parent } = relation(record);
    Ok(Mention {
        key: MentionKey::new(PLATFORM, "", uri(did, record_key)),
        kind,
        space: None,
        url: Some(format!("https://bsky.app/profile/{did}/post/{record_key}")),
        author: Author { native_id: did.to_owned(), ..Author::default() },
        created_at: created_at(record, times.seen_at),
        observed_at: times.observed_at,
        text: body.to_owned(),
        language: items(record.get("langs")).find_map(Value::as_str).map(str::to_owned),
        hashtags: signs.hashtags,
        handles: signs.handles,
        links: signs.links,
        media: media(did, record),
        root,
        parent_author: parent.as_deref().and_then(author_of),
        parent,
        engagement: Engagement::default(),
        stars: None,
        weight: 1.0,
        brands: vec![],
        scores: None,
        raw: None,
    })
}

fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn created_at(record: &Value, seen_at: Timestamp) -> Timestamp {
    let stated = text(record, "createdAt").and_then(|stated| stated.parse::<Timestamp>().ok());
    let earliest: Timestamp = EARLIEST.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    stated
        .filter(|stated| (earliest..=seen_at.saturating_add(AHEAD).unwrap_or(seen_at)).contains(stated))
        .unwrap_or(seen_at)
}

struct Relation {
    kind: Kind,
    root: Option<String>,
    parent: Option<String>,
}

fn relation(record: &Value) -> Relation {
    let reply = |end: &str| text(record.get("reply")?.get(end)?, "uri").map(str::to_owned);
    if let Some(parent) = reply("parent") {
        return Relation { kind: Kind::Reply, root: reply("root"), parent: Some(parent) };
    }
    match quoted(record) {
        Some(quoted) => Relation { kind: Kind::Quote, root: None, parent: Some(quoted.to_owned()) },
        None => Relation { kind: Kind::Post, root: None, parent: None },
    }
}

/// The post that is embedded. Lists and feeds can be embedded too: they are no quote.
fn quoted(record: &Value) -> Option<&str> {
    let record = record.get("embed")?.get("record")?;
    let uri = text(record, "uri").or_else(|| text(record.get("record")?, "uri"))?;
    uri.contains(POSTS).then_some(uri)
}

/// `at://AUTHOR/collection/key`.
fn author_of(uri: &str) -> Option<String> {
    let author = uri.strip_prefix("at://")?.split('/').next()?;
    (!author.is_empty()).then(|| author.to_owned())
}

/// From the facets first: a link's text is most often cut short. What no facet covers is read as plain text.
fn read_signs(body: &str, record: &Value) -> Signs {
    let mut found = Signs::default();
    let mut plain = body.as_bytes().to_vec();
    for facet in items(record.get("facets")) {
        for feature in items(facet.get("features")) {
            if let Some(tag) = text(feature, "tag") {
                add(&mut found.hashtags, hashtag(tag));
            }
            if let Some(link) = text(feature, "uri") {
                add(&mut found.links, link.to_owned());
                blank(&mut plain, facet.get("index"));
            }
        }
    }
    // What facets were before there were facets.
    for entity in items(record.get("entities")).filter(|entity| text(entity, "type") == Some("link")) {
        add(&mut found.links, text(entity, "value").unwrap_or_default().to_owned());
    }
    items(record.get("tags")).filter_map(Value::as_str).for_each(|tag| add(&mut found.hashtags, hashtag(tag)));
    let external = record.get("embed").and_then(|embed| embed.get("external").or(embed.get("media")?.get("external")));
    if let Some(link) = external.and_then(|external| text(external, "uri")) {
        add(&mut found.links, link.to_owned());
    }
    let rest = signs(&String::from_utf8_lossy(&plain));
    rest.hashtags.into_iter().for_each(|tag| add(&mut found.hashtags, tag));
    rest.links.into_iter().for_each(|link| add(&mut found.links, link));
    Signs { handles: rest.handles, ..found }
}

fn add(list: &mut Vec<String>, item: String) {
    if !item.is_empty() && !list.contains(&item) {
        list.push(item);
    }
}

/// Facets count bytes of UTF-8; a wrong one may point anywhere.
fn blank(bytes: &mut [u8], index: Option<&Value>) {
    let end = |key: &str| usize::try_from(index?.get(key)?.as_u64()?).ok();
    if let (Some(start), Some(end)) = (end("byteStart"), end("byteEnd"))
        && let Some(covered) = bytes.get_mut(start..end)
    {
        covered.fill(b' ');
    }
}

fn media(did: &str, record: &Value) -> Vec<Media> {
    let Some(embed) = record.get("embed") else { return Vec::new() };
    let embed = embed.get("media").unwrap_or(embed);
    let content = |blob: Option<&Value>| text(blob?.get("ref")?, "$link").map(str::to_owned);
    let image = |item: &Value| {
        let url = format!("https://cdn.bsky.app/img/feed_fullsize/plain/{did}/{}@jpeg", content(item.get("image"))?);
        Some(Media { kind: "image".to_owned(), url })
    };
    let mut found: Vec<Media> = items(embed.get("images")).filter_map(image).collect();
    if let Some(video) = content(embed.get("video")) {
        let url = format!("https://video.bsky.app/watch/{did}/{video}/playlist.m3u8");
        found.push(Media { kind: "video".to_owned(), url });
    }
    if let Some(link) = embed.get("external").and_then(|external| text(external, "uri")) {
        found.push(Media { kind: "link".to_owned(), url: link.to_owned() });
    }
    found
}
