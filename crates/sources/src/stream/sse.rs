use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use sse_stream::{Error, Sse, SseByteStream};

use super::pieces::{Pulse, ended};
use crate::{SourceError, World, http::ByteStream};

/// The largest event, with the comments before it.
const LARGEST: usize = 8 << 20;

/// One event that has data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// `message` where the platform names none.
    pub name: String,
    pub data: String,
    pub id: Option<String>,
}

/// Server-Sent Events out of a body. Comments and events without data are heartbeats, and skipped.
pub struct Events {
    events: BoxStream<'static, Result<Sse, Error>>,
    pulse: Pulse,
    since_event: Arc<AtomicUsize>,
    gave_events: bool,
    end: Option<SourceError>,
}

/// Reads a body as Server-Sent Events.
pub fn sse(world: &World, body: ByteStream, idle_timeout: Duration) -> Events {
    let pulse = Pulse::new(world, idle_timeout);
    let since_event = Arc::new(AtomicUsize::new(0));
    let (body, counted) = (pulse.listen_to(body), since_event.clone());
    let events = SseByteStream::new(body.map(move |piece| piece.and_then(|piece| within(piece, &counted)))).boxed();
    Events { events, pulse, since_event, gave_events: false, end: None }
}

/// What an event comes to is kept until it is whole: there has to be an end to that.
fn within(piece: Bytes, counted: &AtomicUsize) -> Result<Bytes, SourceError> {
    match counted.fetch_add(piece.len(), Ordering::Relaxed) + piece.len() > LARGEST.max(piece.len()) {
        true => Err(SourceError::Transient(format!("an event of more than {LARGEST} bytes"))),
        false => Ok(piece),
    }
}

impl Events {
    /// The next event; `None` where none came until then. The end is an error, each time. Safe to drop while it waits.
    pub async fn next(&mut self, until: Timestamp) -> Result<Option<Event>, SourceError> {
        if let Some(end) = &self.end {
            return Err(end.clone());
        }
        let event = self.pulse.wait_for(until, event(&mut self.events, &self.since_event)).await;
        match event.and_then(Option::transpose) {
            Ok(event) => {
                self.gave_events |= event.is_some();
                Ok(event)
            }
            Err(end) => {
                self.end = Some(end.clone());
                Err(end)
            }
        }
    }

    /// Whether any event was given.
    pub fn gave_events(&self) -> bool {
        self.gave_events
    }

    /// When anything came last, a heartbeat included.
    pub fn heard_at(&self) -> Timestamp {
        self.pulse.heard_at()
    }
}

async fn event(
    events: &mut BoxStream<'static, Result<Sse, Error>>,
    since_event: &AtomicUsize,
) -> Result<Event, SourceError> {
    loop {
        let event = match events.next().await {
            None => return Err(ended()),
            Some(Err(error)) => return Err(SourceError::Transient(format!("the stream broke: {error}"))),
            Some(Ok(event)) => event,
        };
        since_event.store(0, Ordering::Relaxed);
        if let Some(data) = event.data.filter(|data| !data.is_empty()) {
            let name = event.event.filter(|name| !name.is_empty()).unwrap_or_else(|| "message".to_owned());
            return Ok(Event { name, data, id: event.id });
        }
    }
}
