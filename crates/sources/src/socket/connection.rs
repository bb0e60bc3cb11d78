use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinHandle,
};

use super::{Frame, Socket};
use crate::{SourceError, World, http::Request, registry::Clock};

/// Frames that wait for the reader. When they are so many, the socket is not read.
const WAITING: usize = 1024;
/// Bytes that wait for the reader, likewise.
const WAITING_BYTES: usize = 16 << 20;

#[derive(Debug, Clone, Copy)]
struct Beat {
    asked_at: Timestamp,
    heard_before: Timestamp,
}

/// A frame, and the room that it takes while it waits.
type Held = (Frame, OwnedSemaphorePermit);

/// A connection, read by a task of its own so that pings are answered between two polls.
///
/// It goes by the world's clock: half-way through the idle timeout it asks a silent server for a sign of life, and at
/// its end it gives the connection up.
pub struct Connection {
    frames: mpsc::Receiver<Result<Held, SourceError>>,
    outgoing: mpsc::UnboundedSender<Frame>,
    task: JoinHandle<()>,
    clock: Arc<dyn Clock>,
    idle_timeout: SignedDuration,
    /// When the last frame was taken out, at first when it was made.
    quiet_since: Timestamp,
    /// When anything came, a sign of life included.
    heard_at: Arc<Mutex<Timestamp>>,
    /// When a sign of life was asked for, and when anything had come before.
    beat: Option<Beat>,
    gave_frames: bool,
    /// How it ended.
    end: Option<Result<Frame, SourceError>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Connection {
    pub async fn open(world: &World, request: Request, idle_timeout: Duration) -> Result<Self, SourceError> {
        let socket = world.connector.connect(request).await?;
        let (sender, frames) = mpsc::channel(WAITING);
        let (outgoing, to_send) = mpsc::unbounded_channel();
        let now = world.clock.now();
        let heard_at = Arc::new(Mutex::new(now));
        let reader = Reader { socket, frames: sender, to_send, heard_at: heard_at.clone(), clock: world.clock.clone() };
        Ok(Self {
            frames,
            outgoing,
            task: tokio::spawn(reader.run()),
            clock: world.clock.clone(),
            idle_timeout: SignedDuration::try_from(idle_timeout).unwrap_or(SignedDuration::MAX),
            quiet_since: now,
            heard_at,
            beat: None,
            gave_frames: false,
            end: None,
        })
    }

    /// The next frame; `None` where none came until then. The end, [`Frame::Closed`] or an error, comes after all
    /// frames, and again each time. Never [`Frame::Beat`]. Safe to drop while it waits.
    pub async fn next(&mut self, until: Timestamp) -> Result<Option<Frame>, SourceError> {
        if let Some(end) = &self.end {
            return end.clone().map(Some);
        }
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        let taken = tokio::select! {
            biased;
            taken = self.frames.recv() => Some(taken),
            () = self.clock.sleep(wait) => None,
        };
        let frame = match taken {
            None => return self.watch().map(|()| None),
            Some(None) => Err(SourceError::Transient("the connection's task ended".to_owned())),
            Some(Some(taken)) => taken.map(|(frame, _room)| frame),
        };
        if matches!(frame, Err(_) | Ok(Frame::Closed { .. })) {
            self.end = Some(frame.clone());
        } else {
            (self.quiet_since, self.gave_frames) = (self.clock.now(), true);
        }
        frame.map(Some)
    }

    /// Goes out in order. What cannot be sent ends the connection.
    pub fn send(&self, frame: Frame) {
        // Without a task, the connection has ended, which `next` tells.
        let _ = self.outgoing.send(frame);
    }

    pub fn has_waiting(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Whether any frame was taken.
    pub fn gave_frames(&self) -> bool {
        self.gave_frames
    }

    /// Where no frame came for this long: when the server still showed that it is there.
    pub fn heard_in_silence(&self, silence: Duration) -> Option<Timestamp> {
        let quiet = Duration::try_from(self.clock.now().duration_since(self.quiet_since)).unwrap_or_default();
        (quiet >= silence && !self.has_waiting()).then(|| *self.heard_at.lock())
    }

    /// Looks after a silent server.
    fn watch(&mut self) -> Result<(), SourceError> {
        let (now, heard_at) = (self.clock.now(), *self.heard_at.lock());
        let half = self.idle_timeout / 2;
        // Who does not read can not hear.
        if self.has_waiting() || now.duration_since(heard_at) < half {
            return Ok(());
        }
        match self.beat.filter(|beat| beat.heard_before == heard_at) {
            Some(beat) if now.duration_since(beat.asked_at) < half => Ok(()),
            Some(_) => {
                let seconds = self.idle_timeout.as_secs();
                let error = SourceError::Transient(format!("nothing came for {seconds} s, not even a pong"));
                self.end = Some(Err(error.clone()));
                self.task.abort();
                Err(error)
            }
            None => {
                self.beat = Some(Beat { asked_at: now, heard_before: heard_at });
                self.send(Frame::Beat);
                Ok(())
            }
        }
    }
}

/// The task's side.
struct Reader {
    socket: Box<dyn Socket>,
    frames: mpsc::Sender<Result<Held, SourceError>>,
    to_send: mpsc::UnboundedReceiver<Frame>,
    heard_at: Arc<Mutex<Timestamp>>,
    clock: Arc<dyn Clock>,
}

impl Reader {
    /// Reads until the connection ends.
    async fn run(mut self) {
        let room = Arc::new(Semaphore::new(WAITING_BYTES));
        loop {
            let received = tokio::select! {
                Some(frame) = self.to_send.recv() => match self.socket.send(frame).await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                received = self.socket.receive() => received,
            };
            let is_end = matches!(received, Err(_) | Ok(Frame::Closed { .. }));
            if received.is_ok() {
                *self.heard_at.lock() = self.clock.now();
            }
            if matches!(received, Ok(Frame::Beat)) {
                continue;
            }
            let held = match received {
                Ok(frame) => {
                    let bytes = u32::try_from(frame.len().min(WAITING_BYTES)).unwrap_or(u32::MAX);
                    let Ok(room) = room.clone().acquire_many_owned(bytes).await else { return };
                    Ok((frame, room))
                }
                Err(error) => Err(error),
            };
            if self.frames.send(held).await.is_err() || is_end {
                return;
            }
        }
    }
}
