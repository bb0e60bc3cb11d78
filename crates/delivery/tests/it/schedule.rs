//! Any schedule of poll, complete, fail, revoke, regain and crash, over members that share partitions: nothing is committed
//! before it is finished, and in the end each record was settled once.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_delivery::{Completion, OffsetRange, Ticket, Tracker};
use proptest::prelude::*;

const MEMBERS: usize = 3;
const PARTITIONS: u32 = 3;

/// The log and its group, as the members see it: commits are refused of whom the partition was taken.
struct World {
    /// Offsets that hold a record, by partition; there are holes.
    records: Vec<Vec<u64>>,
    owner: Vec<usize>,
    committed: Vec<u64>,
    /// How often a commit passed over each record.
    settled: BTreeMap<(u32, u64), u32>,
    members: Vec<Member>,
}

/// A process. A crash makes a new one.
#[derive(Default)]
struct Member {
    tracker: Tracker,
    position: BTreeMap<u32, u64>,
    /// What is being worked on. It outlives a revocation, as an insert that runs does.
    working: Vec<Ticket>,
    /// Accepted completions, of this generation of the partition.
    finished: BTreeSet<(u32, u64)>,
}

#[derive(Debug, Clone)]
enum Step {
    Poll {
        member: usize,
        partition: u32,
        records: usize,
    },
    Complete {
        member: usize,
        pick: prop::sample::Index,
    },
    Fail {
        member: usize,
        pick: prop::sample::Index,
    },
    /// Gives a partition to a member, perhaps the one that has it: then it went away and came back.
    Move {
        partition: u32,
        to: usize,
    },
    Crash {
        member: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (member, partition) = (0..MEMBERS, 0..PARTITIONS);
    let pick = any::<prop::sample::Index>();
    prop_oneof![
        4 => (member.clone(), partition.clone(), 1_usize..5)
            .prop_map(|(member, partition, records)| Step::Poll { member, partition, records }),
        4 => (member.clone(), pick.clone()).prop_map(|(member, pick)| Step::Complete { member, pick }),
        1 => (member.clone(), pick).prop_map(|(member, pick)| Step::Fail { member, pick }),
        1 => (partition, member.clone()).prop_map(|(partition, to)| Step::Move { partition, to }),
        1 => member.prop_map(|member| Step::Crash { member }),
    ]
}

impl World {
    fn new(gaps: &[Vec<u64>]) -> Self {
        let next = |at: &mut u64, gap: &u64| {
            *at += gap;
            Some(*at)
        };
        let mut world = World {
            records: gaps.iter().map(|gaps| gaps.iter().scan(0, next).collect()).collect(),
            owner: vec![0; PARTITIONS as usize],
            committed: vec![0; PARTITIONS as usize],
            settled: BTreeMap::new(),
            members: (0..MEMBERS).map(|_| Member::default()).collect(),
        };
        (0..PARTITIONS).for_each(|partition| world.give(partition, 0));
        world
    }

    fn give(&mut self, partition: u32, to: usize) {
        for member in &mut self.members {
            member.tracker.revoke(partition);
            member.position.remove(&partition);
            member.finished.retain(|(other, _)| *other != partition);
        }
        self.owner[partition as usize] = to;
        self.members[to].tracker.assign(partition);
        self.members[to].position.insert(partition, self.committed[partition as usize]);
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Poll { member, partition, records } => self.poll(member, partition, records),
            Step::Complete { member, pick } => {
                if let Some(ticket) = self.pick(member, pick) {
                    self.complete(member, ticket);
                }
            }
            Step::Fail { member, pick } => {
                if let Some(ticket) = self.pick(member, pick) {
                    self.fail(member, ticket);
                }
            }
            Step::Move { partition, to } => self.give(partition, to),
            Step::Crash { member } => {
                self.members[member] = Member::default();
                for partition in 0..PARTITIONS {
                    if self.owner[partition as usize] == member {
                        self.give(partition, member);
                    }
                }
            }
        }
    }

    fn pick(&mut self, member: usize, pick: prop::sample::Index) -> Option<Ticket> {
        let working = &mut self.members[member].working;
        (!working.is_empty()).then(|| working.swap_remove(pick.index(working.len())))
    }

    fn poll(&mut self, member: usize, partition: u32, records: usize) {
        let member = &mut self.members[member];
        let Some(position) = member.position.get_mut(&partition) else { return };
        let from = *position;
        let read: Vec<u64> =
            self.records[partition as usize].iter().copied().filter(|at| *at >= from).take(records).collect();
        let (Some(first), Some(last)) = (read.first(), read.last()) else { return };
        *position = last + 1;
        let range = OffsetRange::new(*first, *last).unwrap();
        member.working.push(member.tracker.charge(partition, range).unwrap());
    }

    fn complete(&mut self, number: usize, ticket: Ticket) {
        let member = &mut self.members[number];
        let (partition, range) = (ticket.partition(), ticket.range());
        let (current, promised) = (member.tracker.is_current(&ticket), member.tracker.next_after(&ticket));
        let completion = member.tracker.complete(ticket).unwrap();
        assert_eq!(completion == Completion::Stale, !current);
        if current {
            let within = |at: &&u64| (range.first..=range.last).contains(*at);
            let records = self.records[partition as usize].iter().filter(within);
            member.finished.extend(records.map(|at| (partition, *at)));
        }
        let Completion::Moved(next) = completion else { return };
        assert!(promised.is_none_or(|promised| promised <= next));
        member.tracker.check(partition, next).unwrap();
        assert!(member.tracker.check(partition, next + 100).is_err());
        assert_eq!(self.owner[partition as usize], number, "a member that lost the partition moves nothing");
        self.commit(number, partition, next);
    }

    /// Every record that a commit passes over was finished by this member, in this generation.
    fn commit(&mut self, number: usize, partition: u32, next: u64) {
        let committed = std::mem::replace(&mut self.committed[partition as usize], next);
        assert!(next > committed);
        for at in self.records[partition as usize].iter().filter(|at| (committed..next).contains(at)) {
            assert!(self.members[number].finished.contains(&(partition, *at)), "{partition}:{at} was passed over");
            *self.settled.entry((partition, *at)).or_default() += 1;
        }
    }

    fn fail(&mut self, member: usize, ticket: Ticket) {
        let member = &mut self.members[member];
        let partition = ticket.partition();
        let Some(from) = member.tracker.failed(ticket) else { return };
        assert!(from >= self.committed[partition as usize]);
        member.position.insert(partition, from);
    }

    /// With no more trouble, whoever holds a partition reads it to its end.
    fn run_to_the_end(&mut self) {
        for number in 0..MEMBERS {
            while let Some(ticket) = self.members[number].working.pop() {
                self.complete(number, ticket);
            }
        }
        for partition in 0..PARTITIONS {
            let owner = self.owner[partition as usize];
            loop {
                self.poll(owner, partition, 4);
                let Some(ticket) = self.members[owner].working.pop() else { break };
                self.complete(owner, ticket);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn each_record_is_settled_once_whatever_happens(
        gaps in prop::collection::vec(prop::collection::vec(1_u64..4, 0..20), PARTITIONS as usize),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let mut world = World::new(&gaps);
        for step in steps {
            world.take(step);
        }
        world.run_to_the_end();
        for (partition, offsets) in world.records.iter().enumerate() {
            for at in offsets {
                prop_assert_eq!(world.settled.get(&(partition as u32, *at)), Some(&1), "{}:{}", partition, at);
            }
        }
    }
}
