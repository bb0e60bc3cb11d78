//! Reads the listings of a definition: one request a poll.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Event, Gap};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::{
    DeclarativeSpec,
    definition::{AuthRule, Listing, Pace},
    map::{Mapped, Origin},
    paging::Answer,
    partition::{PartitionRef, partitions},
    request::Asked,
    state::{Partition, Seen, State},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    http::{Auth, Client, Fetched, Request, Response, header::HeaderName, without_parameter},
};

/// How long a partition rests after it failed, when others can be read meanwhile; it doubles with each further time.
const REST: SignedDuration = SignedDuration::from_secs(15);
const LONGEST_REST: SignedDuration = SignedDuration::from_mins(15);
/// The same for a failure that does not pass by itself, such as a repository that was deleted: a person may have to act.
const LASTING_REST: SignedDuration = SignedDuration::from_hours(1);
const LONGEST_LASTING_REST: SignedDuration = SignedDuration::from_hours(24);
/// Fingerprints that a cursor holds, over all partitions.
const MOST_RECENT: usize = 2_000;

pub(crate) struct DeclarativeSource {
    spec: Arc<DeclarativeSpec>,
    world: World,
    client: Option<Client>,
    partitions: Vec<PartitionRef>,
    resting: HashMap<String, Rest>,
}

/// Why a partition is left alone for a while.
struct Rest {
    until: Timestamp,
    /// How often in a row it failed before for as long.
    times: u32,
    error: SourceError,
}

impl DeclarativeSource {
    pub(crate) fn new(spec: Arc<DeclarativeSpec>, world: World) -> Self {
        let partitions = partitions(&spec.definition, &spec.values);
        Self { spec, world, client: None, partitions, resting: HashMap::new() }
    }

    fn pace(&self, listing: &Listing) -> Pace {
        let mut pace = self.spec.definition.poll;
        pace.every = self.spec.values.every.or(listing.every).unwrap_or(pace.every);
        pace.lateness = listing.lateness.unwrap_or(pace.lateness);
        pace.backfill = self.spec.values.backfill.unwrap_or(pace.backfill);
        pace
    }

    fn listing(&self, partition: &PartitionRef) -> &Listing {
        &self.spec.definition.listings[partition.listing]
    }

    /// Made when it is needed, as it reads the secret.
    fn client(&mut self) -> Result<&mut Client, SourceError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => {
                let definition = &self.spec.definition;
                let client = Client::new(&self.world, self.auth()?, definition.quota.clone());
                client.with_rules(definition.errors.clone())
            }
        };
        Ok(self.client.insert(client))
    }

    fn auth(&self) -> Result<Auth, SourceError> {
        let (definition, values) = (&self.spec.definition, &self.spec.values);
        let Some(rule) = &definition.auth else { return Ok(Auth::None) };
        let Some(place) = values.secrets.get(rule.secret()) else { return Ok(Auth::None) };
        let secret = place.read(&self.world)?;
        Ok(match rule {
            AuthRule::Bearer { .. } => Auth::Bearer(secret),
            AuthRule::Basic { user, .. } => {
                Auth::Basic { user: values.names.get(user).cloned().unwrap_or_default(), password: secret }
            }
            AuthRule::Header { name, prefix, .. } => {
                let name = HeaderName::try_from(name)
                    .map_err(|_| SourceError::Config(format!("{name:?} is no name of a header: mend `auth.name`")))?;
                Auth::Header { name, prefix: prefix.clone(), value: secret }
            }
            AuthRule::Query { name, .. } => Auth::Query { name: name.clone(), value: secret },
        })
    }

    /// The next partition after the last one that is due and does not rest.
    fn next(&self, state: &State, now: Timestamp) -> Option<PartitionRef> {
        let is_wanted = |partition: &&PartitionRef| {
            let every = self.pace(self.listing(partition)).every;
            let due = state.partitions.get(&partition.key).map_or(Timestamp::MIN, |known| known.due(every));
            due <= now && self.resting.get(&partition.key).is_none_or(|rest| rest.until <= now)
        };
        let (before, after): (Vec<_>, Vec<_>) =
            self.partitions.iter().partition(|partition| partition.key <= state.last);
        after.into_iter().chain(before).find(is_wanted).cloned()
    }

    /// The token of the page that comes next in this partition, and the request for it.
    fn question(
        &self,
        partition: &PartitionRef,
        known: &mut Partition,
    ) -> Result<(Option<String>, Request), SourceError> {
        let listing = self.listing(partition);
        let (page, since) = known.ask(self.world.clock.now(), &self.pace(listing), listing);
        let wanted = Wanted { page: page.as_deref(), since, until: self.world.clock.now() };
        let request = request(listing, partition, &wanted);
        request.map(|request| (page, request)).map_err(SourceError::Config)
    }

    async fn fetch(
        &mut self,
        partition: &PartitionRef,
        (page, request): (Option<String>, Request),
    ) -> Result<Answered, SourceError> {
        let cost = self.spec.definition.cost(self.listing(partition));
        match self.client()?.get_json(&request, &cost).await? {
            Fetched::Json { value, response } => Ok(Answered { page, value, response }),
            // No validators were sent.
            Fetched::Unchanged => Err(SourceError::Transient(format!("{} answered 304 to nothing", request.place()))),
        }
    }

    /// Asks for a page of this partition. A token that the platform does not know any more is given up.
    async fn ask(&mut self, partition: &PartitionRef, known: &mut Partition) -> Result<Answered, SourceError> {
        let question = self.question(partition, known)?;
        match self.fetch(partition, question).await {
            Err(SourceError::Config(message) | SourceError::Gone(message)) if known.begin_anew() => {
                tracing::warn!("source {}: {message}; reading {} anew", self.spec.name, partition.key);
                let question = self.question(partition, known)?;
                self.fetch(partition, question).await
            }
            other => other,
        }
    }

    /// Leaves a partition alone that failed: for long where that does not pass by itself.
    fn rest(&mut self, partition: &PartitionRef, error: SourceError) {
        let now = self.world.clock.now();
        let error = match error {
            SourceError::Gone(message) => SourceError::Gone(format!("{}: {message}", partition.key)),
            other => other,
        };
        let before = self.resting.get(&partition.key);
        let before = before.filter(|rest| rest.error.is_transient() == error.is_transient());
        let times = before.map_or(0, |rest| rest.times + 1);
        let (first, longest) =
            if error.is_transient() { (REST, LONGEST_REST) } else { (LASTING_REST, LONGEST_LASTING_REST) };
        let own = first.saturating_mul(2_i32.saturating_pow(times.min(10))).min(longest);
        let until = match &error {
            SourceError::RateLimited { until, .. } => *until,
            _ => now.saturating_add(own).unwrap_or(now),
        };
        tracing::warn!("source {}: {}: {error}; it rests until {until}", self.spec.name, partition.key);
        self.resting.insert(partition.key.clone(), Rest { until, times, error });
    }

    /// The partitions that rest because they failed.
    fn failing(&self, now: Timestamp) -> impl Iterator<Item = (&PartitionRef, &Rest)> {
        let rests = self.partitions.iter().filter_map(|partition| Some((partition, self.resting.get(&partition.key)?)));
        rests.filter(move |(_, rest)| rest.until > now)
    }

    /// The error of a source of which every partition failed: the one that is over first, and one that does not pass by
    /// itself only where none does.
    fn failure(&self, now: Timestamp) -> Option<SourceError> {
        if self.failing(now).count() < self.partitions.len() {
            return None;
        }
        let first = self.failing(now).min_by_key(|(_, rest)| (!rest.error.is_transient(), rest.until));
        first.map(|(_, rest)| rest.error.clone())
    }

    fn page(&mut self, mut state: State, partition: &PartitionRef, mut known: Partition, answered: &Answered) -> Page {
        let (now, spec) = (self.world.clock.now(), self.spec.clone());
        let listing = &spec.definition.listings[partition.listing];
        let pace = self.pace(listing);
        let read = self.read(partition, answered);
        let mut events = Vec::new();
        for (event, position) in read.events {
            events.extend(known.recent.sift(event, position));
        }
        let rejected = read.rejected.into_iter().filter_map(|(rejected, position)| {
            known.recent.is_new(&rejected.raw, position.unwrap_or(now)).then_some(rejected)
        });
        let rejected = rejected.collect();
        let missed = known.saw(&read.seen, now, &pace, listing);
        known.recent.keep((MOST_RECENT / self.partitions.len().max(1)).max(20));
        if let Some(missed) = missed.filter(|missed| missed.from < missed.to) {
            let reason = format!("{}: the platform gives no page further back", partition.key);
            events.push(Event::Gap(Gap { source: spec.name.clone(), from: missed.from, to: missed.to, reason }));
        }
        state.last = partition.key.clone();
        state.partitions.insert(partition.key.clone(), known);
        Page { events, rejected, ..self.resting_page(state, now) }
    }

    fn read(&self, partition: &PartitionRef, answered: &Answered) -> Read {
        let listing = self.listing(partition);
        let records: Vec<&Value> = listing.records.iter().flat_map(|path| path.all(&answered.value)).collect();
        let answer = Answer { body: &answered.value, response: &answered.response, records: &records };
        let next = listing.pager.next(answered.page.as_deref(), &answer).map(|next| self.without_secret(listing, next));
        let origin = self.origin(partition, answered.response.at);
        let mut read = Read { seen: Seen { next, ..Seen::default() }, events: Vec::new(), rejected: Vec::new() };
        let mut ids = blake3::Hasher::new();
        for record in records {
            let position = listing.map.position(record, &origin);
            read.seen.newest = read.seen.newest.max(position);
            read.seen.last = position.or(read.seen.last);
            match listing.map.map(record, &origin) {
                Ok(Mapped::Event(event)) => {
                    ids.update(event.partition_key().unwrap_or_default().as_bytes());
                    read.events.push((self.with_raw(event, record), position));
                }
                Ok(Mapped::Skipped) => {}
                Err(reason) => {
                    let rejected = rejected(listing, partition, record, listing.map.id(record, &origin), reason);
                    read.rejected.push((rejected, position));
                }
            }
        }
        read.seen.is_empty = read.events.is_empty() && read.rejected.is_empty();
        read.seen.print = (!read.events.is_empty()).then(|| ids.finalize().to_hex()[..12].to_owned());
        read
    }

    /// A token goes into the checkpoint, so the secret must not stand in it: platforms repeat what they were asked with.
    fn without_secret(&self, listing: &Listing, next: String) -> String {
        match &self.spec.definition.auth {
            Some(AuthRule::Query { name, .. }) if listing.pager.is_address() => without_parameter(&next, name),
            _ => next,
        }
    }

    fn origin<'a>(&'a self, partition: &'a PartitionRef, observed_at: Timestamp) -> Origin<'a> {
        Origin { platform: &self.spec.definition.platform, names: &partition.names, observed_at }
    }

    fn with_raw(&self, mut event: Event, record: &Value) -> Event {
        if let (Event::Upsert(mention), true) = (&mut event, self.spec.values.keep_raw) {
            mention.raw = Some(record.to_string());
        }
        event
    }

    /// A page without events: how far all partitions are, and whether one waits.
    fn resting_page(&self, mut state: State, now: Timestamp) -> Page {
        state.partitions.retain(|key, _| self.partitions.iter().any(|partition| partition.key == *key));
        let through = self.partitions.iter().map(|partition| state.partitions.get(&partition.key)?.through);
        let complete_through = through.min().flatten();
        let progress = if self.next(&state, now).is_some() { Progress::Behind } else { Progress::CaughtUp };
        Page { events: Vec::new(), rejected: Vec::new(), cursor: state.cursor(), complete_through, state: progress }
    }

    /// The state of this cursor, or of none with a word about it.
    fn state(&self, cursor: Option<&Cursor>, now: Timestamp) -> (State, Option<Event>) {
        match State::of(cursor, now) {
            Ok(state) => (state, None),
            Err(reason) => {
                let backfill = self.spec.values.backfill.unwrap_or(self.spec.definition.poll.backfill);
                let from = now.saturating_sub(backfill).unwrap_or(now);
                let reason = format!("{reason}: reading anew from {from}");
                (State::default(), Some(Event::Gap(Gap { source: self.spec.name.clone(), from, to: from, reason })))
            }
        }
    }
}

/// What the platform answered to one page's token.
struct Answered {
    page: Option<String>,
    value: Value,
    response: Response,
}

/// What a page holds.
struct Read {
    seen: Seen,
    events: Vec<(Event, Option<Timestamp>)>,
    rejected: Vec<(Rejected, Option<Timestamp>)>,
}

/// It is named by its id, or by a hash where that can not be read: where it stands in the listing changes.
fn rejected(
    listing: &Listing,
    partition: &PartitionRef,
    record: &Value,
    id: Option<String>,
    reason: String,
) -> Rejected {
    let raw = json!({"listing": listing.name, "each": partition.each, "record": record}).to_string().into_bytes();
    let name = id.unwrap_or_else(|| format!("without an id, {}", &blake3::hash(&raw).to_hex()[..12]));
    Rejected { place: format!("{} record {name}", partition.key), reason, raw }
}

/// An address that the platform gave stays at the host that the definition names: it gets the secret.
fn request(listing: &Listing, partition: &PartitionRef, wanted: &Wanted<'_>) -> Result<Request, String> {
    let (page, mut names) = (wanted.page.map(|page| listing.pager.split(page)), partition.names.clone());
    let page = page.map(|(page, parts)| {
        names.extend(parts);
        page
    });
    let asked = Asked { names: &names, page: page.as_deref(), since: wanted.since, until: wanted.until };
    let first = listing.request.fill(&asked)?;
    let Some(page) = wanted.page.filter(|_| listing.pager.is_address()) else { return Ok(first) };
    let next: Url = first.url.join(page).map_err(|error| format!("the next page's address is none: {error}"))?;
    if next.origin() != first.url.origin() {
        let (here, there) = (first.url.origin().ascii_serialization(), next.origin().ascii_serialization());
        return Err(format!("the next page lies at {there}, not at {here}: set the address that it really has"));
    }
    listing.request.at(next, &names)
}

/// The page that is asked for next.
struct Wanted<'a> {
    page: Option<&'a str>,
    since: Timestamp,
    until: Timestamp,
}

#[async_trait]
impl Source for DeclarativeSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let mut checked = None;
        for partition in self.partitions.clone() {
            if checked.replace(partition.listing) != Some(partition.listing) {
                let question = self.question(&partition, &mut Partition::default())?;
                self.fetch(&partition, question).await?;
            }
        }
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let now = self.world.clock.now();
        let (mut state, mut gap) = self.state(cursor, now);
        while let Some(partition) = self.next(&state, self.world.clock.now()) {
            let mut known = state.partitions.remove(&partition.key).unwrap_or_default();
            let before = known.clone();
            match self.ask(&partition, &mut known).await {
                Ok(answered) => {
                    self.resting.remove(&partition.key);
                    let mut page = self.page(state, &partition, known, &answered);
                    page.events.splice(0..0, gap.take());
                    return Ok(page);
                }
                Err(error) => {
                    state.partitions.insert(partition.key.clone(), before);
                    state.last = partition.key.clone();
                    self.rest(&partition, error);
                }
            }
        }
        match self.failure(self.world.clock.now()) {
            Some(error) => Err(error),
            None => Ok(Page { events: gap.into_iter().collect(), ..self.resting_page(state, now) }),
        }
    }

    fn notice(&self) -> Option<String> {
        let (first, all) = (self.failing(self.world.clock.now()).next(), self.failing(self.world.clock.now()).count());
        let (partition, rest) = first?;
        let more = if all > 1 { format!("; {} more listings are not read", all - 1) } else { String::new() };
        Some(format!("{} is not read until {}: {}{more}", partition.key, rest.until, rest.error))
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let piece: Value = serde_json::from_slice(raw).map_err(|error| format!("the piece is not JSON: {error}"))?;
        let is_its = |partition: &&PartitionRef| {
            json!(self.listing(partition).name) == piece["listing"] && json!(partition.each) == piece["each"]
        };
        let partition = self.partitions.iter().find(is_its).ok_or("the settings have no such listing any more")?;
        match self.listing(partition).map.map(&piece["record"], &self.origin(partition, observed_at))? {
            Mapped::Event(event) => Ok(vec![self.with_raw(event, &piece["record"])]),
            Mapped::Skipped => Ok(Vec::new()),
        }
    }
}
