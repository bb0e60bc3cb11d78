//! Lets the planned faults strike, and undoes what lasts.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use grapevine_testkit::{
    fault_plan::{Fault, Member, Server, Timed},
    proxy::Network,
};

use crate::{fleet::is_regular, options::Options, tally::Tally, world::World};

pub struct Driver<'a> {
    options: &'a Options,
    pub world: &'a mut World,
    started: Instant,
    plan: VecDeque<Timed>,
    /// What lasts until then.
    undo: Vec<(Instant, Undo)>,
    pub tally: Tally,
}

#[derive(Debug, Clone, Copy)]
enum Undo {
    StartEngine,
    Mend(Member, Server),
    SetClock(Member),
    Thaw(Member),
    Leave(Member),
    Return(Member),
}

impl<'a> Driver<'a> {
    pub fn new(options: &'a Options, world: &'a mut World, plan: Vec<Timed>) -> Self {
        let (started, tally) = (Instant::now(), Tally::default());
        Self { options, world, started, plan: plan.into(), undo: Vec::new(), tally }
    }

    /// What is due by now.
    pub fn step(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        while self.plan.front().is_some_and(|timed| self.started + timed.at <= now) {
            if let Some(timed) = self.plan.pop_front() {
                self.strike(timed.fault)?;
            }
        }
        let (due, later) = self.undo.drain(..).partition(|(at, _)| *at <= now);
        self.undo = later;
        self.undo_all(due)?;
        self.keep_engine()?;
        self.world.fleet.tend(&mut self.tally)
    }

    /// No more faults: everything runs and is connected, clocks stand right, guests leave.
    pub fn mend(&mut self) -> anyhow::Result<()> {
        self.plan.clear();
        let all = std::mem::take(&mut self.undo);
        self.undo_all(all)?;
        for slot in &mut self.world.fleet.slots {
            slot.wanted = is_regular(self.options, slot.member);
            if !slot.wanted {
                slot.stop();
            }
            for server in [Server::Broker, Server::Engine] {
                slot.set_network(server, Network::Pass);
            }
        }
        Ok(())
    }

    fn undo_all(&mut self, due: Vec<(Instant, Undo)>) -> anyhow::Result<()> {
        due.into_iter().try_for_each(|(_, undo)| self.undo(undo))
    }

    fn keep_engine(&mut self) -> anyhow::Result<()> {
        if self.world.engine.ended() {
            *self.tally.gave_up.entry("engine".to_owned()).or_default() += 1;
            self.world.engine.start()?;
        }
        Ok(())
    }

    fn strike(&mut self, fault: Fault) -> anyhow::Result<()> {
        let kind = fault.name();
        let struck = match fault {
            Fault::Kill(member) => self.kill(member, None)?,
            Fault::CrashAt(member, point) => self.kill(member, Some(point))?,
            Fault::KillBroker { down } => self.kill_broker(down),
            Fault::KillEngine { down } => self.kill_engine(down)?,
            Fault::Restart(member) => self.with(member, |slot| Ok(slot.stop()))?,
            Fault::SlowEngine { member, delay, lasts } => {
                self.network(member, Server::Engine, Network::Delay(delay), lasts)?
            }
            Fault::Cut { member, from, silent, lasts } => {
                self.network(member, from, if silent { Network::Stall } else { Network::Cut }, lasts)?
            }
            Fault::ClockJump { member, seconds, lasts } => self.jump(member, seconds, lasts)?,
            Fault::Freeze { member, lasts } => self.freeze(member, lasts)?,
            Fault::Join { member, lasts } => self.join(member, lasts)?,
            Fault::Leave { member, lasts } => self.leave(member, lasts)?,
        };
        match struck {
            false => self.tally.skipped += 1,
            true if is_kill(kind) => {}
            true => self.tally.fault(kind),
        }
        Ok(())
    }

    fn later(&mut self, lasts: Duration, undo: Undo) {
        self.undo.push((Instant::now() + lasts, undo));
    }

    /// Does something to the member, or to another of its role that runs.
    fn with(
        &mut self,
        member: Member,
        act: impl FnOnce(&mut crate::slot::Slot) -> anyhow::Result<bool>,
    ) -> anyhow::Result<bool> {
        self.world.fleet.running(member).map_or(Ok(false), act)
    }

    fn kill(&mut self, member: Member, point: Option<String>) -> anyhow::Result<bool> {
        let killed = self.with(member, |slot| {
            let killed = slot.kill()?;
            if let Some(point) = point {
                slot.arm(point);
            }
            Ok(killed)
        })?;
        if killed {
            self.tally.kill(format!("{}, anywhere", member.role.name()));
        }
        Ok(killed)
    }

    fn kill_broker(&mut self, down: Duration) -> bool {
        let killed = self.world.kill_broker(down);
        if killed {
            self.tally.kill("broker");
        }
        killed
    }

    fn kill_engine(&mut self, down: Duration) -> anyhow::Result<bool> {
        self.world.engine.kill()?;
        self.tally.kill("engine");
        self.later(down, Undo::StartEngine);
        Ok(true)
    }

    fn network(&mut self, member: Member, server: Server, to: Network, lasts: Duration) -> anyhow::Result<bool> {
        self.world.fleet.slot(member)?.set_network(server, to);
        self.later(lasts, Undo::Mend(member, server));
        Ok(true)
    }

    fn jump(&mut self, member: Member, seconds: i64, lasts: Duration) -> anyhow::Result<bool> {
        let jumped = self.world.fleet.slot(member)?.set_clock(seconds)?;
        self.later(lasts, Undo::SetClock(member));
        Ok(jumped)
    }

    fn freeze(&mut self, member: Member, lasts: Duration) -> anyhow::Result<bool> {
        let frozen = self.world.fleet.slot(member)?.freeze();
        self.later(lasts, Undo::Thaw(member));
        Ok(frozen)
    }

    fn join(&mut self, member: Member, lasts: Duration) -> anyhow::Result<bool> {
        self.world.fleet.slot(member)?.wanted = true;
        self.later(lasts, Undo::Leave(member));
        Ok(true)
    }

    fn leave(&mut self, member: Member, lasts: Duration) -> anyhow::Result<bool> {
        let slot = self.world.fleet.slot(member)?;
        slot.wanted = false;
        let left = slot.stop();
        self.later(lasts, Undo::Return(member));
        Ok(left)
    }

    fn undo(&mut self, undo: Undo) -> anyhow::Result<()> {
        let fleet = &mut self.world.fleet;
        match undo {
            Undo::StartEngine => self.world.engine.start()?,
            Undo::Mend(member, server) => fleet.slot(member)?.set_network(server, Network::Pass),
            Undo::SetClock(member) => {
                fleet.slot(member)?.set_clock(0)?;
            }
            Undo::Thaw(member) => fleet.slot(member)?.thaw(),
            Undo::Leave(member) => {
                let slot = fleet.slot(member)?;
                slot.wanted = false;
                slot.stop();
            }
            Undo::Return(member) => fleet.slot(member)?.wanted = true,
        }
        Ok(())
    }
}

/// Kills are counted one by one, where they are known to have happened.
fn is_kill(kind: &str) -> bool {
    kind.starts_with("kill") || kind == "crash point"
}
