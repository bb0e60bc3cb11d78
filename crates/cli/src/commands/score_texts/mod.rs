//! `grapevine score`: texts as NDJSON on stdin, the same objects with their languages and scores on stdout.

mod answer;

use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufWriter, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::{Context, bail};
use grapevine_scoring::{Scorer, manifest::Manifest};
use serde_json::{Map, Value};

use crate::{args::ScoreArgs, config, parts, progress};
use answer::Answers;

/// Texts that are scored together: enough to sort by length, few enough to show progress.
const WINDOW: usize = 1024;

/// Lines that can not be read are named on stderr, and the rest goes on; the exit code then is 1.
pub fn run(args: &ScoreArgs) -> anyhow::Result<ExitCode> {
    if io::IsTerminal::is_terminal(&io::stdin()) {
        bail!(
            "stdin is a terminal; give texts, for example:\n  \
             echo '{{\"text\": \"the new release is great\"}}' | grapevine score"
        );
    }
    let (scorer, manifest) = load(args)?;
    let (any_language, left_out) = (args.any_language, BTreeMap::new());
    let mut answers = Answers { scorer: &*scorer, manifest: &manifest, any_language, left_out, blank: 0 };
    let bar = progress::bar(None, "texts");
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = Lines { input: io::stdin().lock(), field: &args.field, line: 0, bad: 0 };
    loop {
        let mut window = lines.window()?;
        if window.is_empty() {
            break;
        }
        bar.inc(window.len() as u64);
        answers.add(&mut window, &args.field)?;
        for object in &window {
            serde_json::to_writer(&mut out, object)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    bar.finish_and_clear();
    if let Some(summary) = answers.summary() {
        eprintln!("{summary}");
    }
    Ok(if lines.bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Flags win over the configuration, where there is one.
fn load(args: &ScoreArgs) -> anyhow::Result<(Arc<dyn Scorer>, Manifest)> {
    let mut section = match args.with.config.exists() {
        true => config::load(&args.with.config)?.scoring,
        false => Default::default(),
    };
    section.model = args.model.clone().or(section.model);
    section.engine = args.engine.unwrap_or(section.engine);
    section.workers = args.workers.unwrap_or(section.workers);
    parts::load_model(&section)
}

/// Reads windows of objects that have a text.
struct Lines<'a, R> {
    input: R,
    field: &'a str,
    line: u64,
    bad: u64,
}

impl<R: BufRead> Lines<'_, R> {
    fn window(&mut self) -> anyhow::Result<Vec<Map<String, Value>>> {
        let mut window = Vec::new();
        let mut text = Vec::new();
        while window.len() < WINDOW {
            text.clear();
            if self.input.read_until(b'\n', &mut text).context("stdin could not be read")? == 0 {
                break;
            }
            self.line += 1;
            if text.trim_ascii().is_empty() {
                continue;
            }
            match parse(&text, self.field) {
                Ok(object) => window.push(object),
                Err(reason) => {
                    self.bad += 1;
                    eprintln!("line {}: {reason}; left out", self.line);
                }
            }
        }
        Ok(window)
    }
}

fn parse(line: &[u8], field: &str) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}"))?;
    let Value::Object(object) = value else { return Err("not a JSON object".into()) };
    match object.get(field) {
        Some(Value::String(_)) => Ok(object),
        Some(_) => Err(format!("`{field}` is not a string")),
        None => Err(format!("there is no `{field}`; name the text's field with --field")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_line_is_counted_and_the_rest_goes_on() {
        let input = &b"{\"text\":\"a\"}\nnot json\n\n{\"other\":1}\n{\"text\":\"b\"}"[..];
        let mut lines = Lines { input, field: "text", line: 0, bad: 0 };
        let window = lines.window().unwrap();
        assert_eq!(window.iter().map(|object| object["text"].as_str().unwrap()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!((lines.line, lines.bad), (5, 2));
    }
}
