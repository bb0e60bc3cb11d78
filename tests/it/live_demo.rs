//! `cargo xtask demo --live` as a person runs it, but shorter, and with the binaries that are there.

use std::{
    collections::{BTreeSet, HashMap},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use grapevine_testkit::ports::free_port;
use grapevine_testkit::process::{Process, http_get, wait_for};
use serde_json::Value;

use crate::app::{PATIENCE, binary, root};

const PLATFORMS: [&str; 6] = ["bluesky", "discord", "discourse", "mastodon", "reddit", "shop"];

#[test]
fn the_live_demo_shows_posts_of_every_platform_an_edit_and_a_deletion() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut demo = start(folder.path())?;
    let mut seen = Seen::default();
    let deadline = Instant::now() + PATIENCE;
    while seen.lacks().is_some() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(500));
        let status = demo.exited()?;
        ensure!(status.is_none(), "it ended with {status:?}:\n{}", demo.log_tail(40));
        if let Some(page) = address_in(demo.log())? {
            seen.look(&page);
        }
    }
    let lacks = seen.lacks();
    ensure!(lacks.is_none(), "{} after {PATIENCE:?}:\n{}", lacks.unwrap_or_default(), demo.log_tail(60));
    let status = demo.stop(Duration::from_secs(60))?;
    ensure!(status.success(), "it ended with {status} (signal {:?}):\n{}", status.signal(), demo.log_tail(40));
    Ok(())
}

#[test]
fn the_live_demo_ends_by_itself_when_its_seconds_are_over() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut demo = start_with(folder.path(), &["--seconds", "20"])?;
    let mut ended = None;
    wait_for(PATIENCE, || {
        ended = demo.exited().ok().flatten();
        ended.is_some()
    });
    let status = ended.with_context(|| format!("it did not end:\n{}", demo.log_tail(40)))?;
    ensure!(status.success(), "it ended with {status}:\n{}", demo.log_tail(40));
    Ok(())
}

fn start(folder: &Path) -> anyhow::Result<Process> {
    start_with(folder, &[])
}

fn start_with(folder: &Path, more: &[&str]) -> anyhow::Result<Process> {
    let binary = binary();
    let binaries = binary.parent().context("a binary lies in a folder")?;
    let mut command = Command::new(binaries.join("grapevine-xtask"));
    command.args(["demo", "--live", "--speed", "20", "--days", "1", "--no-open", "--binaries"]).arg(binaries);
    command.arg("--data").arg(folder.join("demo")).args(["--port", &free_port()?.to_string()]).args(more);
    command.current_dir(root());
    Ok(Process::start(command, &folder.join("demo.log"))?)
}

/// Address and token of the page, once they are printed.
fn address_in(log: &Path) -> anyhow::Result<Option<(std::net::SocketAddr, String)>> {
    let log = std::fs::read_to_string(log)?;
    let Some((before, after)) = log.split_once("/#token=") else { return Ok(None) };
    let host = before.rsplit("http://").next().unwrap_or_default();
    let token = after.split_whitespace().next().unwrap_or_default();
    Ok(Some((host.parse().with_context(|| format!("{host} is no address"))?, token.to_owned())))
}

/// What the page's interface has shown so far.
#[derive(Default)]
struct Seen {
    platforms: BTreeSet<String>,
    /// Id and time of what was there.
    there: HashMap<String, String>,
    has_edit: bool,
    has_deletion: bool,
}

impl Seen {
    fn look(&mut self, (address, token): &(std::net::SocketAddr, String)) {
        let Some((200, body)) = http_get(*address, "/api/v1/mentions?limit=200", Some(token)) else { return };
        let page: Value = serde_json::from_str(&body).unwrap_or_default();
        let mentions = page["mentions"].as_array().cloned().unwrap_or_default();
        let text = |mention: &Value, key: &str| mention[key].as_str().unwrap_or_default().to_owned();
        self.platforms.extend(mentions.iter().map(|mention| text(mention, "platform")));
        self.has_edit |= mentions.iter().any(|mention| text(mention, "text").contains(" Edit: "));
        let now: HashMap<String, String> =
            mentions.iter().map(|mention| (text(mention, "id"), text(mention, "created_at"))).collect();
        // What is older than the page may have left it.
        let oldest = now.values().min().cloned().unwrap_or_default();
        self.has_deletion |= self.there.iter().any(|(id, at)| *at > oldest && !now.contains_key(id));
        self.there = now;
    }

    fn lacks(&self) -> Option<String> {
        let missing: Vec<&str> = PLATFORMS.into_iter().filter(|name| !self.platforms.contains(*name)).collect();
        match (missing.is_empty(), self.has_edit, self.has_deletion) {
            (false, ..) => Some(format!("nothing of {missing:?}")),
            (_, false, _) => Some("no edit".to_owned()),
            (.., false) => Some("no deletion".to_owned()),
            _ => None,
        }
    }
}
