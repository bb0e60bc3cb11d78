//! Real sources on the simulator, over real HTTP and WebSockets, killed after every page and every acknowledgement.
//!
//! The simulator fails, cuts, limits and repeats by a seed. In the end each source knows what the platform knows.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use grapevine_model::{Event, Mention};
use grapevine_sources::{Cursor, Progress, Source, World, conformance::story::Told, parse, registry::Arrival};
use grapevine_testkit::simulator::{Faults, Options, Simulator, Stand};
use jiff::Timestamp;

/// Until what happened last is known.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two lives.
const DEAD: Duration = Duration::from_millis(20);

/// What a log would hold: the newest of each key.
#[derive(Default)]
struct Known {
    mentions: BTreeMap<String, (Timestamp, Option<Mention>)>,
    came_again: usize,
    gaps: Vec<String>,
}

impl Known {
    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let (id, at, mention) = match event {
                Event::Upsert(mention) => (mention.key.native_id.clone(), mention.observed_at, Some(*mention)),
                Event::Delete(deletion) => (deletion.key.native_id, deletion.observed_at, None),
                Event::Gap(gap) => {
                    self.gaps.push(gap.reason);
                    continue;
                }
                _ => continue,
            };
            match self.mentions.get(&id) {
                Some((known, _)) if *known > at => self.came_again += 1,
                known => {
                    self.came_again += usize::from(known.is_some());
                    self.mentions.insert(id, (at, mention));
                }
            }
        }
    }
}

/// One source that dies after every page: before its events are in the log, after that and before the cursor is saved,
/// and after that.
struct Harness<'a> {
    stand: &'a Stand,
    world: World,
    table: toml::Table,
    known: Known,
    saved: Option<Cursor>,
    lives: usize,
}

impl<'a> Harness<'a> {
    fn new(stand: &'a Stand, quick: &[(&str, i64)]) -> Self {
        let mut table = stand.keys();
        table.extend(quick.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())));
        let secret = stand.secret();
        let variable = move |name: &str| secret.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let world = World::real().with_variables(variable);
        Self { stand, world, table, known: Known::default(), saved: None, lives: 0 }
    }

    fn born(&mut self) -> Box<dyn Source> {
        self.lives += 1;
        parse(&self.table).unwrap_or_else(|error| panic!("{error}")).build(&self.world)
    }

    /// Reads until it knows the story, which is over then; dies all the time.
    async fn run(&mut self) {
        let began = Instant::now();
        let mut source = self.born();
        let mut pages = 0_usize;
        while began.elapsed() < PATIENCE {
            let page = match source.poll(self.saved.as_ref()).await {
                Ok(page) => page,
                Err(error) if error.is_transient() => {
                    tokio::time::sleep(DEAD).await;
                    continue;
                }
                Err(error) => panic!("{}: {error}", self.stand.name()),
            };
            assert!(page.rejected.is_empty(), "{}: {:?}", self.stand.name(), page.rejected);
            let (is_idle, cursor) = (page.events.is_empty() && page.state != Progress::Behind, page.cursor);
            if !is_idle {
                pages += 1;
                match pages % 4 {
                    // The process dies before the log has the page.
                    1 => {}
                    2 => self.known.take(page.events),
                    _ => {
                        self.known.take(page.events);
                        // Only what is saved is settled.
                        self.saved = Some(saved(&cursor));
                        if pages % 4 == 3 {
                            source.settle(&cursor).await.unwrap();
                        }
                    }
                }
                drop(source);
                source = self.born();
                continue;
            }
            if self.missing().is_none() {
                return;
            }
            self.saved = Some(saved(&cursor));
            source.settle(&cursor).await.unwrap();
            tokio::time::sleep(DEAD).await;
        }
        let lives = self.lives;
        panic!("{}: after {lives} lives, {}", self.stand.name(), self.missing().unwrap_or_default());
    }

    /// What the platform knows and the source does not.
    fn missing(&self) -> Option<String> {
        if !self.stand.platform.is_over() {
            return Some("the story is not over".to_owned());
        }
        let moment = self.stand.platform.moment();
        let (view, shape) = (moment.view(), &self.stand.platform.shape);
        let traits = shape.traits();
        let is_wrong = |post: &&Told| match self.known.mentions.get(&shape.native_id(post)) {
            Some((_, Some(mention))) => traits.edits && mention.text != shape.text(post),
            _ => true,
        };
        let missing = view.posts.iter().filter(|post| shape.tells(post)).find(is_wrong);
        if let Some(post) = missing {
            return Some(format!("{} is lost or old: {:?}", shape.native_id(post), post.text));
        }
        let is_there = |post: &&Told| matches!(self.known.mentions.get(&shape.native_id(post)), Some((_, Some(_))));
        // Who looks again after a quarter of an hour is not waited for.
        let tells = traits.deletes && traits.arrival != Arrival::Polled;
        let zombie = view.gone.iter().filter(|_| tells).find(is_there);
        zombie.map(|post| format!("{} was deleted and is there", shape.native_id(post)))
    }
}

/// As it is after it was saved.
fn saved(cursor: &Cursor) -> Cursor {
    serde_json::from_str(&serde_json::to_string(cursor).unwrap()).unwrap()
}

/// Everything that happens, happens within some seconds.
async fn survives(kind: &'static str, quick: &[(&str, i64)]) {
    let options = Options {
        only: vec![kind.to_owned()],
        past: 60,
        pace: 40.0,
        future: Some(40),
        faults: Faults::of(0.08),
        limits: false,
        ..Options::default()
    };
    let simulator = Simulator::start(options).await.unwrap();
    let mut harness = Harness::new(simulator.stand(kind), quick);
    harness.run().await;
    let Harness { lives, known, .. } = harness;
    eprintln!("{kind}: {} mentions, {lives} lives, {} came again", known.mentions.len(), known.came_again);
    assert!(lives > 3, "{kind} died only {lives} times");
    assert!(known.came_again > 0, "{kind}: nothing came twice, so that nothing was shown");
    assert!(known.gaps.is_empty(), "{kind}: {:?}", known.gaps);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_since_ids_loses_nothing() {
    survives("mastodon", &[("interval_seconds", 1), ("backfill_hours", 240)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_with_page_tokens_loses_nothing() {
    survives("discourse", &[("poll_seconds", 1), ("backfill_days", 60)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_acknowledges_by_offset_loses_nothing() {
    survives("telegram", &[]).await;
}
