//! Notifications: into the outbox before anything is sent, and out of it until each receiver has them.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use grapevine_alerts::{Background, Episode, Example, Notification, Outbox, Outcome, Share, Webhook};
use grapevine_log::Record;
use grapevine_model::topics;
use grapevine_store::Explanation;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{Pipeline, crash};
use crate::config::Config;

const STAGE: &str = "alert";
const EVERY: Duration = Duration::from_millis(500);
/// How long the outbox remembers what was sent, for people who ask.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);

/// The outbox and the receivers. Clones share them.
#[derive(Clone)]
pub struct Notifier {
    pipeline: Pipeline,
    outbox: Arc<Mutex<Outbox>>,
    receivers: Arc<[Webhook]>,
}

impl Notifier {
    /// Restores the outbox from its table. A secret that is missing is an error: an alert that nobody gets is none.
    pub async fn open(pipeline: Pipeline) -> anyhow::Result<Self> {
        let receivers = receivers(&pipeline.config)?;
        page_address(&pipeline.config)?;
        let table = pipeline.log.table(topics::OUTBOX).await?;
        let table = table.into_iter().map(|(key, value)| (String::from_utf8_lossy(&key).into_owned(), value));
        let (outbox, unreadable) = Outbox::restore(table);
        for error in unreadable {
            tracing::error!("{error}; it is left where it is");
            pipeline.status.count(STAGE, "unreadable_notification", 1);
        }
        let notifier = Self { pipeline, outbox: Arc::new(Mutex::new(outbox)), receivers: receivers.into() };
        notifier.forget_old().await?;
        Ok(notifier)
    }

    /// What was sent long ago need not be kept: the alert stage's frontier keeps it from being announced again.
    async fn forget_old(&self) -> anyhow::Result<()> {
        let old = self.outbox.lock().await.forget_sent_before(Timestamp::now() - KEPT);
        for record in old {
            self.persist(Some(record)).await?;
        }
        Ok(())
    }

    /// Puts the news of an episode into the outbox, once for each receiver. Returns when they are durable.
    pub async fn announce(&self, episode: &Episode) -> anyhow::Result<()> {
        let now = Timestamp::now();
        let happened_at = episode.resolved_at.unwrap_or(episode.started_at);
        let max_age = self.pipeline.config.alerts.max_age_hours;
        if max_age > 0 && now.duration_since(happened_at) > SignedDuration::from_hours(i64::from(max_age)) {
            self.pipeline.status.count(STAGE, "too_old_to_notify", 1);
            return Ok(());
        }
        tracing::info!("{} of {}: {:?} at {happened_at}", episode.rule, episode.brand, episode.state);
        if self.receivers.is_empty() {
            self.pipeline.status.count(STAGE, "nobody_to_notify", 1);
            return Ok(());
        }
        let background = self.background(episode).await?;
        for receiver in self.receivers.iter() {
            let notification = Notification::new(episode, receiver.name(), &background, now);
            // Held until it is durable, so that it is not sent before.
            let mut outbox = self.outbox.lock().await;
            let record = outbox.enqueue(notification, now);
            self.persist(record).await?;
            crash::at("alert-persisted");
        }
        Ok(())
    }

    /// What the store knows of the span: examples, shares, and a link to the page there.
    async fn background(&self, episode: &Episode) -> anyhow::Result<Background> {
        let hour = SignedDuration::from_hours(1);
        let (from, to) = (episode.started_at - hour, episode.resolved_at.unwrap_or(episode.started_at));
        let explanation = self.pipeline.store.explain(&episode.brand, from, to).await?;
        let link = self.link(episode, from, to)?;
        Ok(Background { link: Some(link), ..background_of(explanation) })
    }

    /// Builds the receivers and the page's address, for `check-config`.
    pub fn check(config: &Config) -> anyhow::Result<usize> {
        receivers(config)?;
        page_address(config)?;
        Ok(config.alerts.receivers.len())
    }

    fn link(&self, episode: &Episode, from: Timestamp, to: Timestamp) -> anyhow::Result<String> {
        let mut url = page_address(&self.pipeline.config)?;
        // The page shows a span by its length and its end.
        let end = (from + SignedDuration::from_hours(18)).max(to);
        url.query_pairs_mut()
            .append_pair("brand", &episode.brand)
            .append_pair("span", "24h")
            .append_pair("to", &end.to_string());
        Ok(url.into())
    }

    async fn persist(&self, record: Option<grapevine_alerts::Record>) -> anyhow::Result<()> {
        let Some(record) = record else { return Ok(()) };
        let value = record.value.unwrap_or_default();
        let record = Record { key: record.key.into_bytes(), value, partition: Some(0) };
        Ok(self.pipeline.log.append(topics::OUTBOX, vec![record]).await?)
    }

    /// Sends what is due until the pipeline stops.
    pub async fn run(self) {
        while self.pipeline.pause(EVERY).await {
            let due = self.outbox.lock().await.due(Timestamp::now());
            // At once to all: one receiver that is slow keeps no other waiting.
            futures::future::join_all(due.into_iter().map(|notification| self.deliver(notification))).await;
        }
    }

    async fn deliver(&self, notification: Notification) {
        let receiver = self.receivers.iter().find(|receiver| receiver.name() == notification.receiver);
        let outcome = match receiver {
            Some(receiver) => receiver.send(&notification, Timestamp::now()).await,
            None => {
                Outcome::Refused { reason: format!("no receiver {} is configured any more", notification.receiver) }
            }
        };
        let label = match &outcome {
            Outcome::Delivered => "notified",
            Outcome::Retry { .. } => "notification_retried",
            Outcome::Refused { .. } => "notification_refused",
        };
        if let Outcome::Retry { reason, .. } | Outcome::Refused { reason } = &outcome {
            tracing::warn!("receiver {}: {reason}", notification.receiver);
        }
        self.pipeline.status.count(STAGE, label, 1);
        crash::at("alert-sent");
        let record = self.outbox.lock().await.settle(&notification.key, outcome, Timestamp::now());
        match self.persist(record).await {
            Ok(()) => crash::at("alert-settled"),
            // It is sent once more after a restart, under the same key.
            Err(error) => tracing::warn!("what became of a notification could not be saved: {error:#}"),
        }
    }
}

fn receivers(config: &Config) -> anyhow::Result<Vec<Webhook>> {
    let variable = |name: &str| std::env::var(name).ok();
    let receivers = config.alerts.receivers.iter().map(|receiver| Webhook::new(receiver, variable));
    receivers.collect::<Result<_, _>>().context("[alerts]")
}

fn page_address(config: &Config) -> anyhow::Result<reqwest::Url> {
    let base = config.alerts.page_url.clone().unwrap_or_else(|| format!("http://{}", config.api.listen));
    reqwest::Url::parse(&base).with_context(|| format!("[alerts] page_url is no address: {base}"))
}

fn background_of(explanation: Explanation) -> Background {
    let share = |share: grapevine_store::Share| Share { name: share.name, count: share.observed, share: share.share };
    let shares =
        [("platform", explanation.platforms), ("author", explanation.authors), ("hashtag", explanation.hashtags)];
    let example = |row: grapevine_store::MentionRow| Example {
        id: row.id.to_string(),
        platform: row.platform,
        author: if row.author_handle.is_empty() { row.author } else { row.author_handle },
        created_at: row.created_at,
        text: row.text,
        url: (!row.url.is_empty()).then_some(row.url),
    };
    Background {
        examples: explanation.examples.into_iter().map(example).collect(),
        shares: shares.into_iter().map(|(name, all)| (name.to_owned(), all.into_iter().map(share).collect())).collect(),
        link: None,
    }
}
