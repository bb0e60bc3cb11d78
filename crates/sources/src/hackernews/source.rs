use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Event, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    HackerNewsSpec,
    item::{PLATFORM, map},
    position::{Absent, Position, VERSION, gap},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    http::{Auth, Client, Cost, Fetched, Limit, QuotaPolicy, Request, Share, Window},
    pace::Pace,
    registry::Clock,
};

/// How many items one page asks for: a page takes a few seconds.
const PAGE_ITEMS: usize = 40;

/// Two months bring so many.
const MOST_AHEAD: u64 = 1_000_000;
/// An answer from a cache may be so far behind.
const MOST_BEHIND: u64 = 1000;

pub(super) struct HackerNewsSource {
    spec: Arc<HackerNewsSpec>,
    client: Client,
    clock: Arc<dyn Clock>,
    pace: Pace,
    /// The newest id, and when it was asked for. `None` where it is to be asked for.
    newest: Option<(u64, Timestamp)>,
    /// Where reading without a cursor began.
    first: Option<u64>,
    through: Option<Timestamp>,
    /// The item that failed last, and how many polls in a row.
    failing: Option<(u64, u32)>,
    /// Items that fail though the platform does not, and why.
    faulty: BTreeMap<u64, String>,
}

/// So many polls may fail on one item before it is passed over.
const PATIENCE: u32 = 3;
/// How many faulty items are told of.
const MOST_FAULTY: usize = 20;

/// No smaller share is read.
const LEAST: f64 = 1e-4;
/// How many items are passed over in one poll where a share is read.
const MOST_PASSED: usize = 10_000;

/// What one poll gathers.
struct Gathered {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    given_up: Vec<Absent>,
    /// Of what is there.
    share: Share,
}

impl Default for Gathered {
    fn default() -> Self {
        Self { events: Vec::new(), rejected: Vec::new(), given_up: Vec::new(), share: Share::All }
    }
}

fn created_at(event: &Event) -> Option<Timestamp> {
    if let Event::Upsert(mention) = event { Some(mention.created_at) } else { None }
}

pub(super) fn policy(spec: &HackerNewsSpec) -> QuotaPolicy {
    let window = Window::Rolling(SignedDuration::from_hours(1));
    let limit = Limit { amount: spec.requests_per_hour, window, only: None };
    QuotaPolicy { limits: vec![limit], spend: spec.spend.clone(), ..QuotaPolicy::default() }
}

impl HackerNewsSource {
    pub(super) fn new(spec: Arc<HackerNewsSpec>, world: &World) -> Self {
        let client = Client::new(world, Auth::None, policy(&spec));
        let pace = Pace::new(spec.interval);
        Self { spec, client, clock: world.clock.clone(), pace, newest: None, first: None, through: None, failing: None, faulty: BTreeMap::new() }
    }

    async fn get(&mut self, path: &str) -> Result<Value, SourceError> {
        let mut url = self.spec.endpoint.clone();
        url.set_path(&format!("{}/{path}.json", url.path()));
        match self.client.get_json(&Request::get(url), &Cost::default()).await? {
            Fetched::Json { value, .. } => Ok(value),
            Fetched::Unchanged => Err(SourceError::Transient(format!("{PLATFORM}: an unasked 304 for {path}"))),
        }
    }

    async fn max_item(&mut self) -> Result<u64, SourceError> {
        let answer = self.get("maxitem").await?;
        let no_number = || SourceError::Transient(format!("{PLATFORM}: maxitem is {answer:.50}, which is no id"));
        answer.as_u64().ok_or_else(no_number)
    }

    /// Asks for the newest id and for what changed. Without a cursor, it always begins where it first began.
    async fn refresh(&mut self, cursor: Option<&Cursor>) -> Result<Position, SourceError> {
        let read: Option<Position> = cursor.map(|cursor| cursor.read(VERSION)).transpose()?;
        let asked_at = self.clock.now();
        let newest = self.max_item().await?;
        if let Some(position) = &read {
            self.is_near(newest, position).await?;
        }
        self.newest = Some((newest, asked_at));
        let first = newest.saturating_add(1).saturating_sub(self.spec.backfill_items);
        let first = *self.first.get_or_insert(first);
        let Some(mut position) = read else { return Ok(Position::starting_at(first)) };
        let changed = self.get("updates").await?;
        let ids = changed.get("items").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
        let unread = position.changes(ids);
        if unread > 0 {
            tracing::warn!("source {}: {unread} changed items are not read again: too many at once", self.spec.name);
        }
        Ok(position)
    }

    /// A checkpoint far away from the newest id is lost, if that id is one.
    async fn is_near(&mut self, newest: u64, position: &Position) -> Result<(), SourceError> {
        let next = position.next;
        if newest.abs_diff(next) <= MOST_AHEAD && next.saturating_sub(newest) <= MOST_BEHIND {
            return Ok(());
        }
        let problem = format!("{PLATFORM}: the newest id is {newest}, far from the checkpoint at {next}");
        match map(&self.get(&format!("item/{newest}")).await?, self.clock.now()) {
            Ok(Some(_)) => Err(SourceError::CursorLost { from: position.reached, to: None, reason: problem }),
            _ => Err(SourceError::Transient(format!("{problem}, and has no item"))),
        }
    }

    /// The item as it came; `None` where the platform fails on this one alone, which is then as good as not there. One that
    /// was missed before is given no patience again.
    async fn fetch(&mut self, id: u64, was_missed: bool) -> Result<Option<Value>, SourceError> {
        let error = match self.get(&format!("item/{id}")).await {
            Ok(item) => {
                self.faulty.remove(&id);
                return Ok(Some(item));
            }
            Err(error @ SourceError::RateLimited { .. }) => return Err(error),
            Err(error) => error,
        };
        if !was_missed {
            let times = self.failing.filter(|(failed, _)| *failed == id).map_or(1, |(_, times)| times + 1);
            self.failing = Some((id, times));
            if error.is_transient() && times < PATIENCE {
                return Err(error);
            }
            // Where the newest id can be had, it is not the platform.
            self.max_item().await?;
        }
        if self.faulty.len() < MOST_FAULTY {
            self.faulty.insert(id, error.to_string());
        }
        Ok(None)
    }

    /// Reads one item. False where it is not there.
    async fn item(&mut self, id: u64, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        let was_missed = position.absent.iter().any(|absent| absent.id == id);
        let Some(item) = self.fetch(id, was_missed).await? else { return Ok(false) };
        match map(&item, self.clock.now()) {
            Ok(None) => return Ok(false),
            Ok(Some(event)) => {
                let mut event = event;
                if let Event::Upsert(mention) = &mut event {
                    position.reach(mention.created_at, self.clock.now());
                    mention.weight = into.share.weight();
                    self.client.spent_of(1, into.share.rate());
                }
                into.events.push(event);
            }
            Err(error) => into.rejected.push(Rejected {
                place: format!("item {id}"),
                reason: error.to_string(),
                raw: item.to_string().into_bytes(),
            }),
        }
        Ok(true)
    }

    /// Of what waits, no larger a share than can be paid: it is not in the rate of what was read.
    fn bearable(&self, share: Share, newest: u64, position: &Position) -> Share {
        let waiting = (newest + 1).saturating_sub(position.next);
        let rate = self.client.affordable() as f64 / waiting.max(1) as f64;
        if rate < share.rate() { Share::Part(rate.max(LEAST)) } else { share }
    }

    /// New items first, then those that changed.
    async fn gather(&mut self, newest: u64, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let share = into.share;
        let (mut left, mut passed, from) = (PAGE_ITEMS, 0, position.reached);
        while left > 0 && passed < MOST_PASSED && position.next <= newest {
            let id = position.next;
            if !share.picks(&id.to_le_bytes()) {
                (position.next, passed) = (id + 1, passed + 1);
                continue;
            }
            if !self.item(id, position, into).await? {
                into.given_up.extend(position.missed(id, self.clock.now()));
            }
            (position.next, left) = (id + 1, left - 1);
        }
        let from = from.or_else(|| into.events.iter().find_map(created_at));
        if let (Some(from), Some(to)) = (from, position.reached)
            && share.rate() < 1.0
            && from < to
        {
            into.events.push(self.client.sampled(&self.spec.name, (from, to), share.rate()));
        }
        position.changed.retain(|id| share.picks(&id.to_le_bytes()));
        while left > 0
            && let Some(id) = position.changed.pop_first()
        {
            self.item(id, position, into).await?;
            left -= 1;
        }
        Ok(())
    }

    /// Asks again for what was absent, once each time the newest id is asked for.
    async fn ask_again(&mut self, position: &mut Position) -> Result<Gathered, SourceError> {
        let given_up = position.give_up(self.clock.now(), self.spec.lookback);
        self.faulty.retain(|id, _| position.absent.iter().any(|absent| absent.id == *id));
        let mut gathered = Gathered { given_up, ..Gathered::default() };
        let absent: Vec<u64> = position.absent.iter().map(|absent| absent.id).take(PAGE_ITEMS).collect();
        for id in &absent {
            if self.item(*id, position, &mut gathered).await? {
                position.came(*id);
            }
        }
        position.asked_again(&absent);
        Ok(gathered)
    }

    /// Nothing is due.
    fn rest(&self, cursor: &Cursor) -> Result<Page, SourceError> {
        let (events, rejected) = (Vec::new(), Vec::new());
        let (cursor, complete_through) = (cursor.clone(), self.through);
        Ok(Page { events, rejected, cursor, complete_through, state: Progress::CaughtUp })
    }

    fn page(&mut self, position: &Position, gathered: Gathered, newest: (u64, Timestamp)) -> Result<Page, SourceError> {
        let (newest, asked_at) = newest;
        let has_all = position.next > newest;
        let state = if has_all && position.changed.is_empty() { Progress::CaughtUp } else { Progress::Behind };
        let complete = position.complete(has_all.then_some(asked_at)).map(|through| through - self.spec.lateness);
        self.through = self.through.max(complete);
        let Gathered { mut events, rejected, given_up, .. } = gathered;
        events.extend(gap(&self.spec.name, &given_up).map(Event::Gap));
        Ok(Page { events, rejected, cursor: Cursor::of(VERSION, position)?, complete_through: self.through, state })
    }
}

#[async_trait]
impl Source for HackerNewsSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.max_item().await.map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        if let Some(given) = cursor.filter(|_| self.newest.is_none())
            && !self.pace.is_due(&*self.clock, cursor).await
        {
            return self.rest(given);
        }
        let share = self.client.share().some()?;
        let (mut position, mut gathered) = match cursor.filter(|_| self.newest.is_some()) {
            Some(cursor) => (cursor.read(VERSION)?, Gathered::default()),
            None => {
                let mut position = self.refresh(cursor).await?;
                let gathered = self.ask_again(&mut position).await?;
                (position, gathered)
            }
        };
        let (newest, asked_at) = self.newest.unwrap_or_default();
        gathered.share = self.bearable(share, newest, &position);
        self.gather(newest, &mut position, &mut gathered).await?;
        let page = self.page(&position, gathered, (newest, asked_at))?;
        if page.state != Progress::Behind {
            self.newest = None;
        }
        self.pace.gave(asked_at, &page);
        Ok(page)
    }

    fn notice(&self) -> Option<String> {
        let words = self.faulty.iter().map(|(id, reason)| format!("item {id} can not be read: {reason}"));
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.client.allowance()
    }

    fn resume(&mut self, saved: &Value) {
        self.client.resume(saved);
    }

    fn usage(&self) -> Usage {
        self.client.usage()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let item: Value = serde_json::from_slice(raw).map_err(|error| format!("the item is no JSON: {error}"))?;
        map(&item, observed_at).map(|event| event.into_iter().collect()).map_err(|error| error.to_string())
    }
}
