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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::recording::{Recorder, read, write};

    /// A Lemmy with one post, and comments that are none.
    struct Lemmy;

    #[async_trait]
    impl Transport for Lemmy {
        async fn send(&self, request: Request) -> Result<Response, SourceError> {
            let post = json!({
                "post": {"id": 81, "name": "Kettles", "body": "says @jo_smith", "published": "2026-02-03T08:00:00Z",
                         "ap_id": "https://lemmy.world/post/81", "deleted": false, "removed": false},
                "creator": {"id": 4711, "name": "jo_smith", "display_name": "Jo Smith", "bio": "I live in Ulm"},
                "counts": {"upvotes": 3, "comments": 1}});
            let body = match request.url.path().contains("comment") {
                true => json!({ "comments": [] }),
                false => json!({ "posts": [post], "next_page": null }),
            };
            let at = "2026-02-03T09:00:00Z".parse().unwrap_or_default();
            Ok(Response { status: 200, headers: HeaderMap::new(), body: body.to_string().into(), at })
        }
    }

    #[tokio::test]
    async fn a_recording_is_replayed_from_its_folder_as_it_was_with_other_people() {
        let source: toml::Table = toml::from_str("name = \"teas\"\nkind = \"lemmy\"\ncommunities = [\"tea\"]").unwrap();
        let recorder = Arc::new(Recorder::new(Arc::new(Lemmy)));
        let transport: Arc<dyn Transport> = recorder.clone();
        let began: Timestamp = "2026-02-03T09:00:00Z".parse().unwrap();
        let tape = Recording {
            source: source.clone(),
            definition: None,
            began,
            polls: 3,
            exchanges: Vec::new(),
            expected: Vec::new(),
        };
        let clock: Arc<dyn Clock> = Arc::new(Tape::new(&tape));
        let world = World::real().with_clock(clock).with_transport(transport).with_variables(|_| None);
        let mut lemmy = registry::parse(&source).unwrap().build(&world);
        let (mut events, mut cursor) = (Vec::new(), None);
        for _ in 0..tape.polls {
            let page = lemmy.poll(cursor.as_ref()).await.unwrap();
            events.extend(page.events);
            cursor = Some(page.cursor);
        }
        let mut recording = Recording { exchanges: recorder.exchanges(), ..tape };
        assert!(recording.exchanges.len() >= 2 && !events.is_empty(), "{recording:?}");
        recording.hide_people(&events);
        let first = recording.replay(None).await.unwrap();
        recording.expected = first.events;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &recording).unwrap();
        let (kept, _) = read(folder.path()).unwrap();
        assert_eq!(kept, recording);
        let again = kept.replay(None).await.unwrap();
        assert!(again.error.is_none() && again.unused == 0, "{again:?}");
        assert_eq!((again.events.len(), &again.events), (events.len(), &kept.expected));
        let shown = std::fs::read_to_string(folder.path().join("exchanges.json")).unwrap();
        for known in ["jo_smith", "Jo Smith", "4711", "Ulm"] {
            assert!(!shown.contains(known) && !format!("{:?}", again.events).contains(known), "{known}");
        }
    }
}
