//! One poll of a source, watched from outside: one that hangs or panics harms no other.

use std::{any::Any, panic::AssertUnwindSafe, time::Duration};

use futures::{
    FutureExt,
    future::{BoxFuture, CatchUnwind},
};
use grapevine_sources::{Cursor, Page, Source, SourceError};
use tokio::time::Instant;

use super::failure::Failure;

/// How long a poll may take. Each request within it has a limit of its own, far below.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// One that takes longer is said to be stalled.
    pub stalled: Duration,
    /// One that takes longer is given up, and its source is built anew: dropping a poll loses nothing.
    pub given_up: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { stalled: Duration::from_secs(120), given_up: Duration::from_secs(600) }
    }
}

/// A poll that is under way.
pub struct Poll<'a> {
    poll: CatchUnwind<AssertUnwindSafe<BoxFuture<'a, Result<Page, SourceError>>>>,
    began: Instant,
    given_up: Duration,
}

/// What became of a poll within a time.
pub enum Polled {
    Ended(Result<Page, Failure>),
    /// It has been going on for so long.
    GoesOn(Duration),
}

impl<'a> Poll<'a> {
    pub fn begin(source: &'a mut dyn Source, cursor: Option<&'a Cursor>, patience: Patience) -> Self {
        let poll = AssertUnwindSafe(source.poll(cursor)).catch_unwind();
        Self { poll, began: Instant::now(), given_up: patience.given_up }
    }

    pub async fn within(&mut self, time: Duration) -> Polled {
        match tokio::time::timeout(time, &mut self.poll).await {
            Ok(Ok(page)) => Polled::Ended(page.map_err(Failure::from)),
            Ok(Err(panic)) => Polled::Ended(Err(Failure::Broken(said(&*panic)))),
            Err(_) if self.began.elapsed() >= self.given_up => Polled::Ended(Err(Failure::Hung(self.given_up))),
            Err(_) => Polled::GoesOn(self.began.elapsed()),
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    text.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words").to_owned()
}

/// A cursor that is lost again although none was given.
pub fn twice(reason: &str) -> SourceError {
    SourceError::Config(format!("it loses its place also where it begins anew: {reason}"))
}
