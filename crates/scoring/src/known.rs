//! Texts that come again, as reposts and copies do, are read once.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Reading, Scorer, ScoringError, text::normalise};

/// Readings in each of two halves; with an embedding of 384 numbers, 16 MB in both.
const HALF: usize = 4096;

/// A scorer that knows the texts it has read lately. What the model sees of two texts is the same where they are
/// [normalised](normalise) to the same.
pub struct KnownTexts {
    scorer: Arc<dyn Scorer>,
    known: Mutex<Halves>,
    /// Called with how many texts of a call were not read, as they were known.
    spared: Box<dyn Fn(u64) + Send + Sync>,
}

/// When the young half is full it becomes the old one: what was not asked for meanwhile goes with the next.
#[derive(Default)]
struct Halves {
    young: HashMap<String, Reading>,
    old: HashMap<String, Reading>,
}

impl KnownTexts {
    pub fn new(scorer: Arc<dyn Scorer>, spared: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { scorer, known: Mutex::default(), spared: Box::new(spared) }
    }

    fn known(&self) -> MutexGuard<'_, Halves> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scorer for KnownTexts {
    fn description(&self) -> String {
        self.scorer.description()
    }

    fn model(&self) -> &str {
        self.scorer.model()
    }

    fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
        let seen: Vec<String> = texts.iter().map(|text| normalise(text)).collect();
        let mut known = self.known();
        let mut readings: Vec<Option<Reading>> = seen.iter().map(|text| known.get(text)).collect();
        drop(known);
        let mut first: HashMap<&str, usize> = HashMap::new();
        let mut asked = vec![];
        for at in (0..texts.len()).filter(|at| readings[*at].is_none()) {
            first.entry(&seen[at]).or_insert_with(|| {
                asked.push(texts[at]);
                asked.len() - 1
            });
        }
        let read = self.scorer.read(&asked)?;
        if read.len() != asked.len() {
            return Err(ScoringError::Engine(format!("{} readings for {} texts", read.len(), asked.len())));
        }
        for (reading, text) in readings.iter_mut().zip(&seen) {
            reading.get_or_insert_with(|| read[first[text.as_str()]].clone());
        }
        let mut known = self.known();
        for (text, at) in first {
            known.put(text.to_owned(), read[at].clone());
        }
        drop(known);
        (self.spared)((texts.len() - asked.len()) as u64);
        Ok(readings.into_iter().flatten().collect())
    }
}

impl Halves {
    fn get(&mut self, text: &str) -> Option<Reading> {
        if let Some(reading) = self.young.get(text) {
            return Some(reading.clone());
        }
        let (text, reading) = self.old.remove_entry(text)?;
        self.put(text, reading.clone());
        Some(reading)
    }

    fn put(&mut self, text: String, reading: Reading) {
        if self.young.len() >= HALF {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(text, reading);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    use grapevine_model::{Intent, Polarity, Scores};
    use proptest::prelude::*;

    use super::*;

    /// Tells each text by its length, remembers how many it was asked for, and fails on "broken".
    #[derive(Default)]
    struct ByLength(AtomicU64);

    impl Scorer for ByLength {
        fn description(&self) -> String {
            "by length".to_owned()
        }

        fn model(&self) -> &str {
            "length@1"
        }

        fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
            self.0.fetch_add(texts.len() as u64, SeqCst);
            if texts.contains(&"broken") {
                return Err(ScoringError::Engine("broken".to_owned()));
            }
            Ok(texts.iter().map(|text| reading(text)).collect())
        }
    }

    fn reading(text: &str) -> Reading {
        let scores = Scores {
            negative: 0.2,
            neutral: 0.3,
            positive: 0.5,
            polarity: Polarity::Positive,
            confidence: 0.5,
            intent: Intent::None,
            hostility: None,
            irony: None,
            themes: vec![],
            model: "length@1".to_owned(),
        };
        Reading { scores, embedding: Some(vec![normalise(text).len() as f32]) }
    }

    fn known() -> (Arc<ByLength>, Arc<AtomicU64>, KnownTexts) {
        let (scorer, spared) = (Arc::<ByLength>::default(), Arc::<AtomicU64>::default());
        let counted = spared.clone();
        let known = KnownTexts::new(scorer.clone(), move |n| {
            counted.fetch_add(n, SeqCst);
        });
        (scorer, spared, known)
    }

    #[test]
    fn what_the_model_would_see_again_is_read_once_in_a_call_and_after_it() {
        let (scorer, spared, known) = known();
        let texts = ["hello @ada", "hello  @bob", "bye", "hello @ada"];
        assert_eq!(known.read(&texts).unwrap(), texts.map(reading));
        assert_eq!((scorer.0.load(SeqCst), spared.load(SeqCst)), (2, 2));
        assert_eq!(known.read(&["bye", "new"]).unwrap(), ["bye", "new"].map(reading));
        assert_eq!((scorer.0.load(SeqCst), spared.load(SeqCst)), (3, 3));
    }

    #[test]
    fn an_error_is_told_and_nothing_is_known_of_it() {
        let (_, spared, known) = known();
        assert!(known.read(&["fine", "broken"]).is_err());
        assert!(known.read(&["broken"]).is_err());
        assert_eq!(known.read(&["fine"]).unwrap(), [reading("fine")]);
        assert_eq!(spared.load(SeqCst), 0);
    }

    #[test]
    fn what_comes_again_stays_and_the_rest_goes() {
        let (scorer, _, known) = known();
        for n in 0..3 * HALF {
            known.read(&[&format!("text {n}"), "a slogan"]).unwrap();
        }
        assert_eq!(scorer.0.load(SeqCst), 3 * HALF as u64 + 1);
        let held = known.known();
        assert!(held.young.len() <= HALF && held.old.len() <= HALF);
    }

    proptest! {
        #[test]
        fn the_answers_are_those_of_the_scorer(calls in prop::collection::vec(prop::collection::vec("[a-c]{0,2}", 0..6), 1..8)) {
            let (_, _, known) = known();
            for texts in &calls {
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                prop_assert_eq!(known.read(&texts).unwrap(), ByLength::default().read(&texts).unwrap());
            }
        }
    }
}
