//! The parent's side: one thread that starts the child, asks after it, and starts it again.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rand::Rng;
use rand::distr::Alphanumeric;

use crate::child::Running;
use crate::{Credentials, EngineError, ServeOptions, library_path, probe};

/// How often the child is looked at, and how often it is pinged.
const LOOK: Duration = Duration::from_millis(100);
const PING: Duration = Duration::from_secs(1);
/// Pause before a restart: doubled each time, and back to the shortest after a while of health.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const WELL_AGAIN: Duration = Duration::from_secs(60);
/// How long a child may take to end when asked to.
const STOP: Duration = Duration::from_secs(10);

/// How an engine is run.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Program and arguments of the child; it must reach [`crate::serve_child`].
    pub command: Vec<OsString>,
    /// Directory of the engine's data, logs and lock; created where it is missing.
    pub data_dir: PathBuf,
    /// The library; the cached one if not given.
    pub library: Option<PathBuf>,
    /// Most memory that the engine may use, in bytes; half of the machine's if not given.
    pub memory_limit: Option<u64>,
    /// How long the child may leave pings unanswered before it is killed and started again.
    pub unresponsive_after: Duration,
}

impl EngineOptions {
    /// An engine on `data_dir` with everything else as usual.
    pub fn new(command: Vec<OsString>, data_dir: PathBuf) -> Self {
        Self { command, data_dir, library: None, memory_limit: None, unresponsive_after: Duration::from_secs(30) }
    }
}

/// A running engine. Its address and keys stay the same for its whole life, whatever happens to the child; while the
/// child is away, connections are refused and clients try again. Dropped, it kills the child; [`EmbeddedEngine::stop`]
/// lets it close its data first.
#[derive(Debug)]
pub struct EmbeddedEngine {
    state: Arc<State>,
    port: u16,
    version: String,
    writer: Credentials,
    reader: Credentials,
    control: Option<Sender<Stop>>,
    thread: Option<JoinHandle<Result<(), EngineError>>>,
}

#[derive(Debug, Default)]
struct State {
    pid: AtomicU32,
    restarts: AtomicU64,
}

/// The child is asked to end and given time. A channel that closes without it means: at once.
#[derive(Debug)]
struct Stop;

impl EmbeddedEngine {
    /// Starts the child and waits until it answers. Blocks for some tenths of a second.
    pub fn start(options: EngineOptions) -> Result<Self, EngineError> {
        // Asked here as well as in the child, for the plainer error.
        library_path(options.library.as_deref())?;
        let serve = serve_options(&options);
        let (writer, reader) = (serve.writer.clone(), serve.reader.clone());
        let state = Arc::new(State::default());
        let (control, stop) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let mut supervisor = Supervisor { options, serve, state: state.clone(), stop };
        // Linux ends a child with the thread that started it, so the child gets a thread that lives as long as it.
        let thread = thread::Builder::new().name("engine-supervisor".to_owned()).spawn(move || {
            let launched = supervisor.launch();
            // The receiver waits for this.
            let _ = tell.send(launched.as_ref().map(|running| (running.port, running.version.clone())).map_err(drop));
            launched.map(|running| supervisor.run(running))
        });
        let lost = |reason: &str| EngineError::Options(format!("the supervisor's thread {reason}"));
        let thread = thread.map_err(|error| lost(&format!("cannot be started: {error}")))?;
        match told.recv() {
            Ok(Ok((port, version))) => {
                Ok(Self { state, port, version, writer, reader, control: Some(control), thread: Some(thread) })
            }
            _ => Err(thread.join().map_err(|_| lost("panicked"))?.err().unwrap_or_else(|| lost("ended"))),
        }
    }

    /// Base address for the `clickhouse` crate, such as `http://127.0.0.1:43210`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port in [`EmbeddedEngine::url`].
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The user that may do anything.
    pub fn user(&self) -> &str {
        &self.writer.user
    }

    /// That user's key, made at this start.
    pub fn password(&self) -> &str {
        &self.writer.password
    }

    /// The user that may only read, within limits.
    pub fn reader_user(&self) -> &str {
        &self.reader.user
    }

    /// That user's key, made at this start.
    pub fn reader_password(&self) -> &str {
        &self.reader.password
    }

    /// ClickHouse's version, and the library's.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How often the child was started again.
    pub fn restarts(&self) -> u64 {
        self.state.restarts.load(Ordering::Acquire)
    }

    /// The child's process id; the last one's while it is being started again.
    pub fn pid(&self) -> u32 {
        self.state.pid.load(Ordering::Acquire)
    }

    /// Whether the child answers now. Blocks for at most a second or so.
    pub fn is_healthy(&self) -> bool {
        probe::ping(self.port, PING).is_ok()
    }

    /// Stops the child after its statements, or kills it if it takes longer than 10 s.
    pub fn stop(mut self) {
        if let Some(control) = self.control.take() {
            // A supervisor that is gone has taken the child with it.
            let _ = control.send(Stop);
        }
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the engine's supervisor panicked");
        }
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        self.control = None;
        self.join();
    }
}

fn serve_options(options: &EngineOptions) -> ServeOptions {
    ServeOptions {
        data_dir: options.data_dir.clone(),
        library: options.library.clone(),
        port: 0,
        memory_limit: options.memory_limit,
        writer: credentials("grapevine"),
        reader: credentials("reader"),
        parent: Some(std::process::id()),
    }
}

fn credentials(user: &str) -> Credentials {
    let password = rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect();
    Credentials { user: user.to_owned(), password }
}

struct Supervisor {
    options: EngineOptions,
    serve: ServeOptions,
    state: Arc<State>,
    stop: Receiver<Stop>,
}

impl Supervisor {
    fn launch(&mut self) -> Result<Running, EngineError> {
        let running = Running::start(&self.options.command, &self.serve)?;
        // From now on it is this port, so that clients find the next child where they found the first.
        self.serve.port = running.port;
        self.state.pid.store(running.pid(), Ordering::Release);
        Ok(running)
    }

    fn run(&mut self, mut running: Running) {
        let mut pause = SHORTEST_PAUSE;
        loop {
            let since = Instant::now();
            match self.follow(running) {
                End::Asked => return,
                End::Lost(reason) => tracing::error!(reason, "the engine is started again"),
            }
            if since.elapsed() > WELL_AGAIN {
                pause = SHORTEST_PAUSE;
            }
            running = loop {
                if !matches!(self.stop.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                    return;
                }
                pause = (pause * 2).min(LONGEST_PAUSE);
                match self.launch() {
                    Ok(running) => break running,
                    Err(error) => tracing::error!(%error, ?pause, "the engine did not start again"),
                }
            };
            let restarts = 1 + self.state.restarts.fetch_add(1, Ordering::Release);
            tracing::info!(pid = running.pid(), restarts, "the engine is back");
        }
    }

    /// Watches a child until it is lost or shall end; either way it has ended afterwards.
    fn follow(&self, mut running: Running) -> End {
        let mut answered = Instant::now();
        let mut asked = Instant::now();
        loop {
            match self.stop.recv_timeout(LOOK) {
                Ok(Stop) => {
                    running.stop(STOP);
                    return End::Asked;
                }
                Err(RecvTimeoutError::Disconnected) => return End::Asked,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if let Some(status) = running.ended() {
                return End::Lost(format!("it ended with {status}"));
            }
            if asked.elapsed() < PING {
                continue;
            }
            asked = Instant::now();
            match probe::ping(running.port, PING) {
                Ok(()) => answered = Instant::now(),
                Err(error) if answered.elapsed() > self.options.unresponsive_after => {
                    return End::Lost(format!("it has not answered for {:?}: {error}", answered.elapsed()));
                }
                Err(error) => tracing::warn!(%error, "the engine does not answer"),
            }
        }
    }
}

/// Why a child is no longer followed.
enum End {
    Asked,
    Lost(String),
}
