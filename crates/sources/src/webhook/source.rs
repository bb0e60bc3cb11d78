//! Takes deliveries, and answers them when the log has what they brought.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use grapevine_model::Event;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    WebhookSpec, body,
    definition::{Claimed, Read, key},
    position::{Position, VERSION},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    http::Secret,
    push::{Delivery, Inbox},
    rows::Noted,
};

/// How long a poll waits for a first delivery.
const WAIT: Duration = Duration::from_millis(500);
/// How many deliveries one page takes.
const MOST: usize = 100;
/// Platforms wait for ten seconds and more.
const ANSWER_WITHIN: Duration = Duration::from_secs(9);
/// For how long a refusal is worth telling.
const TOLD: SignedDuration = SignedDuration::from_hours(1);
const PLAIN: &str = "text/plain; charset=utf-8";

pub(super) struct Webhook {
    spec: Arc<WebhookSpec>,
    world: World,
    open: Option<Open>,
    /// Taken and not durable yet, in the order of their numbers.
    held: VecDeque<Held>,
    last: u64,
    refused: Option<Refusal>,
    noted: Noted,
}

struct Open {
    inbox: Inbox,
    secrets: Vec<Secret>,
    verify_token: Option<Secret>,
}

struct Held {
    number: u64,
    id: String,
    names: BTreeMap<String, String>,
    records: Vec<Claimed>,
    /// The bytes and why they can not be read.
    unreadable: Vec<(Vec<u8>, String)>,
    delivery: Delivery,
}

struct Refusal {
    count: u64,
    at: Timestamp,
    reason: String,
}

/// A record that was rejected, with what it needs to be mapped again.
#[derive(Serialize, Deserialize)]
struct Kept {
    rule: usize,
    names: BTreeMap<String, String>,
    record: Value,
}

impl Webhook {
    pub(super) fn new(spec: Arc<WebhookSpec>, world: World) -> Self {
        Self { spec, world, open: None, held: VecDeque::new(), last: 0, refused: None, noted: Noted::default() }
    }

    fn opened(&mut self) -> Result<&mut Open, SourceError> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let secrets = self.spec.secrets.iter().map(|place| place.read(&self.world)).collect::<Result<_, _>>()?;
                let verify_token = self.spec.verify_token.as_ref().map(|place| place.read(&self.world)).transpose()?;
                let inbox = self.world.hooks.open(self.spec.listen, &self.spec.path)?;
                inbox.answer_within(ANSWER_WITHIN);
                Open { inbox, secrets, verify_token }
            }
        };
        Ok(self.open.insert(open))
    }

    /// Waits for a first delivery, and takes what waits behind it. Each is kept as soon as it is here, so that nothing is
    /// lost when nobody waits for this any more.
    async fn receive(&mut self, position: &Position) -> Result<(), SourceError> {
        if self.held.is_empty() {
            let sleep = self.world.clock.sleep(WAIT);
            let open = self.opened()?;
            // What waits comes before the time is up, so that the same deliveries give the same pages.
            let first = tokio::select! {
                biased;
                first = open.inbox.next() => first,
                () = sleep => None,
            };
            if let Some(delivery) = first {
                self.take(delivery, position)?;
            }
        }
        while self.held.len() < MOST
            && let Some(delivery) = self.opened()?.inbox.try_next()
        {
            self.take(delivery, position)?;
        }
        Ok(())
    }

    /// Keeps a delivery, or answers it where it brings nothing.
    fn take(&mut self, delivery: Delivery, position: &Position) -> Result<(), SourceError> {
        let spec = self.spec.clone();
        let open = self.opened()?;
        if delivery.method == Method::GET {
            answer_challenge(&spec, open, delivery);
            return Ok(());
        }
        let id = spec.definition.delivery_id.as_ref().and_then(|name| delivery.header(name)).unwrap_or_default().to_owned();
        if let Err(reason) = spec.signature.verify(&open.secrets, &delivery, &id) {
            self.refuse(delivery, reason);
            return Ok(());
        }
        if position.has_seen(&id) {
            delivery.answer(200, PLAIN, "known");
            return Ok(());
        }
        let names = spec.definition.names(&delivery);
        let documents = body::read(delivery.header("content-type").unwrap_or_default(), &delivery.body);
        let claim = |document: &Value| match &spec.rows {
            Some(_) => body::records(document, &spec.each).into_iter().map(|record| Claimed { rule: 0, record }).collect(),
            None => spec.definition.claim(document, &names),
        };
        let records: Vec<Claimed> = documents.values.iter().flat_map(claim).collect();
        if records.is_empty() && documents.unreadable.is_empty() {
            delivery.answer(200, PLAIN, "nothing that is collected");
            return Ok(());
        }
        self.last = self.last.max(position.taken) + 1;
        self.held.push_back(Held { number: self.last, id, names, records, unreadable: documents.unreadable, delivery });
        Ok(())
    }

    fn refuse(&mut self, delivery: Delivery, reason: String) {
        tracing::warn!("source {}: a delivery was refused: {reason}", self.spec.name);
        let count = self.refused.as_ref().map_or(0, |refused| refused.count) + 1;
        self.refused = Some(Refusal { count, at: delivery.received_at, reason });
        delivery.answer(401, PLAIN, "the delivery is not signed as agreed");
    }

    fn page(&mut self, mut position: Position) -> Result<Page, SourceError> {
        let (mut events, mut rejected) = (Vec::new(), Vec::new());
        for held in &self.held {
            let place = format!("delivery {} of {}", if held.id.is_empty() { "without an id" } else { &held.id }, held.delivery.received_at);
            for (raw, reason) in &held.unreadable {
                rejected.push(Rejected { place: place.clone(), reason: reason.clone(), raw: raw.clone() });
            }
            for claimed in &held.records {
                match read(&self.spec, claimed, &held.names, held.delivery.received_at, &mut self.noted) {
                    Ok(found) => events.extend(found.into_iter().filter_map(|read| in_order(&self.spec.name, read, &mut position))),
                    Err(reason) => {
                        let kept = Kept { rule: claimed.rule, names: held.names.clone(), record: claimed.record.clone() };
                        let raw = serde_json::to_vec(&kept).unwrap_or_default();
                        rejected.push(Rejected { place: place.clone(), reason, raw });
                    }
                }
            }
            position.saw(&held.id);
            position.taken = position.taken.max(held.number);
        }
        let is_full = self.held.len() >= MOST;
        Ok(Page {
            events,
            rejected,
            cursor: Cursor::of(VERSION, &position)?,
            complete_through: (!is_full).then(|| self.world.clock.now() - self.spec.lateness),
            state: if is_full { Progress::Behind } else { Progress::CaughtUp },
        })
    }
}

/// The events of a record.
fn read(
    spec: &WebhookSpec,
    claimed: &Claimed,
    names: &BTreeMap<String, String>,
    received_at: Timestamp,
    noted: &mut Noted,
) -> Result<Vec<Read>, String> {
    if let Some(rows) = &spec.rows {
        let events = noted.take(rows.map(&claimed.record, received_at)?);
        return Ok(events.into_iter().map(|event| Read { event, version: received_at }).collect());
    }
    let mut found = spec.definition.map(claimed, names, received_at)?;
    if let Some(Read { event: Event::Upsert(mention), .. }) = &mut found
        && spec.keep_raw
    {
        mention.raw = Some(claimed.record.to_string());
    }
    Ok(found.into_iter().collect())
}

/// `None` where what the event is about was deleted since.
fn in_order(source: &str, read: Read, position: &mut Position) -> Option<Event> {
    match (&read.event, key(&read.event)) {
        (Event::Delete(deletion), _) => position.deleted(&deletion.key, deletion.observed_at),
        (Event::Upsert(_), Some(key)) if position.is_gone(key, read.version) => {
            tracing::info!("source {source}: {key} came behind its own deletion, and stays deleted");
            return None;
        }
        _ => {}
    }
    Some(read.event)
}

fn answer_challenge(spec: &WebhookSpec, open: &Open, delivery: Delivery) {
    let challenge = spec.definition.challenge.as_ref().zip(open.verify_token.as_ref());
    match challenge.map(|(challenge, token)| challenge.answer(&delivery.query, token)) {
        Some(Some(answer)) => delivery.answer(200, PLAIN, answer),
        Some(None) => delivery.answer(403, PLAIN, "the token is not the one that was agreed on"),
        None => delivery.answer(405, PLAIN, "this address takes what is posted to it"),
    }
}

#[async_trait]
impl Source for Webhook {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.opened().map(|_| ())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        // A platform that was answered 503 for want of an answer sends it again.
        self.held.retain(|held| held.delivery.is_waited_for());
        self.receive(&position).await?;
        self.page(position)
    }

    async fn settle(&mut self, cursor: &Cursor) -> Result<(), SourceError> {
        let position: Position = cursor.read(VERSION)?;
        while self.held.front().is_some_and(|held| held.number <= position.taken)
            && let Some(held) = self.held.pop_front()
        {
            held.delivery.answer(200, PLAIN, "taken");
        }
        Ok(())
    }

    fn notice(&self) -> Option<String> {
        let is_recent = |refused: &&Refusal| self.world.clock.now().duration_since(refused.at) < TOLD;
        let refused = self.refused.as_ref().filter(is_recent).map(|refused| {
            let Refusal { count, at, reason } = refused;
            let deliveries = if *count == 1 { "1 delivery was".to_owned() } else { format!("{count} deliveries were") };
            format!("{deliveries} refused, the last at {at}: {reason}")
        });
        let said: Vec<String> = refused.into_iter().chain(self.noted.notice()).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let unreadable = |_| "the body could not be read: let the platform send it again".to_owned();
        let Kept { rule, names, record } = serde_json::from_slice(raw).map_err(unreadable)?;
        let found = read(&self.spec, &Claimed { rule, record }, &names, observed_at, &mut Noted::default())?;
        Ok(found.into_iter().map(|read| read.event).collect())
    }
}
