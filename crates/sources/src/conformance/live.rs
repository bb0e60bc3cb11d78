//! What a connection has to survive.

use std::time::Duration;

use super::{
    checks::{Trial, difference},
    line::Trouble,
    mutate,
    play::{Manner, Stage, collapse},
};
use crate::SourceError;

/// So many polls show how a source takes heartbeats and nothing else.
const HEARTBEATS: usize = 200;
/// Each frame comes so often to one who reads slowly.
const FLOOD: usize = 300;
/// In so many ways each frame is spoilt.
const SPOILT: usize = 80;

/// Errors pass; a silence is given the time to be noticed.
const PATIENT: Manner = Manner { death: None, is_patient: true, quiet: 40, pause: Duration::from_secs(5) };

impl Trial<'_> {
    /// How many frames came in the undisturbed play, and over what.
    async fn counted(&self) -> Result<(usize, usize, usize), String> {
        if !self.is_connected() {
            return Ok((0, 0, 0));
        }
        let stage = self.stage();
        stage.play(None).await?;
        let lines = stage.transport.lines();
        Ok((lines.frames, lines.sockets, lines.bodies))
    }

    async fn survives(&self, trouble: Trouble, manner: Manner) -> Result<Stage<'_>, String> {
        let stage = self.stage();
        stage.transport.lines().trouble = trouble;
        let steps = stage.play_as(manner).await.map_err(|problem| format!("{trouble:?}: {problem}"))?;
        match difference(&collapse(self.steps), &collapse(&steps)) {
            Some(problem) => Err(format!("{trouble:?}: {problem}")),
            None => Ok(stage),
        }
    }

    /// In single bytes.
    pub(super) async fn pieces(&self) -> Result<bool, String> {
        let (.., bodies) = self.counted().await?;
        if bodies > 0 {
            self.survives(Trouble::Bytes, Manner::default()).await?;
        }
        Ok(bodies > 0)
    }

    /// The connection stands, and nothing happens.
    pub(super) async fn heartbeats(&self) -> Result<bool, String> {
        if !self.is_connected() {
            return Ok(false);
        }
        let (stage, mut cursor) = (self.stage(), None);
        stage.enter(0);
        let mut source = stage.source();
        for _ in 0..HEARTBEATS {
            let polled = stage.poll(&mut *source, cursor.as_ref()).await;
            let page = polled.map_err(|error| format!("heartbeats alone end it: {error}"))?;
            if let Some(event) = page.events.first() {
                return Err(format!("nothing happened, and {} comes", event.name()));
            }
            if let Some(rejected) = page.rejected.first() {
                return Err(format!("rejects {}: {}", rejected.place, rejected.reason));
            }
            cursor = Some(page.cursor);
            stage.clock.advance(Duration::from_millis(500));
        }
        let lines = stage.transport.lines();
        let connections = lines.sockets + lines.bodies;
        if connections > 1 {
            return Err(format!("connects {connections} times where nothing happens"));
        }
        Ok(connections == 1)
    }

    /// Nothing comes any more: it connects again, and finds what it missed.
    pub(super) async fn silence(&self) -> Result<bool, String> {
        let (frames, sockets, bodies) = self.counted().await?;
        for after in 0..frames {
            let stage = self.survives(Trouble::Mute(after), PATIENT).await?;
            let lines = stage.transport.lines();
            if lines.sockets + lines.bodies <= sockets + bodies {
                return Err(format!("goes on listening to a connection on which nothing came after frame {after}"));
            }
        }
        Ok(frames > 0)
    }

    pub(super) async fn cut(&self) -> Result<bool, String> {
        let (frames, ..) = self.counted().await?;
        for after in 0..frames {
            self.survives(Trouble::Cut(after), Manner { quiet: 3, ..PATIENT }).await?;
        }
        Ok(frames > 0)
    }

    pub(super) async fn farewell(&self) -> Result<bool, String> {
        let (frames, ..) = self.counted().await?;
        for after in 0..frames {
            self.survives(Trouble::Farewell(after), Manner { quiet: 3, ..PATIENT }).await?;
        }
        Ok(frames > 0)
    }

    /// More than it takes at once.
    pub(super) async fn flood(&self) -> Result<bool, String> {
        let (frames, ..) = self.counted().await?;
        if frames > 0 {
            self.survives(Trouble::Flood(FLOOD), PATIENT).await?;
        }
        Ok(frames > 0)
    }

    pub(super) async fn unknown_fields_in_frames(&self) -> Result<bool, String> {
        let (frames, ..) = self.counted().await?;
        if frames > 0 {
            self.survives(Trouble::UnknownFields, Manner::default()).await?;
        }
        Ok(frames > 0)
    }

    /// Every frame is another than it should be: nothing panics, nothing runs for ever. What becomes of it is free.
    pub(super) async fn spoilt_frames(&self) -> Result<bool, String> {
        let (frames, ..) = self.counted().await?;
        if frames == 0 {
            return Ok(false);
        }
        for nth in 0..SPOILT {
            let stage = self.stage();
            stage.transport.lines().trouble = Trouble::Spoilt(nth);
            let within = tokio::time::timeout(Duration::from_secs(120), ignoring(&stage));
            let caught = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(within)).await;
            match caught {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(format!("does not end when its frames are spoilt ({nth})")),
                Err(_) => return Err(format!("panics when its frames are spoilt ({nth})")),
            }
        }
        Ok(true)
    }
}

/// A few polls in each round, whatever comes of them.
async fn ignoring(stage: &Stage<'_>) {
    let (mut source, mut cursor) = (stage.source(), None);
    for round in 0..stage.case.platform.rounds() {
        stage.enter(round);
        for _ in 0..4 {
            match stage.poll(&mut *source, cursor.as_ref()).await {
                Ok(page) => cursor = Some(page.cursor),
                Err(SourceError::CursorLost { .. }) => cursor = None,
                Err(_) => stage.clock.advance(Duration::from_secs(5)),
            }
        }
    }
}

/// The frame as it is on a bad day: the nth way to spoil it. A line keeps its end.
pub(super) fn spoil(frame: &str, nth: usize) -> String {
    let body = frame.trim_end();
    let end = &frame[body.len()..];
    let all = mutate::spoilt(body.as_bytes());
    // Steps through all of them, whatever their number.
    let spoilt = all.get(nth * 7 % all.len().max(1)).map(|body| String::from_utf8_lossy(body).into_owned());
    spoilt.unwrap_or_default() + end
}
