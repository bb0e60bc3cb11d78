//! Connections of a scripted platform: sockets, and bodies without an end.

use std::{collections::VecDeque, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use jiff::SignedDuration;

use super::{
    Scripted, live, mutate,
    shape::{Peer, Say},
};
use crate::{
    SourceError,
    http::{ByteStream, Request},
    registry::Clock,
    socket::{Connector, Frame, Socket, refusal},
};

/// After so long without a word a peer may say that it is there.
const SILENCE: SignedDuration = SignedDuration::from_secs(10);
const CONNECTING: Duration = Duration::from_millis(100);
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// What a test does to connections. It befalls one of them, once; a flood and single bytes befall all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Trouble {
    #[default]
    None,
    /// It breaks after so many frames, counted over all connections.
    Cut(usize),
    /// Nothing comes any more, no sign of life either.
    Mute(usize),
    /// The platform ends it in its own words.
    Farewell(usize),
    /// Every frame comes so many times.
    Flood(usize),
    /// Bodies come in single bytes, after a byte order mark.
    Bytes,
    /// Every frame is spoilt, in the nth way.
    Spoilt(usize),
    /// JSON has fields more than it had.
    UnknownFields,
}

/// What the connections of one stage have in common.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) trouble: Trouble,
    /// Frames that were given, and connections that were made, since the stage began.
    pub(super) frames: usize,
    pub(super) sockets: usize,
    pub(super) bodies: usize,
}

impl Lines {
    /// The trouble that befalls the connection before its next frame.
    pub(super) fn strike(&mut self) -> Option<Trouble> {
        let is_due = match self.trouble {
            Trouble::Cut(after) | Trouble::Mute(after) | Trouble::Farewell(after) => self.frames >= after,
            _ => false,
        };
        is_due.then(|| std::mem::take(&mut self.trouble))
    }
}

/// Our end of one connection.
struct Line {
    net: Scripted,
    peer: Box<dyn Peer>,
    /// So many changes it knows.
    told: usize,
    said_at: jiff::Timestamp,
    waiting: VecDeque<Say>,
    is_mute: bool,
    is_cut: bool,
}

impl Line {
    fn open(net: &Scripted, mut peer: Box<dyn Peer>, request: &Request) -> Result<Self, super::Answer> {
        let moment = net.moment();
        let said = peer.open(&moment.view(), request)?;
        let (told, said_at) = (moment.view().changes.len(), net.clock().now());
        let mut line =
            Self { net: net.clone(), peer, told, said_at, waiting: VecDeque::new(), is_mute: false, is_cut: false };
        line.say(said);
        Ok(line)
    }

    fn say(&mut self, said: Vec<Say>) {
        let trouble = self.net.lines().trouble;
        for say in said {
            match (trouble, say) {
                (Trouble::Flood(times), say) => self.waiting.extend(std::iter::repeat_n(say, times)),
                (Trouble::Spoilt(nth), Say::Text(text)) => self.waiting.push_back(Say::Text(live::spoil(&text, nth))),
                (Trouble::UnknownFields, Say::Text(text)) => self.waiting.push_back(Say::Text(fuller(text))),
                (_, say) => self.waiting.push_back(say),
            }
        }
    }

    fn hear(&mut self, frame: &[u8]) {
        let moment = self.net.moment();
        let said = self.peer.heard(&moment.view(), frame);
        self.say(said);
    }

    /// The platform goes on, and says what it has to say.
    fn go_on(&mut self) {
        let (moment, now) = (self.net.moment(), self.net.clock().now());
        let view = moment.view();
        for change in view.changes.iter().skip(self.told) {
            let said = self.peer.change(&view, change);
            self.say(said);
        }
        self.told = view.changes.len().max(self.told);
        if self.waiting.is_empty() && now.duration_since(self.said_at) >= SILENCE {
            let said = self.peer.silence(&view);
            self.say(said);
            self.said_at = now;
        }
    }

    /// What comes next, now.
    fn take(&mut self) -> Option<Result<Say, SourceError>> {
        if self.is_cut {
            return Some(Err(cut()));
        }
        self.go_on();
        if self.is_mute || self.waiting.is_empty() {
            return None;
        }
        match self.net.strike() {
            Some(Trouble::Mute(_)) => {
                self.is_mute = true;
                return None;
            }
            Some(Trouble::Farewell(_)) => self.waiting = self.peer.farewell().into(),
            Some(_) => {
                self.is_cut = true;
                return Some(Err(cut()));
            }
            None => {}
        }
        let say = self.waiting.pop_front()?;
        self.said_at = self.net.clock().now();
        self.net.gave_frame();
        Some(Ok(say))
    }

    async fn next(&mut self) -> Result<Say, SourceError> {
        loop {
            let tick = self.net.clock().tick();
            match self.take() {
                Some(said) => return said,
                None => tick.await,
            }
        }
    }
}

/// A line keeps its end; what is no JSON stays as it is.
fn fuller(text: String) -> String {
    let body = text.trim_end();
    let fuller = mutate::with_unknown_fields(body.as_bytes()).and_then(|body| String::from_utf8(body).ok());
    fuller.map_or(text.clone(), |fuller| fuller + &text[body.len()..])
}

fn cut() -> SourceError {
    SourceError::Transient("the connection was reset".to_owned())
}

struct ScriptedSocket {
    line: Line,
    beats: usize,
}

#[async_trait]
impl Socket for ScriptedSocket {
    async fn receive(&mut self) -> Result<Frame, SourceError> {
        if self.beats > 0 && !self.line.is_mute {
            self.beats -= 1;
            return Ok(Frame::Beat);
        }
        Ok(match self.line.next().await? {
            Say::Text(text) => Frame::Text(text),
            Say::Binary(bytes) => Frame::Binary(bytes),
            Say::Close(code, reason) => {
                self.line.is_cut = true;
                Frame::Closed { code: Some(code), reason }
            }
        })
    }

    async fn send(&mut self, frame: Frame) -> Result<(), SourceError> {
        match frame {
            Frame::Beat => self.beats += 1,
            Frame::Text(text) => self.line.hear(text.as_bytes()),
            Frame::Binary(bytes) => self.line.hear(&bytes),
            Frame::Closed { .. } => {}
        }
        Ok(())
    }
}

#[async_trait]
impl Connector for Scripted {
    async fn connect(&self, request: Request) -> Result<Box<dyn Socket>, SourceError> {
        self.clock().sleep(CONNECTING).await;
        let place = request.place();
        if let Some(refused) = self.refused(&request) {
            return Err(refusal(refused.status, format!("{place} answered {}", refused.status)));
        }
        let peer = self.peer().ok_or_else(|| SourceError::Config(format!("nothing is connected to at {place}")))?;
        let line = Line::open(self, peer, &request)
            .map_err(|answer| refusal(answer.status, format!("{place} answered {}", answer.status)))?;
        self.lines().sockets += 1;
        Ok(Box::new(ScriptedSocket { line, beats: 0 }))
    }
}

/// A response without an end.
pub(super) fn body(net: &Scripted, peer: Box<dyn Peer>, request: &Request) -> Result<ByteStream, super::Answer> {
    let line = Line::open(net, peer, request)?;
    net.lines().bodies += 1;
    let pieces = stream::unfold(Some(line), |line| async {
        let mut line = line?;
        match line.next().await {
            Ok(Say::Text(text)) => Some((Ok(Bytes::from(text)), Some(line))),
            Ok(Say::Binary(bytes)) => Some((Ok(Bytes::from(bytes)), Some(line))),
            Ok(Say::Close(..)) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    if net.lines().trouble != Trouble::Bytes {
        return Ok(pieces.boxed());
    }
    let mark = stream::iter([Ok(Bytes::from_static(&MARK))]);
    let single = mark.chain(pieces).flat_map(|piece| {
        let bytes: Vec<Result<Bytes, SourceError>> = match piece {
            Ok(bytes) => bytes.iter().map(|byte| Ok(Bytes::copy_from_slice(&[*byte]))).collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(bytes)
    });
    Ok(single.boxed())
}
