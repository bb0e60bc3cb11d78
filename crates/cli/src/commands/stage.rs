use std::{path::Path, process::ExitCode};

use super::stop_on_signal;
use crate::{
    config, parts,
    stages::{self, Pipeline, alert, ingest, score, serve, sink},
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
    let log = parts::open_log(&config).await?;
    stages::ensure_topics(&*log, &config).await?;
    let open = match stage {
        // These two work on the log alone.
        Stage::Ingest | Stage::Score => parts::store_without_connection(&config)?,
        Stage::Sink | Stage::Alert | Stage::Serve => {
            let open = parts::open_store(&config).await?;
            open.store.migrate().await?;
            open
        }
    };
    let pipeline = Pipeline::new(config, log, &open, shutdown);
    match stage {
        Stage::Ingest => stages::supervise("ingest", pipeline, ingest::run).await,
        Stage::Score => {
            let scorer = score::open_scorer(&pipeline).await?;
            stages::supervise("score", pipeline, move |pipeline| score::run(pipeline, scorer.clone())).await;
        }
        Stage::Sink => stages::supervise("sink", pipeline, sink::run).await,
        Stage::Alert => stages::supervise("alert", pipeline, alert::run).await,
        Stage::Serve => serve::run(pipeline).await?,
    }
    open.close().await;
    Ok(ExitCode::SUCCESS)
}
