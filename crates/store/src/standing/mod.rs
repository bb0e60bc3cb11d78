//! Standing questions: those that pages ask again and again over spans that move with the time.
//!
//! Where an answer takes longer than [`PATIENCE`], the one that was computed before is given, with the time that this was, and
//! a new one is computed behind it. So a page of heavy figures is there at once, and what it costs is bounded, whoever looks:
//!
//! | an answer is | |
//! |---|---|
//! | younger than 100 times what it cost | given as it is; 10 minutes at most |
//! | older | computed anew, once for all who ask |
//! | none, as the question was beyond its budget | that it is, for as long as an answer of that cost were young |
//! | none, as the store failed | tried again for who asks; where nobody does, after 5 minutes |
//! | asked for in the last week, and by nobody now | kept up by [`Standing::keep_up`], within a fifth of a processor |
//! | none, as the process was begun anew | computed by [`Standing::keep_up`] from what [`Standing::restore`] was told, within a half |
//! | asked by nobody, and expected: [`Standing::expect`] | computed and kept up after all that was asked, as far as there is time |
//!
//! **Claim: no answer is given for another question.** Equal questions differ in nothing but when their spans end, and the span of
//! one that is given has moved by as much as it has aged, but for a minute and a half.

mod entry;
mod question;
mod remembered;
#[cfg(test)]
mod tests;

use std::{
    collections::{
        HashMap,
        hash_map::Entry::{Occupied, Vacant},
    },
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout},
};

use crate::{MetricQuery, MetricTable, StoreError};
use entry::{Entry, Kept, LONG_UNSEEN, Running};
use question::Question;
pub use remembered::Asked;

/// How long who takes an older answer waits for a new one.
const PATIENCE: Duration = Duration::from_millis(25);
/// A question that nobody asked for so long is forgotten.
pub const ASKED_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Who last asked is written down again after it.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// Questions that stand at once, of all brands, spans and panels. One that nobody asked goes, or the one that was asked longest ago.
const MOST: usize = 2000;
/// Between two looks for what is to be kept up.
const LOOK: Duration = Duration::from_secs(1);
/// For so many times what an answer took, nothing is computed after it: a fifth of a processor, or a half for the first answer to what
/// was asked.
const REST: [u32; 2] = [4, 1];
/// What is expected alone is computed for the first time while all that stands takes no longer: more could not be kept up.
const MOST_KEPT_UP: Duration = Duration::from_secs(LONG_UNSEEN.1.as_secs() / (1 + REST[0] as u64));
/// After a store did not answer.
const AWAY: Duration = Duration::from_secs(10);

/// Told to all who waited.
pub type Failed = Arc<StoreError>;
type Asking = Pin<Box<dyn Future<Output = Result<MetricTable, StoreError>> + Send>>;

/// An answer; `as_of` is when it was computed, where this was not for who asked.
#[derive(Debug, Clone)]
pub struct Given {
    pub table: Arc<MetricTable>,
    pub as_of: Option<Timestamp>,
}

/// Clones share what stands.
#[derive(Clone)]
pub struct Standing(Arc<Inner>);

struct Inner {
    ask: Box<dyn Fn(MetricQuery) -> Asking + Send + Sync>,
    entries: Mutex<HashMap<Question, Entry>>,
    /// As many as there are processors: more at once would wait for each other, and seem to cost more.
    permits: Semaphore,
}

impl Standing {
    /// `ask` computes an answer.
    pub fn new<F>(ask: impl Fn(MetricQuery) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<MetricTable, StoreError>> + Send + 'static,
    {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self(Arc::new(Inner {
            ask: Box::new(move |query| Box::pin(ask(query))),
            entries: Mutex::default(),
            permits: Semaphore::new(processors),
        }))
    }

    /// Answers a question whose span moves with the time. What is given was computed `max_age` before `now` at most, over a
    /// span that ended as much earlier.
    ///
    /// # Errors
    /// As `ask` gives them.
    pub async fn get(&self, query: &MetricQuery, now: Timestamp, max_age: Duration) -> Result<Given, Failed> {
        let (kept, mut running) = match self.look(query, now, max_age) {
            Found::Young(kept) => return Ok(kept.given()),
            Found::Refused(failed) => return Err(failed),
            Found::Running { kept, running } => (kept, running),
        };
        let computed = match kept {
            None => finished(&mut running).await,
            Some(kept) => match timeout(PATIENCE, finished(&mut running)).await {
                Ok(computed) => computed,
                Err(_) => return Ok(kept.given()),
            },
        };
        match computed {
            Some(Err(failed)) => Err(failed),
            Some(Ok(kept)) if kept.to == query.to => Ok(Given { table: kept.table, as_of: None }),
            Some(Ok(kept)) if kept.fits(query, now, max_age) => Ok(kept.given()),
            // It was for a span near this one, or whoever computed it panicked.
            _ => self.fresh(query, now).await,
        }
    }

    /// Computes an answer, which is then the one that stands.
    ///
    /// # Errors
    /// As `ask` gives them.
    pub async fn fresh(&self, query: &MetricQuery, now: Timestamp) -> Result<Given, Failed> {
        let kept = self.compute(query.clone(), now).await?;
        let table = kept.table.clone();
        if let Some(entry) = self.entries().get_mut(&Question::of(query, now)) {
            // Several of these may run at once, so that what it cost is what it cost alone.
            let cost = entry.kept.as_ref().map_or(kept.cost, |before| before.cost);
            entry.kept = Some(Kept { cost, ..kept });
        }
        Ok(Given { table, as_of: None })
    }

    /// Computes what was asked in the last week and what nobody asks for now anew, one after the other, what has no answer
    /// first. Never ends.
    pub async fn keep_up(&self, clock: impl Fn() -> Timestamp) {
        loop {
            sleep(LOOK).await;
            while let Some(Due { question, mut running, is_first }) = self.run_most_overdue(clock()) {
                let began = Instant::now();
                match finished(&mut running).await {
                    Some(Ok(_)) => sleep(began.elapsed() * REST[usize::from(is_first)]).await,
                    Some(Err(failed)) if !matches!(*failed, StoreError::TooHeavy { .. }) => sleep(AWAY).await,
                    _ => {
                        self.give_up(&question);
                        sleep(began.elapsed() * REST[0]).await;
                    }
                }
            }
        }
    }

    /// Takes up what nobody asked yet and somebody may ask soon, such as a page's questions for another brand or over another span.
    /// To be told again while that is so: a week later it is forgotten.
    pub fn expect(&self, queries: impl IntoIterator<Item = MetricQuery>, now: Timestamp) {
        let mut entries = self.entries();
        for query in queries {
            let is_room = entries.len() < MOST;
            match entries.entry(Question::of(&query, now)) {
                Occupied(mut known) if known.get().is_expected => known.get_mut().asked = now,
                Vacant(free) if is_room => drop(free.insert(Entry::expected(&query, now))),
                Occupied(_) | Vacant(_) => {}
            }
        }
    }

    /// Takes up what was asked of another process, or of this one before it was begun anew. What is asked here stays.
    pub fn restore(&self, asked: Vec<Asked>) {
        let mut entries = self.entries();
        for Asked { query, at } in asked {
            if entries.len() < MOST {
                let entry = entries.entry(Question::of(&query, at)).or_insert_with(|| Entry::expected(&query, at));
                if entry.is_expected {
                    (entry.is_expected, entry.asked, entry.remembered) = (false, at, Some(at));
                }
            }
        }
    }

    /// What was asked and answered, and is not written down yet, or was long ago.
    pub fn to_remember(&self) -> Vec<Asked> {
        let entries = self.entries();
        let is_due = |entry: &&Entry| {
            let is_written = |at| entry.asked.duration_since(at) < REMEMBERED_FOR;
            entry.kept.is_some() && !entry.is_expected && !entry.remembered.is_some_and(is_written)
        };
        entries.values().filter(is_due).map(Entry::as_asked).collect()
    }

    /// These were written down.
    pub fn remembered(&self, asked: &[Asked]) {
        let mut entries = self.entries();
        for Asked { query, at } in asked {
            if let Some(entry) = entries.get_mut(&Question::of(query, *at)) {
                entry.remembered = Some(*at);
            }
        }
    }

    /// No answer that was computed until now is given any more.
    pub fn drop_answers(&self) {
        self.entries().values_mut().for_each(|entry| (entry.kept, entry.running) = (None, None));
    }

    fn look(&self, query: &MetricQuery, now: Timestamp, max_age: Duration) -> Found {
        let question = Question::of(query, now);
        let mut entries = self.entries();
        if entries.len() >= MOST && !entries.contains_key(&question) {
            forget_one(&mut entries);
        }
        let entry = entries.entry(question.clone()).or_insert_with(|| Entry::expected(query, now));
        (entry.asked, entry.is_expected, entry.at, entry.query) = (now, false, now, query.clone());
        let kept = entry.kept.clone().filter(|kept| kept.fits(query, now, max_age));
        match (kept, entry.refused.as_ref().filter(|refused| refused.is_young())) {
            (Some(kept), Some(_)) => Found::Young(kept),
            (Some(kept), None) if kept.is_young() => Found::Young(kept),
            (None, Some(refused)) => Found::Refused(refused.failed.clone()),
            (kept, None) => Found::Running { kept, running: self.run(entry, question) },
        }
    }

    /// The one that computes the answer, begun where nobody does.
    fn run(&self, entry: &mut Entry, question: Question) -> Running {
        if let Some(running) = entry.runs() {
            return running.clone();
        }
        let (sender, running) = watch::channel(None);
        entry.running = Some(running.clone());
        let (standing, query, as_of) = (self.clone(), entry.query.clone(), entry.at);
        tokio::spawn(async move {
            let Ok(permit) = standing.0.permits.acquire().await else { return };
            let began = Instant::now();
            let computed = standing.compute(query, as_of).await;
            drop(permit);
            // Where answers were dropped meanwhile, this one is for those who waited alone.
            if let Some(entry) = standing.entries().get_mut(&question).filter(|entry| entry.is_run_by(&sender)) {
                entry.finish(&computed, began);
            }
            let _ = sender.send(Some(computed));
        });
        running
    }

    async fn compute(&self, query: MetricQuery, as_of: Timestamp) -> Result<Kept, Failed> {
        let (began, to) = (Instant::now(), query.to);
        let table = Arc::new((self.0.ask)(query).await?);
        Ok(Kept { table, to, as_of, computed: Instant::now(), cost: began.elapsed() })
    }

    fn run_most_overdue(&self, now: Timestamp) -> Option<Due> {
        let mut entries = self.entries();
        entries.retain(|_, entry| now.duration_since(entry.asked) < ASKED_WITHIN);
        let costs: Duration = entries.values().filter_map(|entry| Some(entry.kept.as_ref()?.cost)).sum();
        let is_wanted = |entry: &Entry| entry.kept.is_some() || !entry.is_expected || costs < MOST_KEPT_UP;
        let overdue = entries
            .iter_mut()
            .filter(|(_, entry)| is_wanted(entry))
            .filter_map(|(question, entry)| Some((entry.overdue_unseen(now)?, question, entry)));
        let (_, question, entry) = overdue.max_by_key(|(overdue, ..)| *overdue)?;
        let minutes = SignedDuration::from_mins(now.duration_since(entry.at).as_mins());
        (entry.query, entry.at) = (question::later(&entry.query, minutes), entry.at + minutes);
        let (question, is_first) = (question.clone(), entry.kept.is_none() && !entry.is_expected);
        Some(Due { running: self.run(entry, question.clone()), question, is_first })
    }

    /// What was beyond its budget, or panicked. Who asks for it is told why; nobody else has to try again soon.
    fn give_up(&self, question: &Question) {
        let mut entries = self.entries();
        match entries.get_mut(question) {
            // It would be expected again at the next poll.
            Some(entry) if entry.is_expected => entry.failed = Some(Instant::now()),
            _ => drop(entries.remove(question)),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Question, Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is computed though nobody asks now.
struct Due {
    question: Question,
    running: Running,
    /// It was asked, and had no answer.
    is_first: bool,
}

enum Found {
    Young(Kept),
    Refused(Failed),
    /// `kept` is older, and may be given meanwhile.
    Running {
        kept: Option<Kept>,
        running: Running,
    },
}

/// `None` where computing it panicked.
async fn finished(running: &mut Running) -> Option<Result<Kept, Failed>> {
    running.wait_for(Option::is_some).await.ok()?.clone()
}

fn forget_one(entries: &mut HashMap<Question, Entry>) {
    let oldest =
        entries.iter().min_by_key(|(_, entry)| (!entry.is_expected, entry.asked)).map(|(question, _)| question.clone());
    if let Some(oldest) = oldest {
        entries.remove(&oldest);
    }
}
