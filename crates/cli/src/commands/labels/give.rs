//! Labels that are given and taken back on the command line.

use std::{
    io::{self, BufRead},
    process::ExitCode,
};

use anyhow::{Context, bail};
use grapevine_log::Log;
use grapevine_model::{Correction, LabelField, LabelRecord, MentionId};
use grapevine_store::{MentionRow, Store};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use super::super::words;
use crate::{
    args::{LabelsAddArgs, LabelsRemoveArgs, WithConfig},
    config, parts,
    stages::labels::append,
};

/// Labels that go to the log together.
const TOGETHER: usize = 1000;

/// A label as a line of stdin, or the command line, gives it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub mention: MentionId,
    pub field: LabelField,
    pub value: String,
    #[serde(default)]
    pub brand: Option<String>,
    #[serde(default)]
    pub note: String,
    /// The mention came from `grapevine labels draw`.
    #[serde(default)]
    pub drawn: bool,
    /// As `grapevine labels draw` writes it, for whoever reads.
    #[serde(default, rename = "text")]
    pub _text: IgnoredAny,
}

impl Wanted {
    /// As `labels draw` wrote it: nobody has filled it in.
    pub fn is_unjudged(&self) -> bool {
        self.drawn && self.value.trim().is_empty()
    }
}

pub async fn add(args: &LabelsAddArgs) -> anyhow::Result<ExitCode> {
    let wanted = match (&args.mention, args.field, &args.value) {
        (Some(mention), Some(field), Some(value)) => {
            let (brand, note, value) = (args.brand.clone(), args.note.clone(), value.clone());
            vec![(1, Ok(Wanted { mention: *mention, field, value, brand, note, drawn: false, _text: IgnoredAny }))]
        }
        _ => read(io::stdin().lock())?,
    };
    let (log, open) = both(&args.with).await?;
    let given = give_all(&*log, &open.reader, wanted, &args.by).await;
    open.close().await;
    let Given { kept, empty, refused } = given?;
    println!("{} kept", words::counted(kept, "label", "labels"));
    if empty > 0 {
        println!("{} without a value: not judged yet", words::counted(empty, "drawn post", "drawn posts"));
    }
    for (line, why) in &refused {
        match args.stdin {
            true => eprintln!("line {line}: {why}"),
            false => eprintln!("error: {why}"),
        }
    }
    Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Of each line its number and what it wants, or why that can not be read.
type Lines = Vec<(u64, Result<Wanted, String>)>;

pub fn read(input: impl BufRead) -> anyhow::Result<Lines> {
    let mut lines = vec![];
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.context("stdin could not be read")?;
        if !line.trim().is_empty() {
            lines.push((number, serde_json::from_str(&line).map_err(|error| error.to_string())));
        }
    }
    Ok(lines)
}

#[derive(Default)]
struct Given {
    kept: u64,
    /// Drawn lines that nobody filled in.
    empty: u64,
    refused: Vec<(u64, String)>,
}

async fn give_all(log: &dyn Log, store: &Store, lines: Lines, by: &str) -> anyhow::Result<Given> {
    let mut given = Given::default();
    for lines in lines.chunks(TOGETHER) {
        let mut records = vec![];
        for (number, wanted) in lines {
            let labels = match wanted {
                Ok(wanted) if wanted.is_unjudged() => {
                    given.empty += 1;
                    continue;
                }
                Ok(wanted) => give(&store.mention(wanted.mention).await?, wanted, by),
                Err(why) => Err(anyhow::anyhow!("{why}")),
            };
            match labels {
                Ok(labels) => records.extend(labels),
                Err(why) => given.refused.push((*number, format!("{why:#}"))),
            }
        }
        append(log, &records).await?;
        given.kept += records.len() as u64;
    }
    Ok(given)
}

/// The labels of one line: of each brand one.
pub fn give(rows: &[MentionRow], wanted: &Wanted, by: &str) -> anyhow::Result<Vec<LabelRecord>> {
    let correction = Correction::parse(wanted.field, &wanted.value)?;
    let of_brand = chosen(rows, wanted.mention, wanted.brand.as_deref())?;
    let now = Timestamp::now();
    let label = |row: &&MentionRow| {
        let mut label = row.label(correction.clone(), by, &wanted.note, now);
        label.drawn |= wanted.drawn;
        label.check().map(|()| LabelRecord::Label(label)).map_err(anyhow::Error::from)
    };
    of_brand.iter().map(label).collect()
}

fn chosen<'a>(rows: &'a [MentionRow], id: MentionId, brand: Option<&str>) -> anyhow::Result<Vec<&'a MentionRow>> {
    let of_brand: Vec<&MentionRow> = rows.iter().filter(|row| brand.is_none_or(|brand| row.brand == brand)).collect();
    match (of_brand.is_empty(), brand) {
        (false, _) => Ok(of_brand),
        (true, Some(brand)) if !rows.is_empty() => {
            let brands: Vec<&str> = rows.iter().map(|row| row.brand.as_str()).collect();
            bail!("mention {id} is not one of {brand}\nhint: it is one of: {}", brands.join(", "))
        }
        _ => bail!("there is no mention {id}\nhint: the API's /api/v1/mentions gives the ids"),
    }
}

pub async fn remove(args: &LabelsRemoveArgs) -> anyhow::Result<ExitCode> {
    let (log, open) = both(&args.with).await?;
    let rows = open.reader.mention(args.mention).await;
    open.close().await;
    let rows = rows?;
    let of_brand = chosen(&rows, args.mention, args.brand.as_deref())?;
    let now = Timestamp::now();
    let withdrawals = of_brand.iter().filter_map(|row| row.withdrawal(args.field, &args.by, now));
    let records: Vec<LabelRecord> = withdrawals.map(LabelRecord::Withdrawn).collect();
    if records.is_empty() {
        let hint = format!("`grapevine labels list --mention {}` shows those that stand", args.mention);
        bail!("no label of the {} of mention {} stands\nhint: {hint}", args.field, args.mention);
    }
    append(&*log, &records).await?;
    println!("{} taken back", words::counted(records.len() as u64, "label", "labels"));
    Ok(ExitCode::SUCCESS)
}

async fn both(with: &WithConfig) -> anyhow::Result<(std::sync::Arc<dyn Log>, parts::OpenStore)> {
    let config = config::load(&with.config)?;
    Ok((parts::existing_log(&config).await?, parts::existing_store(&config).await?))
}
