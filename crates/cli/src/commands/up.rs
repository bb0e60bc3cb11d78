//! `grapevine up`: every stage as a task of this process.

use std::{path::Path, process::ExitCode, time::Duration};

use super::stop_on_signal;
use crate::{
    config, parts,
    stages::{self, Pipeline, alert, ingest, score, serve, sink},
};

/// The page is served as soon as the store answers; the model is loaded beside it.
pub async fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = config::load(file)?;
    let shutdown = stop_on_signal();
    let listener = serve::bind(&config).await?;
    let log = parts::open_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    let open = parts::open_store(&config).await?;
    open.store.migrate().await?;
    let pipeline = Pipeline::new(config, log, &open, shutdown);

    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(serve::run_on(pipeline.clone(), listener));
    spawn(&mut tasks, "ingest", &pipeline, ingest::run);
    spawn(&mut tasks, "sink", &pipeline, sink::run);
    spawn(&mut tasks, "alert", &pipeline, alert::run);
    let scoring = pipeline.clone();
    tasks.spawn(async move {
        let scorer = score::open_scorer(&scoring).await?;
        stages::supervise("score", scoring, move |pipeline| score::run(pipeline, scorer.clone())).await;
        Ok(())
    });
    if let Some(engine) = open.engine.clone() {
        let watched = pipeline.clone();
        tasks.spawn(async move {
            while watched.pause(Duration::from_secs(1)).await {
                watched.status.engine_restarts(engine.restarts());
            }
            Ok(())
        });
    }
    let outcome = first_failure(&mut tasks).await;
    pipeline.shutdown.cancel();
    while tasks.join_next().await.is_some() {}
    drop(pipeline);
    open.close().await;
    outcome.map(|()| ExitCode::SUCCESS)
}

fn spawn<F, Fut>(tasks: &mut tokio::task::JoinSet<anyhow::Result<()>>, name: &'static str, pipeline: &Pipeline, run: F)
where
    F: Fn(Pipeline) -> Fut + Send + 'static,
    Fut: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let pipeline = pipeline.clone();
    tasks.spawn(async move {
        stages::supervise(name, pipeline, run).await;
        Ok(())
    });
}

/// Waits until every task has ended well, or one has not.
async fn first_failure(tasks: &mut tokio::task::JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}
