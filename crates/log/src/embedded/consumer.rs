//! A member of a group that reads from the file.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::time::{Instant, timeout_at};

use super::{
    Shared,
    fail::Fail,
    group::{self, Join, Seat},
    schema::slot,
    topic::{self, Room},
};
use crate::{Consumer, LogError, Offsets, PollLimits, Polled, Received, Record, StartAt};

/// Appends of this process wake a poll at once; those of other processes are seen within this time.
const OTHER_PROCESSES: Duration = Duration::from_millis(200);

/// A member of a group on one topic. Dropping it leaves the group at once. A poll that is dropped halfway loses nothing.
pub struct EmbeddedConsumer {
    shared: Arc<Shared>,
    topic: String,
    join: Join,
    start: StartAt,
    seat: Seat,
    positions: Offsets,
    /// The partition that the next read begins with: none waits for ever behind a busy one.
    turn: usize,
}

impl EmbeddedConsumer {
    pub(super) async fn join(shared: Arc<Shared>, name: &str, group: &str, start: StartAt) -> Result<Self, LogError> {
        let topic = name.to_owned();
        let found = shared.read(move |conn| topic::get(conn, &topic)).await?;
        let (session, lease_ms) = (shared.session.clone(), shared.lease.as_millis() as i64);
        let join = Join { group: group.to_owned(), topic: found, session, lease_ms };
        let (seat, positions) = shared.write(sit(join.clone(), None, start)).await?;
        Ok(EmbeddedConsumer { shared, topic: name.to_owned(), join, start, seat, positions, turn: 0 })
    }

    /// Appends to `topic` and commits `offsets` of this consumer's topic in one transaction: a crash leaves both or
    /// neither.
    ///
    /// # Errors
    /// [`LogError::NotAssigned`] where a partition has gone to another member: nothing is appended then.
    pub async fn append_with_commit(
        &mut self,
        topic: &str,
        records: Vec<Record>,
        offsets: &Offsets,
    ) -> Result<(), LogError> {
        let (topic, commit) = (topic.to_owned(), self.commit_work(offsets)?);
        let work = move |conn: &Connection| {
            commit(conn)?;
            topic::append(conn, &topic, &records, Timestamp::now())
        };
        self.shared.write(work).await
    }

    fn commit_work(&self, offsets: &Offsets) -> Result<impl FnOnce(&Connection) -> Result<(), Fail> + use<>, LogError> {
        if let Some(part) = offsets.keys().find(|part| !self.seat.claims.contains_key(part)) {
            return Err(LogError::NotAssigned(*part));
        }
        let (join, seat, offsets) = (self.join.clone(), self.seat.clone(), offsets.clone());
        Ok(move |conn: &Connection| {
            group::check(conn, &join, &seat, &offsets.keys().copied().collect::<Vec<_>>())?;
            topic::commit(conn, join.topic, &join.group, &offsets)
        })
    }

    /// Takes note of a new deal; partitions that were kept read on where they are.
    async fn take_seat(&mut self) -> Result<(), LogError> {
        let (seat, mut positions) =
            self.shared.write(sit(self.join.clone(), Some(self.seat.member), self.start)).await?;
        for (part, since) in &seat.claims {
            if self.seat.claims.get(part) == Some(since)
                && let Some(position) = self.positions.get(part)
            {
                positions.insert(*part, *position);
            }
        }
        (self.seat, self.positions) = (seat, positions);
        Ok(())
    }

    /// `None` when the partitions were dealt anew.
    async fn read(&self, limits: PollLimits) -> Result<Option<(Vec<Received>, Offsets)>, LogError> {
        let (name, join, generation) = (self.topic.clone(), self.join.clone(), self.seat.generation);
        let (mut positions, turn) = (self.positions.clone(), self.turn);
        let work = move |conn: &Connection| {
            if group::generation(conn, &join.group, join.topic.id)? != generation {
                return Ok(None);
            }
            let (mut room, mut records) = (Room::new(limits), Vec::new());
            let parts: Vec<u32> = positions.keys().copied().collect();
            for part in parts.iter().cycle().skip(turn).take(parts.len()) {
                if let Some(position) = positions.get_mut(part) {
                    topic::read(conn, (&name, join.topic), (*part, position), &mut room, &mut records)?;
                }
            }
            Ok(Some((records, positions)))
        };
        self.shared.read(work).await
    }
}

/// Finds a member's seat, and where it reads on: the commit, or the start for a group that has none.
fn sit(join: Join, member: Option<i64>, start: StartAt) -> impl FnOnce(&Connection) -> Result<(Seat, Offsets), Fail> {
    move |conn| {
        let seat = group::sit(conn, &join, member, Timestamp::now().as_millisecond())?;
        let committed = topic::committed(conn, join.topic, &join.group)?;
        let mut positions = Offsets::new();
        for part in seat.claims.keys() {
            let position = match (committed.get(part), start) {
                (Some(next), _) => *next,
                (None, StartAt::Oldest) => topic::bounds(conn, slot(join.topic.id, *part))?.0,
                (None, StartAt::Newest) => {
                    let next = topic::next_offset(conn, slot(join.topic.id, *part))?;
                    // Kept, so that whoever takes the partition over skips nothing that comes from now on.
                    topic::commit(conn, join.topic, &join.group, &Offsets::from([(*part, next)]))?;
                    next
                }
            };
            positions.insert(*part, position);
        }
        Ok((seat, positions))
    }
}

#[async_trait]
impl Consumer for EmbeddedConsumer {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, LogError> {
        let deadline = Instant::now() + limits.wait;
        let mut news = self.shared.news.subscribe();
        loop {
            news.mark_unchanged();
            let Some((records, positions)) = self.read(limits).await? else {
                self.take_seat().await?;
                return Ok(Polled { records: Vec::new(), assignment_changed: true });
            };
            if !records.is_empty() || Instant::now() >= deadline {
                self.turn = (self.turn + 1) % positions.len().max(1);
                self.positions = positions;
                return Ok(Polled { records, assignment_changed: false });
            }
            // Woken or not, the next round looks at the file.
            let _ = timeout_at(deadline.min(Instant::now() + OTHER_PROCESSES), news.changed()).await;
        }
    }

    async fn commit(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        self.shared.write(self.commit_work(offsets)?).await
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        if let Some(part) = offsets.keys().find(|part| !self.seat.claims.contains_key(part)) {
            return Err(LogError::NotAssigned(*part));
        }
        self.positions.extend(offsets);
        Ok(())
    }

    fn assignment(&self) -> Vec<u32> {
        self.seat.claims.keys().copied().collect()
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        let member = self.seat.member;
        self.shared.leaving.lock().push(member);
        self.shared.write_unheard(move |conn| group::leave(conn, member));
    }
}
