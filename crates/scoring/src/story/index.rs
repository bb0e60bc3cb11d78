//! The first text of each story, found by what it shares with another.

use std::collections::HashMap;

use grapevine_model::MentionId;

use super::shingle::{self, BANDS, Overlap, Signature, Sketch};

/// Share of all shingles from which on two texts are one story. Measured on the pairs of `tests/it/story.rs`.
const SAME: f32 = 0.65;
/// Share of the shorter text's shingles from which on it is the beginning of the longer, cut off.
const CONTAINED: f32 = 0.9;
/// A beginning shorter than this, in shingles, begins many texts.
const LEAST_BEGINNING: usize = 40;
/// Characters at the start that a text and its cut-off copy have in common.
const OPENING: usize = 24;
/// Share by the sketches below which no text is compared in full, unless it may be cut off.
const WORTH_COMPARING: f32 = 0.4;
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

    /// The story that a text is most alike, of those that `eligible` lets pass.
    pub fn nearest(&self, sought: &Sought, eligible: impl Fn(MentionId) -> bool) -> Option<MentionId> {
        let mut best: Option<(f32, MentionId)> = None;
        for slot in self.candidates(sought) {
            let Some(first) = &self.slots[slot as usize] else { continue };
            let alike = eligible(first.id).then(|| alike(sought, &first.text)).flatten();
            if let Some(alike) = alike.filter(|alike| best.is_none_or(|(most, _)| *alike > most)) {
                best = Some((alike, first.id));
            }
        }
        best.map(|(_, id)| id)
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

/// How much two texts share, where that makes them one story.
fn alike(sought: &Sought, text: &str) -> Option<f32> {
    let shingles = shingle::shingles(text);
    let Overlap { of_both, of_smaller } = shingle::overlap(&sought.shingles, &shingles);
    let cut_off = of_smaller >= CONTAINED
        && sought.shingles.len().min(shingles.len()) >= LEAST_BEGINNING
        && opening(&sought.text) == opening(text);
    ((of_both >= SAME || cut_off) && !numbers_differ(&sought.text, text)).then_some(of_both)
}

/// "Version 2.1 is out" and "version 2.2 is out" share nearly all and are two stories. What one leaves out is no difference.
fn numbers_differ(a: &str, b: &str) -> bool {
    let numbers =
        |text| -> Vec<&str> { str::split(text, ' ').filter(|w| w.contains(|c: char| c.is_numeric())).collect() };
    let (a, b) = (numbers(a), numbers(b));
    a.iter().any(|number| !b.contains(number)) && b.iter().any(|number| !a.contains(number))
}
