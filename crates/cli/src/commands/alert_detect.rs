use std::{
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use grapevine_alerts::csv_detect::{self, DetectorKind};

use crate::args::DetectorName;

/// Prints timestamp, evidence and fired for every row; a summary goes to stderr.
pub fn run(detector: DetectorName, input: &Path) -> anyhow::Result<ExitCode> {
    let file = File::open(input).with_context(|| format!("{} could not be opened", input.display()))?;
    let detector = match detector {
        DetectorName::Negative => DetectorKind::Negative,
        DetectorName::Volume => DetectorKind::Volume,
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    let summary = csv_detect::detect(detector, BufReader::new(file), &mut out)
        .with_context(|| format!("{} could not be read", input.display()))?;
    out.flush()?;
    eprintln!("{} rows, fired {} times", summary.rows, summary.fired);
    Ok(ExitCode::SUCCESS)
}
