use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{AccountSnapshot, Deletion, Event, Gap, MentionKey, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{SearchSpec, session::Session, view::map};
use crate::{
    Cursor, Page, Source, SourceError, World,
    bluesky::PLATFORM,
    http::is_about_the_request,
    json::{count, list, owned, text},
    pace::Pace,
    registry::Clock,
    rounds::{Gathered, Position, Round, Turned},
};

/// The most that the API gives of a search.
const PER_PAGE: &str = "100";
/// The most that are asked for at once by name.
const AT_ONCE: usize = 25;
/// How often followers are counted.
const COUNT_EVERY: SignedDuration = SignedDuration::from_hours(6);

pub(super) struct SearchSource {
    spec: Arc<SearchSpec>,
    clock: Arc<dyn Clock>,
    session: Session,
    pace: Pace,
    /// Searches that are refused, and why.
    refused: BTreeMap<String, String>,
}

impl SearchSource {
    pub(super) fn new(spec: Arc<SearchSpec>, world: &World) -> Self {
        let session = Session::new(world, spec.host.clone(), spec.account.clone(), spec.password.clone());
        let pace = Pace::new(spec.reach.interval);
        Self { spec, clock: world.clock.clone(), session, pace, refused: BTreeMap::new() }
    }

    /// Takes in a post. What can not be mapped is rejected once, however often it is read.
    fn take(&self, view: &Value, position: &mut Position, into: &mut Gathered) {
        let now = self.clock.now();
        match self.mention(view, now) {
            Ok(mention) => into.events.extend(position.take(&self.spec.plan, *mention)),
            Err(reason) => into.rejected.extend(position.reject(text(view, "uri"), view.to_string(), reason, now)),
        }
    }

    fn mention(&self, view: &Value, observed_at: Timestamp) -> Result<Box<grapevine_model::Mention>, String> {
        let mut mention = map(view, observed_at).map_err(|error| error.to_string())?;
        mention.raw = self.spec.keep_raw.then(|| view.to_string());
        Ok(Box::new(mention))
    }

    /// Reads a page of the search at hand. Those that are refused are passed over, unless all are.
    async fn read(&mut self, round: &mut Round, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        while let Some(search) = round.left.last().cloned() {
            match self.read_search(&search, round, position, into).await {
                Err(error) if is_about_the_request(&error) => {
                    if round.refused + 1 >= self.spec.searches.len() {
                        return Err(error);
                    }
                    tracing::warn!("source {}: the search {search:?} is refused: {error}", self.spec.name);
                    self.refused.insert(search, error.to_string());
                    round.refuse();
                }
                read => return read,
            }
        }
        Ok(())
    }

    async fn read_search(
        &mut self,
        search: &str,
        round: &mut Round,
        position: &mut Position,
        into: &mut Gathered,
    ) -> Result<(), SourceError> {
        let from = position.from(search, round, &self.spec.reach);
        let answer = self.ask(search, from, round.cursor.as_deref()).await?;
        self.refused.remove(search);
        let posts = list(&answer, "posts");
        // The newest stands first, and is given last.
        posts.iter().rev().for_each(|view| self.take(view, position, into));
        let times = posts.iter().filter_map(|view| text(view, "indexedAt")?.parse().ok()).collect();
        let gap = round.turn(position, from, Turned { times, next: owned(&answer, "cursor") });
        into.events.extend(gap.map(|gap| Event::Gap(Gap { source: self.spec.name.clone(), ..gap })));
        Ok(())
    }

    async fn ask(&mut self, search: &str, from: Timestamp, cursor: Option<&str>) -> Result<Value, SourceError> {
        let since = from.to_string();
        let mut query = vec![("q", search), ("sort", "latest"), ("since", &since), ("limit", PER_PAGE)];
        query.extend(cursor.map(|cursor| ("cursor", cursor)));
        let answer = self.session.get("app.bsky.feed.searchPosts", &query).await?;
        match answer.get("posts").is_some_and(Value::is_array) {
            true => Ok(answer),
            false => Err(SourceError::Transient(format!("{PLATFORM}: the search {search:?} gives no list of posts"))),
        }
    }

    /// Reads posts again: those that were missing in an earlier round, then those that are due. False where none are.
    async fn check_posts(
        &mut self,
        began: Timestamp,
        position: &mut Position,
        into: &mut Gathered,
    ) -> Result<bool, SourceError> {
        let now = self.clock.now();
        let missing = position.missing.iter().filter(|(_, missed)| **missed < began);
        let missing: Vec<String> = missing.map(|(id, _)| id.clone()).take(AT_ONCE).collect();
        let is_second_look = !missing.is_empty();
        let asked = if is_second_look { missing } else { position.recheck.due(&self.spec.plan, now, AT_ONCE) };
        if asked.is_empty() {
            return Ok(false);
        }
        let query: Vec<(&str, &str)> = asked.iter().map(|id| ("uris", id.as_str())).collect();
        let answer = self.session.get("app.bsky.feed.getPosts", &query).await?;
        let posts = answer.get("posts").and_then(Value::as_array);
        let posts = posts.ok_or_else(|| SourceError::Transient(format!("{PLATFORM}: no list of posts")))?;
        posts.iter().for_each(|view| self.take(view, position, into));
        let found: Vec<&str> = posts.iter().filter_map(|view| text(view, "uri")).collect();
        for id in asked.iter().filter(|id| !found.contains(&id.as_str())) {
            if is_second_look {
                position.gone(id);
                let key = MentionKey::new(PLATFORM, "", id.clone());
                into.events.push(Event::Delete(Deletion { key, observed_at: now }));
            } else {
                position.missing.insert(id.clone(), now);
            }
        }
        asked.iter().for_each(|id| position.recheck.checked(&self.spec.plan, id, now));
        Ok(true)
    }

    /// Counts followers where that is due.
    async fn count(&mut self, position: &mut Position, into: &mut Gathered) -> Result<(), SourceError> {
        let now = self.clock.now();
        let is_due = position.counted_at.is_none_or(|counted| now.duration_since(counted) >= COUNT_EVERY);
        if self.spec.followers_of.is_empty() || !is_due {
            return Ok(());
        }
        for names in self.spec.clone().followers_of.chunks(AT_ONCE) {
            let query: Vec<(&str, &str)> = names.iter().map(|name| ("actors", name.as_str())).collect();
            let answer = self.session.get("app.bsky.actor.getProfiles", &query).await?;
            into.events.extend(list(&answer, "profiles").iter().filter_map(|profile| {
                let is_it = |name: &&String| {
                    let is = |path| text(profile, path).is_some_and(|known| known.eq_ignore_ascii_case(name));
                    is("handle") || is("did")
                };
                let account = names.iter().find(is_it)?.clone();
                let followers = count(profile, "followersCount")?;
                let platform = PLATFORM.to_owned();
                Some(Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at: now, followers }))
            }));
        }
        position.counted_at = Some(now);
        Ok(())
    }

    /// One step of a round. False where nothing was left to do.
    async fn step(&mut self, round: &mut Round, position: &mut Position, into: &mut Gathered) -> Result<bool, SourceError> {
        if !round.left.is_empty() {
            self.read(round, position, into).await?;
            return Ok(true);
        }
        if self.check_posts(round.began, position, into).await? {
            return Ok(true);
        }
        self.count(position, into).await?;
        Ok(false)
    }
}

#[async_trait]
impl Source for SearchSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let Some(search) = self.spec.searches.first().cloned() else { return Ok(()) };
        self.session.get("app.bsky.feed.searchPosts", &[("q", &search), ("limit", "1")]).await.map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut position = Position::of(cursor, self.clock.now())?;
        if position.round.is_none() && !self.pace.is_due(&*self.clock, cursor).await {
            return position.page(Gathered::default());
        }
        let mut round = match position.round.take() {
            Some(round) => round,
            None => position.begin(&self.spec.searches, self.clock.now()),
        };
        let (mut gathered, began) = (Gathered::default(), round.began);
        match self.step(&mut round, &mut position, &mut gathered).await? {
            true => position.round = Some(round),
            false => position.end(&round, &self.spec.plan, &self.spec.reach),
        }
        let page = position.page(gathered)?;
        self.pace.gave(began, &page);
        Ok(page)
    }

    fn notice(&self) -> Option<String> {
        let words = self.refused.iter().map(|(search, reason)| format!("the search {search:?} is refused: {reason}"));
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn remap(&self, raw: &[u8], observed_at: Timestamp) -> Result<Vec<Event>, String> {
        let view: Value = serde_json::from_slice(raw).map_err(|error| format!("the post is no JSON: {error}"))?;
        Ok(vec![Event::Upsert(self.mention(&view, observed_at)?)])
    }

    fn allowance(&self) -> Option<Value> {
        self.session.client.allowance()
    }

    fn resume(&mut self, saved: &Value) {
        self.session.client.resume(saved);
    }

    fn usage(&self) -> Usage {
        self.session.client.usage()
    }
}
