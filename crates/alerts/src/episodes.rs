//! From readings to episodes: one alert from its firing to its end.

use grapevine_model::Bucket;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Episode, EpisodeState, NegativeSpike, Reading, VolumeSpike};

/// What a bucket did to an episode. Each carries the whole episode after it.
#[derive(Debug, Clone, PartialEq)]
pub enum Transition {
    Started(Episode),
    /// Its peak is higher than before.
    Updated(Episode),
    Resolved(Episode),
}

impl Transition {
    pub fn episode(&self) -> &Episode {
        match self {
            Transition::Started(episode) | Transition::Updated(episode) | Transition::Resolved(episode) => episode,
        }
    }

    /// Starts and ends are told to receivers; a higher peak is only stored.
    pub fn is_notified(&self) -> bool {
        !matches!(self, Transition::Updated(_))
    }
}

/// A detector of either kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    NegativeSpike(NegativeSpike),
    VolumeSpike(VolumeSpike),
}

impl Detector {
    pub fn rule(&self) -> &'static str {
        match self {
            Detector::NegativeSpike(_) => NegativeSpike::RULE,
            Detector::VolumeSpike(_) => VolumeSpike::RULE,
        }
    }

    pub fn step(&mut self, bucket: &Bucket) -> Reading {
        match self {
            Detector::NegativeSpike(detector) => detector.step(bucket),
            Detector::VolumeSpike(detector) => detector.step(bucket),
        }
    }
}

/// One rule for one brand: its detector and its open episode.
///
/// Pure: the same buckets give the same episodes with the same ids, live, at the rebuild after a start and in a backtest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    brand: String,
    detector: Detector,
    open: Option<Episode>,
    /// End of the last bucket that was taken.
    through: Option<Timestamp>,
}

impl Watch {
    pub fn new(brand: impl Into<String>, detector: Detector) -> Self {
        Self { brand: brand.into(), detector, open: None, through: None }
    }

    pub fn brand(&self) -> &str {
        &self.brand
    }

    /// The episode that is firing.
    pub fn open(&self) -> Option<&Episode> {
        self.open.as_ref()
    }

    /// End of the last bucket that was taken: the next one must start here.
    pub fn through(&self) -> Option<Timestamp> {
        self.through
    }

    /// Takes the next closed bucket. Buckets that are missing in between count as empty; those already taken are left out.
    pub fn step(&mut self, bucket: &Bucket) -> Vec<Transition> {
        let mut transitions = Vec::new();
        let mut next = self.through.unwrap_or(bucket.start);
        while next < bucket.start {
            // Empty itself, but who wrote in the hour before it is not known.
            let missing = Bucket { negative_authors: None, ..Bucket::empty(next) };
            transitions.extend(self.take(&missing));
            next += Bucket::LENGTH;
        }
        if next == bucket.start {
            transitions.extend(self.take(bucket));
        }
        transitions
    }

    fn take(&mut self, bucket: &Bucket) -> Option<Transition> {
        self.through = Some(bucket.end());
        let reading = self.detector.step(bucket);
        if reading.fired {
            let episode = self.start(&reading);
            self.open = Some(episode.clone());
            return Some(Transition::Started(episode));
        }
        let episode = self.open.as_mut()?;
        if reading.armed {
            episode.state = EpisodeState::Resolved;
            episode.resolved_at = Some(reading.at);
            return self.open.take().map(Transition::Resolved);
        }
        if reading.evidence <= episode.peak_evidence {
            return None;
        }
        episode.peak_evidence = reading.evidence;
        Some(Transition::Updated(episode.clone()))
    }

    fn start(&self, reading: &Reading) -> Episode {
        Episode {
            id: episode_id(self.detector.rule(), &self.brand, reading.at),
            rule: self.detector.rule().to_owned(),
            brand: self.brand.clone(),
            state: EpisodeState::Firing,
            started_at: reading.at,
            resolved_at: None,
            evidence: reading.evidence,
            peak_evidence: reading.evidence,
            observed: reading.observed,
            expected: reading.expected,
        }
    }
}

/// Id of the episode of this rule and brand that started at this time: 32 hexadecimal digits.
pub fn episode_id(rule: &str, brand: &str, started_at: Timestamp) -> String {
    digest(&[rule, brand, &started_at.as_second().to_string()])
}

/// 128 bits of SHA-256 over the parts, each with its length, so that no two lists of parts look alike.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_760_054_400;

    fn bucket(number: i64, mentions: u64, negatives: u64) -> Bucket {
        let start = Timestamp::from_second(START + number * 300).expect("a time");
        Bucket { start, mentions, negatives, negative_authors: Some(negatives) }
    }

    fn crisis(number: i64) -> Bucket {
        match number {
            3000..3060 => bucket(number, 60, 40),
            _ => bucket(number, 20, 2 + (number * 7919 % 3) as u64),
        }
    }

    fn watch() -> Watch {
        Watch::new("Kestrovel", Detector::NegativeSpike(NegativeSpike::default()))
    }

    #[test]
    fn an_episode_starts_rises_and_ends() {
        let mut watch = watch();
        let transitions: Vec<Transition> = (0..3500).flat_map(|number| watch.step(&crisis(number))).collect();
        let Some(Transition::Started(first)) = transitions.first() else { panic!("{transitions:?}") };
        let Some(Transition::Resolved(last)) = transitions.last() else { panic!("{transitions:?}") };
        assert!(transitions[1..transitions.len() - 1].iter().all(|one| matches!(one, Transition::Updated(_))));
        assert_eq!((first.state, last.state), (EpisodeState::Firing, EpisodeState::Resolved));
        assert_eq!(first.id, last.id);
        assert!(last.peak_evidence > first.evidence && last.resolved_at > Some(last.started_at));
        assert!(first.observed > 1.5 * first.expected, "{first:?}");
        assert_eq!(watch.open(), None);
    }

    #[test]
    fn a_replay_gives_the_same_episodes_and_a_warm_start_goes_on() {
        let run = || -> Vec<Transition> {
            let mut watch = watch();
            (0..3500).flat_map(|number| watch.step(&crisis(number))).collect()
        };
        assert_eq!(run(), run());
        let mut watch = watch();
        let mut transitions: Vec<Transition> = (0..3010).flat_map(|number| watch.step(&crisis(number))).collect();
        // A restart: state is rebuilt from the stored buckets, then the rest comes live.
        let mut rebuilt = self::watch();
        let again: Vec<Transition> = (0..3010).flat_map(|number| rebuilt.step(&crisis(number))).collect();
        assert_eq!(transitions, again);
        transitions.extend((3010..3500).flat_map(|number| rebuilt.step(&crisis(number))));
        assert_eq!(transitions, run());
    }

    #[test]
    fn buckets_that_are_missing_count_as_empty_and_old_ones_are_left_out() {
        let sparse: Vec<i64> = (0..3500).filter(|number| number % 7 != 3).collect();
        let (mut with_gaps, mut filled) = (watch(), watch());
        for number in 0..3500 {
            let empty = Bucket::empty(bucket(number, 0, 0).start);
            let given = if number % 7 == 3 { empty } else { crisis(number) };
            filled.step(&given);
        }
        for &number in &sparse {
            with_gaps.step(&crisis(number));
        }
        assert_eq!(with_gaps, filled);
        let before = with_gaps.clone();
        assert!(with_gaps.step(&crisis(100)).is_empty());
        assert_eq!(with_gaps, before);
    }

    #[test]
    fn ids_depend_on_rule_brand_and_start_alone() {
        let at = Timestamp::from_second(START).expect("a time");
        let id = episode_id("negative_spike", "Kestrovel", at);
        assert_eq!(id.len(), 32);
        assert_eq!(id, episode_id("negative_spike", "Kestrovel", at));
        let others = [
            episode_id("volume_spike", "Kestrovel", at),
            episode_id("negative_spike", "Lumbrike", at),
            episode_id("negative_spikeK", "estrovel", at),
            episode_id("negative_spike", "Kestrovel", at + Bucket::LENGTH),
        ];
        assert!(others.iter().all(|other| *other != id));
    }
}
