//! Plays a case through, with or without a death in the middle.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use grapevine_model::{Engagement, Event, Mention};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;

use super::{Case, Scripted, StepClock, capture::Capture, transport::Spoil};
use crate::{
    Cursor, Page, Progress, Source, SourceError, World,
    registry::{Arrival, Clock},
};

/// When every play begins.
pub(super) const START: &str = "2026-03-01T12:00:00Z";
/// More polls than this in one round mean that it does not come to an end.
const MOST_POLLS: usize = 500;
/// Who fails so often in a row does not recover.
const MOST_FAILURES: u32 = 30;

/// A case with its clock and its network.
pub(super) struct Stage<'a> {
    pub(super) case: &'a Case,
    pub(super) clock: StepClock,
    pub(super) transport: Scripted,
    pub(super) seen: Capture,
    /// For the first round alone.
    spoil: Mutex<Option<Spoil>>,
}

/// One poll that gave a page.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) round: usize,
    pub(super) at: Timestamp,
    pub(super) before: Option<Cursor>,
    pub(super) page: Page,
    /// Which of the exchanges were made for it.
    pub(super) exchanges: std::ops::Range<usize>,
}

/// After which page the process dies, and whether its cursor was saved before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death {
    pub(super) after: usize,
    pub(super) is_saved: bool,
}

impl<'a> Stage<'a> {
    pub(super) fn new(case: &'a Case, seen: &Capture) -> Self {
        Self::before(case, seen, SignedDuration::ZERO)
    }

    /// With a clock that is behind by so much.
    pub(super) fn before(case: &'a Case, seen: &Capture, behind: SignedDuration) -> Self {
        let start: Timestamp = START.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        let clock = StepClock::at(start - behind);
        let transport = Scripted::new(case.platform.clone(), clock.clone());
        Self { case, clock, transport, seen: seen.clone(), spoil: Mutex::default() }
    }

    pub(super) fn spoil_first_round(&self, spoil: Spoil) {
        self.transport.spoil(spoil.clone());
        *self.spoil.lock() = Some(spoil);
    }

    /// A new process.
    pub(super) fn source(&self) -> Box<dyn Source> {
        let secret = self.case.secret;
        let variable = move |name: &str| secret.filter(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
        let world = World {
            clock: Arc::new(self.clock.clone()),
            transport: Arc::new(self.transport.clone()),
            random: Arc::new(|| 0.5),
            variable: Arc::new(variable),
            connector: Arc::new(self.transport.clone()),
            hooks: self.transport.hooks(),
            monitors: Arc::default(),
        };
        (self.case.build)(&world)
    }

    /// One poll; what it shows of itself is kept.
    pub(super) async fn poll(&self, source: &mut dyn Source, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        self.transport.write()?;
        self.transport.call();
        let polled = source.poll(cursor).await;
        if self.case.secret.is_some() {
            self.seen.add(&format!("{polled:?}"));
        }
        polled
    }

    /// Every round to its end.
    pub(super) async fn play(&self, death: Option<Death>) -> Result<Vec<Step>, String> {
        self.play_as(Manner { death, ..Manner::default() }).await
    }

    pub(super) async fn play_as(&self, manner: Manner) -> Result<Vec<Step>, String> {
        let mut play = Play { manner, steps: Vec::new(), source: self.source(), cursor: None };
        for round in 0..self.case.platform.rounds() {
            self.enter(round);
            self.round(&mut play, round).await.map_err(|problem| format!("round {round}: {problem}"))?;
        }
        Ok(play.steps)
    }

    async fn round(&self, play: &mut Play, round: usize) -> Result<(), String> {
        let is_live = self.is_live();
        let first = play.steps.len();
        let (mut quiet, mut failures) = (0, 0);
        loop {
            let step = match self.step(&mut *play.source, &play.cursor, round).await {
                Ok(step) => step,
                Err(error) if play.manner.is_patient && error.is_transient() && failures < MOST_FAILURES => {
                    failures += 1;
                    self.clock.advance(Duration::from_secs(1 << failures.min(6)));
                    continue;
                }
                Err(error) => return Err(error.to_string()),
            };
            failures = 0;
            let (state, is_empty) = (step.page.state, step.page.events.is_empty());
            let has_died = self.keep(play, step).await?;
            if play.steps.len() - first > MOST_POLLS {
                return Err(format!("does not come to an end within {MOST_POLLS} polls"));
            }
            quiet = if is_empty && state != Progress::Behind { quiet + 1 } else { 0 };
            self.clock.advance(play.manner.pause);
            let is_over = if is_live { quiet >= play.manner.quiet } else { state != Progress::Behind };
            if is_over && !has_died {
                break;
            }
        }
        match self.transport.calls().is_done() {
            true => Ok(()),
            false => Err("what was delivered is not answered".to_owned()),
        }
    }

    /// The page is durable, unless the process dies before that.
    async fn keep(&self, play: &mut Play, step: Step) -> Result<bool, String> {
        if let Some(rejected) = step.page.rejected.first() {
            return Err(format!("rejects {}: {}", rejected.place, rejected.reason));
        }
        let saved = saved(&step.page.cursor)?;
        play.steps.push(step);
        let dies = play.manner.death.filter(|death| death.after + 1 == play.steps.len());
        if dies.is_none_or(|death| death.is_saved) {
            play.source.settle(&saved).await.map_err(|error| format!("settling: {error}"))?;
            play.cursor = Some(saved);
        }
        if dies.is_some() {
            play.source = self.source();
        }
        self.transport.calls().collect();
        Ok(dies.is_some())
    }

    /// Something comes by itself, so that nothing new is not the end.
    pub(super) fn is_live(&self) -> bool {
        self.case.platform.shape().is_some_and(|shape| shape.traits().arrival != Arrival::Polled)
    }

    pub(super) fn enter(&self, round: usize) {
        if round > 0 {
            if self.spoil.lock().take().is_some() {
                self.transport.spoil(Spoil::Nothing);
            }
            self.clock.advance(Duration::try_from(self.case.every).unwrap_or_default());
        }
        self.transport.enter(round);
    }

    pub(super) async fn step(
        &self,
        source: &mut dyn Source,
        cursor: &Option<Cursor>,
        round: usize,
    ) -> Result<Step, SourceError> {
        let (from, at) = (self.transport.requests(), self.clock.now());
        let page = self.poll(source, cursor.as_ref()).await?;
        Ok(Step { round, at, before: cursor.clone(), page, exchanges: from..self.transport.requests() })
    }
}

/// How a case is played.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) death: Option<Death>,
    /// Errors that pass are waited for.
    pub(super) is_patient: bool,
    /// So many polls without news end a round of what comes by itself.
    pub(super) quiet: usize,
    /// After each poll.
    pub(super) pause: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        Self { death: None, is_patient: false, quiet: 3, pause: Duration::ZERO }
    }
}

/// A play under way.
struct Play {
    manner: Manner,
    steps: Vec<Step>,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
}

/// As it is after it was saved and read again.
fn saved(cursor: &Cursor) -> Result<Cursor, String> {
    let text = serde_json::to_string(cursor).map_err(|error| format!("a cursor is no JSON: {error}"))?;
    let read: Cursor = serde_json::from_str(&text).map_err(|error| format!("a cursor cannot be read: {error}"))?;
    if read == *cursor { Ok(read) } else { Err(format!("a cursor changes when it is saved: {cursor:?}")) }
}

/// What remains of mentions when equal keys collapse: the newest of each, without the time of reading and the counters.
/// `None` is deleted, by itself or with its account.
pub(super) fn collapse(steps: &[Step]) -> BTreeMap<String, Option<Mention>> {
    let mut known: BTreeMap<String, (Timestamp, Option<Mention>)> = BTreeMap::new();
    let events = || steps.iter().flat_map(|step| &step.page.events);
    for event in events() {
        let (key, at, mention) = match event {
            Event::Upsert(mention) => {
                let (observed_at, engagement) = (mention.created_at, Engagement::default());
                let same = Mention { observed_at, engagement, ..(**mention).clone() };
                (mention.key.to_string(), mention.observed_at, Some(same))
            }
            Event::Delete(deletion) => (deletion.key.to_string(), deletion.observed_at, None),
            _ => continue,
        };
        let newest = known.entry(key).or_insert((at, mention.clone()));
        if at >= newest.0 {
            *newest = (at, mention);
        }
    }
    for event in events() {
        let Event::AuthorTombstone(tombstone) = event else { continue };
        let falls = |at: &Timestamp, mention: &Mention| {
            let is_theirs = mention.author.native_id == tombstone.author && mention.key.instance == tombstone.instance;
            is_theirs && *at <= tombstone.observed_at
        };
        for (at, mention) in known.values_mut() {
            mention.take_if(|mention| falls(at, mention));
        }
    }
    known.into_iter().map(|(key, (_, mention))| (key, mention)).collect()
}

/// The likes of each mention, as they were read last.
pub(super) fn likes(steps: &[Step]) -> BTreeMap<String, u64> {
    let mut newest: BTreeMap<String, (Timestamp, u64)> = BTreeMap::new();
    for event in steps.iter().flat_map(|step| &step.page.events) {
        let (key, at, engagement) = match event {
            Event::Upsert(mention) => (&mention.key, mention.observed_at, &mention.engagement),
            Event::EngagementSnapshot(snapshot) => (&snapshot.key, snapshot.observed_at, &snapshot.engagement),
            _ => continue,
        };
        let Some(likes) = engagement.likes else { continue };
        let known = newest.entry(key.to_string()).or_insert((at, likes));
        if at >= known.0 {
            *known = (at, likes);
        }
    }
    newest.into_iter().map(|(key, (_, likes))| (key, likes)).collect()
}
