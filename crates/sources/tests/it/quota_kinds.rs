//! A simulated week of endless demand, for each kind by the limits that it keeps to: never over, and nearly all is used.
//! The figures stand in `docs/sources.md`.

use std::{collections::VecDeque, fmt::Write, path::Path};

use grapevine_sources::{
    http::{
        Class, Cost, HeaderLimits, Quota, QuotaPolicy, ResetFormat, Response, Share, Window,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    parse,
    registry::kinds,
};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};

use crate::quota::policy;

/// Behind it stands what this test writes; before it, what the kit does.
pub const HEAD: &str = "\n## A week of endless demand\n";
const WORDS: &str = "
The limits that each kind keeps to, against a platform that counts by itself: any span where it says nothing, its own window
where it says in headers what is left. Requests take 80 ms, its clock is ahead by a second, and the process is ended and
begun again now and then. Seven days; where a week would have more than 300,000 requests, an hour of each day, or three windows
where one is longer. Written anew by `GRAPEVINE_BLESS=1 cargo test -p grapevine-sources --test it quota_kinds`.

";

/// A request's way there, and back again.
const WAY: SignedDuration = SignedDuration::from_millis(40);
const SKEW: SignedDuration = SignedDuration::from_secs(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// More than that in a week, and a part of each day is simulated.
const MANY: f64 = 300_000.0;
/// So often the process ends.
const LIFE: u64 = 1009;

/// GitHub states its limit in headers alone; Discord beside its own.
const STATED: [(&str, u64, SignedDuration); 2] = [("github", 5000, HOUR), ("discord", 5, SignedDuration::from_secs(5))];

/// How a platform counts.
#[derive(Clone)]
struct Meter {
    amount: u64,
    window: Window,
    /// It says in headers what is left of its window, which begins with the first request after the last one.
    is_told: bool,
    taken: VecDeque<Timestamp>,
    end: Timestamp,
    used: u64,
}

impl Meter {
    fn new(amount: u64, window: Window, is_told: bool) -> Self {
        Self { amount, window, is_told, taken: VecDeque::new(), end: Timestamp::MIN, used: 0 }
    }

    /// Whether it answers.
    fn ask(&mut self, now: Timestamp) -> bool {
        if let (Window::Rolling(span), false) = (&self.window, self.is_told) {
            while self.taken.front().is_some_and(|first| now.duration_since(*first) >= *span) {
                self.taken.pop_front();
            }
            let is_free = (self.taken.len() as u64) < self.amount;
            self.taken.extend(is_free.then_some(now));
            return is_free;
        }
        if now >= self.end {
            (self.end, self.used) = (self.window_end(now), 0);
        }
        self.used += 1;
        self.used <= self.amount
    }

    fn window_end(&self, now: Timestamp) -> Timestamp {
        let first_of = |zone: &TimeZone, is_month: bool| {
            let local = now.to_zoned(zone.clone());
            let (first, length) = match is_month {
                true => (local.first_of_month().unwrap(), 1.month()),
                false => (local, 1.day()),
            };
            first.start_of_day().unwrap().checked_add(length).unwrap().start_of_day().unwrap().timestamp()
        };
        match &self.window {
            Window::Rolling(span) => now + *span,
            Window::Day(zone) => first_of(zone, false),
            Window::Month(zone) => first_of(zone, true),
        }
    }

    /// When one who knew everything would ask.
    fn free_at(&self, now: Timestamp) -> Timestamp {
        match &self.window {
            Window::Rolling(span) if !self.is_told => {
                let first = self.taken.len().checked_sub(self.amount as usize).and_then(|nth| self.taken.get(nth));
                first.map_or(now, |first| now.max(*first + *span))
            }
            _ if now >= self.end || self.used < self.amount => now,
            _ => self.end,
        }
    }

    fn headers(&self, said: &HeaderLimits, now: Timestamp) -> HeaderMap {
        let left = self.end.duration_since(now);
        let reset = match said.format {
            ResetFormat::Unix => self.end.as_second().to_string(),
            ResetFormat::Iso => self.end.to_string(),
            ResetFormat::SecondsLeft => left.as_secs().to_string(),
            ResetFormat::Fractional => format!("{:.3}", left.as_secs_f64()),
        };
        let remaining = self.amount.saturating_sub(self.used).to_string();
        let mut headers = vec![(said.remaining.clone(), remaining), (said.reset.clone(), reset)];
        headers.extend(said.bucket.clone().map(|name| (name, "b1".to_owned())));
        headers.push(("date".to_owned(), now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        let header = |(name, value): (String, String)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(&value).unwrap())
        };
        headers.into_iter().map(header).collect()
    }

    fn words(&self) -> String {
        match &self.window {
            Window::Rolling(span) => format!("{} in {span:#}", self.amount),
            Window::Day(zone) => format!("{} a day ({})", self.amount, zone.iana_name().unwrap_or("UTC")),
            Window::Month(zone) => format!("{} a month ({})", self.amount, zone.iana_name().unwrap_or("UTC")),
        }
    }

    fn a_week(&self) -> f64 {
        let span = match &self.window {
            Window::Rolling(span) => *span,
            Window::Day(_) => DAY,
            Window::Month(_) => DAY * 30,
        };
        self.amount as f64 * (DAY * 7).as_secs_f64() / span.as_secs_f64()
    }
}

/// The requests of one bucket of one kind.
struct Trial {
    name: &'static str,
    bucket: String,
    policy: QuotaPolicy,
    meters: Vec<Meter>,
}

struct Outcome {
    answered: u64,
    most: u64,
    refused: u64,
}

impl Trial {
    /// One for each bucket with a limit of its own, and one for what has none, where that is limited.
    fn all((name, kind): (&'static str, &str), policy: &QuotaPolicy) -> Vec<Self> {
        let mut buckets: Vec<String> = policy.limits.iter().filter_map(|limit| limit.only.clone()).collect();
        let stated = STATED.iter().find(|(stated, ..)| *stated == kind);
        let is_general = policy.limits.iter().any(|limit| limit.only.is_none()) || stated.is_some();
        buckets.sort();
        buckets.dedup();
        buckets.extend(is_general.then(String::new));
        let trial = |bucket: String| {
            let is_it = |only: &Option<String>| only.as_ref().is_none_or(|only| *only == bucket);
            let limits = policy.limits.iter().filter(|limit| is_it(&limit.only));
            let is_told = policy.headers.is_some() && stated.is_none();
            let own = limits
                .enumerate()
                .map(|(nth, limit)| Meter::new(limit.amount, limit.window.clone(), is_told && nth == 0));
            let meters = stated.map(|(_, amount, span)| Meter::new(*amount, Window::Rolling(*span), true));
            Self { name, policy: policy.clone(), meters: meters.into_iter().chain(own).collect(), bucket }
        };
        buckets.into_iter().map(trial).collect()
    }

    /// When there is demand.
    fn spans(&self) -> Vec<(Timestamp, Timestamp)> {
        // Of a week in which clocks change in California.
        let start: Timestamp = "2026-03-05T12:00:00Z".parse().unwrap();
        let a_week = self.meters.iter().map(Meter::a_week).fold(f64::INFINITY, f64::min);
        let spans = self.meters.iter().filter_map(|meter| match meter.window {
            Window::Rolling(span) => Some(span * 3),
            _ => None,
        });
        let part = spans.max().unwrap_or(DAY).clamp(HOUR, DAY);
        match a_week > MANY {
            true => (0..7).map(|day| (start + DAY * day, start + DAY * day + part)).collect(),
            false => vec![(start, start + DAY * 7)],
        }
    }

    fn run(&self) -> Outcome {
        let (mut quota, mut meters) = (Quota::new(self.policy.clone()), self.meters.clone());
        let cost = Cost::of(self.bucket.clone());
        let (mut answered, mut refused) = (0, 0);
        for (start, end) in self.spans() {
            let mut now = start;
            while now < end {
                if let Err(until) = quota.take(now, &cost) {
                    assert!(until > now, "{}: time goes on", self.name);
                    now = until;
                    continue;
                }
                let there = now + WAY + SKEW;
                let is_answered = meters.iter_mut().map(|meter| meter.ask(there)).fold(true, |all, one| all & one);
                (answered, refused) = if is_answered { (answered + 1, refused) } else { (answered, refused + 1) };
                now = now + WAY + WAY;
                quota.heard(&cost, &self.response(&meters, there, is_answered, now), Class::Fine);
                if (answered + refused) % LIFE == 0 {
                    quota = self.restarted(&quota);
                }
            }
        }
        Outcome { answered, most: self.most(), refused }
    }

    fn response(&self, meters: &[Meter], there: Timestamp, is_answered: bool, at: Timestamp) -> Response {
        let told = meters.iter().find(|meter| meter.is_told).zip(self.policy.headers.as_ref());
        let headers = told.map(|(meter, said)| meter.headers(said, there)).unwrap_or_default();
        Response { status: if is_answered { 200 } else { 429 }, headers, body: b"{}".to_vec(), at }
    }

    /// Of a process that knows what another one saved.
    fn restarted(&self, quota: &Quota) -> Quota {
        let mut next = Quota::new(self.policy.clone());
        quota.allowance().iter().for_each(|saved| next.resume(saved));
        next
    }

    /// What one who knew everything would be answered.
    fn most(&self) -> u64 {
        let (mut meters, mut answered) = (self.meters.clone(), 0);
        for (start, end) in self.spans() {
            let mut now = start;
            while now < end {
                let there = now + WAY + SKEW;
                now += meters.iter().map(|meter| meter.free_at(there)).max().unwrap_or(there).duration_since(there);
                let is_answered =
                    meters.iter_mut().map(|meter| meter.ask(now + WAY + SKEW)).fold(true, |all, one| all & one);
                answered += u64::from(is_answered && now < end);
                now = now + WAY + WAY;
            }
        }
        answered
    }

    fn line(&self, Outcome { answered, most, refused }: &Outcome) -> String {
        let share = 100.0 * *answered as f64 / *most as f64;
        assert_eq!(*refused, 0, "{} {} is asked too often", self.name, self.bucket);
        assert!((95.0..=100.0).contains(&share), "{} {}: {share} % of what could be used", self.name, self.bucket);
        let limits: Vec<String> = self.meters.iter().map(Meter::words).collect();
        let bucket = if self.bucket.is_empty() { "all" } else { &self.bucket };
        let name = self.name;
        format!("| {name} | {bucket} | {} | {answered} | {most} | {share:.2} % | {refused} |\n", limits.join("; "))
    }
}

fn quota_of(kind: &str, keys: &str) -> QuotaPolicy {
    let table = format!("name = 'it'\nkind = {kind:?}\n{keys}");
    parse(&table.parse().unwrap()).unwrap_or_else(|error| panic!("{kind}: {error}")).quota()
}

/// Those without a shape, by what their tables have.
const OTHERS: [(&str, &str, &str); 2] =
    [("feed (a slow site)", "feed", "url = 'https://www.reddit.com/r/tea/.rss'"), ("hackernews", "hackernews", "")];

fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    let mut seen = Vec::new();
    for shape in grapevine_sources::shapes() {
        // Several shapes of one kind have one quota.
        if !seen.contains(&shape.kind()) {
            seen.push(shape.kind());
            trials.extend(Trial::all((shape.kind(), shape.kind()), &quota_of(shape.kind(), &shape.table())));
        }
    }
    for (name, kind, keys) in OTHERS {
        trials.extend(Trial::all((name, kind), &quota_of(kind, keys)));
    }
    trials.sort_by_key(|trial| (trial.name, trial.bucket.clone()));
    trials
}

#[test]
fn every_kind_with_a_quota_uses_nearly_all_of_it_in_a_week_and_no_more() {
    let trials = trials();
    let limited: Vec<&str> = trials.iter().map(|trial| trial.name).collect();
    for row in kinds().filter(|row| !UNLIMITED.contains(&row.kind)) {
        assert!(limited.iter().any(|name| name.starts_with(row.kind)), "{} has no quota: name it here", row.kind);
    }
    let lines: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = trials.iter().map(|trial| scope.spawn(move || trial.line(&trial.run()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut section = format!("{HEAD}{WORDS}| kind | requests | limits | answered | could be | share | refused |\n");
    section.push_str("|---|---|---|---|---|---|---|\n");
    section.push_str(&lines.concat());
    section.push_str(&caps());
    is_on_the_page(&section);
}

/// They ask nobody, hold one connection, or keep to what they are told alone.
const UNLIMITED: [&str; 5] = ["bluesky", "file", "webhook", "declarative", "lemmy"];

fn is_on_the_page(section: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sources.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (matrix, written) = page.split_once(HEAD).unwrap_or((&page, ""));
    if std::env::var_os("GRAPEVINE_BLESS").is_some() {
        std::fs::write(&path, format!("{matrix}{section}")).unwrap();
    } else {
        assert!(format!("{HEAD}{written}") == section, "docs/sources.md is old: run this test with GRAPEVINE_BLESS=1");
    }
}

/// Kinds that can be held to a spend cap, and what sets it to 50,000 records a month.
const CAPPED: [(&str, &str); 3] =
    [("hackernews", "spend = { cap = 50000 }"), ("mastodon", "spend = { cap = 50000 }"), ("x", "monthly_usd = 250")];

/// A month of each spend cap, where three times as much is there as it bears.
fn caps() -> String {
    let mut lines = "\nA month of a spend cap of 50,000 records, where three times as many are there:\n\n\
                     | kind | records in March | of the cap |\n|---|---|---|\n"
        .to_owned();
    let shapes = grapevine_sources::shapes();
    for (kind, more) in CAPPED {
        let keys = shapes.iter().find(|shape| shape.kind() == kind).map_or_else(String::new, |shape| shape.table());
        let read = month_of(quota_of(kind, &format!("{keys}\n{more}")));
        assert!((47_500..=50_000).contains(&read), "{kind}: {read} of 50000");
        // Writing to a string does not fail.
        let _ = writeln!(lines, "| {kind} | {read} | {:.2} % |", read as f64 / 500.0);
    }
    let read = month_of(policy("spend = { cap = 50000 }"));
    assert!((47_500..=50_000).contains(&read), "a definition: {read} of 50000");
    let _ = writeln!(lines, "| a definition | {read} | {:.2} % |", read as f64 / 500.0);
    lines
}

/// Records that March had, with a page of at most 100 every ten minutes.
fn month_of(policy: QuotaPolicy) -> u64 {
    let mut quota = Quota::new(policy.clone());
    let start: Timestamp = "2026-02-25T00:00:00Z".parse().unwrap();
    let march = "2026-03-01T00:00:00Z".parse::<Timestamp>().unwrap().."2026-04-01T00:00:00Z".parse().unwrap();
    let (mut unread, mut read) = (0_u64, 0);
    for step in 0..36 * 144_i32 {
        let now = start + SignedDuration::from_mins(10) * step;
        unread += 33;
        if step % 50 == 49 {
            let saved = quota.allowance();
            quota = Quota::new(policy.clone());
            saved.iter().for_each(|saved| quota.resume(saved));
        }
        let rate = match quota.share(now) {
            Share::Nothing { until } => {
                assert!(until > now, "time goes on");
                continue;
            }
            share => share.rate(),
        };
        let records = ((unread as f64 * rate).ceil() as u64).min(quota.affordable()).min(100);
        quota.spent(now, records, Some(records as f64 / unread as f64));
        unread = 0;
        read += if march.contains(&now) { records } else { 0 };
    }
    read
}
