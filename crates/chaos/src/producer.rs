//! Sends numbered posts by both ways in, each until it is acknowledged, and tells the truth what it sent.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use grapevine_log::{Log, Record};
use grapevine_model::{Event, Mention, topics, wire};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::runtime::Runtime;

use crate::{
    config,
    options::Options,
    posts::{Line, Lines, Step, Steps},
    truth::Truth,
    world::World,
};

/// How often something is sent.
const TICK: Duration = Duration::from_millis(200);

pub struct Producer {
    pub truth: Arc<Mutex<Truth>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<anyhow::Result<()>>>,
}

impl Producer {
    pub fn start(options: &Options, world: &World) -> anyhow::Result<Producer> {
        let (truth, stop) = (Arc::new(Mutex::new(Truth::default())), Arc::new(AtomicBool::new(false)));
        let a_tick = (options.rate as usize * TICK.as_millis() as usize / 1000 / 2).max(1);
        let sender = Sender { truth: truth.clone(), stop: stop.clone(), a_tick };
        let to_log = {
            let (sender, steps) = (sender.clone(), Steps::new(options.seed));
            let log = ToLog { runtime: world.runtime.clone(), log: world.log.clone() };
            thread::spawn(move || sender.to_log(steps, &log))
        };
        let (path, lines) = (options.folder.join(config::POSTS), Lines::new(options.seed));
        let to_file = thread::spawn(move || sender.to_file(lines, path));
        Ok(Producer { truth, stop, threads: vec![to_log, to_file] })
    }

    /// Sends no more, once what is under way has been acknowledged.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            thread.join().map_err(|_| anyhow::anyhow!("a producer panicked"))??;
        }
        Ok(())
    }
}

/// After an error nobody waits for it; it shall not go on all the same.
impl Drop for Producer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

#[derive(Clone)]
struct Sender {
    truth: Arc<Mutex<Truth>>,
    stop: Arc<AtomicBool>,
    /// Events of one tick.
    a_tick: usize,
}

struct ToLog {
    runtime: Arc<Runtime>,
    log: Arc<dyn Log>,
}

impl Sender {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    fn to_log(&self, mut steps: Steps, log: &ToLog) -> anyhow::Result<()> {
        while !self.stopping() {
            let batch: Vec<Step> = (0..self.a_tick).map(|_| steps.next(Timestamp::now())).collect();
            for topic in [topics::RAW, topics::SCORED] {
                let records: Vec<Record> = batch.iter().flat_map(|step| records(step, topic)).collect();
                if !records.is_empty() {
                    log.append(topic, records)?;
                }
            }
            let mut truth = self.truth.lock();
            for step in batch {
                match step {
                    Step::Event(event, brands) => truth.heard(&event, &brands),
                    Step::Poison { bytes, .. } => {
                        truth.sent += 1;
                        truth.poison.insert(bytes);
                    }
                }
            }
            drop(truth);
            thread::sleep(TICK);
        }
        Ok(())
    }

    /// The last line is a post, so that its arrival shows that all were read.
    fn to_file(&self, mut lines: Lines, path: PathBuf) -> anyhow::Result<()> {
        let mut file = File::options().append(true).open(path)?;
        let mut number = 0;
        let mut last = false;
        while !last {
            last = self.stopping();
            let mut batch: Vec<Line> = (0..self.a_tick).map(|_| lines.next(Timestamp::now())).collect();
            if last {
                batch.push(lines.post(Timestamp::now()));
            }
            let mut truth = self.truth.lock();
            for line in batch {
                number += 1;
                write_line(&mut file, &line)?;
                note_line(&mut truth, line, number);
            }
            drop(truth);
            thread::sleep(TICK);
        }
        Ok(())
    }
}

fn write_line(file: &mut File, line: &Line) -> std::io::Result<()> {
    let (Line::Post { line: text, .. } | Line::Bad(text)) = line;
    file.write_all(format!("{text}\n").as_bytes())
}

fn note_line(truth: &mut Truth, line: Line, number: u64) {
    match line {
        Line::Post { mention, brands, .. } => {
            truth.last_of_file = Some(mention.id());
            truth.heard(&Event::Upsert(Box::new(Mention { ..*mention })), &brands);
        }
        Line::Bad(text) => {
            truth.sent += 1;
            truth.bad_lines.insert(text, number);
        }
    }
}

/// As an ingestor appends them: one under its key, or a copy on each partition.
fn records(step: &Step, topic: &str) -> Vec<Record> {
    match step {
        Step::Event(event, _) if topic == topics::RAW => {
            let value = wire::encode(event);
            match event.partition_key() {
                Some(key) => vec![Record { key: key.into_bytes(), value, partition: None }],
                None => (0..Options::PARTITIONS)
                    .map(|partition| Record { key: Vec::new(), value: value.clone(), partition: Some(partition) })
                    .collect(),
            }
        }
        Step::Poison { bytes, scored } if *scored == (topic == topics::SCORED) => {
            vec![Record { key: bytes.clone(), value: bytes.clone(), partition: None }]
        }
        _ => Vec::new(),
    }
}

impl ToLog {
    /// Until it is acknowledged: the broker may be down for seconds.
    fn append(&self, topic: &str, records: Vec<Record>) -> anyhow::Result<()> {
        let mut attempts = 0;
        loop {
            match self.runtime.block_on(self.log.append(topic, records.clone())) {
                Ok(()) => return Ok(()),
                Err(error) if attempts >= 100 => return Err(error.into()),
                Err(_) => attempts += 1,
            }
            thread::sleep(Duration::from_millis(500));
        }
    }
}
