//! Worker threads, each with an engine of its own.
//!
//! An engine is built and used on one thread, so it need not be `Send`. A panic inside an engine becomes the error of the
//! call that met it; the worker goes on. A worker that is gone is an error too, never a wait without end.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;

use crate::ScoringError;
use crate::batch::Batch;

/// Computes the model's outputs. One engine serves one thread.
pub trait Engine {
    /// Row by row, what the model's [layout](crate::layout::Layout) says, before any softmax.
    fn outputs(&mut self, batch: &Batch) -> Result<Vec<f32>, ScoringError>;
}

type Answer = (Vec<usize>, Result<Vec<f32>, ScoringError>);

struct Job {
    /// The caller's names for the rows.
    rows: Vec<usize>,
    batch: Batch,
    reply: Sender<Answer>,
}

/// Ends its workers when dropped.
pub struct Pool {
    jobs: Option<Sender<Job>>,
    workers: Vec<JoinHandle<()>>,
    width: usize,
}

impl Pool {
    /// Starts `workers` threads, and returns once each has made its engine, or with the first error. A row has `width`
    /// numbers.
    pub fn start<F>(workers: usize, width: usize, make: F) -> Result<Self, ScoringError>
    where
        F: Fn() -> Result<Box<dyn Engine>, ScoringError> + Send + Sync + 'static,
    {
        let (jobs, queue) = channel();
        let (queue, make) = (Arc::new(Mutex::new(queue)), Arc::new(make));
        let (ready, started) = channel();
        let mut pool = Self { jobs: Some(jobs), workers: Vec::new(), width };
        for number in 0..workers.max(1) {
            let (queue, make, ready) = (queue.clone(), make.clone(), ready.clone());
            let worker = std::thread::Builder::new()
                .name(format!("score-{number}"))
                .spawn(move || work(&queue, &*make, &ready, width))
                .map_err(|e| ScoringError::Engine(format!("cannot start a scoring worker: {e}")))?;
            pool.workers.push(worker);
        }
        drop(ready);
        for _ in 0..pool.workers.len() {
            started.recv().map_err(|_| gone())??;
        }
        Ok(pool)
    }

    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// A set of batches whose answers are awaited together.
    pub fn flight(&self) -> Flight<'_> {
        let (reply, answers) = channel();
        Flight { pool: self, reply, answers, sent: 0 }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None;
        for worker in self.workers.drain(..) {
            // A worker catches its engine's panics; one that died all the same has nothing left to hand over.
            let _ = worker.join();
        }
    }
}

/// See [`Pool::flight`].
pub struct Flight<'p> {
    pool: &'p Pool,
    reply: Sender<Answer>,
    answers: Receiver<Answer>,
    sent: usize,
}

impl Flight<'_> {
    /// Queues a batch without waiting. `rows[i]` is the caller's name for row `i`.
    pub fn send(&mut self, rows: Vec<usize>, batch: Batch) -> Result<(), ScoringError> {
        let job = Job { rows, batch, reply: self.reply.clone() };
        self.pool.jobs.as_ref().ok_or_else(gone)?.send(job).map_err(|_| gone())?;
        self.sent += 1;
        Ok(())
    }

    /// Waits for every batch: pairs of the caller's name and the outputs, in no order. The first error is the call's.
    pub fn finish(self) -> Result<Vec<(usize, Vec<f32>)>, ScoringError> {
        drop(self.reply);
        let mut all = Vec::new();
        for _ in 0..self.sent {
            let (rows, outputs) = self.answers.recv().map_err(|_| gone())?;
            let outputs = outputs?;
            all.extend(rows.into_iter().zip(outputs.chunks(self.pool.width).map(<[f32]>::to_vec)));
        }
        Ok(all)
    }
}

fn work<F>(queue: &Mutex<Receiver<Job>>, make: &F, ready: &Sender<Result<(), ScoringError>>, width: usize)
where
    F: Fn() -> Result<Box<dyn Engine>, ScoringError>,
{
    let made = guarded(make);
    let mut engine = match made {
        Ok(engine) => engine,
        Err(error) => return drop(ready.send(Err(error))),
    };
    if ready.send(Ok(())).is_err() {
        return;
    }
    loop {
        // The lock is held while waiting, and released before computing.
        let job = queue.lock().recv();
        let Ok(Job { rows, batch, reply }) = job else { return };
        let outputs = guarded(|| engine.outputs(&batch)).and_then(|outputs| complete(outputs, batch.rows, width));
        // A caller that gave up after another batch's error no longer listens.
        let _ = reply.send((rows, outputs));
    }
}

fn guarded<T>(run: impl FnOnce() -> Result<T, ScoringError>) -> Result<T, ScoringError> {
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Err(ScoringError::Engine(format!("a scoring worker panicked: {}", message(&*panic)))))
}

fn complete(outputs: Vec<f32>, rows: usize, width: usize) -> Result<Vec<f32>, ScoringError> {
    if outputs.len() != rows * width || outputs.iter().any(|x| !x.is_finite()) {
        return Err(ScoringError::Engine(format!(
            "the engine gave {} numbers for {rows} rows of {width}, or an output that is not a number; the model may not fit the engine",
            outputs.len()
        )));
    }
    Ok(outputs)
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.and_then(|text| text.lines().next()).unwrap_or("no message")
}

fn gone() -> ScoringError {
    ScoringError::Engine("a scoring worker ended without an answer; restart the process".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with the first token of each row; token 13 panics, token 14 is an error.
    struct Fake;

    impl Engine for Fake {
        fn outputs(&mut self, batch: &Batch) -> Result<Vec<f32>, ScoringError> {
            match batch.ids[0] {
                13 => panic!("unlucky"),
                14 => Err(ScoringError::Engine("refused".to_owned())),
                15 => Ok(vec![f32::NAN; 3]),
                16 => Ok(vec![0.0; 2]),
                _ => Ok(batch.ids.chunks(batch.width).flat_map(|row| [row[0] as f32; 3]).collect()),
            }
        }
    }

    fn fakes(workers: usize) -> Pool {
        Pool::start(workers, 3, || Ok(Box::new(Fake) as Box<dyn Engine>)).unwrap()
    }

    fn one(pool: &Pool, token: u32) -> Result<Vec<(usize, Vec<f32>)>, ScoringError> {
        let mut flight = pool.flight();
        flight.send(vec![0], Batch::of(&[&[token]]))?;
        flight.finish()
    }

    #[test]
    fn every_batch_is_answered_under_the_callers_names() {
        let pool = fakes(3);
        let mut flight = pool.flight();
        for n in 0..50u32 {
            flight.send(vec![n as usize], Batch::of(&[&[100 + n]])).unwrap();
        }
        let mut answers = flight.finish().unwrap();
        answers.sort_by_key(|a| a.0);
        assert_eq!(answers, (0..50).map(|n| (n, vec![100.0 + n as f32; 3])).collect::<Vec<_>>());
    }

    #[test]
    fn a_panic_an_error_and_a_nan_are_errors_and_the_worker_goes_on() {
        let pool = fakes(1);
        assert!(one(&pool, 13).unwrap_err().to_string().contains("unlucky"));
        assert!(one(&pool, 14).unwrap_err().to_string().contains("refused"));
        assert!(one(&pool, 15).unwrap_err().to_string().contains("not a number"));
        assert!(one(&pool, 16).unwrap_err().to_string().contains("gave 2 numbers for 1 rows of 3"));
        assert_eq!(one(&pool, 20).unwrap(), [(0, vec![20.0; 3])]);
    }

    #[test]
    fn an_engine_that_cannot_be_made_or_panics_stops_the_start() {
        let refused = Pool::start(2, 3, || Err(ScoringError::Engine("no library".to_owned())));
        assert!(refused.err().unwrap().to_string().contains("no library"));
        let panicked = Pool::start(2, 3, || panic!("bad weights"));
        assert!(panicked.err().unwrap().to_string().contains("bad weights"));
    }
}
