use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use reqwest::header::AUTHORIZATION;

use super::{
    Answer, Platform, StepClock, When,
    hooks::{Calls, ScriptedHooks},
    line::{self, Lines, Trouble},
    mutate,
    shape::{Peer, Shape},
    story::Moment,
};
use crate::{
    SourceError,
    http::{ByteStream, Opened, Request, Response, Transport},
    push::Hooks,
    registry::Clock,
};

/// How long one exchange takes, by the clock of the test.
const WAY: Duration = Duration::from_millis(100);

/// No poll of a test needs more.
pub(super) const MOST_REQUESTS: usize = 100_000;

/// What a test does to the answers.
#[derive(Debug, Clone, Default)]
pub(super) enum Spoil {
    #[default]
    Nothing,
    /// Every request gets this.
    Always(Answer),
    /// Whatever is asked of a path, from the nth answer on (from 0) that one comes again: a token that leads nowhere else.
    Loop(usize),
    /// Every list in an answer is empty.
    EmptyLists,
    /// JSON has fields more than it had.
    UnknownFields,
    /// The nth request since the spoiling began gets another body.
    Body { nth: usize, body: Vec<u8> },
    /// The nth of those that bring a bearer's token gets a 401.
    Unauthorized(usize),
    /// What asks for a part gets this.
    Part(u16),
}

/// A network on which there is one [`Platform`].
#[derive(Clone)]
pub struct Scripted {
    clock: StepClock,
    platform: Arc<dyn Platform>,
    state: Arc<Mutex<State>>,
    lines: Arc<Mutex<Lines>>,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Default)]
struct State {
    round: usize,
    requests: usize,
    spoil: Spoil,
    since_spoil: usize,
    bearers: usize,
    answers: HashMap<String, Vec<Answer>>,
    log: Vec<Exchange>,
}

/// One request and what came of it.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    pub(super) at: Timestamp,
    pub(super) answer: Answer,
}

impl Scripted {
    pub fn new(platform: Arc<dyn Platform>, clock: StepClock) -> Self {
        Self { clock, platform, state: Arc::default(), lines: Arc::default(), calls: Arc::default() }
    }

    /// From now on the platform stands in this round.
    pub fn enter(&self, round: usize) {
        self.enter_at(round, 0);
    }

    /// The same, after so many requests.
    pub(super) fn enter_at(&self, round: usize, requests: usize) {
        let mut state = self.state.lock();
        (state.round, state.requests) = (round, requests);
        drop(state);
        self.clock.wake();
    }

    pub(super) fn spoil(&self, spoil: Spoil) {
        let mut state = self.state.lock();
        (state.spoil, state.since_spoil) = (spoil, 0);
        state.bearers = 0;
        state.answers.clear();
    }

    /// The exchanges from the nth on.
    pub(super) fn log(&self, from: usize) -> Vec<Exchange> {
        self.state.lock().log.iter().skip(from).cloned().collect()
    }

    pub fn requests(&self) -> usize {
        self.state.lock().log.len()
    }

    pub(super) fn clock(&self) -> &StepClock {
        &self.clock
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock()
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock()
    }

    pub(super) fn hooks(&self) -> Arc<dyn Hooks> {
        Arc::new(ScriptedHooks(self.calls.clone()))
    }

    pub(super) fn shape(&self) -> Option<Arc<dyn Shape>> {
        self.platform.shape()
    }

    pub(super) fn peer(&self) -> Option<Box<dyn Peer>> {
        self.shape()?.peer()
    }

    fn when(&self) -> When {
        let state = self.state.lock();
        When { round: state.round, requests: state.requests, now: self.clock.now() }
    }

    /// Where the story stands.
    pub(super) fn moment(&self) -> Moment {
        self.platform.moment(self.when())
    }

    /// A platform that is a folder is written.
    pub(super) fn write(&self) -> Result<(), SourceError> {
        self.platform.write(self.when()).map_err(|error| SourceError::Config(format!("the kit's folder: {error}")))
    }

    /// Something was read: what arrives meanwhile may come.
    pub(super) fn was_asked(&self) {
        self.state.lock().requests += 1;
    }

    pub(super) fn gave_frame(&self) {
        self.lines().frames += 1;
        self.was_asked();
    }

    pub(super) fn strike(&self) -> Option<Trouble> {
        self.lines().strike()
    }

    /// What a connection is answered in place of being made.
    pub(super) fn refused(&self, request: &Request) -> Option<Answer> {
        let mut state = self.state.lock();
        let refused = match state.spoil.clone() {
            Spoil::Always(answer) => Some(answer),
            Spoil::Part(status) if self.is_of_part(request) => Some(Answer::status(status, "")),
            Spoil::Unauthorized(nth) if is_nth_bearer(&mut state, request, nth) => Some(Answer::status(401, "")),
            _ => None,
        };
        if let Some(answer) = &refused {
            state.log.push(Exchange { at: self.clock.now(), answer: answer.clone() });
        }
        refused
    }

    fn is_of_part(&self, request: &Request) -> bool {
        self.shape().is_some_and(|shape| shape.is_of_part(request))
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state.lock();
        let when = When { round: state.round, requests: state.requests, now: self.clock.now() };
        let mut answer = self.platform.answer(when, request);
        let nth_request = state.since_spoil;
        match state.spoil.clone() {
            Spoil::Nothing => {}
            Spoil::Always(instead) => answer = instead,
            Spoil::Loop(nth) => {
                answer = again(state.answers.entry(request.url.path().to_owned()).or_default(), nth, answer)
            }
            Spoil::EmptyLists => answer.body = mutate::with_empty_lists(&answer.body).unwrap_or(answer.body),
            Spoil::UnknownFields => answer.body = mutate::with_unknown_fields(&answer.body).unwrap_or(answer.body),
            Spoil::Body { nth, body } if nth == nth_request => answer.body = body,
            Spoil::Body { .. } => {}
            Spoil::Unauthorized(nth) if is_nth_bearer(&mut state, request, nth) => answer = Answer::status(401, ""),
            Spoil::Part(status) if self.is_of_part(request) => answer = Answer::status(status, ""),
            Spoil::Unauthorized(_) | Spoil::Part(_) => {}
        }
        state.requests += 1;
        state.since_spoil += 1;
        state.log.push(Exchange { at: when.now, answer: answer.clone() });
        answer
    }
}

fn is_nth_bearer(state: &mut State, request: &Request, nth: usize) -> bool {
    let brought = request.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let is_bearer = brought.is_some_and(|value| value.to_ascii_lowercase().starts_with("bearer "));
    state.bearers += usize::from(is_bearer);
    is_bearer && state.bearers == nth + 1
}

/// The answer, or the nth that was given before.
fn again(given: &mut Vec<Answer>, nth: usize, answer: Answer) -> Answer {
    if given.len() <= nth {
        given.push(answer.clone());
        return answer;
    }
    given[nth].clone()
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let answer = self.answer(&request);
        if self.state.lock().since_spoil > MOST_REQUESTS {
            return Err(SourceError::Config(format!("more than {MOST_REQUESTS} requests and no end")));
        }
        self.clock.sleep(WAY).await;
        let (status, headers) = (answer.status, answer.header_map());
        Ok(Response { status, headers, body: answer.body, at: self.clock.now() })
    }

    async fn open(&self, request: Request) -> Result<Opened, SourceError> {
        let refused = self.refused(&request);
        let Some(peer) = self.peer().filter(|_| refused.is_none()) else {
            return match refused {
                Some(answer) => Ok(opened(answer, None, self.clock.now())),
                None => Ok(opened(self.answer(&request), None, self.clock.now())),
            };
        };
        self.clock.sleep(WAY).await;
        Ok(match line::body(self, peer, &request) {
            Ok(body) => opened(Answer::status(200, ""), Some(body), self.clock.now()),
            Err(answer) => opened(answer, None, self.clock.now()),
        })
    }
}

/// A body that is no stream stays with the response where that is no success, and is one piece else.
fn opened(answer: Answer, body: Option<ByteStream>, at: Timestamp) -> Opened {
    let (status, headers) = (answer.status, answer.header_map());
    let is_success = (200..300).contains(&status);
    let (kept, piece) = if is_success { (Vec::new(), answer.body) } else { (answer.body, Vec::new()) };
    let whole = stream::iter((!piece.is_empty()).then(|| Ok(Bytes::from(piece)))).boxed();
    Opened { response: Response { status, headers, body: kept, at }, body: body.unwrap_or(whole) }
}
