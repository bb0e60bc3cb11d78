//! `grapevine retention`: removes what is older than the configuration keeps it, or shows what that would be.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use comfy_table::{Cell, CellAlignment, Table, presets};
use grapevine_store::{Expiring, Keep, Retention, Store, StoreError};
use jiff::Timestamp;

use super::{figure, words};
use crate::{
    args::{OutputFormat, RetentionArgs},
    config, parts, progress,
};

pub async fn run(args: &RetentionArgs) -> anyhow::Result<ExitCode> {
    let config = config::load(&args.with.config)?;
    let open = parts::existing_store(&config).await?;
    let now = Timestamp::now();
    let done = remove(&open.store, &config.retention, now, args.dry_run).await;
    open.close().await;
    let report = Report { dry_run: args.dry_run, retention: &config.retention, rows: &done? };
    report.print(args.format, &mut io::stdout().lock())?;
    Ok(ExitCode::SUCCESS)
}

/// What goes, or has gone.
async fn remove(
    store: &Store,
    retention: &Retention,
    now: Timestamp,
    dry_run: bool,
) -> Result<Vec<Expiring>, StoreError> {
    let rows = store.expiring(retention, now).await?;
    if dry_run || rows.is_empty() {
        return Ok(rows);
    }
    let bar = progress::bar(None, "mentions");
    loop {
        let expired = store.expire(retention, now).await?;
        bar.inc(expired.mentions);
        if expired.months_left == 0 {
            break;
        }
    }
    bar.finish_and_clear();
    let _ = store.rebuild_dirty().await?;
    Ok(rows)
}

struct Report<'a> {
    dry_run: bool,
    retention: &'a Retention,
    rows: &'a [Expiring],
}

impl Report<'_> {
    fn print(&self, format: OutputFormat, out: &mut impl Write) -> anyhow::Result<()> {
        match format {
            OutputFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(self.rows)?)?,
            OutputFormat::Csv => self.print_csv(out)?,
            OutputFormat::Table => self.print_table(out)?,
        }
        Ok(())
    }

    fn print_csv(&self, out: &mut impl Write) -> anyhow::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(["brand", "platform", "kept", "oldest", "kept_from", "mentions"])?;
        for row in self.rows {
            let kept = self.retention.of(&row.brand, &row.platform).to_string();
            let (oldest, from, mentions) =
                (row.oldest.to_string(), row.kept_from.to_string(), row.mentions.to_string());
            csv.write_record([&row.brand, &row.platform, &kept, &oldest, &from, &mentions])?;
        }
        csv.flush().context("stdout could not be written")
    }

    fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        if self.rows.is_empty() {
            let why = match *self.retention == Retention::default() {
                true => "; [retention] keeps all mentions for ever",
                false => "",
            };
            return writeln!(out, "no mention is older than it is kept for{why}");
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header([
            "BRAND",
            "PLATFORM",
            "KEPT",
            "OLDEST",
            "KEPT FROM",
            "MENTIONS",
        ]);
        for row in self.rows {
            table.add_row([
                Cell::new(words::plain(&row.brand)),
                Cell::new(words::plain(&row.platform)),
                Cell::new(kept(self.retention.of(&row.brand, &row.platform))),
                Cell::new(row.oldest),
                Cell::new(row.kept_from),
                Cell::new(words::count(row.mentions)).set_alignment(CellAlignment::Right),
            ]);
        }
        writeln!(out, "{}", figure::fit(table).trim_fmt())?;
        let mentions = words::counted(self.rows.iter().map(|row| row.mentions).sum(), "mention", "mentions");
        match self.dry_run {
            true => writeln!(out, "\n{mentions} would go; their counts by hour would stay"),
            false => writeln!(out, "\n{mentions} went; their counts by hour stay"),
        }
    }
}

/// A day that went before the configuration kept for longer.
fn kept(keep: Keep) -> String {
    match keep {
        Keep::Forever => "forever, from here on".to_owned(),
        Keep::Days(_) => keep.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use grapevine_store::KeepRule;
    use jiff::civil::date;

    use super::*;

    fn printed(rows: &[Expiring], dry_run: bool, format: OutputFormat) -> String {
        let rule = KeepRule { brand: Some("Acme".into()), platform: Some("x".into()), keep: Keep::Days(30) };
        let retention = Retention { keep: Keep::Days(400), rules: vec![rule] };
        let mut out = Vec::new();
        Report { dry_run, retention: &retention, rows }.print(format, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_goes_is_shown_by_brand_and_platform_with_from_when_on_mentions_stay() {
        let row = |brand: &str, platform: &str, kept_from, mentions| Expiring {
            brand: brand.into(),
            platform: platform.into(),
            oldest: date(2025, 1, 2),
            kept_from,
            mentions,
        };
        let rows = [row("Acme", "x", date(2026, 2, 1), 1_204_311), row("Acme", "forum", date(2025, 1, 27), 7)];
        insta::assert_snapshot!(printed(&rows, true, OutputFormat::Table));
        insta::assert_snapshot!(printed(&rows, false, OutputFormat::Csv));
        assert!(
            printed(&rows, false, OutputFormat::Table)
                .ends_with("1,204,318 mentions went; their counts by hour stay\n")
        );
        assert_eq!(printed(&[], true, OutputFormat::Table), "no mention is older than it is kept for\n");
    }
}
