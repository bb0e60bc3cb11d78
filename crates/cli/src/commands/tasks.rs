//! The tasks of a process: stages, and what watches them.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::bail;
use grapevine_engine::EmbeddedEngine;
use grapevine_model::topics;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{net::TcpListener, task::JoinSet};

use crate::stages::{Pipeline, alert, ingest, notify::Notifier, score, serve, sink, supervise, watch};

/// How long stages may take to end in order.
const PATIENCE: Duration = Duration::from_secs(20);
/// A borrowed engine that does not answer for so long is gone.
const ENGINE_GONE: Duration = Duration::from_secs(30);

pub struct Tasks {
    pipeline: Pipeline,
    set: JoinSet<anyhow::Result<()>>,
}

impl Tasks {
    pub fn new(pipeline: Pipeline) -> Self {
        Self { pipeline, set: JoinSet::new() }
    }

    pub fn ingest(&mut self) {
        self.supervised("ingest", ingest::run);
    }

    /// The model is loaded as a task, so that nothing waits for it.
    pub fn score(&mut self) {
        let pipeline = self.pipeline.clone();
        self.set.spawn(async move {
            let scorer = score::open_scorer(&pipeline).await?;
            supervise("score", pipeline, move |pipeline| score::run(pipeline, scorer.clone())).await;
            Ok(())
        });
        self.background(watch::run(self.pipeline.clone(), "score", topics::RAW, score::GROUP));
    }

    pub fn sink(&mut self) {
        self.supervised("sink", sink::run);
        self.background(watch::run(self.pipeline.clone(), "sink", topics::SCORED, sink::GROUP));
    }

    /// # Errors
    /// A receiver that can not work: better said at the start than at the first alert.
    pub async fn alert(&mut self) -> anyhow::Result<()> {
        let notifier = Notifier::open(self.pipeline.clone()).await?;
        self.background(notifier.clone().run());
        self.supervised("alert", move |pipeline| alert::run(pipeline, notifier.clone()));
        Ok(())
    }

    pub fn serve(&mut self, listener: TcpListener, metrics: PrometheusHandle) {
        self.set.spawn(serve::run_on(self.pipeline.clone(), listener, metrics));
    }

    /// Shows how often the engine was started again.
    pub fn watch_engine(&mut self, engine: Arc<EmbeddedEngine>) {
        let pipeline = self.pipeline.clone();
        self.background(async move {
            while pipeline.pause(Duration::from_secs(1)).await {
                pipeline.status.engine_restarts(engine.restarts());
            }
        });
    }

    /// Ends this process when the engine of another one is gone: started again, it finds where the engine answers now.
    pub fn watch_borrowed_engine(&mut self) {
        let pipeline = self.pipeline.clone();
        self.set.spawn(async move {
            let mut answered = tokio::time::Instant::now();
            while pipeline.pause(Duration::from_secs(2)).await {
                if pipeline.store.ping().await.is_ok() {
                    answered = tokio::time::Instant::now();
                } else if answered.elapsed() > ENGINE_GONE {
                    bail!("the embedded engine, which another grapevine process served, is gone; start this one again");
                }
            }
            Ok(())
        });
    }

    /// Waits until every task has ended well, or one has not; then ends the others.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while let Some(ended) = self.set.join_next().await {
            outcome = ended?;
            if outcome.is_err() || self.pipeline.stopping() {
                break;
            }
        }
        self.pipeline.shutdown.cancel();
        let rest = async { while self.set.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, rest).await.is_err() {
            tracing::warn!("some stages did not end within {PATIENCE:?}; what they had not committed is done again");
            self.set.abort_all();
        }
        outcome
    }

    fn supervised<F, Fut>(&mut self, name: &'static str, run: F)
    where
        F: Fn(Pipeline) -> Fut + Send + 'static,
        Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.background(supervise(name, self.pipeline.clone(), run));
    }

    fn background(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(async move {
            task.await;
            Ok(())
        });
    }
}
