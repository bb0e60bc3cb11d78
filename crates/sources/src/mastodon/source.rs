use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Deletion, Event, MentionKey, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

use super::{
    MastodonSpec,
    position::{Position, Round, VERSION, digest, id_at, time_of},
    status::{PLATFORM, map},
    streaming::{Ear, Said, said_on_socket},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World, is_not_ahead,
    http::{
        Auth, Client, Cost, Fetched, HeaderLimits, Limit, QuotaPolicy, Request, ResetFormat, Secret, Share, Spend, Window,
        is_about_the_request,
    },
    pace::Pace,
    registry::Clock,
};

/// The most that the API gives of a timeline.
const PER_PAGE: usize = 40;
/// No smaller share is read.
const LEAST: f64 = 1e-4;
/// The most that are checked by one request: nobody needs a token for so many.
const PER_CHECK: usize = 20;

pub(super) struct MastodonSource {
    pub(super) spec: Arc<MastodonSpec>,
    pub(super) world: World,
    pub(super) clock: Arc<dyn Clock>,
    client: Option<Client>,
    pace: Pace,
    /// False on instances that have no call for it.
    can_check: bool,
    /// Hashtags that are refused, and why.
    refused: BTreeMap<String, String>,
    /// Accounts whose followers can not be counted, and why.
    pub(super) uncounted: BTreeMap<String, String>,
    pub(super) token: Option<Secret>,
    /// Where streaming is wanted.
    pub(super) ear: Option<Ear>,
    /// When the last round began.
    began: Option<Timestamp>,
}

/// What one poll gathers.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) events: Vec<Event>,
    pub(super) rejected: Vec<Rejected>,
}

pub(super) fn policy(spend: Option<Spend>) -> QuotaPolicy {
    let five_minutes = Window::Rolling(SignedDuration::from_mins(5));
    QuotaPolicy {
        limits: vec![Limit { amount: 300, window: five_minutes, only: None }],
        headers: Some(HeaderLimits {
            remaining: "x-ratelimit-remaining".to_owned(),
            reset: "x-ratelimit-reset".to_owned(),
            format: ResetFormat::Iso,
            bucket: None,
        }),
        spend,
        ..QuotaPolicy::default()
    }
}

/// The time that a full page lies in.
struct Span {
    min_id: u64,
    newest: u64,
    /// Behind this, nothing is there yet.
    until: Timestamp,
}

impl Span {
    fn read(&self) -> SignedDuration {
        time_of(self.newest).duration_since(time_of(self.min_id))
    }

    /// The share of what is there that can be paid, where the page had so many: what waits is not in the rate of what was read.
    fn bearable(&self, records: usize, affordable: u64) -> f64 {
        let length = self.until.duration_since(time_of(self.min_id)).as_secs_f64();
        let expected = records as f64 * length / self.read().as_secs_f64().max(1.0);
        if expected > 0.0 { affordable as f64 / expected } else { 1.0 }
    }

    /// Up to when the page may stand for all that is there, and the share of that time which it read.
    fn sampled(&self, rate: f64) -> Option<(Timestamp, f64)> {
        let (from, read) = (time_of(self.min_id), self.read());
        let length = SignedDuration::try_from_secs_f64(read.as_secs_f64() / rate).ok()?;
        // As exact as an id, which is where the next page begins.
        let until = time_of(id_at(from.saturating_add(length).ok()?.min(self.until)));
        let rate = read.as_secs_f64() / until.duration_since(from).as_secs_f64();
        (0.0..1.0).contains(&rate).then_some((until, rate))
    }
}

impl MastodonSource {
    pub(super) fn new(spec: Arc<MastodonSpec>, world: &World) -> Self {
        let pace = Pace::new(spec.interval);
        let ear = spec.streaming.clone().map(|address| Ear::new(address, spec.hashtags.clone()));
        let (world, clock) = (world.clone(), world.clock.clone());
        let (refused, uncounted) = (BTreeMap::new(), BTreeMap::new());
        Self { spec, world, clock, client: None, pace, can_check: true, refused, uncounted, token: None, ear, began: None }
    }

    /// The secret is read when it is needed first.
    pub(super) fn client(&mut self) -> Result<&mut Client, SourceError> {
        if self.client.is_none() {
            self.token = self.spec.token.as_ref().map(|place| place.read(&self.world)).transpose()?;
            let auth = self.token.clone().map_or(Auth::None, Auth::Bearer);
            self.client = Some(Client::new(&self.world, auth, policy(self.spec.spend.clone())));
        }
        self.client.as_mut().ok_or_else(|| SourceError::Config("there is no client".to_owned()))
    }

    pub(super) async fn get(&mut self, path: &[&str], query: &[(&str, String)]) -> Result<Value, SourceError> {
        let mut url: Url = self.spec.instance.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        match self.client()?.get_json(&Request::get(url), &Cost::default()).await? {
            Fetched::Json { value, .. } => Ok(value),
            Fetched::Unchanged => Err(SourceError::Transient(format!("{PLATFORM}: an unasked 304"))),
        }
    }

    /// Takes in a status. What can not be mapped is rejected once, however often it is read.
    pub(super) fn take(&self, status: &Value, position: &mut Position, into: &mut Gathered) {
        let now = self.clock.now();
        let reason = match (id_of(status), map(status, self.spec.host(), now)) {
            (Some(id), Ok(mention)) => return into.events.extend(position.take(id, mention)),
            (_, Err(error)) => error.to_string(),
            (None, Ok(_)) => "a status whose id is no number".to_owned(),
        };
        let raw = status.to_string();
        let id = status.get("id").and_then(Value::as_str);
        if position.refuse(id.unwrap_or(&raw), &reason, now) {
            let place = id.map_or_else(|| format!("status {}", digest(&raw, 16)), |id| format!("status {id}"));
            into.rejected.push(Rejected { place, reason, raw: raw.into_bytes() });
        }
    }

    /// Reads a page of the hashtag at hand. Those that are refused are passed over, unless all are.
    async fn read(
        &mut self,
        round: &mut Round,
        position: &mut Position,
        into: &mut Gathered,
    ) -> Result<(), SourceError> {
        while let Some(tag) = round.left.last().cloned() {
            match self.read_hashtag(&tag, round, position, into).await {
                Err(error) if is_about_the_request(&error) => {
                    round.refused += 1;
                    if round.refused >= self.spec.hashtags.len() {
                        return Err(error);
                    }
                    tracing::warn!("source {}: #{tag} is refused: {error}", self.spec.name);
                    self.refused.insert(tag, error.to_string());
                    (round.min_id, _) = (None, round.left.pop());
                }
                read => return read,
            }
        }
        Ok(())
    }

    async fn read_hashtag(
        &mut self,
        tag: &str,
        round: &mut Round,
        position: &mut Position,
        into: &mut Gathered,
    ) -> Result<(), SourceError> {
        let share = self.client()?.share().some()?;
        let from = match position.read_at.get(tag) {
            // What is passed over is not read in the overlap either.
            Some(read_at) if share.rate() < 1.0 => *read_at,
            Some(read_at) => (*read_at - self.spec.lateness).max(position.passed_to(tag)),
            None => round.began - self.spec.backfill,
        };
        let min_id = round.min_id.unwrap_or_else(|| id_at(from));
        let query = [("limit", PER_PAGE.to_string()), ("min_id", min_id.to_string())];
        let page = self.get(&["timelines", "tag", tag], &query).await?;
        let Some(statuses) = page.as_array() else {
            return Err(SourceError::Transient(format!("{PLATFORM}: the timeline of #{tag} is no list")));
        };
        self.refused.remove(tag);
        let before = into.events.len();
        // The newest stands first, and is given last.
        statuses.iter().rev().for_each(|status| self.take(status, position, into));
        let newest = statuses.iter().filter_map(id_of).max().filter(|newest| *newest > min_id);
        let is_full = statuses.len() >= PER_PAGE;
        let span = newest.map(|newest| Span { min_id, newest, until: round.began }).filter(|_| is_full);
        let passed = self.weigh(share, span, &mut into.events, before)?;
        if passed > 0 {
            position.passed.insert(tag.to_owned(), time_of(passed));
        }
        // What is newer than the round is the next one's: where reading has to wait, a round would never end.
        match newest.filter(|newest| time_of(*newest) < round.began) {
            Some(newest) => round.min_id = Some(newest.max(passed)),
            None => {
                position.read_at.insert(tag.to_owned(), round.began);
                (round.min_id, _) = (None, round.left.pop());
            }
        }
        Ok(())
    }

    /// Counts what a page gave. Where a share is read, the page stands for a longer time than its own: gives the id up to
    /// which nothing is read.
    fn weigh(
        &mut self,
        share: Share,
        span: Option<Span>,
        events: &mut Vec<Event>,
        before: usize,
    ) -> Result<u64, SourceError> {
        let name = self.spec.name.clone();
        let client = self.client()?;
        let mut upserts: Vec<_> = events[before..]
            .iter_mut()
            .filter_map(|event| match event {
                Event::Upsert(mention) => Some(mention),
                _ => None,
            })
            .collect();
        let bearable = span.as_ref().map_or(1.0, |span| span.bearable(upserts.len(), client.affordable()));
        let share = share.rate().min(bearable).max(LEAST);
        let Some((until, rate)) = span.as_ref().filter(|_| share < 1.0).and_then(|span| span.sampled(share)) else {
            client.spent_of(upserts.len() as u64, 1.0);
            return Ok(0);
        };
        upserts.iter_mut().for_each(|mention| mention.weight = Share::Part(rate).weight());
        client.spent_of(upserts.len() as u64, rate);
        let from = span.map_or(until, |span| time_of(span.min_id));
        events.push(client.sampled(&name, (from, until), rate));
        Ok(id_at(until))
    }

    /// Checks posts that are due. False where none are.
    async fn check_posts(&mut self, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        let now = self.clock.now();
        let due = if self.can_check { position.due(now, self.spec.recheck, PER_CHECK) } else { Vec::new() };
        if due.is_empty() {
            return Ok(false);
        }
        let query: Vec<_> = due.iter().map(|id| ("id[]", id.to_string())).collect();
        let answer = match self.get(&["statuses"], &query).await {
            Err(error) if !error.is_transient() => {
                tracing::warn!("source {}: posts are not checked for edits and deletion: {error}", self.spec.name);
                self.can_check = false;
                return Ok(false);
            }
            answer => answer?,
        };
        let statuses = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        statuses.iter().for_each(|status| self.take(status, position, into));
        let found: Vec<u64> = statuses.iter().filter_map(id_of).collect();
        for id in due.iter().filter(|id| !found.contains(id)) {
            self.check_alone(*id, position, into).await?;
        }
        position.checked(&due, now);
        Ok(true)
    }

    /// A post that was not among those that were asked for may be gone, or hidden for a moment.
    async fn check_alone(&mut self, id: u64, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        match self.get(&["statuses", &id.to_string()], &[]).await {
            Ok(status) => self.take(&status, position, into),
            Err(SourceError::Gone(_)) => {
                position.known.remove(&id);
                let key = MentionKey::new(PLATFORM, self.spec.host(), id.to_string());
                into.events.push(Event::Delete(Deletion { key, observed_at: self.clock.now() }));
            }
            Err(error) if error.is_transient() => return Err(error),
            // This post is not shown to us. Whether the token is still good, the hashtags tell.
            Err(error) => tracing::info!("source {}: status {id} is not checked: {error}", self.spec.name),
        }
        Ok(())
    }

    fn begin(&self, position: &mut Position) -> Round {
        position.keep(&self.spec.hashtags);
        let left = self.spec.hashtags.iter().rev().cloned().collect();
        Round { began: self.clock.now(), left, min_id: None, refused: 0 }
    }

    fn end(&mut self, round: &Round, position: &mut Position) {
        let began = round.began;
        self.began = Some(began);
        if round.refused == 0 {
            position.complete = position.complete.max(Some(began - self.spec.lateness));
        }
        // What the next round reads again has to be known then.
        let kept = self.spec.recheck.max(self.spec.lateness + self.spec.interval).max(self.spec.backfill);
        position.forget(began - kept);
    }
}

impl MastodonSource {
    /// One step of a round. False where nothing was left to do.
    async fn step(&mut self, round: &mut Round, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        if !round.left.is_empty() {
            self.read(round, position, into).await?;
            return Ok(true);
        }
        if self.check_posts(position, into).await? {
            return Ok(true);
        }
        self.count(position, into).await?;
        Ok(false)
    }

    /// Between two rounds.
    async fn rest(&mut self, mut position: Position, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut gathered = Gathered::default();
        match self.ear.is_some() {
            true => self.hear(&mut position, &mut gathered).await?,
            false => self.pace.rest(&*self.clock, cursor).await,
        }
        let page = page(&position, gathered)?;
        if let Some(began) = self.began {
            self.pace.gave(began, &page);
        }
        Ok(page)
    }
}

fn id_of(status: &Value) -> Option<u64> {
    status.get("id")?.as_str()?.parse().ok()
}

fn page(position: &Position, gathered: Gathered) -> Result<Page, SourceError> {
    let Gathered { events, rejected } = gathered;
    let state = if position.round.is_some() { Progress::Behind } else { Progress::CaughtUp };
    Ok(Page { events, rejected, cursor: Cursor::of(VERSION, position)?, complete_through: position.complete, state })
}

#[async_trait]
impl Source for MastodonSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let Some(tag) = self.spec.hashtags.first().cloned() else { return Ok(()) };
        self.get(&["timelines", "tag", &tag], &[("limit", "1".to_owned())]).await.map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        is_not_ahead(position.read_at.values().max().copied(), self.clock.now())?;
        if position.round.is_none() && !self.pace.is_due_at(self.clock.now(), cursor) {
            return self.rest(position, cursor).await;
        }
        let mut round = position.round.take().unwrap_or_else(|| self.begin(&mut position));
        let (mut gathered, began) = (Gathered::default(), round.began);
        match self.step(&mut round, &mut position, &mut gathered).await? {
            true => position.round = Some(round),
            false => self.end(&round, &mut position),
        }
        let page = page(&position, gathered)?;
        self.pace.gave(began, &page);
        Ok(page)
    }

    fn notice(&self) -> Option<String> {
        let refused = self.refused.iter().map(|(tag, reason)| format!("#{tag} is refused: {reason}"));
        let uncounted = self.uncounted.iter();
        let uncounted = uncounted.map(|(name, reason)| format!("the account {name:?} is not found: {reason}"));
        let streaming = self.ear.as_ref().and_then(Ear::problem).map(str::to_owned);
        let words: Vec<String> = refused.chain(uncounted).chain(streaming).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.client.as_ref()?.allowance()
    }

    /// The token may not be there yet: then the first poll says so.
    fn resume(&mut self, saved: &Value) {
        if let Ok(client) = self.client() {
            client.resume(saved);
        }
    }

    fn usage(&self) -> Usage {
        self.client.as_ref().map(Client::usage).unwrap_or_default()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let status: Value = serde_json::from_slice(raw).map_err(|error| format!("the status is no JSON: {error}"))?;
        let streamed = || match said_on_socket(std::str::from_utf8(raw).ok()?) {
            Ok(Said::Status(status)) => Some(status),
            _ => None,
        };
        let status = streamed().unwrap_or(status);
        let mention = map(&status, self.spec.host(), observed_at).map_err(|error| error.to_string())?;
        Ok(vec![Event::Upsert(Box::new(mention))])
    }
}
