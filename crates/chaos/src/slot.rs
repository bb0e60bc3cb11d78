//! One member of the pipeline over all its lives: its configuration, its clock, its connections, its process.

use std::{
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output},
    time::{Duration, Instant},
};

use anyhow::Context;
use grapevine_testkit::{
    clock::{Clock, ClockLibrary},
    fault_plan::{Member, Role, Server},
    kafka::Via,
    ports::free_port,
    process::{Process, signal},
    proxy::{Network, Proxy},
};

use crate::{
    config::{self, PASSWORD_ENV, Ports},
    engine::Engine,
    options::Options,
};

/// An armed process that has not come to its crash point by then is killed.
const ARMED: Duration = Duration::from_secs(20);
/// A process that was asked to end is killed after this time. The stages themselves take up to 20 s.
const STOPPING: Duration = Duration::from_secs(30);

pub struct Slot {
    pub member: Member,
    folder: PathBuf,
    clock: Option<Clock>,
    broker: Option<Proxy>,
    engine: Proxy,
    page: u16,
    environment: Vec<(&'static str, String)>,
    binary: PathBuf,
    life: Life,
    /// It is started whenever it is down.
    pub wanted: bool,
    start_at: Instant,
    /// Crash point of its next life.
    arm: Option<String>,
}

/// From a start to an end.
struct Life {
    process: Option<Process>,
    /// Its crash point, and when it began.
    armed: Option<(String, Instant)>,
    /// Since it was asked to end.
    stopping: Option<Instant>,
    frozen: bool,
}

/// How a life ended.
#[derive(Debug)]
pub enum Ended {
    /// At the crash point.
    Crashed(String),
    /// The crash point was not reached; killed.
    NotReached(String),
    /// It was asked to end.
    Stopped,
    /// It did not end when asked to; killed.
    Hung,
    /// By itself.
    GaveUp(ExitStatus),
}

impl Slot {
    /// `via`: the listener of the broker that this member's proxy forwards to.
    pub fn new(
        member: Member,
        options: &Options,
        engine: &Engine,
        library: Option<&ClockLibrary>,
    ) -> anyhow::Result<(Slot, Option<Via>)> {
        let (broker, via) = match options.log {
            config::LogKind::Kafka => behind_proxy()?,
            config::LogKind::Embedded => (None, None),
        };
        let folder = options.folder.clone();
        let clock = library.map(|library| library.clock(&folder.join(format!("{member}.clock")))).transpose()?;
        let environment = vec![
            (PASSWORD_ENV, engine.password.clone()),
            ("GRAPEVINE_MODELS", options.models.display().to_string()),
            ("RUST_BACKTRACE", "1".to_owned()),
        ];
        let (binary, engine, page) = (options.binary.clone(), Proxy::start(engine.address)?, free_port()?);
        let life = Life { process: None, armed: None, stopping: None, frozen: false };
        let (wanted, start_at, arm) = (false, Instant::now(), None);
        let slot =
            Slot { member, folder, clock, broker, engine, page, environment, binary, life, wanted, start_at, arm };
        std::fs::write(slot.config(), config::of_member(&slot.folder, options, &slot.ports()))?;
        Ok((slot, via))
    }

    fn ports(&self) -> Ports {
        Ports { broker: self.broker.as_ref().map(Proxy::port), engine: self.engine.port(), page: self.page }
    }

    fn config(&self) -> PathBuf {
        self.folder.join(format!("{}.toml", self.member))
    }

    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.member))
    }

    pub fn running(&self) -> bool {
        self.life.process.is_some() && self.life.stopping.is_none()
    }

    /// The program with this member's configuration and secrets.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(arguments).arg("--config").arg(self.config()).current_dir(&self.folder);
        command.envs(self.environment.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    /// What a command of the program says of this pipeline.
    pub fn ask(&self, arguments: &[&str]) -> std::io::Result<Output> {
        self.command(arguments).output()
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let stage = self.member.role.name();
        let mut command = match self.member.role {
            Role::Score => self.command(&[stage, "--stage"]),
            _ => self.command(&[stage]),
        };
        if let Some(clock) = &self.clock {
            clock.apply(&mut command);
        }
        self.life.armed = self.arm.take().map(|point| (point, Instant::now()));
        if let Some((point, _)) = &self.life.armed {
            command.env("GRAPEVINE_CRASH_AT", point);
        }
        note(
            &self.log(),
            &format!("--- start{}\n", self.life.armed.as_ref().map_or(String::new(), |(at, _)| format!(" {at}"))),
        )?;
        let process =
            Process::start(command, &self.log()).with_context(|| format!("{} does not start", self.member))?;
        (self.life.process, self.life.stopping, self.life.frozen) = (Some(process), None, false);
        Ok(())
    }

    /// SIGKILL. False where it was down.
    pub fn kill(&mut self) -> anyhow::Result<bool> {
        let Some(mut process) = self.life.process.take() else { return Ok(false) };
        process.kill()?;
        note(&self.log(), "--- killed\n")?;
        (self.life.stopping, self.life.armed) = (None, None);
        self.start_at = Instant::now();
        Ok(true)
    }

    /// Its next life ends at this point.
    pub fn arm(&mut self, point: String) {
        self.arm = Some(point);
    }

    /// SIGTERM. False where it was down.
    pub fn stop(&mut self) -> bool {
        let Some(process) = self.life.process.as_ref().filter(|_| self.life.stopping.is_none()) else { return false };
        process.thaw();
        signal(process.id(), libc::SIGTERM);
        (self.life.stopping, self.life.frozen) = (Some(Instant::now()), false);
        true
    }

    pub fn freeze(&mut self) -> bool {
        let Some(process) = self.life.process.as_ref().filter(|_| self.life.stopping.is_none()) else { return false };
        process.freeze();
        self.life.frozen = true;
        true
    }

    /// Where the frozen process is still the one.
    pub fn thaw(&mut self) {
        if let Some(process) = self.life.process.as_ref().filter(|_| self.life.frozen) {
            process.thaw();
        }
        self.life.frozen = false;
    }

    pub fn set_network(&self, server: Server, network: Network) {
        match server {
            Server::Engine => self.engine.set(network),
            Server::Broker => self.broker.iter().for_each(|proxy| proxy.set(network)),
        }
    }

    pub fn set_clock(&self, seconds: i64) -> anyhow::Result<bool> {
        let Some(clock) = &self.clock else { return Ok(false) };
        clock.set(seconds)?;
        Ok(true)
    }

    /// Starts it where it is wanted and down; says how its life ended, if it did.
    pub fn tend(&mut self) -> anyhow::Result<Option<Ended>> {
        let now = Instant::now();
        let Some(process) = &mut self.life.process else {
            if self.wanted && now >= self.start_at {
                self.start()?;
            }
            return Ok(None);
        };
        if let Some(status) = process.exited()? {
            note(&self.log(), &format!("--- {status}\n"))?;
            return Ok(Some(self.ended(status)));
        }
        if self.life.stopping.is_some_and(|since| now - since > STOPPING) {
            self.kill()?;
            return Ok(Some(Ended::Hung));
        }
        if let Some((point, _)) = self.life.armed.take_if(|(_, since)| now - *since > ARMED) {
            self.kill()?;
            return Ok(Some(Ended::NotReached(point)));
        }
        Ok(None)
    }

    fn ended(&mut self, status: ExitStatus) -> Ended {
        use std::os::unix::process::ExitStatusExt;
        self.life.process = None;
        let (armed, stopping) = (self.life.armed.take(), self.life.stopping.take());
        self.start_at = Instant::now() + Duration::from_millis(300);
        match armed {
            Some((point, _)) if status.signal() == Some(libc::SIGABRT) => return Ended::Crashed(point),
            _ => {}
        }
        // A process that has not come to its signals yet ends by them.
        if stopping.is_some() && (status.success() || status.signal() == Some(libc::SIGTERM)) {
            return Ended::Stopped;
        }
        self.start_at += Duration::from_millis(700);
        Ended::GaveUp(status)
    }
}

/// A proxy before a listener of the broker that is its own.
fn behind_proxy() -> anyhow::Result<(Option<Proxy>, Option<Via>)> {
    let listens = free_port()?;
    let proxy = Proxy::start(([127, 0, 0, 1], listens).into())?;
    let via = Via { listens, advertised: proxy.port() };
    Ok((Some(proxy), Some(via)))
}

/// A line of the harness's own in a log, so that it can be read along with the plan.
fn note(log: &Path, line: &str) -> std::io::Result<()> {
    use std::io::Write;
    std::fs::File::options().create(true).append(true).open(log)?.write_all(line.as_bytes())
}
