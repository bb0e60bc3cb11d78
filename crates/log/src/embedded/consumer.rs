//! A member of a group that reads from the file.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    Shared,
    fail::Fail,
    group::{self, Join, Seat},
    schema::slot,
    topic::{self, Room},
};
use crate::{
    Commit, Commits, Consumer, LogError, Offsets, PollLimits, Polled, Received, Record, StartAt, check_notes,
    without_notes,
};

/// Appends of this process wake a poll at once; those of other processes are seen within this time.
const OTHER_PROCESSES: Duration = Duration::from_millis(200);

/// A member of a group on one topic. Dropping it leaves the group at once. A poll that is dropped halfway loses nothing.
pub(super) struct EmbeddedConsumer {
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
    /// Whoever waits for it may go away: then the member that it became leaves again.
    pub(super) async fn join(shared: Arc<Shared>, name: &str, group: &str, start: StartAt) -> Result<Self, LogError> {
        let (name, group) = (name.to_owned(), group.to_owned());
        tokio::spawn(Self::sit_down(shared, name, group, start)).await.unwrap_or_else(|error| {
            let message = format!("joining a group of the log ended abnormally: {error}");
            Err(LogError::Broken { message, transient: false })
        })
    }

    async fn sit_down(shared: Arc<Shared>, topic: String, group: String, start: StartAt) -> Result<Self, LogError> {
        let name = topic.clone();
        let found = shared.read(move |conn| topic::get(conn, &name)).await?;
        let (session, lease_ms) = (shared.session.clone(), shared.lease.as_millis() as i64);
        let join = Join { group, topic: found, session, lease_ms };
        let (seat, positions) = shared.write(sit(join.clone(), None, start)).await?;
        Ok(EmbeddedConsumer { shared, topic, join, start, seat, positions, turn: 0 })
    }

    /// The fence and the commit, for the transaction that they share with whatever goes with them.
    fn commit_work(&self, commits: &Commits) -> Result<impl FnOnce(&Connection) -> Result<(), Fail> + use<>, LogError> {
        check_notes(commits)?;
        self.check_held(commits.keys())?;
        let (join, seat, commits) = (self.join.clone(), self.seat.clone(), commits.clone());
        Ok(move |conn: &Connection| {
            group::check(conn, &join, &seat, &commits.keys().copied().collect::<Vec<_>>())?;
            topic::commit(conn, join.topic, &join.group, &commits)
        })
    }

    fn check_held<'a>(&self, mut parts: impl Iterator<Item = &'a u32>) -> Result<(), LogError> {
        let lost = parts.find(|part| !self.seat.claims.contains_key(part));
        lost.map_or(Ok(()), |part| Err(LogError::NotAssigned(*part)))
    }

    /// Takes note of a new deal; partitions that were kept read on where they are. The answer names the others. Where it is
    /// dropped halfway, the next poll asks again, for the same member.
    async fn take_seat(&mut self) -> Result<Polled, LogError> {
        let (seat, mut positions) =
            self.shared.write(sit(self.join.clone(), Some(self.seat.member), self.start)).await?;
        for (part, since) in &seat.claims {
            if self.seat.claims.get(part) == Some(since)
                && let Some(position) = self.positions.get(part)
            {
                positions.insert(*part, *position);
            }
        }
        let went = self.seat.claims.iter().filter(|(part, since)| seat.claims.get(part) != Some(since));
        let revoked = went.map(|(part, _)| *part).collect();
        (self.seat, self.positions) = (seat, positions);
        Ok(Polled { records: Vec::new(), assignment_changed: true, revoked })
    }

    async fn is_dealt_anew(&self) -> Result<bool, LogError> {
        let (join, known) = (self.join.clone(), self.seat.generation);
        self.shared.read(move |conn| Ok(group::generation(conn, &join.group, join.topic.id)? != known)).await
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
        let commits = topic::commits(conn, join.topic, &join.group)?;
        let mut positions = Offsets::new();
        for part in seat.claims.keys() {
            let position = match (commits.get(part), start) {
                (Some(commit), _) => commit.next,
                (None, StartAt::Oldest) => topic::bounds(conn, slot(join.topic.id, *part))?.0,
                (None, StartAt::Newest) => {
                    let next = topic::next_offset(conn, slot(join.topic.id, *part))?;
                    // Kept, so that whoever takes the partition over skips nothing that comes from now on.
                    let begin = Commit { next, note: String::new() };
                    topic::commit(conn, join.topic, &join.group, &Commits::from([(*part, begin)]))?;
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
                return self.take_seat().await;
            };
            if !records.is_empty() || Instant::now() >= deadline {
                self.turn = (self.turn + 1) % positions.len().max(1);
                self.positions = positions;
                return Ok(Polled { records, ..Polled::default() });
            }
            // Woken or not, the next round looks at the file.
            let _ = timeout_at(deadline.min(Instant::now() + OTHER_PROCESSES), news.changed()).await;
        }
    }

    async fn commit_noted(&mut self, commits: &Commits) -> Result<(), LogError> {
        self.shared.write(self.commit_work(commits)?).await
    }

    async fn append_and_commit(
        &mut self,
        topic: &str,
        records: Vec<Record>,
        offsets: &Offsets,
    ) -> Result<(), LogError> {
        let (topic, commit) = (topic.to_owned(), self.commit_work(&without_notes(offsets))?);
        let work = move |conn: &Connection| {
            commit(conn)?;
            topic::append(conn, &topic, &records, Timestamp::now())
        };
        self.shared.write(work).await
    }

    /// The writer renews the lease: what is left to do is to see a new deal.
    async fn tend(&mut self, wait: Duration) -> Result<Polled, LogError> {
        let deadline = Instant::now() + wait;
        loop {
            if self.is_dealt_anew().await? {
                return self.take_seat().await;
            }
            if Instant::now() >= deadline {
                return Ok(Polled::default());
            }
            // Not woken by news: those are appends above all, which do not matter here.
            sleep_until(deadline.min(Instant::now() + OTHER_PROCESSES)).await;
        }
    }

    async fn seek(&mut self, offsets: &Offsets) -> Result<(), LogError> {
        self.check_held(offsets.keys())?;
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
