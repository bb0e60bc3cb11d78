//! All members of the pipeline.

use anyhow::Context;
use grapevine_testkit::fault_plan::{Member, Role};

use crate::{
    options::Options,
    slot::{Ended, Slot},
    tally::Tally,
};

pub struct Fleet {
    pub slots: Vec<Slot>,
}

impl Fleet {
    pub fn new(slots: Vec<Slot>) -> Self {
        Self { slots }
    }

    /// Wants the regular members of these roles.
    pub fn want(&mut self, options: &Options, roles: &[Role]) {
        for slot in self.slots.iter_mut().filter(|slot| roles.contains(&slot.member.role)) {
            slot.wanted = is_regular(options, slot.member);
        }
    }

    pub fn slot(&mut self, member: Member) -> anyhow::Result<&mut Slot> {
        let found = self.slots.iter_mut().find(|slot| slot.member == member);
        found.with_context(|| format!("there is no {member}"))
    }

    /// This member, or where it is down another of its role that runs.
    pub fn running(&mut self, member: Member) -> Option<&mut Slot> {
        let fits = |slot: &Slot, number: Option<u32>| {
            slot.running()
                && slot.member.role == member.role
                && number.is_none_or(|number| number == slot.member.number)
        };
        let at = self.slots.iter().position(|slot| fits(slot, Some(member.number)));
        let at = at.or_else(|| self.slots.iter().position(|slot| fits(slot, None)))?;
        Some(&mut self.slots[at])
    }

    /// Starts what is wanted and down, and counts what ended.
    pub fn tend(&mut self, tally: &mut Tally) -> anyhow::Result<()> {
        for slot in &mut self.slots {
            let member = slot.member;
            match slot.tend()? {
                None | Some(Ended::Stopped) => {}
                Some(Ended::Crashed(point)) => tally.kill(format!("at {}", bare(&point))),
                Some(Ended::NotReached(point)) => {
                    tally.kill(format!("{}, before {}", member.role.name(), bare(&point)))
                }
                Some(Ended::Hung) => {
                    *tally.gave_up.entry(format!("{member} did not stop when asked")).or_default() += 1
                }
                Some(Ended::GaveUp(status)) => *tally.gave_up.entry(format!("{member}: {status}")).or_default() += 1,
            }
        }
        Ok(())
    }
}

pub fn is_regular(options: &Options, member: Member) -> bool {
    let regular = match member.role {
        Role::Score => options.scorers,
        Role::Sink => options.sinks,
        Role::Ingest | Role::Alert | Role::Serve => 1,
    };
    member.number <= regular
}

/// Without the number of the passing.
fn bare(point: &str) -> &str {
    point.split_once(':').map_or(point, |(name, _)| name)
}
