use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{Deletion, Event, Gap, MentionKey, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    MisskeySpec,
    map::{PLATFORM, map},
};
use crate::{
    Cursor, Page, Source, SourceError, World,
    http::{
        Auth, Class, Client, Cost, ErrorRule, Fetched, Limit, QuotaPolicy, Request, Window, is_about_the_request,
    },
    json::text,
    pace::Pace,
    registry::Clock,
    rounds::{Gathered, Position, Round, Turned},
};

/// The most that the API gives of a hashtag.
const PER_PAGE: usize = 100;
/// Notes that are checked in one poll: each is asked for alone.
const AT_ONCE: usize = 10;

pub(super) struct MisskeySource {
    spec: Arc<MisskeySpec>,
    world: World,
    clock: Arc<dyn Clock>,
    client: Option<Client>,
    /// Of an earlier life; for a client that is not there yet.
    saved: Option<Value>,
    pace: Pace,
    /// Hashtags that are refused, and why.
    refused: BTreeMap<String, String>,
}

pub(super) fn policy(spec: &MisskeySpec) -> QuotaPolicy {
    let window = Window::Rolling(SignedDuration::from_mins(1));
    let limit = Limit { amount: spec.requests_per_minute, window, only: None };
    QuotaPolicy { limits: vec![limit], ..QuotaPolicy::default() }
}

/// Misskey says in a word what a status 400 means.
fn rules() -> Vec<ErrorRule> {
    let rule = |word: &str, class| ErrorRule {
        status: None,
        field: Some("error.code".to_owned()),
        is: vec![word.into()],
        contains: Vec::new(),
        class,
    };
    vec![rule("NO_SUCH_NOTE", Class::Gone), rule("RATE_LIMIT_EXCEEDED", Class::LimitedForNow)]
}

impl MisskeySource {
    pub(super) fn new(spec: Arc<MisskeySpec>, world: &World) -> Self {
        let (clock, pace) = (world.clock.clone(), Pace::new(spec.reach.interval));
        Self { spec, world: world.clone(), clock, client: None, saved: None, pace, refused: BTreeMap::new() }
    }

    /// The secret is read when it is needed first.
    fn client(&mut self) -> Result<&mut Client, SourceError> {
        if self.client.is_none() {
            let token = self.spec.token.as_ref().map(|place| place.read(&self.world)).transpose()?;
            let auth = token.map_or(Auth::None, Auth::Bearer);
            let mut client = Client::new(&self.world, auth, policy(&self.spec)).with_rules(rules());
            self.saved.take().iter().for_each(|saved| client.resume(saved));
            self.client = Some(client);
        }
        self.client.as_mut().ok_or_else(|| SourceError::Config("there is no client".to_owned()))
    }

    /// Every call is a POST with its parameters in JSON.
    async fn call(&mut self, method: &str, parameters: &Value) -> Result<Value, SourceError> {
        let mut url = self.spec.instance.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(method.split('/'));
        }
        match self.client()?.get_json(&Request::post(url).with_json(parameters), &Cost::default()).await? {
            Fetched::Json { value, .. } => Ok(value),
            Fetched::Unchanged => Err(SourceError::Transient(format!("{PLATFORM}: an unasked 304"))),
        }
    }

    /// Takes in a note.
    fn take(&self, note: &Value, position: &mut Position, into: &mut Gathered) {
        let now = self.clock.now();
        match map(note, &self.spec.instance, now) {
            Ok(mention) => into.events.extend(mention.and_then(|mention| position.take(&self.spec.plan, mention))),
            Err(error) => {
                into.rejected.extend(position.reject(text(note, "id"), note.to_string(), error.to_string(), now));
            }
        }
    }

    /// Reads a page of the hashtag at hand. Those that are refused are passed over, unless all are.
    async fn read(&mut self, round: &mut Round, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        while let Some(tag) = round.left.last().cloned() {
            match self.read_hashtag(&tag, round, position, into).await {
                Err(error) if is_about_the_request(&error) => {
                    if round.refused + 1 >= self.spec.hashtags.len() {
                        return Err(error);
                    }
                    tracing::warn!("source {}: #{tag} is refused: {error}", self.spec.name);
                    self.refused.insert(tag, error.to_string());
                    round.refuse();
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
        let from = position.from(tag, round, &self.spec.reach);
        let mut parameters = json!({"tag": tag, "limit": PER_PAGE});
        if let Some(until) = &round.cursor {
            parameters["untilId"] = json!(until);
        }
        let answer = self.call("notes/search-by-tag", &parameters).await?;
        let notes = answer.as_array();
        let notes = notes.ok_or_else(|| SourceError::Transient(format!("{PLATFORM}: #{tag} gives no list of notes")))?;
        self.refused.remove(tag);
        // The newest stands first, and is given last.
        notes.iter().rev().for_each(|note| self.take(note, position, into));
        let times = notes.iter().filter_map(|note| text(note, "createdAt")?.parse().ok()).collect();
        let next = notes.last().and_then(|note| text(note, "id")).map(str::to_owned);
        let gap = round.turn(position, from, Turned { times, next });
        into.events.extend(gap.map(|gap| Event::Gap(Gap { source: self.spec.name.clone(), ..gap })));
        Ok(())
    }

    /// Checks notes that are due. False where none are.
    async fn check_notes(&mut self, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        let due = position.recheck.due(&self.spec.plan, self.clock.now(), AT_ONCE);
        for id in &due {
            match self.call("notes/show", &json!({"noteId": id})).await {
                Ok(note) => self.take(&note, position, into),
                Err(SourceError::Gone(_)) => {
                    position.gone(id);
                    let key = MentionKey::new(PLATFORM, self.spec.host(), id.clone());
                    into.events.push(Event::Delete(Deletion { key, observed_at: self.clock.now() }));
                }
                Err(error) if error.is_transient() => return Err(error),
                // This note is not shown to us. Whether the token is still good, the hashtags tell.
                Err(error) => tracing::info!("source {}: note {id} is not checked: {error}", self.spec.name),
            }
            position.recheck.checked(&self.spec.plan, id, self.clock.now());
        }
        Ok(!due.is_empty())
    }
}

#[async_trait]
impl Source for MisskeySource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let Some(tag) = self.spec.hashtags.first().cloned() else { return Ok(()) };
        self.call("notes/search-by-tag", &json!({"tag": tag, "limit": 1})).await.map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut position = Position::of(cursor, self.clock.now())?;
        if position.round.is_none() && !self.pace.is_due(&*self.clock, cursor).await {
            return position.page(Gathered::default());
        }
        let mut round = match position.round.take() {
            Some(round) => round,
            None => position.begin(&self.spec.hashtags, self.clock.now()),
        };
        let (mut gathered, began) = (Gathered::default(), round.began);
        if !round.left.is_empty() {
            self.read(&mut round, &mut position, &mut gathered).await?;
            position.round = Some(round);
        } else if self.check_notes(&mut position, &mut gathered).await? {
            position.round = Some(round);
        } else {
            position.end(&round, &self.spec.plan, &self.spec.reach);
        }
        let page = position.page(gathered)?;
        self.pace.gave(began, &page);
        Ok(page)
    }

    fn notice(&self) -> Option<String> {
        let words: Vec<String> = self.refused.iter().map(|(tag, reason)| format!("#{tag} is refused: {reason}")).collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn allowance(&self) -> Option<Value> {
        self.client.as_ref().and_then(Client::allowance)
    }

    fn resume(&mut self, saved: &Value) {
        self.saved = Some(saved.clone());
    }

    fn usage(&self) -> Usage {
        self.client.as_ref().map(Client::usage).unwrap_or_default()
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let note: Value = serde_json::from_slice(raw).map_err(|error| format!("the note is no JSON: {error}"))?;
        let mention = map(&note, &self.spec.instance, observed_at).map_err(|error| error.to_string())?;
        Ok(mention.into_iter().map(|mention| Event::Upsert(Box::new(mention))).collect())
    }
}
