//! `alert`: steps the detectors over closed buckets, stores episodes, and hands notifications to the outbox.
//!
//! At start the detectors are rebuilt by stepping over all stored buckets. What was already handled is known by a frontier,
//! saved after the outbox has the notifications: an alert is told at least once, and under the same key.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use grapevine_alerts::{Detector, Episode, EpisodeState, NegativeSpike, Transition, Watch};
use grapevine_log::Record;
use grapevine_model::{Bucket, topics};
use jiff::{SignedDuration, Timestamp};

use super::{Pipeline, notify::Notifier};

const STAGE: &str = "alert";
/// Before a brand's name: the key of its frontier.
pub const FRONTIER: &str = "alert:frontier:";
/// How often newly closed buckets are looked for; a first notification follows within seconds of the bucket's close.
const EVERY: Duration = Duration::from_secs(2);
/// Buckets are fetched in spans of this length.
const CHUNK: SignedDuration = SignedDuration::from_hours(24 * 28);

/// The notifier is a task of its own: what waits in the outbox is sent whether or not the store answers.
pub async fn run(pipeline: Pipeline, notifier: Notifier) -> anyhow::Result<()> {
    let mut stage = AlertStage::open(pipeline.clone(), notifier).await?;
    while !pipeline.stopping() {
        stage.advance().await?;
        pipeline.pause(EVERY).await;
    }
    Ok(())
}

struct AlertStage {
    pipeline: Pipeline,
    notifier: Notifier,
    sources: Vec<String>,
    watches: Vec<Watch>,
    /// Stored episodes have been compared with those of the rebuild.
    reconciled: bool,
    /// `brand -> end of the last bucket` whose transitions are stored and in the outbox.
    frontiers: BTreeMap<String, Timestamp>,
}

impl AlertStage {
    async fn open(pipeline: Pipeline, notifier: Notifier) -> anyhow::Result<Self> {
        let own = pipeline.config.brands.iter().filter(|brand| !brand.competitor);
        let watches: Vec<Watch> =
            own.map(|brand| Watch::new(&brand.name, Detector::NegativeSpike(NegativeSpike::default()))).collect();
        let table = pipeline.log.table(topics::STATE).await?;
        let mut frontiers = BTreeMap::new();
        for watch in &watches {
            if let Some(saved) = table.get(&frontier_key(watch.brand())) {
                let frontier = serde_json::from_slice(saved).context("the alert stage's frontier can not be read")?;
                frontiers.insert(watch.brand().to_owned(), frontier);
            }
        }
        let sources = pipeline.config.source_names();
        Ok(Self { pipeline, notifier, sources, watches, reconciled: false, frontiers })
    }

    /// Steps every detector up to where all sources are complete.
    async fn advance(&mut self) -> anyhow::Result<()> {
        let partitions = self.pipeline.config.log.partitions;
        let Some(closed) = self.pipeline.store.closed_through(&self.sources, partitions).await? else { return Ok(()) };
        let closed = Bucket::start_of(closed);
        for at in 0..self.watches.len() {
            self.advance_one(at, closed).await?;
        }
        // Only once the rebuild has come as far as what is closed.
        let caught_up = self.watches.iter().all(|watch| watch.through().is_none_or(|through| through >= closed));
        if caught_up && !self.reconciled {
            self.reconcile(closed).await?;
            self.reconciled = true;
        }
        Ok(())
    }

    /// Late posts and edits change stored buckets, so that a rebuild can disagree with what was told before. An episode that
    /// is stored as firing and that the rebuild does not know would fire for ever: it ends here.
    async fn reconcile(&self, closed: Timestamp) -> anyhow::Result<()> {
        for watch in &self.watches {
            let open = watch.open().map(|episode| episode.id.as_str());
            let stored = self.pipeline.store.episodes(Some(watch.brand()), Timestamp::UNIX_EPOCH, closed).await?;
            let unknown = |episode: &Episode| {
                episode.state == EpisodeState::Firing
                    && episode.rule == NegativeSpike::RULE
                    && open != Some(episode.id.as_str())
            };
            for mut episode in stored.into_iter().filter(unknown) {
                episode.state = EpisodeState::Resolved;
                episode.resolved_at = Some(closed);
                self.pipeline.store.save_episode(&episode).await?;
                self.notifier.announce(&episode).await?;
            }
        }
        Ok(())
    }

    async fn advance_one(&mut self, at: usize, closed: Timestamp) -> anyhow::Result<()> {
        let brand = self.watches[at].brand().to_owned();
        let from = match self.watches[at].through() {
            Some(through) => Some(through),
            None => self.pipeline.store.first_bucket(&brand).await?,
        };
        let Some(mut from) = from else { return Ok(()) };
        // A dirty hour lacks changes, and a bucket is stepped over but once. What was stepped over already may change as it
        // will: were it waited for, edits of old posts would hold a brand's alerts back for as long as they come.
        let closed = self.pipeline.store.oldest_dirty(&brand, from).await?.map_or(closed, |dirty| dirty.min(closed));
        while from < closed && !self.pipeline.stopping() {
            let to = from.checked_add(CHUNK).map_or(closed, |to| to.min(closed));
            let buckets = self.pipeline.store.buckets(&brand, from, to).await?;
            if self.dirty_within(&brand, from, to).await? {
                // They changed meanwhile.
                return Ok(());
            }
            let transitions = step(&mut self.watches[at], &buckets);
            self.pipeline.status.count(STAGE, "buckets", buckets.len() as u64);
            self.handle(&brand, transitions, to).await?;
            from = to;
        }
        Ok(())
    }

    async fn dirty_within(&self, brand: &str, from: Timestamp, to: Timestamp) -> anyhow::Result<bool> {
        Ok(self.pipeline.store.oldest_dirty(brand, from).await?.is_some_and(|dirty| dirty < to))
    }

    /// Stores and announces what happened after the frontier, then moves it.
    async fn handle(
        &mut self,
        brand: &str,
        transitions: Vec<(Timestamp, Transition)>,
        through: Timestamp,
    ) -> anyhow::Result<()> {
        let frontier = self.frontiers.get(brand).copied().unwrap_or(Timestamp::MIN);
        if through <= frontier {
            return Ok(());
        }
        for (_, transition) in transitions.into_iter().filter(|(happened_at, _)| *happened_at > frontier) {
            self.pipeline.store.save_episode(transition.episode()).await?;
            if transition.is_notified() {
                self.notifier.announce(transition.episode()).await?;
            }
        }
        let value = serde_json::to_vec(&through)?;
        let record = Record { key: frontier_key(brand), value, partition: Some(0) };
        self.pipeline.log.append(topics::STATE, vec![record]).await?;
        self.frontiers.insert(brand.to_owned(), through);
        Ok(())
    }
}

/// Each transition with the end of the bucket that caused it.
fn step(watch: &mut Watch, buckets: &[Bucket]) -> Vec<(Timestamp, Transition)> {
    let mut transitions = Vec::new();
    for bucket in buckets {
        transitions.extend(watch.step(bucket).into_iter().map(|transition| (bucket.end(), transition)));
    }
    transitions
}

fn frontier_key(brand: &str) -> Vec<u8> {
    format!("{FRONTIER}{brand}").into_bytes()
}
