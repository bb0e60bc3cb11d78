//! The store's engine as a process of its own, owned by the harness, and questions to it past every proxy.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, bail};
use grapevine_testkit::ports::free_port;
use grapevine_testkit::process::{Process, http_post, http_status, wait_for};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use crate::config::{DATABASE, USER};

const START: Duration = Duration::from_secs(60);

pub struct Engine {
    binary: PathBuf,
    folder: PathBuf,
    pub address: SocketAddr,
    pub password: String,
    process: Mutex<Option<Process>>,
}

impl Engine {
    pub fn new(binary: &Path, folder: &Path, password: String) -> anyhow::Result<Self> {
        let address = ([127, 0, 0, 1], free_port()?).into();
        let (binary, folder) = (binary.to_owned(), folder.to_owned());
        Ok(Self { binary, folder, address, password, process: Mutex::new(None) })
    }

    /// Starts it where it is down; it answers a little later.
    pub fn start(&self) -> anyhow::Result<()> {
        if self.process.lock().as_mut().is_some_and(|process| matches!(process.exited(), Ok(None))) {
            return Ok(());
        }
        let user = |name: &str| serde_json::json!({ "user": name, "password": self.password });
        let options = serde_json::json!({
            "data_dir": self.folder.join("engine"), "library": null, "port": self.address.port(),
            "memory_limit": 2_u64 << 30, "writer": user(USER), "reader": user("reader"), "parent": null,
        });
        let mut command = Command::new(&self.binary);
        command.arg("engine-serve");
        let process = Process::start_with_input(command, &self.log(), &format!("{options}\n"))?;
        *self.process.lock() = Some(process);
        Ok(())
    }

    pub fn wait(&self) -> anyhow::Result<()> {
        if wait_for(START, || self.answers()) {
            return Ok(());
        }
        bail!("the engine does not answer; see {}", self.log().display())
    }

    fn answers(&self) -> bool {
        http_status(self.address, "/ping") == Some(200)
    }

    fn log(&self) -> PathBuf {
        self.folder.join("engine.log")
    }

    /// SIGKILL.
    pub fn kill(&self) -> anyhow::Result<()> {
        if let Some(mut process) = self.process.lock().take() {
            process.kill()?;
        }
        Ok(())
    }

    /// It ended by itself.
    pub fn ended(&self) -> bool {
        self.process.lock().as_mut().is_some_and(|process| !matches!(process.exited(), Ok(None)))
    }

    /// Runs a statement and returns what it prints.
    pub fn ask(&self, sql: &str, patience: Duration) -> anyhow::Result<String> {
        let path = format!("/?database={DATABASE}&output_format_json_quote_64bit_integers=0");
        let headers = [("X-ClickHouse-User", USER), ("X-ClickHouse-Key", self.password.as_str())];
        let answer = http_post(self.address, &path, &headers, sql.as_bytes(), patience);
        match answer.context("the engine does not answer")? {
            (200, body) => Ok(body),
            (status, body) => bail!("the engine says {status}: {}", body.trim()),
        }
    }

    /// The rows that a question gives.
    pub fn rows<T: DeserializeOwned>(&self, sql: &str, patience: Duration) -> anyhow::Result<Vec<T>> {
        let text = self.ask(&format!("{sql} FORMAT JSONEachRow"), patience)?;
        let row = |line: &str| serde_json::from_str(line).with_context(|| format!("a row reads {line:?}"));
        text.lines().filter(|line| !line.is_empty()).map(row).collect()
    }

    /// The one number that a question gives.
    pub fn number(&self, sql: &str, patience: Duration) -> anyhow::Result<i64> {
        let text = self.ask(sql, patience)?;
        text.trim().parse().with_context(|| format!("a number was expected, not {text:?}"))
    }
}
