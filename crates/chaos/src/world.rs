//! Everything that runs: the broker, the engine, the log as the harness sees it, the fleet.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use grapevine_log::{
    Log,
    embedded::EmbeddedLog,
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_model::topics;
use grapevine_testkit::{
    clock::ClockLibrary,
    fault_plan::{Member, Role},
    kafka::Broker,
    process::wait_for,
};
use tokio::runtime::Runtime;

use crate::{config, engine::Engine, fleet::Fleet, options::Options, slot::Slot};

pub struct World {
    pub runtime: Arc<Runtime>,
    pub log: Arc<dyn Log>,
    pub engine: Arc<Engine>,
    pub broker: Option<Arc<Broker>>,
    /// The broker is being killed or started.
    pub broker_busy: Arc<AtomicBool>,
    pub fleet: Fleet,
}

impl World {
    /// Starts all of it, and returns when posts can be sent.
    pub fn start(options: &Options) -> anyhow::Result<World> {
        std::fs::create_dir_all(options.folder.join("data"))?;
        std::fs::write(options.folder.join(config::POSTS), "")?;
        let runtime = Arc::new(Runtime::new()?);
        let password = format!("{:016x}", rand::random::<u64>());
        let engine = Arc::new(Engine::new(&options.binary, &options.folder, password)?);
        engine.start()?;
        let library = ClockLibrary::build(&options.folder)?;
        let (mut slots, mut vias) = (Vec::new(), Vec::new());
        for member in members() {
            let (slot, via) = Slot::new(member, options, &engine, library.as_ref())?;
            slots.push(slot);
            vias.extend(via);
        }
        let broker = match options.log {
            config::LogKind::Kafka => Some(Arc::new(Broker::start_behind(&vias)?)),
            config::LogKind::Embedded => None,
        };
        let mut fleet = Fleet::new(slots);
        engine.wait()?;
        // One first: it makes the tables and the topics.
        fleet.want(options, &[Role::Serve]);
        let log = open_log(&runtime, options, broker.as_deref(), &mut fleet)?;
        fleet.want(options, &Role::ALL);
        let broker_busy = Arc::new(AtomicBool::new(false));
        Ok(World { runtime, log, engine, broker, broker_busy, fleet })
    }

    /// Kills the broker, and starts it again after a while; beside everything else, for that takes seconds.
    pub fn kill_broker(&self, down: Duration) -> bool {
        let Some(broker) = self.broker.clone() else { return false };
        if self.broker_busy.swap(true, Ordering::SeqCst) {
            return false;
        }
        let busy = self.broker_busy.clone();
        std::thread::spawn(move || {
            if let Err(error) = broker.kill9() {
                eprintln!("the broker could not be killed: {error}");
            }
            std::thread::sleep(down);
            // A port may be taken for an instant; a broker that does not come back at all shows as a pipeline that stands.
            for _ in 0..3 {
                match broker.restart() {
                    Ok(()) => break,
                    Err(error) => eprintln!("the broker does not start: {error}"),
                }
            }
            busy.store(false, Ordering::SeqCst);
        });
        true
    }
}

fn members() -> Vec<Member> {
    let of = |role: Role| {
        let most = if matches!(role, Role::Score | Role::Sink) { Options::MOST_MEMBERS } else { 1 };
        (1..=most).map(move |number| Member { role, number })
    };
    Role::ALL.into_iter().flat_map(of).collect()
}

/// Once its topics are there.
fn open_log(
    runtime: &Runtime,
    options: &Options,
    broker: Option<&Broker>,
    fleet: &mut Fleet,
) -> anyhow::Result<Arc<dyn Log>> {
    let log: Arc<dyn Log> = match broker {
        Some(broker) => Arc::new(runtime.block_on(KafkaLog::connect(KafkaOptions::new(broker.address())))?),
        None => Arc::new(EmbeddedLog::open(options.folder.join("data/log.db"))?),
    };
    let mut outcome = Ok(());
    let ready = wait_for(Duration::from_secs(60), || {
        outcome = fleet.tend(&mut Default::default());
        outcome.is_err() || runtime.block_on(log.partitions(topics::SCORED)).is_ok()
    });
    outcome?;
    ready.then_some(log).with_context(|| format!("no topics after 60 s; see {}", options.folder.display()))
}
