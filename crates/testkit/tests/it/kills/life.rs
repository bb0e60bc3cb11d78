//! One source that dies all the time, as a process does: anywhere in a poll, and between any two writes after it.

use std::time::{Duration, Instant};

use grapevine_sources::{Cursor, Page, Progress, Source, SourceError, World, parse};
use grapevine_testkit::simulator::{Known, Stand};
use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::SmallRng};

/// Until what happened last is known.
const PATIENCE: Duration = Duration::from_secs(150);
/// For so long what is known stays right, whatever still comes.
const STAYS: Duration = Duration::from_secs(2);
/// After an error, and where there is nothing to do.
const PAUSE: Duration = Duration::from_millis(20);
/// The latest that a poll is cut off, in milliseconds.
const CUT_WITHIN: u64 = 300;

/// Where a process can end after a page was fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Fetched,
    Appended,
    Checkpointed,
    Settled,
}

/// From when on what was written is expected of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// It reads back.
    Ever,
    /// It is told what happens from the start on, until it answers that it has it.
    Start,
    /// It begins with what is new, and nothing remembers where that was before its first checkpoint.
    Checkpoint,
}

/// In turn after each page that brings something.
const DEATHS: [Death; 4] = [Death::Fetched, Death::Appended, Death::Checkpointed, Death::Settled];

pub struct Life<'a> {
    stand: &'a Stand,
    world: World,
    table: toml::Table,
    rng: SmallRng,
    pub known: Known,
    saved: Option<Cursor>,
    pub lives: usize,
    pub cut_off: usize,
    pages: usize,
    since: Since,
    /// What was written before is not expected.
    from: Timestamp,
}

impl<'a> Life<'a> {
    pub fn new(stand: &'a Stand, quick: &str, since: Since) -> Self {
        let mut table = stand.keys();
        table.extend(quick.parse::<toml::Table>().unwrap());
        let secret = stand.secret();
        let variable = move |name: &str| secret.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let world = World::real().with_variables(variable);
        let from = if since == Since::Ever { Timestamp::MIN } else { Timestamp::now() };
        let (rng, known) = (SmallRng::seed_from_u64(7), Known::default());
        Self { stand, world, table, rng, known, saved: None, lives: 0, cut_off: 0, pages: 0, since, from }
    }

    fn born(&mut self) -> Box<dyn Source> {
        self.lives += 1;
        parse(&self.table).unwrap_or_else(|error| panic!("{}: {error}", self.stand.name())).build(&self.world)
    }

    /// Reads until the story is over and known, and stays so.
    ///
    /// # Errors
    /// What is not as it should be when the patience is at its end, or what a source may not do at all.
    pub async fn run(&mut self) -> Result<(), String> {
        let (began, mut well_since) = (Instant::now(), None::<Instant>);
        let mut source = self.born();
        while began.elapsed() < PATIENCE {
            if self.step(source.as_mut()).await? {
                drop(source);
                source = self.born();
            }
            well_since = self.differs().is_none().then(|| well_since.unwrap_or_else(Instant::now));
            if well_since.is_some_and(|since| since.elapsed() > STAYS) {
                return Ok(());
            }
        }
        Err(self.differs().unwrap_or_else(|| "it never came to rest".to_owned()))
    }

    /// One poll, and what becomes of its page. True where the process died.
    async fn step(&mut self, source: &mut dyn Source) -> Result<bool, String> {
        let page = match self.poll(source).await {
            Some(Ok(page)) => page,
            Some(Err(error)) if error.is_transient() => {
                tokio::time::sleep(PAUSE).await;
                return Ok(false);
            }
            Some(Err(error)) => return Err(error.to_string()),
            None => {
                self.cut_off += 1;
                return Ok(true);
            }
        };
        let is_quiet = page.events.is_empty() && page.state != Progress::Behind;
        let has_died = self.keep(source, page).await?;
        if is_quiet {
            tokio::time::sleep(PAUSE).await;
        }
        Ok(has_died)
    }

    /// Nothing where the process dies in the middle of it.
    async fn poll(&mut self, source: &mut dyn Source) -> Option<Result<Page, SourceError>> {
        let polled = source.poll(self.saved.as_ref());
        if !self.rng.random_bool(0.1) {
            return Some(polled.await);
        }
        let cut_after = Duration::from_millis(self.rng.random_range(0..CUT_WITHIN));
        tokio::time::timeout(cut_after, polled).await.ok()
    }

    /// Does with a page what the ingestor does. True where the process died in between.
    async fn keep(&mut self, source: &mut dyn Source, page: Page) -> Result<bool, String> {
        if let Some(rejected) = page.rejected.first() {
            return Err(format!("rejects {}: {}", rejected.place, rejected.reason));
        }
        let death = (!page.events.is_empty()).then(|| DEATHS[self.pages % DEATHS.len()]);
        self.pages += usize::from(death.is_some());
        if death == Some(Death::Fetched) {
            return Ok(true);
        }
        self.known.take(page.events);
        if death == Some(Death::Appended) {
            return Ok(true);
        }
        if self.saved.as_ref() != Some(&page.cursor) {
            if self.saved.is_none() && self.since == Since::Checkpoint {
                self.from = Timestamp::now();
            }
            self.saved = Some(as_saved(&page.cursor));
            if death != Some(Death::Checkpointed) {
                source.settle(&page.cursor).await.map_err(|error| format!("it does not settle: {error}"))?;
            }
        }
        Ok(death.is_some())
    }

    fn differs(&self) -> Option<String> {
        let platform = &self.stand.platform;
        if !platform.is_over() {
            return Some("the story is not over".to_owned());
        }
        self.known.differs(&*platform.shape, &platform.moment().view(), self.from)
    }
}

/// As it is after it was written down and read.
fn as_saved(cursor: &Cursor) -> Cursor {
    serde_json::from_str(&serde_json::to_string(cursor).unwrap()).unwrap()
}
