use std::sync::Arc;

use async_trait::async_trait;
use grapevine_model::{Event, Usage};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    caller::Caller,
    map::map,
    position::{Position, VERSION},
    search::{Gathered, Queries, probe},
    settings::{Method, XSpec},
    stream::{Backoff, Came, Live},
    upkeep,
};
use crate::{
    Cursor, Page, Progress, Source, SourceError, World, http::Request, pace::Pace, recheck::Plan, registry::Clock,
};

pub(super) struct XSource {
    spec: Arc<XSpec>,
    world: World,
    clock: Arc<dyn Clock>,
    caller: Caller,
    pace: Pace,
    queries: Queries,
    plan: Plan,
    live: Option<Live>,
    backoff: Backoff,
    /// What the caller comes with, if it kept the page it was given last: then the connection goes on where it is. Nothing
    /// where a poll failed or was given up, with what it had taken from the connection.
    expected: Option<Option<Cursor>>,
    /// Of the translation; they stay.
    problems: Vec<String>,
    /// Of the last connection, or of the last round.
    notices: Vec<String>,
}

impl XSource {
    pub(super) fn new(spec: Arc<XSpec>, world: &World) -> Self {
        let asked = spec.searched(world);
        Self {
            caller: Caller::new(spec.clone(), world),
            world: world.clone(),
            clock: world.clock.clone(),
            pace: Pace::new(spec.interval),
            queries: Queries::new(&asked.queries),
            plan: upkeep::plan(&spec),
            live: None,
            backoff: Backoff::default(),
            expected: None,
            problems: asked.notices(),
            notices: Vec::new(),
            spec,
        }
    }

    /// Where the caller stands. A position of no use is lost, and said to be.
    fn position(&self, cursor: Option<&Cursor>) -> Result<Position, SourceError> {
        if self.queries.0.is_empty() {
            let message = "there is nothing to ask X for: configure a monitor that X can look for, or set `queries`";
            return Err(SourceError::Config(message.to_owned()));
        }
        let position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        match position.is_ahead(self.clock.now()) {
            true => Err(SourceError::cursor_lost("the saved checkpoint lies in the future")),
            false => Ok(position),
        }
    }

    /// One step of the round under way. False where it is over.
    async fn step(&mut self, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        let Some(round) = &position.round else { return Ok(false) };
        if !round.left.is_empty() {
            let from = into.events.len();
            let problem = self.queries.read(&mut self.caller, position, into).await?;
            self.notices.extend(problem);
            self.watch(position, &into.events[from..]);
            return Ok(true);
        }
        self.keep_up(position, into).await
    }

    /// Reads again what is due. False where nothing is.
    async fn keep_up(&mut self, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        let now = self.clock.now();
        Ok(upkeep::recheck(&mut self.caller, &self.plan, position, now, into).await?
            || upkeep::count(&mut self.caller, &self.spec, position, now, into).await?)
    }

    /// A post's newest version is the one that its address names.
    fn watch(&self, position: &mut Position, events: &[Event]) {
        for event in events {
            if let Event::Upsert(mention) = event {
                let newest = mention.url.as_deref().and_then(|url| url.rsplit('/').next()).unwrap_or_default();
                upkeep::watch(&self.plan, position, mention, newest);
            }
        }
    }

    fn begin(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let share = self.caller.share()?;
        let affordable = self.caller.client()?.affordable();
        into.events.extend(self.queries.begin(&self.spec, position, self.clock.now(), (share, affordable)));
        self.notices.clear();
        Ok(())
    }

    fn end_round(&self, position: &mut Position) {
        let began = position.end();
        position.complete = position.complete.max(began.map(|began| began - self.spec.lateness));
    }

    async fn poll_search(&mut self, cursor: Option<&Cursor>, mut position: Position) -> Result<Page, SourceError> {
        let mut gathered = Gathered::default();
        if position.round.is_none() {
            if !self.pace.is_due(&*self.clock, cursor).await {
                return page(&position, gathered, false);
            }
            self.begin(&mut position, &mut gathered)?;
        }
        let began = position.round.as_ref().map_or_else(|| self.clock.now(), |round| round.began);
        let goes_on = self.step(&mut position, &mut gathered).await?;
        if !goes_on {
            self.end_round(&mut position);
        }
        let page = page(&position, gathered, goes_on)?;
        self.pace.gave(began, &page);
        Ok(page)
    }

    async fn poll_stream(&mut self, cursor: Option<&Cursor>, mut position: Position) -> Result<Page, SourceError> {
        if self.expected.take() != Some(cursor.cloned()) {
            self.live = None;
        }
        let mut gathered = Gathered::default();
        if self.live.is_none() {
            self.connect(&mut position, &mut gathered).await?;
        }
        self.gather(&mut position, &mut gathered).await?;
        self.watch(&mut position, &gathered.events);
        let goes_on = self.heal(&mut position, &mut gathered).await;
        self.reach(&mut position);
        let page = page(&position, gathered, goes_on)?;
        self.expected = Some(Some(page.cursor.clone()));
        Ok(page)
    }

    /// Connects, and begins to read by search what came since the position. A round that is under way is brought to its
    /// end first, and another follows: with one that begins anew at each connection, short ones would never see its end.
    async fn connect(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let now = self.clock.now();
        if let Some(until) = self.backoff.closed_until(now) {
            let message = "X asks to wait before the next connection".to_owned();
            return Err(SourceError::RateLimited { until, message });
        }
        let mut notices = Vec::new();
        match Live::connect(&mut self.caller, &self.spec, &self.world, &mut notices).await {
            Ok(mut live) => {
                live.owes_round = position.round.is_some();
                self.live = Some(live);
            }
            Err(error) => return Err(self.backoff.failed(error, now)),
        }
        if position.round.is_none() {
            self.begin(position, into)?;
        }
        self.notices = notices;
        Ok(())
    }

    /// What has come.
    async fn gather(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let now = self.clock.now();
        let share = self.caller.client()?.share();
        let Some(mut live) = self.live.take() else { return Ok(()) };
        let came = live.gather(&mut self.caller, now, into).await?;
        let is_over = matches!(came, Came::End(_)) || live.is_outdated(share, now);
        live.say_sample(&self.spec, live.heard_at(), is_over, into);
        if !is_over {
            self.backoff.reset();
            self.live = Some(live);
            return Ok(());
        }
        if position.round.is_none() && live.shows_all() {
            position.shown(live.shown_to());
        }
        match came {
            Came::End(reason) => self.end(&live, reason, into),
            Came::More => Ok(()),
        }
    }

    /// A connection that gave something is made again at once; another waits.
    fn end(&mut self, live: &Live, reason: SourceError, into: &Gathered) -> Result<(), SourceError> {
        tracing::warn!("source {}: {reason}; connecting again", self.spec.name);
        self.backoff.reset();
        if live.was_good() {
            return Ok(());
        }
        let reason = self.backoff.failed(reason, self.clock.now());
        if into.events.is_empty() && into.rejected.is_empty() { Err(reason) } else { Ok(()) }
    }

    /// Reads on by search what was missed, and what no rule asks for. False where nothing is left of it. What fails is
    /// tried again with the next poll: the stream goes on.
    async fn heal(&mut self, position: &mut Position, into: &mut Gathered) -> bool {
        match self.heal_a_step(position, into).await {
            Ok(goes_on) => goes_on,
            Err(error) => {
                let notice = format!("what the stream missed can not be read yet: {error}");
                if self.notices.last() != Some(&notice) {
                    tracing::warn!("source {}: {notice}", self.spec.name);
                    self.notices.retain(|known| !known.starts_with("what the stream missed"));
                    self.notices.push(notice);
                }
                false
            }
        }
    }

    async fn heal_a_step(&mut self, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        let is_partial = self.live.as_ref().is_some_and(|live| live.is_partial);
        if position.round.is_none() {
            let is_owed = self.live.as_ref().is_some_and(|live| live.owes_round);
            if !is_owed && (!is_partial || !self.pace.is_due(&*self.clock, None).await) {
                return self.keep_up(position, into).await;
            }
            self.begin(position, into)?;
            self.live.iter_mut().for_each(|live| live.owes_round = false);
        }
        let goes_on = self.step(position, into).await?;
        if !goes_on {
            self.end_round(position);
        }
        Ok(goes_on || self.live.as_ref().is_some_and(|live| live.owes_round))
    }

    /// The stream shows all up to its last heartbeat.
    fn reach(&self, position: &mut Position) {
        if let Some(live) = self.live.as_ref().filter(|live| live.shows_all() && position.round.is_none()) {
            position.shown(live.shown_to());
            position.complete = position.complete.max(Some(live.heard_at() - self.spec.lateness));
        }
    }

    async fn probe(&mut self) -> Result<(), SourceError> {
        if self.spec.method == Method::Stream {
            let url = self.caller.url(&["tweets", "search", "stream", "rules"], &[]);
            self.caller.json(&Request::get(url), "rules").await?;
        }
        let Some((_, query)) = self.queries.0.first().cloned() else { return Ok(()) };
        let asked = probe(&query, self.clock.now());
        self.caller.posts(&["tweets", "search", "recent"], asked, "search").await.map(drop)
    }
}

fn page(position: &Position, gathered: Gathered, goes_on: bool) -> Result<Page, SourceError> {
    let Gathered { events, rejected } = gathered;
    let state = if goes_on { Progress::Behind } else { Progress::CaughtUp };
    Ok(Page { events, rejected, cursor: Cursor::of(VERSION, position)?, complete_through: position.complete, state })
}

#[async_trait]
impl Source for XSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.position(None)?;
        self.probe().await
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let position = self.position(cursor)?;
        match self.spec.method {
            Method::Search => self.poll_search(cursor, position).await,
            Method::Stream => self.poll_stream(cursor, position).await,
        }
    }

    fn notice(&self) -> Option<String> {
        let all: Vec<&str> = self.problems.iter().chain(&self.notices).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.caller.known().and_then(|client| client.allowance())
    }

    fn resume(&mut self, saved: &Value) {
        self.caller.resume(saved);
    }

    fn usage(&self) -> Usage {
        self.caller.known().map(|client| client.usage()).unwrap_or_default()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let mapped = map(raw, observed_at).map_err(|error| error.to_string())?;
        match mapped.rejected.first() {
            Some((_, error)) => Err(error.to_string()),
            None => Ok(mapped.mentions.into_iter().map(|mention| Event::Upsert(Box::new(mention))).collect()),
        }
    }
}
