//! What a source's task says: heartbeats and reports in the log, its state on the board.

use std::time::Duration;

use grapevine_api::SourceState;
use grapevine_model::{Event, Heartbeat, topics};
use grapevine_sources::Page;
use jiff::Timestamp;
use tokio::time::Instant;

use super::{HEARTBEAT_EVERY, Ingestor, mark::Mark, records_of};

impl Ingestor {
    pub(super) async fn report(&mut self, state: SourceState, message: Option<String>) {
        let (name, kind) = (self.spec.name(), self.spec.kind());
        self.pipeline.status.source(name, kind, state, message.clone());
        self.mark(state, message).await;
    }

    /// Where that fails it is said with the next report: what it tells of is not worth a retry of its own.
    async fn mark(&mut self, state: SourceState, message: Option<String>) {
        let Some(mut mark) = Mark::after(self.mark.as_ref(), state, message, Timestamp::now()) else { return };
        mark.complete_through = self.promised.map(|(through, _)| through).max(mark.complete_through);
        mark.last_success = self.vitals.last_success.max(mark.last_success);
        mark.usage = self.usage.clone();
        self.pipeline.status.fares(self.spec.name(), &mark);
        if let Err(error) = self.write(&mark).await {
            tracing::debug!("source {}: its state could not be saved: {error}", self.spec.name());
            return;
        }
        self.vitals.reported(&mark.usage);
        self.mark = Some(mark);
    }

    /// The mark for `grapevine status`, and the report for the store.
    async fn write(&self, mark: &Mark) -> Result<(), grapevine_log::LogError> {
        let name = self.spec.name();
        self.pipeline.log.append(topics::STATE, vec![mark.record(name)]).await?;
        let health = self.vitals.report((name, self.spec.kind()), mark, &mark.usage);
        let event = Event::SourceHealth(Box::new(health));
        self.pipeline.log.append(topics::RAW, records_of(&event, self.pipeline.config.log.partitions)).await
    }

    /// Sleeps, and says meanwhile that the source stays as it is: one that waits is not silent. Without a time, until the
    /// pipeline stops: then it is `false`.
    pub(super) async fn wait(&mut self, time: Option<Duration>) -> bool {
        let end = time.map(|time| Instant::now() + time);
        loop {
            let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return true;
            }
            if !self.pipeline.pause(left.min(self.stay_every)).await {
                return false;
            }
            if end.is_none_or(|end| Instant::now() < end) {
                self.stay().await;
            }
        }
    }

    /// A poll has been going on for so long.
    pub(super) async fn waits(&mut self, time: Duration) {
        if time >= self.patience.stalled && self.mark.as_ref().is_none_or(|mark| mark.state != SourceState::Stalled) {
            let message = format!(
                "a poll has not returned for {} s; it is given up after some minutes, and the source is built anew",
                time.as_secs()
            );
            tracing::warn!("source {}: {message}", self.spec.name());
            self.report(SourceState::Stalled, Some(message)).await;
        }
        self.stay().await;
    }

    /// As complete as it was, in the state that it was in.
    pub(super) async fn stay(&mut self) {
        if let Some(heartbeat) = self.heartbeat(self.promised) {
            let records = records_of(&heartbeat, self.pipeline.config.log.partitions);
            if let Err(error) = self.pipeline.log.append(topics::RAW, records).await {
                tracing::warn!("source {}: {error}", self.spec.name());
            }
        }
        if let Some(Mark { state, message, .. }) = self.mark.clone() {
            self.mark(state, message).await;
        }
    }

    pub(super) fn heartbeat_is_due(&mut self, page: &Page) -> bool {
        let now = Instant::now();
        let due = !page.events.is_empty() || self.heartbeat_at.is_none_or(|last| now - last >= HEARTBEAT_EVERY);
        if due {
            self.heartbeat_at = Some(now);
        }
        due
    }

    /// `None` where there is nothing to say: it has promised nothing, and may still hold back the closing.
    pub(super) fn heartbeat(&self, promised: Option<(Timestamp, bool)>) -> Option<Event> {
        let observed_at = Timestamp::now();
        let closes = self.closing.closes(promised.map(|(through, _)| through), observed_at);
        if promised.is_none() && closes.is_none() {
            return None;
        }
        // 1970 promises nothing.
        let (complete_through, caught_up) = promised.unwrap_or((Timestamp::UNIX_EPOCH, false));
        let source = self.spec.name().to_owned();
        Some(Event::Heartbeat(Heartbeat { source, complete_through, observed_at, caught_up, closes }))
    }

    /// Nothing will follow from an ended source: up to now, it is complete, and it goes on saying so.
    pub(super) async fn rest(mut self) {
        self.report(SourceState::Ended, None).await;
        tracing::info!("source {}: read to its end", self.spec.name());
        loop {
            self.promised = Some((Timestamp::now(), true));
            self.stay().await;
            if !self.pipeline.pause(self.stay_every).await {
                return;
            }
        }
    }
}
