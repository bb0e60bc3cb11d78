use std::sync::Arc;

use async_trait::async_trait;
use grapevine_model::{Event, Gap, Mention, Usage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    FeedSpec,
    entry::map,
    parse::parse,
    seen::{News, Seen},
    sites,
};
use crate::{
    Cursor, Page, Progress, Source, SourceError, World,
    http::{Auth, Client, Cost, Request, Response, Validators},
    pace::Pace,
    registry::Clock,
};

const VERSION: u16 = 1;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Position {
    validators: Validators,
    seen: Seen,
    /// Of the last reading that was not empty.
    newest: Option<Timestamp>,
}

pub(super) struct FeedSource {
    spec: Arc<FeedSpec>,
    client: Client,
    clock: Arc<dyn Clock>,
    pace: Pace,
    through: Option<Timestamp>,
}

impl FeedSource {
    pub(super) fn new(spec: Arc<FeedSpec>, world: &World) -> Self {
        let client = Client::new(world, Auth::None, sites::quota(&spec.url));
        let pace = Pace::new(spec.interval);
        Self { spec, client, clock: world.clock.clone(), pace, through: None }
    }

    async fn fetch(&mut self, validators: &Validators) -> Result<Response, SourceError> {
        let request = validators.apply(Request::get(self.spec.url.clone()));
        self.client.send(&request, &Cost::default()).await
    }

    fn mentions(&self, response: &Response) -> Result<Vec<Mention>, SourceError> {
        let feed = parse(&response.body).map_err(|problem| {
            SourceError::Transient(format!("{} gives no feed: {problem}", Request::get(self.spec.url.clone()).place()))
        })?;
        let mut mentions: Vec<Mention> = map(&feed, &self.spec.url, response.at);
        if self.spec.space.is_some() {
            mentions.iter_mut().for_each(|mention| mention.space.clone_from(&self.spec.space));
        }
        Ok(mentions)
    }

    fn read(&self, mut position: Position, response: &Response) -> Result<(Vec<Event>, Position), SourceError> {
        let mentions = self.mentions(response)?;
        let (before, oldest) = (position.newest, mentions.iter().map(|mention| mention.created_at).min());
        position.newest = mentions.iter().map(|mention| mention.created_at).max().or(before);
        position.validators = response.validators();
        let is_first = position.seen.is_empty();
        let News { mut events, overlaps } = position.seen.take(mentions);
        if let (false, false, Some(from), Some(to)) = (is_first, overlaps, before, oldest)
            && from < to
        {
            let reason = "the feed turned over between two readings: shorten interval_seconds".to_owned();
            events.insert(0, Event::Gap(Gap { source: self.spec.name.clone(), from, to, reason }));
        }
        Ok((events, position))
    }
}

#[async_trait]
impl Source for FeedSource {
    fn allowance(&self) -> Option<Value> {
        self.client.allowance()
    }

    fn resume(&mut self, saved: &Value) {
        self.client.resume(saved);
    }

    fn usage(&self) -> Usage {
        self.client.usage()
    }

    async fn check(&mut self) -> Result<(), SourceError> {
        let response = self.fetch(&Validators::default()).await?;
        self.mentions(&response).map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let position: Position = cursor.map(|cursor| cursor.read(VERSION)).transpose()?.unwrap_or_default();
        let mut page = Page {
            events: Vec::new(),
            rejected: Vec::new(),
            cursor: Cursor::of(VERSION, &position)?,
            complete_through: self.through,
            state: Progress::CaughtUp,
        };
        if !self.pace.is_due(&*self.clock, cursor).await {
            return Ok(page);
        }
        let asked_at = self.clock.now();
        let response = self.fetch(&position.validators).await?;
        if !response.is_unchanged() {
            let (events, position) = self.read(position, &response)?;
            (page.events, page.cursor) = (events, Cursor::of(VERSION, &position)?);
        }
        self.through = self.through.max(Some(asked_at - self.spec.lateness));
        page.complete_through = self.through;
        self.pace.gave(asked_at, &page);
        Ok(page)
    }
}
