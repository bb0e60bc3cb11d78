//! The pure mapping: a note to a mention.

use grapevine_model::{Author, Engagement, Kind, Media, Mention, MentionKey};
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use crate::{
    json::{count, flag, list, object, owned, push_new, text},
    text::signs,
};

pub(super) const PLATFORM: &str = "misskey";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    #[error("a note without `{0}`, or not of the type it should have")]
    Missing(&'static str),
    #[error("a note whose `createdAt` {0:?} is no time")]
    Time(String),
}

impl MapError {
    /// The same note gives the same error again.
    pub fn is_transient(&self) -> bool {
        false
    }
}

/// What a note of this instance says; nothing where it is not for everybody.
pub fn map(note: &Value, instance: &Url, observed_at: Timestamp) -> Result<Option<Mention>, MapError> {
    let id = text(note, "id").ok_or(MapError::Missing("id"))?;
    if !matches!(text(note, "visibility"), None | Some("public" | "home")) {
        return Ok(None);
    }
    let created_at = text(note, "createdAt").ok_or(MapError::Missing("createdAt"))?;
    let created_at = created_at.parse().map_err(|_| MapError::Time(created_at.to_owned()))?;
    let words = words(note);
    let mut found = signs(&words);
    list(note, "tags").iter().filter_map(Value::as_str).for_each(|tag| push_new(&mut found.hashtags, tag.to_lowercase()));
    let (reply, renote) = (owned(note, "replyId"), owned(note, "renoteId"));
    let is_bare = words.is_empty() && list(note, "files").is_empty();
    let (kind, answered) = match (&reply, &renote) {
        (Some(_), _) => (Kind::Reply, "reply"),
        (None, Some(_)) if is_bare => (Kind::Repost, "renote"),
        (None, Some(_)) => (Kind::Quote, "renote"),
        (None, None) => (Kind::Post, ""),
    };
    let page = instance.join(&format!("notes/{id}")).ok().map(String::from);
    let host = instance.host_str().unwrap_or_default();
    Ok(Some(Mention {
        kind,
        space: owned(note, "channel.name"),
        // A note of elsewhere stands there.
        url: owned(note, "url").or_else(|| owned(note, "uri")).or(page),
        observed_at,
        hashtags: found.hashtags,
        handles: found.handles,
        links: found.links,
        media: media(note),
        parent: reply.or(renote),
        parent_author: object(note, answered).and_then(|answered| owned(answered, "userId")),
        engagement: engagement(note),
        ..Mention::new(MentionKey::new(PLATFORM, host, id), author(note)?, created_at, words)
    }))
}

fn author(note: &Value) -> Result<Author, MapError> {
    let native_id = owned(note, "user.id").or_else(|| owned(note, "userId")).ok_or(MapError::Missing("userId"))?;
    let name = owned(note, "user.username").unwrap_or_default();
    let handle = match text(note, "user.host") {
        Some(host) => format!("{name}@{host}"),
        None => name,
    };
    let (name, is_bot) = (owned(note, "user.name"), flag(note, "user.isBot"));
    Ok(Author { native_id, handle, name, is_bot, ..Author::default() })
}

/// The warning before it, the text, and what a poll asks.
fn words(note: &Value) -> String {
    let mut parts: Vec<String> = ["cw", "text"].iter().filter_map(|field| text(note, field)).map(plain).collect();
    let choices = list(note, "poll.choices").iter().filter_map(|choice| owned(choice, "text"));
    parts.extend(Some(choices.collect::<Vec<_>>().join("\n")).filter(|choices| !choices.is_empty()));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

/// Without what makes words move: of `$[spin.x fast]` stays `fast`.
fn plain(marked: &str) -> String {
    let (mut plain, mut rest, mut open) = (String::with_capacity(marked.len()), marked, 0_usize);
    while let Some(place) = rest.find(['$', ']']) {
        plain.push_str(&rest[..place]);
        rest = &rest[place..];
        match effect(rest) {
            Some(inside) => (rest, open) = (inside, open + 1),
            None if rest.starts_with(']') && open > 0 => (rest, open) = (&rest[1..], open - 1),
            None => {
                plain.push_str(&rest[..1]);
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// What follows the name of an effect.
fn effect(rest: &str) -> Option<&str> {
    let (name, inside) = rest.strip_prefix("$[")?.split_once(' ')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '=' | '_' | '-');
    (!name.is_empty() && name.chars().all(is_name)).then_some(inside)
}

fn media(note: &Value) -> Vec<Media> {
    let file = |file: &Value| {
        let kind = text(file, "type").and_then(|kind| kind.split('/').next());
        let kind = kind.filter(|kind| ["image", "video", "audio"].contains(kind)).unwrap_or("link");
        Some(Media { kind: kind.to_owned(), url: owned(file, "url")? })
    };
    list(note, "files").iter().filter_map(file).collect()
}

/// Reactions are counted by their sign.
fn engagement(note: &Value) -> Engagement {
    let reactions = object(note, "reactions").and_then(Value::as_object);
    let sum = reactions.map(|signs| signs.values().filter_map(Value::as_u64).fold(0, u64::saturating_add));
    Engagement {
        likes: sum.or_else(|| count(note, "reactionCount")),
        reposts: count(note, "renoteCount"),
        replies: count(note, "repliesCount"),
        ..Engagement::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn mapped(more: Value) -> Mention {
        let mut note = json!({"id": "9abc", "createdAt": "2026-03-01T11:59:40.123Z", "userId": "u8", "text": "Tea",
            "user": {"id": "u8", "username": "ann", "host": "far.example", "name": "Ann", "isBot": true}});
        note.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        map(&note, &"https://here.example".parse().unwrap(), Timestamp::UNIX_EPOCH).unwrap().unwrap()
    }

    #[test]
    fn a_note_says_all_that_a_mention_has_room_for() {
        let mention = mapped(json!({
            "cw": "Hot", "text": "$[x2 Tea] for @bob@b.example #Kettle https://k.example/1", "tags": ["kettle", "tea"],
            "files": [{"type": "image/webp", "url": "https://f.example/1"}, {"type": "application/pdf", "url": "https://f.example/2"}],
            "poll": {"choices": [{"text": "Green", "votes": 2}, {"text": "Black", "votes": 1}]},
            "reactions": {":ok@.:": 2, "👍": 3}, "renoteCount": 4, "repliesCount": 1, "channel": {"id": "c", "name": "Tea time"},
            "replyId": "9abb", "reply": {"id": "9abb", "userId": "u7"}, "uri": "https://far.example/notes/5"
        }));
        assert_eq!(mention.text, "Hot\n\nTea for @bob@b.example #Kettle https://k.example/1\n\nGreen\nBlack");
        assert_eq!((mention.hashtags.join(" "), mention.handles.join(" ")), ("kettle tea".into(), "bob@b.example".into()));
        assert_eq!((mention.links.join(" "), mention.media[0].kind.as_str()), ("https://k.example/1".into(), "image"));
        assert_eq!((mention.media[1].kind.as_str(), mention.space.as_deref()), ("link", Some("Tea time")));
        assert_eq!((mention.kind, mention.parent.as_deref(), mention.parent_author.as_deref()), (Kind::Reply, Some("9abb"), Some("u7")));
        let counted = mention.engagement;
        assert_eq!((counted.likes, counted.reposts, counted.replies), (Some(5), Some(4), Some(1)));
        assert_eq!(mention.url.as_deref(), Some("https://far.example/notes/5"));
        let author = mention.author;
        assert_eq!((author.handle.as_str(), author.name.as_deref(), author.is_bot), ("ann@far.example", Some("Ann"), true));
    }

    #[test]
    fn a_renote_is_a_repost_without_words_and_a_quote_with_some() {
        let renote = |words: Value| mapped(json!({"text": words, "renoteId": "9aba", "renote": {"userId": "u6"}}));
        assert_eq!((renote(json!(null)).kind, renote(json!("Look")).kind), (Kind::Repost, Kind::Quote));
        assert_eq!(renote(json!(null)).parent_author.as_deref(), Some("u6"));
        assert_eq!(mapped(json!({})).url.as_deref(), Some("https://here.example/notes/9abc"));
    }

    #[test]
    fn what_is_not_for_everybody_is_no_mention_and_what_lacks_its_time_says_so() {
        let map = |note: Value| map(&note, &"https://here.example".parse().unwrap(), Timestamp::UNIX_EPOCH);
        assert_eq!(map(json!({"id": "1", "visibility": "followers"})), Ok(None));
        assert_eq!(map(json!({"id": "1"})), Err(MapError::Missing("createdAt")));
        assert_eq!(map(json!({"id": "1", "createdAt": "soon"})), Err(MapError::Time("soon".into())));
    }

    #[test]
    fn effects_are_taken_off_and_other_signs_stay() {
        for (marked, expected) in [
            ("$[spin.speed=2s,x fast] tea", "fast tea"),
            ("$[x2 a $[jelly b] c]", "a b c"),
            ("5 $ for a[1] ]", "5 $ for a[1] ]"),
            ("$[not closed", "closed"),
            ("$[ two] $[é x]", "$[ two] $[é x]"),
        ] {
            assert_eq!(plain(marked), expected);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(marked in "[$\\[\\]. a-cé👍]{0,40}") {
            prop_assert!(plain(&marked).len() <= marked.len());
        }
    }
}
