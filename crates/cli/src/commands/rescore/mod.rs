//! `grapevine rescore`: stored mentions read by another model, side by side with what is shown, then switched to.
//!
//! | step | kept in | after a crash |
//! |---|---|---|
//! | read by the other model | the store's table `rescored` | what is there is not read again |
//! | switched | the log, as events on the mentions' own partitions; the sink writes them and marks their hours | what the sink has not written is appended again, and changes nothing twice |

mod compare;
mod switch;

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context, bail, ensure};
use grapevine_api::Span;
use grapevine_model::Scores;
use grapevine_store::{Day, Store, ToRescore};
use jiff::Timestamp;

use super::{span, words};
use crate::{
    args::{RescoreArgs, RescoreCommand, RescoreModelArgs, RescoreRunArgs},
    config::{self, Config},
    parts::{self, OpenScorer, OpenStore},
    progress,
    stages::{crash, score_texts},
};

/// Mentions that are read together: enough to sort by length, few enough that a crash costs seconds.
const PAGE: u32 = 1024;

pub async fn run(args: &RescoreArgs) -> anyhow::Result<ExitCode> {
    match &args.command {
        None => rescore(&args.run).await,
        Some(RescoreCommand::Compare(args)) => compare::run(args).await,
        Some(RescoreCommand::Switch(args)) => switch::run(args).await,
        Some(RescoreCommand::Drop(args)) => drop_model(args).await,
    }
}

/// What is there: no command here makes a store.
async fn open(file: &Path) -> anyhow::Result<(Config, OpenStore)> {
    let config = config::load(file)?;
    let open = parts::existing_store(&config).await?;
    Ok((config, open))
}

async fn rescore(args: &RescoreRunArgs) -> anyhow::Result<ExitCode> {
    let over = span::parse_open(args.span.from.as_deref(), &args.span.to)?;
    let (config, open) = open(&args.with.config).await?;
    let (mut section, themes) = (config.scoring.clone(), config.themes.clone());
    section.model = args.model.clone().or(section.model);
    section.engine = args.engine.unwrap_or(section.engine);
    let read = async {
        let scorer = Arc::new(tokio::task::spawn_blocking(move || parts::open_scorer(&section, &themes)).await??);
        open.store.save_card(&scorer.card(Timestamp::now())).await?;
        let brand = args.span.brand.as_deref().unwrap_or_default();
        let tally = read_all(&open, &scorer, brand, over).await?;
        println!("{}", tally.summary(scorer.scorer.model()));
        Ok(ExitCode::SUCCESS)
    };
    let done = read.await;
    open.close().await;
    done
}

/// What became of the mentions that were read.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    scored: u64,
    /// The model does not cover their language.
    not_covered: u64,
    /// The model failed on them alone.
    failed: u64,
}

impl Tally {
    fn summary(&self, model: &str) -> String {
        let Self { scored, not_covered, failed } = *self;
        let mut said =
            format!("{} read by {model}", words::counted(scored + not_covered + failed, "mention", "mentions"));
        if not_covered > 0 {
            said += &format!(", {} of them not scored for their language", words::count(not_covered));
        }
        if failed > 0 {
            said += &format!(", {} not scored because the model failed on them", words::count(failed));
        }
        said + "\nhint: `grapevine rescore compare` shows what would change, `grapevine rescore switch` changes it"
    }
}

async fn read_all(open: &OpenStore, scorer: &Arc<OpenScorer>, brand: &str, over: Span) -> anyhow::Result<Tally> {
    let days = open.reader.days(brand, over.from, over.to).await?;
    let bar = progress::bar(Some(days.len() as u64), "days");
    let mut tally = Tally::default();
    for day in days {
        read_day(open, scorer, brand, day, &mut tally).await.with_context(|| {
            format!("{}; what came before is kept, repeat the command to go on", day.start().strftime("%Y-%m-%d"))
        })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(tally)
}

async fn read_day(
    open: &OpenStore,
    scorer: &Arc<OpenScorer>,
    brand: &str,
    day: Day,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let model = scorer.scorer.model().to_owned();
    let mut before: Vec<ToRescore> = Vec::new();
    loop {
        let page = open.reader.to_rescore(&model, brand, day, PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        // What was kept is not asked for again; else this would never end.
        ensure!(page != before, "the store does not show what was kept of {} mentions", page.len());
        before.clone_from(&page);
        let scorer = scorer.clone();
        let rows = tokio::task::spawn_blocking(move || score(&scorer, page)).await??;
        crash::at("rescore-scored");
        open.store
            .save_rescored(&model, &rows.iter().map(|(row, said)| (row.clone(), said.kept())).collect::<Vec<_>>())
            .await?;
        crash::at("rescore-kept");
        rows.iter().for_each(|(_, said)| said.count(tally));
    }
}

/// What a model says of one mention.
enum Said {
    Scored(Box<Scores>),
    NotCovered,
    Failed,
}

impl Said {
    fn kept(&self) -> Option<Scores> {
        match self {
            Self::Scored(scores) => Some((**scores).clone()),
            Self::NotCovered | Self::Failed => None,
        }
    }

    fn count(&self, tally: &mut Tally) {
        *match self {
            Self::Scored(_) => &mut tally.scored,
            Self::NotCovered => &mut tally.not_covered,
            Self::Failed => &mut tally.failed,
        } += 1;
    }
}

/// As the scoring stage does: what the model does not cover is not scored, and a text that it fails on harms no other.
fn score(scorer: &OpenScorer, page: Vec<ToRescore>) -> anyhow::Result<Vec<(ToRescore, Said)>> {
    let covered: Vec<bool> = page.iter().map(|mention| scorer.covers(language(mention))).collect();
    let texts: Vec<&str> =
        page.iter().zip(&covered).filter(|(_, covered)| **covered).map(|(mention, _)| mention.text.as_str()).collect();
    let mut answers = score_texts(scorer, &texts).context("scoring failed")?.into_iter();
    let mut said = Vec::with_capacity(page.len());
    for covered in covered {
        said.push(match covered.then(|| answers.next()).flatten() {
            Some(Ok(scores)) => Said::Scored(Box::new(scores)),
            Some(Err(reason)) => {
                tracing::warn!("rescore: {reason}; it is kept as not scored");
                Said::Failed
            }
            None => Said::NotCovered,
        });
    }
    Ok(page.into_iter().zip(said).collect())
}

fn language(mention: &ToRescore) -> Option<&str> {
    Some(mention.language.as_str()).filter(|language| !language.is_empty())
}

async fn drop_model(args: &RescoreModelArgs) -> anyhow::Result<ExitCode> {
    let (_, open) = open(&args.with.config).await?;
    let dropped = async {
        let model = chosen(&open.reader, args.name.as_deref()).await?;
        let rows = open.store.drop_rescored(&model).await?;
        println!("what {model} says of {} was dropped", words::counted(rows, "mention", "mentions"));
        Ok(ExitCode::SUCCESS)
    };
    let done = dropped.await;
    open.close().await;
    done
}

/// The model that is meant: the named one, or the only one that there is.
async fn chosen(store: &Store, name: Option<&str>) -> anyhow::Result<String> {
    let there: Vec<String> = store.rescorers().await?.into_iter().map(|(name, _)| name).collect();
    match (name, &there[..]) {
        (_, []) => bail!("no other model has read stored mentions yet\nhint: grapevine rescore --model FOLDER"),
        (Some(name), there) if there.iter().any(|of| of == name) => Ok(name.to_owned()),
        (Some(name), there) => bail!("{name} has read nothing here; there is: {}", there.join(", ")),
        (None, [only]) => Ok(only.clone()),
        (None, there) => bail!("several models have read stored mentions; name one with --model: {}", there.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_was_not_scored_and_why() {
        let tally = Tally { scored: 1200, not_covered: 30, failed: 1 };
        let said = tally.summary("m@2");
        assert!(said.starts_with(
            "1,231 mentions read by m@2, 30 of them not scored for their language, 1 not scored because the model failed"
        ));
        assert!(Tally { scored: 1, ..Tally::default() }.summary("m@2").starts_with("1 mention read by m@2\nhint: "));
    }
}
