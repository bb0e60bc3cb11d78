//! The pure mapping: bytes of an answer, or of a line of the stream, to mentions.

use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;

use super::{
    api::{Answer, Entities, Includes, Link, Medium, Metrics, Problem, Reference, Tweet, User},
    text,
};
use crate::{
    loose::{self, Object, Text},
    text::signs,
};

pub(super) const PLATFORM: &str = "x";
/// What the ids of X count their milliseconds from.
const EPOCH: i64 = 1_288_834_974_657;
/// Ids below this are of the time before they held one.
const FIRST_TIMED: u64 = 30_000_000_000;

/// What an answer says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapped {
    pub mentions: Vec<Mention>,
    /// Posts that are no mention, by their place in the answer, each with the reason.
    pub rejected: Vec<(usize, MapError)>,
    /// What X says that it can not show, or why it ends a connection.
    pub problems: Vec<Trouble>,
    /// Posts that were sent, those that others refer to included: X takes its price for each.
    pub(crate) records: u64,
    pub(crate) newest_id: Option<u64>,
    pub(crate) oldest_id: Option<u64>,
    pub(crate) next_token: Option<String>,
}

/// A problem that an answer states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The last part of its type: `resource-not-found`.
    pub kind: String,
    pub words: String,
    /// `tweet` or `user`.
    pub of: String,
    pub id: String,
    pub(crate) parameter: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("an answer that is not JSON: {0}")]
    NotJson(String),
    #[error("a post without `{0}`, or of another type")]
    Missing(&'static str),
    #[error("a post whose created_at {0:?} is no time")]
    Time(String),
}

impl MapError {
    /// The same bytes give the same error again.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// Reads a page of a search, an answer to a look-up, or a line of the stream. It never panics, and of each post it gives
/// a mention or a reason.
pub fn map(answer: &[u8], observed_at: Timestamp) -> Result<Mapped, MapError> {
    let not_json = |error: serde_json::Error| MapError::NotJson(error.to_string());
    let text = loose::utf8(answer).map_err(not_json)?;
    match serde_json::from_str::<Answer<'_>>(text) {
        Ok(answer) => Ok(read(&answer, observed_at)),
        Err(error) => {
            // A key that stands twice in an object: the last one counts.
            let value: serde_json::Value = serde_json::from_str(text).map_err(not_json)?;
            let single = value.to_string();
            let answer = serde_json::from_str::<Answer<'_>>(&single).map_err(|_| not_json(error))?;
            Ok(read(&answer, observed_at))
        }
    }
}

fn read(answer: &Answer<'_>, observed_at: Timestamp) -> Mapped {
    let none = Includes::default();
    let includes = answer.includes.get().unwrap_or(&none);
    let sent = answer.data.0.len() + includes.tweets.len();
    let mut mapped = Mapped { records: sent as u64, ..Mapped::default() };
    for (place, post) in answer.data.0.iter().enumerate() {
        match post.get().ok_or(MapError::Missing("id")).and_then(|post| mention(post, includes, observed_at)) {
            Ok(mention) => mapped.mentions.push(mention),
            Err(error) => mapped.rejected.push((place, error)),
        }
    }
    mapped.problems = answer.errors.iter().filter_map(Object::get).map(trouble).collect();
    let number = |text: &Text<'_>| text.get().and_then(|id| id.parse::<u64>().ok());
    let stated = answer.meta.get();
    let ids = || answer.data.0.iter().filter_map(|post| number(&post.get()?.id));
    mapped.newest_id = stated.and_then(|meta| number(&meta.newest_id)).or_else(|| ids().max());
    mapped.oldest_id = stated.and_then(|meta| number(&meta.oldest_id)).or_else(|| ids().min());
    mapped.next_token = stated.and_then(|meta| meta.next_token.owned());
    mapped
}

fn trouble(problem: &Problem<'_>) -> Trouble {
    let kind = problem.disconnect_type.get().or(problem.kind.get()).unwrap_or_default();
    let words = problem.detail.get().or(problem.title.get()).unwrap_or("no reason is given");
    Trouble {
        kind: kind.rsplit('/').next().unwrap_or_default().to_owned(),
        words: words.to_owned(),
        of: problem.resource_type.or_empty().to_owned(),
        id: problem.resource_id.get().unwrap_or(problem.value.or_empty()).to_owned(),
        parameter: problem.parameter.or_empty().to_owned(),
    }
}

/// The time that an id holds.
pub(super) fn time_of(id: u64) -> Option<Timestamp> {
    let millis = i64::try_from(id >> 22).ok()?;
    (id >= FIRST_TIMED).then(|| Timestamp::from_millisecond(millis + EPOCH).ok()).flatten()
}

/// The lowest id of a time.
#[cfg(any(test, feature = "conformance"))]
pub(super) fn id_at(time: Timestamp) -> u64 {
    u64::try_from(time.as_millisecond() - EPOCH).unwrap_or(0) << 22
}

fn mention(post: &Tweet<'_>, includes: &Includes<'_>, observed_at: Timestamp) -> Result<Mention, MapError> {
    let id = post.id.get().ok_or(MapError::Missing("id"))?;
    if !post.text.is_there() && post.note_tweet.get().is_none() {
        return Err(MapError::Missing("text"));
    }
    // An edit has an id of its own; the first one names them all.
    let first = post.edit_history_tweet_ids.first().and_then(Text::get).unwrap_or(id);
    let user = user(post.author_id.get(), includes);
    let relation = Relation::of(post);
    // A repost says what it reposts, and its own text is cut short.
    let reposted = relation.to.filter(|_| relation.kind == Kind::Repost).and_then(|id| tweet(id, includes));
    let said = reposted.unwrap_or(post);
    let words = Words::of(post, said, includes, relation.quoted);
    let parent = relation.to.and_then(|id| tweet(id, includes));
    let parent_author = parent.and_then(|parent| parent.author_id.owned());
    let asked = post.in_reply_to_user_id.owned().filter(|_| relation.kind == Kind::Reply);
    Ok(Mention {
        kind: relation.kind,
        url: Some(format!("https://x.com/{}/status/{id}", user.and_then(|user| user.username.get()).unwrap_or("i"))),
        observed_at,
        space: post.community_id.owned(),
        language: language(said.lang.get()),
        hashtags: words.hashtags,
        handles: words.handles,
        links: words.links,
        media: media(said, includes),
        root: post.conversation_id.owned().filter(|root| root != first && root != id),
        parent: relation.to.map(str::to_owned),
        parent_author: parent_author.or(asked),
        engagement: engagement(post, relation.kind),
        ..Mention::new(MentionKey::new(PLATFORM, "", first), author(post, user), created_at(post, first)?, words.text)
    })
}

/// When the first version was written, in whole seconds as X states them.
fn created_at(post: &Tweet<'_>, first: &str) -> Result<Timestamp, MapError> {
    let by_id = || Timestamp::from_second(time_of(first.parse().ok()?)?.as_second()).ok();
    let is_edited = post.id.get() != Some(first);
    match post.created_at.get() {
        Some(stated) if !is_edited => stated.parse().map_err(|_| MapError::Time(stated.to_owned())),
        Some(stated) => by_id().map_or_else(|| stated.parse().map_err(|_| MapError::Time(stated.to_owned())), Ok),
        None => by_id().ok_or(MapError::Missing("created_at")),
    }
}

/// What a post is to another one.
struct Relation<'a> {
    kind: Kind,
    to: Option<&'a str>,
    /// Also of a reply that quotes.
    quoted: Option<&'a str>,
}

impl<'a> Relation<'a> {
    fn of(post: &'a Tweet<'_>) -> Self {
        let find = |kind: &str| {
            let is_it = |reference: &&'a Reference<'_>| reference.kind.get() == Some(kind);
            post.referenced_tweets.iter().filter_map(Object::get).find(is_it).and_then(|reference| reference.id.get())
        };
        let quoted = find("quoted");
        let (kind, to) = match (find("replied_to"), find("retweeted"), quoted) {
            (Some(to), ..) => (Kind::Reply, Some(to)),
            (None, Some(to), _) => (Kind::Repost, Some(to)),
            (None, None, Some(to)) => (Kind::Quote, Some(to)),
            // An answer to a post that is gone.
            (None, None, None) if post.in_reply_to_user_id.get().is_some() => (Kind::Reply, None),
            (None, None, None) => (Kind::Post, None),
        };
        Self { kind, to, quoted }
    }
}

fn user<'i>(id: Option<&str>, includes: &'i Includes<'i>) -> Option<&'i User<'i>> {
    includes.users.iter().filter_map(Object::get).find(|user| user.id.get().is_some() && user.id.get() == id)
}

fn tweet<'i>(id: &str, includes: &'i Includes<'i>) -> Option<&'i Tweet<'i>> {
    includes.tweets.iter().filter_map(Object::get).find(|tweet| tweet.id.get() == Some(id))
}

fn author(post: &Tweet<'_>, user: Option<&User<'_>>) -> Author {
    let followers = |user: &User<'_>| user.public_metrics.get()?.followers_count.0;
    Author {
        native_id: post.author_id.or_empty().to_owned(),
        handle: user.map(|user| user.username.or_empty().to_owned()).unwrap_or_default(),
        name: user.and_then(|user| user.name.owned()),
        followers: user.and_then(followers),
        ..Author::default()
    }
}

/// What a post says, and what it names.
struct Words {
    text: String,
    hashtags: Vec<String>,
    handles: Vec<String>,
    links: Vec<String>,
}

impl Words {
    /// `said` is the post itself, or what it reposts.
    fn of(post: &Tweet<'_>, said: &Tweet<'_>, includes: &Includes<'_>, quoted: Option<&str>) -> Self {
        let note = said.note_tweet.get();
        let entities: Vec<&Entities<'_>> =
            note.and_then(|note| note.entities.get()).into_iter().chain(said.entities.get()).collect();
        let links = text::links(&entities);
        let body = note.and_then(|note| note.text.get()).unwrap_or(said.text.or_empty());
        let mut text = text::plain(body, &links, quoted);
        add_more(&mut text, said, includes);
        let mut words = Self { text, hashtags: Vec::new(), handles: Vec::new(), links: Vec::new() };
        // The repost itself names whom it reposts.
        for list in entities.iter().copied().chain(post.entities.get()) {
            let tags = list.hashtags.iter().filter_map(|tag| tag.get()?.tag.get());
            tags.for_each(|tag| push_new(&mut words.hashtags, tag.to_lowercase()));
            let names = list.mentions.iter().filter_map(|named| named.get()?.username.get());
            names.for_each(|name| push_new(&mut words.handles, name.to_lowercase()));
        }
        for link in links.iter().filter(|link| !text::shows_media(link) && !text::leads_to(link, quoted)) {
            let address = link.unwound_url.get().or(link.expanded_url.get()).or(link.url.get());
            address.into_iter().for_each(|address| push_new(&mut words.links, address.to_owned()));
        }
        let names_something =
            |list: &&Entities<'_>| !(list.hashtags.is_empty() && list.mentions.is_empty() && list.urls.is_empty());
        if !entities.iter().any(names_something) {
            words.read_signs();
        }
        words
    }

    /// X states none: they are read as they are written.
    fn read_signs(&mut self) {
        let found = signs(&self.text);
        self.links = found.links;
        found.hashtags.into_iter().for_each(|tag| push_new(&mut self.hashtags, tag));
        found.handles.into_iter().for_each(|name| push_new(&mut self.handles, name));
    }
}

/// The article that it shows, and the choices of its polls.
fn add_more(text: &mut String, said: &Tweet<'_>, includes: &Includes<'_>) {
    if let Some(article) = said.article.get() {
        let body = article.plain_text.get().or(article.preview_text.get());
        [article.title.get(), body].into_iter().flatten().for_each(|part| add_part(text, part));
    }
    let wanted = said.attachments.get().map_or(&[][..], |attachments| &attachments.poll_ids);
    for poll in includes.polls.iter().filter_map(Object::get).filter(|poll| wanted.contains(&poll.id)) {
        let choices: Vec<&str> = poll.options.iter().filter_map(|option| option.get()?.label.get()).collect();
        add_part(text, &choices.join("\n"));
    }
}

fn add_part(text: &mut String, part: &str) {
    if !part.is_empty() {
        text.push_str(if text.is_empty() { "" } else { "\n\n" });
        text.push_str(part);
    }
}

fn push_new(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// X has codes of its own for what is no language, and old ones for some that are.
fn language(stated: Option<&str>) -> Option<String> {
    match stated? {
        "und" | "zxx" | "qam" | "qct" | "qht" | "qme" | "qst" | "art" => None,
        "in" => Some("id".to_owned()),
        "iw" => Some("he".to_owned()),
        other => Some(other.to_owned()),
    }
}

/// The attached pictures and videos, and the pages of which a preview is shown.
fn media(said: &Tweet<'_>, includes: &Includes<'_>) -> Vec<Media> {
    let keys = said.attachments.get().map_or(&[][..], |attachments| &attachments.media_keys);
    let find = |key: &Text<'_>| includes.media.iter().filter_map(Object::get).find(|media| media.media_key == *key);
    let mut media: Vec<Media> = keys.iter().filter_map(|key| medium(find(key)?)).collect();
    let shown = said.entities.get().map_or(&[][..], |entities| &entities.urls);
    if media.is_empty() {
        media = shown.iter().filter_map(Object::get).filter(|link| text::shows_media(link)).filter_map(page_of).collect();
        media.dedup();
    }
    for link in shown.iter().filter_map(Object::get).filter(|link| link.title.get().is_some()) {
        if let Some(url) = link.unwound_url.get().or(link.expanded_url.get()) {
            media.push(Media { kind: "link".to_owned(), url: url.to_owned() });
        }
    }
    media
}

/// Where the pictures and videos themselves were not sent, the pages that show them stand for them.
fn page_of(link: &Link<'_>) -> Option<Media> {
    let url = link.expanded_url.get()?;
    let kind = if url.contains("/video/") { "video" } else { "image" };
    Some(Media { kind: kind.to_owned(), url: url.to_owned() })
}

/// A video's best file, or the picture that stands for it.
fn medium(medium: &Medium<'_>) -> Option<Media> {
    let files = medium.variants.iter().filter_map(Object::get).filter(|file| file.url.get().is_some());
    let best = files.max_by_key(|file| file.bit_rate.0).and_then(|file| file.url.get());
    let url = best.or(medium.url.get()).or(medium.preview_image_url.get())?;
    let kind = match medium.kind.get() {
        Some("photo") => "image",
        Some("video" | "animated_gif") => "video",
        _ => "link",
    };
    Some(Media { kind: kind.to_owned(), url: url.to_owned() })
}

/// The reposts that a repost states are those of what it reposts: counted again with each, they would be far too many.
fn engagement(post: &Tweet<'_>, kind: Kind) -> Engagement {
    let of = |metrics: Option<&Metrics>, count: fn(&Metrics) -> Option<u64>| metrics.and_then(count);
    let public = post.public_metrics.get();
    let own = |count: fn(&Metrics) -> Option<u64>| {
        of(public, count).or_else(|| of(post.organic_metrics.get(), count).or(of(post.non_public_metrics.get(), count)))
    };
    Engagement {
        likes: own(|metrics| metrics.like_count.0),
        reposts: own(|metrics| metrics.retweet_count.0).filter(|_| kind != Kind::Repost),
        replies: own(|metrics| metrics.reply_count.0),
        quotes: own(|metrics| metrics.quote_count.0),
        bookmarks: own(|metrics| metrics.bookmark_count.0),
        impressions: own(|metrics| metrics.impression_count.0),
    }
}

#[cfg(test)]
#[path = "map_tests.rs"]
mod tests;
