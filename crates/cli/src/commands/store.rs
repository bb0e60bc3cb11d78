//! `grapevine store verify | rebuild | text-index`: base table and rollups agree, or are made to.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::{Context, bail};
use comfy_table::{Cell, CellAlignment, Table, presets};
use grapevine_api::Span;
use grapevine_store::{Counts, Mismatch, Store, Verified};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{figure, span, text_index, words};
use crate::{
    args::{OutputFormat, RebuildArgs, StoreCommand, VerifyArgs},
    config::{self, Config},
    parts::{self, OpenStore},
    progress,
};

/// Rebuilt in one go, so that progress is seen.
const STEP: SignedDuration = SignedDuration::from_hours(24);
/// Mismatches that a table lists; JSON and CSV have all of them.
const LISTED: usize = 50;

pub async fn run(command: &StoreCommand) -> anyhow::Result<ExitCode> {
    match command {
        StoreCommand::Verify(args) => verify(args).await,
        StoreCommand::Rebuild(args) => rebuild(args).await,
        StoreCommand::TextIndex { with, command } => text_index::run(&with.config, command.as_ref()).await,
    }
}

/// What is there: neither command makes a store, or changes its tables.
async fn open(file: &std::path::Path) -> anyhow::Result<(Config, OpenStore)> {
    let config = config::load(file)?;
    let open = parts::existing_store(&config).await?;
    Ok((config, open))
}

async fn verify(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let span = span::parse(&args.from, &args.to)?;
    let (_, open) = open(&args.with.config).await?;
    let verified = open.reader.verify(span.from, span.to).await;
    open.close().await;
    let report = Report { from: span.from, to: span.to, rebuilt_hours: None, verified: verified? };
    report.print(args.format, &mut io::stdout().lock())?;
    Ok(report.exit_code())
}

async fn rebuild(args: &RebuildArgs) -> anyhow::Result<ExitCode> {
    let span = span::parse(&args.from, &args.to)?;
    let (config, open) = open(&args.with.config).await?;
    let done = match brands(&config, args.brand.as_deref()) {
        Ok(brands) => rebuild_and_verify(&open.store, &brands, span).await,
        Err(error) => Err(error),
    };
    open.close().await;
    let report = done?;
    report.print(args.format, &mut io::stdout().lock())?;
    Ok(report.exit_code())
}

fn brands(config: &Config, chosen: Option<&str>) -> anyhow::Result<Vec<String>> {
    let all: Vec<String> = config.brands.iter().map(|brand| brand.name.clone()).collect();
    match chosen {
        None if all.is_empty() => bail!("no brand is configured; name one with --brand"),
        None => Ok(all),
        Some(name) => config.check_brand(name).map(|()| vec![name.to_owned()]),
    }
}

async fn rebuild_and_verify(store: &Store, brands: &[String], span: Span) -> anyhow::Result<Report> {
    let spans = steps(span);
    let bar = progress::bar(Some((spans.len() * brands.len()) as u64), "brand-days");
    let mut hours = 0;
    for brand in brands {
        for Span { from, to } in &spans {
            let rebuilt = store.rebuild(brand, *from, *to).await;
            hours += rebuilt.with_context(|| format!("{brand} from {from} to {to}; what came before is done"))?.hours;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    let verified = store.verify(span.from, span.to).await?;
    Ok(Report { from: span.from, to: span.to, rebuilt_hours: Some(hours), verified })
}

/// The span in pieces that end at a day's border: no hour is in two of them.
fn steps(span: Span) -> Vec<Span> {
    let mut steps = Vec::new();
    let mut from = span.from;
    while from < span.to {
        let seconds = STEP.as_secs() - from.as_second().rem_euclid(STEP.as_secs());
        let border = Timestamp::from_second(from.as_second() + seconds).unwrap_or(span.to);
        let to = border.min(span.to);
        steps.push(Span { from, to });
        from = to;
    }
    steps
}

/// What a comparison found.
#[derive(Debug, Serialize)]
struct Report {
    from: Timestamp,
    to: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    rebuilt_hours: Option<u64>,
    #[serde(flatten)]
    verified: Verified,
}

impl Report {
    /// Those that no rebuild waits for.
    fn wrong(&self) -> usize {
        self.verified.mismatches.iter().filter(|mismatch| !mismatch.dirty).count()
    }

    fn exit_code(&self) -> ExitCode {
        if self.wrong() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn print(&self, format: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
        match format {
            OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(self)?)?,
            OutputFormat::Csv => self.print_csv(out)?,
            OutputFormat::Table => self.print_table(out)?,
        }
        Ok(())
    }

    fn print_csv(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["brand", "hour", "figure", "base", "rollup", "waits_to_be_rebuilt"])?;
        for mismatch in &self.verified.mismatches {
            for (figure, base, rollup) in differences(mismatch) {
                let (hour, waits) = (mismatch.hour.to_string(), mismatch.dirty.to_string());
                csv.write_record([&mismatch.brand, &hour, figure, &base.to_string(), &rollup.to_string(), &waits])?;
            }
        }
        csv.flush().context("stdout could not be written")
    }

    fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        if let Some(hours) = self.rebuilt_hours {
            writeln!(out, "{} rebuilt", words::counted(hours, "brand-hour", "brand-hours"))?;
        }
        writeln!(out, "{}", self.headline())?;
        if self.verified.mismatches.is_empty() {
            return Ok(());
        }
        writeln!(out, "\n{}", figure::fit(table(&self.verified.mismatches)).trim_fmt())?;
        let left = self.verified.mismatches.len().saturating_sub(LISTED);
        if left > 0 {
            writeln!(out, "and {left} more; --format csv has all of them")?;
        }
        if self.wrong() > 0 {
            let (from, to) = (self.from, self.to);
            writeln!(
                out,
                "\nhint: `grapevine store rebuild --from {from} --to {to}` computes them anew from the base table"
            )?;
        }
        Ok(())
    }

    /// `base and rollups agree: 48 brand-hours, 12,345 mentions, 2026-03-01 00:00 to 2026-03-03 00:00 (UTC)`.
    fn headline(&self) -> String {
        let hours = words::counted(self.verified.hours, "brand-hour", "brand-hours");
        let mentions = words::counted(self.verified.mentions, "mention", "mentions");
        let compared = format!(
            "{hours} and {mentions} compared, {} to {} (UTC)",
            words::minutes(self.from),
            words::minutes(self.to)
        );
        let hours = |n: usize| words::counted(n as u64, "brand-hour", "brand-hours");
        let waiting = self.verified.mismatches.len() - self.wrong();
        match (self.wrong(), waiting) {
            (0, 0) => format!("base and rollups agree: {compared}"),
            (0, waiting) => format!("base and rollups agree but for {} to be rebuilt: {compared}", hours(waiting)),
            (wrong, 0) => format!("base and rollups DIFFER in {}: {compared}", hours(wrong)),
            (wrong, waiting) => {
                format!("base and rollups DIFFER in {}, and {waiting} wait to be rebuilt: {compared}", hours(wrong))
            }
        }
    }
}

fn table(mismatches: &[Mismatch]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(["BRAND", "HOUR (UTC)", "FIGURE", "BASE", "ROLLUP", ""]);
    for mismatch in mismatches.iter().take(LISTED) {
        for (figure, base, rollup) in differences(mismatch) {
            let right = |n| Cell::new(words::count(n)).set_alignment(CellAlignment::Right);
            table.add_row([
                Cell::new(words::plain(&mismatch.brand)),
                Cell::new(words::minutes(mismatch.hour)),
                Cell::new(figure),
                right(base),
                right(rollup),
                Cell::new(if mismatch.dirty { "waits to be rebuilt" } else { "" }),
            ]);
        }
    }
    table
}

/// The figures in which the two differ.
fn differences(mismatch: &Mismatch) -> Vec<(&'static str, u64, u64)> {
    let of = |counts: &Counts| {
        let Counts { mentions, reposts, negative, neutral, positive, unscored, .. } = *counts;
        let Counts { questions, complaints, team, authors, negative_authors, .. } = *counts;
        let polarities = [negative, neutral, positive, unscored];
        let rest = [reposts, questions, complaints, team, authors, negative_authors];
        [mentions].into_iter().chain(polarities).chain(rest)
    };
    let polarities = ["negative", "neutral", "positive", "unscored"];
    let rest = ["reposts", "questions", "complaints", "team", "authors", "negative authors"];
    let names = ["mentions"].into_iter().chain(polarities).chain(rest);
    let both = of(&mismatch.base).zip(of(&mismatch.rollup));
    let rows = names.zip(both).map(|(name, (base, rollup))| (name, base, rollup));
    let rows: Vec<_> = rows.filter(|(_, base, rollup)| base != rollup).collect();
    // The sums of the hour agree, and not what they are summed of.
    if rows.is_empty() { vec![("wrong parts of the hour", 0, mismatch.cells)] } else { rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn mismatch(dirty: bool) -> Mismatch {
        let base = Counts { mentions: 1200, negative: 3, authors: 7, ..Counts::default() };
        let rollup = Counts { mentions: 1188, negative: 3, authors: 7, ..Counts::default() };
        Mismatch { brand: "Acme".into(), hour: time("2026-03-01T10:00:00Z"), base, rollup, cells: 1, dirty }
    }

    fn report(mismatches: Vec<Mismatch>) -> Report {
        let (from, to) = (time("2026-03-01T00:00:00Z"), time("2026-03-03T00:00:00Z"));
        Report { from, to, rebuilt_hours: None, verified: Verified { hours: 48, mentions: 12_345, mismatches } }
    }

    fn printed(report: &Report, format: OutputFormat) -> String {
        let mut out = Vec::new();
        report.print(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn agreement_is_said_with_how_much_was_compared() {
        let text = printed(&report(vec![]), OutputFormat::Table);
        assert_eq!(
            text,
            "base and rollups agree: 48 brand-hours and 12,345 mentions compared, 2026-03-01 00:00 to 2026-03-03 00:00 \
             (UTC)\n"
        );
    }

    #[test]
    fn a_mismatch_is_shown_by_figure_and_only_one_that_nothing_waits_for_is_wrong() {
        let both = report(vec![mismatch(false), mismatch(true)]);
        assert_eq!((both.wrong(), report(vec![mismatch(true)]).wrong()), (1, 0));
        insta::assert_snapshot!(printed(&both, OutputFormat::Table));
        insta::assert_snapshot!(printed(&both, OutputFormat::Csv));
    }

    #[test]
    fn a_span_is_rebuilt_in_days_that_share_no_hour() {
        let span = Span { from: time("2026-03-01T22:30:00Z"), to: time("2026-03-03T01:00:00Z") };
        let ends: Vec<String> = steps(span).iter().map(|step| step.to.to_string()).collect();
        assert_eq!(ends, ["2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z", "2026-03-03T01:00:00Z"]);
    }
}
