//! What must be stored in the end, kept beside what is sent. Pure.
//!
//! The model is the pipeline's promise in a few lines: of the versions of a mention the newest counts, a deletion is a
//! version too, and repetitions and late arrivals change nothing.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{AuthorTombstone, Deletion, Event, Mention, MentionId};
use jiff::Timestamp;

/// A mention of a brand.
pub type Key = (u128, &'static str);

#[derive(Debug, Default)]
pub struct Truth {
    posts: BTreeMap<MentionId, Post>,
    /// Poison, by its bytes.
    pub poison: BTreeSet<Vec<u8>>,
    /// Lines of the file that can not be read, with their numbers.
    pub bad_lines: BTreeMap<String, u64>,
    /// Events and lines, repetitions included.
    pub sent: u64,
    /// The id of the newest line of the file that is a post.
    pub last_of_file: Option<MentionId>,
}

#[derive(Debug)]
struct Post {
    /// The latest version that is known: when it was observed, and what it says. A post of the file has no time here: its
    /// lines never differ.
    observed_at: Timestamp,
    author: String,
    text: String,
    brands: Vec<&'static str>,
    created_at: Timestamp,
    live: bool,
}

/// A row that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub text: String,
    pub created_at: Timestamp,
}

impl Truth {
    /// An event was appended (once or several times, that is the same).
    pub fn heard(&mut self, event: &Event, brands: &[&'static str]) {
        self.sent += 1;
        match event {
            Event::Upsert(mention) => self.upsert(mention, brands),
            Event::Delete(deletion) => self.delete(deletion),
            Event::AuthorTombstone(tombstone) => self.tombstone(tombstone),
            _ => {}
        }
    }

    pub fn ids(&self) -> u64 {
        self.posts.len() as u64
    }

    /// Ids of everything that was ever sent.
    pub fn all(&self) -> impl Iterator<Item = MentionId> {
        self.posts.keys().copied()
    }

    /// Every row that must be stored and live; every other row must not.
    pub fn expected(&self) -> BTreeMap<Key, Expected> {
        let live = self.posts.iter().filter(|(_, post)| post.live);
        let rows = live.flat_map(|(id, post)| {
            let row = Expected { text: post.text.clone(), created_at: post.created_at };
            post.brands.iter().map(move |brand| ((id.0, *brand), row.clone()))
        });
        rows.collect()
    }

    fn upsert(&mut self, mention: &Mention, brands: &[&'static str]) {
        let known = self.posts.get(&mention.id());
        if known.is_some_and(|post| mention.observed_at < post.observed_at) {
            return;
        }
        // The first sighting says when it was created.
        let created_at = known.map_or(mention.created_at, |post| post.created_at);
        let post = Post {
            observed_at: mention.observed_at,
            author: mention.author.native_id.clone(),
            text: mention.text.clone(),
            brands: brands.to_vec(),
            created_at,
            live: true,
        };
        // A deletion of the same moment wins.
        if known.is_none_or(|post| post.live || mention.observed_at > post.observed_at) {
            self.posts.insert(mention.id(), post);
        }
    }

    fn delete(&mut self, deletion: &Deletion) {
        if let Some(post) = self.posts.get_mut(&deletion.key.id()) {
            post.remove(deletion.observed_at);
        }
    }

    fn tombstone(&mut self, tombstone: &AuthorTombstone) {
        for post in self.posts.values_mut().filter(|post| post.author == tombstone.author) {
            post.remove(tombstone.observed_at);
        }
    }
}

impl Post {
    fn remove(&mut self, at: Timestamp) {
        if at >= self.observed_at {
            (self.observed_at, self.live) = (at, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Author, MentionKey};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn version(second: i64) -> Event {
        let author = Author { native_id: "ada".into(), ..Author::default() };
        let mention = Mention::new(MentionKey::new("t", "", "1"), author, at(0), format!("version {second}"));
        Event::Upsert(Box::new(Mention { observed_at: at(second), ..mention }))
    }

    fn deletion(second: i64) -> Event {
        Event::Delete(Deletion { key: MentionKey::new("t", "", "1"), observed_at: at(second) })
    }

    fn texts(events: &[Event]) -> Vec<String> {
        let mut truth = Truth::default();
        for event in events {
            truth.heard(event, &["Acme"]);
        }
        truth.expected().into_values().map(|row| row.text).collect()
    }

    #[test]
    fn the_newest_version_counts_in_whatever_order_they_come() {
        assert_eq!(texts(&[version(1), version(3), version(2), version(1)]), ["version 3"]);
    }

    #[test]
    fn a_deletion_is_a_version_and_wins_over_one_of_the_same_moment() {
        assert!(texts(&[version(1), deletion(2), version(1), version(2)]).is_empty());
        assert_eq!(texts(&[version(3), deletion(2)]), ["version 3"]);
        assert_eq!(texts(&[version(1), deletion(2), version(3)]), ["version 3"]);
    }

    #[test]
    fn a_tombstone_removes_what_its_author_wrote_until_then() {
        let tombstone = |author: &str| {
            let (platform, instance) = ("t".into(), String::new());
            let observed_at = at(2);
            Event::AuthorTombstone(AuthorTombstone { platform, instance, author: author.into(), observed_at })
        };
        assert!(texts(&[version(1), tombstone("ada")]).is_empty());
        assert_eq!(texts(&[version(1), tombstone("bob")]), ["version 1"]);
        assert_eq!(texts(&[version(1), tombstone("ada"), version(3)]), ["version 3"]);
    }
}
