use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{
    caller::Caller,
    map::{Mapped, map, time_of},
    rules::{self, Conditions, plan},
    search::{Gathered, sampled},
    settings::{SEARCHED, XSpec},
};
use crate::{
    Rejected, SourceError, World,
    http::{Request, Share},
    stream::Lines,
};

/// A heartbeat comes every 20 s: without two of them, the connection is dead.
const SILENCE: Duration = Duration::from_secs(45);
/// What was read shortly before a connection was lost is read again: the stream is not quite in order.
const REWIND: SignedDuration = SignedDuration::from_secs(60);
/// So much of what the search has is left for the healing.
const QUIET: SignedDuration = SignedDuration::from_hours(24);
/// How long one poll gathers lines, and how many at most.
const GATHER: SignedDuration = SignedDuration::from_millis(500);
const MOST_LINES: usize = 500;
/// How many rules one request adds or deletes.
const RULES_AT_ONCE: usize = 100;
/// A connection is not given up for another share before it has lasted this long.
const SHARE_LASTS: SignedDuration = SignedDuration::from_mins(10);
/// What is sampled is said at least this often.
const SAID_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// The shares that are asked for, in percent.
const STEPS: [u8; 7] = [50, 25, 20, 10, 5, 2, 1];

/// A connection that stands.
pub(super) struct Live {
    lines: Lines,
    began: Timestamp,
    sample: Option<u8>,
    /// Up to then it was said that this is a sample.
    said_to: Timestamp,
    /// Not every rule has found room: the search reads on.
    pub(super) is_partial: bool,
    /// What was missed before this connection is still to be read, once the round under way has ended.
    pub(super) owes_round: bool,
    /// When the newest post was written that came.
    newest: Option<Timestamp>,
}

/// What came in one poll.
pub(super) enum Came {
    More,
    /// The connection is over, for this reason.
    End(SourceError),
}

/// The next lower share that can be asked for; nothing where all of it can be.
fn sample(share: Share) -> Option<u8> {
    let percent = share.rate() * 100.0;
    (percent < 100.0).then(|| STEPS.into_iter().find(|step| f64::from(*step) <= percent).unwrap_or(1))
}

impl Live {
    /// Brings the rules into step, then connects. What a person should know goes to `notices`.
    pub(super) async fn connect(
        caller: &mut Caller,
        spec: &XSpec,
        world: &World,
        notices: &mut Vec<String>,
    ) -> Result<Self, SourceError> {
        let sample = sample(caller.share()?);
        let conditions = Conditions { sample, ..spec.conditions.clone() };
        let asked = rules::asked(&spec.queries, &world.monitors, &conditions, spec.rule_length);
        let is_partial = bring_into_step(caller, &asked.queries, spec.rules, notices).await?;
        notices.extend(asked.notices());
        let body = caller.open().await?;
        let began = world.clock.now();
        let lines = Lines::new(world, body, SILENCE);
        Ok(Self { lines, began, sample, said_to: began, is_partial, owes_round: false, newest: None })
    }

    /// Every rule has room, and what was missed before is being read or was.
    pub(super) fn shows_all(&self) -> bool {
        !self.is_partial && !self.owes_round
    }

    /// When anything came last.
    pub(super) fn heard_at(&self) -> Timestamp {
        self.lines.heard_at()
    }

    /// Up to when all was shown: what is still on its way was written shortly before the newest post that came. A connection
    /// on which nothing comes for days has shown that there is nothing.
    pub(super) fn shown_to(&self) -> Timestamp {
        let quiet = self.heard_at() - SEARCHED + QUIET;
        self.newest.map_or(quiet, |newest| quiet.max(newest - REWIND))
    }

    /// Did it ever give a post, or at least last?
    pub(super) fn was_good(&self) -> bool {
        self.lines.gave_lines() || self.lines.heard_at() > self.began
    }

    /// Whether another share should be read by now.
    pub(super) fn is_outdated(&self, share: Share, now: Timestamp) -> bool {
        matches!(share, Share::Nothing { .. })
            || now.duration_since(self.began) >= SHARE_LASTS && sample(share) != self.sample
    }

    /// Gathers what comes within a moment.
    pub(super) async fn gather(&mut self, caller: &mut Caller, now: Timestamp, into: &mut Gathered) -> Result<Came, SourceError> {
        let until = now.saturating_add(GATHER).unwrap_or(now);
        for _ in 0..MOST_LINES {
            match self.lines.next(until).await {
                Ok(Some(line)) => {
                    if let Some(reason) = self.take(caller, &line, into)? {
                        return Ok(Came::End(reason));
                    }
                }
                Ok(None) => break,
                Err(end) => return Ok(Came::End(end)),
            }
        }
        Ok(Came::More)
    }

    /// Gives why the connection will end, where the line says that.
    fn take(&mut self, caller: &mut Caller, line: &[u8], into: &mut Gathered) -> Result<Option<SourceError>, SourceError> {
        let now = self.heard_at();
        match map(line, now) {
            Ok(mapped) if mapped.mentions.is_empty() && mapped.rejected.is_empty() && !mapped.problems.is_empty() => {
                return Ok(Some(ended(&mapped)));
            }
            Ok(mapped) => {
                self.newest = self.newest.max(mapped.newest_id.and_then(time_of));
                let rate = self.sample.map_or(1.0, |percent| f64::from(percent) / 100.0);
                caller.client()?.spent_of(mapped.records, rate);
                let weight = (1.0 / rate) as f32;
                into.take(mapped, line, weight);
            }
            Err(error) => {
                let place = format!("a line of the stream at {now}");
                into.rejected.push(Rejected { place, reason: error.to_string(), raw: line.to_vec() });
            }
        }
        Ok(None)
    }

    /// Says what was sampled since it was said last, now and then, and in the end.
    pub(super) fn say_sample(&mut self, spec: &XSpec, now: Timestamp, is_end: bool, into: &mut Gathered) {
        let Some(percent) = self.sample else { return };
        if now > self.said_to && (is_end || now.duration_since(self.said_to) >= SAID_EVERY) {
            into.events.push(sampled(spec, (self.said_to, now), f64::from(percent) / 100.0));
            self.said_to = now;
        }
    }
}

fn ended(mapped: &Mapped) -> SourceError {
    let words: Vec<String> = mapped.problems.iter().map(|one| format!("{} ({})", one.words, one.kind)).collect();
    SourceError::Transient(format!("X ends the stream: {}", words.join("; ")))
}

/// Adds and deletes rules until those that are wanted stand. True where some have no room.
async fn bring_into_step(
    caller: &mut Caller,
    wanted: &[String],
    most: usize,
    notices: &mut Vec<String>,
) -> Result<bool, SourceError> {
    let answer = caller.json(&Request::get(rules_url(caller, false)), "rules").await?;
    let mut plan = plan::plan(&plan::standing(&answer), wanted, most);
    if !plan.left_over.is_empty() {
        notices.push(format!(
            "{} of {} rules have no room beside {} of others: what they ask for is read by search; raise `rules` if your \
             contract allows more",
            plan.left_over.len(),
            wanted.len(),
            plan.foreign
        ));
    }
    for values in plan.add.clone().chunks(RULES_AT_ONCE) {
        let tried = change(caller, &plan::addition(values), true).await?;
        for (value, reason) in plan::refused(&tried, values) {
            notices.push(format!("X refuses the rule {value}: {reason}"));
            plan.add.retain(|kept| *kept != value);
        }
    }
    // Where there is room for both, nothing is missed between the two.
    for ids in plan.delete.chunks(RULES_AT_ONCE) {
        change(caller, &plan::deletion(ids), false).await?;
    }
    for values in plan.add.chunks(RULES_AT_ONCE) {
        change(caller, &plan::addition(values), false).await?;
    }
    Ok(!plan.left_over.is_empty())
}

fn rules_url(caller: &Caller, dry_run: bool) -> url::Url {
    let query = [("dry_run", "true".to_owned())];
    caller.url(&["tweets", "search", "stream", "rules"], if dry_run { &query } else { &[] })
}

async fn change(caller: &mut Caller, body: &serde_json::Value, dry_run: bool) -> Result<serde_json::Value, SourceError> {
    let request = Request::post(rules_url(caller, dry_run)).with_json(body);
    caller.json(&request, "rules").await
}

/// When X lets a client connect again.
///
/// | what happened | wait |
/// |---|---|
/// | a connection that worked was lost | none |
/// | no connection | 250 ms more each time, to 16 s |
/// | an HTTP error | 5 s, doubling to 320 s |
/// | 420 or 429 | 60 s, doubling; longer where X says so |
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    until: Option<Timestamp>,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// Until when nothing may be tried.
    pub(super) fn closed_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }

    /// Gives the error, and until when to wait in it where X has limited.
    pub(super) fn failed(&mut self, error: SourceError, now: Timestamp) -> SourceError {
        let times = self.failures;
        self.failures = self.failures.saturating_add(1);
        let doubled = |first: i64, longest: i64| {
            SignedDuration::from_secs(first.saturating_mul(1 << times.min(16)).min(longest))
        };
        let wait = match &error {
            SourceError::RateLimited { .. } => doubled(60, 3600),
            SourceError::Transient(message) if !message.contains(" answered ") => {
                SignedDuration::from_millis((250 * i64::from(times)).min(16_000))
            }
            _ => doubled(5, 320),
        };
        let until = now.saturating_add(wait).unwrap_or(now);
        let (until, error) = match error {
            SourceError::RateLimited { until: said, message } => {
                let until = until.max(said);
                (until, SourceError::RateLimited { until, message })
            }
            other => (until, other),
        };
        self.until = Some(until);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(error: fn() -> SourceError) -> Vec<i64> {
        let (mut backoff, now) = (Backoff::default(), Timestamp::UNIX_EPOCH);
        let mut wait = || {
            backoff.failed(error(), now);
            backoff.closed_until(now).map_or(0, |until| until.as_millisecond())
        };
        (0..4).map(|_| wait()).collect()
    }

    #[test]
    fn waits_grow_as_x_asks() {
        assert_eq!(waits(|| SourceError::Transient("cannot connect".into())), [0, 250, 500, 750]);
        assert_eq!(waits(|| SourceError::Transient("GET … answered 503".into())), [5000, 10_000, 20_000, 40_000]);
        let limited = || SourceError::RateLimited { until: Timestamp::UNIX_EPOCH, message: String::new() };
        assert_eq!(waits(limited), [60_000, 120_000, 240_000, 480_000]);
        let long = || SourceError::RateLimited { until: Timestamp::from_second(900).unwrap(), message: String::new() };
        assert_eq!(waits(long), [900_000; 4]);
    }

    #[test]
    fn shares_are_asked_for_in_steps() {
        for (rate, percent) in [(0.99, 50), (0.5, 50), (0.3, 25), (0.011, 1), (0.001, 1)] {
            assert_eq!(sample(Share::Part(rate)), Some(percent));
        }
        assert_eq!(sample(Share::All), None);
    }
}
