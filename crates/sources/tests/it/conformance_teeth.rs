//! The kit finds what is wrong: sources that are broken in one way each.

use std::sync::Arc;

use async_trait::async_trait;
use grapevine_model::{Author, Event, Mention, MentionKey};
use grapevine_sources::{
    Cursor, Page, Progress, Source, SourceError, World,
    conformance::{Answer, Case, Check, Expected, Outcome, Platform, When, run},
    http::{Auth, Client, Cost, Fetched, QuotaPolicy, Request, SecretPlace},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// Five posts in pages of two, each page naming the next; a sixth comes once the first page was read.
struct Posts;

const TIME: &str = "2026-03-01T11:00:00Z";

impl Platform for Posts {
    fn answer(&self, when: When, request: &Request) -> Answer {
        if request.url.query_pairs().all(|(name, _)| name != "key") {
            return Answer::status(401, "");
        }
        let from = request.url.query_pairs().find(|(name, _)| name == "from");
        let from: u64 = from.and_then(|(_, from)| from.parse().ok()).unwrap_or(0);
        let end = if when.requests > 0 { 6 } else { 5 };
        let ids: Vec<u64> = (from..end).take(2).collect();
        let next = (from + 2 < end).then_some(from + 2);
        Answer::json(&json!({"ids": ids, "next": next}))
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        let expected = |id: u64| Expected::new(id.to_string(), TIME.parse().unwrap(), "text");
        (0..5).map(expected).chain([expected(5).late()]).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Takes any cursor for the beginning.
    ForgetsCursor,
    /// Its cursor is a page ahead.
    SavesTooEarly,
    /// Follows a token for ever.
    Loops,
    /// The same, within one poll.
    Spins,
    /// Reads only what was there at the start.
    MissesLate,
    Panics,
    ShowsSecret,
    /// Asks anew whenever it is polled.
    Hurries,
    /// Says that it is complete up to now.
    Boasts,
    /// Checks nothing.
    IsAlwaysWell,
    /// Gives other events each time.
    Random,
}

struct Reader {
    fault: Fault,
    client: Client,
    world: World,
    key: String,
}

impl Reader {
    async fn fetch(&mut self, from: u64) -> Result<serde_json::Value, SourceError> {
        let url = format!("https://posts.example/list?from={from}").parse().unwrap();
        match self.client.get_json(&Request::get(url), &Cost::default()).await? {
            Fetched::Json { value, .. } => Ok(value),
            Fetched::Unchanged => Err(SourceError::Transient("unasked 304".into())),
        }
    }

    fn mention(&self, id: u64) -> Event {
        let text = if self.fault == Fault::ShowsSecret { &self.key } else { "text" };
        let key = MentionKey::new("posts", "", id.to_string());
        let mut mention = Mention::new(key, Author::default(), TIME.parse().unwrap(), text);
        mention.observed_at = self.world.clock.now();
        if self.fault == Fault::Random {
            mention.observed_at = Timestamp::now();
        }
        Event::Upsert(Box::new(mention))
    }

    fn start(&self, cursor: Option<&Cursor>) -> Result<u64, SourceError> {
        match cursor {
            None => Ok(0),
            Some(_) if self.fault == Fault::ForgetsCursor => Ok(0),
            Some(Cursor { version: 1, value }) => {
                value.as_u64().ok_or_else(|| SourceError::cursor_lost("an unreadable cursor"))
            }
            Some(_) => Err(SourceError::cursor_lost("an unknown cursor")),
        }
    }
}

#[async_trait]
impl Source for Reader {
    async fn check(&mut self) -> Result<(), SourceError> {
        if self.fault == Fault::IsAlwaysWell { Ok(()) } else { self.fetch(0).await.map(drop) }
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let from = self.start(cursor)?;
        let idle = from >= 5 && self.fault != Fault::Hurries;
        let answer = if idle { json!({"ids": [], "next": null}) } else { self.fetch(from).await? };
        let mut answer = answer;
        while self.fault == Fault::Spins
            && let Some(next) = answer["next"].as_u64()
        {
            answer = self.fetch(next).await?;
        }
        let ids: Vec<u64> = match self.fault {
            Fault::MissesLate => (from..(from + 2).min(5)).collect(),
            Fault::Panics => answer["ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect(),
            _ => answer["ids"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_u64).collect(),
        };
        let next = answer["next"].as_u64().filter(|next| *next > from || self.fault == Fault::Loops);
        let ahead = if self.fault == Fault::SavesTooEarly { 2 } else { 0 };
        Ok(Page {
            events: ids.into_iter().map(|id| self.mention(id)).collect(),
            rejected: Vec::new(),
            cursor: Cursor { version: 1, value: (next.unwrap_or(5.max(from)) + ahead).into() },
            complete_through: (self.fault == Fault::Boasts).then(|| self.world.clock.now()),
            state: if next.is_some() { Progress::Behind } else { Progress::CaughtUp },
        })
    }
}

fn failed(fault: Fault) -> Vec<Check> {
    let build = move |world: &World| -> Box<dyn Source> {
        let key = SecretPlace::Env("POSTS_KEY".into()).read(world).unwrap();
        let auth = Auth::Query { name: "key".into(), value: key.clone() };
        let client = Client::new(world, auth, QuotaPolicy::default());
        Box::new(Reader { fault, client, world: world.clone(), key: key.expose().to_owned() })
    };
    let case = Case {
        name: "posts",
        kind: "posts",
        build: Arc::new(build),
        secret: Some(("POSTS_KEY", "s3cr3t")),
        platform: Arc::new(Posts),
        every: SignedDuration::from_mins(1),
        allowed: (20, SignedDuration::from_mins(1)),
    };
    let is_failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    run(&case).cells.into_iter().filter(|(_, outcome)| is_failed(outcome)).map(|(check, _)| check).collect()
}

#[test]
fn a_sound_source_passes_and_each_fault_is_found_by_its_check() {
    assert_eq!(failed(Fault::None), []);
    for (fault, check) in [
        (Fault::SavesTooEarly, Check::Mapped),
        (Fault::ForgetsCursor, Check::Mapped),
        (Fault::Loops, Check::Loop),
        (Fault::Spins, Check::Loop),
        (Fault::MissesLate, Check::Arrivals),
        (Fault::Panics, Check::Spoilt),
        (Fault::ShowsSecret, Check::Secret),
        (Fault::Hurries, Check::Quota),
        (Fault::Boasts, Check::Complete),
        (Fault::IsAlwaysWell, Check::Classes),
        (Fault::Random, Check::Replay),
    ] {
        let failed = failed(fault);
        assert!(failed.contains(&check), "{fault:?}: {failed:?}");
    }
}
