use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use grapevine_model::Event;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::{Exchange, Recording, recorder::REDACTED};
use crate::{
    ConfigError, Page, Progress, Rejected, SourceError, World,
    http::{
        Request, Response, Transport,
        header::{HeaderMap, HeaderName, HeaderValue},
    },
    registry::{self, Clock},
};

/// What a source makes of a recording.
#[derive(Debug, Default)]
pub struct Replayed {
    pub events: Vec<Event>,
    pub rejected: Vec<Rejected>,
    /// Why it could not go on; `None` where it was polled as often as it was then.
    pub error: Option<SourceError>,
    /// Exchanges that it did not ask for.
    pub unused: usize,
}

impl Recording {
    /// Reads the source again, by the clock of then, without a network. Where the recording has a definition, `definition`
    /// is the file that holds it.
    ///
    /// # Errors
    /// The source's table is wrong.
    pub async fn replay(&self, definition: Option<&str>) -> Result<Replayed, ConfigError> {
        let mut table = self.source.clone();
        if let Some(file) = definition {
            table.insert("definition".into(), file.into());
        }
        let spec = registry::parse(&table)?;
        let tape = Arc::new(Tape::new(self));
        let (clock, transport): (Arc<dyn Clock>, Arc<dyn Transport>) = (tape.clone(), tape.clone());
        let world = World::real().with_clock(clock).with_transport(transport);
        let world = World { random: Arc::new(|| 0.5), ..world.with_variables(|_| Some(REDACTED.to_owned())) };
        let (mut source, mut cursor) = (spec.build(&world), None);
        let mut replayed = Replayed::default();
        for _ in 0..self.polls {
            let Page { events, rejected, cursor: next, state, .. } = match source.poll(cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => {
                    replayed.error = Some(error);
                    break;
                }
            };
            replayed.events.extend(events);
            replayed.rejected.extend(rejected);
            cursor = Some(next);
            if state == Progress::Ended {
                break;
            }
        }
        replayed.unused = tape.left();
        Ok(replayed)
    }
}

/// Answers in the order in which they came, each once, and tells the time of then.
struct Tape {
    left: Mutex<Vec<Exchange>>,
    now: Arc<Mutex<Timestamp>>,
}

impl Tape {
    fn new(recording: &Recording) -> Self {
        Self { left: Mutex::new(recording.exchanges.clone()), now: Arc::new(Mutex::new(recording.began)) }
    }

    fn left(&self) -> usize {
        self.left.lock().len()
    }

    /// The answer to this very request; else, as times and tokens differ, the next one under the same path.
    fn take(&self, request: &Request) -> Option<Exchange> {
        let mut left = self.left.lock();
        let (method, url) = (request.method.as_str(), request.redact(request.url.as_str()));
        let path = |url: &str| url.split(['?', '#']).next().map(str::to_owned);
        let exact = left.iter().position(|kept| kept.method == method && kept.url == url);
        let alike = || left.iter().position(|kept| kept.method == method && path(&kept.url) == path(&url));
        let at = exact.or_else(alike)?;
        Some(left.remove(at))
    }
}

impl Clock for Tape {
    fn now(&self) -> Timestamp {
        *self.now.lock()
    }

    /// Nobody waits for what is long past.
    fn sleep(&self, time: std::time::Duration) -> BoxFuture<'static, ()> {
        let now = self.now.clone();
        Box::pin(async move {
            let mut now = now.lock();
            *now = now.saturating_add(SignedDuration::try_from(time).unwrap_or_default()).unwrap_or(*now);
        })
    }
}

#[async_trait]
impl Transport for Tape {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let Some(kept) = self.take(&request) else {
            return Err(SourceError::Config(format!("the recording has no answer to {}", request.place())));
        };
        let mut now = self.now.lock();
        *now = (*now).max(kept.at);
        let headers: HeaderMap = kept
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?)))
            .collect();
        Ok(Response { status: kept.status, headers, body: kept.body.into_bytes(), at: *now })
    }
}
