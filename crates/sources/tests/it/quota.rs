//! Every way in which a platform says that it is enough, on a fake clock.

use grapevine_sources::http::{
    Class, Cost, Quota, QuotaPolicy, Response,
    header::{HeaderName, HeaderValue},
};
use jiff::{SignedDuration, Timestamp};

pub fn policy(toml: &str) -> QuotaPolicy {
    toml::from_str(toml).unwrap_or_else(|error| panic!("{error}"))
}

pub fn response(at: Timestamp, status: u16, headers: &[(&'static str, String)], body: &str) -> Response {
    let header =
        |(name, value): &(&'static str, String)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    Response { status, headers: headers.iter().map(header).collect(), body: body.into(), at }
}

/// The platforms' limits as their sources state them.
pub const X: &str = r#"
limit = [{ amount = 450, per = "15m" }]
headers = { remaining = "x-rate-limit-remaining", reset = "x-rate-limit-reset", format = "unix" }"#;
pub const MASTODON: &str = r#"
limit = [{ amount = 300, per = "5m" }]
headers = { remaining = "x-ratelimit-remaining", reset = "x-ratelimit-reset", format = "iso" }"#;
pub const REDDIT: &str = r#"
limit = [{ amount = 100, per = "1m" }]
headers = { remaining = "x-ratelimit-remaining", reset = "x-ratelimit-reset", format = "seconds_left" }"#;
pub const DISCORD: &str = r#"
headers = { remaining = "x-ratelimit-remaining", reset = "x-ratelimit-reset-after", format = "fractional", bucket = "x-ratelimit-bucket" }"#;
pub const GITHUB: &str = r#"
free = [304]
limit = [{ amount = 5000, per = "1h" }]
headers = { remaining = "x-ratelimit-remaining", reset = "x-ratelimit-reset", format = "unix" }"#;
pub const STACK_EXCHANGE: &str = r#"
body_wait = "backoff"
limit = [{ amount = 10000, per = "day" }]"#;
pub const TELEGRAM: &str = r#"
body_wait = "parameters.retry_after"
limit = [{ amount = 20, per = "1m" }]"#;
pub const YOUTUBE: &str = r#"
limited = [429]
limit = [
    { amount = 100, per = "day", zone = "America/Los_Angeles", only = "search" },
    { amount = 10000, per = "day", zone = "America/Los_Angeles" },
]"#;
pub const BLUESKY: &str = r#"
limit = [{ amount = 3000, per = "5m" }]
headers = { remaining = "ratelimit-remaining", reset = "ratelimit-reset", format = "unix" }"#;

fn noon() -> Timestamp {
    "2026-03-03T12:00:00Z".parse().unwrap()
}

/// What one answer at noon makes the next request of the same bucket wait, in milliseconds.
fn wait(policy_of: &str, status: u16, headers: &[(&'static str, String)], body: &str) -> i128 {
    let (mut quota, cost) = (Quota::new(policy(policy_of)), Cost::of("b"));
    quota.take(noon(), &cost).unwrap();
    quota.heard(&cost, &response(noon(), status, headers, body), Class::Fine);
    let until = quota.take(noon(), &cost).err().unwrap_or(noon());
    assert!(quota.take(until, &cost).is_ok(), "it waits once");
    until.duration_since(noon()).as_millis()
}

#[test]
fn each_platform_is_waited_for_as_it_says() {
    let unix = |seconds: i64| (noon().as_second() + seconds).to_string();
    let date = || ("date", "Tue, 03 Mar 2026 12:00:00 GMT".to_owned());
    for (name, policy, status, headers, body, millis) in [
        (
            "X",
            X,
            429,
            vec![("x-rate-limit-remaining", "0".into()), ("x-rate-limit-reset", unix(600)), date()],
            "",
            600_000,
        ),
        (
            "X, spent but not refused",
            X,
            200,
            vec![("x-rate-limit-remaining", "0".into()), ("x-rate-limit-reset", unix(60)), date()],
            "{}",
            60_000,
        ),
        (
            "X, without a date",
            X,
            429,
            vec![("x-rate-limit-remaining", "0".into()), ("x-rate-limit-reset", unix(600))],
            "",
            601_000,
        ),
        (
            "Mastodon",
            MASTODON,
            429,
            vec![
                ("x-ratelimit-remaining", "0".into()),
                ("x-ratelimit-reset", "2026-03-03T12:05:00.000000Z".into()),
                date(),
            ],
            "",
            300_000,
        ),
        (
            "Reddit",
            REDDIT,
            429,
            vec![("x-ratelimit-remaining", "0.0".into()), ("x-ratelimit-reset", "42".into())],
            "",
            43_000,
        ),
        (
            "Discord",
            DISCORD,
            429,
            vec![
                ("retry-after", "0.512".into()),
                ("x-ratelimit-remaining", "0".into()),
                ("x-ratelimit-reset-after", "0.512".into()),
            ],
            "",
            512,
        ),
        (
            "GitHub, 403",
            GITHUB,
            403,
            vec![("x-ratelimit-remaining", "0".into()), ("x-ratelimit-reset", unix(1800)), date()],
            "",
            1_800_000,
        ),
        (
            "GitHub, a second limit",
            GITHUB,
            403,
            vec![("x-ratelimit-remaining", "4000".into()), ("retry-after", "60".into())],
            "",
            60_000,
        ),
        ("Stack Exchange", STACK_EXCHANGE, 200, vec![], r#"{"items": [], "backoff": 10}"#, 10_000),
        (
            "Telegram",
            TELEGRAM,
            429,
            vec![],
            r#"{"ok": false, "error_code": 429, "parameters": {"retry_after": 5}}"#,
            5_000,
        ),
        (
            "Bluesky",
            BLUESKY,
            429,
            vec![("ratelimit-remaining", "0".into()), ("ratelimit-reset", unix(120)), date()],
            "",
            120_000,
        ),
        (
            "a date to come back at",
            BLUESKY,
            429,
            vec![("retry-after", "Tue, 03 Mar 2026 12:00:30 GMT".into()), date()],
            "",
            30_000,
        ),
        ("503 with a time", BLUESKY, 503, vec![("retry-after", "7".into())], "", 7_000),
        ("nothing said", BLUESKY, 429, vec![], "", 30_000),
    ] {
        assert_eq!(wait(policy, status, &headers, body), millis, "{name}");
    }
}

#[test]
fn youtube_is_spent_until_midnight_in_california() {
    let mut quota = Quota::new(policy(YOUTUBE));
    let (search, comments) = (Cost::of("search"), Cost::of("comments"));
    for _ in 0..100 {
        quota.take(noon(), &search).unwrap();
    }
    let midnight: Timestamp = "2026-03-04T08:00:00Z".parse().unwrap();
    assert_eq!(quota.take(noon(), &search), Err(midnight));
    assert!(quota.take(noon(), &comments).is_ok(), "comments have what is left of the units");
    let refused = response(noon(), 403, &[], r#"{"error": {"errors": [{"reason": "quotaExceeded"}]}}"#);
    assert_eq!(
        quota.heard(&comments, &refused, Class::Limited),
        Some(midnight),
        "the platform says no more than that it is spent"
    );
    assert!(quota.take(midnight, &search).is_ok());
}

#[test]
fn a_bucket_waits_alone_and_by_its_platforms_name() {
    let mut quota = Quota::new(policy(DISCORD));
    let spent = |bucket: &str| {
        let headers = [
            ("x-ratelimit-remaining", "0".into()),
            ("x-ratelimit-reset-after", "2.5".into()),
            ("x-ratelimit-bucket", bucket.into()),
        ];
        response(noon(), 200, &headers, "[]")
    };
    let (one, two, three) = (Cost::of("channel/1"), Cost::of("channel/2"), Cost::of("guild/3"));
    quota.take(noon(), &two).unwrap();
    assert_eq!(quota.heard(&two, &spent("abc"), Class::Fine), None);
    assert!(quota.take(noon(), &one).is_ok() && quota.take(noon(), &two).is_err());
    quota.heard(&one, &spent("abc"), Class::Fine);
    assert!(quota.take(noon(), &three).is_ok(), "another bucket");
    let global = response(noon(), 429, &[("x-ratelimit-global", "true".into()), ("retry-after", "1".into())], "");
    quota.heard(&three, &global, Class::Fine);
    let second = noon() + SignedDuration::from_secs(1);
    assert_eq!(quota.take(noon(), &Cost::of("fourth")), Err(second), "a limit on everything");
}

#[test]
fn an_unchanged_answer_of_github_is_free() {
    let mut quota = Quota::new(policy(&GITHUB.replace("5000", "2")));
    let cost = Cost::default();
    for _ in 0..50 {
        quota.take(noon(), &cost).unwrap();
        quota.heard(&cost, &response(noon(), 304, &[], ""), Class::Fine);
    }
    assert!(
        quota.take(noon(), &cost).is_ok() && quota.take(noon(), &cost).is_ok() && quota.take(noon(), &cost).is_err()
    );
}

#[test]
fn what_was_too_fast_does_not_wait_for_the_end_of_the_day() {
    let (mut quota, cost) = (Quota::new(policy(YOUTUBE)), Cost::of("comments"));
    let too_fast = response(noon(), 403, &[], r#"{"error": {"errors": [{"reason": "userRateLimitExceeded"}]}}"#);
    for seconds in [30, 60] {
        let until = noon() + SignedDuration::from_secs(seconds);
        assert_eq!(quota.heard(&cost, &too_fast, Class::LimitedForNow), Some(until));
    }
    assert_eq!(
        quota.heard(&cost, &response(noon(), 429, &[], ""), Class::Fine),
        Some(noon() + SignedDuration::from_mins(2))
    );
    // The hour of the first limit is not over, and most of it is left.
    let headers = [("x-ratelimit-remaining", "4000".into()), ("x-ratelimit-reset", "1772542800".into())];
    let second_limit = response(noon(), 403, &headers, "");
    let until = Quota::new(policy(GITHUB)).heard(&cost, &second_limit, Class::LimitedForNow);
    assert_eq!(until, Some(noon() + SignedDuration::from_secs(30)));
}

#[test]
fn waits_double_where_nothing_is_said_and_nonsense_is_bounded() {
    let (mut quota, cost) = (Quota::new(QuotaPolicy::default()), Cost::default());
    let mut now = noon();
    let mut waits = Vec::new();
    for _ in 0..9 {
        quota.take(now, &cost).unwrap();
        let until = quota.heard(&cost, &response(now, 429, &[], ""), Class::Fine).unwrap();
        waits.push(until.duration_since(now).as_secs());
        now = until;
    }
    assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]);
    quota.take(now, &cost).unwrap();
    let for_ever = response(now, 429, &[("retry-after", "99999999999".into())], "");
    assert_eq!(quota.heard(&cost, &for_ever, Class::Fine), Some(now + SignedDuration::from_hours(1)));
}
