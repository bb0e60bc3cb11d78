use std::sync::Arc;

use async_trait::async_trait;
use grapevine_model::{Event, Gap};
use jiff::{SignedDuration, Timestamp};

use super::{
    BlueskySpec, Version,
    frame::{Frame as Piece, MapError, Said, map, map_v2},
    position::{Asked, Exact, Position},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    http::Request,
    registry::Clock,
    socket::{Connection, Frame},
};

const PAGE_FRAMES: usize = 500;
/// How long one poll gathers frames.
const GATHER: SignedDuration = SignedDuration::from_millis(500);
/// A newest frame that is older is history being replayed.
const REPLAY_AGE: SignedDuration = SignedDuration::from_mins(1);
/// How far ahead of this machine's clock a cursor may be.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// A replay of everyone's posts whose first event is so much later than what was asked for began elsewhere…
const HOLE: SignedDuration = SignedDuration::from_mins(1);
/// … where it was asked for what is older than this: servers keep more than an hour, and may have been down for minutes.
const OLD: SignedDuration = SignedDuration::from_hours(1);

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
    replay: Option<Replay>,
}

/// A replay that has not begun.
struct Replay {
    from: Timestamp,
    /// The server said that it begins elsewhere, and why.
    moved: Option<String>,
}

/// What a page's frames come to.
#[derive(Default)]
struct Reading {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    oldest: Option<i64>,
    newest: Option<i64>,
    seq: Option<u64>,
    /// The server ends the connection.
    failed: Option<String>,
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
    asked: Asked,
    gap: Option<Gap>,
}

impl Start {
    fn live(now: Timestamp, gap: Option<Gap>) -> Self {
        Start { position: Position::at(now), asked: Asked::Live, gap }
    }
}

impl BlueskySource {
    pub(crate) fn new(spec: BlueskySpec, world: &World) -> Self {
        let (world, clock) = (world.clone(), world.clock.clone());
        Self { spec, world, clock, live: None, expected: None, began: None, through: None }
    }

    fn start(&mut self, cursor: Option<&Cursor>) -> Start {
        let now = self.clock.now();
        let Some(cursor) = cursor else {
            return match self.began {
                Some(began) => self.by_time(Position::at(began)),
                None => {
                    self.began = Some(now);
                    Start::live(now, None)
                }
            };
        };
        let gap = |from, to, reason| Some(self.gap(from, to, reason));
        match Position::of(cursor) {
            None => {
                let reason = "the saved cursor is of another version: reading on from now".to_owned();
                Start::live(now, gap(now, now, reason))
            }
            Some((_, time)) if time > now + AHEAD => {
                let reason = format!("the saved cursor, {time}, lies in the future: reading on from now");
                Start::live(now, gap(now, now, reason))
            }
            Some((_, time)) if time < now - self.spec.lookback && self.spec.version == Version::One => {
                let oldest = now - self.spec.lookback;
                let hours = self.spec.lookback.as_hours();
                let reason = format!("the server keeps {hours} h, and what was read last is older");
                let position = Position::at(oldest);
                Start { asked: Asked::Time(position.time_us), position, gap: gap(time, oldest, reason) }
            }
            Some((position, _)) => match position.seq_at(&self.spec.server) {
                Some(seq) if self.spec.version == Version::Two => {
                    Start { position, asked: Asked::Seq(seq), gap: None }
                }
                _ => self.by_time(position),
            },
        }
    }

    /// By time, and not exactly: from a little before.
    fn by_time(&self, position: Position) -> Start {
        let asked = Asked::Time(position.time_us - self.spec.rewind.as_micros() as i64);
        Start { position: Position { exact: None, ..position }, asked, gap: None }
    }

    fn gap(&self, from: Timestamp, to: Timestamp, reason: String) -> Gap {
        Gap { source: self.spec.name.clone(), from, to: to.max(from), reason }
    }

    fn request(&self, asked: Asked) -> Request {
        let mut url = self.spec.endpoint.clone();
        if let Some(asked) = asked.parameter() {
            url.query_pairs_mut().append_pair("cursor", &asked);
        }
        Request::get(url)
    }

    async fn connect(&self, asked: Asked) -> Result<Connection, SourceError> {
        Connection::open(&self.world, self.request(asked), self.spec.idle_timeout).await
    }

    /// The connection that goes on from this cursor: the one there is, or a new one.
    async fn live(&mut self, cursor: Option<&Cursor>) -> Result<&mut Live, SourceError> {
        if self.expected.as_ref() != cursor {
            // The last page was lost, and with it what it promised.
            (self.live, self.through, self.expected) = (None, None, cursor.cloned());
        }
        let live = match self.live.take() {
            Some(live) => live,
            None => self.begin(cursor).await?,
        };
        Ok(self.live.insert(live))
    }

    async fn begin(&mut self, cursor: Option<&Cursor>) -> Result<Live, SourceError> {
        let mut start = self.start(cursor);
        let connection = match self.connect(start.asked).await {
            // By its time, the server gives what is left, and says from where on.
            Err(error) if matches!(start.asked, Asked::Seq(_)) && is_too_old(&error) => {
                start = self.by_time(start.position);
                self.connect(start.asked).await?
            }
            connection => connection?,
        };
        let Start { position, asked, gap } = start;
        let is_guess = asked == Asked::Live;
        let replay = position.time().filter(|_| !is_guess).map(|from| Replay { from, moved: None });
        Ok(Live { connection, gathered: Gathered { frames: Vec::new(), gap, position, is_guess, replay } })
    }

    fn map(&self, raw: &[u8], observed_at: Timestamp) -> Result<Said, MapError> {
        match self.spec.version {
            Version::One => map(raw, observed_at).map(Said::Event),
            Version::Two => map_v2(raw, observed_at),
        }
    }

    fn read(&self, gathered: &mut Gathered) -> Reading {
        let now = self.clock.now();
        let mut reading = Reading::default();
        reading.events.extend(gathered.gap.take().map(Event::Gap));
        for raw in std::mem::take(&mut gathered.frames) {
            match self.map(&raw, now) {
                Ok(Said::Event(piece)) => self.take(piece, &raw, gathered, &mut reading),
                Ok(Said::Info { name, message }) => {
                    if name == "FutureCursor" {
                        gathered.position.exact = None;
                    }
                    if let Some(replay) = &mut gathered.replay {
                        replay.moved = Some(format!("{name}: {message}"));
                    }
                }
                Ok(Said::Failed { error, message }) => reading.failed = Some(format!("{error}: {message}")),
                Err(error) => {
                    let place = format!("bluesky frame after {}", reading.newest.unwrap_or(gathered.position.time_us));
                    reading.rejected.push(Rejected { place, reason: error.to_string(), raw });
                }
            }
        }
        reading
    }

    fn take(&self, piece: Piece, raw: &[u8], gathered: &mut Gathered, reading: &mut Reading) {
        let time = Timestamp::from_microsecond(piece.time_us).ok();
        if let (Some(replay), Some(first)) = (gathered.replay.take(), time) {
            reading.events.extend(self.hole(&replay, first).map(Event::Gap));
        }
        reading.newest = reading.newest.max(Some(piece.time_us));
        reading.oldest = reading.oldest.into_iter().chain([piece.time_us]).min();
        // What was asked for is the event that was read last, and what follows.
        if piece.seq.is_some() && piece.seq <= gathered.position.seq_at(&self.spec.server) {
            return;
        }
        reading.seq = reading.seq.max(piece.seq);
        reading.events.extend(piece.event.map(|event| self.with_raw(event, raw)));
    }

    /// What lies between that which was asked for and the first that came, where the server does not keep it.
    fn hole(&self, replay: &Replay, first: Timestamp) -> Option<Gap> {
        let is_late = first.duration_since(replay.from) > HOLE;
        let reason = match &replay.moved {
            Some(moved) => format!("the server does not keep what was read last ({moved})"),
            None if is_late && self.spec.is_everyone && replay.from < self.clock.now() - OLD => {
                format!("the server was asked for what follows {}, and began later", replay.from)
            }
            None => return None,
        };
        Some(self.gap(replay.from, first, reason))
    }

    fn page(&mut self, reading: Reading, live: &mut Live) -> Page {
        let now = self.clock.now();
        let Reading { events, rejected, oldest, newest, seq, failed: _ } = reading;
        let Gathered { position, is_guess, .. } = &mut live.gathered;
        if let Some(newest) = newest {
            if *is_guess {
                self.began = oldest.and_then(|oldest| Timestamp::from_microsecond(oldest).ok());
            }
            position.time_us = if *is_guess { newest } else { position.time_us.max(newest) };
            *is_guess = false;
        }
        if let Some(seq) = seq {
            position.exact = Some(Exact { seq, server: self.spec.server.clone() });
        }
        let newest = newest.and_then(|newest| Timestamp::from_microsecond(newest).ok());
        let is_replay = newest.is_some_and(|newest| newest < now - REPLAY_AGE);
        let state = match is_replay || live.connection.has_waiting() {
            true => Progress::Behind,
            false => Progress::CaughtUp,
        };
        let cursor = live.gathered.position.cursor();
        let complete_through = self.complete_through(newest, live);
        Page { events, rejected, cursor, complete_through, state }
    }

    fn with_raw(&self, mut event: Event, raw: &[u8]) -> Event {
        if let (Event::Upsert(mention), true) = (&mut event, self.spec.keep_raw) {
            mention.raw = Some(String::from_utf8_lossy(raw).into_owned());
        }
        event
    }

    fn complete_through(&mut self, newest: Option<Timestamp>, live: &Live) -> Option<Timestamp> {
        let reached = match newest {
            Some(newest) => Some(newest.min(self.clock.now())),
            // Silence that outlasts the pings means that nothing is left to replay; up to the last pong, nothing happened.
            None => live.connection.heard_in_silence(self.spec.idle_timeout),
        };
        self.through = self.through.max(reached.map(|reached| reached - self.spec.lateness));
        self.through
    }
}

/// The server's word for it, in its refusal.
fn is_too_old(error: &SourceError) -> bool {
    matches!(error, SourceError::Config(message) if message.contains("CursorTooOld"))
}

#[async_trait]
impl Source for BlueskySource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let mut socket = self.world.connector.connect(self.request(Asked::Live)).await?;
        // Reachable is what was asked; how it takes the farewell does not matter.
        let _ = socket.send(Frame::Closed { code: None, reason: String::new() }).await;
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let until = self.clock.now() + GATHER;
        let ended = self.live(cursor).await?.gather(until).await;
        // Nothing waits from here on: whoever drops the poll has dropped it before, and the connection goes on.
        let Some(mut live) = self.live.take() else {
            return Err(SourceError::Transient("there is no connection".to_owned()));
        };
        if let Some(reason) = ended.as_ref().filter(|_| !live.connection.gave_frames()) {
            return Err(SourceError::Transient(format!("the connection ended: {reason}")));
        }
        let reading = self.read(&mut live.gathered);
        if let Some(reason) = reading.failed.as_ref().filter(|_| reading.newest.is_none()) {
            return Err(SourceError::Transient(format!("the server ends the connection: {reason}")));
        }
        let end = ended.or(reading.failed.clone());
        let page = self.page(reading, &mut live);
        match end {
            Some(reason) => tracing::warn!("source {}: {reason}; connecting again", self.spec.name),
            None => self.live = Some(live),
        }
        self.expected = Some(page.cursor.clone());
        Ok(page)
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        match self.map(raw, observed_at).map_err(|error| error.to_string())? {
            Said::Event(frame) => Ok(frame.event.map(|event| self.with_raw(event, raw)).into_iter().collect()),
            Said::Info { .. } | Said::Failed { .. } => Ok(Vec::new()),
        }
    }
}
