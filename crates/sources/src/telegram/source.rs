use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{AccountSnapshot, Event, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    TelegramSpec,
    chats::Name,
    map::{Chat, PLATFORM, Said, map},
    position::{Position, VERSION},
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World,
    bot::Bot,
    http::{Auth, Class, Client, Cost, ErrorRule, Limit, QuotaPolicy, Request, Secret, Window},
    json::{flag, int, text},
    registry::Clock,
};

/// The most that one request gives.
const PER_PAGE: usize = 100;
/// Stands in addresses where the token goes.
const TOKEN: &str = "TOKEN";
/// What is older than this when it is asked for has come.
const LATENESS: SignedDuration = SignedDuration::from_secs(10);
/// Those that are mapped; reactions come only to who names them.
const WANTED: &str = r#"["message","edited_message","channel_post","edited_channel_post","message_reaction_count","my_chat_member"]"#;

pub(super) struct TelegramSource {
    spec: Arc<TelegramSpec>,
    clock: Arc<dyn Clock>,
    bot: Bot,
    /// What the last page said of chats that are not read.
    lost: BTreeMap<String, String>,
    through: Option<Timestamp>,
}

#[derive(Default)]
struct Gathered {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
    /// How many were passed over, by the reason.
    skipped: BTreeMap<&'static str, u64>,
}

pub(super) fn policy() -> QuotaPolicy {
    let a_second = Window::Rolling(SignedDuration::from_secs(1));
    QuotaPolicy {
        limits: vec![Limit { amount: 30, window: a_second, only: None }],
        body_wait: Some("parameters.retry_after".to_owned()),
        ..QuotaPolicy::default()
    }
}

/// What stands in the body of a conflict is read here: it says which of two things to do.
fn rules() -> Vec<ErrorRule> {
    vec![ErrorRule { status: Some(409), field: None, is: vec![], contains: vec![], class: Class::Fine }]
}

fn client(world: &World, token: Secret) -> Client {
    Client::new(world, Auth::Path { word: TOKEN.to_owned(), value: token }, policy()).with_rules(rules())
}

impl TelegramSource {
    pub(super) fn new(spec: Arc<TelegramSpec>, world: &World) -> Self {
        let bot = Bot::new(world, spec.token.clone(), client);
        Self { spec, clock: world.clock.clone(), bot, lost: BTreeMap::new(), through: None }
    }

    /// The result of one method of the API.
    async fn ask(&mut self, method: &str, query: &[(&str, String)]) -> Result<Value, SourceError> {
        let mut url = self.spec.base_url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend([&format!("bot{TOKEN}"), method]);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut answer = match self.bot.ask(&Request::get(url), &Cost::default()).await {
            Ok(answer) => answer,
            Err(SourceError::Gone(message)) if method == "getMe" || method == "getUpdates" => {
                return Err(SourceError::Gone(format!("{message}: the token is cut short, or the bot was deleted")));
            }
            Err(error) => return Err(error),
        };
        match flag(&answer, "ok") {
            true => Ok(answer.get_mut("result").map(Value::take).unwrap_or_default()),
            false => Err(refusal(method, &answer)),
        }
    }

    /// Whether the settings have it read.
    fn reads(&self, chat: &Chat, position: &Position) -> bool {
        match &self.spec.chats[..] {
            [] => chat.kind != "private",
            names => names.iter().any(|name| name.is(chat, &position.moved)),
        }
    }

    fn take(&self, raw: &Value, asked: Option<i64>, position: &mut Position, into: &mut Gathered) {
        let now = self.clock.now();
        if int(raw, "update_id").is_some_and(|id| !position.take(id, asked, now)) {
            return;
        }
        let update = match map(raw, now) {
            Ok(update) => update,
            Err(error) => {
                let place = int(raw, "update_id").map_or("an update".to_owned(), |id| format!("update {id}"));
                into.rejected.push(Rejected { place, reason: error.to_string(), raw: raw.to_string().into_bytes() });
                return;
            }
        };
        let chat = update.chat.filter(|chat| self.reads(chat, position));
        match (update.said, chat) {
            (Said::Event(event), Some(_)) => into.events.push(event),
            (Said::Moved { to }, Some(chat)) => drop(position.moved.insert(chat.id, to)),
            (Said::Standing(standing), Some(chat)) => match standing.as_str() {
                "left" | "kicked" => drop(position.lost.insert(chat.name(), standing)),
                _ => drop(position.lost.remove(&chat.name())),
            },
            (Said::Skipped(what), _) => *into.skipped.entry(what).or_default() += 1,
            (_, None) => *into.skipped.entry("a chat that is not read").or_default() += 1,
        }
    }

    /// Counts the members of each chat that is named, when it is time to.
    async fn count_members(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let now = self.clock.now();
        let Some(every) = self.spec.count_members.filter(|_| !self.spec.chats.is_empty()) else { return Ok(()) };
        if position.counted_at.is_some_and(|before| now.duration_since(before) < every) {
            return Ok(());
        }
        for name in self.spec.clone().chats.iter() {
            let asked = [("chat_id", name.asked(&position.moved))];
            let members = match self.ask("getChatMemberCount", &asked).await {
                Ok(members) => members,
                Err(error) if error.is_transient() => return Err(error),
                Err(error) => {
                    position.lost.insert(name.to_string(), error.to_string());
                    continue;
                }
            };
            position.lost.remove(&name.to_string());
            into.events.extend(members.as_u64().map(|followers| {
                let (platform, account) = (PLATFORM.to_owned(), name.account());
                Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at: now, followers })
            }));
        }
        position.counted_at = Some(now);
        Ok(())
    }

    /// What keeps a chat from being read, in words.
    async fn problem(&mut self, name: &Name, bot: &Value) -> Result<Option<String>, SourceError> {
        let id = int(bot, "id").map(|id| id.to_string()).unwrap_or_default();
        let asked = [("chat_id", name.asked(&BTreeMap::new())), ("user_id", id)];
        let member = match self.ask("getChatMember", &asked).await {
            Ok(member) => member,
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => return Ok(Some(format!("the chat {name} can not be read: {error}"))),
        };
        let is_private = !flag(bot, "can_read_all_group_messages");
        Ok(match text(&member, "status").unwrap_or_default() {
            "left" | "kicked" => Some(format!("the bot is not in the chat {name}: add it")),
            "member" | "restricted" if is_private => Some(format!(
                "in the chat {name} the bot sees only commands and replies to it: make it an administrator, or switch \
                 its privacy off with /setprivacy at @BotFather and add it anew"
            )),
            _ => None,
        })
    }
}

/// The platform's refusal, by what there is to do about it.
fn refusal(method: &str, answer: &Value) -> SourceError {
    let said = text(answer, "description").unwrap_or("no reason given");
    match (int(answer, "error_code"), said.to_lowercase().contains("webhook")) {
        (Some(409), true) => SourceError::Config(format!(
            "the bot has a webhook, and sends its updates there ({said}): remove it with the method deleteWebhook, or \
             give this source a bot of its own"
        )),
        (Some(409), false) => SourceError::Transient(format!(
            "another process reads with the same bot ({said}): stop it, or give this source a bot of its own"
        )),
        _ => SourceError::Transient(format!("{method} answered without success: {said}")),
    }
}

#[async_trait]
impl Source for TelegramSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let bot = self.ask("getMe", &[]).await?;
        let webhook = self.ask("getWebhookInfo", &[]).await?;
        if let Some(url) = text(&webhook, "url") {
            return Err(SourceError::Config(format!(
                "the bot sends its updates to {}: remove the webhook with the method deleteWebhook, or give this source \
                 a bot of its own",
                url.split('?').next().unwrap_or_default()
            )));
        }
        let mut problems = Vec::new();
        for name in self.spec.clone().chats.iter() {
            let problem = self.problem(name, &bot).await?;
            problems.extend(problem.map(|problem| (name.to_string(), problem)));
        }
        if !problems.is_empty() && problems.len() == self.spec.chats.len() {
            let words: Vec<String> = problems.into_iter().map(|(_, problem)| problem).collect();
            return Err(SourceError::Auth(words.join("; ")));
        }
        self.lost = problems.into_iter().collect();
        Ok(())
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        let asked_at = self.clock.now();
        position.check(asked_at)?;
        let offset = position.offset(asked_at);
        let mut query = vec![
            ("limit", PER_PAGE.to_string()),
            ("timeout", self.spec.long_poll_seconds.to_string()),
            ("allowed_updates", WANTED.to_owned()),
        ];
        query.extend(offset.map(|offset| ("offset", offset.to_string())));
        let updates = self.ask("getUpdates", &query).await?;
        let Some(updates) = updates.as_array() else {
            return Err(SourceError::Transient(format!("{PLATFORM}: the updates are no list")));
        };
        let mut into = Gathered::default();
        into.events.extend(position.gap(&self.spec.name, asked_at).map(Event::Gap));
        let before = position.next;
        updates.iter().for_each(|update| self.take(update, offset, &mut position, &mut into));
        let is_behind = updates.len() >= PER_PAGE && position.next != before;
        if !is_behind {
            self.through = self.through.max(Some(asked_at - LATENESS));
            self.count_members(&mut position, &mut into).await?;
        }
        position.heard(asked_at);
        self.lost = position.lost.clone();
        let state = if is_behind { Progress::Behind } else { Progress::CaughtUp };
        let Gathered { events, rejected, skipped } = into;
        for (why, many) in skipped {
            tracing::debug!("source {}: {many} updates passed over: {why}", self.spec.name);
        }
        Ok(Page { events, rejected, cursor: Cursor::of(VERSION, &position)?, complete_through: self.through, state })
    }

    fn notice(&self) -> Option<String> {
        let words: Vec<String> = self.lost.iter().map(|(chat, why)| format!("the chat {chat} is not read: {why}")).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.bot.allowance()
    }

    fn resume(&mut self, saved: &Value) {
        self.bot.resume(saved);
    }

    fn usage(&self) -> Usage {
        self.bot.usage()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let update: Value = serde_json::from_slice(raw).map_err(|error| format!("the update is no JSON: {error}"))?;
        match map(&update, observed_at).map_err(|error| error.to_string())?.said {
            Said::Event(event) => Ok(vec![event]),
            _ => Ok(Vec::new()),
        }
    }
}
