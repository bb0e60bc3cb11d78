//! `grapevine status`: whether all is well, from the log and the store alone, whoever runs the stages.

mod gather;
mod judge;
mod render;
#[cfg(test)]
mod tests;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    time::Duration,
};

use self::judge::{Report, Verdict};
use crate::{
    args::{ReportFormat, StatusArgs},
    commands::span,
    config,
};

/// Between two looks of `--watch`.
const EVERY: Duration = Duration::from_secs(5);

/// Exit code 0 while healthy, 1 where something is violated, 3 where something is not known; 2 is clap's, for a wrong
/// command line.
pub async fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    loop {
        let span = span::parse(&args.from, &args.to)?;
        let report = judge::judge(&gather::gather(&config, (span.from, span.to)).await);
        show(&report, args)?;
        if !args.watch {
            return Ok(exit_code(report.verdict));
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
        Verdict::Healthy => ExitCode::SUCCESS,
        Verdict::Violated => ExitCode::from(1),
        Verdict::NotKnown => ExitCode::from(3),
    }
}

fn show(report: &Report, args: &StatusArgs) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if args.watch && out.is_terminal() && args.format == ReportFormat::Table {
        // Home, and clear what is below.
        write!(out, "\x1b[H\x1b[2J")?;
    }
    match args.format {
        ReportFormat::Table => render::print(report, &mut out)?,
        // One line a look while watching, for programs that follow.
        ReportFormat::Json if args.watch => writeln!(out, "{}", serde_json::to_string(report)?)?,
        ReportFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(report)?)?,
    }
    if args.watch && args.format == ReportFormat::Table {
        writeln!(
            out,
            "\nat {} UTC, again in {} s; Ctrl-C ends",
            crate::commands::words::seconds(report.at),
            EVERY.as_secs()
        )?;
    }
    Ok(out.flush()?)
}
