use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use grapevine_model::{Deletion, EngagementSnapshot, Event, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    DiscordSpec,
    api::{Api, PER_PAGE},
    directory::Directory,
    gateway::{Action, Stop},
    live::Live,
    map::{key, map},
    position::{Position, Stale, VERSION},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    json::{flag, list, text},
};

/// How long one poll waits for news.
const PATIENCE: SignedDuration = SignedDuration::from_millis(500);
/// How many events make a page.
const PAGE_EVENTS: usize = 500;
/// How many messages are read again by one poll.
const AGAIN_PER_POLL: usize = 5;
/// What is older than this when anything comes has come.
const LATENESS: SignedDuration = SignedDuration::from_secs(10);
/// After so many connections that failed, a session is given up.
const MOST_FAILURES: u32 = 3;
/// How many members' roles are remembered.
const MOST_MEMBERS: usize = 20_000;

pub(super) struct DiscordSource {
    spec: Arc<DiscordSpec>,
    world: World,
    api: Api,
    directory: Option<Directory>,
    live: Option<Live>,
    /// What the caller comes with, if it kept the page it was given last: then the connection goes on where it is.
    expected: Option<Cursor>,
    /// No new connection before.
    not_before: Option<Timestamp>,
    /// How many connections failed in a row.
    failures: u32,
    /// Roles of members, by server and member.
    members: HashMap<(String, String), Vec<String>>,
    /// Why a channel or server is not read, by its name.
    notices: BTreeMap<String, String>,
    through: Option<Timestamp>,
}

/// What one poll gathers.
#[derive(Default)]
struct Gathered {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    /// Notes of the service.
    skipped: u64,
}

impl DiscordSource {
    pub(super) fn new(spec: Arc<DiscordSpec>, world: &World) -> Self {
        Self {
            world: world.clone(),
            api: Api::new(&spec, world),
            directory: None,
            live: None,
            expected: None,
            not_before: None,
            failures: 0,
            members: HashMap::new(),
            notices: BTreeMap::new(),
            through: None,
            spec,
        }
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// Which servers and channels there are. One that can not be read does not stop the others.
    async fn look_around(&mut self) -> Result<Directory, SourceError> {
        let spec = self.spec.clone();
        let mut directory = Directory::default();
        let mut last = None;
        for guild in &spec.guilds {
            match self.guild(guild, &mut directory).await {
                Ok(()) => drop(self.notices.remove(guild)),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    let words = format!("the server can not be read ({error}): invite the bot there");
                    self.notices.insert(guild.clone(), words);
                    last = Some(error);
                }
            }
        }
        for channel in &spec.channels {
            match self.channel(channel, &mut directory).await {
                Ok(()) => drop(self.notices.remove(channel)),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    self.notices.insert(channel.clone(), unreadable(&error));
                    last = Some(error);
                }
            }
        }
        let none_is_there = directory.to_read(&spec, &BTreeMap::new(), 0).is_empty();
        match last.filter(|_| none_is_there) {
            Some(error) => Err(error),
            None => Ok(directory),
        }
    }

    async fn guild(&mut self, id: &str, directory: &mut Directory) -> Result<(), SourceError> {
        let guild = self.api.get(&["guilds", id], &[]).await?;
        directory.add_guild(&guild, &self.spec);
        let channels = self.api.get(&["guilds", id, "channels"], &[]).await?;
        let threads = self.api.get(&["guilds", id, "threads", "active"], &[]).await?;
        let channels = channels.as_array().map(Vec::as_slice).unwrap_or_default();
        for channel in channels.iter().chain(list(&threads, "threads")) {
            directory.add_channel(channel, Some(id));
        }
        Ok(())
    }

    /// With the server that it is in, and the threads that hang under it.
    async fn channel(&mut self, id: &str, directory: &mut Directory) -> Result<(), SourceError> {
        let channel = self.api.get(&["channels", id], &[]).await?;
        directory.add_channel(&channel, None);
        let Some(guild) = text(&channel, "guild_id").filter(|guild| !directory.knows_guild(guild)) else { return Ok(()) };
        self.guild(guild, directory).await
    }

    /// A connection that goes on where the position ends. `false` where it is too early for one.
    async fn connect(&mut self, position: &mut Position) -> Result<bool, SourceError> {
        if self.live.is_some() {
            return Ok(true);
        }
        let now = self.now();
        if self.not_before.is_some_and(|until| until > now) {
            return Ok(false);
        }
        // Where a session can not be taken up, a new one begins.
        if self.failures >= MOST_FAILURES {
            position.session = None;
        }
        let url = match &position.session {
            Some(session) => session.url.clone(),
            None => self.api.gateway(now).await?,
        };
        let token = self.api.token()?;
        match Live::open(&self.world, &url, position.session.clone(), token).await {
            Ok(live) => {
                (self.live, self.failures) = (Some(live), 0);
                Ok(true)
            }
            Err(error) => {
                self.failures += 1;
                Err(error)
            }
        }
    }

    /// Takes what came.
    async fn listen(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let is_busy = !position.history.is_empty() || position.due(self.now()).is_some();
        let until = if is_busy { self.now() } else { self.now() + PATIENCE };
        while into.events.len() < PAGE_EVENTS {
            let Some(live) = &mut self.live else { return Ok(()) };
            let actions = match live.next(&self.world, until).await {
                Ok(Some(actions)) => actions,
                Ok(None) => break,
                Err(error) if into.events.is_empty() && into.rejected.is_empty() => {
                    self.live = None;
                    return Err(error);
                }
                Err(error) => {
                    tracing::warn!("source {}: {error}; connecting again", self.spec.name);
                    self.live = None;
                    return Ok(());
                }
            };
            for action in actions {
                self.act(action, position, into).await?;
            }
            if let Some(live) = &self.live {
                position.session = live.session();
            }
        }
        Ok(())
    }

    async fn act(&mut self, action: Action, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        match action {
            Action::Began => {
                // What was written while no session stood is read by REST.
                let directory = self.look_around().await?;
                let mut history = directory.to_read(&self.spec, &position.read, position.since);
                history.reverse();
                (position.history, position.after) = (history, None);
                self.directory = Some(directory);
            }
            Action::Event { name, data } => self.happened(&name, &data, position, into).await?,
            Action::Again(wait) => {
                position.session = self.live.take().and_then(|live| live.session());
                self.not_before = Some(self.now() + wait);
            }
            Action::Stop(stop) => {
                self.live = None;
                return Err(stop.into());
            }
            Action::Resumed | Action::Identify | Action::Resume(_) | Action::Beat(_) => {}
        }
        Ok(())
    }

    async fn happened(
        &mut self,
        name: &str,
        data: &Value,
        position: &mut Position,
        into: &mut Gathered,
    ) -> Result<(), SourceError> {
        let now = self.now();
        if let Some(directory) = &mut self.directory {
            match name {
                "GUILD_CREATE" if text(data, "id").is_some_and(|id| directory.knows_guild(id)) => {
                    directory.add_guild(data, &self.spec);
                }
                "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
                    directory.add_channel(data, None);
                }
                "THREAD_LIST_SYNC" => {
                    list(data, "threads").iter().for_each(|thread| directory.add_channel(thread, text(data, "guild_id")));
                }
                _ => {}
            }
        }
        let Some(channel) = text(data, "channel_id").filter(|_| name.starts_with("MESSAGE_")) else { return Ok(()) };
        if !self.follows(channel, data).await? {
            return Ok(());
        }
        let id = text(data, "message_id").or_else(|| text(data, "id")).unwrap_or_default();
        match name {
            "MESSAGE_CREATE" => self.take(data, channel, false, (position, into)).await?,
            // An update may have only what changed: then the whole is read.
            "MESSAGE_UPDATE" if ["author", "content", "timestamp"].iter().all(|field| data.get(field).is_some()) => {
                self.take(data, channel, false, (position, into)).await?;
            }
            "MESSAGE_UPDATE" => position.spoil(id, channel, true, now),
            "MESSAGE_DELETE" => delete(id, now, position, into),
            "MESSAGE_DELETE_BULK" => {
                let ids = list(data, "ids").iter().filter_map(Value::as_str);
                ids.for_each(|id| delete(id, now, position, into));
            }
            reaction if reaction.starts_with("MESSAGE_REACTION_") => position.spoil(id, channel, false, now),
            _ => {}
        }
        Ok(())
    }

    /// A thread may be new: then it is asked what it hangs under.
    async fn follows(&mut self, channel: &str, data: &Value) -> Result<bool, SourceError> {
        let is_ours = text(data, "guild_id").is_some_and(|guild| {
            self.directory.as_ref().is_some_and(|directory| directory.knows_guild(guild))
        });
        if is_ours && self.directory.as_ref().is_some_and(|directory| !directory.knows(channel)) {
            match self.api.get(&["channels", channel], &[]).await {
                Ok(found) => self.add_channel(&found, data),
                Err(error) if error.is_transient() => return Err(error),
                // What it says is heard all the same; only its name stays unknown.
                Err(_) => self.add_channel(&json!({"id": channel}), data),
            }
        }
        Ok(self.directory.as_ref().is_some_and(|directory| directory.follows(channel, &self.spec)))
    }

    fn add_channel(&mut self, channel: &Value, said: &Value) {
        if let Some(directory) = &mut self.directory {
            directory.add_channel(channel, text(said, "guild_id"));
        }
    }

    /// Takes in a message, as the gateway or a list gives it.
    async fn take(
        &mut self,
        message: &Value,
        channel: &str,
        is_listed: bool,
        (position, into): (&mut Position, &mut Gathered),
    ) -> Result<(), SourceError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let mut context = directory.context(channel, &self.spec);
        context.is_listed = is_listed;
        if is_listed && !context.team_roles.is_empty() {
            context.roles = self.roles(&context.guild, message).await?;
        }
        let id = text(message, "id").unwrap_or_default();
        match map(message, &context, self.now()) {
            Ok(Some(mention)) => into.events.push(Event::Upsert(Box::new(mention))),
            Ok(None) => into.skipped += 1,
            Err(error) => {
                let place = format!("message {id} of channel {channel}");
                let raw = message.to_string().into_bytes();
                into.rejected.push(Rejected { place, reason: error.to_string(), raw });
            }
        }
        position.took(channel, id, is_listed);
        Ok(())
    }

    /// Of the author, which lists of messages do not say.
    async fn roles(&mut self, guild: &str, message: &Value) -> Result<Vec<String>, SourceError> {
        let Some(author) = text(message, "author.id").filter(|_| text(message, "webhook_id").is_none()) else {
            return Ok(Vec::new());
        };
        if flag(message, "author.bot") || guild.is_empty() {
            return Ok(Vec::new());
        }
        let member = (guild.to_owned(), author.to_owned());
        if let Some(roles) = self.members.get(&member) {
            return Ok(roles.clone());
        }
        let roles = match self.api.get(&["guilds", guild, "members", author], &[]).await {
            Ok(found) => list(&found, "roles").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Err(error) if error.is_transient() => return Err(error),
            // Who left has none.
            Err(_) => Vec::new(),
        };
        if self.members.len() >= MOST_MEMBERS {
            self.members.clear();
        }
        self.members.insert(member, roles);
        Ok(self.members.get(&(guild.to_owned(), author.to_owned())).cloned().unwrap_or_default())
    }

    /// One page of the history at hand.
    async fn read(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let Some((channel, after)) = position.next() else { return Ok(()) };
        let query = [("after", after.to_string()), ("limit", PER_PAGE.to_string())];
        let name = self.directory.as_ref().map_or_else(|| channel.clone(), |directory| directory.name(&channel));
        let page = match self.api.get(&["channels", &channel, "messages"], &query).await {
            Ok(page) => page,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => {
                self.notices.insert(name, unreadable(&error));
                position.turn(None);
                return Ok(());
            }
        };
        self.notices.remove(&name);
        let Some(messages) = page.as_array() else {
            return Err(SourceError::Transient(format!("the messages of {name} are no list")));
        };
        // The oldest that are newer, and of them the newest first.
        for message in messages.iter().rev() {
            self.take(message, &channel, true, (position, into)).await?;
        }
        let ids = messages.iter().filter_map(|message| text(message, "id")?.parse::<u64>().ok());
        position.turn(ids.max().filter(|newest| *newest > after));
        Ok(())
    }

    /// Messages of which something changed are read again.
    async fn read_again(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        for _ in 0..AGAIN_PER_POLL {
            let Some((id, Stale { channel, is_edited, .. })) = position.due(self.now()) else { return Ok(()) };
            match self.api.get(&["channels", &channel, "messages", &id], &[]).await {
                Ok(message) if is_edited => self.take(&message, &channel, true, (position, into)).await?,
                Ok(message) => self.count(&message, &channel, into),
                Err(SourceError::Gone(_)) => delete(&id, self.now(), position, into),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => tracing::debug!("source {}: message {id}: {error}", self.spec.name),
            }
            position.mend(&id);
        }
        Ok(())
    }

    /// Only the counters are news.
    fn count(&self, message: &Value, channel: &str, into: &mut Gathered) {
        let Some(directory) = &self.directory else { return };
        let mut context = directory.context(channel, &self.spec);
        context.is_listed = true;
        if let Ok(Some(mention)) = map(message, &context, self.now()) {
            let (key, observed_at, engagement) = (mention.key, mention.observed_at, mention.engagement);
            into.events.push(Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement }));
        }
    }

    fn page(&mut self, mut position: Position, into: Gathered) -> Result<Page, SourceError> {
        position.forget();
        let Gathered { events, rejected, skipped } = into;
        if skipped > 0 {
            tracing::debug!("source {}: {skipped} notes of the service passed over", self.spec.name);
        }
        let is_behind = !position.history.is_empty() || self.live.as_ref().is_some_and(Live::has_waiting);
        if let Some(live) = self.live.as_ref().filter(|live| live.is_ready && !is_behind) {
            self.through = self.through.max(Some(live.heard_at - LATENESS));
        }
        let state = if is_behind { Progress::Behind } else { Progress::CaughtUp };
        let cursor = Cursor::of(VERSION, &position)?;
        Ok(Page { events, rejected, cursor, complete_through: self.through, state })
    }
}

fn delete(id: &str, observed_at: Timestamp, position: &mut Position, into: &mut Gathered) {
    position.mend(id);
    into.events.push(Event::Delete(Deletion { key: key(id), observed_at }));
}

fn unreadable(error: &SourceError) -> String {
    format!("can not be read ({error}): give the bot View Channel and Read Message History there")
}

#[async_trait]
impl Source for DiscordSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.api.get(&["users", "@me"], &[]).await?;
        if !self.api.may_read_content().await? {
            return Err(Stop::Content.into());
        }
        let directory = self.look_around().await?;
        let mut last = None;
        for channel in directory.to_read(&self.spec, &BTreeMap::new(), 0) {
            match self.api.get(&["channels", &channel, "messages"], &[("limit", "1".to_owned())]).await {
                Ok(_) => return Ok(()),
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    self.notices.insert(directory.name(&channel), unreadable(&error));
                    last = Some(error);
                }
            }
        }
        let none = || SourceError::Config("there is no channel to read: see `guilds` and `channels`".to_owned());
        Err(last.unwrap_or_else(none))
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let read = cursor.map(|cursor| cursor.read(VERSION)).transpose()?;
        let mut position: Position = read.unwrap_or_else(|| Position::begin(self.now() - self.spec.backfill));
        position.check(self.now())?;
        // Who comes with another cursor did not keep the last page: the session goes on from the one that was kept.
        if self.expected.take().as_ref() != cursor {
            self.live = None;
        }
        if self.directory.is_none() {
            self.directory = Some(self.look_around().await?);
        }
        let mut into = Gathered::default();
        if self.connect(&mut position).await? {
            self.listen(&mut position, &mut into).await?;
        } else {
            self.world.clock.sleep(Duration::try_from(PATIENCE).unwrap_or_default()).await;
        }
        if position.history.is_empty() {
            self.read_again(&mut position, &mut into).await?;
        } else {
            self.read(&mut position, &mut into).await?;
        }
        let page = self.page(position, into)?;
        self.expected = Some(page.cursor.clone());
        Ok(page)
    }

    fn notice(&self) -> Option<String> {
        let words: Vec<String> = self.notices.iter().map(|(what, why)| format!("{what} {why}")).collect();
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
        let message: Value = serde_json::from_slice(raw).map_err(|error| format!("the message is no JSON: {error}"))?;
        let channel = text(&message, "channel_id").unwrap_or_default();
        let directory = self.directory.clone().unwrap_or_default();
        let mention = map(&message, &directory.context(channel, &self.spec), observed_at);
        let mention = mention.map_err(|error| error.to_string())?;
        Ok(mention.map(|mention| Event::Upsert(Box::new(mention))).into_iter().collect())
    }
}
