//! Mentions that chance draws, for people to judge in an editor or a spreadsheet.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use grapevine_model::MentionId;
use jiff::Timestamp;
use serde::Serialize;

use super::span;
use crate::{args::LabelsDrawArgs, commands::words, config, parts};

/// A line to be filled in, as `labels add --stdin` reads it. What the model says is left out: it would be repeated.
#[derive(Debug, Serialize)]
pub struct ToJudge<'a> {
    mention: MentionId,
    brand: &'a str,
    field: &'static str,
    value: &'static str,
    drawn: bool,
    text: &'a str,
}

impl<'a> ToJudge<'a> {
    pub fn new(mention: MentionId, brand: &'a str, text: &'a str) -> Self {
        Self { mention, brand, field: "polarity", value: "", drawn: true, text }
    }
}

pub async fn draw(args: &LabelsDrawArgs) -> anyhow::Result<ExitCode> {
    let span = span(Some(&args.from), args.to.as_deref(), Timestamp::now())?;
    let config = config::load(&args.with.config)?;
    config.check_brand(&args.brand)?;
    let open = parts::existing_store(&config).await?;
    let drawn = open.reader.draw(&args.brand, (span.from, span.to), args.n).await;
    open.close().await;
    let drawn = drawn?;
    let mut out = BufWriter::new(io::stdout().lock());
    for row in &drawn {
        serde_json::to_writer(&mut out, &ToJudge::new(row.id, &row.brand, &row.text))?;
        writeln!(out)?;
    }
    out.flush()?;
    eprintln!(
        "{} drawn of {}, none of them judged before",
        words::counted(drawn.len() as u64, "post", "posts"),
        args.brand
    );
    Ok(ExitCode::SUCCESS)
}
