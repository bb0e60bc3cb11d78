//! Dead letters: each bad line and each record that is no event parked, under its own place alone.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{Event, topics, wire};
use serde::Deserialize;

use super::{Found, read_all};
use crate::{truth::Truth, world::World};

#[derive(Debug, Default)]
pub struct Letters {
    /// Places that must have a letter.
    pub expected: u64,
    /// Places that have one.
    pub parked: u64,
    /// Copies of letters that were parked again after a crash; readers fold them by their place.
    pub repeated: u64,
    pub missing: u64,
    /// Letters for what was never wrong, or under a second place.
    pub unexpected: u64,
}

impl Letters {
    pub fn violations(&self) -> u64 {
        self.missing + self.unexpected
    }
}

type ByPlace = BTreeMap<String, Vec<u8>>;

#[derive(Deserialize)]
struct Letter {
    place: String,
    original: Original,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Original {
    Utf8(String),
    Hex(String),
}

impl Original {
    fn bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
        match self {
            Original::Utf8(text) => text.clone().into_bytes(),
            Original::Hex(hex) => hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect(),
        }
    }
}

pub fn compare(world: &World, truth: &Truth, found: &mut Found) -> anyhow::Result<()> {
    let mut wanted = BTreeMap::new();
    for topic in [topics::RAW, topics::SCORED] {
        let mut versions = BTreeSet::new();
        for record in read_all(world, topic)? {
            match wire::decode(&record.value) {
                Ok(Event::Upsert(mention)) if topic == topics::SCORED => {
                    found.repeated += u64::from(!versions.insert((mention.id(), mention.observed_at)));
                }
                Ok(_) => {}
                Err(_) => {
                    let place = format!("{} partition {} offset {}", record.topic, record.partition, record.offset);
                    wanted.insert(place, record.value);
                }
            }
        }
    }
    let mut places = BTreeMap::new();
    for record in read_all(world, topics::DEAD_LETTERS)? {
        let letter: Letter = serde_json::from_slice(&record.value)?;
        found.letters.repeated += u64::from(places.insert(letter.place, letter.original.bytes()).is_some());
    }
    judge(truth, wanted, places, found);
    Ok(())
}

/// `wanted`: records that are no events; `places`: letters. Both by place, with the bytes.
fn judge(truth: &Truth, wanted: ByPlace, mut places: ByPlace, found: &mut Found) {
    every_poison_was_sent_and_stands(truth, &wanted, found);
    found.letters.parked = places.len() as u64;
    found.letters.expected = (wanted.len() + truth.bad_lines.len()) as u64;
    lines(truth, &mut places, found);
    for (place, bytes) in wanted {
        match places.remove(&place) {
            Some(parked) if parked == bytes => {}
            other => found.note(|found| &mut found.letters.missing, || format!("no letter of {place}: {other:?}")),
        }
    }
    for place in places.into_keys() {
        found.note(|found| &mut found.letters.unexpected, || format!("a letter of {place} too many"));
    }
}

/// What was appended and acknowledged is on the log.
fn every_poison_was_sent_and_stands(truth: &Truth, wanted: &ByPlace, found: &mut Found) {
    let standing: BTreeSet<&Vec<u8>> = wanted.values().collect();
    for poison in truth.poison.iter().filter(|poison| !standing.contains(poison)) {
        let shown = String::from_utf8_lossy(poison).into_owned();
        found.note(|found| &mut found.letters.missing, || format!("the log has lost {shown:?}"));
    }
}

/// Takes the letters of the file's lines out of `places`.
fn lines(truth: &Truth, places: &mut ByPlace, found: &mut Found) {
    for (text, number) in &truth.bad_lines {
        let named = format!(" line {number} ");
        let place = places.iter().find(|(place, bytes)| place.contains(&named) && trimmed(bytes) == text.as_bytes());
        match place.map(|(place, _)| place.clone()) {
            Some(place) => drop(places.remove(&place)),
            None => found.note(|found| &mut found.letters.missing, || format!("no letter of line {number}: {text}")),
        }
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(letters: &[(&str, &str)]) -> (u64, u64) {
        let mut truth = Truth::default();
        truth.poison.insert(b"poison 1".to_vec());
        truth.bad_lines.insert("no JSON".into(), 7);
        let wanted = ByPlace::from([("mentions.raw partition 0 offset 5".into(), b"poison 1".to_vec())]);
        let places = letters.iter().map(|(place, bytes)| ((*place).to_owned(), bytes.as_bytes().to_vec())).collect();
        let mut found = Found::default();
        judge(&truth, wanted, places, &mut found);
        (found.letters.missing, found.letters.unexpected)
    }

    #[test]
    fn every_bad_line_and_record_has_one_letter_with_its_bytes_and_nothing_else_has_one() {
        let record = ("mentions.raw partition 0 offset 5", "poison 1");
        let line = ("source posts: posts.ndjson line 7 (byte 99)", "no JSON\n");
        assert_eq!(judged(&[record, line]), (0, 0));
        assert_eq!(judged(&[record]), (1, 0));
        assert_eq!(judged(&[(record.0, "other bytes"), line]), (1, 0));
        assert_eq!(judged(&[record, line, ("mentions.raw partition 0 offset 6", "fine")]), (0, 1));
        assert_eq!(judged(&[record, ("source posts: posts.ndjson line 8 (byte 99)", "no JSON")]), (1, 1));
    }

    #[test]
    fn bytes_that_are_no_text_are_read_back() {
        let letter: Letter = serde_json::from_str(r#"{"place":"p","original":{"hex":"ff00fe"}}"#).unwrap();
        assert_eq!(letter.original.bytes(), [0xff, 0, 0xfe]);
    }
}
