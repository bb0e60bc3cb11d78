//! Stories: near-duplicates, rewordings and reposts fold into the first mention that told them.
//!
//! | mention | its story |
//! |---|---|
//! | repost, or quote without a word of its own | its parent's, whether or not the parent was seen |
//! | text that shares most of its shingles with the first text of a story | that story |
//! | text that is cut off, and begins as the first text does | that story |
//! | text that shares nearly half of them, and says the same by the model's embedding | that story |
//! | anything else, and every text too short to tell | its own |
//!
//! A text is compared with first texts alone, so that a story does not drift from copy to copy. A mention that others
//! named as their story stays one.
//!
//! **Bounded.** Mentions are known for a window of time before the newest, and up to a number; the oldest are forgotten
//! first. A story is as young as the last mention of it, so one that goes on is known for as long as it does.
//!
//! **Replays.** A mention that is known gets the story that it has. After a restart [`Stories::remember`] takes in what
//! was scored before, so that the answer is the same for what the window still holds. Not the same may be: what lies
//! beyond the window, and the order of mentions that several partitions bring. Of several scorers each knows what it
//! scored itself, and finds copies among that; reposts are exact everywhere.

mod canonical;
mod index;
mod meaning;
mod shingle;

use std::collections::{BTreeSet, HashMap};

use grapevine_model::{Kind, Mention, MentionId};
use jiff::{SignedDuration, Timestamp};

use canonical::{canonical, weight};
use index::{Index, Sought};
pub use meaning::Meaning;

/// Letters that a text must have: shorter ones ("happy Monday everyone") are written by many who know nothing of each other.
const LEAST_WEIGHT: usize = 28;

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoryLimits {
    /// How long after the last mention of a story another may join it.
    pub window: SignedDuration,
    /// Mentions that are remembered at most, about 1.5 KiB each.
    pub mentions: usize,
}

impl Default for StoryLimits {
    fn default() -> Self {
        Self { window: SignedDuration::from_hours(72), mentions: 100_000 }
    }
}

/// The stories of the last while, and the mentions that belong to them.
pub struct Stories {
    limits: StoryLimits,
    index: Index,
    known: HashMap<MentionId, Known>,
    /// Oldest first.
    by_age: BTreeSet<(Timestamp, MentionId)>,
}

struct Known {
    story: MentionId,
    /// Of the mention; of a story's first one, of the last mention of it.
    at: Timestamp,
    /// Of the canonical text; 0 where none was seen.
    text: u64,
    /// Where the text is kept: of first mentions only.
    slot: Option<u32>,
}

impl Stories {
    pub fn new(limits: StoryLimits) -> Self {
        Self { limits, index: Index::default(), known: HashMap::new(), by_age: BTreeSet::new() }
    }

    /// Mentions that are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The story of a mention; its own id where it is the first. Where `meaning` knows nothing, letters alone decide.
    pub fn assign(&mut self, mention: &Mention, meaning: &dyn Meaning) -> MentionId {
        self.take_in(mention, None, meaning)
    }

    /// Takes in a mention whose story was assigned before, by this process or by another.
    pub fn remember(&mut self, mention: &Mention, story: MentionId) {
        self.take_in(mention, Some(story), &());
    }

    fn take_in(&mut self, mention: &Mention, given: Option<MentionId>, meaning: &dyn Meaning) -> MentionId {
        // One that is dated ahead must not make all others old.
        let (id, at) = (mention.id(), mention.created_at.min(mention.observed_at));
        let text = canonical(&mention.text);
        let hash = shingle::hash(text.as_bytes());
        let before = self.known.get(&id).map(|known| (known.story, known.text == hash));
        let story = match (given, before) {
            (Some(story), _) | (None, Some((story, true))) => story,
            // Edited, or named by another before it came: the story that others belong to stays.
            (None, Some((story, false))) if story == id => id,
            _ => self.find(mention, at, &text, meaning),
        };
        if before != Some((story, true)) {
            self.place(id, Known { story, at, text: hash, slot: None }, text);
        }
        self.touch(story, at);
        self.forget();
        story
    }

    fn find(&self, mention: &Mention, at: Timestamp, text: &str, meaning: &dyn Meaning) -> MentionId {
        let id = mention.id();
        if let Some(parent) = mention.parent_id().filter(|_| passes_on(mention, text)) {
            return self.known.get(&parent).map_or(parent, |known| known.story);
        }
        if weight(text) < LEAST_WEIGHT {
            return id;
        }
        let within = |story: MentionId| {
            let seen = self.known.get(&story).map(|known| known.at);
            story != id && seen.is_some_and(|seen| seen.duration_since(at).abs() <= self.limits.window)
        };
        self.index.nearest(&Sought::new(text.to_owned()), within, meaning).unwrap_or(id)
    }

    /// Notes a mention in place of what was known of it.
    fn place(&mut self, id: MentionId, mut new: Known, text: String) {
        if let Some(old) = self.drop_known(id) {
            new.at = new.at.max(old.at);
        }
        if new.story == id && weight(&text) >= LEAST_WEIGHT {
            new.slot = Some(self.index.insert(id, Sought::new(text)));
        }
        self.by_age.insert((new.at, id));
        self.known.insert(id, new);
    }

    /// A story is as young as its last mention. One that was not seen itself is noted: when it comes, it stays a story.
    fn touch(&mut self, story: MentionId, at: Timestamp) {
        match self.known.get_mut(&story) {
            Some(known) if known.at < at => {
                self.by_age.remove(&(known.at, story));
                known.at = at;
                self.by_age.insert((at, story));
            }
            Some(_) => {}
            None => self.place(story, Known { story, at, text: 0, slot: None }, String::new()),
        }
    }

    fn forget(&mut self) {
        while let Some(&(at, id)) = self.by_age.first() {
            let newest = self.by_age.last().map_or(at, |(newest, _)| *newest);
            let too_old = newest.duration_since(at) > self.limits.window;
            if !too_old && self.known.len() <= self.limits.mentions {
                break;
            }
            self.drop_known(id);
        }
    }

    fn drop_known(&mut self, id: MentionId) -> Option<Known> {
        let known = self.known.remove(&id)?;
        self.by_age.remove(&(known.at, id));
        if let Some(slot) = known.slot {
            self.index.remove(slot);
        }
        Some(known)
    }
}

/// It adds nothing of its own to what it names.
fn passes_on(mention: &Mention, text: &str) -> bool {
    mention.kind == Kind::Repost || (mention.kind == Kind::Quote && text.is_empty())
}

#[cfg(test)]
mod tests;
