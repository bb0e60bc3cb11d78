//! `VolumeSpike`: many more mentions than this hour of day holds, whatever their mood.
//!
//! A smoothed residual against a level with a correction for the hour of day, in standard deviations.

use grapevine_model::Bucket;
use serde::{Deserialize, Serialize};

use crate::reading::{Latch, Reading, Window, hour_of_day};

const WARM_UP: u64 = 288;
const WEEK: f64 = 2016.0;
const SMOOTHING: f64 = 0.2;
const WINSOR: f64 = 4.0;

/// The detector of one brand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VolumeSpike {
    seen: u64,
    level: f64,
    /// Added to the level, by hour of day.
    hours: [f64; 24],
    variance: f64,
    smoothed: f64,
    mentions: Window,
    means: Window,
    latch: Latch,
}

impl Default for VolumeSpike {
    fn default() -> Self {
        Self::new(Self::THRESHOLD)
    }
}

impl VolumeSpike {
    pub const RULE: &'static str = "volume_spike";
    pub const THRESHOLD: f64 = 9.0;

    /// Fires at this evidence, in standard deviations of the smoothed residual.
    pub fn new(threshold: f64) -> Self {
        Self {
            seen: 0,
            level: 0.0,
            hours: [0.0; 24],
            variance: 1.0,
            smoothed: 0.0,
            mentions: Window::new(12),
            means: Window::new(12),
            latch: Latch::new(threshold, 288),
        }
    }

    /// Takes the next closed bucket. Every bucket must come, also the empty ones, in order.
    pub fn step(&mut self, bucket: &Bucket) -> Reading {
        let mentions = bucket.mentions as f64;
        let hour = hour_of_day(bucket.start);
        if self.seen == 0 {
            self.level = mentions;
        }
        let mean = self.level + self.hours[hour];
        let residual = mentions - mean;
        self.smoothed = SMOOTHING * residual + (1.0 - SMOOTHING) * self.smoothed;
        let deviation = self.variance.max(0.25).sqrt();
        let warm = self.seen >= WARM_UP;
        let scale = deviation * (SMOOTHING / (2.0 - SMOOTHING)).sqrt();
        let evidence = if warm { (self.smoothed / scale).max(0.0) } else { 0.0 };
        self.learn(residual, deviation, hour);
        self.mentions.push(mentions);
        self.means.push(mean.max(0.0));
        self.seen += 1;
        let (fired, armed) = self.latch.step(evidence, true);
        Reading { at: bucket.end(), evidence, fired, armed, observed: self.mentions.sum(), expected: self.means.sum() }
    }

    fn learn(&mut self, residual: f64, deviation: f64, hour: usize) {
        let rate = (1.0 / WEEK).max(1.0 / (self.seen + 1) as f64);
        let limited = residual.clamp(-WINSOR * deviation, WINSOR * deviation);
        self.level += rate * limited;
        if self.seen >= WARM_UP {
            self.hours[hour] += limited / 600.0;
        }
        self.variance = (1.0 - rate) * (self.variance + rate * residual * residual);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn bucket(number: i64, mentions: u64) -> Bucket {
        let start = Timestamp::from_second(1_760_054_400 + number * 300).expect("a time");
        Bucket { start, mentions, negatives: 0, negative_authors: None }
    }

    #[test]
    fn fires_once_on_a_surge() {
        let mut detector = VolumeSpike::default();
        for number in 0..2016 {
            assert!(!detector.step(&bucket(number, 18 + (number * 7919 % 5) as u64)).fired);
        }
        let fired: Vec<i64> = (2016..2400).filter(|&number| detector.step(&bucket(number, 90)).fired).collect();
        assert_eq!(fired.len(), 1, "{fired:?}");
        assert!(fired[0] < 2020, "within a quarter of an hour: {fired:?}");
    }

    #[test]
    fn does_not_fire_before_it_has_seen_a_day() {
        let mut detector = VolumeSpike::default();
        assert!((0..288).all(|number| !detector.step(&bucket(number, if number > 200 { 500 } else { 5 })).fired));
    }

    #[test]
    fn stays_finite_at_a_million_a_bucket() {
        let mut detector = VolumeSpike::default();
        for number in 0..1000 {
            let reading = detector.step(&bucket(number, if number % 3 == 0 { 1_000_000 } else { 0 }));
            assert!(reading.evidence.is_finite() && reading.expected.is_finite());
        }
    }
}
