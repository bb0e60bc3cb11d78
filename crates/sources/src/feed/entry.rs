//! The pure mapping: a feed's entries to mentions.

use feed_rs::model::{Entry, Feed, FeedType, Link, MediaObject, Person, Text};
use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use url::Url;

use super::{
    extra::Extra,
    parse::{Parsed, digest},
    sites::{Site, reddit_post, subreddit, target, without_reddits_foot},
};
use crate::{
    html,
    text::{hashtag, signs},
};

const PLATFORM: &str = "feed";

/// The entries, the oldest first. `url` is where the feed was read.
pub fn map(parsed: &Parsed, url: &Url, observed_at: Timestamp) -> Vec<Mention> {
    let reading = Reading { feed: &parsed.feed, url, site: Site::of(url), observed_at };
    let entries = parsed.feed.entries.iter().zip(&parsed.extras).rev();
    let mut mentions: Vec<Mention> = entries.map(|(entry, extra)| reading.mention(entry, extra)).collect();
    mentions.sort_by_key(|mention| mention.created_at);
    mentions
}

/// One feed while it is read.
struct Reading<'a> {
    feed: &'a Feed,
    url: &'a Url,
    site: Site,
    observed_at: Timestamp,
}

impl Reading<'_> {
    fn mention(&self, entry: &Entry, extra: &Extra) -> Mention {
        let host = self.url.host_str().unwrap_or_default();
        let mut own = entry.links.iter().filter(|link| is_own(link)).map(|link| self.address(entry, &link.href));
        let url = own.next();
        let body = self.body(entry, url.as_deref());
        let signs = signs(&body.text);
        let mut links: Vec<String> = own.collect();
        let in_text = body.links.iter().map(|link| target(link)).chain(signs.links);
        in_text.filter(|link| Some(link) != url.as_ref()).for_each(|link| add(&mut links, link));
        let space = subreddit(entry).filter(|_| self.site == Site::Reddit);
        let mut hashtags = signs.hashtags;
        let categories = entry.categories.iter().filter(|category| Some(&category.term) != space.as_ref());
        categories.for_each(|category| add(&mut hashtags, hashtag(&category.term)));
        let stated = entry.published.or(entry.updated);
        let created_at = stated.and_then(|time| Timestamp::from_millisecond(time.timestamp_millis()).ok());
        let key = MentionKey::new(PLATFORM, host, native_id(entry, url.as_deref(), self.url, &body.text));
        let author = self.author(entry, url.as_deref());
        let mention = Mention {
            observed_at: self.observed_at,
            space,
            language: extra.language.clone().or_else(|| entry.language.clone()).or_else(|| self.feed.language.clone()),
            hashtags,
            handles: signs.handles,
            links,
            media: media(entry, body.images),
            engagement: Engagement { replies: extra.replies, ..engagement(&entry.media) },
            url,
            ..Mention::new(key, author, created_at.unwrap_or(self.observed_at), body.text)
        };
        self.in_its_thread(mention, entry, extra)
    }

    /// What an entry answers: as Atom's threads say it, or as Reddit's addresses do.
    fn in_its_thread(&self, mut mention: Mention, entry: &Entry, extra: &Extra) -> Mention {
        mention.parent.clone_from(&extra.parent);
        mention.root = reddit_post(entry, mention.url.as_deref()).filter(|_| self.site == Site::Reddit);
        if mention.parent.is_some() || mention.root.is_some() {
            mention.kind = Kind::Reply;
        }
        mention
    }

    /// What the addresses of an entry are relative to, where it says so.
    fn base(&self, entry: &Entry) -> Option<Url> {
        entry.base.as_deref().and_then(|base| self.url.join(base).ok())
    }

    /// A link as a whole, without detours.
    fn address(&self, entry: &Entry, link: &str) -> String {
        let base = self.base(entry);
        let is_whole = Url::parse(link).is_ok();
        let whole = base.as_ref().unwrap_or(self.url).join(link).ok().filter(|_| !is_whole && !link.is_empty());
        target(whole.as_ref().map_or(link, Url::as_str))
    }

    fn author(&self, entry: &Entry, url: Option<&str>) -> Author {
        let host = self.url.host_str().unwrap_or_default();
        if let Some(author) = named(entry.authors.iter()).or_else(|| credited(entry)) {
            return author;
        }
        // An alert names nobody: the page that it found is the author's.
        if let (Site::GoogleAlerts, Some(page)) = (self.site, url.and_then(|url| Url::parse(url).ok())) {
            let page = page.host_str().unwrap_or(host).to_owned();
            return Author { name: Some(page.clone()), native_id: page, ..Author::default() };
        }
        named(self.feed.authors.iter()).unwrap_or_else(|| {
            let title = self.feed.title.as_ref().map(|title| html::read(&title.content).text);
            Author { native_id: host.to_owned(), name: title.filter(|title| !title.is_empty()), ..Author::default() }
        })
    }

    /// The title, a blank line, and the first of the texts that says something.
    fn body(&self, entry: &Entry, url: Option<&str>) -> html::Read {
        let is_rss = matches!(self.feed.feed_type, FeedType::RSS0 | FeedType::RSS1 | FeedType::RSS2);
        // Addresses in its text are relative to the page that it is on.
        let page = self.base(entry).or_else(|| Url::parse(url?).ok()).unwrap_or_else(|| self.url.clone());
        let read = |content: &str, subtype: &str| match is_rss || subtype != "plain" {
            true => html::read_at(content, Some(&page)),
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
        if self.site == Site::Reddit {
            body = without_reddits_foot(body, url);
        }
        if !body.text.starts_with(&title) {
            body.text = format!("{title}\n\n{}", body.text).trim_end().to_owned();
        }
        body
    }
}

/// The first person with a name.
fn named<'a>(mut people: impl Iterator<Item = &'a Person>) -> Option<Author> {
    let said = |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let person = people.find(|person| said(&person.name).is_some())?;
    let name = said(&person.name)?;
    let native_id = said(&person.uri).or_else(|| said(&person.email)).unwrap_or_else(|| name.clone());
    // Reddit writes names as /u/name.
    let handle = name.strip_prefix("/u/").unwrap_or_default().to_owned();
    Some(Author { native_id, handle, name: Some(name), ..Author::default() })
}

/// Podcasts credit the episode's file, not the entry.
fn credited(entry: &Entry) -> Option<Author> {
    let credits = entry.media.iter().flat_map(|media| &media.credits);
    let name = credits.map(|credit| credit.entity.trim()).find(|name| !name.is_empty())?;
    Some(Author { native_id: name.to_owned(), name: Some(name.to_owned()), ..Author::default() })
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

/// The page of the entry, or another that it is about; not its pictures, files, comments or source.
fn is_own(link: &Link) -> bool {
    let is_file = link.rel.is_none() && link.media_type.is_some();
    !is_file && link.target.is_none() && matches!(link.rel.as_deref(), None | Some("alternate" | "related" | "via"))
}

/// What is attached, then the pictures in the text.
fn media(entry: &Entry, images: Vec<String>) -> Vec<Media> {
    let mut found = Vec::new();
    let is_file = |link: &&Link| {
        link.rel.as_deref() == Some("enclosure") || (link.rel.is_none() && link.media_type.is_some())
    };
    for link in entry.links.iter().filter(is_file) {
        add(&mut found, attached(link.media_type.as_deref(), &link.href));
    }
    for object in &entry.media {
        for content in &object.content {
            let kind = content.content_type.as_ref().map(|known| known.as_str());
            content.url.iter().for_each(|url| add(&mut found, attached(kind, url.as_str())));
        }
        for thumbnail in &object.thumbnails {
            add(&mut found, Media { kind: "image".to_owned(), url: thumbnail.image.uri.clone() });
        }
    }
    images.into_iter().for_each(|url| add(&mut found, Media { kind: "image".to_owned(), url }));
    found
}

/// By its type, or by the end of its address where the type says nothing.
fn attached(media_type: Option<&str>, url: &str) -> Media {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let kind = match (media_type.unwrap_or_default().split('/').next(), ending.as_str()) {
        (Some(kind @ ("image" | "audio" | "video")), _) => kind,
        // YouTube's feeds name the player that they once had.
        _ if media_type == Some("application/x-shockwave-flash") => "video",
        (_, "jpg" | "jpeg" | "png" | "gif" | "webp" | "avif") => "image",
        (_, "mp3" | "m4a" | "aac" | "ogg" | "oga" | "opus" | "wav" | "flac") => "audio",
        (_, "mp4" | "m4v" | "mov" | "webm" | "m3u8") => "video",
        _ => "link",
    };
    Media { kind: kind.to_owned(), url: url.to_owned() }
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
