//! What happens to the mentions, and what must be stored in the end: computed without the store.

use std::collections::BTreeMap;

use grapevine_model::{Event, Intent, Mention, MentionId, Polarity};
use grapevine_store::Batch;
use jiff::{SignedDuration, Timestamp};

use crate::world::{at, by, delete, of, post, scores, tombstone, upsert, varied};

pub const PARTITIONS: u32 = 3;
const MENTIONS: u64 = 14;
const AUTHORS: u64 = 4;
/// Authors 0 to this are gone in the end.
const GONE: usize = 2;
const BRANDS: [&str; 2] = ["acme", "zenith"];

/// Random numbers of a seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// The events of a partition, cut into ranges.
pub fn ranges(partition: u32, dice: &mut Dice, events: usize) -> Vec<Batch> {
    let mut made: Vec<Event> = vec![];
    let mut gone = [false; GONE];
    for number in 0..events {
        let event = match dice.roll(10) {
            0 if !made.is_empty() => made[dice.roll(made.len() as u64) as usize].clone(),
            1 => delete(&mention(partition, dice, number), moment(number)),
            2 if number > events / 2 => {
                let author = dice.roll(GONE as u64) as usize;
                gone[author] = true;
                gone_at(author)
            }
            _ => upsert(&mention(partition, dice, number)),
        };
        // What an author writes after the tombstone is newer than it; else the end would depend on who comes first.
        if of_the_gone(&event, &gone) {
            continue;
        }
        made.push(event);
    }
    // An ingestor appends a tombstone to every partition, and each removes what is there of any partition: only when
    // all have come is the end the same in any order.
    made.extend((0..GONE).map(gone_at));
    cut(partition, made, dice)
}

fn gone_at(author: usize) -> Event {
    tombstone(&format!("a{author}"), at("2026-03-06T00:00:00Z"))
}

fn of_the_gone(event: &Event, gone: &[bool]) -> bool {
    let author = |name: &str| name.strip_prefix('a').and_then(|number| number.parse::<usize>().ok());
    match event {
        Event::Upsert(mention) => author(&mention.author.native_id).is_some_and(|author| author < GONE && gone[author]),
        _ => false,
    }
}

/// Observed in the order of their numbers, but every third one late.
fn moment(number: usize) -> Timestamp {
    let number = if number.is_multiple_of(3) { number.saturating_sub(5) } else { number };
    at("2026-03-05T00:00:00Z") + SignedDuration::from_millis(number as i64 * 1000 + 1)
}

/// Of any partition, whether it was or will be written or not.
pub fn any_mention(dice: &mut Dice) -> MentionId {
    let (partition, id) = (dice.roll(PARTITIONS.into()), dice.roll(MENTIONS));
    post(&format!("{partition}-{id}"), at("2026-03-02T09:00:00Z")).id()
}

pub fn brand(dice: &mut Dice) -> &'static str {
    BRANDS[dice.roll(BRANDS.len() as u64) as usize]
}

fn mention(partition: u32, dice: &mut Dice, number: usize) -> Mention {
    let id = dice.roll(MENTIONS);
    // Few hours, in two months, so that rebuilds and inserts meet.
    let created = [at("2026-02-28T22:10:00Z"), at("2026-03-02T09:00:00Z"), at("2026-03-02T10:30:00Z")];
    // Now and then a platform says another time of creation.
    let moved = if dice.roll(6) == 0 { 1 } else { 0 };
    let plain =
        by(&format!("a{}", id % AUTHORS), post(&format!("{partition}-{id}"), created[((id + moved) % 3) as usize]));
    let brands = BRANDS.iter().filter(|_| dice.roll(4) > 0).map(|brand| of(brand)).collect();
    let polarity = Polarity::ALL[dice.roll(3) as usize];
    // Every observation has a moment of its own.
    let observed_at = moment(number) + SignedDuration::from_micros(number as i64);
    varied(number, Mention { brands, observed_at, scores: Some(scores(polarity, Intent::None)), ..plain })
}

fn cut(partition: u32, events: Vec<Event>, dice: &mut Dice) -> Vec<Batch> {
    let mut ranges = vec![];
    let mut numbered = (0u64..).zip(events).peekable();
    while let Some((first_offset, _)) = numbered.peek() {
        let (first_offset, length) = (*first_offset, 1 + dice.roll(8));
        let events: Vec<(u64, Event)> = numbered.by_ref().take(length as usize).collect();
        let last_offset = first_offset + events.len() as u64 - 1;
        let (log, topic) = ("chaos".to_owned(), "scored".to_owned());
        let (unreadable, replay) = (0, false);
        ranges.push(Batch { log, topic, partition, first_offset, last_offset, events, unreadable, replay });
    }
    ranges
}

/// A mention of a brand: when it was created (in milliseconds), and what it says, if it is there.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    pub created_ms: i64,
    pub live: Option<Polarity>,
    version: i64,
}

/// What is stored once all ranges are, each exactly once and in order.
pub fn outcome(ranges: &[Batch]) -> BTreeMap<(String, u128), State> {
    let mut stored: BTreeMap<(String, u128), State> = BTreeMap::new();
    for (_, event) in ranges.iter().flat_map(|range| &range.events) {
        match event {
            Event::Upsert(mention) => {
                let id = mention.id().0;
                let version = mention.observed_at.as_microsecond() * 2;
                let named = |brand: &str| mention.brands.iter().any(|of| of.brand == brand);
                remove(&mut stored, version, |(brand, stored_id), _| *stored_id == id && !named(brand));
                for brand in &mention.brands {
                    let slot = stored.entry((brand.brand.clone(), id)).or_insert(State {
                        created_ms: mention.created_at.as_millisecond(),
                        live: None,
                        version: i64::MIN,
                    });
                    if slot.version <= version {
                        slot.version = version;
                        slot.live = mention.scores.as_ref().map(|scores| scores.polarity);
                    }
                }
            }
            Event::Delete(deletion) => {
                let (id, version) = (deletion.key.id().0, deletion.observed_at.as_microsecond() * 2 + 1);
                remove(&mut stored, version, |(_, stored_id), _| *stored_id == id);
            }
            Event::AuthorTombstone(tombstone) => {
                let written = written_by(ranges, &tombstone.author);
                let version = tombstone.observed_at.as_microsecond() * 2 + 1;
                remove(&mut stored, version, |(_, id), _| written.contains(id));
            }
            _ => {}
        }
    }
    stored
}

fn written_by(ranges: &[Batch], author: &str) -> Vec<u128> {
    let events = ranges.iter().flat_map(|range| &range.events);
    let id = |event: &Event| match event {
        Event::Upsert(mention) if mention.author.native_id == author => Some(mention.id().0),
        _ => None,
    };
    events.filter_map(|(_, event)| id(event)).collect()
}

fn remove(stored: &mut BTreeMap<(String, u128), State>, version: i64, which: impl Fn(&(String, u128), &State) -> bool) {
    for (at, state) in stored.iter_mut() {
        if which(at, state) && state.live.is_some() && state.version <= version {
            (state.live, state.version) = (None, version);
        }
    }
}
