//! What a receiver is told about an episode.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::episodes::digest;
use crate::{Episode, EpisodeState, NegativeSpike};

/// Version of the body. It grows when a field changes its meaning or goes away; new fields may come at any time.
pub const BODY_VERSION: u32 = 1;

const EXAMPLES: usize = 3;
const SHARES: usize = 5;
/// Characters of an example's text.
const TEXT_LENGTH: usize = 280;

/// One message to one receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The same for every attempt, and after a restart: receivers drop what they have seen.
    pub key: String,
    pub receiver: String,
    pub body: Value,
    pub created_at: Timestamp,
}

/// What the store knows about an episode's span.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Background {
    /// The best first. Those with the same text are shown once, and three at most.
    pub examples: Vec<Example>,
    /// Of the excess, by dimension (`platform`, `author`, `hashtag`, `theme`), the largest first. Five of each are shown.
    pub shares: BTreeMap<String, Vec<Share>>,
    /// Address of the dashboard at the episode's span.
    pub link: Option<String>,
}

/// A post that shows what the alert is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    pub id: String,
    pub platform: String,
    pub author: String,
    pub created_at: Timestamp,
    pub text: String,
    pub url: Option<String>,
}

/// How much of the excess comes from one platform, author or hashtag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub name: String,
    /// What was observed of it.
    pub count: u64,
    /// Of the excess (observed - expected), not of all that was observed: 0 where it did not grow. Shares can sum to more
    /// than 1, as a post has several hashtags, and what grew may stand beside what shrank.
    pub share: f64,
}

impl Notification {
    /// The message about this episode, in its present state, for one receiver.
    pub fn new(episode: &Episode, receiver: &str, background: &Background, now: Timestamp) -> Self {
        let key = notification_key(episode, receiver);
        let body = body(&key, episode, background);
        Self { key, receiver: receiver.to_owned(), body, created_at: now }
    }
}

/// One key per rule, brand, episode, state and receiver.
pub fn notification_key(episode: &Episode, receiver: &str) -> String {
    digest(&[&episode.rule, &episode.brand, &episode.id, state(episode), receiver])
}

fn state(episode: &Episode) -> &'static str {
    match episode.state {
        EpisodeState::Firing => "firing",
        EpisodeState::Resolved => "resolved",
    }
}

fn body(key: &str, episode: &Episode, background: &Background) -> Value {
    let shares: BTreeMap<&String, &[Share]> =
        background.shares.iter().map(|(name, shares)| (name, &shares[..shares.len().min(SHARES)])).collect();
    json!({
        "version": BODY_VERSION,
        "key": key,
        "rule": episode.rule,
        "brand": episode.brand,
        "state": state(episode),
        "summary": summary(episode),
        "episode": {
            "id": episode.id,
            "started_at": episode.started_at,
            "resolved_at": episode.resolved_at,
        },
        "span": { "from": window_start(episode), "to": episode.resolved_at.unwrap_or(episode.started_at) },
        "counted": counted(episode),
        "observed": episode.observed,
        "expected": rounded(episode.expected),
        "excess": rounded(episode.observed - episode.expected),
        "evidence": rounded(episode.evidence),
        "peak_evidence": rounded(episode.peak_evidence),
        "shares": shares,
        "examples": examples(&background.examples),
        "link": background.link,
    })
}

/// Two digits after the point are what a person can use.
fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// The window that fired is the hour before the start.
fn window_start(episode: &Episode) -> Timestamp {
    episode.started_at - jiff::SignedDuration::from_hours(1)
}

fn counted(episode: &Episode) -> &'static str {
    if episode.rule == NegativeSpike::RULE { "negative mentions" } else { "mentions" }
}

/// What happened, in one sentence for a person.
fn summary(episode: &Episode) -> String {
    let Episode { brand, observed, expected, .. } = episode;
    let what = counted(episode);
    match episode.resolved_at {
        None => {
            let usual =
                if *expected < 1.0 { "fewer than one is usual".to_owned() } else { format!("{expected:.0} are usual") };
            format!("{brand}: {observed:.0} {what} within an hour, where {usual} at this time of day.")
        }
        Some(end) => {
            let minutes = (end.as_second() - episode.started_at.as_second()) / 60;
            let (hours, minutes) = (minutes / 60, minutes % 60);
            format!("{brand}: the surge of {what} is over after {hours} h {minutes:02} min.")
        }
    }
}

fn examples(all: &[Example]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    all.iter()
        .filter(|example| seen.insert(example.text.trim().to_lowercase()))
        .take(EXAMPLES)
        .map(|example| {
            let mut value = json!(example);
            value["text"] = shortened(&example.text).into();
            value
        })
        .collect()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(TEXT_LENGTH) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    pub(crate) fn episode() -> Episode {
        Episode {
            id: "0123456789abcdef0123456789abcdef".to_owned(),
            rule: "negative_spike".to_owned(),
            brand: "Kestrovel".to_owned(),
            state: EpisodeState::Firing,
            started_at: time("2026-11-03T08:15:00Z"),
            resolved_at: None,
            evidence: 4.126,
            peak_evidence: 4.126,
            observed: 23.0,
            expected: 1.8432,
        }
    }

    fn example(text: &str) -> Example {
        Example {
            id: "microblog:social.example:1".to_owned(),
            platform: "microblog".to_owned(),
            author: "ada".to_owned(),
            created_at: time("2026-11-03T08:10:00Z"),
            text: text.to_owned(),
            url: Some("https://social.example/@ada/1".to_owned()),
        }
    }

    #[test]
    fn the_body_says_what_happened() {
        let long = "é".repeat(400);
        let share = Share { name: "microblog".to_owned(), count: 20, share: 0.87 };
        let background = Background {
            examples: ["Dead bike.", "dead bike. ", &long, "Third", "Fourth"].map(example).to_vec(),
            shares: BTreeMap::from([("platform".to_owned(), vec![share; 7])]),
            link: Some("http://127.0.0.1:8080/#brand=Kestrovel".to_owned()),
        };
        let body = Notification::new(&episode(), "ops", &background, time("2026-11-03T08:15:04Z")).body;
        assert_eq!(body["version"], 1);
        assert_eq!(
            body["summary"],
            "Kestrovel: 23 negative mentions within an hour, where 2 are usual at this time of day."
        );
        assert_eq!((&body["evidence"], &body["excess"]), (&json!(4.13), &json!(21.16)));
        assert_eq!(body["span"], json!({ "from": "2026-11-03T07:15:00Z", "to": "2026-11-03T08:15:00Z" }));
        let texts: Vec<usize> = body["examples"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some(one["text"].as_str()?.chars().count()))
            .collect();
        assert_eq!(texts, [10, 281, 5]);
        assert_eq!(body["shares"]["platform"].as_array().map(Vec::len), Some(5));
    }

    #[test]
    fn the_key_tells_states_and_receivers_apart() {
        let firing = episode();
        let resolved = Episode {
            state: EpisodeState::Resolved,
            resolved_at: Some(time("2026-11-03T17:20:00Z")),
            peak_evidence: 9.0,
            ..episode()
        };
        assert_eq!(
            notification_key(&firing, "ops"),
            notification_key(&Episode { peak_evidence: 7.0, ..episode() }, "ops")
        );
        assert_ne!(notification_key(&firing, "ops"), notification_key(&resolved, "ops"));
        assert_ne!(notification_key(&firing, "ops"), notification_key(&firing, "press"));
        let body = Notification::new(&resolved, "ops", &Background::default(), time("2026-11-03T17:20:01Z")).body;
        assert_eq!(body["summary"], "Kestrovel: the surge of negative mentions is over after 9 h 05 min.");
    }
}
