//! What one core does from a record of `mentions.scored` to rows on the socket, the engine's work left out.
//!
//! `cargo xtask bench wire [-- --records N --batch N --rounds N]` runs it in release. "Per core" counts the time of the processor
//! that this process takes, all its threads together, not the time by the clock. The server behind the socket is another
//! process, which swallows inserts; the store's questions are answered by a real engine with empty tables.

#[path = "bench/measure.rs"]
mod measure;
#[path = "bench/void.rs"]
mod void;

use std::error::Error;
use std::hint::black_box;

use grapevine_engine::testing;
use grapevine_model::{Event, wire};
use grapevine_store::{Batch, Store, StoreOptions};
use grapevine_testkit::story::Story;
use measure::{Clock, Took};

/// As in the binary `grapevine`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The store compresses what it sends to another machine only. The second is the first by a name that it does not know.
const LOOPBACK: &str = "127.0.0.1";
const ELSEWHERE: &str = "127.1";

struct Sizes {
    records: usize,
    batch: usize,
    rounds: usize,
}

const USAGE: &str = "usage: bench_wire [--records N] [--batch N] [--rounds N]";

fn main() -> Result<(), Box<dyn Error>> {
    testing::run_if_child();
    void::run_if_child()?;
    let sizes = sizes()?;
    let records = records(sizes.records)?;
    let bytes: usize = records.iter().map(Vec::len).sum();
    println!("{} records of {} bytes, batches of {}", records.len(), bytes / records.len(), sizes.batch);
    println!("{:44} {:>10} {:>12} {:>7}", "", "a second", "per core", "ratio");
    for round in 1..=sizes.rounds {
        println!("round {round}");
        let base = line("serde_json::Value of the same bytes", baseline(&records)?, records.len(), None);
        line("wire::encode", encode(&records)?, records.len(), Some(base));
        line("wire::decode", decode(&records)?, records.len(), Some(base));
        line("decode, rows, RowBinary, send", send(&records, &sizes, LOOPBACK)?, records.len(), Some(base));
        line("decode, rows, RowBinary, lz4, send", send(&records, &sizes, ELSEWHERE)?, records.len(), Some(base));
    }
    Ok(())
}

fn sizes() -> Result<Sizes, Box<dyn Error>> {
    let mut sizes = Sizes { records: 500_000, batch: 10_000, rounds: 2 };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?.parse()?;
        match name.as_str() {
            "--records" => sizes.records = value,
            "--batch" => sizes.batch = value,
            "--rounds" => sizes.rounds = value,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(sizes)
}

fn records(count: usize) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let story = Story::new(Story::SEED, "2026-11-21T18:00:00Z".parse()?);
    Ok(story.scored(count).map(|mention| wire::encode(&Event::Upsert(Box::new(mention)))).collect())
}

/// Prints the line; gives its rate per core.
fn line(what: &str, took: Took, count: usize, base: Option<f64>) -> f64 {
    let rate = took.rate_per_core(count);
    println!("{what:44} {:>10.0} {rate:>12.0} {:>7.2}", took.rate(count), rate / base.unwrap_or(rate));
    rate
}

fn baseline(records: &[Vec<u8>]) -> Result<Took, Box<dyn Error>> {
    let clock = Clock::start();
    for record in records {
        black_box(serde_json::from_slice::<serde_json::Value>(record)?);
    }
    Ok(clock.took())
}

fn decode(records: &[Vec<u8>]) -> Result<Took, Box<dyn Error>> {
    let clock = Clock::start();
    for record in records {
        black_box(wire::decode(record)?);
    }
    Ok(clock.took())
}

fn encode(records: &[Vec<u8>]) -> Result<Took, Box<dyn Error>> {
    let events = records.iter().map(|record| wire::decode(record)).collect::<Result<Vec<_>, _>>()?;
    let clock = Clock::start();
    for event in &events {
        black_box(wire::encode(event));
    }
    Ok(clock.took())
}

fn send(records: &[Vec<u8>], sizes: &Sizes, host: &str) -> Result<Took, Box<dyn Error>> {
    let engine = testing::start();
    let void = void::Void::start(engine.port())?;
    let database = engine.fresh_database();
    let options = |url: String| StoreOptions {
        url,
        database: database.clone(),
        user: Some(engine.user().to_owned()),
        password: Some(engine.password().to_owned()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        Store::connect(options(engine.url()))?.migrate().await?;
        let store = Store::connect(options(void.url(host)))?;
        let mut first_offset = 0;
        let clock = Clock::start();
        for chunk in records.chunks(sizes.batch) {
            let inserted = store.insert(&batch(chunk, first_offset)?).await?;
            if inserted.stored != chunk.len() as u64 {
                return Err("not all records were taken as new mentions".into());
            }
            first_offset += chunk.len() as u64;
        }
        Ok(clock.took())
    })
}

fn batch(records: &[Vec<u8>], first_offset: u64) -> Result<Batch, Box<dyn Error>> {
    let mut events = Vec::with_capacity(records.len());
    for (offset, record) in (first_offset..).zip(records) {
        events.push((offset, wire::decode(record)?));
    }
    let last_offset = first_offset + records.len() as u64 - 1;
    let (log, topic) = ("0000000000000000".to_owned(), "mentions.scored".to_owned());
    Ok(Batch { log, topic, partition: 0, first_offset, last_offset, events, unreadable: 0, replay: false })
}
