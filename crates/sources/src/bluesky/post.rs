use std::borrow::Cow;

use grapevine_model::{Author, Kind, Media, Mention, MentionKey};
use jiff::{SignedDuration, Timestamp};

use super::{
    MapError, POSTS,
    frame::PLATFORM,
    record::{Blob, Facet, Image, Record, Reference},
};
use crate::{
    loose::{List, Object, Text},
    text::{Signs, hashtag, signs},
};

/// Before the network was: the start of 2022. Clients state the time of a post, and some state anything.
const EARLIEST: i64 = 1_640_995_200;
/// How far a client's clock may be ahead.
const AHEAD: SignedDuration = SignedDuration::from_mins(2);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// By the server's clock.
    pub(crate) seen_at: Timestamp,
    pub(crate) observed_at: Timestamp,
}

pub(crate) fn uri(did: &str, record_key: &str) -> String {
    ["at://", did, "/", POSTS, "/", record_key].concat()
}

pub(super) fn map(did: &str, record_key: &str, record: &Record<'_>, times: Times) -> Result<Mention, MapError> {
    if !record.text.is_there() {
        return Err(MapError::Missing("commit.record.text"));
    }
    let body = record.text.or_empty();
    let signs = read_signs(body, record);
    let Relation { kind, root, parent } = relation(record);
    Ok(Mention {
        kind,
        url: Some(["https://bsky.app/profile/", did, "/post/", record_key].concat()),
        observed_at: times.observed_at,
        language: record.langs.iter().find_map(Text::owned),
        hashtags: signs.hashtags,
        handles: signs.handles,
        links: signs.links,
        media: media(did, record),
        root,
        parent_author: parent.as_deref().and_then(author_of),
        parent,
        ..Mention::new(
            MentionKey::new(PLATFORM, "", uri(did, record_key)),
            Author { native_id: did.to_owned(), ..Author::default() },
            created_at(record, times.seen_at),
            body,
        )
    })
}

fn created_at(record: &Record<'_>, seen_at: Timestamp) -> Timestamp {
    let stated = record.created_at.get().and_then(|stated| stated.parse::<Timestamp>().ok());
    let latest = seen_at.saturating_add(AHEAD).unwrap_or(seen_at);
    stated.filter(|stated| stated.as_second() >= EARLIEST && *stated <= latest).unwrap_or(seen_at)
}

struct Relation {
    kind: Kind,
    root: Option<String>,
    parent: Option<String>,
}

fn relation(record: &Record<'_>) -> Relation {
    let uri = |reference: &Object<Reference<'_>>| reference.get()?.uri.owned();
    let reply = record.reply.get();
    let root = reply.and_then(|reply| uri(&reply.root));
    // A client that names the thread alone answers the post that began it.
    if let Some(parent) = reply.and_then(|reply| uri(&reply.parent)).or_else(|| root.clone()) {
        return Relation { kind: Kind::Reply, root, parent: Some(parent) };
    }
    match quoted(record) {
        Some(quoted) => Relation { kind: Kind::Quote, root: None, parent: Some(quoted.to_owned()) },
        None => Relation { kind: Kind::Post, root: None, parent: None },
    }
}

/// The post that is embedded. Lists and feeds can be embedded too: they are no quote.
fn quoted<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    let quoted = record.embed.get()?.record.get()?;
    let uri = quoted.uri.get().or_else(|| quoted.record.get()?.uri.get())?;
    uri.contains(POSTS).then_some(uri)
}

/// `at://AUTHOR/collection/key`.
fn author_of(uri: &str) -> Option<String> {
    let author = uri.strip_prefix("at://")?.split('/').next()?;
    (!author.is_empty()).then(|| author.to_owned())
}

/// From the facets first: a link's text is most often cut short. What no facet covers is read as plain text.
fn read_signs(body: &str, record: &Record<'_>) -> Signs {
    let mut found = Signs::default();
    let mut plain = Cow::Borrowed(body);
    for facet in record.facets.iter().filter_map(Object::get) {
        for feature in facet.features.iter().filter_map(Object::get) {
            if let Some(tag) = feature.tag.get() {
                add(&mut found.hashtags, hashtag(tag));
            }
            if let Some(link) = feature.uri.get() {
                add(&mut found.links, link.to_owned());
                blank(&mut plain, facet);
            }
        }
    }
    for entity in record.entities.iter().filter_map(Object::get).filter(|entity| entity.kind.get() == Some("link")) {
        add(&mut found.links, entity.value.or_empty().to_owned());
    }
    record.tags.iter().filter_map(Text::get).for_each(|tag| add(&mut found.hashtags, hashtag(tag)));
    if let Some(link) = external(record) {
        add(&mut found.links, link.to_owned());
    }
    let rest = signs(&plain);
    rest.hashtags.into_iter().for_each(|tag| add(&mut found.hashtags, tag));
    rest.links.into_iter().for_each(|link| add(&mut found.links, link));
    Signs { handles: rest.handles, ..found }
}

/// The page that is shown, alone or beside a quoted post.
fn external<'r>(record: &'r Record<'_>) -> Option<&'r str> {
    let embed = record.embed.get()?;
    embed.external.get().or_else(|| embed.media.get()?.external.get())?.uri.get()
}

fn add(list: &mut Vec<String>, item: String) {
    if !item.is_empty() && !list.contains(&item) {
        list.push(item);
    }
}

/// Facets count bytes of UTF-8; a wrong one may point anywhere, into the middle of a character too.
fn blank(text: &mut Cow<'_, str>, facet: &Facet<'_>) {
    let end = |end: Option<u64>| end.and_then(|end| usize::try_from(end).ok());
    let Some(index) = facet.index.get() else { return };
    let (Some(start), Some(end)) = (end(index.byte_start.0), end(index.byte_end.0)) else { return };
    let mut bytes = text.as_bytes().to_vec();
    if let Some(covered) = bytes.get_mut(start..end) {
        covered.fill(b' ');
        let lossy = |error: std::string::FromUtf8Error| String::from_utf8_lossy(error.as_bytes()).into_owned();
        *text = Cow::Owned(String::from_utf8(bytes).unwrap_or_else(lossy));
    }
}

fn media(did: &str, record: &Record<'_>) -> Vec<Media> {
    let Some(embed) = record.embed.get() else { return Vec::new() };
    match embed.media.get() {
        Some(media) => attached(did, &media.images, &media.video, &media.external),
        None => attached(did, &embed.images, &embed.video, &embed.external),
    }
}

fn attached(
    did: &str,
    images: &List<Object<Image<'_>>>,
    video: &Object<Blob<'_>>,
    page: &Object<Reference<'_>>,
) -> Vec<Media> {
    let image = |item: &Object<Image<'_>>| {
        let content = item.get()?.image.get()?.content()?;
        let url = ["https://cdn.bsky.app/img/feed_fullsize/plain/", did, "/", content, "@jpeg"].concat();
        Some(Media { kind: "image".to_owned(), url })
    };
    let mut found: Vec<Media> = images.iter().filter_map(image).collect();
    if let Some(content) = video.get().and_then(Blob::content) {
        let url = format!("https://video.bsky.app/watch/{did}/{content}/playlist.m3u8");
        found.push(Media { kind: "video".to_owned(), url });
    }
    if let Some(link) = page.get().and_then(|page| page.uri.get()) {
        found.push(Media { kind: "link".to_owned(), url: link.to_owned() });
    }
    found
}
