//! Several writers and rebuilders at once, and a person who labels, stopped anywhere, some of which go on later. In the end everything is exact.
//!
//! A handle of its own stands for a process: handles share nothing but the server.

mod people;
mod script;
mod targeted;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    time::{Duration, Instant},
};

use clickhouse::Row;
use grapevine_model::Polarity;
use grapevine_store::{Audit, Batch, Store};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::world::{World, at, world};
use script::{Dice, PARTITIONS, State, outcome, ranges};

/// Rounds go on until then.
const LENGTH: Duration = Duration::from_secs(20);
const EVENTS: usize = 40;

/// A task that stands still at a step until it is let go.
pub struct Zombie<T> {
    pub task: JoinHandle<T>,
    release: mpsc::Sender<()>,
}

impl<T> Zombie<T> {
    pub fn release(self) -> JoinHandle<T> {
        // A task that has ended does not listen any more.
        let _ = self.release.send(());
        self.task
    }
}

/// What became of a task that was started with [`run_until`].
pub enum Ran<T> {
    Ended(T),
    Stands(Zombie<T>),
}

/// Runs `work` with a process's store until it ends, or stands still at its step number `stop` (from 0).
pub async fn run_until<T, F>(store: &Store, stop: usize, work: impl FnOnce(Store) -> F) -> Ran<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (release, released) = mpsc::channel();
    let (stands, standing) = tokio::sync::oneshot::channel();
    let (released, stands, passed) = (Mutex::new(released), Mutex::new(Some(stands)), AtomicUsize::new(0));
    let hook = move |_: &str| {
        if passed.fetch_add(1, Relaxed) == stop
            && let Some(stands) = stands.lock().unwrap().take()
        {
            let _ = stands.send(());
            tokio::task::block_in_place(|| released.lock().unwrap().recv_timeout(Duration::from_secs(60)).ok());
        }
    };
    let mut task = tokio::spawn(work(store.clone().with_steps(hook)));
    tokio::select! {
        ended = &mut task => Ran::Ended(ended.unwrap()),
        Ok(()) = standing => Ran::Stands(Zombie { task, release }),
    }
}

pub fn process(world: &World) -> Store {
    Store::connect(world.options.clone()).unwrap()
}

/// What goes on beside the writers.
struct Shared {
    world: World,
    writing: AtomicU64,
    /// How often each thing happened.
    counts: Mutex<BTreeMap<&'static str, u64>>,
}

impl Shared {
    fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }
}

/// Stores the ranges of a partition in order, each by tries that may be dropped or stand still.
async fn write(shared: Arc<Shared>, ranges: Vec<Batch>, mut dice: Dice) {
    let mut zombies = vec![];
    for range in ranges {
        let mut replay = false;
        loop {
            let store = process(&shared.world);
            let batch = Batch { replay, ..range.clone() };
            replay = true;
            match dice.roll(6) {
                // Killed at some moment; the server may go on with what it has.
                0 => {
                    let patience = Duration::from_micros(dice.roll(25_000));
                    if tokio::time::timeout(patience, store.insert(&batch)).await.is_ok() {
                        break;
                    }
                    shared.count("inserts dropped");
                }
                // Stopped at a step; another member takes over.
                1 => match run_until(&store, dice.roll(2) as usize, |store| async move { store.insert(&batch).await })
                    .await
                {
                    Ran::Ended(inserted) => {
                        let _ = inserted.unwrap();
                        break;
                    }
                    Ran::Stands(zombie) => zombies.push(zombie),
                },
                _ => {
                    let _ = store.insert(&batch).await.unwrap();
                    break;
                }
            }
        }
        shared.count("ranges");
        if dice.roll(3) == 0
            && let Some(zombie) = zombies.pop()
        {
            shared.count("inserts that went on late");
            let _ = zombie.release().await.unwrap().unwrap();
        }
    }
    for zombie in zombies {
        let _ = zombie.release().await.unwrap().unwrap();
    }
    shared.writing.fetch_sub(1, Relaxed);
}

async fn rebuild(shared: Arc<Shared>, mut dice: Dice) {
    let mut zombies = vec![];
    let work = |store: Store, span: bool| async move {
        match span {
            true => store.rebuild("acme", at("2026-02-28T00:00:00Z"), at("2026-03-03T00:00:00Z")).await,
            false => store.rebuild_dirty().await,
        }
    };
    while shared.writing.load(Relaxed) > 0 {
        let (store, span) = (process(&shared.world), dice.roll(4) == 0);
        match dice.roll(5) {
            4 => {
                let patience = Duration::from_micros(dice.roll(50_000));
                let ended = tokio::time::timeout(patience, store.sum_days()).await;
                shared.count(if ended.is_ok() { "days summed" } else { "sums dropped" });
            }
            0 => {
                let patience = Duration::from_micros(dice.roll(25_000));
                let ended = tokio::time::timeout(patience, work(store, span)).await;
                shared.count(if ended.is_ok() { "rebuilds" } else { "rebuilds dropped" });
            }
            1 => match run_until(&store, dice.roll(3) as usize, |store| work(store, span)).await {
                Ran::Ended(rebuilt) => drop(rebuilt.unwrap()),
                Ran::Stands(zombie) => zombies.push(zombie),
            },
            2 if !zombies.is_empty() => {
                let zombie = zombies.swap_remove(dice.roll(zombies.len() as u64) as usize);
                let _ = zombie.release().await.unwrap().unwrap();
                shared.count("rebuilds that went on late");
            }
            2 => store.clean().await.unwrap(),
            _ => {
                let _ = work(store, span).await.unwrap();
                shared.count("rebuilds");
            }
        }
    }
    for zombie in zombies {
        let _ = zombie.release().await.unwrap().unwrap();
    }
}

#[derive(Row, Deserialize)]
struct Stored {
    brand: String,
    id: u128,
    created_ms: i64,
    polarity: i8,
}

/// Everything that is there, as the model states it.
async fn stored(world: &World) -> BTreeMap<(String, u128), (i64, i8)> {
    let sql = "SELECT toString(brand) AS brand, id, toUnixTimestamp64Milli(created_at) AS created_ms,
        toInt8(polarity) AS polarity FROM mentions FINAL";
    let rows: Vec<Stored> = world.client().query(sql).fetch_all().await.unwrap();
    let count = rows.len();
    let stored: BTreeMap<_, _> =
        rows.into_iter().map(|row| ((row.brand, row.id), (row.created_ms, row.polarity))).collect();
    assert_eq!(stored.len(), count, "a mention is there twice");
    stored
}

/// Everything as it is read, with the labels.
async fn read(world: &World) -> BTreeMap<(String, u128), i8> {
    let mut read = BTreeMap::new();
    for brand in ["acme", "zenith"] {
        for row in world.store.latest(Some(brand), 1000, None).await.unwrap() {
            let polarity = Polarity::ALL.into_iter().find(|polarity| Some(polarity.name()) == row.polarity).unwrap();
            read.insert((brand.to_owned(), row.id.0), polarity.sign());
        }
    }
    read
}

fn expected(outcome: BTreeMap<(String, u128), State>) -> BTreeMap<(String, u128), (i64, i8)> {
    let code = |polarity: Polarity| polarity.sign();
    outcome.into_iter().filter_map(|(at, state)| Some((at, (state.created_ms, code(state.live?))))).collect()
}

pub async fn audit(store: &Store) -> Audit {
    store.audit(Timestamp::UNIX_EPOCH, at("2099-01-01T00:00:00Z")).await.unwrap()
}

async fn round(seed: u64) -> BTreeMap<&'static str, u64> {
    let world = world().await;
    let shared = Arc::new(Shared { world, writing: AtomicU64::new(PARTITIONS.into()), counts: Mutex::default() });
    let partitions: Vec<Vec<Batch>> = (0..PARTITIONS)
        .map(|partition| ranges(partition, &mut Dice(seed * 100 + u64::from(partition)), EVENTS))
        .collect();
    let mut tasks = vec![];
    for (number, ranges) in (0u64..).zip(&partitions) {
        tasks.push(tokio::spawn(write(shared.clone(), ranges.clone(), Dice(seed * 1000 + number))));
    }
    for number in 0..2 {
        tasks.push(tokio::spawn(rebuild(shared.clone(), Dice(seed * 1000 + 500 + number))));
    }
    let said = people::said(Dice(seed * 1000 + 700));
    tasks.push(tokio::spawn(people::label(shared.clone(), said.clone(), Dice(seed * 1000 + 800))));
    for task in tasks {
        task.await.unwrap();
    }
    let store = process(&shared.world);
    let before = audit(&store).await;
    assert_eq!(before.violations(), 0, "before the last rebuild, seed {seed}: {before:#?}");
    let _ = store.sum_days().await.unwrap();
    let _ = store.rebuild_dirty().await.unwrap();
    let verified = store.verify(Timestamp::UNIX_EPOCH, at("2099-01-01T00:00:00Z")).await.unwrap();
    assert!(verified.mismatches.is_empty(), "seed {seed}: {:#?}", verified.mismatches);
    let model: BTreeMap<_, _> = partitions.iter().flat_map(|ranges| expected(outcome(ranges))).collect();
    assert_eq!(stored(&shared.world).await, model, "seed {seed}");
    let corrected = people::corrected(model.clone(), &said);
    assert_eq!(read(&shared.world).await, corrected, "seed {seed}");
    let after = audit(&store).await;
    let offsets: usize = partitions.iter().flatten().map(|range| range.events.len()).sum();
    assert_eq!(
        (after.violations(), after.dirty_hours, after.overlaps.violations),
        (0, 0, 0),
        "seed {seed}: {after:#?}"
    );
    assert_eq!((after.lost.checked, verified.mentions), (offsets as u64, corrected.len() as u64), "seed {seed}");
    shared.counts.lock().unwrap().clone()
}

#[test]
fn any_schedule_of_writers_and_rebuilders_ends_exact() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let start = Instant::now();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    let mut seed = 1;
    while start.elapsed() < LENGTH {
        for (what, count) in runtime.block_on(round(seed)) {
            *counts.entry(what).or_default() += count;
        }
        seed += 1;
    }
    println!("{} rounds: {counts:?}", seed - 1);
    for what in [
        "inserts dropped",
        "inserts that went on late",
        "rebuilds dropped",
        "rebuilds that went on late",
        "labels dropped",
        "labels that went on late",
    ] {
        assert!(counts.get(what).is_some_and(|count| *count > 0), "{what} never happened: {counts:?}");
    }
}
