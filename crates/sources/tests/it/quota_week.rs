//! Days of endless demand against each platform's own accounting: never over, and nearly all that could be used.

use grapevine_sources::http::{Class, Cost, Quota};
use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};

use crate::quota::{self, policy, response};

type Headers = Vec<(&'static str, String)>;

/// How a platform counts: so many in each window.
struct Meter {
    amount: u32,
    window: Window,
    /// What it says about itself: what is left, when the window ends, what the time is.
    says: fn(u32, Timestamp, Timestamp) -> Headers,
    end: Timestamp,
    used: u32,
}

#[derive(Clone, Copy)]
enum Window {
    /// Begins with the first request after the last one ended.
    Opened(SignedDuration),
    /// By the platform's clock, whoever asks.
    Aligned(SignedDuration),
    Day(&'static str),
}

impl Window {
    fn end(self, now: Timestamp) -> Timestamp {
        match self {
            Window::Opened(span) => now + span,
            Window::Aligned(span) => {
                let seconds = span.as_secs();
                Timestamp::from_second((now.as_second() / seconds + 1) * seconds).unwrap()
            }
            Window::Day(zone) => {
                let today = now.to_zoned(TimeZone::get(zone).unwrap());
                today.start_of_day().unwrap().checked_add(1.day()).unwrap().timestamp()
            }
        }
    }
}

impl Meter {
    fn new(amount: u32, window: Window, says: fn(u32, Timestamp, Timestamp) -> Headers) -> Self {
        Self { amount, window, says, end: Timestamp::MIN, used: 0 }
    }

    /// Whether it answers.
    fn ask(&mut self, now: Timestamp) -> bool {
        if now >= self.end {
            (self.end, self.used) = (self.window.end(now), 0);
        }
        self.used += 1;
        self.used <= self.amount
    }

    fn headers(&self, now: Timestamp) -> Headers {
        (self.says)(self.amount.saturating_sub(self.used), self.end, now)
    }

    /// When one who knew everything would ask.
    fn free_at(&self, now: Timestamp) -> Timestamp {
        if now >= self.end || self.used < self.amount { now } else { self.end }
    }
}

fn date(now: Timestamp) -> (&'static str, String) {
    ("date", now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// A request's way there, and back again.
const WAY: SignedDuration = SignedDuration::from_millis(40);
const DAY: SignedDuration = SignedDuration::from_hours(24);

struct Trial {
    name: &'static str,
    policy: &'static str,
    meter: fn() -> Meter,
    /// So many days of it are quick to go through; a week shows the rest.
    days: i32,
    /// How far the platform's clock is ahead.
    skew: SignedDuration,
    /// Before clocks change in California, so that the week has one.
    start: &'static str,
}

impl Trial {
    /// How many were answered, and how many refused.
    fn run(&self, days: i32) -> (u64, u64) {
        let (mut quota, mut meter) = (Quota::new(policy(self.policy)), (self.meter)());
        let cost = Cost::of("search");
        let start: Timestamp = self.start.parse().unwrap();
        let (mut now, mut answered, mut refused) = (start, 0, 0);
        while now < start + DAY * days {
            if let Err(until) = quota.take(now, &cost) {
                assert!(until > now, "time goes on");
                now = until;
                continue;
            }
            let there = now + WAY + self.skew;
            let status = if meter.ask(there) { 200 } else { 429 };
            (answered, refused) = if status == 200 { (answered + 1, refused) } else { (answered, refused + 1) };
            now = now + WAY + WAY;
            quota.heard(&cost, &response(now, status, &meter.headers(there), ""), Class::Fine);
        }
        (answered, refused)
    }

    fn most(&self, days: i32) -> u64 {
        let mut meter = (self.meter)();
        let start: Timestamp = self.start.parse().unwrap();
        let (mut now, mut answered) = (start, 0);
        while now < start + DAY * days {
            let there = now + WAY + self.skew;
            now += meter.free_at(there).duration_since(there);
            answered += u64::from(meter.ask(now + WAY + self.skew));
            now = now + WAY + WAY;
        }
        answered
    }
}

fn silent(_: u32, _: Timestamp, now: Timestamp) -> Headers {
    vec![date(now)]
}

const TRIALS: &[Trial] = &[
    Trial {
        name: "X",
        days: 7,
        policy: quota::X,
        meter: || {
            Meter::new(450, Window::Opened(SignedDuration::from_mins(15)), |left, end, now| {
                let end = end.as_second().to_string();
                vec![("x-rate-limit-remaining", left.to_string()), ("x-rate-limit-reset", end), date(now)]
            })
        },
        skew: SignedDuration::from_millis(-3_700),
        start: "2026-03-03T12:00:00Z",
    },
    Trial {
        name: "Mastodon",
        days: 2,
        policy: quota::MASTODON,
        meter: || {
            Meter::new(300, Window::Aligned(SignedDuration::from_mins(5)), |left, end, now| {
                vec![("x-ratelimit-remaining", left.to_string()), ("x-ratelimit-reset", end.to_string()), date(now)]
            })
        },
        skew: SignedDuration::from_millis(2_300),
        start: "2026-03-03T12:01:00Z",
    },
    Trial {
        name: "Reddit",
        days: 1,
        policy: quota::REDDIT,
        meter: || {
            Meter::new(100, Window::Opened(SignedDuration::from_mins(1)), |left, end, now| {
                let left_of_it = end.duration_since(now).as_secs().to_string();
                vec![("x-ratelimit-remaining", format!("{left}.0")), ("x-ratelimit-reset", left_of_it)]
            })
        },
        skew: SignedDuration::from_secs(7),
        start: "2026-03-03T12:00:00Z",
    },
    Trial {
        name: "Discord",
        days: 2,
        policy: quota::DISCORD,
        meter: || {
            Meter::new(5, Window::Opened(SignedDuration::from_secs(5)), |left, end, now| {
                let left_of_it = format!("{:.3}", end.duration_since(now).as_secs_f64());
                let name = ("x-ratelimit-bucket", "d721dea6054f6322373d361f98e5c38b".to_owned());
                vec![("x-ratelimit-remaining", left.to_string()), ("x-ratelimit-reset-after", left_of_it), name]
            })
        },
        skew: SignedDuration::from_secs(0),
        start: "2026-03-03T12:00:00Z",
    },
    Trial {
        name: "GitHub",
        days: 1,
        policy: quota::GITHUB,
        meter: || {
            Meter::new(5000, Window::Opened(SignedDuration::from_hours(1)), |left, end, now| {
                let end = end.as_second().to_string();
                vec![("x-ratelimit-remaining", left.to_string()), ("x-ratelimit-reset", end), date(now)]
            })
        },
        skew: SignedDuration::from_millis(900),
        start: "2026-03-03T12:00:00Z",
    },
    Trial {
        name: "Stack Exchange",
        days: 7,
        policy: quota::STACK_EXCHANGE,
        meter: || Meter::new(10_000, Window::Day("UTC"), silent),
        skew: SignedDuration::from_millis(-1_600),
        start: "2026-03-03T12:00:00Z",
    },
    Trial {
        name: "Telegram",
        days: 7,
        policy: quota::TELEGRAM,
        meter: || Meter::new(20, Window::Aligned(SignedDuration::from_mins(1)), silent),
        skew: SignedDuration::from_secs(1),
        start: "2026-03-03T12:00:30Z",
    },
    Trial {
        name: "YouTube search",
        days: 7,
        policy: quota::YOUTUBE,
        meter: || Meter::new(100, Window::Day("America/Los_Angeles"), silent),
        skew: SignedDuration::from_millis(5_400),
        start: "2026-03-05T12:00:00Z",
    },
    Trial {
        name: "Bluesky",
        days: 1,
        policy: quota::BLUESKY,
        meter: || {
            Meter::new(3000, Window::Opened(SignedDuration::from_mins(5)), |left, end, now| {
                let end = end.as_second().to_string();
                vec![("ratelimit-remaining", left.to_string()), ("ratelimit-reset", end), date(now)]
            })
        },
        skew: SignedDuration::from_millis(-400),
        start: "2026-03-03T12:00:00Z",
    },
];

fn show(days: impl Fn(&Trial) -> i32 + Copy) {
    let run = |trial: &'static Trial| {
        let days = days(trial);
        std::thread::spawn(move || (days, trial.run(days), trial.most(days)))
    };
    let threads: Vec<_> = TRIALS.iter().map(run).collect();
    for (trial, thread) in TRIALS.iter().zip(threads) {
        let (days, (answered, refused), most) = thread.join().unwrap();
        let share = answered as f64 / most as f64;
        println!("{:15} {days} days: {answered:7} of {most:7} ({:.2} %), {refused} refused", trial.name, 100.0 * share);
        assert_eq!(refused, 0, "{} was asked too often", trial.name);
        assert!((0.95..=1.0).contains(&share), "{}: {share} of what could be used", trial.name);
    }
}

#[test]
fn no_platform_is_asked_too_often_and_nearly_all_is_used() {
    show(|trial| trial.days);
}

#[test]
#[ignore = "takes over a minute: 10 million requests"]
fn nor_in_a_whole_week() {
    show(|_| 7);
}
