//! The stages: loops that read, call a pure core, write, and only then commit.
//!
//! [`crash::ALL`] says what a crash between two writes leaves, and what happens then.

pub mod alert;
mod backoff;
pub mod crash;
pub mod dead_letter;
pub mod forgotten;
pub mod ingest;
pub mod labels;
pub mod live;
mod member;
pub mod notify;
pub mod score;
pub mod serve;
pub mod sink;
pub mod status;
mod versions;
pub mod watch;

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::Context;
use grapevine_api::StageState;
use grapevine_log::{Log, Retention, TopicSpec};
use grapevine_model::topics;
use grapevine_store::Store;
use tokio_util::sync::CancellationToken;

use crate::{config::Config, parts::OpenStore};
pub use ingest::records_of;
pub use score::score_texts;
use status::StatusBoard;

/// What every stage works with.
#[derive(Clone)]
pub struct Pipeline {
    pub config: Arc<Config>,
    pub log: Arc<dyn Log>,
    pub store: Store,
    /// Answers questions of people, as a user that can not write.
    pub reader: Store,
    pub status: Arc<StatusBoard>,
    /// What deletion requests keep out.
    pub forgotten: Arc<forgotten::Gate>,
    pub shutdown: CancellationToken,
}

impl Pipeline {
    pub fn new(config: Config, log: Arc<dyn Log>, open: &OpenStore, shutdown: CancellationToken) -> Self {
        let (store, reader) = (open.store.clone(), open.reader.clone());
        let forgotten = Arc::new(forgotten::Gate::new(log.clone()));
        Self { config: Arc::new(config), log, store, reader, status: Arc::new(StatusBoard::new()), forgotten, shutdown }
    }

    /// Sleeps, or returns `false` at once when the pipeline stops.
    pub async fn pause(&self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => true,
            () = self.shutdown.cancelled() => false,
        }
    }

    pub fn stopping(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}

/// Creates the topics that are missing.
pub async fn ensure_topics(log: &dyn Log, config: &Config) -> anyhow::Result<()> {
    let kept = Retention::For(Duration::from_secs(config.log.retention_hours * 3600));
    let stream = |name: &str| TopicSpec { name: name.into(), partitions: config.log.partitions, keep: kept };
    let table = |name: &str| TopicSpec { name: name.into(), partitions: 1, keep: Retention::Compacted };
    let dead_letters = TopicSpec {
        name: topics::DEAD_LETTERS.into(),
        partitions: 1,
        keep: Retention::For(Duration::from_secs(90 * 24 * 3600)),
    };
    let all = [
        stream(topics::RAW),
        stream(topics::SCORED),
        dead_letters,
        table(topics::LABELS),
        table(topics::FORGOTTEN),
        table(topics::STATE),
        table(topics::OUTBOX),
    ];
    log.ensure_topics(&all).await.context("the log's topics could not be created")
}

/// Runs a stage until the pipeline stops. A stage that fails is started again after a pause that grows to half a minute:
/// what it had not committed, it reads again.
pub async fn supervise<F, Fut>(name: &'static str, pipeline: Pipeline, run: F)
where
    F: Fn(Pipeline) -> Fut + Send,
    Fut: Future<Output = anyhow::Result<()>> + Send,
{
    let mut pause = FIRST_PAUSE;
    while !pipeline.stopping() {
        pipeline.status.stage(name, StageState::Running, None);
        let started = tokio::time::Instant::now();
        let Err(error) = run(pipeline.clone()).await else { break };
        if started.elapsed() > LONGEST_PAUSE * 2 {
            pause = FIRST_PAUSE;
        }
        tracing::warn!("{name}: {error:#}; trying again in {:.1} s", pause.as_secs_f64());
        pipeline.status.stage(name, StageState::Retrying, Some(format!("{error:#}")));
        metrics::counter!("grapevine_stage_retries_total", "stage" => name).increment(1);
        if !pipeline.pause(pause).await {
            break;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    pipeline.status.stage(name, StageState::Stopped, None);
}

const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
