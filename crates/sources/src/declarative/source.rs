//! Reads the listings of a definition: one request a poll.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Event, Gap, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::{
    DeclarativeSpec, auth,
    definition::{Listing, Pace},
    map::{Gives, Origin},
    paging::Answer,
    part::{Part, Read},
    partition::{PartitionRef, partitions},
    reading::{Became, Reader, of_token},
    request::{Asked, IDS},
    state::{Bearable, Partition, State},
    take::{ReadFor, Taking},
    turns::{Known, Task, Turn, Turns},
};
use crate::{
    Cursor, Page, Progress, Source, SourceError, World,
    http::{Client, Fetched, Request, Response, without_parameter},
};

/// Fingerprints that a cursor holds, over all partitions, beside those of what will be read again.
const MOST_RECENT: usize = 2_000;

pub(crate) struct DeclarativeSource {
    spec: Arc<DeclarativeSpec>,
    world: World,
    client: Option<Client>,
    /// What an earlier life had counted of the quota, until there is a client.
    allowance: Option<Value>,
    partitions: Vec<PartitionRef>,
    turns: Turns,
    /// The listing whose paging led back to what was read last: its name, when, and from when on it had read.
    circled: Option<(String, Timestamp, Timestamp)>,
}

/// How long it is said that a listing's paging led back.
const TOLD: SignedDuration = SignedDuration::from_hours(24);

/// What the platform answered.
struct Answered {
    /// The token of the page that was asked for.
    page: Option<String>,
    value: Value,
    response: Response,
}

/// What came of a question.
enum Step {
    Page(Answered),
    /// The record of another listing that it was read for is not known any more.
    Gone,
    /// These were asked for again. Without an answer, the platform does not know the one that was.
    Recheck(Vec<String>, Option<Answered>),
}

impl DeclarativeSource {
    pub(crate) fn new(spec: Arc<DeclarativeSpec>, world: World) -> Self {
        let partitions = partitions(&spec.definition, &spec.values);
        let turns = Turns::new(&spec.definition, &partitions);
        Self { spec, world, client: None, allowance: None, partitions, turns, circled: None }
    }

    fn pace(&self, listing: &Listing) -> Pace {
        let (all, own, values) = (self.spec.definition.poll, listing.pace, &self.spec.values);
        // Accounts have a pace of their own.
        let wanted = values.every.filter(|_| listing.gives() != Gives::Account);
        Pace {
            every: wanted.or(own.every).unwrap_or(all.every),
            backfill: values.backfill.or(own.backfill).unwrap_or(all.backfill),
            look_back: own.look_back.unwrap_or(all.look_back),
            lateness: own.lateness.unwrap_or(all.lateness),
        }
    }

    fn listing(&self, partition: &PartitionRef) -> &Listing {
        &self.spec.definition.listings[partition.listing]
    }

    /// Made when it is needed, as it reads the secret.
    fn client(&mut self) -> Result<&mut Client, SourceError> {
        let client = match self.client.take() {
            Some(client) => client,
            None => {
                let (definition, values) = (&self.spec.definition, &self.spec.values);
                let auth = auth::auth(&definition.auth, values, &self.world)?;
                let mut client = Client::new(&self.world, auth, definition.quota.clone());
                if let Some(saved) = self.allowance.take() {
                    client.resume(&saved);
                }
                client.with_rules(definition.errors.clone())
            }
        };
        Ok(self.client.insert(client))
    }

    fn known<T>(&self, state: &State, now: Timestamp, with: impl FnOnce(Known<'_>) -> T) -> T {
        let every = |listing: &Listing| self.pace(listing).every;
        with(Known { definition: &self.spec.definition, partitions: &self.partitions, state, every: &every, now })
    }

    fn next(&self, state: &State, now: Timestamp) -> Option<Turn> {
        self.known(state, now, |known| self.turns.next(known))
    }

    /// The token of the page that comes next in this partition, and the request for it.
    fn question(
        &self,
        partition: &PartitionRef,
        known: &mut Partition,
        bearable: Option<Bearable>,
    ) -> Result<(Option<String>, Request), SourceError> {
        let (listing, now) = (self.listing(partition), self.world.clock.now());
        let (page, since) = known.ask(now, &self.pace(listing), listing, bearable);
        let children = known.children.lists();
        let partition = partition.of_children(listing, &children);
        let lists = self.lists(children);
        let wanted = Wanted { page: page.as_deref(), since, until: now, lists: &lists };
        let request = request(listing, &partition, &wanted);
        request.map(|request| (page, request)).map_err(SourceError::Config)
    }

    /// What the spend cap bears, where there is one; an error that says when to come again where that is nothing.
    fn bearable(&mut self) -> Result<Option<Bearable>, SourceError> {
        if self.spec.definition.quota.spend.is_none() {
            return Ok(None);
        }
        let client = self.client()?;
        Ok(Some(Bearable { share: client.share().some()?, records: client.affordable() }))
    }

    /// Charges what an answer showed, and says of which span a part was read.
    fn charge(&mut self, read: Read, sampled: Option<Part>) -> Option<Event> {
        let client = self.client.as_mut()?;
        if read.records > 0 {
            client.spent_of(read.records, read.rate());
        }
        sampled.map(|part| client.sampled(&self.spec.name, (part.from, part.to), part.rate))
    }

    /// The lists among the settings, and others.
    fn lists(&self, others: BTreeMap<String, Vec<String>>) -> BTreeMap<String, Vec<String>> {
        let mut lists = self.spec.values.lists.clone();
        lists.extend(others);
        lists
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

    async fn ask(&mut self, turn: &Turn, known: &mut Partition) -> Result<Step, SourceError> {
        let partition = self.partitions[turn.partition].clone();
        let (before, bearable) = (known.clone(), self.bearable()?);
        let asked = match turn.task {
            Task::Page => self.ask_page(&partition, known, bearable).await.map(Step::Page),
            Task::Recheck => self.ask_again(&partition, known).await,
        };
        match (asked, &self.listing(&partition).for_each) {
            (Err(SourceError::Gone(message)), Some(rule)) if turn.task == Task::Page => {
                tracing::warn!("source {}: {}: {message}; what it was read for is gone", self.spec.name, turn.key);
                let is_accident = known.child_is_gone(rule, self.world.clock.now());
                if is_accident { Ok(Step::Gone) } else { Err(SourceError::Gone(message)) }
            }
            (Err(error), _) => {
                *known = before;
                Err(error)
            }
            (asked, _) => asked,
        }
    }

    /// Asks for a page of this partition. A token that the platform does not know any more is given up.
    async fn ask_page(
        &mut self,
        partition: &PartitionRef,
        known: &mut Partition,
        bearable: Option<Bearable>,
    ) -> Result<Answered, SourceError> {
        let question = self.question(partition, known, bearable)?;
        match self.fetch(partition, question).await {
            Err(SourceError::Config(message) | SourceError::Gone(message)) if known.begin_anew() => {
                tracing::warn!("source {}: {message}; reading {} anew", self.spec.name, partition.key);
                let question = self.question(partition, known, bearable)?;
                self.fetch(partition, question).await
            }
            other => other,
        }
    }

    /// Asks for what was given before and is of an age to be read again.
    async fn ask_again(&mut self, partition: &PartitionRef, known: &mut Partition) -> Result<Step, SourceError> {
        let now = self.world.clock.now();
        let Some(rule) = self.listing(partition).recheck.as_ref() else { return Ok(Step::Recheck(Vec::new(), None)) };
        let (batch, tokens) = (rule.batch, known.recheck.due(&rule.plan, now, rule.batch));
        let ids = tokens.iter().map(|token| of_token(token).0.to_owned()).collect();
        let lists = self.lists([(IDS.to_owned(), ids)].into());
        let since = now.saturating_sub(rule.plan.oldest()).unwrap_or(now);
        let asked = Asked { names: &partition.names, lists: &lists, page: None, since, until: now };
        let request = rule.request.fill(&asked).map_err(SourceError::Config)?;
        match self.fetch(partition, (None, request)).await {
            Ok(answered) => Ok(Step::Recheck(tokens, Some(answered))),
            Err(SourceError::Gone(_)) if batch == 1 => Ok(Step::Recheck(tokens, None)),
            Err(error) => Err(error),
        }
    }

    fn page(&mut self, mut state: State, turn: &Turn, known: Partition, step: Step) -> Page {
        let (now, spec) = (self.world.clock.now(), self.spec.clone());
        let listing = &spec.definition.listings[self.partitions[turn.partition].listing];
        let partition = self.asked_partition(turn, &known);
        let mut taking = Taking {
            source: &spec.name,
            listing,
            partition: &partition,
            read_for: self.read_for(turn.partition, listing),
            now,
            state: std::mem::take(&mut state),
            known,
            events: Vec::new(),
            rejected: Vec::new(),
            read: Read::default(),
            sampled: None,
        };
        self.take(&mut taking, step);
        let Taking { state: others, mut known, mut events, rejected, read, sampled, .. } = taking;
        events.extend(self.charge(read, sampled));
        let circled = known.circled.take().map(|read_from| (turn.key.clone(), now, read_from));
        self.circled = circled.or(self.circled.take());
        known.recent.keep((MOST_RECENT / self.partitions.len().max(1)).max(20) + known.recheck.len());
        state = others;
        state.last = turn.key.clone();
        state.partitions.insert(partition.key.clone(), known);
        Page { events, rejected, ..self.resting_page(state, now) }
    }

    fn take(&self, taking: &mut Taking<'_>, step: Step) {
        let (listing, partition) = (taking.listing, taking.partition);
        let reader = |at: Timestamp| {
            Reader::of_page(listing, partition, self.origin(partition, at)).keeping_raw(self.spec.values.keep_raw)
        };
        match step {
            Step::Gone => {}
            Step::Page(Answered { page, value, response }) => {
                let reader = reader(response.at);
                let records = reader.records(&value);
                taking.also(records.iter().filter_map(|record| reader.also(record)).collect());
                let shown = records.iter().map(|record| reader.read(record)).collect();
                let answer = Answer { body: &value, response: &response, records: &records };
                let next = listing.pager.next(page.as_deref(), &answer);
                taking.page(shown, next.map(|next| self.without_secret(listing, next)), &self.pace(listing));
            }
            Step::Recheck(tokens, answered) => {
                let (value, at) = answered.map_or((Value::Null, taking.now), |it| (it.value, it.response.at));
                let reader = reader(at).of_recheck();
                let records = reader.records(&value);
                taking.also(records.iter().filter_map(|record| reader.also(record)).collect());
                let shown = records.into_iter().map(|record| reader.read(record)).collect();
                taking.again(&tokens, shown, &reader.origin);
            }
        }
    }

    /// With the records of another listing that it is read for, where those stand in its request.
    fn asked_partition(&self, turn: &Turn, known: &Partition) -> PartitionRef {
        let partition = &self.partitions[turn.partition];
        match turn.task {
            Task::Page => partition.of_children(self.listing(partition), &known.children.lists()),
            Task::Recheck => partition.clone(),
        }
    }

    fn read_for<'a>(&'a self, partition: usize, listing: &Listing) -> Vec<ReadFor<'a>> {
        let own = self.pace(listing).lateness;
        let of = |child: &usize| {
            let partition = &self.partitions[*child];
            let child = self.listing(partition);
            let later = self.pace(child).lateness.saturating_sub(own).max(SignedDuration::ZERO);
            Some(ReadFor { key: &partition.key, rule: child.for_each.as_ref()?, later })
        };
        self.turns.children(partition).iter().filter_map(of).collect()
    }

    /// A token goes into the checkpoint, so the secret must not stand in it: platforms repeat what they were asked with.
    fn without_secret(&self, listing: &Listing, next: String) -> String {
        if !listing.pager.is_address() {
            return next;
        }
        auth::secret_parameters(&self.spec.definition.auth).fold(next, |next, name| without_parameter(&next, name))
    }

    fn origin<'a>(&'a self, partition: &'a PartitionRef, observed_at: Timestamp) -> Origin<'a> {
        Origin { platform: &self.spec.definition.platform, names: &partition.names, observed_at }
    }

    /// A page without events: how far all partitions are that give mentions, and whether one waits.
    fn resting_page(&self, mut state: State, now: Timestamp) -> Page {
        state.partitions.retain(|key, _| self.partitions.iter().any(|partition| partition.key == *key));
        let give = self.partitions.iter().filter(|partition| self.listing(partition).gives() == Gives::Mention);
        let through = give.map(|partition| state.partitions.get(&partition.key)?.through);
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

/// An address that the platform gave stays at the host that the definition names: it gets the secret.
fn request(listing: &Listing, partition: &PartitionRef, wanted: &Wanted<'_>) -> Result<Request, String> {
    let (page, mut names) = (wanted.page.map(|page| listing.pager.split(page)), partition.names.clone());
    let page = page.map(|(page, parts)| {
        names.extend(parts);
        page
    });
    let Wanted { since, until, .. } = *wanted;
    let asked = Asked { names: &names, lists: wanted.lists, page: page.as_deref(), since, until };
    let first = listing.request.fill(&asked)?;
    let Some(page) = wanted.page.filter(|_| listing.pager.is_address()) else { return Ok(first) };
    let next: Url = first.url.join(page).map_err(|error| format!("the next page's address is none: {error}"))?;
    if next.origin() != first.url.origin() {
        let (here, there) = (first.url.origin().ascii_serialization(), next.origin().ascii_serialization());
        return Err(format!("the next page lies at {there}, not at {here}: set the address that it really has"));
    }
    listing.request.at(next, &asked)
}

/// The page that is asked for next.
struct Wanted<'a> {
    page: Option<&'a str>,
    since: Timestamp,
    until: Timestamp,
    lists: &'a BTreeMap<String, Vec<String>>,
}

#[async_trait]
impl Source for DeclarativeSource {
    /// A listing that is read for another's records is not asked: there is none yet.
    async fn check(&mut self) -> Result<(), SourceError> {
        let mut checked = None;
        for partition in self.partitions.clone() {
            let is_new = checked.replace(partition.listing) != Some(partition.listing);
            if is_new && self.listing(&partition).for_each.is_none() {
                let question = self.question(&partition, &mut Partition::default(), None)?;
                self.fetch(&partition, question).await?;
            }
        }
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let now = self.world.clock.now();
        let (mut state, mut gap) = self.state(cursor, now);
        while let Some(turn) = self.next(&state, self.world.clock.now()) {
            let key = self.partitions[turn.partition].key.clone();
            let mut known = state.partitions.remove(&key).unwrap_or_default();
            match self.ask(&turn, &mut known).await {
                Ok(step) => {
                    self.turns.works(&turn);
                    let mut page = self.page(state, &turn, known, step);
                    page.events.splice(0..0, gap.take());
                    return Ok(page);
                }
                Err(error) => {
                    state.partitions.insert(key, known);
                    state.last = turn.key.clone();
                    let rest = self.turns.rest(&turn, error, self.world.clock.now());
                    let (error, until) = (&rest.error, rest.until);
                    tracing::warn!("source {}: {}: {error}; it rests until {until}", self.spec.name, turn.key);
                }
            }
        }
        let failure = self.known(&state, self.world.clock.now(), |known| self.turns.failure(known));
        match failure {
            Some(error) => Err(error),
            None => Ok(Page { events: gap.into_iter().collect(), ..self.resting_page(state, now) }),
        }
    }

    fn notice(&self) -> Option<String> {
        let now = self.world.clock.now();
        let failing = self.turns.failing(now).next().map(|(turn, rest)| {
            let all = self.turns.failing(now).count();
            let more = if all > 1 { format!("; {} more listings are not read", all - 1) } else { String::new() };
            format!("{} is not read until {}: {}{more}", turn.key, rest.until, rest.error)
        });
        let token = || self.client.as_ref()?.notice();
        let circled = self.circled.as_ref().filter(|(_, at, _)| now.duration_since(*at) < TOLD);
        let circled = circled.map(|(key, at, from)| {
            format!(
                "{key}: at {at:.0} the platform said that more follows and led back to a page that was read; what was \
                 written before {from:.0} may be missing: check `paging`"
            )
        });
        let said: Vec<String> = failing.or_else(token).into_iter().chain(circled).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.client.as_ref().map_or_else(|| self.allowance.clone(), Client::allowance)
    }

    fn resume(&mut self, saved: &Value) {
        match &mut self.client {
            Some(client) => client.resume(saved),
            None => self.allowance = Some(saved.clone()),
        }
    }

    fn usage(&self) -> Usage {
        self.client.as_ref().map(Client::usage).unwrap_or_default()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let piece: Value = serde_json::from_slice(raw).map_err(|error| format!("the piece is not JSON: {error}"))?;
        let each: BTreeMap<String, String> = serde_json::from_value(piece["each"].clone()).unwrap_or_default();
        let is_its = |partition: &&PartitionRef| {
            json!(self.listing(partition).name) == piece["listing"]
                && partition.each.iter().all(|(hole, value)| each.get(hole) == Some(value))
        };
        let partition = self.partitions.iter().find(is_its).ok_or("the settings have no such listing any more")?;
        let listing = self.listing(partition);
        let partition = partition.with(listing, each);
        let reader = Reader::of_page(listing, &partition, self.origin(&partition, observed_at));
        let reader = reader.keeping_raw(self.spec.values.keep_raw);
        let mut events = Vec::new();
        for shown in [Some(reader.read(&piece["record"])), reader.also(&piece["record"])].into_iter().flatten() {
            match shown.became {
                Became::Event(event) => events.push(*event),
                Became::Rejected(rejected) => return Err(rejected.reason),
                Became::Noted | Became::Skipped => {}
            }
        }
        Ok(events)
    }
}
