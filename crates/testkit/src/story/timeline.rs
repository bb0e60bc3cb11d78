//! When things happen: the rhythm of days and weeks, the launch, the crisis, the recovery.

use jiff::{Timestamp, civil::Weekday, tz::TimeZone};

/// What a post arises from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    Everyday,
    Launch,
    Crisis,
    Recovery,
}

impl Stream {
    pub const ALL: [Stream; 4] = [Stream::Everyday, Stream::Launch, Stream::Crisis, Stream::Recovery];
}

/// Threads that start per hour of UTC, relative to the mean.
const HOURS: [f64; 24] = [
    0.67, 0.58, 0.52, 0.50, 0.54, 0.69, 0.88, 1.05, 1.14, 1.16, 1.15, 1.13, 1.17, 1.17, 1.15, 1.13, 1.15, 1.21, 1.27,
    1.31, 1.30, 1.22, 1.05, 0.84,
];

/// Threads an hour that start about each brand in plain weeks.
const EVERYDAY: [f64; 3] = [3.4, 1.4, 0.9];

const DAYS: i64 = 56;

/// The eight weeks of the story, and the day that they end in.
#[derive(Debug, Clone, Copy)]
pub struct Timeline {
    pub start: Timestamp,
    /// The end of the last day, which is not over yet.
    pub last_midnight: Timestamp,
    pub launch: Timestamp,
    pub crisis: Timestamp,
}

impl Timeline {
    pub fn ending(end: Timestamp) -> Self {
        // From midnight to midnight: a story that ends an hour later is the same story with one more hour.
        let midnight = end.as_second().div_euclid(86_400) * 86_400 - DAYS * 86_400;
        let at = |day: i64, minute: i64| {
            Timestamp::from_second(midnight + day * 86_400 + minute * 60).expect("within the range of time")
        };
        // Third and sixth week, in the morning of Europe.
        Self { start: at(0, 0), last_midnight: at(DAYS + 1, 0), launch: at(16, 9 * 60), crisis: at(38, 7 * 60 + 40) }
    }

    /// Threads an hour that start at this time.
    pub fn rate(&self, stream: Stream, brand: usize, at: Timestamp) -> f64 {
        match stream {
            Stream::Everyday => EVERYDAY[brand] * rhythm(at),
            _ if brand != 0 => 0.0,
            Stream::Launch => self.launch_rate(at),
            Stream::Crisis => self.crisis_rate(at),
            Stream::Recovery => self.recovery_rate(at),
        }
    }

    fn launch_rate(&self, at: Timestamp) -> f64 {
        let hours = hours_between(self.launch, at);
        if !(0.0..120.0).contains(&hours) {
            return 0.0;
        }
        17.0 * (1.0 - (-hours).exp()) * 0.5_f64.powf(hours / 22.0) * rhythm(at)
    }

    /// Up within an hour, half every four hours, almost gone after two days; anger sleeps little.
    fn crisis_rate(&self, at: Timestamp) -> f64 {
        let hours = hours_between(self.crisis, at);
        if !(0.0..48.0).contains(&hours) {
            return 0.0;
        }
        95.0 * hours.min(1.0) * 0.5_f64.powf((hours - 1.0).max(0.0) / 4.0) * rhythm(at).powf(0.3)
    }

    fn recovery_rate(&self, at: Timestamp) -> f64 {
        let hours = hours_between(self.crisis, at) - 26.0;
        if !(0.0..216.0).contains(&hours) {
            return 0.0;
        }
        4.0 * 0.5_f64.powf(hours / 60.0) * rhythm(at)
    }
}

pub fn hours_between(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_second() - from.as_second()) as f64 / 3600.0
}

/// Day and week: quiet nights, busy evenings, slower week-ends. Its mean is about 1.
fn rhythm(at: Timestamp) -> f64 {
    let local = at.to_zoned(TimeZone::UTC);
    let day = match local.weekday() {
        Weekday::Saturday => 0.90,
        Weekday::Sunday => 0.86,
        Weekday::Friday => 1.04,
        _ => 1.03,
    };
    // Between the hours in a straight line, so that no bucket jumps.
    let hour = local.hour() as usize;
    let share = f64::from(local.minute()) / 60.0;
    day * (HOURS[hour] * (1.0 - share) + HOURS[(hour + 1) % 24] * share)
}
