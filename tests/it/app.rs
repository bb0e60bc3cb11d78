//! A running `grapevine up` in a folder of its own.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use clickhouse::Client;
use grapevine_testkit::{
    ports::free_port,
    process::{Process, wait_for},
};
use serde_json::Value;

/// Long enough for a debug build on two busy cores.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The binary that `cargo xtask test` builds first.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let binary = test.ancestors().nth(2).expect("target/debug/deps/it").join("grapevine");
    assert!(binary.exists(), "{} is missing: run `cargo build -p grapevine-cli` first", binary.display());
    binary
}

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// Runs the binary to its end, in `folder`.
pub fn grapevine(folder: &Path, args: &[&str]) -> anyhow::Result<Output> {
    Ok(Command::new(binary()).args(args).current_dir(folder).env("GRAPEVINE_MODELS", root().join("models")).output()?)
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub struct App {
    pub folder: PathBuf,
    pub port: u16,
    process: Process,
    token: String,
    http: reqwest::Client,
}

impl App {
    /// Starts `grapevine up` with `config` in `folder`; `listen` and `data_dir` are added.
    pub async fn start(folder: &Path, config: &str) -> anyhow::Result<App> {
        Self::start_with(folder, config, &[]).await
    }

    pub async fn start_with(folder: &Path, config: &str, env: &[(&str, &str)]) -> anyhow::Result<App> {
        let port = free_port()?;
        write_config(folder, config, port)?;
        let process = spawn(folder, env)?;
        // Whoever was first has chosen the TLS provider; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // A connection to a process that was killed is not used again.
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
        let mut app = App { folder: folder.into(), port, process, token: String::new(), http };
        app.wait_until_up().await?;
        Ok(app)
    }

    async fn wait_until_up(&mut self) -> anyhow::Result<()> {
        let address = format!("127.0.0.1:{}", self.port).parse()?;
        let up = wait_for(PATIENCE, || {
            grapevine_testkit::process::http_status(address, "/api/v1/health") == Some(200)
                || self.process.exited().ok().flatten().is_some()
        });
        ensure!(up, "not up after {PATIENCE:?}:\n{}", self.log());
        if let Some(status) = self.process.exited()? {
            bail!("ended with {status}:\n{}", self.log());
        }
        let log = self.log();
        if let Some(token) = log.split("#token=").nth(1) {
            self.token = token.split_whitespace().next().unwrap_or_default().to_owned();
        }
        ensure!(!self.token.is_empty(), "no token was printed:\n{log}");
        Ok(())
    }

    /// Of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap_or_default()
    }

    /// What opens the page and the API.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Kills the process as a power cut would, and starts it again.
    pub async fn kill_and_restart(&mut self) -> anyhow::Result<()> {
        self.process.kill()?;
        self.process = spawn(&self.folder, &[])?;
        self.wait_until_up().await
    }

    /// Stops it in order, starts it with another configuration, and waits for its engine: the page answers before that, and the engine
    /// of the process that ended may go on for a moment.
    pub async fn restart_with(&mut self, config: &str) -> anyhow::Result<()> {
        let file = self.folder.join("data/engine.json");
        let engine = || std::fs::read(&file).unwrap_or_default();
        let before = engine();
        self.stop()?;
        write_config(&self.folder, config, self.port)?;
        self.process = spawn(&self.folder, &[])?;
        self.wait_until_up().await?;
        ensure!(wait_for(PATIENCE, || engine() != before), "no engine of its own:\n{}", self.log());
        Ok(())
    }

    /// Waits for its end, and says whether this signal was it.
    pub fn ended_by_signal(&mut self, signal: i32) -> bool {
        let mut status = None;
        wait_for(PATIENCE, || {
            status = self.process.exited().ok().flatten();
            status.is_some()
        });
        status.is_some_and(|status| std::os::unix::process::ExitStatusExt::signal(&status) == Some(signal))
    }

    pub fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.process.stop(Duration::from_secs(30))?;
        ensure!(status.success(), "stopped with {status}:\n{}", self.log());
        Ok(())
    }

    /// The API's answer to a path such as `/api/v1/status`.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let response = self.http.get(&url).bearer_auth(&self.token).send().await?;
        let status = response.status();
        let body: Value = response.json().await.with_context(|| format!("{path} gave {status} and no JSON"))?;
        ensure!(status.is_success(), "{path}: {status} {body}");
        Ok(body)
    }

    /// The API's answer to a body that is posted.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        let request = self.http.post(&url).bearer_auth(&self.token).body(body.to_string());
        let response = request.send().await?;
        let status = response.status();
        let answer: Value = response.json().await.with_context(|| format!("{path} gave {status} and no JSON"))?;
        ensure!(status.is_success(), "{path}: {status} {answer}");
        Ok(answer)
    }

    /// A client of the embedded engine, as the binary itself uses it.
    pub fn clickhouse(&self) -> anyhow::Result<Client> {
        let saved: Value = serde_json::from_slice(&std::fs::read(self.folder.join("data/engine.json"))?)?;
        let field = |path: &str| saved.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Client::default()
            .with_url(field("/url"))
            .with_user(field("/writer/user"))
            .with_password(field("/writer/password"))
            .with_database("grapevine"))
    }

    /// Stored mentions, one for each brand they belong to, the deleted not counted.
    pub async fn stored(&self) -> anyhow::Result<u64> {
        Ok(self.clickhouse()?.query("SELECT count() FROM mentions FINAL").fetch_one().await?)
    }

    /// Waits until as many rows are stored, and a little longer to see that no more come.
    pub async fn wait_for_stored(&self, rows: u64) -> anyhow::Result<()> {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            let stored = self.stored().await.unwrap_or_default();
            if stored >= rows {
                tokio::time::sleep(Duration::from_secs(2)).await;
                let stored = self.stored().await?;
                ensure!(stored == rows, "{stored} rows are stored, {rows} were expected");
                return Ok(());
            }
            if std::time::Instant::now() >= deadline {
                let status = self.get("/api/v1/status").await;
                bail!("{stored} of {rows} rows after {PATIENCE:?}; status {status:?}\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

fn write_config(folder: &Path, config: &str, port: u16) -> std::io::Result<()> {
    let listen = format!("data_dir = \"data\"\n{config}\n[api]\nlisten = \"127.0.0.1:{port}\"\n");
    std::fs::write(folder.join("grapevine.toml"), listen)
}

fn spawn(folder: &Path, env: &[(&str, &str)]) -> anyhow::Result<Process> {
    let mut command = Command::new(binary());
    command
        .args(["up", "--config", "grapevine.toml"])
        .current_dir(folder)
        .env("GRAPEVINE_MODELS", root().join("models"));
    command.envs(env.iter().copied());
    Ok(Process::start(command, &folder.join("up.log"))?)
}

/// Configuration of a file of posts with the fields' own names.
pub fn file_source(file: &str) -> String {
    format!("[[source]]\nname = \"posts\"\nkind = \"file\"\npath = \"{file}\"\nfollow = true\n")
}
