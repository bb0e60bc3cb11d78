//! The first text of each story, found by what it shares with another.

use std::collections::HashMap;

use grapevine_model::MentionId;

use super::{
    canonical::weight,
    meaning::{Meaning, said_again},
    shingle::{self, BANDS, Overlap, Signature, Sketch},
};

/// Share of all shingles from which on two texts are one story. Measured on the pairs of `tests/it/story.rs`.
const SAME: f32 = 0.65;
/// Share from which on a text may be another in other words, if both mean the same. Below it, posts of one kind ("thank
/// you for the quick answer") mean the same without being one story.
const REWORDED: f32 = 0.45;
/// Letters that both must have for that: many say the same in few words.
const LEAST_REWORDED: usize = 40;
/// Texts whose meaning is compared with that of a new one, those that share most first: each costs a pass of the model.
const MEANINGS: usize = 4;
/// Share of the shorter text's shingles from which on it is the beginning of the longer, cut off.
const CONTAINED: f32 = 0.9;
/// A beginning shorter than this, in shingles, begins many texts.
const LEAST_BEGINNING: usize = 40;
/// Characters at the start that a text and its cut-off copy have in common.
const OPENING: usize = 24;
/// Share by the sketches below which no text is compared in full, unless it may be cut off.
const WORTH_COMPARING: f32 = 0.3;
/// Texts that are compared in full with a new one, those that share most first.
const COMPARED: usize = 16;
/// Texts of one band that are looked at, the newest: more than that begin or end alike without being one story.
const DEEP: usize = 64;

type Slot = u32;

/// First texts, by band.
#[derive(Default)]
pub(super) struct Index {
    slots: Vec<Option<First>>,
    free: Vec<Slot>,
    bands: HashMap<u64, Vec<Slot>>,
}

struct First {
    id: MentionId,
    text: Box<str>,
    sketch: Sketch,
}

/// A text that is looked for, or kept.
pub(super) struct Sought {
    text: String,
    shingles: Vec<u64>,
    sketch: Sketch,
    /// Of the bands, and one of the text's opening.
    keys: [u64; BANDS + 1],
}

impl Sought {
    pub fn new(canonical: String) -> Self {
        let shingles = shingle::shingles(&canonical);
        let signature = Signature::of(&shingles);
        let mut keys = [0; BANDS + 1];
        keys[..BANDS].copy_from_slice(&signature.bands());
        keys[BANDS] = shingle::hash(opening(&canonical).as_bytes());
        Self { text: canonical, shingles, sketch: signature.sketch(), keys }
    }
}

fn opening(text: &str) -> &str {
    text.char_indices().nth(OPENING).map_or(text, |(at, _)| &text[..at])
}

impl Index {
    pub fn insert(&mut self, id: MentionId, sought: Sought) -> Slot {
        let first = Some(First { id, text: sought.text.into(), sketch: sought.sketch });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = first;
                slot
            }
            None => {
                self.slots.push(first);
                (self.slots.len() - 1) as Slot
            }
        };
        for key in sought.keys {
            self.bands.entry(key).or_default().push(slot);
        }
        slot
    }

    pub fn remove(&mut self, slot: Slot) {
        let Some(first) = self.slots.get_mut(slot as usize).and_then(Option::take) else { return };
        self.free.push(slot);
        for key in Sought::new(first.text.into()).keys {
            let Some(slots) = self.bands.get_mut(&key) else { continue };
            slots.retain(|other| *other != slot);
            if slots.is_empty() {
                self.bands.remove(&key);
            }
        }
    }

    /// The story of the text that is most alike, of those that `eligible` lets pass; else of the one that says the same.
    pub fn nearest(
        &self,
        sought: &Sought,
        eligible: impl Fn(MentionId) -> bool,
        meaning: &dyn Meaning,
    ) -> Option<MentionId> {
        let firsts = self.candidates(sought).into_iter().filter_map(|slot| self.slots[slot as usize].as_ref());
        let alike = |first: &&First| eligible(first.id).then(|| alike(sought, &first.text)).flatten();
        let mut found: Vec<(Alike, &First)> = firsts.filter_map(|first| Some((alike(&first)?, first))).collect();
        // Stable: of equals the one that came first.
        found.sort_by(|(a, _), (b, _)| b.share().total_cmp(&a.share()));
        if let Some((_, first)) = found.iter().find(|(alike, _)| matches!(alike, Alike::Copy(_))) {
            return Some(first.id);
        }
        let firsts: Vec<&First> = found.into_iter().map(|(_, first)| first).take(MEANINGS).collect();
        let texts: Vec<&str> = firsts.iter().map(|first| &*first.text).collect();
        said_again(meaning, &sought.text, &texts).map(|at| firsts[at].id)
    }

    /// Those that share most first; among equals the one that came first.
    fn candidates(&self, sought: &Sought) -> Vec<Slot> {
        let mut slots: Vec<Slot> = Vec::new();
        for of_band in sought.keys.iter().filter_map(|key| self.bands.get(key)) {
            slots.extend(of_band.iter().rev().take(DEEP));
        }
        slots.sort_unstable();
        slots.dedup();
        let share = |slot: Slot| {
            let first = self.slots[slot as usize].as_ref()?;
            let share = shingle::estimate(&first.sketch, &sought.sketch);
            (share >= WORTH_COMPARING || opening(&first.text) == opening(&sought.text)).then_some((share, slot))
        };
        let mut ranked: Vec<(f32, Slot)> = slots.into_iter().filter_map(share).collect();
        ranked.sort_by(|(a, left), (b, right)| b.total_cmp(a).then(left.cmp(right)));
        ranked.into_iter().take(COMPARED).map(|(_, slot)| slot).collect()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.bands.is_empty() && self.slots.iter().all(Option::is_none)
    }
}

/// How a text is like another, and the share of their shingles that both have.
enum Alike {
    Copy(f32),
    /// If both mean the same.
    Reworded(f32),
}

impl Alike {
    fn share(&self) -> f32 {
        let (Self::Copy(share) | Self::Reworded(share)) = self;
        *share
    }
}

fn alike(sought: &Sought, text: &str) -> Option<Alike> {
    let shingles = shingle::shingles(text);
    let Overlap { of_both, of_smaller } = shingle::overlap(&sought.shingles, &shingles);
    let cut_off = of_smaller >= CONTAINED
        && sought.shingles.len().min(shingles.len()) >= LEAST_BEGINNING
        && opening(&sought.text) == opening(text);
    let found = if of_both >= SAME || cut_off {
        Alike::Copy(of_both)
    } else if of_both >= REWORDED && weight(&sought.text).min(weight(text)) >= LEAST_REWORDED {
        Alike::Reworded(of_both)
    } else {
        return None;
    };
    (!numbers_differ(&sought.text, text)).then_some(found)
}

/// "Version 2.1 is out" and "version 2.2 is out" share nearly all and are two stories. What one leaves out is no difference.
fn numbers_differ(a: &str, b: &str) -> bool {
    let numbers =
        |text| -> Vec<&str> { str::split(text, ' ').filter(|w| w.contains(|c: char| c.is_numeric())).collect() };
    let (a, b) = (numbers(a), numbers(b));
    a.iter().any(|number| !b.contains(number)) && b.iter().any(|number| !a.contains(number))
}
