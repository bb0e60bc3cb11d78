use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Response;

/// How a platform writes when its window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetFormat {
    /// Seconds since 1970, by the platform's clock.
    Unix,
    /// RFC 3339, by the platform's clock.
    Iso,
    /// Whole seconds from now.
    SecondsLeft,
    /// Seconds from now, with a fraction.
    Fractional,
}

/// The headers in which a platform says what is left of a window.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderLimits {
    /// Header with the number of requests that are left.
    pub remaining: String,
    /// Header with the end of the window.
    pub reset: String,
    pub format: ResetFormat,
    /// Header that names the bucket which the request drew on; requests of one bucket share what is left.
    pub bucket: Option<String>,
}

/// What the headers of one answer said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Told {
    pub(super) remaining: Option<u64>,
    /// By the machine's clock; never before the answer.
    pub(super) reset: Option<Timestamp>,
}

impl HeaderLimits {
    pub(super) fn told(&self, response: &Response, skew: Option<SignedDuration>) -> Told {
        let remaining = response.header(&self.remaining).and_then(|text| text.parse::<f64>().ok());
        let reset = response.header(&self.reset).and_then(|text| self.format.read(text, response.at, skew));
        // Reddit writes fractions of requests. A cast of a float saturates.
        let remaining = remaining.filter(|left| left.is_finite()).map(|left| left.max(0.0) as u64);
        Told { remaining, reset: reset.map(|reset| reset.max(response.at)) }
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

impl ResetFormat {
    /// `skew` is how far the platform's clock is ahead, where that is known. Without it, whole seconds are rounded up.
    fn read(self, text: &str, at: Timestamp, skew: Option<SignedDuration>) -> Option<Timestamp> {
        let by_platform = |time: Timestamp| time.checked_sub(skew.unwrap_or(-SECOND)).ok();
        match self {
            ResetFormat::Unix => by_platform(after(Timestamp::UNIX_EPOCH, text.parse().ok()?)?),
            ResetFormat::Iso => by_platform(text.parse().ok()?),
            ResetFormat::SecondsLeft => after(at, text.parse::<f64>().ok()? + 1.0),
            ResetFormat::Fractional => after(at, text.parse().ok()?),
        }
    }
}

/// `None` where the number is none of seconds that a clock can show.
pub(super) fn after(start: Timestamp, seconds: f64) -> Option<Timestamp> {
    start.checked_add(SignedDuration::try_from_secs_f64(seconds).ok()?).ok()
}

/// `Retry-After`: seconds (some platforms write a fraction) or a date by the platform's clock.
pub(super) fn retry_after(response: &Response, skew: Option<SignedDuration>) -> Option<Timestamp> {
    let text = response.header("retry-after")?;
    let until = match text.parse::<f64>() {
        Ok(seconds) => after(response.at, seconds),
        Err(_) => http_date(text)?.checked_sub(skew.unwrap_or_default()).ok(),
    };
    until.filter(|until| *until > response.at)
}

/// How far the platform's clock is ahead of this machine's: never more than it is, and up to a second and the answer's
/// way less, as the date is in whole seconds.
pub(super) fn skew(response: &Response) -> Option<SignedDuration> {
    Some(http_date(response.header("date")?)?.duration_since(response.at))
}

fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|date| date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_gives_the_same_moment() {
        let at: Timestamp = "2026-11-03T08:15:00Z".parse().unwrap();
        let skew = Some(SignedDuration::from_secs(2));
        for (format, text, until) in [
            (ResetFormat::Unix, "1793694062", "2026-11-03T08:21:00Z"),
            (ResetFormat::Iso, "2026-11-03T08:21:02.500Z", "2026-11-03T08:21:00.500Z"),
            (ResetFormat::SecondsLeft, "360", "2026-11-03T08:21:01Z"),
            (ResetFormat::Fractional, "0.25", "2026-11-03T08:15:00.250Z"),
        ] {
            assert_eq!(format.read(text, at, skew), Some(until.parse().unwrap()), "{format:?}");
        }
    }

    #[test]
    fn what_is_no_time_is_no_reset() {
        let at: Timestamp = "2026-11-03T08:15:00Z".parse().unwrap();
        for format in [ResetFormat::Unix, ResetFormat::Iso, ResetFormat::SecondsLeft, ResetFormat::Fractional] {
            for text in ["", "soon", "NaN", "inf", "1e300", "-1e300"] {
                assert_eq!(format.read(text, at, None), None, "{format:?} {text}");
            }
        }
    }
}
