//! Resident memory of processes and their children, from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

const KIB_PER_MIB: u64 = 1024;

/// Of each process by name; a child goes by its parent's name and its own command's first argument.
#[derive(Default)]
pub struct Memory {
    now: BTreeMap<String, Resident>,
    kept: BTreeMap<u64, BTreeMap<String, Resident>>,
}

/// In MiB.
#[derive(Clone, Copy)]
struct Resident {
    now: u64,
    peak: u64,
}

impl Memory {
    pub fn sample(&mut self, name: &str, id: u32) {
        self.now.insert(name.to_owned(), resident(id));
        for child in children(id) {
            self.now.insert(format!("{name}'s {}", role(child)), resident(child));
        }
    }

    pub fn now(&self) -> String {
        let all = self.now.iter().map(|(name, resident)| format!("{name} {}", resident.now));
        all.collect::<Vec<_>>().join(", ")
    }

    /// Keeps the last sample as that of so many tenths.
    pub fn keep(&mut self, tenths: u64) {
        self.kept.insert(tenths, self.now.clone());
    }

    /// Prints the peaks, and how the memory at 80 % compares with that at 20 %.
    pub fn report(&self) {
        println!("\n{:24} {:>9} {:>11} {:>11} {:>7}", "", "peak MiB", "MiB at 20%", "MiB at 80%", "ratio");
        for (name, resident) in &self.now {
            let at =
                |tenths: u64| self.kept.range(tenths..).next().and_then(|(_, all)| all.get(name)).map(|one| one.now);
            let (early, late) = (at(2).unwrap_or_default(), at(8).unwrap_or_default());
            let ratio = late as f64 / early.max(1) as f64;
            println!("{name:24} {:>9} {early:>11} {late:>11} {ratio:>7.2}", resident.peak);
        }
    }
}

fn resident(id: u32) -> Resident {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    Resident { now: field(&status, "VmRSS:"), peak: field(&status, "VmHWM:") }
}

fn field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / KIB_PER_MIB
}

fn children(id: u32) -> Vec<u32> {
    let tasks = fs::read_dir(PathBuf::from(format!("/proc/{id}/task"))).into_iter().flatten().filter_map(Result::ok);
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}

/// Such as `engine-serve`.
fn role(id: u32) -> String {
    let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    let argument = line.split(|byte| *byte == 0).nth(1).unwrap_or_default();
    String::from_utf8_lossy(argument).into_owned()
}
