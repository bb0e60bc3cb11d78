//! What a log and a store would hold of what was appended to them: the newest version of each id.

use std::collections::{BTreeMap, HashSet};

use grapevine_model::{Event, Mention};
use grapevine_sources::{
    conformance::{
        shape::Shape,
        story::{Told, View},
    },
    registry::Arrival,
};
use jiff::Timestamp;

/// Folds events as the store does: of each id the newest version counts, by when it was observed.
#[derive(Default)]
pub struct Known {
    mentions: BTreeMap<String, Version>,
    /// Authors whose accounts are gone, and when that was seen.
    buried: BTreeMap<String, Timestamp>,
    /// How many events were about what was known.
    pub came_again: usize,
    /// Reasons.
    pub gaps: Vec<String>,
}

/// One that was deleted has no mention.
struct Version {
    observed_at: Timestamp,
    mention: Option<Mention>,
}

impl Known {
    pub fn take(&mut self, events: Vec<Event>) {
        for event in events {
            match event {
                Event::Upsert(mention) => self.put(mention.key.native_id.clone(), mention.observed_at, Some(*mention)),
                Event::Delete(deletion) => self.put(deletion.key.native_id, deletion.observed_at, None),
                Event::AuthorTombstone(tombstone) => {
                    let at = self.buried.entry(tombstone.author).or_insert(tombstone.observed_at);
                    *at = tombstone.observed_at.max(*at);
                }
                Event::Gap(gap) => self.gaps.push(gap.reason),
                _ => {}
            }
        }
    }

    /// At equal times a deletion stays: the store keeps it so.
    fn put(&mut self, id: String, observed_at: Timestamp, mention: Option<Mention>) {
        let before = self.mentions.get(&id);
        self.came_again += usize::from(before.is_some());
        let is_older = |before: &Version| {
            before.observed_at > observed_at || before.observed_at == observed_at && before.mention.is_none()
        };
        if !before.is_some_and(is_older) {
            self.mentions.insert(id, Version { observed_at, mention });
        }
    }

    /// Ids, of the deleted too.
    pub fn len(&self) -> usize {
        self.mentions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.mentions.is_empty()
    }

    /// What was not deleted, by native id.
    pub fn there(&self) -> impl Iterator<Item = (&String, &Mention)> {
        self.mentions.iter().filter_map(|(id, version)| Some((id, self.alive(version)?)))
    }

    fn get(&self, id: &str) -> Option<&Mention> {
        self.alive(self.mentions.get(id)?)
    }

    fn alive<'a>(&self, version: &'a Version) -> Option<&'a Mention> {
        let mention = version.mention.as_ref()?;
        let buried_at = self.buried.get(&mention.author.native_id);
        buried_at.is_none_or(|at| version.observed_at > *at).then_some(mention)
    }

    /// In what it differs from what the platform tells of posts since then, in words; nothing where it is right.
    pub fn differs(&self, shape: &dyn Shape, view: &View<'_>, from: Timestamp) -> Option<String> {
        let traits = shape.traits();
        for post in view.posts.iter().filter(|post| shape.tells(post) && post.created_at >= from) {
            let id = shape.native_id(post);
            let Some(mention) = self.get(&id) else {
                let version = self.mentions.get(&id).map_or("never came", |_| "is deleted");
                return Some(format!("{id} {version}: {:?}", post.text));
            };
            if traits.edits && mention.text != shape.text(post) {
                return Some(format!("{id} says {:?} and should say {:?}", mention.text, shape.text(post)));
            }
        }
        self.should_not_be(shape, view)
    }

    /// What was deleted, or never was.
    fn should_not_be(&self, shape: &dyn Shape, view: &View<'_>) -> Option<String> {
        let traits = shape.traits();
        let is_there = |post: &&Told| self.get(&shape.native_id(post)).is_some();
        // Who looks again after a quarter of an hour is not waited for.
        let tells_deletions = traits.deletes && traits.arrival != Arrival::Polled;
        if let Some(post) = view.gone.iter().filter(|_| tells_deletions).find(is_there) {
            return Some(format!("{} was deleted and is there", shape.native_id(post)));
        }
        let told: HashSet<String> = view.posts.iter().chain(view.gone).map(|post| shape.native_id(post)).collect();
        let foreign = self.mentions.keys().find(|id| !told.contains(*id));
        foreign.map(|id| format!("{id} is there, and nobody ever wrote it"))
    }
}
