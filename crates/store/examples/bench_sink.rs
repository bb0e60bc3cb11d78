//! Rows a second into the real engine: by the sink's way from the log, against inserting the same rows directly.
//!
//! `cargo xtask bench sink [-- --records N --batch N --rounds N] [--stage BINARY]` runs it in release.
//!
//! | line | what it does |
//! |---|---|
//! | direct | rows that lie ready in memory, by the `clickhouse` crate as it comes, batch by batch; nothing else |
//! | direct, side by side | the same by as many connections as there are partitions |
//! | sink | reads the embedded log, notes the range, decodes, `Store::insert`, commits; partitions side by side |
//! | stage | the process `grapevine sink` over a log that was filled before it, by its commits |
//!
//! All have the same tables with the same materialised view in one engine, a fresh database each. The ratio is of rows a
//! second by the clock, to the line "direct".

#[path = "bench/direct.rs"]
mod direct;
#[path = "bench/fill.rs"]
mod fill;
#[path = "bench/measure.rs"]
mod measure;
#[path = "../src/write/rows.rs"]
#[allow(dead_code)]
mod rows;
#[path = "bench/sink.rs"]
mod sink;
#[path = "bench/stage.rs"]
mod stage;

use std::error::Error;
use std::path::PathBuf;

use grapevine_engine::testing::{self, TestEngine};
use grapevine_log::embedded::EmbeddedLog;
use grapevine_model::topics;
use grapevine_store::{Batch, Store, StoreOptions};
use measure::Took;

/// As in the binary `grapevine`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: bench_sink [--records N] [--batch N] [--rounds N] [--stage BINARY]";
/// As in the configuration of a new installation.
const PARTITIONS: u32 = 3;

struct Options {
    records: usize,
    batch: usize,
    rounds: usize,
    stage: Option<PathBuf>,
}

/// Where the lines are measured.
pub struct Place {
    engine: TestEngine,
    batch: usize,
    folder: tempfile::TempDir,
}

fn main() -> Result<(), Box<dyn Error>> {
    testing::run_if_child();
    let options = options()?;
    let place = Place { engine: testing::start(), batch: options.batch, folder: tempfile::tempdir()? };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(compare(&options, &place))
}

async fn compare(options: &Options, place: &Place) -> Result<(), Box<dyn Error>> {
    let log = EmbeddedLog::open(place.folder.path().join("log.db"))?;
    let bytes = fill::fill(&log, topics::SCORED, PARTITIONS, options.records).await?;
    let (each, batch) = (bytes / options.records, options.batch);
    println!("{} records of {each} bytes, {PARTITIONS} partitions, batches of {batch}", options.records);
    println!("{:24} {:>9} {:>9} {:>11} {:>7}", "", "rows/s", "own s/M", "engine s/M", "ratio");
    for round in 1..=options.rounds {
        println!("round {round}");
        let base = line("direct", direct::run(place, &log, 1).await?, options.records, None);
        line("direct, side by side", direct::run(place, &log, PARTITIONS).await?, options.records, Some(base));
        line("sink", sink::run(place, &log, round).await?, options.records, Some(base));
        if let Some(binary) = &options.stage {
            line("stage", stage::run(place, binary, options.records).await?, options.records, Some(base));
        }
    }
    println!("\"own\" and \"engine\": seconds of the processor for a million rows, of this process and of the engine.");
    Ok(())
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options { records: 600_000, batch: 30_000, rounds: 2, stage: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--records" => options.records = value.parse()?,
            "--batch" => options.batch = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--stage" => options.stage = Some(value.into()),
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

/// Prints the line; gives its rows a second.
fn line(what: &str, (own, engine): (Took, f64), count: usize, base: Option<f64>) -> f64 {
    let rate = own.rate(count);
    let per_million = 1e6 / count as f64;
    let own = own.cpu.as_secs_f64() * per_million;
    println!(
        "{what:24} {rate:>9.0} {own:>9.1} {:>11.1} {:>6.0}%",
        engine * per_million,
        100.0 * rate / base.unwrap_or(rate)
    );
    rate
}

impl Place {
    /// A store on a fresh database.
    pub async fn store(&self) -> Result<Store, Box<dyn Error>> {
        let store = Store::connect(StoreOptions {
            url: self.engine.url(),
            database: self.engine.fresh_database(),
            user: Some(self.engine.user().to_owned()),
            password: Some(self.engine.password().to_owned()),
        })?;
        store.migrate().await?;
        Ok(store)
    }

    /// Seconds of the processor that the engine has taken.
    pub fn engine_cpu(&self) -> f64 {
        measure::cpu_of(self.engine.pid())
    }
}
