//! The real program reads platforms over real HTTP and WebSockets, and is killed all the while: at each crash point of
//! ingest, and anywhere. In the end the log and the store hold every post of every platform once, as it stands there.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use grapevine_log::{Log, PollLimits, embedded::EmbeddedLog};
use grapevine_model::{Event, topics, wire};
use grapevine_testkit::{
    process::{Process, wait_for},
    simulator::{Faults, Known, Options, Simulator, Stand},
};
use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::app::{App, binary, file_source, grapevine, stderr, stdout};

/// Everything of the shop, of Mastodon and of Discord stands under one of two tags or in one of two channels.
const BRAND: &str = r##"
data_dir = "data"
[[brand]]
name = "Kettles"
spaces = ["kettle", "tea"]
[[brand.monitor]]
name = "all"
query = "#kettle OR #tea OR kestrovel OR ombrask OR lumbrike OR acme"
"##;
const WORDS: [&str; 3] = ["kestrovel", "ombrask", "lumbrike"];

/// What reads a platform, by the name of its shape.
struct Reader {
    shape: &'static str,
    /// Of its mentions.
    platform: &'static str,
    /// Settings with which all happens within seconds.
    quick: &'static str,
    /// It tells what was before the start.
    reads_back: bool,
}

const READERS: [Reader; 4] = [
    Reader {
        shape: "mastodon",
        platform: "mastodon",
        quick: "interval_seconds = 3\nbackfill_hours = 720",
        reads_back: true,
    },
    Reader { shape: "discord", platform: "discord", quick: "backfill_hours = 720", reads_back: true },
    Reader {
        shape: "discourse",
        platform: "discourse",
        quick: "poll_seconds = 1\nbackfill_days = 60",
        reads_back: true,
    },
    Reader { shape: "webhook", platform: "shop", quick: "", reads_back: false },
];

const PAST: usize = 30;
const FUTURE: usize = 60;
/// All of the story happens within half a minute.
const PACE: f64 = 80.0;
/// Each point is passed by one that is killed at the first passing, and by one that is killed later.
const PASSINGS: [u32; 2] = [1, 4];
/// Kills at any time, at least; then for as long as the story goes on.
const RANDOM_KILLS: usize = 6;
/// One life, until it passes its crash point.
const A_LIFE: Duration = Duration::from_secs(90);
/// From the last kill until all is read and stored.
const UNTIL_KNOWN: Duration = Duration::from_secs(180);

/// The folder of one pipeline, and the platforms that it reads.
struct Trial {
    folder: tempfile::TempDir,
    simulator: Simulator,
    began: Timestamp,
    lines: usize,
    lives: usize,
}

impl Trial {
    async fn start() -> anyhow::Result<Self> {
        let count = READERS.len();
        let options = Options {
            only: READERS.iter().map(|reader| reader.shape.to_owned()).collect(),
            past: PAST * count,
            future: Some(FUTURE * count),
            pace: PACE,
            // Who dies all the time forgets what it has asked.
            limits: false,
            unrest: 5,
            per_page: 7,
            faults: Faults::of(0.05),
            ..Options::default()
        };
        let simulator = Simulator::start(options).await?;
        let trial = Self { folder: tempfile::tempdir()?, simulator, began: Timestamp::now(), lines: 0, lives: 0 };
        std::fs::write(trial.path().join("ingest.toml"), trial.config())?;
        Ok(trial)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn config(&self) -> String {
        let table = |reader: &Reader| {
            let mut keys = self.simulator.stand(reader.shape).keys();
            keys.extend(reader.quick.parse::<toml::Table>().expect("the settings above are TOML"));
            toml::Table::from_iter([("source".to_owned(), vec![keys].into())]).to_string()
        };
        let sources: String = READERS.iter().map(table).collect();
        format!("{BRAND}{sources}{}[scoring]\nenabled = false\n", file_source("posts.ndjson"))
    }

    fn secrets(&self) -> Vec<(&'static str, &'static str)> {
        self.simulator.stands.iter().filter_map(Stand::secret).collect()
    }

    /// One post and one line that can not be read, so that there is a dead letter to park.
    fn feed(&mut self) -> anyhow::Result<()> {
        self.lines += 1;
        let created_at = Timestamp::now();
        let post = serde_json::json!({"id": self.lines.to_string(), "platform": "test", "author": "ada", "text": "acme",
            "created_at": created_at.to_string()});
        let path = self.path().join("posts.ndjson");
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path)?;
        Ok(writeln!(file, "{post}\n{{\"torn\": {}", self.lines)?)
    }

    fn life(&mut self, crash_at: Option<&str>) -> anyhow::Result<Process> {
        self.feed()?;
        self.lives += 1;
        let mut command = Command::new(binary());
        command.args(["ingest", "--config", "ingest.toml"]).current_dir(self.path()).envs(self.secrets());
        command.envs(crash_at.map(|point| ("GRAPEVINE_CRASH_AT", point)));
        Ok(Process::start(command, &self.path().join("ingest.log"))?)
    }

    fn dies_at(&mut self, point: &str) -> anyhow::Result<()> {
        use std::os::unix::process::ExitStatusExt;
        let mut process = self.life(Some(point))?;
        let mut status = None;
        wait_for(A_LIFE, || {
            status = process.exited().ok().flatten();
            status.is_some()
        });
        let status = status.with_context(|| format!("{point} was not passed:\n{}", process.log_tail(20)))?;
        ensure!(status.signal() == Some(libc::SIGABRT), "{point}: {status}:\n{}", process.log_tail(20));
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.simulator.stands.iter().all(|stand| stand.platform.is_over())
    }

    /// What the log holds, by platform.
    async fn logged(&self) -> anyhow::Result<BTreeMap<String, Known>> {
        let log = EmbeddedLog::open(self.path().join("data/log.db"))?;
        let mut known: BTreeMap<String, Known> = BTreeMap::new();
        let limits = PollLimits { records: 10_000, bytes: 64 << 20, wait: Duration::ZERO };
        for (partition, (oldest, next)) in log.bounds(topics::RAW).await? {
            let mut from = oldest;
            while from < next {
                let records = log.read(topics::RAW, partition, from, limits).await?;
                let last = records.last().context("the log ends before its end")?;
                from = last.offset + 1;
                for record in &records {
                    let event = wire::decode(&record.value)?;
                    let platform = match &event {
                        Event::Upsert(mention) => mention.key.platform.to_string(),
                        Event::Delete(deletion) => deletion.key.platform.to_string(),
                        Event::AuthorTombstone(tombstone) => tombstone.platform.clone(),
                        Event::Gap(gap) => bail!("nothing was missed, and a gap was told: {gap:?}"),
                        _ => continue,
                    };
                    known.entry(platform).or_default().take(vec![event]);
                }
            }
        }
        Ok(known)
    }

    /// What is not in the log as it stands on the platforms.
    async fn differs(&self) -> anyhow::Result<Option<String>> {
        let logged = self.logged().await?;
        for reader in &READERS {
            let platform = &self.simulator.stand(reader.shape).platform;
            let from = if reader.reads_back { Timestamp::MIN } else { self.began };
            let nothing = Known::default();
            let known = logged.get(reader.platform).unwrap_or(&nothing);
            if let Some(problem) = known.differs(&*platform.shape, &platform.moment().view(), from) {
                return Ok(Some(format!("{}: {problem}", reader.platform)));
            }
        }
        let lines = logged.get("test").map_or(0, Known::len);
        Ok((lines != self.lines).then(|| format!("{lines} of {} lines of the file", self.lines)))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_killed_while_it_reads_platforms_knows_every_post_once() -> anyhow::Result<()> {
    let mut trial = Trial::start().await?;
    let listed = stdout(&grapevine(trial.path(), &["crash-points"])?);
    let points: Vec<&str> = listed.lines().filter(|point| point.starts_with("ingest-")).collect();
    ensure!(points.len() >= 4, "{points:?}");
    for passing in PASSINGS {
        for point in &points {
            // A life has one line that can not be read.
            let passing = if *point == "ingest-parked" { 1 } else { passing };
            trial.dies_at(&format!("{point}:{passing}"))?;
        }
    }
    let mut rng = SmallRng::seed_from_u64(7);
    let mut kills = 0;
    while kills < RANDOM_KILLS || !trial.is_over() {
        let mut process = trial.life(None)?;
        tokio::time::sleep(Duration::from_millis(rng.random_range(100..2_500))).await;
        ensure!(process.exited()?.is_none(), "it ended by itself:\n{}", process.log_tail(20));
        process.kill()?;
        kills += 1;
    }
    ends_well(trial).await
}

/// A last life, in which all stages run and nothing is killed.
async fn ends_well(trial: Trial) -> anyhow::Result<()> {
    let config = trial.config();
    // `App` adds the folder of the data.
    let config = config.replacen("data_dir = \"data\"\n", "", 1);
    let mut app = App::start_with(trial.path(), &config, &trial.secrets()).await?;
    let began = Instant::now();
    while let Some(problem) = trial.differs().await? {
        ensure!(began.elapsed() < UNTIL_KNOWN, "after {} lives, {problem}\n{}", trial.lives, app.log());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let logged = trial.logged().await?;
    let came_again: usize = logged.values().map(|known| known.came_again).sum();
    is_stored(&app, &logged).await?;
    letters_are_accounted(&trial)?;
    eprintln!(
        "{} lives, {} posts, {came_again} came again, {} dead letters",
        trial.lives,
        logged.values().map(Known::len).sum::<usize>(),
        trial.lines
    );
    app.stop()
}

/// Every mention that belongs to the brand is one row, and no other is there.
async fn is_stored(app: &App, logged: &BTreeMap<String, Known>) -> anyhow::Result<()> {
    let is_about = |text: &str| {
        let text = text.to_lowercase();
        text.split(|sign: char| !sign.is_alphanumeric()).any(|word| WORDS.contains(&word))
    };
    let mut expected = BTreeSet::new();
    for (platform, known) in logged {
        let ours = known.there().filter(|(_, mention)| platform != "discourse" || is_about(&mention.text));
        expected.extend(ours.map(|(id, _)| (platform.clone(), id.clone())));
    }
    app.wait_for_stored(expected.len() as u64).await?;
    let sql = "SELECT toString(platform), native_id FROM mentions FINAL";
    let rows: Vec<(String, String)> = app.clickhouse()?.query(sql).fetch_all().await?;
    let stored: BTreeSet<(String, String)> = rows.iter().cloned().collect();
    ensure!(stored.len() == rows.len(), "{} rows of {} mentions", rows.len(), stored.len());
    let (lost, foreign): (Vec<_>, Vec<_>) =
        (expected.difference(&stored).collect(), stored.difference(&expected).collect());
    ensure!(lost.is_empty() && foreign.is_empty(), "lost: {lost:?}; should not be there: {foreign:?}");
    let gaps: u64 = app.clickhouse()?.query("SELECT count() FROM gaps").fetch_one().await?;
    ensure!(gaps == 0, "{gaps} gaps are stored, and nothing was missed");
    Ok(())
}

/// Each line that can not be read is one letter, whoever parked it how often.
fn letters_are_accounted(trial: &Trial) -> anyhow::Result<()> {
    let output = grapevine(trial.path(), &["dlq", "list", "--format", "json"])?;
    let listed: serde_json::Value =
        serde_json::from_slice(&output.stdout).with_context(|| format!("dlq list: {}", stderr(&output)))?;
    ensure!(listed["count"] == trial.lines, "{} lines can not be read: {listed}", trial.lines);
    Ok(())
}
