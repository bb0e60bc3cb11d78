//! The log as one SQLite file: for a single machine, nothing to install or to run beside it.
//!
//! Durability: an append returns after the write-ahead log is synced (`synchronous=FULL`). Appends that wait at the same
//! time share one transaction and one sync. A crash at any point leaves a file that opens with every acknowledged record
//! and no part of an append that was not finished.
//!
//! Processes: several may open the same file on one machine (not over a network file system). Each has one writer thread;
//! SQLite's lock lets one write at a time, and they take turns. A write that waits longer than
//! [`EmbeddedOptions::lock_wait`] fails, and may be tried again. Readers never wait for writers, nor writers for readers.
//!
//! Groups: a member keeps its partitions while its process lives and renews its lease, even when it polls rarely; a
//! killed process loses them at once on Linux, after [`EmbeddedOptions::lease`] elsewhere.
//!
//! Space: records that are too old are removed in the background in small steps, and their pages are used again; the file
//! does not shrink.

mod consumer;
mod fail;
mod group;
mod owner;
mod retention;
mod rewrite;
mod schema;
mod topic;
mod turn;
mod writer;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::watch;

use self::{
    consumer::EmbeddedConsumer,
    fail::Fail,
    schema::slot,
    turn::Turn,
    writer::{Job, Leaving, Writer},
};
use crate::{
    Commits, Consumer, Log, LogError, PollLimits, Received, Record, Rewritten, StartAt, TopicSpec, check_partition,
};

/// How the file is used; the defaults suit a deployment, tests make the times shorter.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// How long a member that gives no sign of life keeps its partitions.
    pub lease: Duration,
    /// How often leases are renewed and old records are removed; well below `lease`.
    pub upkeep: Duration,
    /// How long a write waits for another process that is writing.
    pub lock_wait: Duration,
    /// The file may grow to this size, in bytes; appends beyond it fail with [`LogError::DiskFull`].
    pub max_bytes: Option<u64>,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        EmbeddedOptions {
            lease: Duration::from_secs(20),
            upkeep: Duration::from_secs(5),
            lock_wait: Duration::from_secs(10),
            max_bytes: None,
        }
    }
}

/// The log in one file. Clones share it; the file is closed when the last clone and the last consumer are gone.
#[derive(Clone)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    session: String,
    leaving: Leaving,
    lease: Duration,
    lock_wait: Duration,
    /// `None` only while closing. Every job has a caller who waits for it, so the queue is as short as they are few.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<thread::JoinHandle<()>>>,
    idle_readers: Mutex<Vec<Connection>>,
    /// Counts transactions: polls wait for the next.
    news: watch::Sender<u64>,
}

impl EmbeddedLog {
    /// Opens the file, or creates it with the folders above it.
    ///
    /// # Errors
    /// A file that is damaged, is no log, or cannot be written; the message names it and the mend.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, LogError> {
        Self::open_with(path, EmbeddedOptions::default())
    }

    /// As [`EmbeddedLog::open`], with other settings than the defaults.
    pub fn open_with(path: impl AsRef<Path>, options: EmbeddedOptions) -> Result<Self, LogError> {
        let path = path.as_ref().to_owned();
        create_folder_of(&path)?;
        let conn = schema::open_writer(&path, &options).map_err(|fail| fail.at(&path))?;
        let (sender, jobs) = mpsc::channel();
        let (news, session, leaving) = (watch::Sender::new(0), session_name(), Leaving::default());
        let writer = Writer {
            conn,
            turn: Turn::open(&path, options.lock_wait),
            path: path.clone(),
            jobs,
            news: news.clone(),
            session: session.clone(),
            leaving: leaving.clone(),
            lease: options.lease,
            tick: options.upkeep,
        };
        let writer = writer.start()?;
        let shared = Shared {
            path,
            session,
            leaving,
            lease: options.lease,
            lock_wait: options.lock_wait,
            jobs: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            idle_readers: Mutex::default(),
            news,
        };
        Ok(EmbeddedLog { shared: Arc::new(shared) })
    }
}

fn create_folder_of(path: &Path) -> Result<(), LogError> {
    let Some(folder) = path.parent() else { return Ok(()) };
    std::fs::create_dir_all(folder).map_err(|error| {
        let message = format!("cannot create the log's folder {}: {error}", folder.display());
        LogError::Broken { message, transient: false }
    })
}

/// Unlike any other session's name: the process, the time, and a count within the process.
fn session_name() -> String {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("{}-{}-{count}", std::process::id(), Timestamp::now().as_nanosecond())
}

impl Shared {
    /// Runs `work` in the writer's next transaction; returns once that is durable.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, LogError> {
        let (job, answer) = writer::job(&self.path, work);
        self.submit(job);
        answer.await.unwrap_or_else(|_| {
            let message = format!("the writer of the log {} has stopped; restart grapevine", self.path.display());
            Err(LogError::Broken { message, transient: false })
        })
    }

    /// As `write`, where nobody waits.
    fn write_unheard(&self, work: impl FnOnce(&Connection) -> Result<(), Fail> + Send + 'static) {
        self.submit(writer::job(&self.path, work).0);
    }

    /// A job that cannot be queued is dropped, which its caller sees.
    fn submit(&self, job: Job) {
        if let Some(jobs) = self.jobs.lock().as_ref() {
            let _ = jobs.send(job);
        }
    }

    /// Runs `work` on one snapshot of the file, on a thread that may block.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, Fail> + Send + 'static,
    ) -> Result<T, LogError> {
        let shared = self.clone();
        let reading = move || shared.read_now(work).map_err(|fail| fail.at(&shared.path));
        tokio::task::spawn_blocking(reading).await.unwrap_or_else(|error| {
            let message = format!("reading the log {} ended abnormally: {error}", self.path.display());
            Err(LogError::Broken { message, transient: false })
        })
    }

    fn read_now<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fail>) -> Result<T, Fail> {
        let idle = self.idle_readers.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => schema::open_reader(&self.path, self.lock_wait)?,
        };
        let tx = conn.unchecked_transaction()?;
        let outcome = work(&tx);
        tx.finish()?;
        self.idle_readers.lock().push(conn);
        outcome
    }
}

impl Drop for Shared {
    /// Waits for the writer, so that the file is closed when the log is gone.
    fn drop(&mut self) {
        self.idle_readers.lock().clear();
        self.jobs.lock().take();
        if let Some(writer) = self.writer.lock().take() {
            // A writer that panicked has said so on stderr.
            let _ = writer.join();
        }
    }
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn ensure_topics(&self, topics: &[TopicSpec]) -> Result<(), LogError> {
        let topics = topics.to_vec();
        self.shared.write(move |conn| topics.iter().try_for_each(|spec| topic::ensure(conn, spec))).await
    }

    async fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        let topic = topic.to_owned();
        self.shared.read(move |conn| Ok(topic::get(conn, &topic)?.partitions)).await
    }

    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<(), LogError> {
        let topic = topic.to_owned();
        self.shared.write(move |conn| topic::append(conn, &topic, &records, Timestamp::now())).await
    }

    async fn consumer(&self, topic: &str, group: &str, start: StartAt) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(EmbeddedConsumer::join(self.shared.clone(), topic, group, start).await?))
    }

    async fn table(&self, topic: &str) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, LogError> {
        let topic = topic.to_owned();
        self.shared.read(move |conn| topic::table(conn, &topic)).await
    }

    async fn bounds(&self, topic: &str) -> Result<BTreeMap<u32, (u64, u64)>, LogError> {
        let topic = topic.to_owned();
        let work = move |conn: &Connection| {
            let found = topic::get(conn, &topic)?;
            (0..found.partitions).map(|part| Ok((part, topic::bounds(conn, slot(found.id, part))?))).collect()
        };
        self.shared.read(work).await
    }

    async fn read(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        limits: PollLimits,
    ) -> Result<Vec<Received>, LogError> {
        let name = topic.to_owned();
        let work = move |conn: &Connection| {
            let found = topic::get(conn, &name)?;
            check_partition(&name, partition, found.partitions)?;
            let (mut position, mut records) = (from, Vec::new());
            topic::read(conn, (&name, found), (partition, &mut position), &mut topic::Room::new(limits), &mut records)?;
            Ok(records)
        };
        self.shared.read(work).await
    }

    async fn rewrite(&self, topic: &str, partition: u32, changes: Vec<(u64, Vec<u8>)>) -> Result<Rewritten, LogError> {
        for changes in changes.chunks(rewrite::AT_ONCE) {
            let (topic, changes) = (topic.to_owned(), changes.to_vec());
            self.shared.write(move |conn| rewrite::rewrite(conn, (&topic, partition), &changes)).await?;
        }
        Ok(Rewritten::Done)
    }

    async fn purge(&self) -> Result<(), LogError> {
        let shared = self.shared.clone();
        self.shared.read(move |_| rewrite::purge(&shared.path, shared.lock_wait)).await
    }

    async fn commits(&self, topic: &str, group: &str) -> Result<Commits, LogError> {
        let (topic, group) = (topic.to_owned(), group.to_owned());
        self.shared.read(move |conn| topic::commits(conn, topic::get(conn, &topic)?, &group)).await
    }
}
