//! Planned faults: what breaks, when, for how long. A seed gives the same plan every time.

use std::fmt;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// What a process of the pipeline does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Ingest,
    Score,
    Sink,
    Alert,
    Serve,
}

impl Role {
    pub const ALL: [Role; 5] = [Role::Ingest, Role::Score, Role::Sink, Role::Alert, Role::Serve];

    pub fn name(self) -> &'static str {
        match self {
            Role::Ingest => "ingest",
            Role::Score => "score",
            Role::Sink => "sink",
            Role::Alert => "alert",
            Role::Serve => "serve",
        }
    }

    /// Who passes this crash point: `rebuild-deleted` is the sink's.
    pub fn of_crash_point(name: &str) -> Option<Role> {
        match name.split_once('-').map_or(name, |(stage, _)| stage) {
            "ingest" => Some(Role::Ingest),
            "score" => Some(Role::Score),
            "sink" | "store" | "rebuild" => Some(Role::Sink),
            "alert" => Some(Role::Alert),
            _ => None,
        }
    }

    /// Does it speak with the store?
    pub fn asks_store(self) -> bool {
        matches!(self, Role::Sink | Role::Alert | Role::Serve)
    }
}

/// A process of the pipeline: `sink 2` is the second of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Member {
    pub role: Role,
    /// From 1.
    pub number: u32,
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.role.name(), self.number)
    }
}

/// The other end of a network connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    Broker,
    Engine,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL; it is started again at once.
    Kill(Member),
    /// SIGKILL; started again, it aborts at this point (`name` or `name:n`, at the n-th passing).
    CrashAt(Member, String),
    /// SIGTERM, and a new start.
    Restart(Member),
    KillBroker {
        down: Duration,
    },
    KillEngine {
        down: Duration,
    },
    /// Each piece between this member and the engine waits so long.
    SlowEngine {
        member: Member,
        delay: Duration,
        lasts: Duration,
    },
    /// Connections are reset (or, with `silent`, swallowed).
    Cut {
        member: Member,
        from: Server,
        silent: bool,
        lasts: Duration,
    },
    /// Its wall clock jumps so many seconds, and stays so for a while.
    ClockJump {
        member: Member,
        seconds: i64,
        lasts: Duration,
    },
    /// SIGSTOP, and SIGCONT when its peers have given it up.
    Freeze {
        member: Member,
        lasts: Duration,
    },
    /// A further member joins the group, and leaves it in order.
    Join {
        member: Member,
        lasts: Duration,
    },
    /// A member leaves in order, and comes back.
    Leave {
        member: Member,
        lasts: Duration,
    },
}

impl Fault {
    /// Label for counts.
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Kill(_) => "kill -9 of a stage",
            Fault::CrashAt(..) => "crash point",
            Fault::Restart(_) => "SIGTERM and restart",
            Fault::KillBroker { .. } => "kill -9 of the broker",
            Fault::KillEngine { .. } => "kill -9 of the engine",
            Fault::SlowEngine { .. } => "slow engine",
            Fault::Cut { from: Server::Broker, .. } => "network cut from the broker",
            Fault::Cut { from: Server::Engine, .. } => "network cut from the engine",
            Fault::ClockJump { .. } => "clock jump",
            Fault::Freeze { .. } => "frozen past its session",
            Fault::Join { .. } => "member joins",
            Fault::Leave { .. } => "member leaves",
        }
    }
}

/// A fault and the time from the start at which it strikes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub at: Duration,
    pub fault: Fault,
}

/// What is there to be broken, and how often.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    pub seed: u64,
    pub length: Duration,
    /// Planned kills: of stages, at crash points, of the broker and the engine.
    pub kills: u32,
    /// Other faults.
    pub others: u32,
    pub scorers: u32,
    pub sinks: u32,
    /// Of a group, joined ones included.
    pub most_members: u32,
    /// There is a broker to be killed or cut off.
    pub broker: bool,
    /// Names that a process can be told to crash at.
    pub crash_points: Vec<String>,
    /// After so long without a sign a member is given up.
    pub session: Duration,
}

/// The same options give the same plan, in order of time.
pub fn plan(options: &PlanOptions) -> Vec<Timed> {
    let mut planner = Planner { options, random: SmallRng::seed_from_u64(options.seed) };
    let mut plan: Vec<Timed> = Vec::new();
    for _ in 0..options.kills {
        let (at, fault) = (planner.time(), planner.kill());
        plan.push(Timed { at, fault });
    }
    for number in 0..options.others {
        let (at, fault) = (planner.time(), planner.other(number));
        plan.push(Timed { at, fault });
    }
    plan.sort_by_key(|timed| timed.at);
    spare(plan)
}

/// A server that is killed has time to come back: kills of it that follow too soon become kills of a stage.
fn spare(mut plan: Vec<Timed>) -> Vec<Timed> {
    let (mut broker_free, mut engine_free) = (Duration::ZERO, Duration::ZERO);
    for timed in &mut plan {
        let (free, down, rest) = match &timed.fault {
            Fault::KillBroker { down } => (&mut broker_free, *down, Duration::from_secs(20)),
            Fault::KillEngine { down } => (&mut engine_free, *down, Duration::from_secs(6)),
            _ => continue,
        };
        if timed.at >= *free {
            *free = timed.at + down + rest;
        } else {
            timed.fault = Fault::Kill(Member { role: Role::Sink, number: 1 });
        }
    }
    plan
}

struct Planner<'a> {
    options: &'a PlanOptions,
    random: SmallRng,
}

impl Planner<'_> {
    /// Not before everything runs, and early enough for what comes after it.
    fn time(&mut self) -> Duration {
        let length = self.options.length.as_secs_f64();
        Duration::from_secs_f64(length * self.random.random_range(0.04..0.96))
    }

    fn seconds(&mut self, range: std::ops::Range<f64>) -> Duration {
        Duration::from_millis((self.random.random_range(range) * 1000.0) as u64)
    }

    fn member(&mut self, roles: &[(Role, u32)]) -> Member {
        let role = roles.choose_weighted(&mut self.random, |(_, weight)| *weight).map_or(Role::Sink, |(role, _)| *role);
        let among = match role {
            Role::Score => self.options.scorers,
            Role::Sink => self.options.sinks,
            Role::Ingest | Role::Alert | Role::Serve => 1,
        };
        Member { role, number: self.random.random_range(1..=among.max(1)) }
    }

    fn any_member(&mut self) -> Member {
        self.member(&[(Role::Ingest, 3), (Role::Score, 6), (Role::Sink, 8), (Role::Alert, 1), (Role::Serve, 1)])
    }

    fn kill(&mut self) -> Fault {
        match self.random.random_range(0..100) {
            0..6 if self.options.broker => Fault::KillBroker { down: self.seconds(0.2..3.0) },
            6..14 => Fault::KillEngine { down: self.seconds(0.1..3.0) },
            14..54 => self.crash_at(),
            _ => Fault::Kill(self.any_member()),
        }
    }

    fn crash_at(&mut self) -> Fault {
        let Some(point) = self.options.crash_points.choose(&mut self.random) else {
            return Fault::Kill(self.any_member());
        };
        let Some(role) = Role::of_crash_point(point) else { return Fault::Kill(self.any_member()) };
        let passing = self.random.random_range(1..=3);
        let place = if passing == 1 { point.clone() } else { format!("{point}:{passing}") };
        Fault::CrashAt(self.member(&[(role, 1)]), place)
    }

    /// In turn, so that a short plan has some of each kind.
    fn other(&mut self, number: u32) -> Fault {
        let turn = number % 9;
        match turn {
            0 => Fault::Freeze { member: self.member(&[(Role::Sink, 3), (Role::Score, 2)]), lasts: self.frozen() },
            1 => {
                let (member, silent) = (self.member(&[(Role::Sink, 1)]), self.random.random());
                Fault::Cut { member, from: Server::Engine, silent, lasts: self.seconds(2.0..20.0) }
            }
            2 => self.jump(),
            3 => self.come_or_go(),
            4 if self.options.broker => {
                let (member, silent) = (self.any_member(), self.random.random());
                Fault::Cut { member, from: Server::Broker, silent, lasts: self.seconds(2.0..20.0) }
            }
            5 => {
                let (member, delay) = (self.member(&[(Role::Sink, 1)]), self.seconds(0.05..0.6));
                Fault::SlowEngine { member, delay, lasts: self.seconds(3.0..15.0) }
            }
            6 => Fault::Restart(self.any_member()),
            7 => self.jump(),
            _ => self.come_or_go(),
        }
    }

    fn frozen(&mut self) -> Duration {
        self.options.session + self.seconds(2.0..6.0)
    }

    fn jump(&mut self) -> Fault {
        let member = self.member(&[(Role::Ingest, 2), (Role::Score, 1), (Role::Sink, 3), (Role::Alert, 1)]);
        let seconds = if self.random.random() { 3600 } else { -3600 };
        Fault::ClockJump { member, seconds, lasts: self.seconds(5.0..40.0) }
    }

    fn come_or_go(&mut self) -> Fault {
        let (role, regular) = match self.random.random() {
            true => (Role::Sink, self.options.sinks),
            false => (Role::Score, self.options.scorers),
        };
        let lasts = self.seconds(4.0..25.0);
        if regular < self.options.most_members && self.random.random_bool(0.7) {
            let number = self.random.random_range(regular + 1..=self.options.most_members);
            Fault::Join { member: Member { role, number }, lasts }
        } else {
            Fault::Leave { member: self.member(&[(role, 1)]), lasts }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn options(seed: u64) -> PlanOptions {
        PlanOptions {
            seed,
            length: Duration::from_secs(1200),
            kills: 230,
            others: 100,
            scorers: 2,
            sinks: 2,
            most_members: 3,
            broker: true,
            crash_points: vec!["sink-inserted".into(), "ingest-appended".into(), "rebuild-deleted".into()],
            session: Duration::from_secs(6),
        }
    }

    #[test]
    fn a_seed_gives_the_same_plan_and_another_seed_another() {
        assert_eq!(plan(&options(7)), plan(&options(7)));
        assert_ne!(plan(&options(7)), plan(&options(8)));
    }

    #[test]
    fn every_kind_of_fault_comes_in_order_of_time_within_the_length() {
        let all = plan(&options(1));
        assert_eq!(all.len(), 330);
        assert!(all.is_sorted_by_key(|timed| timed.at));
        assert!(all.iter().all(|timed| timed.at < Duration::from_secs(1200)));
        let kinds: BTreeSet<&str> = all.iter().map(|timed| timed.fault.name()).collect();
        assert_eq!(kinds.len(), 12, "{kinds:?}");
    }

    #[test]
    fn without_a_broker_nothing_happens_to_one() {
        let all = plan(&PlanOptions { broker: false, ..options(1) });
        assert!(all.iter().all(|timed| !timed.fault.name().contains("broker")));
    }

    #[test]
    fn a_frozen_member_is_frozen_for_longer_than_its_session() {
        let all = plan(&options(3));
        let frozen: Vec<_> = all.iter().filter(|timed| matches!(timed.fault, Fault::Freeze { .. })).collect();
        assert!(frozen.len() > 5);
        for timed in frozen {
            assert!(matches!(timed.fault, Fault::Freeze { lasts, .. } if lasts > Duration::from_secs(7)), "{timed:?}");
        }
    }

    #[test]
    fn a_crash_point_is_passed_by_its_stage() {
        assert_eq!(Role::of_crash_point("store-marks-written"), Some(Role::Sink));
        assert_eq!(Role::of_crash_point("score-appended"), Some(Role::Score));
        assert_eq!(Role::of_crash_point("unheard-of"), None);
        let member = Member { role: Role::Sink, number: 2 };
        assert_eq!(member.to_string(), "sink2");
    }
}
