//! `NegativeSpike`: many more negative mentions than this hour of day holds, and a larger share of all mentions.
//!
//! Both must be surprising: the count against its own baseline (E1, negative binomial), and the share against its own
//! (E2, beta-binomial). Evidence is the geometric mean of the two, so that neither a busy hour nor a quiet hour with three
//! grumblers is enough. The state is a few dozen numbers, and it depends on nothing but the buckets it has seen.

use grapevine_model::Bucket;
use serde::{Deserialize, Serialize};

use crate::reading::{Latch, Reading, Window, hour_of_day};
use crate::tail;

/// Buckets in the window that is judged: one hour.
const WINDOW: usize = 12;
/// Before a day has passed, there is no baseline to judge by.
const WARM_UP: u64 = 288;
const WEEK: f64 = 2016.0;
/// Residuals count for at most this many standard deviations in the baseline.
const WINSOR: f64 = 4.0;
/// The share of negative mentions that is assumed of a new brand, and how many mentions that assumption is worth.
const PRIOR_SHARE: f64 = 0.15;
const PRIOR_MENTIONS: f64 = 50.0;
const RHO: (f64, f64) = (0.003, 0.3);

/// How easily it fires. The defaults are one setting for brands of all sizes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NegativeSpikeSettings {
    /// Evidence that fires: 2.4 means that chance alone gives as much about once in 250 independent hours.
    pub threshold: f64,
    /// Fewer negative mentions in an hour never fire.
    pub least_negatives: u64,
    /// Nor do those of fewer distinct authors, where authors are known.
    pub least_authors: u64,
}

impl Default for NegativeSpikeSettings {
    fn default() -> Self {
        Self { threshold: 2.4, least_negatives: 5, least_authors: 3 }
    }
}

/// The detector of one brand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NegativeSpike {
    settings: NegativeSpikeSettings,
    seen: u64,
    /// Mean negatives a bucket, times a factor for the hour of day.
    level: f64,
    hours: [f64; 24],
    /// Mean squared residual of one bucket.
    variance: f64,
    negatives: Window,
    mentions: Window,
    means: Window,
    /// Variance of the window's count over its mean.
    dispersion: f64,
    correlation: Correlation,
    share: Share,
    latch: Latch,
}

/// How strongly the mentions of one hour share a mood: excess over binomial variance, by moments.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Correlation {
    excess: f64,
    pairs: f64,
    rho: f64,
}

/// Negative and other mentions that the baseline share stands on; half as heavy after seven days.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Share {
    negative: f64,
    other: f64,
}

impl Default for NegativeSpike {
    fn default() -> Self {
        Self::new(NegativeSpikeSettings::default())
    }
}

impl NegativeSpike {
    pub const RULE: &'static str = "negative_spike";

    pub fn new(settings: NegativeSpikeSettings) -> Self {
        Self {
            settings,
            seen: 0,
            level: 0.0,
            hours: [1.0; 24],
            variance: 1.0,
            negatives: Window::new(WINDOW),
            mentions: Window::new(WINDOW),
            means: Window::new(WINDOW),
            dispersion: 2.0,
            correlation: Correlation { excess: 1.0, pairs: 0.02, rho: 0.02 },
            share: Share { negative: PRIOR_SHARE * PRIOR_MENTIONS, other: (1.0 - PRIOR_SHARE) * PRIOR_MENTIONS },
            latch: Latch::new(settings.threshold, 72),
        }
    }

    /// Takes the next closed bucket. Every bucket must come, also the empty ones, in order.
    pub fn step(&mut self, bucket: &Bucket) -> Reading {
        let negatives = bucket.negatives.min(bucket.mentions) as f64;
        let mentions = bucket.mentions as f64;
        let hour = hour_of_day(bucket.start);
        let mean = match self.seen {
            0 => negatives.max(0.05),
            _ => (self.level * self.hours[hour]).max(0.005),
        };
        self.negatives.push(negatives);
        self.mentions.push(mentions);
        self.means.push(mean);
        let evidence = self.evidence();
        let known_few = bucket.negative_authors.is_some_and(|authors| authors < self.settings.least_authors);
        let expected = self.means.sum().max(0.01);
        self.learn_spread(expected);
        self.learn_level(negatives - mean, mean, hour);
        self.share.learn(negatives, mentions);
        self.seen += 1;
        let (fired, armed) = self.latch.step(evidence, !known_few);
        Reading { at: bucket.end(), evidence, fired, armed, observed: self.negatives.sum(), expected }
    }

    /// Evidence of the window before anything is learnt from its last bucket.
    fn evidence(&self) -> f64 {
        let (x, n) = (self.negatives.sum(), self.mentions.sum());
        if self.seen < WARM_UP || x < self.settings.least_negatives as f64 {
            return 0.0;
        }
        let count = tail::negative_binomial(x, self.means.sum().max(0.01), self.dispersion.max(1.0));
        if count == 0.0 {
            return 0.0;
        }
        let share = tail::beta_binomial(x, n, self.share.shape(self.correlation.rho));
        (count * share).sqrt()
    }

    fn learn_spread(&mut self, expected: f64) {
        let rate = self.rate();
        let (x, n) = (self.negatives.sum(), self.mentions.sum());
        let cap = WINSOR * WINSOR;
        let spread = ((x - expected).powi(2) / expected).min(cap * self.dispersion);
        self.dispersion = (self.dispersion + rate * (spread - self.dispersion)).max(1.0);
        if n >= 2.0 {
            self.correlation.learn((x, n), self.share.mean(), rate);
        }
    }

    fn learn_level(&mut self, residual: f64, mean: f64, hour: usize) {
        let rate = self.rate();
        let deviation = self.variance.max(mean + 0.05).sqrt();
        let limited = residual.clamp(-WINSOR * deviation, WINSOR * deviation);
        self.level = (self.level + rate * limited / self.hours[hour]).max(0.001);
        if self.seen >= WARM_UP {
            let factor = self.hours[hour] + limited / self.level.max(0.02) / 600.0;
            self.hours[hour] = factor.clamp(0.1, 8.0);
        }
        self.variance = (1.0 - rate) * (self.variance + rate * residual * residual);
    }

    /// A plain mean at first, then a moving one over a week.
    fn rate(&self) -> f64 {
        (1.0 / WEEK).max(1.0 / (self.seen + 1) as f64)
    }
}

impl Correlation {
    fn learn(&mut self, (x, n): (f64, f64), share: f64, rate: f64) {
        let binomial = n * share * (1.0 - share);
        let spread = ((x - n * share).powi(2) / binomial).min(WINSOR * WINSOR * (1.0 + (n - 1.0) * self.rho));
        self.excess += rate * (spread - 1.0 - self.excess);
        self.pairs += rate * (n - 1.0 - self.pairs);
        self.rho = (self.excess / self.pairs.max(0.01)).clamp(RHO.0, RHO.1);
    }
}

impl Share {
    fn mean(&self) -> f64 {
        self.negative / (self.negative + self.other)
    }

    /// Shape parameters of the beta-binomial: as wide as the mood of hours varies, and as the baseline is uncertain.
    fn shape(&self, rho: f64) -> (f64, f64) {
        let total = 1.0 / (1.0 / (1.0 / rho - 1.0) + 1.0 / (self.negative + self.other));
        (self.mean() * total, (1.0 - self.mean()) * total)
    }

    fn learn(&mut self, negatives: f64, mentions: f64) {
        let kept = 0.5_f64.powf(1.0 / WEEK);
        let limited = negatives.min(mentions * (4.0 * self.mean()).min(1.0));
        let prior = PRIOR_MENTIONS * (1.0 - kept);
        self.negative = self.negative * kept + limited + prior * PRIOR_SHARE;
        self.other = self.other * kept + (mentions - limited) + prior * (1.0 - PRIOR_SHARE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn bucket(number: i64, mentions: u64, negatives: u64) -> Bucket {
        let start = Timestamp::from_second(1_760_054_400 + number * 300).expect("a time");
        Bucket { start, mentions, negatives, negative_authors: None }
    }

    /// Two weeks of about 20 mentions and 3 negatives a bucket, with some unevenness.
    fn warm() -> (NegativeSpike, i64) {
        let mut detector = NegativeSpike::default();
        for number in 0..4032 {
            let uneven = (number * 7919 % 5) as u64;
            assert!(!detector.step(&bucket(number, 18 + uneven, 1 + uneven)).fired);
        }
        (detector, 4032)
    }

    #[test]
    fn fires_once_in_a_crisis_and_again_only_after_it_has_ended() {
        let (mut detector, from) = warm();
        let fired = (0..60).filter(|number| detector.step(&bucket(from + number, 60, 40)).fired).count();
        assert_eq!(fired, 1);
        let quiet: Vec<Reading> = (60..200).map(|number| detector.step(&bucket(from + number, 20, 3))).collect();
        assert!(quiet.iter().all(|reading| !reading.fired));
        assert!(quiet.last().is_some_and(|reading| reading.armed));
    }

    #[test]
    fn a_busy_hour_with_the_usual_share_does_not_fire() {
        let (mut detector, from) = warm();
        assert!((0..24).all(|number| !detector.step(&bucket(from + number, 200, 26)).fired));
    }

    #[test]
    fn few_authors_or_few_mentions_do_not_fire() {
        let (mut detector, from) = warm();
        for number in 0..24 {
            let one_author = Bucket { negative_authors: Some(2), ..bucket(from + number, 60, 40) };
            assert!(!detector.step(&one_author).fired);
        }
        let third = Bucket { negative_authors: Some(3), ..bucket(from + 24, 60, 40) };
        assert!(detector.step(&third).fired, "as soon as a third author joins in");
        let mut quiet = NegativeSpike::default();
        for number in 0..4032 {
            assert!(!quiet.step(&bucket(number, u64::from(number % 12 == 0), 0)).fired);
        }
        assert!((4032..4036).all(|number| !quiet.step(&bucket(number, 1, 1)).fired), "four negatives are too few");
    }

    #[test]
    fn state_survives_serialisation() {
        let (mut detector, from) = warm();
        let text = serde_json::to_string(&detector).expect("plain data");
        let mut restored: NegativeSpike = serde_json::from_str(&text).expect("its own output");
        for number in 0..100 {
            let next = bucket(from + number, 40, 20);
            let (one, other) = (detector.step(&next), restored.step(&next));
            // JSON keeps all but the last digit of a number.
            assert!((one.evidence - other.evidence).abs() < 1e-9 && one.fired == other.fired, "{one:?} {other:?}");
        }
    }

    proptest! {
        #[test]
        fn stays_finite(counts in prop::collection::vec((0_u64..2_000_000, 0_u64..2_000_000), 1..40), repeat in 1_usize..60) {
            let mut detector = NegativeSpike::default();
            for (number, (mentions, negatives)) in counts.iter().cycle().take(counts.len() * repeat).enumerate() {
                let reading = detector.step(&bucket(number as i64, *mentions, *negatives));
                prop_assert!(reading.evidence.is_finite() && reading.expected.is_finite());
            }
        }
    }
}
