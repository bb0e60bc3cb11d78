//! The one thread that writes: what waits in its queue shares a transaction, and so a sync of the disk.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::{fail::Fail, group, retention, turn::Turn};
use crate::LogError;

/// Work inside the open transaction (or the reason why there is none); it gives back how to answer its caller once the
/// fate of the transaction is known.
pub(super) type Job = Box<dyn FnOnce(Result<&Connection, LogError>) -> Done + Send>;
pub(super) type Leaving = Arc<Mutex<Vec<i64>>>;
type Answer = Box<dyn FnOnce(Result<(), LogError>) + Send>;

pub(super) struct Done {
    failure: Option<LogError>,
    answer: Answer,
}

/// Jobs that share a transaction at most: bounds how long the first of them waits.
const BATCH: usize = 64;
/// Rows that one transaction of retention removes: bounds how long an append waits behind it.
const EXPIRED_ROWS: usize = 2_000;

pub(super) struct Writer {
    pub conn: Connection,
    pub turn: Turn,
    pub path: PathBuf,
    pub jobs: Receiver<Job>,
    pub news: watch::Sender<u64>,
    /// Marks this process's members.
    pub session: String,
    /// Members whose consumers are gone; a leave that failed is tried again with each upkeep.
    pub leaving: Leaving,
    pub lease: Duration,
    pub tick: Duration,
}

/// A job that runs `work` in a savepoint, so that its failure undoes nothing of its neighbours.
pub(super) fn job<T: Send + 'static>(
    path: &Path,
    work: impl FnOnce(&Connection) -> Result<T, Fail> + Send + 'static,
) -> (Job, oneshot::Receiver<Result<T, LogError>>) {
    let (sender, receiver) = oneshot::channel();
    let path = path.to_owned();
    let job = Box::new(move |conn: Result<&Connection, LogError>| -> Done {
        let outcome = conn.and_then(|conn| in_savepoint(conn, work).map_err(|fail| fail.at(&path)));
        let failure = outcome.as_ref().err().cloned();
        // A caller that went away needs no answer.
        let answer = move |committed: Result<(), LogError>| {
            drop(sender.send(outcome.and_then(|value| committed.map(|()| value))));
        };
        Done { failure, answer: Box::new(answer) }
    });
    (job, receiver)
}

fn in_savepoint<T>(conn: &Connection, work: impl FnOnce(&Connection) -> Result<T, Fail>) -> Result<T, Fail> {
    conn.prepare_cached("SAVEPOINT job")?.execute([])?;
    let outcome = work(conn);
    // A full disk may have ended the whole transaction already.
    if outcome.is_err() && !conn.is_autocommit() {
        conn.prepare_cached("ROLLBACK TO job")?.execute([])?;
    }
    if !conn.is_autocommit() {
        conn.prepare_cached("RELEASE job")?.execute([])?;
    }
    outcome
}

impl Writer {
    pub fn start(self) -> Result<thread::JoinHandle<()>, LogError> {
        thread::Builder::new().name("log-writer".to_owned()).spawn(move || self.run()).map_err(|error| {
            let message = format!("cannot start the log's writer thread: {error}");
            LogError::Broken { message, transient: false }
        })
    }

    /// Runs until every sender is gone; what was queued before is still done.
    fn run(mut self) {
        let mut due = Instant::now() + self.tick;
        loop {
            match self.jobs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(job) => self.share_transaction(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= due {
                self.maintain();
                due = Instant::now() + self.tick;
            }
        }
    }

    fn share_transaction(&mut self, first: Job) {
        let mut answers: Vec<Answer> = Vec::new();
        let mut open = self.begin();
        let mut next = Some(first);
        while let Some(job) = next {
            let done = job(open.clone().map(|()| &self.conn));
            answers.push(done.answer);
            // SQLite ends a transaction by itself when the disk is full or fails: all that share it failed.
            if let (true, Some(failure)) = (open.is_ok() && self.conn.is_autocommit(), done.failure) {
                open = Err(failure);
            }
            next = if answers.len() < BATCH { self.jobs.try_recv().ok() } else { None };
        }
        let committed = open.and_then(|()| self.commit());
        if committed.is_ok() {
            self.news.send_modify(|count| *count += 1);
        }
        answers.into_iter().for_each(|answer| answer(committed.clone()));
    }

    fn begin(&self) -> Result<(), LogError> {
        self.turn.begin(&self.conn).map_err(|error| Fail::from(error).at(&self.path))
    }

    fn commit(&self) -> Result<(), LogError> {
        self.conn.execute_batch("COMMIT").map_err(|error| {
            self.roll_back();
            Fail::from(error).at(&self.path)
        })
    }

    /// Lets go of the seats of consumers that are gone. Without this, one whose leave met a full disk would keep its
    /// partitions for as long as this process renews its leases.
    fn let_leave(&mut self) {
        let gone = std::mem::take(&mut *self.leaving.lock());
        if gone.is_empty() {
            return;
        }
        match self.transaction(|conn, _| gone.iter().try_for_each(|member| group::leave(conn, *member))) {
            Ok(()) => self.news.send_modify(|count| *count += 1),
            Err(error) => {
                tracing::warn!(%error, "readers of the log could not leave their group; will try again");
                self.leaving.lock().extend(gone);
            }
        }
    }

    /// Renews this process's leases, removes members that are gone, and forgets what is too old.
    fn maintain(&mut self) {
        self.let_leave();
        let now = Timestamp::now().as_millisecond();
        let expires = now + self.lease.as_millis() as i64;
        match self.transaction(|conn, session| group::renew(conn, session, expires, now)) {
            Ok(true) => self.news.send_modify(|count| *count += 1),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "renewing the leases of the log's readers failed; will try again"),
        }
        loop {
            match self.transaction(|conn, _| retention::expire(conn, now, EXPIRED_ROWS)) {
                Ok(removed) if removed >= EXPIRED_ROWS => {}
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, "removing old records from the log failed; will try again");
                    return;
                }
            }
            if let Ok(job) = self.jobs.try_recv() {
                self.share_transaction(job);
            }
        }
    }

    fn transaction<T>(&mut self, work: impl FnOnce(&Connection, &str) -> Result<T, Fail>) -> Result<T, LogError> {
        self.begin()?;
        match work(&self.conn, &self.session) {
            Ok(value) => self.commit().map(|()| value),
            Err(fail) => {
                self.roll_back();
                Err(fail.at(&self.path))
            }
        }
    }

    /// Nothing more can be done about a rollback that fails: the next BEGIN will say so.
    fn roll_back(&self) {
        if !self.conn.is_autocommit() {
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}
