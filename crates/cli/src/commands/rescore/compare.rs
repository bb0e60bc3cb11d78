//! What would change: agreement of the two models, net sentiment by day, and mentions that they read differently.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use comfy_table::{Cell, CellAlignment, Table, presets};
use grapevine_store::{Compared, Day, Example, Store};
use jiff::Timestamp;
use serde::Serialize;

use super::{chosen, open};
use crate::{
    args::{ReportFormat, RescoreCompareArgs},
    commands::{figure, span, words},
};

pub async fn run(args: &RescoreCompareArgs) -> anyhow::Result<ExitCode> {
    let (_, open) = open(&args.of.with.config).await?;
    let compared = async {
        let model = chosen(&open.reader, args.of.name.as_deref()).await?;
        let report = compare(&open.reader, model, args).await?;
        let mut out = io::stdout().lock();
        match args.format {
            ReportFormat::Json => {
                serde_json::to_writer_pretty(&mut out, &report)?;
                writeln!(out)?;
            }
            ReportFormat::Table => report.print(&mut out)?,
        }
        Ok(ExitCode::SUCCESS)
    };
    let done = compared.await;
    open.close().await;
    done
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct Report {
    model: String,
    mentions: u64,
    /// Read alike.
    same_polarity: u64,
    same_intent: u64,
    /// Rows are what is shown, columns what the model says: negative, neutral, positive, unscored.
    counts: [[u64; 4]; 4],
    days: Vec<DayReport>,
    examples: Vec<Example>,
}

#[derive(Debug, Default, PartialEq, Serialize)]
struct DayReport {
    #[serde(rename = "day")]
    start: Timestamp,
    mentions: u64,
    same_polarity: u64,
    /// Points; absent where nothing is scored.
    net_shown: Option<f64>,
    net_new: Option<f64>,
}

async fn compare(store: &Store, model: String, args: &RescoreCompareArgs) -> anyhow::Result<Report> {
    let over = span::parse_open(args.span.from.as_deref(), &args.span.to)?;
    let brand = args.span.brand.as_deref().unwrap_or_default();
    let mut report = Report { model, ..Report::default() };
    for day in store.days_rescored(&report.model, over.from, over.to).await? {
        report.add(day, &store.compare(&report.model, brand, day).await?);
        let lacking = args.examples.saturating_sub(report.examples.len() as u32);
        if lacking > 0 {
            report.examples.extend(store.examples(&report.model, brand, day, lacking).await?);
        }
    }
    Ok(report)
}

const POLARITIES: [&str; 4] = ["negative", "neutral", "positive", "unscored"];

/// Place in [`POLARITIES`] of -1, 0, 1 and 2.
fn place(polarity: i8) -> usize {
    usize::try_from(polarity + 1).unwrap_or_default().min(3)
}

/// Points, of counts in the order of [`POLARITIES`].
fn net([negative, neutral, positive, _]: [u64; 4]) -> Option<f64> {
    let scored = negative + neutral + positive;
    (scored > 0).then(|| (positive as f64 - negative as f64) / scored as f64 * 100.0)
}

impl Report {
    fn add(&mut self, day: Day, cells: &[Compared]) {
        let (mut shown, mut new) = ([0; 4], [0; 4]);
        let mut of_day = DayReport { start: day.start(), ..DayReport::default() };
        for cell in cells {
            let (row, column) = (place(cell.stored), place(cell.new));
            self.counts[row][column] += cell.mentions;
            (shown[row], new[column]) = (shown[row] + cell.mentions, new[column] + cell.mentions);
            of_day.mentions += cell.mentions;
            of_day.same_polarity += if row == column { cell.mentions } else { 0 };
            self.same_intent += cell.same_intent;
        }
        (of_day.net_shown, of_day.net_new) = (net(shown), net(new));
        self.mentions += of_day.mentions;
        self.same_polarity += of_day.same_polarity;
        if of_day.mentions > 0 {
            self.days.push(of_day);
        }
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { model, mentions, same_polarity, same_intent, .. } = self;
        if *mentions == 0 {
            return writeln!(out, "nothing that {model} has read lies in this span in the version that is stored");
        }
        let share = |of: u64| of as f64 / *mentions as f64 * 100.0;
        writeln!(out, "{} read by {model} too", words::counted(*mentions, "mention", "mentions"))?;
        writeln!(out, "polarity alike: {:.1} %, intent alike: {:.1} %\n", share(*same_polarity), share(*same_intent))?;
        writeln!(out, "{}\n", figure::fit(self.confusion()))?;
        writeln!(out, "{}", figure::fit(self.by_day()))?;
        for example in &self.examples {
            let (stored, new) = (POLARITIES[place(example.stored)], POLARITIES[place(example.new)]);
            let text: String = words::plain(&example.text).chars().take(100).collect();
            writeln!(out, "\n{stored} -> {new}: {text}")?;
        }
        Ok(())
    }

    fn confusion(&self) -> Table {
        let mut table = Table::new();
        let heading = ["SHOWN \\ NEW"].into_iter().chain(POLARITIES);
        table.load_preset(presets::NOTHING).set_header(heading);
        for (name, row) in POLARITIES.iter().zip(self.counts) {
            let cells = row.map(|count| right(words::count(count)));
            table.add_row([Cell::new(name)].into_iter().chain(cells));
        }
        table
    }

    fn by_day(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_header(["DAY", "MENTIONS", "ALIKE (%)", "NET SHOWN", "NET NEW"]);
        let points = |net: Option<f64>| right(net.map_or("no data".into(), |net| format!("{net:+.1}")));
        for day in &self.days {
            let alike = day.same_polarity as f64 / day.mentions as f64 * 100.0;
            table.add_row([
                Cell::new(day.start.strftime("%Y-%m-%d")),
                right(words::count(day.mentions)),
                right(format!("{alike:.1}")),
                points(day.net_shown),
                points(day.net_new),
            ]);
        }
        table
    }
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(stored: i8, new: i8, mentions: u64) -> Compared {
        Compared { stored, new, mentions, same_intent: mentions }
    }

    #[test]
    fn days_add_up_and_each_has_both_nets() {
        let mut report = Report { model: "m@2".into(), ..Report::default() };
        report.add(Day(20_000), &[cell(-1, -1, 40), cell(-1, 0, 10), cell(1, 1, 50)]);
        report.add(Day(20_001), &[cell(2, 0, 5)]);
        report.add(Day(20_002), &[]);
        assert_eq!((report.mentions, report.same_polarity, report.same_intent), (105, 90, 105));
        assert_eq!(report.counts[0], [40, 10, 0, 0]);
        assert_eq!(report.counts[3], [0, 5, 0, 0]);
        let nets: Vec<_> = report.days.iter().map(|day| (day.net_shown, day.net_new)).collect();
        assert_eq!(nets, [(Some(0.0), Some(10.0)), (None, Some(0.0))]);
        let mut out = Vec::new();
        report.print(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("polarity alike: 85.7 %") && text.contains("2024-10-04"), "{text}");
    }

    #[test]
    fn nothing_in_common_is_said() {
        let mut out = Vec::new();
        Report { model: "m@2".into(), ..Report::default() }.print(&mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().starts_with("nothing that m@2 has read lies in this span"));
    }
}
