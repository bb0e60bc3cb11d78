//! An engine for the tests of any crate: one per test process, shared by the tests that run at the same time, with a
//! fresh database for each.
//!
//! The child is the test binary itself, run with one test selected. So a test binary that uses this has, at its root:
//!
//! ```text
//! #[test]
//! fn engine_child() {
//!     grapevine_engine::testing::run_if_child();
//! }
//! ```

use std::env;
use std::ffi::OsString;
use std::fs;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use crate::{Credentials, EmbeddedEngine, EngineOptions, probe, serve_child};

/// Set, by way of `env`, for the child only.
const CHILD: &str = "GRAPEVINE_ENGINE_CHILD";

/// In a child: serves the engine until told to stop. In the test process itself: nothing.
pub fn run_if_child() {
    if env::var_os(CHILD).is_some()
        && let Err(error) = serve_child()
    {
        panic!("{error}");
    }
}

/// The command that runs this test binary as a child; see [`run_if_child`].
pub fn child_command() -> Vec<OsString> {
    let mut command: Vec<OsString> = vec!["env".into(), format!("{CHILD}=1").into(), program()];
    command.extend(["--exact", "engine_child", "--nocapture", "--test-threads=1"].map(OsString::from));
    command
}

/// This test binary; on Linux by the process that runs it, as another build may replace the file meanwhile.
fn program() -> OsString {
    if cfg!(target_os = "linux") {
        return format!("/proc/{}/exe", std::process::id()).into();
    }
    env::current_exe().unwrap_or_else(|error| panic!("the test binary has no path: {error}")).into()
}

/// A share of the engine of this test process. With the last share, the engine ends and its directory is removed.
#[derive(Clone)]
pub struct TestEngine(Arc<Shared>);

struct Shared {
    // Taken out by `drop`, so that the engine has ended before its directory is removed.
    engine: Option<EmbeddedEngine>,
    dir: PathBuf,
}

/// Starts the engine, or shares the one that other tests use right now. Panics with the reason where it cannot.
pub fn start() -> TestEngine {
    static CURRENT: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = current.upgrade() {
        return TestEngine(shared);
    }
    let dir = scratch_dir();
    let engine = EmbeddedEngine::start(EngineOptions::new(child_command(), dir.clone()));
    let engine = engine.unwrap_or_else(|error| panic!("{error}"));
    let shared = Arc::new(Shared { engine: Some(engine), dir });
    *current = Arc::downgrade(&shared);
    TestEngine(shared)
}

/// A directory that no other test uses; it does not exist yet.
fn scratch_dir() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    env::temp_dir().join(format!("grapevine-engine-{}-{number}", std::process::id()))
}

impl TestEngine {
    /// Creates an empty database and gives its name.
    pub fn fresh_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let user = Credentials { user: self.user().to_owned(), password: self.password().to_owned() };
        let sql = format!("CREATE DATABASE {name}");
        probe::execute(self.port(), &user, &sql, Duration::from_secs(30))
            .unwrap_or_else(|error| panic!("cannot create {name}: {error}"));
        name
    }
}

impl Deref for TestEngine {
    type Target = EmbeddedEngine;

    fn deref(&self) -> &EmbeddedEngine {
        self.0.engine.as_ref().expect("the engine is taken out only by drop")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.engine.take());
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            eprintln!("{} is left behind: {error}", self.dir.display());
        }
    }
}
