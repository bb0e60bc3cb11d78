use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Deletion, Event, Usage};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    SlackSpec,
    api::Api,
    hook::{Incoming, Receiver, accept},
    map::{Context, MapError, Said, map, map_event, time, users},
    people::People,
    position::{Position, Round, VERSION, Version, key},
    workspace::Workspace,
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    json::{list, owned, text},
    pace,
    push::Delivery,
};

pub(super) struct SlackSource {
    pub(super) spec: Arc<SlackSpec>,
    world: World,
    pub(super) api: Api,
    pub(super) people: People,
    pub(super) workspace: Option<Workspace>,
    receiver: Option<Receiver>,
    /// This process has begun a round, or gone on with one.
    has_begun: bool,
    /// Nothing is asked before.
    not_before: Option<Timestamp>,
    /// Why a channel is not read, by its name; and what else a person should know.
    pub(super) notices: BTreeMap<String, String>,
}

/// A message of a list, or the envelope of an event, and the channel that it is about.
#[derive(Clone, Copy)]
struct Piece<'a> {
    raw: &'a Value,
    channel: &'a str,
    is_listed: bool,
}

impl<'a> Piece<'a> {
    /// The message in it: an edit carries it inside.
    fn message(self) -> &'a Value {
        if self.is_listed {
            return self.raw;
        }
        let event = &self.raw["event"];
        event.get("message").filter(|message| message.is_object()).unwrap_or(event)
    }

    fn map(self, context: &Context<'_>) -> Result<Said, MapError> {
        if self.is_listed { map(self.raw, context) } else { map_event(&self.raw["event"], context) }
    }
}

/// What a piece means; of a mention, which version of it that is.
type Meaning = Result<(Said, Version), MapError>;

/// What one poll gathers.
#[derive(Default)]
struct Gathered {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    /// How many were passed over, by the reason.
    skipped: BTreeMap<&'static str, u64>,
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.rejected.is_empty()
    }
}

impl SlackSource {
    pub(super) fn new(spec: Arc<SlackSpec>, world: &World) -> Self {
        Self {
            world: world.clone(),
            api: Api::new(&spec, world),
            people: spec.people.clone(),
            workspace: None,
            receiver: spec.hook.clone().map(Receiver::new),
            has_begun: false,
            not_before: None,
            notices: BTreeMap::new(),
            spec,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Names come from `people`.
    fn context<'a>(&'a self, piece: Piece<'a>, people: &'a People) -> Option<Context<'a>> {
        let workspace = self.workspace.as_ref()?;
        Some(Context {
            team: &workspace.team,
            address: workspace.address(),
            channel: piece.channel,
            channel_name: workspace.name(piece.channel),
            people,
            is_listed: piece.is_listed,
            observed_at: self.now(),
        })
    }

    /// What a piece means. Names are asked for where it says something new, and for nothing else: whoever begins again
    /// reads much that is known. Nothing where no workspace is known.
    async fn meaning(&mut self, piece: Piece<'_>, position: &Position) -> Result<Option<Meaning>, SourceError> {
        let nobody = People::default();
        let Some(plain) = self.context(piece, &nobody).map(|context| piece.map(&context)) else { return Ok(None) };
        let mut version = match &plain {
            Ok(Said::Mention(mention)) => Version::of(mention, edited(piece.message()), piece.is_listed),
            _ => return Ok(Some(plain.map(|said| (said, Version::default())))),
        };
        let is_news = matches!(&plain, Ok(Said::Mention(mention)) if position.is_news(&mention.key.native_id, &version));
        if is_news {
            version.is_named = match self.meet(users(piece.message())).await {
                // Slack waits for three seconds, and names can be learnt later.
                Err(error) if error.is_transient() && !piece.is_listed => false,
                met => met?,
            };
        }
        let said = self.context(piece, &self.people).map(|context| piece.map(&context));
        Ok(said.map(|said| said.map(|said| (said, version))))
    }

    /// With all that its mapping needs, so that it can be mapped again.
    fn rejected(&self, Piece { raw, channel, is_listed }: Piece<'_>, reason: String) -> Rejected {
        let place = text(raw, "ts").or_else(|| text(raw, "event_id")).unwrap_or("without an id");
        let raw = match &self.workspace {
            Some(workspace) => {
                json!({"team": workspace.team, "address": workspace.address(), "channel": channel,
                    "channel_name": workspace.name(channel),
                    (if is_listed { "message" } else { "event" }): if is_listed { raw } else { &raw["event"] }})
            }
            None => raw.clone(),
        };
        Rejected { place: format!("message {place}"), reason, raw: raw.to_string().into_bytes() }
    }

    /// Takes in what a message or an event means.
    fn take(&self, meaning: Meaning, piece: Piece<'_>, position: &mut Position, into: &mut Gathered) {
        let team = self.team();
        match meaning {
            Ok((Said::Mention(mention), version)) => into.events.extend(position.take(*mention, version)),
            Ok((Said::Deleted(id), _)) => {
                // The log may have it where the position does not: a process that ended between the two leaves that.
                into.events.extend(position.delete_unheard(key(&team, id), self.now()));
            }
            Ok((Said::Reaction { native_id, is_added }, _)) => {
                into.events.extend(position.react(key(&team, native_id), is_added, self.now()));
            }
            Ok((Said::Skipped(why), _)) => *into.skipped.entry(why).or_default() += 1,
            Err(error) => into.rejected.push(self.rejected(piece, error.to_string())),
        }
    }

    fn team(&self) -> String {
        self.workspace.as_ref().map(|workspace| workspace.team.clone()).unwrap_or_default()
    }

    /// One request of the round.
    async fn step(&mut self, round: &mut Round, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let Some((method, query)) = round.request(self.spec.page_size) else { return Ok(()) };
        let Some(channel) = round.left.last().map(|part| part.channel().to_owned()) else { return Ok(()) };
        let answer = match self.api.ask(method, &query).await {
            Ok(answer) => answer,
            Err(error) if error.is_transient() => return Err(error),
            Err(SourceError::Config(message)) if round.page.is_some() && message.contains("invalid_cursor") => {
                (round.page, round.seen) = (None, Vec::new());
                return Ok(());
            }
            Err(error) => {
                self.notices.insert(self.name(&channel), error.to_string());
                round.give_up();
                let nothing_is_read = round.left.is_empty() && round.read == 0;
                return if nothing_is_read { Err(error) } else { Ok(()) };
            }
        };
        for raw in list(&answer, "messages").iter().rev() {
            let piece = Piece { raw, channel: &channel, is_listed: true };
            let Some(meaning) = self.meaning(piece, position).await? else { return Ok(()) };
            self.take(meaning, piece, position, into);
        }
        self.notices.remove(&self.name(&channel));
        let team = self.team();
        let gone = round.turn(&answer, position, &self.spec);
        into.events.extend(gone.into_iter().filter_map(|id| position.delete(key(&team, id), self.now())));
        Ok(())
    }

    /// For people.
    fn name(&self, channel: &str) -> String {
        self.workspace.as_ref().map_or(channel, |known| known.name(channel)).to_owned()
    }

    /// What Slack sent since the last poll.
    async fn receive(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let Some(receiver) = &mut self.receiver else { return Ok(()) };
        let taken = receiver.take(&self.world)?;
        let saved = position.clone();
        for incoming in taken {
            match incoming {
                Incoming::HeldBack(delivery) => {
                    tracing::warn!("source {}: Slack held events back, as they were too many", self.spec.name);
                    position.owes_round = true;
                    self.hold(delivery);
                }
                Incoming::Broken(reason, delivery) => {
                    let raw = delivery.body.clone();
                    position.deliver(&blake3::hash(&raw).to_hex()[..16]);
                    into.rejected.push(Rejected { place: "a delivery".to_owned(), reason, raw });
                    self.hold(delivery);
                }
                Incoming::Envelope(envelope, delivery) => {
                    let kept = self.deliver(&envelope, delivery, (&saved, position), into).await?;
                    kept.into_iter().for_each(|delivery| self.hold(delivery));
                }
            }
        }
        Ok(())
    }

    fn hold(&mut self, delivery: Delivery) {
        if let Some(receiver) = &mut self.receiver {
            receiver.hold(delivery);
        }
    }

    /// Takes in one event. The delivery comes back where its answer has to wait for the log.
    async fn deliver(
        &mut self,
        envelope: &Value,
        delivery: Delivery,
        (saved, position): (&Position, &mut Position),
        into: &mut Gathered,
    ) -> Result<Option<Delivery>, SourceError> {
        let event = envelope.get("event").unwrap_or(&Value::Null);
        let id = owned(envelope, "event_id").unwrap_or_else(|| blake3::hash(&delivery.body).to_hex()[..16].to_owned());
        if saved.has(&id) {
            accept(delivery);
            return Ok(None);
        }
        if position.has(&id) {
            return Ok(Some(delivery));
        }
        let channel = owned(event, "channel").or_else(|| owned(event, "item.channel")).unwrap_or_default();
        if self.workspace.as_ref().is_none_or(|known| !known.channels.contains_key(&channel)) {
            accept(delivery);
            return Ok(None);
        }
        let piece = Piece { raw: envelope, channel: &channel, is_listed: false };
        let Some(meaning) = self.meaning(piece, position).await? else { return Ok(None) };
        let before = (into.events.len(), into.rejected.len());
        self.take(meaning, piece, position, into);
        if (into.events.len(), into.rejected.len()) == before {
            accept(delivery);
            return Ok(None);
        }
        position.deliver(&id);
        Ok(Some(delivery))
    }

    /// The step of a round, when one is due. What it can not do does not undo what was received.
    async fn advance(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let Some(mut round) = position.round.take() else { return Ok(()) };
        let before = (position.clone(), into.events.len(), into.rejected.len());
        let outcome = self.step(&mut round, position, into).await;
        if let Err(error) = outcome {
            *position = before.0;
            position.round = Some(round);
            into.events.truncate(before.1);
            into.rejected.truncate(before.2);
            return match error {
                SourceError::RateLimited { until, .. } if self.receiver.is_some() => {
                    self.not_before = Some(until);
                    Ok(())
                }
                // It comes again with the next poll, and what was received is kept before that.
                error if error.is_transient() && before.1 + before.2 > 0 => Ok(()),
                error => Err(error),
            };
        }
        match (round.left.is_empty(), &self.workspace) {
            (true, Some(workspace)) => round.finish(position, &self.spec, &workspace.channels),
            _ => position.round = Some(round),
        }
        Ok(())
    }

    /// When the next round begins. The checkpoint says it: whoever begins again owes no more than that, but what it has
    /// never read of a channel.
    fn due(&self, position: &Position) -> Timestamp {
        let mut channels = self.workspace.iter().flat_map(|known| known.channels.keys());
        let has_unread = !self.has_begun && channels.any(|channel| !position.read_at.contains_key(channel));
        let last = position.began.filter(|_| !has_unread && !position.owes_round);
        last.map_or(Timestamp::MIN, |began| began.saturating_add(self.spec.interval).unwrap_or(began))
    }

    fn begin(&self, position: &mut Position) {
        let channels = self.workspace.as_ref().map(|workspace| &workspace.channels);
        let ids = channels.into_iter().flat_map(BTreeMap::keys).collect::<Vec<_>>();
        position.round = Some(Round::begin(&self.spec, position, ids.into_iter(), self.now()));
        position.owes_round = false;
    }

    fn page(&self, position: &Position, into: Gathered) -> Result<Page, SourceError> {
        for (why, many) in into.skipped {
            tracing::debug!("source {}: {many} messages passed over: {why}", self.spec.name);
        }
        let is_behind = position.round.is_some() && self.not_before.is_none();
        let state = if is_behind { Progress::Behind } else { Progress::CaughtUp };
        let (events, rejected) = (into.events, into.rejected);
        Ok(Page { events, rejected, cursor: Cursor::of(VERSION, position)?, complete_through: position.complete, state })
    }
}

/// When a message was edited last.
fn edited(message: &Value) -> Option<Timestamp> {
    text(message, "edited.ts").and_then(time)
}

#[async_trait]
impl Source for SlackSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.workspace = None;
        self.look_around().await?;
        let channels = self.workspace.as_ref().map(|workspace| workspace.channels.clone()).unwrap_or_default();
        if channels.is_empty() {
            let why = "the app is a member of no channel that is to be read: invite it there with /invite";
            return Err(SourceError::Config(why.to_owned()));
        }
        let mut last = None;
        for (id, name) in &channels {
            match self.api.ask("conversations.history", &[("channel", id.clone()), ("limit", "1".to_owned())]).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    self.notices.insert(name.clone(), error.to_string());
                    last = Some(error);
                }
            }
        }
        last.map_or(Ok(()), Err)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        position.check(self.now())?;
        self.look_around().await?;
        let mut into = Gathered::default();
        self.receive(&mut position, &mut into).await?;
        let now = self.now();
        self.not_before = self.not_before.filter(|until| *until > now);
        if position.round.is_none() {
            let due = self.due(&position);
            if into.is_empty() && due > now {
                pace::rest(&*self.world.clock, due).await;
            }
            if due > self.now() {
                return self.page(&position, into);
            }
            self.begin(&mut position);
        }
        match self.not_before {
            Some(until) if into.is_empty() => pace::rest(&*self.world.clock, until).await,
            Some(_) => {}
            None => {
                self.has_begun = true;
                self.advance(&mut position, &mut into).await?;
            }
        }
        self.page(&position, into)
    }

    async fn settle(&mut self, _cursor: &Cursor) -> Result<(), SourceError> {
        if let Some(receiver) = &mut self.receiver {
            receiver.settle();
        }
        Ok(())
    }

    fn notice(&self) -> Option<String> {
        let words: Vec<String> = self.notices.iter().map(|(what, why)| format!("{what}: {why}")).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.api.allowance()
    }

    fn resume(&mut self, saved: &Value) {
        self.api.resume(saved);
    }

    fn usage(&self) -> Usage {
        self.api.usage()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let raw: Value = serde_json::from_slice(raw).map_err(|error| format!("the message is no JSON: {error}"))?;
        let place = |name: &str| text(&raw, name).ok_or_else(|| format!("the message is without its `{name}`"));
        let context = Context {
            team: place("team")?,
            address: text(&raw, "address").unwrap_or_default(),
            channel: place("channel")?,
            channel_name: place("channel_name")?,
            people: &self.people,
            is_listed: raw.get("message").is_some(),
            observed_at,
        };
        let said = match (raw.get("message"), raw.get("event")) {
            (Some(message), _) => map(message, &context),
            (None, event) => map_event(event.unwrap_or(&Value::Null), &context),
        };
        match said.map_err(|error| error.to_string())? {
            Said::Mention(mention) => Ok(vec![Event::Upsert(mention)]),
            Said::Deleted(id) => Ok(vec![Event::Delete(Deletion { key: key(context.team, id), observed_at })]),
            Said::Reaction { .. } | Said::Skipped(_) => Ok(Vec::new()),
        }
    }
}
