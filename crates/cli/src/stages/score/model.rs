//! The model of the scoring stage: loaded beside the runtime, and shown in the status.

use grapevine_api::{ModelStatus, StageState};
use grapevine_model::{Event, topics};
use jiff::Timestamp;

use super::{
    super::{Pipeline, ingest::records_of},
    STAGE, backoff,
};
use crate::parts::{self, OpenScorer};

/// Loads the model beside the runtime; `None` where scoring is switched off.
pub async fn open(pipeline: &Pipeline) -> anyhow::Result<Option<OpenScorer>> {
    let (section, themes) = (pipeline.config.scoring.clone(), pipeline.config.themes.clone());
    if !section.enabled {
        tracing::info!("scoring is switched off: mentions are stored as not scored");
        return Ok(None);
    }
    pipeline.status.stage(STAGE, StageState::Starting, Some("loading the model".into()));
    let open = tokio::task::spawn_blocking(move || parts::open_scorer(&section, &themes)).await??;
    pipeline.status.model(model_status(&open));
    announce(pipeline, &open).await?;
    pipeline.status.stage(STAGE, StageState::Running, None);
    Ok(Some(open))
}

/// What was measured of the model goes ahead of what it scores, for whoever corrects figures and has not its folder.
async fn announce(pipeline: &Pipeline, open: &OpenScorer) -> anyhow::Result<()> {
    let card = Event::ModelCard(Box::new(open.card(Timestamp::now())));
    let records = records_of(&card, pipeline.config.log.partitions);
    Ok(backoff::with_log("announcing the model", || pipeline.log.append(topics::SCORED, records.clone())).await?)
}

fn model_status(open: &OpenScorer) -> ModelStatus {
    let measured = open.manifest.accuracy.first();
    let description = open.scorer.description();
    let id = open.scorer.model();
    ModelStatus {
        id: id.to_owned(),
        engine: description.strip_prefix(&format!("{id}: ")).unwrap_or(&description).to_owned(),
        accuracy: measured.map(|measured| f64::from(measured.macro_recall) / 100.0),
        measured_on: measured.map(|measured| format!("{} (n = {})", measured.set, measured.n)),
        languages: open.manifest.languages.clone(),
    }
}
