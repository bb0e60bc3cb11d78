//! The kit finds what is wrong with sources that hold a connection, or are called: broken in one way each.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt;
use grapevine_model::{Author, Deletion, Event, Mention, MentionKey};
use grapevine_sources::{
    Cursor, Page, Progress, Source, SourceError, World,
    conformance::{
        Answer, Case, Check, Outcome, run,
        shape::{Peer, SIM, Say, Shape, Traits, number},
        story::{Change, Happened, Told, View},
    },
    http::{ByteStream, Request},
    push::{Delivery, Inbox},
    stream::Lines,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Takes each piece for a line.
    TakesPiecesForLines,
    /// A minute without news ends it for good.
    DiesOfSilence,
    /// Waits for ever.
    IsPatient,
    /// Connects anew without saying where it was.
    ForgetsWhere,
    /// Takes the platform's last word for its own.
    BelievesTheEnd,
    /// Keeps the newest of what waits.
    Drops,
    Panics,
    /// Answers before its page is durable.
    AnswersAtOnce,
    /// Looks at no signature.
    Trusts,
    /// Gives no reply whose parent it has not seen.
    WantsParents,
    /// Counts what it is sent.
    Counts,
    /// Knows no deletion of what it has not seen.
    WantsPosts,
}

const KEY: &str = "s1gned";

/// A stream that replays from a number on, or calls; all of it is told in the same words.
struct Platform {
    calls: bool,
}

fn told(happened: &Change, seq: u64) -> Vec<Value> {
    let is_gone = matches!(happened, Change::Deleted(_) | Change::Removed { .. });
    let post = |post: &Told| {
        json!({"seq": seq, "id": post.n, "text": post.text, "parent": post.parent, "author": post.author,
               "at": post.created_at.to_string(), "is_gone": is_gone})
    };
    happened.posts().iter().map(post).collect()
}

impl Shape for Platform {
    fn kind(&self) -> &'static str {
        "feed"
    }

    fn table(&self) -> String {
        String::new()
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        self.calls.then_some(("POSTS_KEY", KEY))
    }

    fn traits(&self) -> Traits {
        let every = SignedDuration::from_mins(10);
        let traits = if self.calls { Traits::pushed(every) } else { Traits::streamed(every) };
        Traits { removals: true, ..traits }
    }

    fn answer(&self, _: &View<'_>, _: &Request) -> Answer {
        Answer::status(404, "")
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }

    fn peer(&self) -> Option<Box<dyn Peer>> {
        (!self.calls).then(|| Box::new(Stream) as Box<dyn Peer>)
    }

    fn deliveries(&self, change: &Change, _: &View<'_>) -> Vec<Request> {
        let call = |body: Value| {
            let url = format!("{SIM}/hooks/posts?sign={}", body.to_string().len()).parse().unwrap();
            Request::post(url).with_json(&body)
        };
        told(change, 0).into_iter().map(call).collect()
    }
}

struct Stream;

impl Stream {
    fn lines(happened: &Happened) -> Vec<Say> {
        told(&happened.change, happened.seq).iter().map(Say::line).collect()
    }
}

impl Peer for Stream {
    fn open(&mut self, view: &View<'_>, request: &Request) -> Result<Vec<Say>, Answer> {
        let after = number(request, "after").unwrap_or(u64::MAX);
        Ok(view.changes.iter().filter(|change| change.seq > after).flat_map(Self::lines).collect())
    }

    fn change(&mut self, _: &View<'_>, change: &Happened) -> Vec<Say> {
        Self::lines(change)
    }

    fn silence(&mut self, _: &View<'_>) -> Vec<Say> {
        vec![Say::Text("\r\n".to_owned())]
    }
}

/// What both sources make of a word.
fn event(world: &World, word: &Value) -> Event {
    let key = MentionKey::new("posts", "", word["id"].to_string());
    let observed_at = world.clock.now();
    if word["is_gone"] == true {
        return Event::Delete(Deletion { key, observed_at });
    }
    let author = Author { native_id: word["author"].as_str().unwrap_or("").to_owned(), ..Author::default() };
    let at = word["at"].as_str().and_then(|at| at.parse().ok()).unwrap_or_default();
    let mut mention = Mention::new(key, author, at, word["text"].as_str().unwrap_or(""));
    (mention.observed_at, mention.parent) = (observed_at, word["parent"].as_u64().map(|parent| parent.to_string()));
    Event::Upsert(Box::new(mention))
}

fn start(cursor: Option<&Cursor>) -> Result<u64, SourceError> {
    match cursor {
        None => Ok(0),
        Some(Cursor { version: 1, value }) => value.as_u64().ok_or_else(|| SourceError::cursor_lost("unreadable")),
        Some(_) => Err(SourceError::cursor_lost("of another version")),
    }
}

fn page(events: Vec<Event>, at: u64) -> Page {
    let (cursor, state) = (Cursor { version: 1, value: at.into() }, Progress::CaughtUp);
    Page { events, rejected: Vec::new(), cursor, complete_through: None, state }
}

enum Line {
    Whole(Lines),
    Raw(ByteStream),
}

struct Listener {
    fault: Fault,
    world: World,
    line: Option<Line>,
    /// Where the line stands.
    at: u64,
    quiet: usize,
}

impl Listener {
    async fn connect(&mut self, after: u64) -> Result<(), SourceError> {
        let ask =
            if self.fault == Fault::ForgetsWhere && after > 0 { String::new() } else { format!("?after={after}") };
        let url = format!("{SIM}/stream{ask}").parse().unwrap();
        let opened = self.world.transport.open(Request::get(url)).await?;
        match opened.response.status {
            200 if opened.response.is_html() => return Err(SourceError::Transient("a page for people".to_owned())),
            200 => {}
            401 | 403 => return Err(SourceError::Auth("refused".to_owned())),
            404 => return Err(SourceError::Gone("not there".to_owned())),
            status => return Err(SourceError::Transient(format!("answered {status}"))),
        }
        let patience = if self.fault == Fault::IsPatient { 100_000_000 } else { 30 };
        self.line = Some(match self.fault {
            Fault::TakesPiecesForLines => Line::Raw(opened.body),
            _ => Line::Whole(Lines::new(&self.world, opened.body, Duration::from_secs(patience))),
        });
        self.at = after;
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, SourceError> {
        let until = self.world.clock.now() + SignedDuration::from_millis(500);
        match &mut self.line {
            Some(Line::Whole(lines)) => lines.next(until).await,
            Some(Line::Raw(body)) => {
                let wait = self.world.clock.sleep(Duration::from_millis(500));
                tokio::select! {
                    biased;
                    piece = body.next() => match piece {
                        Some(piece) => Ok(Some(piece?.to_vec())),
                        None => Err(SourceError::Transient("the end".to_owned())),
                    },
                    () = wait => Ok(None),
                }
            }
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Source for Listener {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.connect(0).await
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let from = start(cursor)?;
        if self.line.is_none() || self.at != from {
            self.connect(from).await?;
        }
        self.quiet += 1;
        let (mut events, mut at) = (Vec::new(), from);
        for count in 0.. {
            let line = match self.next().await {
                Ok(Some(line)) => line,
                Ok(None) if self.fault == Fault::DiesOfSilence && self.quiet > 50 => {
                    return Err(SourceError::Config("nothing comes".to_owned()));
                }
                Ok(None) => break,
                Err(_) if self.fault == Fault::BelievesTheEnd => break,
                Err(error) if events.is_empty() => {
                    self.line = None;
                    return Err(error);
                }
                Err(_) => {
                    self.line = None;
                    break;
                }
            };
            if line.trim_ascii().is_empty() {
                break;
            }
            let word: Option<Value> = serde_json::from_slice(&line).ok();
            let word = if self.fault == Fault::Panics { Some(word.unwrap()) } else { word };
            let Some(word) = word.filter(|word| word["id"].is_u64()) else { continue };
            at = word["seq"].as_u64().unwrap_or(at).max(at);
            if self.fault != Fault::Drops || count < 100 {
                events.push(event(&self.world, &word));
            }
        }
        self.at = at;
        Ok(page(events, at))
    }
}

struct Called {
    fault: Fault,
    world: World,
    inbox: Option<Inbox>,
    taken: VecDeque<Delivery>,
    seen: Vec<u64>,
    count: u64,
}

impl Called {
    /// The signature is the length of the body: enough to tell that it was changed.
    fn is_signed(&self, delivery: &Delivery) -> bool {
        self.fault == Fault::Trusts || delivery.query == format!("sign={}", delivery.body.len())
    }

    fn wants(&self, word: &Value) -> bool {
        let has_seen = |id: &Value| id.as_u64().is_none_or(|id| self.seen.contains(&id));
        match self.fault {
            Fault::WantsParents => has_seen(&word["parent"]),
            Fault::WantsPosts => word["is_gone"] != true || has_seen(&word["id"]),
            _ => true,
        }
    }

    fn take(&mut self, word: &mut Value) -> Option<Event> {
        self.count += 1;
        if self.fault == Fault::Counts && self.count.is_multiple_of(3) {
            word["id"] = (1_000 + self.count).into();
        }
        let is_wanted = self.wants(word);
        self.seen.extend(word["id"].as_u64());
        is_wanted.then(|| event(&self.world, word))
    }
}

#[async_trait]
impl Source for Called {
    async fn check(&mut self) -> Result<(), SourceError> {
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let at = start(cursor)?;
        if self.inbox.is_none() {
            self.inbox = Some(self.world.hooks.open("127.0.0.1:1".parse().unwrap(), "posts")?);
        }
        let mut events = Vec::new();
        while let Some(delivery) = self.inbox.as_mut().and_then(Inbox::try_next) {
            if !self.is_signed(&delivery) {
                delivery.answer(401, "text/plain", "");
                continue;
            }
            let mut word = serde_json::from_slice(&delivery.body).unwrap_or_default();
            events.extend(self.take(&mut word));
            match self.fault {
                Fault::AnswersAtOnce => delivery.answer(200, "text/plain", ""),
                _ => self.taken.push_back(delivery),
            }
        }
        self.world.clock.sleep(Duration::from_millis(100)).await;
        Ok(page(events, at + 1))
    }

    async fn settle(&mut self, _: &Cursor) -> Result<(), SourceError> {
        self.taken.drain(..).for_each(|delivery| delivery.answer(200, "text/plain", ""));
        Ok(())
    }
}

fn failed(fault: Fault, is_called: bool) -> Vec<(Check, String)> {
    let build = move |world: &World| -> Box<dyn Source> {
        let world = world.clone();
        match is_called {
            true => Box::new(Called { fault, world, inbox: None, taken: VecDeque::new(), seen: Vec::new(), count: 0 }),
            false => Box::new(Listener { fault, world, line: None, at: 0, quiet: 0 }),
        }
    };
    let case = Case::built(Arc::new(Platform { calls: is_called }), Arc::new(build));
    let failure = |(check, outcome)| match outcome {
        Outcome::Failed(problem) => Some((check, problem)),
        _ => None,
    };
    run(&case).cells.into_iter().filter_map(failure).collect()
}

fn is_found(fault: Fault, is_called: bool, check: Check) {
    let failed = failed(fault, is_called);
    assert!(failed.iter().any(|(found, _)| *found == check), "{fault:?}: {failed:?}");
}

#[test]
fn a_sound_listener_passes_and_each_fault_is_found_by_its_check() {
    // It says nothing of how long to wait: no more than a handshake does.
    assert_eq!(failed(Fault::None, false), []);
    for (fault, check) in [
        (Fault::TakesPiecesForLines, Check::Pieces),
        (Fault::DiesOfSilence, Check::Heartbeats),
        (Fault::IsPatient, Check::Silence),
        (Fault::ForgetsWhere, Check::Cut),
        (Fault::BelievesTheEnd, Check::Farewell),
        (Fault::Drops, Check::Flood),
        (Fault::Panics, Check::Spoilt),
    ] {
        is_found(fault, false, check);
    }
}

#[test]
fn a_sound_receiver_passes_and_each_fault_is_found_by_its_check() {
    assert_eq!(failed(Fault::None, true), []);
    for (fault, check) in [
        (Fault::AnswersAtOnce, Check::Unsettled),
        (Fault::Trusts, Check::Forged),
        (Fault::WantsParents, Check::OutOfOrder),
        (Fault::Counts, Check::Twice),
        (Fault::WantsPosts, Check::DeleteFirst),
    ] {
        is_found(fault, true, check);
    }
}
