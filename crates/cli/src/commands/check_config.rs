//! `grapevine check-config`: reads the configuration and tries every part.

use std::process::ExitCode;

use grapevine_sources::World;

use crate::{
    args::CheckConfigArgs,
    config::{self, Config},
    parts,
    stages::{self, notify::Notifier},
};

/// Exit code 1 when a part does not work. Nothing is ingested, stored or sent.
pub async fn run(args: &CheckConfigArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let monitors: usize = config.brands.iter().map(|brand| brand.monitors.len()).sum();
    say(
        "configuration",
        Ok(format!("{} brands, {monitors} monitors, {} sources", config.brands.len(), config.sources.len())),
    );
    if args.offline {
        return Ok(ExitCode::SUCCESS);
    }
    let mut good = say("log", check_log(&config).await);
    good &= say("store", check_store(&config).await);
    let (section, themes) = (config.scoring.clone(), config.themes.clone());
    let model = tokio::task::spawn_blocking(move || match section.enabled {
        true => Ok(parts::open_scorer(&section, &themes)?.scorer.description()),
        false => Ok("switched off; mentions are stored as not scored".to_owned()),
    });
    good &= say("model", model.await?);
    good &= say("alerts", Notifier::check(&config).map(|receivers| format!("{receivers} receivers")));
    for table in &config.sources {
        let spec = grapevine_sources::parse(table.get_ref())?;
        let checked = spec.build(&World::real()).check().await;
        let outcome = checked.map(|()| format!("{} answers", spec.kind())).map_err(anyhow::Error::from);
        good &= say(&format!("source {}", spec.name()), outcome);
        if !spec.terms().is_empty() {
            println!("        its terms: {}", spec.terms());
        }
    }
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(part: &str, outcome: anyhow::Result<String>) -> bool {
    match &outcome {
        Ok(what) => println!("ok      {part}: {what}"),
        Err(error) => println!("failed  {part}: {error:#}"),
    }
    outcome.is_ok()
}

async fn check_log(config: &Config) -> anyhow::Result<String> {
    let log = parts::open_log(config).await?;
    stages::ensure_topics(&*log, config).await?;
    Ok(format!("{:?}, {} partitions", config.log.kind, config.log.partitions).to_lowercase())
}

async fn check_store(config: &Config) -> anyhow::Result<String> {
    let open = parts::open_store(config).await?;
    let applied = open.store.migrate().await;
    let count = open.store.count().await;
    open.close().await;
    applied?;
    Ok(format!("{:?}, {} mentions stored", config.store.kind, count?).to_lowercase())
}
