//! The letters of `mentions.dlq`, folded: a letter that a crash parked twice is one, and marks say what became of it.
//!
//! | on the topic | means |
//! |---|---|
//! | a dead letter | something was parked; its offset is its number |
//! | the same again: stage, place, reason and bytes | parked once more after a crash, before it was replayed |
//! | a mark | the letter was replayed, or a replay refused it again |

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
};

use grapevine_log::{Log, LogError, PollLimits, Received};
use grapevine_model::topics;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::stages::dead_letter::{DeadLetter, Original};

/// What stands on the topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    Mark { mark: Mark },
    Letter(DeadLetter),
}

/// What became of a letter; appended behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// The letter's offset.
    pub letter: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    Replayed,
    Refused { reason: String },
}

/// A letter and what became of it, without its bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Letter {
    /// Offset where it was parked first.
    pub number: u64,
    pub parked_at: Timestamp,
    pub stage: String,
    pub place: String,
    /// The newest: a replay that was refused may have found another.
    pub reason: String,
    /// Of the original.
    pub bytes: u64,
    /// How often it was parked: more than once after a crash.
    pub times: u32,
    #[serde(flatten)]
    pub state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum State {
    Parked,
    /// A replay at this time was refused: it is still parked.
    Refused {
        at: Timestamp,
    },
    Replayed {
        at: Timestamp,
    },
}

impl Letter {
    pub fn is_replayed(&self) -> bool {
        matches!(self.state, State::Replayed { .. })
    }

    /// The reason without its details, to count by: `a record is not the JSON of an event`.
    pub fn kind_of_reason(&self) -> &str {
        self.reason.split_once(": ").map_or(self.reason.as_str(), |(kind, _)| kind)
    }
}

/// Folds the topic, in the order of its offsets.
#[derive(Debug, Default)]
pub struct Letters {
    all: Vec<Letter>,
    /// Letters that are not replayed, by what they say.
    open: HashMap<u64, usize>,
    /// Every offset that is a letter, copies included.
    places: BTreeMap<u64, usize>,
}

impl Letters {
    pub fn take(&mut self, record: &Received) {
        match serde_json::from_slice(&record.value) {
            Ok(Entry::Mark { mark }) => self.mark(mark),
            Ok(Entry::Letter(letter)) => self.letter(record.offset, letter),
            Err(error) => self.letter(record.offset, unknown(record, &error)),
        }
    }

    fn letter(&mut self, offset: u64, letter: DeadLetter) {
        let mut hasher = DefaultHasher::new();
        (&letter.stage, &letter.place, &letter.reason).hash(&mut hasher);
        let bytes = match &letter.original {
            Original::Utf8(text) => text.len(),
            Original::Hex(digits) => digits.len() / 2,
        };
        match &letter.original {
            Original::Utf8(text) | Original::Hex(text) => text.hash(&mut hasher),
        }
        let DeadLetter { stage, place, reason, at, .. } = letter;
        let at_index = *self.open.entry(hasher.finish()).or_insert_with(|| {
            let (bytes, times, state) = (bytes as u64, 0, State::Parked);
            self.all.push(Letter { number: offset, parked_at: at, stage, place, reason, bytes, times, state });
            self.all.len() - 1
        });
        self.all[at_index].times += 1;
        self.places.insert(offset, at_index);
    }

    fn mark(&mut self, mark: Mark) {
        let Some(index) = self.places.get(&mark.letter).copied() else { return };
        let letter = &mut self.all[index];
        match mark.outcome {
            Outcome::Replayed => {
                letter.state = State::Replayed { at: mark.at };
                // What says the same from now on was parked anew.
                self.open.retain(|_, open| *open != index);
            }
            Outcome::Refused { reason } => {
                letter.state = State::Refused { at: mark.at };
                letter.reason = reason;
            }
        }
    }

    /// The letter with this number, or one of whose copies has it.
    pub fn get(&self, number: u64) -> Option<&Letter> {
        self.places.get(&number).map(|index| &self.all[*index])
    }

    /// In the order that they were parked.
    pub fn all(&self) -> &[Letter] {
        &self.all
    }

    pub fn into_all(self) -> Vec<Letter> {
        self.all
    }
}

/// The letter that a record is.
pub fn parse(record: &Received) -> DeadLetter {
    serde_json::from_slice(&record.value).unwrap_or_else(|error| unknown(record, &error))
}

/// Not written by Grapevine; shown all the same, as nothing is dropped in silence.
fn unknown(record: &Received, error: &serde_json::Error) -> DeadLetter {
    DeadLetter {
        stage: "unknown".into(),
        place: format!("{} offset {}", record.topic, record.offset),
        reason: format!("this is no dead letter of grapevine: {error}"),
        at: record.appended_at,
        original: Original::of(&record.value),
        record: None,
    }
}

const PAGE: PollLimits = PollLimits { records: 2_000, bytes: 16 << 20, wait: std::time::Duration::from_secs(5) };

/// All letters that are there now. Their bytes are not kept.
pub async fn read(log: &dyn Log) -> Result<Letters, LogError> {
    let mut letters = Letters::default();
    let mut pages = Pages::open(log).await?;
    while let Some(page) = pages.next().await? {
        page.iter().for_each(|record| letters.take(record));
    }
    Ok(letters)
}

/// The topic from its beginning to where it ended when it was opened.
pub struct Pages<'a> {
    log: &'a dyn Log,
    from: u64,
    end: u64,
}

impl<'a> Pages<'a> {
    pub async fn open(log: &'a dyn Log) -> Result<Self, LogError> {
        let bounds = log.bounds(topics::DEAD_LETTERS).await?;
        let (from, end) = bounds.get(&0).copied().unwrap_or_default();
        Ok(Self { log, from, end })
    }

    pub async fn next(&mut self) -> Result<Option<Vec<Received>>, LogError> {
        if self.from >= self.end {
            return Ok(None);
        }
        let page = self.log.read(topics::DEAD_LETTERS, 0, self.from, PAGE).await?;
        match page.last() {
            Some(last) => self.from = last.offset + 1,
            None => return Ok(None),
        }
        Ok(Some(page))
    }
}
