//! Time from the start of `grapevine up` to a served page, and the most memory that it and its children took.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use grapevine_testkit::ports::free_port;
use grapevine_testkit::process::{Process, http_status, wait_for};

use crate::command::{cargo, show};
use crate::repository;

const PATIENCE: Duration = Duration::from_secs(60);
/// The model loads beside the page: memory is read when it has had time to.
const SETTLE: Duration = Duration::from_secs(3);

struct Measured {
    page: Duration,
    health: Duration,
    peak_mib: u64,
}

/// Prints a table over the runs: with and without the model, each in a new data folder and then in the same again.
pub fn run(extra: &[String]) -> Result<()> {
    let runs = runs(extra)?;
    show(cargo().args(["build", "--release", "--quiet", "--package", "grapevine-cli"]))?;
    let binary = repository::root().join("target/release/grapevine");
    println!("{:<14} {:<12} {:>4} {:>9} {:>9} {:>9}", "model", "data", "run", "page ms", "health ms", "peak MiB");
    for (label, scoring) in [("without model", false), ("with model", true)] {
        for number in 1..=runs {
            let dir = tempfile::tempdir()?;
            for data in ["new", "there before"] {
                let measured = measure(&binary, dir.path(), scoring)?;
                let (page, health) = (measured.page.as_millis(), measured.health.as_millis());
                println!("{label:<14} {data:<12} {number:>4} {page:>9} {health:>9} {:>9}", measured.peak_mib);
            }
        }
    }
    Ok(())
}

fn runs(extra: &[String]) -> Result<u32> {
    match extra {
        [] => Ok(5),
        [flag, number] if flag == "--runs" => number.parse().context("--runs wants a number"),
        _ => bail!("`startup` takes only `--runs N`"),
    }
}

fn measure(binary: &Path, dir: &Path, scoring: bool) -> Result<Measured> {
    let port = free_port()?;
    let config = dir.join("grapevine.toml");
    fs::write(&config, config_text(port, scoring))?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut command = Command::new(binary);
    command.arg("up").arg("--config").arg(&config).current_dir(repository::root());
    let started = Instant::now();
    let mut process = Process::start(command, &dir.join("up.log"))?;
    let page = first_answer(&mut process, address, "/", started)?;
    let health = first_answer(&mut process, address, "/api/v1/health", started)?;
    std::thread::sleep(SETTLE);
    let peak_mib = peak_memory(process.id());
    process.stop(Duration::from_secs(20))?;
    Ok(Measured { page, health, peak_mib })
}

fn config_text(port: u16, scoring: bool) -> String {
    let model = repository::root().join("models/e5-small-social");
    format!(
        "data_dir = \"data\"\n\n[api]\nlisten = \"127.0.0.1:{port}\"\n\n[scoring]\nenabled = {scoring}\nmodel = {:?}\n\n\
         [[brand]]\nname = \"Acme\"\n[[brand.monitor]]\nname = \"name\"\nquery = \"acme\"\n",
        model.display().to_string()
    )
}

fn first_answer(process: &mut Process, address: SocketAddr, path: &str, started: Instant) -> Result<Duration> {
    let mut ended = false;
    let answered = wait_for(PATIENCE, || {
        ended = !matches!(process.exited(), Ok(None));
        ended || http_status(address, path) == Some(200)
    });
    if ended || !answered {
        bail!("`grapevine up` gave no page at {path}; it printed\n{}", process.log_tail(20));
    }
    Ok(started.elapsed())
}

/// The sum of `VmHWM` over a process and its descendants, in MiB. 0 where there is no `/proc`.
pub fn peak_memory(id: u32) -> u64 {
    let mut waiting = vec![id];
    let mut kib = 0;
    while let Some(id) = waiting.pop() {
        let folder = PathBuf::from(format!("/proc/{id}"));
        kib += high_water_mark(&fs::read_to_string(folder.join("status")).unwrap_or_default());
        let tasks = fs::read_dir(folder.join("task")).into_iter().flatten().filter_map(Result::ok);
        for task in tasks {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            waiting.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    kib / 1024
}

fn high_water_mark(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        assert_eq!(high_water_mark("VmPeak:\t  1 kB\nVmHWM:\t  204704 kB\n"), 204_704);
        assert_eq!(high_water_mark(""), 0);
    }

    #[test]
    fn the_configuration_is_toml() {
        let table: toml::Table = config_text(1, false).parse().unwrap();
        assert_eq!(table["scoring"]["enabled"].as_bool(), Some(false));
    }

    #[test]
    fn runs_is_a_number() {
        assert_eq!(runs(&[]).unwrap(), 5);
        assert_eq!(runs(&["--runs".to_owned(), "2".to_owned()]).unwrap(), 2);
        assert!(runs(&["--fast".to_owned()]).is_err());
    }
}
