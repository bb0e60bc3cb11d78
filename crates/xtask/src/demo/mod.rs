//! `cargo xtask demo`: the whole pipeline on embedded parts, fed with a story that is replayed: its past at full speed,
//! then post by post, live. With `--live`, what is new comes from simulated platforms, over their own protocols.

mod config;
mod feed;
mod live;
mod replay;
mod running;
mod watch;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use grapevine_testkit::ports::free_port;
use jiff::Timestamp;

use crate::command::{cargo, show};
use crate::{repository, setup};
use feed::Feed;
use live::Platforms;
use replay::Replay;
use running::Running;
use watch::Watch;

/// Marks a folder that a demo made, which the next demo may empty.
const MARK: &str = ".grapevine-demo";
const PORT: u16 = 8642;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Replay this file (NDJSON or CSV) instead of the story
    #[arg(long, requires = "fields")]
    posts: Option<PathBuf>,
    /// Where a mention's fields stand in the file: id=id,created_at=date,author=user.name,text=body
    #[arg(long, value_name = "MAP", value_delimiter = ',', value_parser = config::parse_pair)]
    fields: Vec<(String, String)>,
    /// A brand of the file and its query; repeatable. Default: the values of the file's `brand` field
    #[arg(long, value_name = "NAME=QUERY", value_parser = config::parse_pair, requires = "posts")]
    brand: Vec<(String, String)>,
    /// Folder for the configuration, the log, the tables and the posts; emptied first
    #[arg(long, default_value = "target/demo")]
    data: PathBuf,
    /// What is new comes from simulated platforms over HTTP, WebSockets and webhooks, with edits, deletions and an outage
    #[arg(long, conflicts_with = "posts")]
    live: bool,
    /// How many times as fast as life the platforms of `--live` go on; alerts keep to their five minutes
    #[arg(long, requires = "live", default_value_t = 1.0)]
    speed: f64,
    /// Days of the story that an archive brings before `--live` begins: alerts learn the brand's rhythm from them
    #[arg(long, requires = "live", default_value_t = 14)]
    days: u32,
    /// Stop after so many seconds
    #[arg(long)]
    seconds: Option<u64>,
    /// Do not open the page in a browser
    #[arg(long)]
    no_open: bool,
    /// Build with the dev profile: faster to build, slower to score
    #[arg(long)]
    dev: bool,
    /// Run the programs that lie in this folder, instead of building them
    #[arg(long, conflicts_with = "dev")]
    binaries: Option<PathBuf>,
    /// Port of the page; default 8642, or a free one when that is taken
    #[arg(long)]
    port: Option<u16>,
}

pub fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    setup::run(&setup::Options { kafka: false, page: true, browser: false })?;
    let binaries = args.binaries.clone().map_or_else(|| build(args), Ok)?;
    let data = fresh_folder(&repository::root().join(&args.data))?;
    let mut platforms = None;
    let mut feed = match &args.posts {
        None if args.live => {
            let told = Platforms::start(&binaries.join("grapevine-simulator"), &data, args.speed)?;
            let archive = config::replayed(&data);
            Feed::of_archive(Timestamp::now(), args.days, (archive, &platforms.insert(told).tables))
        }
        None => {
            let now = Timestamp::now();
            Feed::of_story(now).with_campaigns(now, &data)?
        }
        Some(file) => Feed::of_file(file, &args.fields, &args.brand)?,
    };
    if args.posts.is_none() {
        feed.tables += &feed::beside(Timestamp::now(), &data)?;
    }
    let port = args.port.map_or_else(choose_port, Ok)?;
    fs::write(data.join("grapevine.toml"), config::text(&feed, &data, port))?;
    let mut replay = feed.lines.map(|lines| Replay::new(lines, &config::replayed(&data))).transpose()?;
    let past = replay.as_mut().map_or(Ok(0), |replay| replay.append_due(Timestamp::now()))?;
    if past > 0 {
        eprintln!("demo: {past} posts of the past go in at full speed; later ones when their time comes");
    }
    let running = Running::start(&binaries.join("grapevine"), &data, !args.no_open, platforms)?;
    eprintln!("demo: started after {:.0} s; everything is in {}", started.elapsed().as_secs_f32(), data.display());
    eprintln!("{}", what_to_see(args));
    let watch = Watch::new(past, Instant::now(), args.live);
    running.until_stopped(replay, watch, args.seconds.map(Duration::from_secs))
}

/// Builds what runs, and says where it lies.
fn build(args: &Args) -> Result<PathBuf> {
    eprintln!("demo: building grapevine (several minutes the first time)");
    let profile = if args.dev { "dev" } else { "release" };
    show(cargo().args(["build", "--package", "grapevine-cli", "--profile", profile]))?;
    if args.live {
        let features = ["--package", "grapevine-testkit", "--features", "simulator", "--bin", "grapevine-simulator"];
        show(cargo().arg("build").args(features).args(["--profile", profile]))?;
    }
    Ok(repository::root().join(if args.dev { "target/debug" } else { "target/release" }))
}

fn what_to_see(args: &Args) -> &'static str {
    match (args.live, &args.posts) {
        (true, _) => live::WHAT_TO_SEE,
        (false, None) => WHAT_TO_SEE,
        (false, Some(_)) => "demo: Ctrl-C ends it",
    }
}

const WHAT_TO_SEE: &str = "\
demo: eight weeks of posts about Kestrovel, maker of e-bikes, and two competitors; all of them are invented
demo:   Awareness  week 3: a launch, mostly praise; week 6: a firmware stops bikes on the road, and an alert is raised
demo:   Community  unanswered questions and the team's response times while the crisis lasts
demo:   Live       a new post every five to ten seconds
demo: Ctrl-C ends it";

/// An empty folder with the mark of a demo. One that holds something else is refused.
fn fresh_folder(folder: &Path) -> Result<PathBuf> {
    let used = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if used && !folder.join(MARK).is_file() {
        bail!("{} holds something that no demo made; name an empty folder with --data", folder.display());
    }
    if used {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(folder.join(MARK), "")?;
    Ok(folder.canonicalize()?)
}

fn choose_port() -> Result<u16> {
    match TcpListener::bind(("127.0.0.1", PORT)) {
        Ok(_) => Ok(PORT),
        Err(_) => free_port().context("no port is free"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_an_earlier_demo_is_emptied_and_another_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = fresh_folder(&dir.path().join("demo")).unwrap();
        fs::write(folder.join("posts.ndjson"), "old").unwrap();
        fresh_folder(&folder).unwrap();
        assert!(!folder.join("posts.ndjson").exists());

        fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
        assert!(fresh_folder(dir.path()).unwrap_err().to_string().contains("no demo made"));
        assert!(dir.path().join("thesis.txt").exists());
    }
}
