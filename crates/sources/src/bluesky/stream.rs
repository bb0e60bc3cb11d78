use std::sync::Arc;

use async_trait::async_trait;
use grapevine_model::{Event, Gap};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{BlueskySpec, frame::map};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    http::Request,
    registry::Clock,
    socket::{Connection, Frame},
};

const VERSION: u16 = 1;
const PAGE_FRAMES: usize = 500;
/// How long one poll gathers frames.
const GATHER: SignedDuration = SignedDuration::from_millis(500);
/// A newest frame that is older is history being replayed.
const REPLAY_AGE: SignedDuration = SignedDuration::from_mins(1);
/// How far ahead of this machine's clock a cursor may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Microseconds since the Unix epoch, by the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    time_us: i64,
}

impl Position {
    fn at(time: Timestamp) -> Self {
        Self { time_us: time.as_microsecond() }
    }

    fn of(cursor: &Cursor) -> Option<(Self, Timestamp)> {
        let position = Position::deserialize(&cursor.value).ok().filter(|_| cursor.version == VERSION)?;
        Some((position, Timestamp::from_microsecond(position.time_us).ok()?))
    }

    fn cursor(self) -> Cursor {
        Cursor { version: VERSION, value: serde_json::json!({ "time_us": self.time_us }) }
    }
}

/// What is kept while connected.
struct Live {
    connection: Connection,
    gathered: Gathered,
}

impl Live {
    /// Gathers frames until then. Why the connection has ended, if it has.
    async fn gather(&mut self, until: Timestamp) -> Option<String> {
        while self.gathered.frames.len() < PAGE_FRAMES {
            match self.connection.next(until).await {
                Ok(Some(Frame::Text(text))) => self.gathered.frames.push(text.into_bytes()),
                Ok(Some(Frame::Binary(bytes))) => self.gathered.frames.push(bytes),
                Ok(Some(Frame::Beat)) => {}
                Ok(Some(Frame::Closed { reason, .. })) => return Some(format!("the server closed it: {reason}")),
                Ok(None) => return None,
                Err(error) => return Some(error.to_string()),
            }
        }
        None
    }
}

/// What is in no page yet.
struct Gathered {
    frames: Vec<Vec<u8>>,
    gap: Option<Gap>,
    /// Where the last page ended.
    position: Position,
    /// The position is by this machine's clock, for want of the server's: the first frame puts it right.
    is_guess: bool,
}

pub(crate) struct BlueskySource {
    spec: BlueskySpec,
    world: World,
    clock: Arc<dyn Clock>,
    live: Option<Live>,
    /// What the caller comes with, if it kept the page it was given last: then the connection goes on where it is.
    expected: Option<Cursor>,
    /// Where reading without a cursor began: it begins there again.
    began: Option<Timestamp>,
    through: Option<Timestamp>,
}

/// Where to begin. With a gap, the position is never the cursor's: if the page that tells of it is lost, the cursor is
/// not the expected one, and the gap is told again.
struct Start {
    position: Position,
    /// What the server is asked for; `None` is the live end.
    asked: Option<i64>,
    gap: Option<Gap>,
}

impl BlueskySource {
    pub(crate) fn new(spec: BlueskySpec, world: &World) -> Self {
        let (world, clock) = (world.clone(), world.clock.clone());
        Self { spec, world, clock, live: None, expected: None, began: None, through: None }
    }

    fn start(&mut self, cursor: Option<&Cursor>) -> Start {
        let now = self.clock.now();
        let rewound = |position: Position| Some(position.time_us - self.spec.rewind.as_micros() as i64);
        let Some(cursor) = cursor else {
            return match self.began {
                Some(began) => Start { position: Position::at(began), asked: rewound(Position::at(began)), gap: None },
                None => {
                    self.began = Some(now);
                    Start { position: Position::at(now), asked: None, gap: None }
                }
            };
        };
        let gap = |from, to, reason| Some(Gap { source: self.spec.name.clone(), from, to, reason });
        match Position::of(cursor) {
            None => {
                let reason = "the saved cursor is of another version: reading on from now".to_owned();
                Start { position: Position::at(now), asked: None, gap: gap(now, now, reason) }
            }
            Some((_, time)) if time > now + AHEAD => {
                let reason = format!("the saved cursor, {time}, lies in the future: reading on from now");
                Start { position: Position::at(now), asked: None, gap: gap(now, now, reason) }
            }
            Some((_, time)) if time < now - self.spec.lookback => {
                let oldest = now - self.spec.lookback;
                let hours = self.spec.lookback.as_hours();
                let reason = format!("the server keeps {hours} h, and what was read last is older");
                let position = Position::at(oldest);
                Start { position, asked: Some(position.time_us), gap: gap(time, oldest, reason) }
            }
            Some((position, _)) => Start { position, asked: rewound(position), gap: None },
        }
    }

    fn request(&self, asked: Option<i64>) -> Request {
        let mut url = self.spec.endpoint.clone();
        if let Some(asked) = asked {
            url.query_pairs_mut().append_pair("cursor", &asked.to_string());
        }
        Request::get(url)
    }

    /// The connection that goes on from this cursor: the one there is, or a new one.
    async fn live(&mut self, cursor: Option<&Cursor>) -> Result<&mut Live, SourceError> {
        if self.expected.as_ref() != cursor {
            // The last page was lost, and with it what it promised.
            (self.live, self.through, self.expected) = (None, None, cursor.cloned());
        }
        let live = match self.live.take() {
            Some(live) => live,
            None => {
                let start = self.start(cursor);
                let connection = Connection::open(&self.world, self.request(start.asked), self.spec.idle_timeout).await?;
                let Start { position, asked, gap } = start;
                let gathered = Gathered { frames: Vec::new(), gap, position, is_guess: asked.is_none() };
                Live { connection, gathered }
            }
        };
        Ok(self.live.insert(live))
    }

    fn page(&mut self, gathered: Gathered) -> Page {
        let Gathered { frames, gap, mut position, is_guess } = gathered;
        let now = self.clock.now();
        let mut events: Vec<Event> = gap.into_iter().map(Event::Gap).collect();
        let mut rejected = Vec::new();
        let (mut oldest, mut newest) = (i64::MAX, None);
        for raw in frames {
            match map(&raw, now) {
                Ok(frame) => {
                    newest = newest.max(Some(frame.time_us));
                    oldest = oldest.min(frame.time_us);
                    events.extend(frame.event.map(|event| self.with_raw(event, &raw)));
                }
                Err(error) => {
                    let place = format!("bluesky frame after {}", newest.unwrap_or(position.time_us));
                    rejected.push(Rejected { place, reason: error.to_string(), raw });
                }
            }
        }
        if let Some(newest) = newest {
            if is_guess {
                self.began = Timestamp::from_microsecond(oldest).ok();
            }
            position.time_us = if is_guess { newest } else { position.time_us.max(newest) };
        }
        let newest = newest.and_then(|newest| Timestamp::from_microsecond(newest).ok());
        let is_replay = newest.is_some_and(|newest| newest < now - REPLAY_AGE);
        let waiting = self.live.as_ref().is_some_and(|live| live.connection.has_waiting());
        let state = if is_replay || waiting { Progress::Behind } else { Progress::CaughtUp };
        let complete_through = self.complete_through(newest, now);
        Page { events, rejected, cursor: position.cursor(), complete_through, state }
    }

    fn with_raw(&self, mut event: Event, raw: &[u8]) -> Event {
        if let (Event::Upsert(mention), true) = (&mut event, self.spec.keep_raw) {
            mention.raw = Some(String::from_utf8_lossy(raw).into_owned());
        }
        event
    }

    fn complete_through(&mut self, newest: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        // Silence that outlasts the pings means that nothing is left to replay; up to the last pong, nothing happened.
        let silent = |live: &Live| live.connection.heard_in_silence(self.spec.idle_timeout);
        let reached = match newest {
            Some(newest) => Some(newest.min(now)),
            None => self.live.as_ref().and_then(silent),
        };
        self.through = self.through.max(reached.map(|reached| reached - self.spec.lateness));
        self.through
    }
}

#[async_trait]
impl Source for BlueskySource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let mut socket = self.world.connector.connect(self.request(None)).await?;
        // Reachable is what was asked; how it takes the farewell does not matter.
        let _ = socket.send(Frame::Closed { code: None, reason: String::new() }).await;
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let until = self.clock.now() + GATHER;
        let live = self.live(cursor).await?;
        let end = live.gather(until).await;
        let Gathered { position, is_guess, .. } = live.gathered;
        let (frames, gap) = (std::mem::take(&mut live.gathered.frames), live.gathered.gap.take());
        if let (Some(reason), Some(ended)) = (&end, self.live.take_if(|_| end.is_some())) {
            if !ended.connection.gave_frames() {
                return Err(SourceError::Transient(format!("the connection ended: {reason}")));
            }
            tracing::warn!("source {}: {reason}; connecting again", self.spec.name);
        }
        let page = self.page(Gathered { frames, gap, position, is_guess });
        if let Some(live) = &mut self.live {
            live.gathered.position = Position::of(&page.cursor).map_or(position, |(reached, _)| reached);
            live.gathered.is_guess = is_guess && live.gathered.position == position;
        }
        self.expected = Some(page.cursor.clone());
        Ok(page)
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let frame = map(raw, observed_at).map_err(|error| error.to_string())?;
        Ok(frame.event.map(|event| self.with_raw(event, raw)).into_iter().collect())
    }
}
