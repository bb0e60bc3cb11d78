//! `cargo xtask demo --live`: the platform simulator as a child of the demo, which Grapevine reads as it would the world.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use grapevine_testkit::process::spawn_bound;

use crate::repository;

/// Until its platforms answer: it has a story to write first.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);

pub const WHAT_TO_SEE: &str = "\
demo: six platforms answer on this machine as the real ones do: mastodon, discourse and reddit over HTTP, bluesky and discord
demo: over WebSockets, a shop by webhook. A day of Kestrovel, maker of e-bikes, goes on there; what was before is an archive
demo:   Live       posts of every platform within seconds; what is edited or deleted there, is so here
demo:   Community  questions that wait, and how soon the team answers
demo:   Awareness  after some minutes complaints pour in, and the next full five minutes raise an alert
demo: each edit, deletion and answer is told here. Mastodon, Discourse and Reddit tell nobody what was edited or deleted: there
demo: it is found when posts are looked at again, minutes later
demo: Ctrl-C ends it";

/// The running simulator.
pub struct Platforms {
    child: Child,
    /// Tables of its sources and of the brands.
    pub tables: String,
    /// What the tables name, for the environment of who reads them.
    pub secrets: Vec<(String, String)>,
}

impl Platforms {
    /// Starts it, `speed` times as fast as life, and waits until its platforms answer.
    pub fn start(binary: &Path, data: &Path, speed: f64) -> Result<Platforms> {
        let file = data.join("platforms.toml");
        let mut command = Command::new(binary);
        command.args(["--live", "--past", "0", "--port", "0", "--pace", &speed.to_string(), "--config"]).arg(&file);
        command.current_dir(repository::root()).stdin(Stdio::null()).stdout(Stdio::null());
        let child = spawn_bound(command).context("cannot start the simulator")?;
        let mut platforms = Platforms { child, tables: String::new(), secrets: Vec::new() };
        platforms.tables = platforms.written(&file)?;
        platforms.secrets = secrets_in(&platforms.tables);
        Ok(platforms)
    }

    /// What it has written once it is ready.
    fn written(&mut self, file: &PathBuf) -> Result<String> {
        let started = Instant::now();
        while !file.is_file() {
            self.check()?;
            if started.elapsed() > PATIENCE {
                bail!("the simulator did not answer within {} s", PATIENCE.as_secs());
            }
            thread::sleep(LOOK);
        }
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
    }

    /// An error once it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the simulator ended ({status}); what it said stands above"),
            None => Ok(()),
        }
    }
}

impl Drop for Platforms {
    fn drop(&mut self) {
        // It has nothing to save; when it has ended already, there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Of lines such as `# export NAME='value'`.
fn secrets_in(tables: &str) -> Vec<(String, String)> {
    let exports = tables.lines().filter_map(|line| line.strip_prefix("# export ")?.split_once('='));
    exports.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_read_from_the_lines_that_a_shell_would_take() {
        let tables = "[[source]]\nname = \"a\"\n# export A_KEY='s3cr3t/=key'\n# another word\n# export B='x'\n";
        let expected = [("A_KEY", "s3cr3t/=key"), ("B", "x")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(secrets_in(tables), expected);
    }
}
