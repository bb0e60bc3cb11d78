//! What was written, read and compared, as people and programs read it.

use std::{collections::BTreeMap, io::Write, path::Path};

use grapevine_store::transfer::{Exported, Imported, Outcome};
use serde_json::json;

use super::super::words;

/// Differences that a person is shown; JSON has all of them.
const LISTED: usize = 20;

pub fn exported(exported: &Exported, folder: &Path, out: &mut impl Write) -> anyhow::Result<()> {
    let Exported { manifest, kept, answers } = exported;
    let mut tables: BTreeMap<&str, u64> = BTreeMap::new();
    for file in manifest.files.iter().filter(|file| !file.table.is_empty()) {
        *tables.entry(&file.table).or_default() += file.rows;
    }
    rows(tables.into_iter(), out)?;
    let bytes = words::size(manifest.files.iter().map(|file| file.bytes).sum());
    let files = words::counted(manifest.files.len() as u64, "file", "files");
    writeln!(out, "{files} and {bytes} in {}, {} of them from an earlier run", folder.display(), words::count(*kept))?;
    match answers {
        0 => writeln!(out, "no answers to compare: this is a part of the store, or it holds no mentions")?,
        answers => {
            writeln!(out, "{}, which `grapevine import` asks again", words::counted(*answers, "answer", "answers"))?
        }
    }
    if manifest.moved {
        writeln!(
            out,
            "something was written to the store meanwhile: files and answers are of different moments\n\
             hint: stop the sink, and export again, for figures that can be compared"
        )?;
    }
    Ok(())
}

fn rows<'a>(tables: impl Iterator<Item = (&'a str, u64)>, out: &mut impl Write) -> std::io::Result<()> {
    for (table, rows) in tables {
        writeln!(out, "{table:<16}{:>16}", words::count(rows))?;
    }
    Ok(())
}

/// Answers that are not the exported ones.
pub fn differ(imported: &Imported) -> usize {
    imported.compared.iter().filter(|one| matches!(one.outcome, Outcome::Unequal(_))).count()
}

pub fn imported(imported: &Imported, out: &mut impl Write) -> anyhow::Result<()> {
    rows(imported.rows.iter().map(|(table, rows)| (table.as_str(), *rows)), out)?;
    if imported.kept > 0 {
        writeln!(out, "{} read by an earlier run", words::counted(imported.kept, "file", "files"))?;
    }
    if imported.refused > 0 {
        let rows = words::counted(imported.refused, "row", "rows");
        writeln!(out, "{rows} left out: of whom this instance was asked to forget")?;
    }
    writeln!(out, "{} rebuilt", words::counted(imported.hours, "brand-hour", "brand-hours"))?;
    if let Some(why) = &imported.not_compared {
        writeln!(out, "no figures compared: {why}")?;
        return Ok(());
    }
    compared(imported, out)
}

fn compared(imported: &Imported, out: &mut impl Write) -> anyhow::Result<()> {
    // Equal, unequal, not compared.
    let mut metrics: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for one in &imported.compared {
        let place = match one.outcome {
            Outcome::Equal => 0,
            Outcome::Unequal(_) => 1,
            Outcome::NotCompared(_) => 2,
        };
        metrics.entry(&one.metric).or_default()[place] += 1;
    }
    for (metric, [equal, unequal, not]) in &metrics {
        let said = match (unequal, not) {
            (0, 0) => format!("equal ({equal})"),
            (0, not) => format!("equal ({equal}), {not} not compared"),
            (unequal, not) => format!("UNEQUAL ({unequal} of {})", equal + unequal + not),
        };
        writeln!(out, "{metric:<40}{said}")?;
    }
    for one in imported.compared.iter().filter(|one| one.outcome != Outcome::Equal).take(LISTED) {
        let (Outcome::Unequal(why) | Outcome::NotCompared(why)) = &one.outcome else { continue };
        let brand = words::plain(&one.brand);
        let span = format!("{} to {}", words::minutes(one.from), words::minutes(one.to));
        writeln!(out, "{} of {brand}, {span}: {}", one.metric, words::plain(why))?;
    }
    let answers = words::counted(imported.compared.len() as u64, "answer", "answers");
    match (differ(imported), imported.moved) {
        (0, _) => writeln!(out, "{answers} compared, none differs")?,
        (differ, false) => writeln!(out, "{answers} compared, {differ} DIFFER")?,
        (differ, true) => writeln!(
            out,
            "{answers} compared, {differ} DIFFER; the store was written to while it was exported, which may be why"
        )?,
    }
    Ok(())
}

pub fn imported_json(imported: &Imported, out: &mut impl Write) -> anyhow::Result<()> {
    let Imported { id, rows, kept, refused, hours, compared, not_compared, moved } = imported;
    let all = json!({"export": id, "rows": rows, "files_kept": kept, "rows_refused": refused, "hours_rebuilt": hours,
        "compared": compared, "not_compared": not_compared, "differ": differ(imported), "written_meanwhile": moved});
    writeln!(out, "{}", serde_json::to_string_pretty(&all)?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use grapevine_store::transfer::Comparison;
    use jiff::Timestamp;

    use super::*;

    fn one(metric: &str, outcome: Outcome) -> Comparison {
        let to = "2026-03-02T00:00:00Z".parse().unwrap();
        Comparison { metric: metric.into(), brand: "Acme".into(), from: Timestamp::UNIX_EPOCH, to, outcome }
    }

    fn printed(of: &Imported) -> String {
        let mut out = vec![];
        imported(of, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_figure_that_differs_is_named_with_what_both_say_and_fails_the_command() {
        let differs = Outcome::Unequal("rows[0][0]: 3 was exported, 4 is here".into());
        let compared = vec![one("mentions", Outcome::Equal), one("mentions", differs), one("authors", Outcome::Equal)];
        let rows = [("mentions".to_owned(), 1200)].into();
        let imported = Imported { rows, compared, hours: 7, ..Imported::default() };
        assert_eq!(differ(&imported), 1);
        insta::assert_snapshot!(printed(&imported), @r"
        mentions                   1,200
        7 brand-hours rebuilt
        authors                                 equal (1)
        mentions                                UNEQUAL (1 of 2)
        mentions of Acme, 1970-01-01 00:00 to 2026-03-02 00:00: rows[0][0]: 3 was exported, 4 is here
        3 answers compared, 1 DIFFER
        ");
    }

    #[test]
    fn what_was_not_compared_is_said() {
        let imported =
            Imported { not_compared: Some("the store was not empty".into()), refused: 1, ..Imported::default() };
        assert_eq!(
            printed(&imported),
            "1 row left out: of whom this instance was asked to forget\n0 brand-hours rebuilt\n\
             no figures compared: the store was not empty\n"
        );
    }
}
