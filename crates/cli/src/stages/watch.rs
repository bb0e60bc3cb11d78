//! How far a stage is, and whether it moves: looked at from outside, so that a stage that hangs is seen.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use grapevine_log::{LogError, Offsets};
use tokio::time::Instant;

use super::Pipeline;

const EVERY: Duration = Duration::from_secs(1);
/// A stage that has work and finishes none of it for so long is stalled.
pub const STALLED_AFTER: Duration = Duration::from_secs(60);
/// A partition that has records and of which nobody finishes any for so long has no reader, whoever should have it. Longer
/// than a full round over all partitions takes on a slow machine.
const UNREAD_AFTER: Duration = Duration::from_secs(300);

/// Looks at a stage's group until the pipeline stops.
pub async fn run(pipeline: Pipeline, stage: &'static str, topic: &'static str, group: &'static str) {
    let mut health = Health::new(Instant::now());
    while pipeline.pause(EVERY).await {
        let seen = look(&pipeline, topic, group).await.ok();
        if let Some((bounds, committed)) = &seen {
            pipeline.status.lag(stage, behind(bounds, committed, |_| true));
        }
        let held = pipeline.status.partitions_of(stage);
        let seen = seen.map(|(bounds, committed)| Seen::of(&bounds, &committed, &held));
        let stalled = health.judge(seen, Instant::now());
        pipeline.status.healthy(stage, stalled.map(|stalled| stalled.message(pipeline.status.doing_of(stage))));
    }
}

/// `(oldest, next)` of every partition.
pub type Bounds = BTreeMap<u32, (u64, u64)>;

async fn look(pipeline: &Pipeline, topic: &str, group: &str) -> Result<(Bounds, Offsets), LogError> {
    Ok((pipeline.log.bounds(topic).await?, pipeline.log.committed(topic, group).await?))
}

/// Records that are there and that the group has not committed, over the chosen partitions.
pub fn behind(bounds: &Bounds, committed: &Offsets, chosen: impl Fn(&u32) -> bool) -> u64 {
    let of_one = |(partition, (oldest, end)): (&u32, &(u64, u64))| {
        end - committed.get(partition).copied().unwrap_or_default().clamp(*oldest, *end)
    };
    bounds.iter().filter(|(partition, _)| chosen(partition)).map(of_one).sum()
}

/// How far this process is with the partitions that it holds, and the group with each.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    waiting: u64,
    committed: Offsets,
    /// Of every partition, whoever holds it: records that wait, and the commit.
    group: BTreeMap<u32, (u64, Option<u64>)>,
}

impl Seen {
    fn of(bounds: &Bounds, committed: &Offsets, held: &BTreeSet<u32>) -> Self {
        let waiting = behind(bounds, committed, |partition| held.contains(partition));
        let own = committed.iter().filter(|(partition, _)| held.contains(partition));
        let of_one =
            |partition: &u32| (behind(bounds, committed, |one| one == partition), committed.get(partition).copied());
        let group = bounds.keys().map(|partition| (*partition, of_one(partition))).collect();
        Self { waiting, committed: own.map(|(partition, next)| (*partition, *next)).collect(), group }
    }
}

/// Whether the frontier moves.
struct Health {
    last: Option<Offsets>,
    moved_at: Instant,
    /// The commit of each partition, and since when it stands there while records wait.
    partitions: BTreeMap<u32, (Option<u64>, Instant)>,
}

/// Why a stage counts as stalled.
#[derive(Debug, PartialEq, Eq)]
enum Stalled {
    /// `waiting` is `None` where the log does not say.
    Own { since: Duration, waiting: Option<u64> },
    /// Nobody in the group reads this partition.
    Unread { partition: u32, since: Duration, waiting: u64 },
}

impl Health {
    fn new(now: Instant) -> Self {
        Self { last: None, moved_at: now, partitions: BTreeMap::new() }
    }

    /// Healthy is what moved within a minute or has nothing to do, while every partition has a reader. `None` stands for a
    /// log that does not answer.
    fn judge(&mut self, seen: Option<Seen>, now: Instant) -> Option<Stalled> {
        let waiting = seen.as_ref().map(|seen| seen.waiting);
        let unread = seen.as_ref().and_then(|seen| self.unread(seen, now));
        if let Some(seen) = seen
            && (seen.waiting == 0 || self.last.as_ref() != Some(&seen.committed))
        {
            (self.last, self.moved_at) = (Some(seen.committed), now);
        }
        let since = now.saturating_duration_since(self.moved_at);
        (since >= STALLED_AFTER).then_some(Stalled::Own { since, waiting }).or(unread)
    }

    /// The partition that has stood still for longest, if that is too long.
    fn unread(&mut self, seen: &Seen, now: Instant) -> Option<Stalled> {
        for (partition, (waiting, next)) in &seen.group {
            let known = self.partitions.entry(*partition).or_insert((*next, now));
            if *waiting == 0 || known.0 != *next {
                *known = (*next, now);
            }
        }
        let (partition, (_, still_since)) = self.partitions.iter().min_by_key(|(_, (_, since))| *since)?;
        let since = now.saturating_duration_since(*still_since);
        let waiting = seen.group.get(partition)?.0;
        (since >= UNREAD_AFTER).then_some(Stalled::Unread { partition: *partition, since, waiting })
    }
}

impl Stalled {
    fn message(&self, doing: Option<String>) -> String {
        let last = doing.map(|doing| format!("; it was last seen {doing}")).unwrap_or_default();
        match self {
            Stalled::Own { since, waiting: Some(waiting) } => {
                format!("nothing was finished for {} s while {waiting} records wait{last}", since.as_secs())
            }
            Stalled::Own { since, waiting: None } => {
                format!("the log has not answered for {} s{last}", since.as_secs())
            }
            Stalled::Unread { partition, since, waiting } => format!(
                "nobody finished anything of partition {partition} for {} s while {waiting} records of it wait; a process \
                 of this stage may hang: restart them",
                since.as_secs()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(waiting: u64, next: u64) -> Option<Seen> {
        Some(Seen { waiting, committed: Offsets::from([(0, next)]), group: BTreeMap::new() })
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_stage_is_healthy_while_its_frontier_moves_or_nothing_waits() {
        let start = Instant::now();
        let mut health = Health::new(start);
        assert_eq!(health.judge(seen(100, 5), start + seconds(59)), None, "it is starting");
        assert_eq!(health.judge(seen(100, 5), start + seconds(118)), None, "it moved 59 s ago");
        assert_eq!(health.judge(seen(100, 6), start + seconds(130)), None);
        assert_eq!(health.judge(seen(0, 6), start + seconds(500)), None, "there is nothing to do");
        assert_eq!(health.judge(seen(3, 6), start + seconds(559)), None);
    }

    #[test]
    fn a_stage_that_has_work_and_finishes_none_of_it_is_stalled_until_it_moves() {
        let start = Instant::now();
        let mut health = Health::new(start);
        assert_eq!(health.judge(seen(7, 5), start), None);
        let stalled = health.judge(seen(9, 5), start + seconds(75)).unwrap();
        assert_eq!(
            stalled.message(Some("inserting offsets 5-9 of partition 0".into())),
            "nothing was finished for 75 s while 9 records wait; it was last seen inserting offsets 5-9 of partition 0"
        );
        assert_eq!(health.judge(seen(4, 10), start + seconds(80)), None);
    }

    #[test]
    fn a_log_that_does_not_answer_is_said() {
        let start = Instant::now();
        let mut health = Health::new(start);
        assert_eq!(health.judge(None, start + seconds(30)), None);
        let stalled = health.judge(None, start + seconds(61)).unwrap();
        assert_eq!(stalled.message(None), "the log has not answered for 61 s");
    }

    #[test]
    fn lag_counts_every_partition_and_no_record_that_is_gone() {
        let bounds = Bounds::from([(0, (0, 10)), (1, (3, 4)), (2, (5, 9))]);
        let committed = Offsets::from([(0, 7), (1, 4)]);
        assert_eq!(behind(&bounds, &committed, |_| true), 3 + 4);
        let own = Seen::of(&bounds, &committed, &BTreeSet::from([0, 1]));
        let group = BTreeMap::from([(0, (3, Some(7))), (1, (0, Some(4))), (2, (4, None))]);
        assert_eq!(own, Seen { waiting: 3, committed, group });
    }

    #[test]
    fn a_partition_that_nobody_reads_is_seen_by_those_that_hold_others_or_none() {
        let start = Instant::now();
        for held in [BTreeSet::new(), BTreeSet::from([0])] {
            let mut health = Health::new(start);
            let bounds = Bounds::from([(0, (0, 1000)), (1, (0, 50))]);
            let mut look = |second: u64, unread: Option<u64>| {
                let mut committed = Offsets::from([(0, second)]);
                committed.extend(unread.map(|next| (1, next)));
                health.judge(Some(Seen::of(&bounds, &committed, &held)), start + seconds(second))
            };
            for second in (0..300).step_by(10) {
                assert_eq!(look(second, None), None, "{second} s");
            }
            let stalled = look(300, None).unwrap();
            assert_eq!(stalled, Stalled::Unread { partition: 1, since: seconds(300), waiting: 50 });
            assert!(stalled.message(None).starts_with("nobody finished anything of partition 1 for 300 s"));
            assert_eq!(look(310, Some(5)), None, "somebody has it");
            assert_eq!(look(609, Some(50)), None, "nothing waits");
        }
    }
}
