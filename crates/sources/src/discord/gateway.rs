//! The gateway's side of a connection, without the connection: frames and times go in, actions come out. Pure.
//!
//! | what happens | what it does |
//! |---|---|
//! | the server says hello | identifies itself, or resumes its session where it has one |
//! | a heartbeat is due | sends one; the first after a random part of the interval |
//! | the heartbeat before was not answered | gives the connection up (a zombie) and resumes |
//! | the server asks for a heartbeat | sends it at once |
//! | the server asks to connect again (7) | resumes |
//! | the session is not valid any more (9) | resumes if it may, else begins a new one after some seconds |
//! | the server closes with 4004, 4010–4014 | says what a person has to change |
//! | the server closes with 4007, 4009, or refuses the resume | begins a new session: what lies between is read by REST |

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    SourceError,
    json::{count, flag, int, owned, text},
};

/// A session that can be taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    /// Where to take it up.
    pub(super) url: String,
    /// The last event that was taken in.
    pub(super) seq: u64,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Identify,
    Resume(Session),
    /// With the number of the last event.
    Beat(Option<u64>),
    /// A new session stands: what happened before has to be read by other means.
    Began,
    /// The session of before goes on.
    Resumed,
    Event { name: String, data: Value },
    /// This connection is over; the next one not before so long.
    Again(SignedDuration),
    /// Nothing but a person can help.
    Stop(Stop),
}

/// Why the server wants us no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Stop {
    #[error("the gateway does not accept the bot's token: set the one under Bot in the developer portal")]
    Token,
    #[error("the bot is in so many servers that Discord wants its events split (sharding): use a bot for this alone")]
    Sharding,
    #[error("the gateway does not know this version of the API any more: use a newer Grapevine")]
    Version,
    #[error("the gateway does not know the intents that were asked for: use a newer Grapevine")]
    Intents,
    #[error(
        "the bot may not read what messages say: switch on Message Content Intent under Bot in the developer portal \
         (with more than 100 servers, Discord has to approve it)"
    )]
    Content,
}

impl From<Stop> for SourceError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Token => SourceError::Auth(stop.to_string()),
            _ => SourceError::Config(stop.to_string()),
        }
    }
}

/// How long before a new session begins, at least; up to five times as long.
const BEFORE_NEW: f64 = 1.0;
/// Heartbeats are sent so much early, as nobody looks at the clock all the time: a part of the interval.
const EARLY: f64 = 0.8;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Gateway {
    session: Option<Session>,
    /// Number of the last event of this connection.
    seq: Option<u64>,
    interval: SignedDuration,
    beat_at: Option<Timestamp>,
    is_unanswered: bool,
    /// The session of this connection stands.
    is_ready: bool,
}

impl Gateway {
    /// For one connection; with the session to take up.
    pub(super) fn new(session: Option<Session>) -> Self {
        let seq = session.as_ref().map(|session| session.seq);
        Self { session, seq, interval: SignedDuration::ZERO, beat_at: None, is_unanswered: false, is_ready: false }
    }

    /// What a later connection can take up, as far as events were taken in.
    pub(super) fn session(&self) -> Option<Session> {
        let session = self.session.clone()?;
        Some(Session { seq: self.seq.unwrap_or(session.seq), ..session })
    }

    /// A frame came. `random` is drawn from [0, 1).
    pub(super) fn heard(&mut self, frame: &Value, now: Timestamp, random: f64) -> Vec<Action> {
        match int(frame, "op") {
            // It greets once.
            Some(10) if self.interval.is_zero() => self.hello(frame, now, random),
            Some(11) => {
                self.is_unanswered = false;
                Vec::new()
            }
            Some(1) => vec![Action::Beat(self.seq)],
            Some(7) => vec![Action::Again(SignedDuration::ZERO)],
            Some(9) => self.refused(flag(frame, "d"), random),
            Some(0) => self.event(frame),
            _ => Vec::new(),
        }
    }

    /// Time passed. An answer may stand among the frames that wait: then nobody is given up yet.
    pub(super) fn tick(&mut self, now: Timestamp, frames_wait: bool) -> Vec<Action> {
        match self.beat_at {
            Some(due) if now >= due && self.is_unanswered && frames_wait => Vec::new(),
            Some(due) if now >= due && self.is_unanswered => {
                self.beat_at = None;
                vec![Action::Again(SignedDuration::ZERO)]
            }
            Some(due) if now >= due => {
                self.is_unanswered = true;
                self.beat_at = now.checked_add(self.interval).ok();
                vec![Action::Beat(self.seq)]
            }
            _ => Vec::new(),
        }
    }

    /// The connection ended.
    pub(super) fn closed(&mut self, code: Option<u16>, random: f64) -> Action {
        match code {
            Some(4004) => return Action::Stop(Stop::Token),
            Some(4010 | 4011) => return Action::Stop(Stop::Sharding),
            Some(4012) => return Action::Stop(Stop::Version),
            Some(4013) => return Action::Stop(Stop::Intents),
            Some(4014) => return Action::Stop(Stop::Content),
            Some(4007 | 4009) => self.session = None,
            _ => {}
        }
        Action::Again(pause(random))
    }

    fn hello(&mut self, frame: &Value, now: Timestamp, random: f64) -> Vec<Action> {
        let millis = count(frame, "d.heartbeat_interval").unwrap_or(41_250).clamp(1000, 600_000) as f64;
        self.interval = SignedDuration::from_millis((millis * EARLY) as i64);
        let first = SignedDuration::from_millis((millis * EARLY * random.clamp(0.0, 1.0)) as i64);
        (self.beat_at, self.is_unanswered) = (now.checked_add(first).ok(), false);
        vec![self.session().map_or(Action::Identify, Action::Resume)]
    }

    fn refused(&mut self, may_resume: bool, random: f64) -> Vec<Action> {
        if !may_resume {
            (self.session, self.seq) = (None, None);
        }
        vec![Action::Again(pause(random))]
    }

    fn event(&mut self, frame: &Value) -> Vec<Action> {
        self.seq = count(frame, "s").or(self.seq);
        let name = text(frame, "t").unwrap_or_default();
        let data = frame.get("d").cloned().unwrap_or_default();
        match name {
            "READY" if self.is_ready => Vec::new(),
            "READY" => {
                self.is_ready = true;
                let id = owned(&data, "session_id");
                let url = owned(&data, "resume_gateway_url");
                self.session = id.zip(url).map(|(id, url)| Session { id, url, seq: self.seq.unwrap_or(0) });
                vec![Action::Began]
            }
            "RESUMED" => vec![Action::Resumed],
            name => vec![Action::Event { name: name.to_owned(), data }],
        }
    }
}

/// Those that were thrown out together come back apart.
fn pause(random: f64) -> SignedDuration {
    SignedDuration::from_millis((1000.0 * (BEFORE_NEW + 4.0 * random.clamp(0.0, 1.0))) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn hello() -> Value {
        json!({"op": 10, "d": {"heartbeat_interval": 10_000}})
    }

    fn ready() -> Value {
        json!({"op": 0, "s": 1, "t": "READY", "d": {"session_id": "s1", "resume_gateway_url": "wss://r.example"}})
    }

    fn session(seq: u64) -> Session {
        Session { id: "s1".into(), url: "wss://r.example".into(), seq }
    }

    #[test]
    fn it_identifies_itself_beats_and_takes_in_events() {
        let mut gateway = Gateway::new(None);
        assert_eq!(gateway.heard(&hello(), at(0), 0.5), [Action::Identify]);
        assert_eq!(gateway.beat_at, Some(at(4)));
        assert_eq!(gateway.tick(at(3), false), []);
        assert_eq!(gateway.tick(at(4), false), [Action::Beat(None)]);
        assert_eq!(gateway.heard(&json!({"op": 11}), at(5), 0.5), []);
        assert_eq!(gateway.heard(&ready(), at(5), 0.5), [Action::Began]);
        let event = json!({"op": 0, "s": 7, "t": "MESSAGE_CREATE", "d": {"id": "5"}});
        let taken = Action::Event { name: "MESSAGE_CREATE".into(), data: json!({"id": "5"}) };
        assert_eq!(gateway.heard(&event, at(6), 0.5), [taken]);
        assert_eq!(gateway.tick(at(12), false), [Action::Beat(Some(7))]);
        assert_eq!(gateway.session(), Some(session(7)));
        assert_eq!(gateway.heard(&json!({"op": 1}), at(13), 0.5), [Action::Beat(Some(7))]);
    }

    #[test]
    fn a_connection_that_does_not_answer_is_given_up_and_resumed() {
        let mut gateway = Gateway::new(None);
        gateway.heard(&hello(), at(0), 0.0);
        gateway.heard(&ready(), at(0), 0.0);
        assert_eq!(gateway.tick(at(0), false), [Action::Beat(Some(1))]);
        assert_eq!(gateway.tick(at(8), true), [], "its answer may wait to be read");
        assert_eq!(gateway.tick(at(8), false), [Action::Again(SignedDuration::ZERO)], "a zombie");
        let mut next = Gateway::new(gateway.session());
        assert_eq!(next.heard(&hello(), at(9), 0.0), [Action::Resume(session(1))]);
        assert_eq!(next.heard(&json!({"op": 0, "s": 9, "t": "RESUMED"}), at(9), 0.0), [Action::Resumed]);
        assert_eq!(next.session(), Some(session(9)));
    }

    #[test]
    fn a_session_that_is_not_valid_begins_anew_unless_it_may_be_resumed() {
        for (may_resume, kept) in [(true, Some(session(5))), (false, None)] {
            let mut gateway = Gateway::new(Some(session(5)));
            let actions = gateway.heard(&json!({"op": 9, "d": may_resume}), at(0), 0.5);
            assert_eq!(actions, [Action::Again(SignedDuration::from_secs(3))]);
            assert_eq!(gateway.session(), kept);
        }
        let mut gateway = Gateway::new(Some(session(5)));
        assert_eq!(gateway.heard(&json!({"op": 7, "d": null}), at(0), 0.5), [Action::Again(SignedDuration::ZERO)]);
        assert_eq!(gateway.session(), Some(session(5)));
    }

    #[test]
    fn a_code_says_what_to_do() {
        let mut gateway = Gateway::new(Some(session(5)));
        for (code, word) in [(4004, "token"), (4011, "sharding"), (4013, "intents"), (4014, "Message Content Intent")] {
            let Action::Stop(stop) = gateway.closed(Some(code), 0.0) else { panic!("{code}") };
            assert!(stop.to_string().contains(word), "{stop}");
        }
        assert!(matches!(SourceError::from(Stop::Token), SourceError::Auth(_)));
        assert!(matches!(gateway.closed(Some(4000), 0.0), Action::Again(_)));
        assert!(gateway.session().is_some() && matches!(gateway.closed(None, 0.0), Action::Again(_)));
        assert!(matches!(gateway.closed(Some(4009), 0.0), Action::Again(_)));
        assert_eq!(gateway.session(), None, "a session that timed out is not resumed");
    }

    proptest! {
        /// Whatever comes, there is at most one heartbeat on its way, and no event is skipped in a session.
        #[test]
        fn no_order_of_frames_confuses_it(ops in proptest::collection::vec(0_u8..6, 0..60)) {
            let mut gateway = Gateway::new(None);
            let (mut seq, mut unanswered) = (0, 0);
            for (second, op) in ops.into_iter().enumerate() {
                let now = at(second as i64);
                let actions = match op {
                    0 => gateway.heard(&hello(), now, 0.1),
                    1 => { unanswered = 0; gateway.heard(&json!({"op": 11}), now, 0.1) },
                    2 => { seq += 1; gateway.heard(&json!({"op": 0, "s": seq, "t": "X", "d": 1}), now, 0.1) },
                    3 => { gateway.heard(&json!({"op": "x", "d": []}), now, 0.1) },
                    4 => { seq = seq.max(1); gateway.heard(&ready(), now, 0.1) },
                    _ => gateway.tick(now, false),
                };
                unanswered += usize::from(op == 5) * actions.iter().filter(|action| matches!(action, Action::Beat(_))).count();
                prop_assert!(unanswered <= 1, "two heartbeats without an answer");
            }
        }
    }
}
