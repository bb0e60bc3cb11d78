use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Counts of one brand in one closed span of five minutes, by the time of creation.
///
/// Detectors see nothing else, so that the live path, the rebuild at start and a backtest agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// A multiple of five minutes since the Unix epoch.
    pub start: Timestamp,
    pub mentions: u64,
    pub negatives: u64,
    /// Distinct authors of negative mentions in the hour that ends with this bucket; `None` where it is not known.
    pub negative_authors: Option<u64>,
}

impl Bucket {
    pub const LENGTH: SignedDuration = SignedDuration::from_mins(5);

    pub fn empty(start: Timestamp) -> Self {
        Self { start, mentions: 0, negatives: 0, negative_authors: Some(0) }
    }

    pub fn end(&self) -> Timestamp {
        self.start + Self::LENGTH
    }

    /// Start of the bucket that holds this time.
    pub fn start_of(time: Timestamp) -> Timestamp {
        let length = Self::LENGTH.as_secs();
        let start = time.as_second().div_euclid(length) * length;
        Timestamp::from_second(start).unwrap_or(Timestamp::MIN)
    }
}
