//! What the panels of one page have in common is read once for all of them.
//!
//! A page asks twenty questions about one brand and span within a second, and each of them needs to know how far the sources are,
//! what they did not read, which model scored, what retention removed and where the history begins. With
//! [`Store::with_recent`], such an answer is given again while it is young, and those who ask for it meanwhile wait for the one that
//! reads.
//!
//! **Claim: nothing is shown as complete that is not.** Gaps are written ahead of the heartbeat that passes over them, so they
//! are to be read after it: the gaps that are kept belong to one time that the sources are complete through, and were read
//! after it was. A gap that is found later, in what was complete, is shown as late as an answer is kept.

use std::{future::Future, hash::Hash, sync::Arc, time::Duration};

use jiff::Timestamp;
use moka::future::Cache;

use crate::{Checked, Coverage, GapSpan, ModelNote, Store, StoreError};

/// Answers of one kind.
const MOST: u64 = 1000;

/// Brand, and the span in milliseconds.
pub(crate) type Asked = (String, i64, i64);

/// Clones share what they keep.
#[derive(Clone)]
pub(crate) struct Recent(Arc<Kinds>);

struct Kinds {
    through: Kept<(), Option<Timestamp>>,
    /// By the time that is complete, and the span.
    coverage: Kept<(Option<Timestamp>, Timestamp, Timestamp), Coverage>,
    model: Kept<Asked, Option<ModelNote>>,
    removed: Kept<Asked, Vec<GapSpan>>,
    first: Kept<String, Option<Timestamp>>,
    checked: Kept<String, Vec<Checked>>,
}

/// Without a cache everything is read.
struct Kept<K, V>(Option<Cache<K, V>>);

impl Recent {
    /// Keeps nothing where no age is given.
    pub(crate) fn new(age: Option<Duration>) -> Self {
        Self(Arc::new(Kinds {
            through: Kept::new(age),
            coverage: Kept::new(age),
            model: Kept::new(age),
            removed: Kept::new(age),
            first: Kept::new(age),
            checked: Kept::new(age),
        }))
    }
}

impl<K: Hash + Eq + Send + Sync + 'static, V: Clone + Send + Sync + 'static> Kept<K, V> {
    fn new(age: Option<Duration>) -> Self {
        Self(age.map(|age| Cache::builder().max_capacity(MOST).time_to_live(age).build()))
    }

    /// An error is kept for nobody: who waited for it asks for himself.
    async fn get<F>(&self, key: K, read: impl Fn() -> F) -> Result<V, StoreError>
    where
        F: Future<Output = Result<V, StoreError>>,
    {
        let Some(cache) = &self.0 else { return read().await };
        let mut failed = None;
        let value = cache.optionally_get_with(key, async { read().await.map_err(|error| failed = Some(error)).ok() });
        match (value.await, failed) {
            (Some(value), _) => Ok(value),
            (None, Some(error)) => Err(error),
            (None, None) => read().await,
        }
    }
}

impl Store {
    /// Gives what panels have in common again for so long: for who answers pages. It is then as old at most.
    pub fn with_recent(mut self, age: Duration) -> Self {
        self.recent = Recent::new(Some(age));
        self
    }

    pub(crate) async fn recent_through(&self) -> Result<Option<Timestamp>, StoreError> {
        self.recent.0.through.get((), || self.complete_through()).await
    }

    /// As [`Store::coverage_through`].
    pub(crate) async fn recent_coverage(
        &self,
        through: Option<Timestamp>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Coverage, StoreError> {
        self.recent.0.coverage.get((through, from, to), || self.coverage_through(through, from, to)).await
    }

    pub(crate) async fn recent_model(&self, asked: Asked) -> Result<Option<ModelNote>, StoreError> {
        let (brand, from, to) = asked.clone();
        self.recent.0.model.get(asked, || self.model_of(&brand, from, to)).await
    }

    /// As [`Store::removed`].
    pub(crate) async fn recent_removed(
        &self,
        brand: &str,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<GapSpan>, StoreError> {
        let key = (brand.to_owned(), from.as_millisecond(), to.as_millisecond());
        self.recent.0.removed.get(key, || self.removed(brand, from, to)).await
    }

    /// As [`Store::first_bucket`].
    pub(crate) async fn recent_first(&self, brand: &str) -> Result<Option<Timestamp>, StoreError> {
        self.recent.0.first.get(brand.to_owned(), || self.first_bucket(brand)).await
    }

    /// As [`Store::checked`].
    pub(crate) async fn recent_checked(&self, brand: &str) -> Result<Vec<Checked>, StoreError> {
        self.recent.0.checked.get(brand.to_owned(), || self.checked(brand)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

    use super::*;

    const LONG: Option<Duration> = Some(Duration::from_secs(600));

    /// Reads slowly, and counts how often.
    async fn slowly(reads: &AtomicU32) -> Result<u32, StoreError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(reads.fetch_add(1, SeqCst) + 1)
    }

    #[tokio::test]
    async fn who_asks_meanwhile_and_soon_after_gets_the_one_answer() {
        let (kept, reads) = (Kept::<u8, u32>::new(LONG), AtomicU32::new(0));
        let both = tokio::join!(kept.get(1, || slowly(&reads)), kept.get(1, || slowly(&reads)));
        assert_eq!((both.0.unwrap(), both.1.unwrap()), (1, 1));
        assert_eq!(kept.get(1, || slowly(&reads)).await.unwrap(), 1);
        assert_eq!(kept.get(2, || slowly(&reads)).await.unwrap(), 2, "another question");
    }

    #[tokio::test]
    async fn what_is_old_is_read_again_and_without_an_age_nothing_is_kept() {
        let reads = AtomicU32::new(0);
        let short = Kept::<u8, u32>::new(Some(Duration::from_millis(1)));
        let none = Kept::<u8, u32>::new(None);
        let mut seen = vec![];
        for kept in [&short, &none] {
            for _ in 0..2 {
                seen.push(kept.get(1, || slowly(&reads)).await.unwrap());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        assert_eq!(seen, [1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn an_error_is_told_and_not_kept() {
        let kept = Kept::<u8, u32>::new(LONG);
        let fails = || async { Err(StoreError::DatabaseName { name: "x y".into() }) };
        assert!(kept.get(1, fails).await.is_err());
        assert_eq!(kept.get(1, || async { Ok(7) }).await.unwrap(), 7);
    }
}
