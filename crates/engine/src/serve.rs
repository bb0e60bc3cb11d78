//! The child process: opens the engine, serves it, and ends with its parent.

use std::env;
use std::fmt;
use std::fs;
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};

use crate::announce::Announcement;
use crate::ffi::Api;
use crate::lock::DirLock;
use crate::server::{Engine, MAX_STATEMENTS, Server};
use crate::{EngineError, library_path};

/// How long statements under way may take to end once the engine was told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// A user of the HTTP interface.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// Name, sent as `X-ClickHouse-User`.
    pub user: String,
    /// Key, sent as `X-ClickHouse-Key`.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What the child is told, as one line of JSON on its stdin.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServeOptions {
    /// Directory of the engine's data, log and lock; created where it is missing.
    pub data_dir: PathBuf,
    /// The library; the cached one if not given.
    pub library: Option<PathBuf>,
    /// Port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Most memory that the engine may use, in bytes; half of the machine's if not given.
    pub memory_limit: Option<u64>,
    /// May do anything.
    pub writer: Credentials,
    /// May read tables, within limits.
    pub reader: Credentials,
    /// The process to end with. Where it is given, the end of stdin also ends the engine.
    pub parent: Option<u32>,
}

/// Reads [`ServeOptions`] from stdin and serves until told to stop. This is what the hidden `engine-serve` subcommand
/// calls, from a thread outside of any async runtime.
pub fn serve_child() -> Result<(), EngineError> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let options = read.map_err(|error| error.to_string());
    let options = options.and_then(|_| serde_json::from_str(&line).map_err(|error| error.to_string()));
    serve(options.map_err(EngineError::Options)?)
}

/// Serves the engine until SIGTERM, or until the parent ends. Says on stdout, as one JSON line, on which port it
/// answers, or why it cannot. The process is the engine's from then on: its working directory is changed too.
pub fn serve(options: ServeOptions) -> Result<(), EngineError> {
    let outcome = open_and_run(&options);
    if let Err(error) = &outcome
        && let Err(lost) = Announcement::of_error(error).say()
    {
        tracing::warn!(%lost, "nobody reads this process's stdout");
    }
    outcome
}

fn open_and_run(options: &ServeOptions) -> Result<(), EngineError> {
    if let Some(parent) = options.parent {
        die_with(parent)?;
    }
    let dir = prepare(&options.data_dir)?;
    let _lock = DirLock::take(&dir)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Besides the statements, a kill for each of them may be under way.
        .max_blocking_threads(2 * MAX_STATEMENTS)
        .enable_all()
        .build()
        .map_err(EngineError::io("start threads for", &dir))?;
    // The port first: it is what fails most often, and failing is cheaper before the engine is open.
    let listener = runtime.block_on(listen(options.port))?;
    let (api, engine) = open(options, &dir)?;
    let version = format!("{} (chdb {})", engine.server_version().map_err(EngineError::Open)?, api.version());
    let server = Server::new(engine, options.writer.clone(), options.reader.clone());
    runtime.block_on(run(listener, server, version, options.parent.is_some()))?;
    // Ends the threads of statements that are still blocked, so that their sessions do not keep the engine open.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if !api.shutdown() {
        tracing::warn!("statements were still running when the engine was stopped");
    }
    Ok(())
}

fn open(options: &ServeOptions, dir: &Path) -> Result<(&'static Api, Engine), EngineError> {
    let library = library_path(options.library.as_deref())?;
    let library = library.canonicalize().map_err(EngineError::io("find", &library))?;
    // The engine takes a table's name for a file's: relative ones are sought in an empty directory.
    let empty = prepare(&dir.join("empty"))?;
    env::set_current_dir(&empty).map_err(EngineError::io("enter", &empty))?;
    let api = Api::load(&library)?;
    let memory = options.memory_limit.unwrap_or_else(|| total_memory() / 2);
    let engine = Engine::boot(api, &dir.join("db"), &server_arguments(dir, memory)?, memory);
    Ok((api, engine.map_err(EngineError::Open)?))
}

fn prepare(dir: &Path) -> Result<PathBuf, EngineError> {
    fs::create_dir_all(dir).map_err(EngineError::io("create", dir))?;
    dir.canonicalize().map_err(EngineError::io("find", dir))
}

async fn listen(port: u16) -> Result<TcpListener, EngineError> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|source| EngineError::Listen { port, source })
}

async fn run(listener: TcpListener, server: Arc<Server>, version: String, has_parent: bool) -> Result<(), EngineError> {
    let cannot = |what: &'static str| EngineError::io(what, Path::new("the engine's process"));
    let stop = Arc::new(Notify::new());
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot("catch signals of"))?;
    if has_parent {
        watch_stdin(stop.clone());
    }
    let port = listener.local_addr().map_err(cannot("find the port of"))?.port();
    let stopped = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            () = stop.notified() => {}
        }
    };
    let (tell, told) = oneshot::channel();
    let stopping = async move {
        stopped.await;
        // The receiver lives until the server ends.
        let _ = tell.send(());
    };
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
    });
    let serving = axum::serve(listener, server.router()).with_graceful_shutdown(stopping);
    Announcement::Ready { port, version }.say().map_err(cannot("write to stdout of"))?;
    tokio::select! {
        result = serving.into_future() => result.map_err(cannot("serve on")),
        () = async { if told.await.is_ok() { tokio::time::sleep(GRACE).await } } => Ok(()),
    }
}

/// The parent holds the other end of stdin and never writes again: its end is the parent's.
fn watch_stdin(stop: Arc<Notify>) {
    std::thread::spawn(move || {
        let mut nothing = [0_u8; 64];
        while matches!(io::stdin().lock().read(&mut nothing), Ok(1..)) {}
        stop.notify_one();
    });
}

/// Asks the system to end this process with `parent`, where it can. Fails if the parent is already gone.
fn die_with(parent: u32) -> Result<(), EngineError> {
    #[cfg(target_os = "linux")]
    // SAFETY: plain integers; the call only marks this process.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
    if std::os::unix::process::parent_id() == parent {
        return Ok(());
    }
    Err(EngineError::Options(format!("process {parent}, which is to be served, is not the parent of this one")))
}

/// Server-level settings. What the library takes as an argument it takes from there; the rest is in a file.
fn server_arguments(dir: &Path, memory: u64) -> Result<Vec<String>, EngineError> {
    let log_dir = dir.join("log");
    fs::create_dir_all(&log_dir).map_err(EngineError::io("create", &log_dir))?;
    let config = dir.join("engine.xml");
    write_once(&config, &server_config(memory)).map_err(EngineError::io("write", &config))?;
    Ok(vec![
        format!("--config-file={}", config.display()),
        format!("--max_server_memory_usage={memory}"),
        format!("--logger.log={}", log_dir.join("clickhouse.log").display()),
        format!("--logger.errorlog={}", log_dir.join("clickhouse.err.log").display()),
    ])
}

/// An insert is acknowledged only when its part is on the disk: the offset that is committed after it survives a power
/// cut too. Caches are sized for a laptop's share of memory instead of a server's 5 GiB.
fn server_config(memory: u64) -> String {
    format!(
        "<clickhouse>
    <logger><level>warning</level><size>10M</size><count>2</count></logger>
    <mark_cache_size>{cache}</mark_cache_size>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
    </merge_tree>
</clickhouse>
",
        cache = memory / 16
    )
}

/// Writes a file whole, or not at all if it is so already: a restart must succeed on a full disk.
fn write_once(path: &Path, content: &str) -> io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    let new = path.with_extension("new");
    fs::write(&new, content)?;
    fs::rename(new, path)
}

/// The machine's memory in bytes.
fn total_memory() -> u64 {
    // SAFETY: reads two constants of the system.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).unwrap_or(0) * u64::try_from(size).unwrap_or(0)
}
