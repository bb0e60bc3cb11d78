//! What the other model says becomes what is shown: as events of the log, on each mention's own partition.

use std::process::ExitCode;

use anyhow::{Context, bail};
use grapevine_log::{Log, Record};
use grapevine_model::{Event, MentionId, Rescored, topics};
use grapevine_store::{Day, Store};
use jiff::Timestamp;

use super::{PAGE, chosen, open};
use crate::{
    args::RescoreModelArgs,
    commands::words,
    config::Config,
    parts, progress,
    stages::{crash, records_of},
};

pub async fn run(args: &RescoreModelArgs) -> anyhow::Result<ExitCode> {
    let (config, open) = open(&args.with.config).await?;
    let switched = async {
        let model = chosen(&open.reader, args.name.as_deref()).await?;
        check(&config, &model)?;
        let log = parts::existing_log(&config).await?;
        let count = switch(&*log, &open.reader, &model, config.log.partitions).await?;
        println!("{}", summary(&model, count));
        Ok(ExitCode::SUCCESS)
    };
    let done = switched.await;
    open.close().await;
    done
}

fn summary(model: &str, count: u64) -> String {
    match count {
        0 => format!("nothing is left to switch: all that {model} has read is shown as it says"),
        _ => format!(
            "what {model} says of {} is in the log; the sink shows it, and rebuilds the hours\n\
             hint: repeat the command to see what is left; then `grapevine rescore drop`",
            words::counted(count, "mention", "mentions")
        ),
    }
}

/// New mentions, and old ones that are read again, would go on being read by the configured model.
fn check(config: &Config, model: &str) -> anyhow::Result<()> {
    let configured = parts::configured_model(&config.scoring)?;
    if configured != model {
        bail!(
            "the configuration scores with {configured}, so new mentions would not be read by {model}\n\
             hint: set `model` under [scoring] to the folder of {model}, restart, rescore what came since, then switch"
        );
    }
    Ok(())
}

/// Appends what lacks, page by page; how many.
async fn switch(log: &dyn Log, store: &Store, model: &str, partitions: u32) -> anyhow::Result<u64> {
    let days = store.days_rescored(model, Timestamp::UNIX_EPOCH, Timestamp::MAX).await?;
    announce(log, store, model, partitions).await?;
    let bar = progress::bar(Some(days.len() as u64), "days");
    let mut count = 0;
    for day in days {
        count += switch_day(log, store, model, day, partitions).await?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(count)
}

/// A store that is filled from the log alone has to know what was measured of the model.
async fn announce(log: &dyn Log, store: &Store, model: &str, partitions: u32) -> anyhow::Result<()> {
    let Some(card) = store.cards().await?.into_iter().find(|card| card.id == model) else { return Ok(()) };
    let records = records_of(&Event::ModelCard(Box::new(card)), partitions);
    log.append(topics::SCORED, records).await.context("announcing the model")
}

async fn switch_day(log: &dyn Log, store: &Store, model: &str, day: Day, partitions: u32) -> anyhow::Result<u64> {
    let (mut after, mut count) = (MentionId(0), 0);
    loop {
        let page = store.to_switch(model, day, after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(count) };
        (after, count) = (*last, count + page.len() as u64);
        let said = |said: Rescored| records_of(&Event::Rescored(Box::new(said)), partitions);
        let records: Vec<Record> = page.into_iter().flat_map(|(_, rescored)| said(rescored)).collect();
        log.append(topics::SCORED, records).await.context("switching; repeat the command to go on")?;
        crash::at("rescore-appended");
    }
}
