use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use grapevine_model::{AccountSnapshot, Deletion, Event, Gap, MentionKey, Usage};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    SearchSpec,
    position::{Position, Round, VERSION, digest},
    session::Session,
    view::map,
};
use crate::{
    Cursor, Page, Progress, Rejected, Source, SourceError, World, is_not_ahead,
    bluesky::PLATFORM,
    http::is_about_the_request,
    json::{count, list, owned, text},
    pace::Pace,
    registry::Clock,
};

/// The most that the API gives of a search.
const PER_PAGE: &str = "100";
/// More pages of one search are not turned in one round: the API has no more to give.
const MOST_PAGES: usize = 100;
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

/// What one poll gathers.
#[derive(Default)]
struct Gathered {
    events: Vec<Event>,
    rejected: Vec<Rejected>,
}

impl SearchSource {
    pub(super) fn new(spec: Arc<SearchSpec>, world: &World) -> Self {
        let session = Session::new(world, spec.host.clone(), spec.account.clone(), spec.password.clone());
        let pace = Pace::new(spec.interval);
        Self { spec, clock: world.clock.clone(), session, pace, refused: BTreeMap::new() }
    }

    /// Takes in a post. What can not be mapped is rejected once, however often it is read.
    fn take(&self, view: &Value, position: &mut Position, into: &mut Gathered) {
        let now = self.clock.now();
        match self.mention(view, now) {
            Ok(mention) => into.events.extend(position.take(&self.spec.plan, *mention)),
            Err(reason) => {
                let raw = view.to_string();
                let id = text(view, "uri").unwrap_or(&raw);
                if position.refuse(id, &reason, now) {
                    let place = format!("bluesky post {}", text(view, "uri").unwrap_or(&digest(&raw, 16)));
                    into.rejected.push(Rejected { place, reason, raw: raw.into_bytes() });
                }
            }
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
                    round.refused += 1;
                    if round.refused >= self.spec.searches.len() {
                        return Err(error);
                    }
                    tracing::warn!("source {}: the search {search:?} is refused: {error}", self.spec.name);
                    self.refused.insert(search, error.to_string());
                    next_search(round);
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
        let from = match position.read_at.get(search) {
            Some(read_at) => *read_at - self.spec.lateness,
            None => round.began - self.spec.backfill,
        };
        let answer = self.ask(search, from, round.cursor.as_deref()).await?;
        self.refused.remove(search);
        let posts = list(&answer, "posts");
        // The newest stands first, and is given last.
        posts.iter().rev().for_each(|view| self.take(view, position, into));
        let times = posts.iter().filter_map(|view| text(view, "indexedAt")?.parse::<Timestamp>().ok());
        round.oldest = times.chain(round.oldest).min();
        let has_more = !posts.is_empty() && round.oldest.is_none_or(|oldest| oldest >= from);
        let next = owned(&answer, "cursor").filter(|_| has_more);
        let is_new = next.as_ref().is_some_and(|next| round.followed.insert(digest(next, 12)));
        if is_new && round.followed.len() <= MOST_PAGES {
            round.cursor = next;
            return Ok(());
        }
        if next.is_some() {
            let to = round.oldest.unwrap_or(from).max(from);
            let reason = match is_new {
                true => format!("the search {search:?} finds more than the platform gives: narrow it"),
                false => format!("the search {search:?} says that more follows, and leads back to what was read"),
            };
            into.events.push(Event::Gap(Gap { source: self.spec.name.clone(), from, to, reason }));
        }
        position.read_at.insert(search.to_owned(), round.began);
        next_search(round);
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

    fn begin(&self, position: &mut Position) -> Round {
        position.keep(&self.spec.searches);
        let left = self.spec.searches.iter().rev().cloned().collect();
        let began = self.clock.now();
        Round { began, left, cursor: None, followed: Default::default(), oldest: None, refused: 0 }
    }

    fn end(&self, round: &Round, position: &mut Position) {
        if round.refused == 0 {
            position.complete = position.complete.max(Some(round.began - self.spec.lateness));
        }
        // What the next round finds again has to be known then.
        let overlap = self.spec.lateness + self.spec.interval;
        let kept = self.spec.plan.oldest().max(overlap).max(self.spec.backfill);
        position.forget(round.began - kept);
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

fn next_search(round: &mut Round) {
    (round.cursor, round.oldest) = (None, None);
    round.followed.clear();
    round.left.pop();
}

fn page(position: &Position, gathered: Gathered) -> Result<Page, SourceError> {
    let Gathered { events, rejected } = gathered;
    let state = if position.round.is_some() { Progress::Behind } else { Progress::CaughtUp };
    Ok(Page { events, rejected, cursor: Cursor::of(VERSION, position)?, complete_through: position.complete, state })
}

#[async_trait]
impl Source for SearchSource {
    async fn check(&mut self) -> Result<(), SourceError> {
        let Some(search) = self.spec.searches.first().cloned() else { return Ok(()) };
        self.session.get("app.bsky.feed.searchPosts", &[("q", &search), ("limit", "1")]).await.map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let mut position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        is_not_ahead(position.read_at.values().max().copied(), self.clock.now())?;
        if position.round.is_none() && !self.pace.is_due(&*self.clock, cursor).await {
            return page(&position, Gathered::default());
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
