//! Every question of the page over a large world: how long, how much is read, and how that grows.
//!
//! `cargo xtask bench queries [-- --mentions N --folder F --keep --rounds N --only METRIC --largest]` runs it in release;
//! `--largest` asks of the largest brand alone, over the spans that the page offers; `--only pages` asks whole pages alone, `--only community` those of one role.
//!
//! The world is made inside the engine, by hashing the numbers from 0: 20 brands whose sizes follow Zipf's law, a year, six
//! platforms, replies in threads, 2 % edits, labels, engagement. Views feed the rollups as in life, and the hours that edits
//! and labels touched are rebuilt. With `--keep` the folder stays, and a later run goes on from what is there.
//!
//! | column | what it is |
//! |---|---|
//! | p50, p95 | milliseconds of `Store::metric`, whole: coverage, model and figures, over HTTP, of the largest brand |
//! | rows, MB | what the engine read for one answer (`SelectedRows`, `SelectedBytes` of `system.events`) |
//! | base | the p50 of the same figures asked of the base table alone, and how many times as long |
//! | middle, small | p95 for the 6th and the 20th brand |

#[path = "bench/queries/base.rs"]
mod base;
#[path = "bench/queries/disk.rs"]
mod disk;
#[path = "bench/queries/pages.rs"]
mod pages;
#[path = "bench/queries/panels.rs"]
mod panels;
#[path = "bench/queries/report.rs"]
mod report;
#[path = "bench/queries/world.rs"]
mod world;

use std::error::Error;
use std::path::PathBuf;

use clickhouse::Client;
use grapevine_engine::{EmbeddedEngine, EngineOptions, testing};
use grapevine_store::{Store, StoreOptions, registry::Role};

/// As in the binary `grapevine`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: bench_queries [--mentions N] [--folder FOLDER] [--keep] [--rounds N] [--only METRIC] [--span SPAN] [--largest] [--serve]";

/// In place of a metric: whole pages alone, of both roles or of one.
const PAGES: [(&str, &[Role]); 3] = [
    ("pages", &[Role::Awareness, Role::Community]),
    ("awareness", &[Role::Awareness]),
    ("community", &[Role::Community]),
];

#[derive(Clone)]
pub struct Options {
    pub mentions: u64,
    pub folder: PathBuf,
    pub keep: bool,
    /// Times that each question is asked.
    pub rounds: usize,
    /// One metric alone, or one of [`PAGES`].
    pub only: Option<String>,
    /// One span alone, by its name.
    pub span: Option<String>,
    /// The largest brand alone, over the spans of the page.
    pub largest: bool,
    /// Keeps the engine up afterwards, for looking by hand.
    pub serve: bool,
}

/// The engine with the world.
pub struct Place {
    pub store: Store,
    /// For statements of the benchmark's own.
    pub client: Client,
}

fn main() -> Result<(), Box<dyn Error>> {
    testing::run_if_child();
    let options = options()?;
    let folder = options.folder.join(format!("world-{}", options.mentions));
    std::fs::create_dir_all(&folder)?;
    let engine = EmbeddedEngine::start(EngineOptions::new(testing::child_command(), folder.clone()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(run(&options, &engine));
    engine.stop();
    if !options.keep {
        std::fs::remove_dir_all(&folder)?;
    }
    outcome
}

async fn run(options: &Options, engine: &EmbeddedEngine) -> Result<(), Box<dyn Error>> {
    let place = place(engine)?;
    world::fill(&place, options.mentions).await?;
    let disk = disk::measure(&place, options.mentions).await?;
    disk::print(&disk);
    let pages = PAGES.iter().find(|(name, _)| options.only.as_deref().is_none_or(|only| only == *name));
    if options.only.is_none() || pages.is_none() {
        let answers = panels::measure(&place, options).await?;
        report::print(&answers);
        report::growth(options, &answers, &disk)?;
    }
    if let Some((_, roles)) = pages {
        pages::measure(&place, options, roles).await?;
    }
    if options.serve {
        println!("{} user {} password {}; Ctrl-C ends it", engine.url(), engine.user(), engine.password());
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

fn place(engine: &EmbeddedEngine) -> Result<Place, Box<dyn Error>> {
    let (user, password) = (engine.user().to_owned(), engine.password().to_owned());
    let client = Client::default().with_url(engine.url()).with_user(&user).with_password(&password);
    let store = Store::connect(StoreOptions {
        url: engine.url(),
        database: "world".to_owned(),
        user: Some(user),
        password: Some(password),
    })?;
    Ok(Place { store, client: client.with_database("world") })
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        mentions: 10_000_000,
        folder: std::env::temp_dir().join("grapevine-bench-queries"),
        keep: false,
        rounds: 20,
        only: None,
        span: None,
        largest: false,
        serve: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(USAGE);
        match name.as_str() {
            "--mentions" => options.mentions = value()?.parse()?,
            "--folder" => options.folder = value()?.into(),
            "--keep" => options.keep = true,
            "--rounds" => options.rounds = value()?.parse()?,
            "--only" => options.only = Some(value()?),
            "--span" => options.span = Some(value()?),
            "--largest" => options.largest = true,
            "--serve" => options.serve = true,
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}
