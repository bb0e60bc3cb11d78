use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use crate::{SourceError, World, http::ByteStream, registry::Clock};

/// When anything came last: heartbeats count.
#[derive(Clone)]
pub(super) struct Pulse {
    clock: Arc<dyn Clock>,
    idle_timeout: SignedDuration,
    heard_at: Arc<Mutex<Timestamp>>,
}

impl Pulse {
    pub(super) fn new(world: &World, idle_timeout: Duration) -> Self {
        let heard_at = Arc::new(Mutex::new(world.clock.now()));
        let idle_timeout = SignedDuration::try_from(idle_timeout).unwrap_or(SignedDuration::MAX);
        Self { clock: world.clock.clone(), idle_timeout, heard_at }
    }

    pub(super) fn heard_at(&self) -> Timestamp {
        *self.heard_at.lock()
    }

    /// The stream, with every piece that comes taken note of.
    pub(super) fn listen_to(&self, body: ByteStream) -> ByteStream {
        let pulse = self.clone();
        let note = move |piece: &Result<Bytes, SourceError>| {
            if piece.is_ok() {
                *pulse.heard_at.lock() = pulse.clock.now();
            }
            std::future::ready(())
        };
        body.then(move |piece| {
            let noted = note(&piece);
            async move {
                noted.await;
                piece
            }
        })
        .boxed()
    }

    /// What `next` gives, or `None` where it gives nothing until then; an error where the silence is too long.
    pub(super) async fn wait_for<T>(
        &self,
        until: Timestamp,
        next: impl Future<Output = T>,
    ) -> Result<Option<T>, SourceError> {
        let wait = Duration::try_from(until.duration_since(self.clock.now())).unwrap_or_default();
        tokio::select! {
            biased;
            next = next => return Ok(Some(next)),
            () = self.clock.sleep(wait) => {}
        }
        match self.clock.now().duration_since(self.heard_at()) >= self.idle_timeout {
            true => Err(silent(self.idle_timeout)),
            false => Ok(None),
        }
    }
}

fn silent(idle_timeout: SignedDuration) -> SourceError {
    SourceError::Transient(format!("nothing came for {} s, not even a heartbeat", idle_timeout.as_secs()))
}

pub(super) fn ended() -> SourceError {
    SourceError::Transient("the server ended the stream".to_owned())
}
