use std::{path::Path, process::ExitCode};

use super::{monitoring, stop_on_signal, tasks::Tasks};
use crate::{
    config::{self, StoreKind},
    parts,
    stages::{self, Pipeline, serve},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Ingest,
    Score,
    Sink,
    Alert,
    Serve,
}

/// Runs one stage until a signal.
pub async fn run(file: &Path, stage: Stage) -> anyhow::Result<ExitCode> {
    let config = config::load(file)?;
    let shutdown = stop_on_signal();
    let metrics = serve::install_metrics()?;
    let monitor = monitoring::bind(&config).await?;
    let log = parts::open_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    // The first two work on the log alone.
    let asks_store = !matches!(stage, Stage::Ingest | Stage::Score);
    let open = match asks_store {
        true => parts::open_store(&config).await?,
        false => parts::store_without_connection(&config)?,
    };
    if asks_store {
        open.store.migrate().await?;
    }
    let borrowed = asks_store && config.store.kind == StoreKind::Embedded && open.engine.is_none();
    let pipeline = Pipeline::new(config, log, &open, shutdown);
    let _monitor = monitoring::serve(monitor, &pipeline, metrics.clone());
    let mut tasks = Tasks::new(pipeline.clone());
    match stage {
        Stage::Ingest => tasks.ingest(),
        Stage::Score => tasks.score(),
        Stage::Sink => tasks.sink(),
        Stage::Alert => tasks.alert().await?,
        Stage::Serve => tasks.serve(serve::bind(&pipeline.config).await?, metrics),
    }
    if borrowed {
        tasks.watch_borrowed_engine();
    }
    let outcome = tasks.finish().await;
    drop(pipeline);
    open.close().await;
    outcome.map(|()| ExitCode::SUCCESS)
}
