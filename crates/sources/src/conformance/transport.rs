use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::{Answer, Platform, StepClock, When, mutate};
use crate::{
    SourceError,
    http::{Request, Response, Transport},
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
}

/// A transport that asks a [`Platform`] in place of the network.
#[derive(Clone)]
pub struct Scripted {
    clock: StepClock,
    platform: Arc<dyn Platform>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    round: usize,
    requests: usize,
    spoil: Spoil,
    since_spoil: usize,
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
        Self { clock, platform, state: Arc::default() }
    }

    /// From now on the platform stands in this round.
    pub fn enter(&self, round: usize) {
        self.enter_at(round, 0);
    }

    /// The same, after so many requests.
    pub(super) fn enter_at(&self, round: usize, requests: usize) {
        let mut state = self.state.lock();
        (state.round, state.requests) = (round, requests);
    }

    pub(super) fn spoil(&self, spoil: Spoil) {
        let mut state = self.state.lock();
        (state.spoil, state.since_spoil) = (spoil, 0);
        state.answers.clear();
    }

    /// The exchanges from the nth on.
    pub(super) fn log(&self, from: usize) -> Vec<Exchange> {
        self.state.lock().log.iter().skip(from).cloned().collect()
    }

    pub fn requests(&self) -> usize {
        self.state.lock().log.len()
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
        }
        state.requests += 1;
        state.since_spoil += 1;
        state.log.push(Exchange { at: when.now, answer: answer.clone() });
        answer
    }
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
}
