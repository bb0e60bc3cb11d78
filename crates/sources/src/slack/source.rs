use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Deletion, Event, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    SlackSpec,
    api::Api,
    hook::{Incoming, Receiver, accept},
    map::{Context, MapError, Said, map, map_event, time, users},
    people::{People, Person},
    position::{Position, Round, VERSION, key},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    json::{flag, list, owned, text},
    pace::Pace,
    push::Delivery,
};

/// How long the list of channels holds.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// The same, where a channel that is named was not in it.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// No workspace has more pages of channels.
const MOST_LISTS: usize = 200;

pub(super) struct SlackSource {
    spec: Arc<SlackSpec>,
    world: World,
    api: Api,
    pace: Pace,
    people: People,
    workspace: Option<Workspace>,
    receiver: Option<Receiver>,
    /// The channel of what is mapped.
    at_hand: Option<String>,
    /// When the last round began.
    began: Timestamp,
    /// Nothing is asked before.
    not_before: Option<Timestamp>,
    /// Why a channel is not read, by its name; and what else a person should know.
    notices: BTreeMap<String, String>,
}

struct Workspace {
    team: String,
    address: String,
    /// Names by id, of those that are read.
    channels: BTreeMap<String, String>,
    /// When it is asked for again.
    holds_until: Timestamp,
}

/// What a piece means, and the piece.
type Taken<'a> = (Result<Said, MapError>, &'a Value);

/// What one poll gathers.
#[derive(Default)]
struct Gathered {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    /// How many were passed over, by the reason.
    skipped: BTreeMap<&'static str, u64>,
}

impl SlackSource {
    pub(super) fn new(spec: Arc<SlackSpec>, world: &World) -> Self {
        Self {
            world: world.clone(),
            api: Api::new(&spec, world),
            pace: Pace::new(spec.interval),
            people: spec.people.clone(),
            workspace: None,
            receiver: spec.hook.clone().map(Receiver::new),
            at_hand: None,
            began: Timestamp::UNIX_EPOCH,
            not_before: None,
            notices: BTreeMap::new(),
            spec,
        }
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Who we are, and which channels there are to read.
    async fn look_around(&mut self) -> Result<(), SourceError> {
        let now = self.now();
        if self.workspace.as_ref().is_some_and(|known| now < known.holds_until) {
            return Ok(());
        }
        let found = match self.api.ask("auth.test", &[]).await {
            Ok(who) => self.channels().await.map(|listed| (who, listed)),
            Err(error) => Err(error),
        };
        let (who, listed) = match (found, &mut self.workspace) {
            (Ok(found), _) => found,
            // What was known goes on: what Slack sends meanwhile is not kept waiting.
            (Err(error), Some(known)) if error.is_transient() => {
                tracing::warn!("source {}: the channels are not listed anew: {error}", self.spec.name);
                known.holds_until = now + LOOK_AGAIN;
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        let channels = self.choose(listed);
        let team = owned(&who, "team_id").unwrap_or_default();
        let address = owned(&who, "url").unwrap_or_default();
        // What is named and not there may be there soon.
        let is_whole = !channels.is_empty() && channels.len() >= self.spec.channels.len();
        let holds_until = now + if is_whole { LISTED_FOR } else { self.spec.interval.min(LOOK_AGAIN) };
        self.workspace = Some(Workspace { team, address, channels, holds_until });
        Ok(())
    }

    async fn channels(&mut self) -> Result<Vec<Value>, SourceError> {
        let (mut all, mut page) = (Vec::new(), None);
        for _ in 0..MOST_LISTS {
            let mut query = vec![
                ("types", "public_channel,private_channel".to_owned()),
                ("exclude_archived", "true".to_owned()),
                ("limit", "999".to_owned()),
            ];
            query.extend(page.iter().map(|page: &String| ("cursor", page.clone())));
            let answer = match self.api.ask("conversations.list", &query).await {
                // Without the scope for private channels, the public ones are read.
                Err(SourceError::Auth(message)) if message.contains("groups:read") => {
                    query[0].1 = "public_channel".to_owned();
                    self.notices.insert("private channels".to_owned(), message);
                    self.api.ask("conversations.list", &query).await?
                }
                answer => answer?,
            };
            all.extend(list(&answer, "channels").iter().cloned());
            let next = owned(&answer, "response_metadata.next_cursor").filter(|next| Some(next) != page.as_ref());
            match next {
                Some(next) => page = Some(next),
                None => break,
            }
        }
        Ok(all)
    }

    /// Those that the settings name; else those that the app is a member of.
    fn choose(&mut self, listed: Vec<Value>) -> BTreeMap<String, String> {
        let named = |channel: &Value| Some((owned(channel, "id")?, owned(channel, "name").unwrap_or_default()));
        if self.spec.channels.is_empty() {
            let ours = listed.iter().filter(|channel| flag(channel, "is_member"));
            return ours.filter_map(named).collect();
        }
        let mut chosen = BTreeMap::new();
        for wanted in &self.spec.channels {
            let is_it = |channel: &&Value| {
                text(channel, "id") == Some(wanted) || text(channel, "name") == Some(wanted)
            };
            let found = listed.iter().find(is_it);
            match found.and_then(named) {
                Some((id, name)) => {
                    if found.is_some_and(|channel| channel.get("is_member") == Some(&Value::Bool(false))) {
                        self.notices.insert(name.clone(), "the app is no member: invite it there with /invite".to_owned());
                    }
                    chosen.insert(id, name);
                }
                None => {
                    let why = "no channel that the app can see has this name or id: invite it there with /invite";
                    self.notices.insert(wanted.clone(), why.to_owned());
                }
            }
        }
        chosen
    }

    /// Asks once for each name. What can not be known leaves the id.
    async fn meet(&mut self, users: Vec<String>) -> Result<(), SourceError> {
        for user in users {
            if self.people.knows(&user) {
                continue;
            }
            match self.api.ask("users.info", &[("user", user.clone())]).await {
                Ok(answer) => {
                    let person = answer.get("user").map(Person::of).unwrap_or_default();
                    self.people.insert(&user, person);
                }
                Err(SourceError::Transient(message)) => return Err(SourceError::Transient(message)),
                // They are named the next time.
                Err(SourceError::RateLimited { .. }) => return Ok(()),
                Err(error) => {
                    if matches!(error, SourceError::Auth(_)) {
                        self.notices.insert("names of members".to_owned(), error.to_string());
                    }
                    self.people.insert(&user, Person::default());
                }
            }
        }
        Ok(())
    }

    fn context<'a>(&'a self, workspace: &'a Workspace, channel: &'a str, is_listed: bool) -> Context<'a> {
        Context {
            team: &workspace.team,
            address: &workspace.address,
            channel,
            channel_name: workspace.channels.get(channel).map(String::as_str).unwrap_or(channel),
            people: &self.people,
            is_listed,
            observed_at: self.now(),
        }
    }

    /// With all that its mapping needs, so that it can be mapped again.
    fn rejected(&self, raw: &Value, is_listed: bool, reason: String) -> Rejected {
        let place = text(raw, "ts").or_else(|| text(raw, "event_id")).unwrap_or("without an id");
        let raw = match (&self.workspace, self.at_hand.as_ref()) {
            (Some(workspace), Some(channel)) => {
                let name = workspace.channels.get(channel).unwrap_or(channel);
                json!({"team": workspace.team, "address": workspace.address, "channel": channel, "channel_name": name,
                    (if is_listed { "message" } else { "event" }): if is_listed { raw } else { &raw["event"] }})
            }
            _ => raw.clone(),
        };
        Rejected { place: format!("message {place}"), reason, raw: raw.to_string().into_bytes() }
    }

    /// Takes in what a message or an event means.
    fn take(&self, (said, raw): Taken<'_>, is_listed: bool, position: &mut Position, into: &mut Gathered) {
        let team = self.workspace.as_ref().map(|workspace| workspace.team.clone()).unwrap_or_default();
        match said {
            Ok(Said::Mention(mention)) => {
                let message = if is_listed { raw } else { message_of(&raw["event"]) };
                into.events.extend(position.take(*mention, edited(message), is_listed));
            }
            Ok(Said::Deleted(id)) => {
                // The log may have it where the position does not: a process that ended between the two leaves that.
                into.events.extend(position.delete_unheard(key(&team, id), self.now()));
            }
            Ok(Said::Reaction { native_id, is_added }) => {
                into.events.extend(position.react(key(&team, native_id), is_added, self.now()));
            }
            Ok(Said::Skipped(why)) => *into.skipped.entry(why).or_default() += 1,
            Err(error) => into.rejected.push(self.rejected(raw, is_listed, error.to_string())),
        }
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
                let name = self.workspace.as_ref().and_then(|known| known.channels.get(&channel).cloned());
                self.notices.insert(name.unwrap_or(channel), error.to_string());
                round.give_up();
                let nothing_is_read = round.left.is_empty() && round.read == 0;
                return if nothing_is_read { Err(error) } else { Ok(()) };
            }
        };
        let messages = list(&answer, "messages");
        self.meet(messages.iter().flat_map(users).collect()).await?;
        let Some(workspace) = self.workspace.take() else { return Ok(()) };
        let said: Vec<_> = messages
            .iter()
            .rev()
            .map(|message| (map(message, &self.context(&workspace, &channel, true)), message))
            .collect();
        self.notices.remove(workspace.channels.get(&channel).unwrap_or(&channel));
        self.workspace = Some(workspace);
        self.at_hand = Some(channel);
        said.into_iter().for_each(|(said, message)| self.take((said, message), true, position, into));
        let team = self.workspace.as_ref().map(|workspace| workspace.team.clone()).unwrap_or_default();
        let gone = round.turn(&answer, position, &self.spec);
        into.events.extend(gone.into_iter().filter_map(|id| position.delete(key(&team, id), self.now())));
        Ok(())
    }

    /// What Slack sent since the last poll.
    async fn receive(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let Some(receiver) = &mut self.receiver else { return Ok(()) };
        let taken = receiver.take(&self.world)?;
        let saved = position.clone();
        for incoming in taken {
            match incoming {
                Incoming::HeldBack => {
                    tracing::warn!("source {}: Slack held events back, as they were too many", self.spec.name);
                    self.pace = Pace::new(self.spec.interval);
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
        self.meet(users(message_of(event))).await?;
        let Some(workspace) = self.workspace.take() else { return Ok(None) };
        let said = map_event(event, &self.context(&workspace, &channel, false));
        self.workspace = Some(workspace);
        let before = (into.events.len(), into.rejected.len());
        self.at_hand = Some(channel);
        self.take((said, envelope), false, position, into);
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
                error => Err(error),
            };
        }
        match (round.left.is_empty(), &self.workspace) {
            (true, Some(workspace)) => round.finish(position, &self.spec, &workspace.channels),
            _ => position.round = Some(round),
        }
        Ok(())
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

/// What is said: an edit carries it inside.
fn message_of(event: &Value) -> &Value {
    event.get("message").filter(|message| message.is_object()).unwrap_or(event)
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
            if !self.pace.is_due(&*self.world.clock, cursor).await {
                let page = self.page(&position, into)?;
                self.pace.gave(self.began, &page);
                return Ok(page);
            }
            let channels = self.workspace.as_ref().map(|workspace| &workspace.channels);
            let ids = channels.into_iter().flat_map(BTreeMap::keys).collect::<Vec<_>>();
            let round = Round::begin(&self.spec, &position, ids.into_iter(), self.now());
            self.began = round.began;
            position.round = Some(round);
        }
        if self.not_before.is_none() {
            self.advance(&mut position, &mut into).await?;
        }
        let page = self.page(&position, into)?;
        self.pace.gave(self.began, &page);
        Ok(page)
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
