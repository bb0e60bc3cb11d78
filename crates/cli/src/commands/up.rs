//! `grapevine up`: every stage as a task of this process.

use std::{path::Path, process::ExitCode};

use super::{monitoring, stop_on_signal, tasks::Tasks};
use crate::{
    config, parts,
    stages::{self, Pipeline, serve},
};

/// The page is served as soon as the store answers; the model is loaded beside it.
pub async fn run(file: &Path) -> anyhow::Result<ExitCode> {
    let config = config::load(file)?;
    let shutdown = stop_on_signal();
    let listener = serve::bind(&config).await?;
    let metrics = serve::install_metrics()?;
    let monitor = monitoring::bind(&config).await?;
    let log = parts::open_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    parts::wait_for_engine_to_be_free(&config).await?;
    let open = parts::open_store(&config).await?;
    open.store.migrate().await?;
    let pipeline = Pipeline::new(config, log, &open, shutdown);

    let _monitor = monitoring::serve(monitor, &pipeline, metrics.clone());
    let mut tasks = Tasks::new(pipeline);
    tasks.serve(listener, metrics);
    tasks.ingest();
    tasks.sink();
    tasks.alert().await?;
    tasks.score();
    if let Some(engine) = open.engine.clone() {
        tasks.watch_engine(engine);
    }
    let outcome = tasks.finish().await;
    open.close().await;
    outcome.map(|()| ExitCode::SUCCESS)
}
