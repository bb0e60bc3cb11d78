//! `grapevine dlq`: what could not be read, why, and how it gets on its way again.

mod letters;
mod list;
mod replay;
mod show;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use grapevine_api::Span;
use grapevine_log::Log;
use grapevine_sources::World;
use jiff::Timestamp;

#[cfg(test)]
pub use letters::State;
pub use letters::{Letter, read};
pub use list::{Total, totals};

use self::{
    letters::{Letters, Pages},
    list::Listing,
    replay::{Plan, Ways},
    show::Shown,
};
use crate::{
    args::{DlqCommand, DlqListArgs, DlqReplayArgs, DlqShowArgs, LetterFilter, Parker, ReportFormat},
    config::{self, Config},
    parts,
    stages::dead_letter::DeadLetter,
};

pub async fn run(command: &DlqCommand) -> anyhow::Result<ExitCode> {
    match command {
        DlqCommand::List(args) => list(args).await,
        DlqCommand::Show(args) => show(args).await,
        DlqCommand::Replay(args) => replay(args).await,
    }
}

async fn open(file: &std::path::Path) -> anyhow::Result<(Config, Arc<dyn Log>, Letters)> {
    let config = config::load(file)?;
    let log = parts::existing_log(&config).await?;
    let letters = letters::read(&*log).await.context("the dead letters could not be read")?;
    Ok((config, log, letters))
}

async fn list(args: &DlqListArgs) -> anyhow::Result<ExitCode> {
    let filter = Filter::new(&args.filter, Timestamp::now())?;
    let (_, _, letters) = open(&args.with.config).await?;
    let listing =
        Listing::new(letters.all().iter().filter(|letter| filter.fits(letter)).collect(), args.limit as usize);
    list::print(&listing, args.format, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

async fn show(args: &DlqShowArgs) -> anyhow::Result<ExitCode> {
    let (_, log, letters) = open(&args.with.config).await?;
    let letter = letters.get(args.number).ok_or_else(|| missing(args.number))?;
    let parked = fetch(&*log, letter).await?;
    let mut out = io::stdout().lock();
    if args.raw {
        out.write_all(&parked.original.bytes().context("the letter's bytes are damaged")?)?;
    } else if args.format == ReportFormat::Json {
        serde_json::to_writer_pretty(&mut out, &Shown::new(letter, &parked))?;
        writeln!(out)?;
    } else {
        show::print(&Shown::new(letter, &parked), Timestamp::now(), &mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// With its bytes.
async fn fetch(log: &dyn Log, letter: &Letter) -> anyhow::Result<DeadLetter> {
    let mut pages = Pages::open(log).await?;
    while let Some(page) = pages.next().await? {
        if let Some(record) = page.iter().find(|record| record.offset == letter.number) {
            return Ok(letters::parse(record));
        }
    }
    bail!("letter {} has just been removed: the log keeps dead letters for 90 days", letter.number)
}

fn missing(number: u64) -> anyhow::Error {
    anyhow::anyhow!("there is no letter {number}\nhint: `grapevine dlq list` shows the numbers")
}

async fn replay(args: &DlqReplayArgs) -> anyhow::Result<ExitCode> {
    let filter = Filter::new(&args.filter, Timestamp::now())?;
    let (config, log, letters) = open(&args.with.config).await?;
    let chosen = choose(&letters, args, &filter)?;
    let mended = match (&args.mended, &chosen[..]) {
        (None, _) => None,
        (Some(file), [letter]) => Some(replay::mended(file, &fetch(&*log, letter).await?.original)?),
        (Some(_), _) => bail!("--mended holds the bytes of one letter: give one number"),
    };
    let ways = ways(&config)?;
    let report = replay::run(&*log, &ways, &Plan { chosen, mended, dry_run: args.dry_run }).await?;
    let mut out = io::stdout().lock();
    match args.format {
        ReportFormat::Table => report.print(&mut out)?,
        ReportFormat::Json => {
            serde_json::to_writer_pretty(&mut out, &report)?;
            writeln!(out)?;
        }
    }
    Ok(if report.refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The letters that are to be replayed, in the order that they were parked.
fn choose<'a>(letters: &'a Letters, args: &DlqReplayArgs, filter: &Filter) -> anyhow::Result<Vec<&'a Letter>> {
    if !args.all && !filter.is_empty() {
        bail!("--stage, --reason, --from and --to choose among all letters: add --all, or leave them out");
    }
    if args.all {
        let fits = |letter: &&Letter| filter.fits(letter) && (args.again || !letter.is_replayed());
        return Ok(letters.all().iter().filter(fits).collect());
    }
    let mut chosen: Vec<&Letter> = Vec::new();
    for number in &args.numbers {
        let letter = letters.get(*number).ok_or_else(|| missing(*number))?;
        if letter.is_replayed() && !args.again {
            bail!("letter {number} was {} (UTC)\nhint: --again replays it once more", list::words_of(letter.state));
        }
        chosen.push(letter);
    }
    chosen.sort_by_key(|letter| letter.number);
    chosen.dedup_by_key(|letter| letter.number);
    Ok(chosen)
}

fn ways(config: &Config) -> anyhow::Result<Ways> {
    let mut sources = Vec::new();
    for table in &config.sources {
        let spec = grapevine_sources::parse(table.get_ref())?;
        sources.push((spec.name().to_owned(), spec.build(&World::real())));
    }
    Ok(Ways { sources, partitions: config.log.partitions })
}

/// Which letters are meant.
struct Filter {
    stage: Option<&'static str>,
    /// In lower case.
    reason: Option<String>,
    span: Option<Span>,
}

impl Filter {
    fn new(args: &LetterFilter, now: Timestamp) -> anyhow::Result<Self> {
        let span = match (&args.from, &args.to) {
            (None, None) => None,
            (from, to) => Some(
                Span::parse(from.as_deref().or(Some("-90d")), to.as_deref(), now)
                    .map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))?,
            ),
        };
        let reason = args.reason.as_ref().map(|text| text.to_lowercase());
        Ok(Self { stage: args.stage.map(Parker::name), reason, span })
    }

    fn is_empty(&self) -> bool {
        self.stage.is_none() && self.reason.is_none() && self.span.is_none()
    }

    fn fits(&self, letter: &Letter) -> bool {
        self.stage.is_none_or(|stage| stage == letter.stage)
            && self.reason.as_ref().is_none_or(|text| letter.reason.to_lowercase().contains(text))
            && self.span.is_none_or(|span| (span.from..span.to).contains(&letter.parked_at))
    }
}
