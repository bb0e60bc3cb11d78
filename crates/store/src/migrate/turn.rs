//! One process migrates at a time: several stages start at once on an empty store, and a statement that drops something
//! must not meet what another process has just made.
//!
//! ClickHouse has no locks, but a table is created by one process alone. Whoever made the highest of `migrating_1`,
//! `migrating_2`, … has the turn, goes on to the next number while it works, and drops its table at the end. Where the
//! number does not change for a while, its owner is gone, and another takes the next one.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{Store, StoreError, error::Doing};

const DOING: &str = "taking turns with other processes that prepare the schema";
/// An owner goes on to the next number this often, between two statements.
const RENEW: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// `TABLE_ALREADY_EXISTS`.
const EXISTS: &str = "Code: 57.";

pub(super) struct Turn<'a> {
    store: &'a Store,
    number: u64,
    since: Instant,
}

/// Whether the turn is still this process's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    Yes,
    /// Longer ago than another would wait: it may have had the turn meanwhile, and ended it.
    Perhaps,
    No,
}

impl<'a> Turn<'a> {
    /// Waits for those who are before us, but not longer than `lease` for one that does not go on.
    pub(super) async fn take(store: &'a Store, lease: Duration) -> Result<Self, StoreError> {
        let (mut seen, mut since) = (0, Instant::now());
        loop {
            let highest = highest(store).await?;
            if highest != seen {
                (seen, since) = (highest, Instant::now());
            }
            if (highest == 0 || since.elapsed() >= lease) && create(store, highest + 1).await? {
                let turn = Self { store, number: highest + 1, since: Instant::now() };
                // Its owner may have gone on by two meanwhile: then the number was free again, and is behind.
                if self::highest(store).await? == turn.number {
                    drop_table(store, highest).await?;
                    return Ok(turn);
                }
                turn.end().await?;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// To be asked before every statement.
    pub(super) async fn go_on(&mut self, lease: Duration) -> Result<Held, StoreError> {
        let elapsed = self.since.elapsed();
        // Fifteen times within a lease, but not more often than it needs.
        if elapsed < RENEW.max(lease / 15).min(lease / 2) {
            return Ok(Held::Yes);
        }
        if !create(self.store, self.number + 1).await? {
            return Ok(Held::No);
        }
        drop_table(self.store, self.number).await?;
        (self.number, self.since) = (self.number + 1, Instant::now());
        Ok(if elapsed < lease / 2 { Held::Yes } else { Held::Perhaps })
    }

    pub(super) async fn end(self) -> Result<(), StoreError> {
        drop_table(self.store, self.number).await
    }
}

/// 0 where nobody migrates.
async fn highest(store: &Store) -> Result<u64, StoreError> {
    let sql = "SELECT max(toUInt64OrZero(substring(name, 11))) FROM system.tables
        WHERE database = currentDatabase() AND startsWith(name, 'migrating_')";
    store.read(sql).fetch_one().await.doing(DOING)
}

/// False where another has made it.
async fn create(store: &Store, number: u64) -> Result<bool, StoreError> {
    let sql = store.turned(&format!("CREATE TABLE migrating_{number} (nothing UInt8) ENGINE = Memory"))?;
    match store.writer().query_raw(&sql).execute().await {
        Ok(()) => Ok(true),
        Err(clickhouse::error::Error::BadResponse(message)) if message.contains(EXISTS) => Ok(false),
        Err(error) => Err(error).doing(DOING),
    }
}

async fn drop_table(store: &Store, number: u64) -> Result<(), StoreError> {
    let sql = store.turned(&format!("DROP TABLE IF EXISTS migrating_{number}"))?;
    store.writer().query_raw(&sql).execute().await.doing(DOING)
}
