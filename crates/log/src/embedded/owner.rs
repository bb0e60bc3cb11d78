//! Which process a member belongs to, so that the partitions of one that was killed are free at once, not only when its
//! lease runs out: a restart would wait for its own ghost otherwise.

use std::{fs, sync::OnceLock};

/// `pid namespace|pid|start time`, empty where the system does not tell (the lease alone decides there).
pub(super) fn this_process() -> &'static str {
    static OWNER: OnceLock<String> = OnceLock::new();
    OWNER.get_or_init(|| {
        let pid = std::process::id();
        match (namespace(), started(pid)) {
            (Some(namespace), Some(started)) => format!("{namespace}|{pid}|{started}"),
            _ => String::new(),
        }
    })
}

/// True only where it is certain: a process of another namespace (another container) is left to its lease.
pub(super) fn is_gone(owner: &str) -> bool {
    let mut parts = owner.split('|');
    let (Some(space), Some(pid), Some(start)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(pid) = pid.parse() else { return false };
    namespace().as_deref() == Some(space) && started(pid).as_deref() != Some(start)
}

/// The boot is part of it: after a restart of the machine the same numbers mean other processes.
fn namespace() -> Option<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let space = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{}/{}", boot.trim(), space.display()))
}

/// The 22nd field of `/proc/PID/stat`; the name before it may hold blanks and ends with the last bracket.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    // A killed process whose parent has not collected it yet is gone as well.
    if fields.next()? == "Z" {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_living_process_is_not_gone_and_an_ended_one_is() {
        assert!(!is_gone(this_process()));
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let space = namespace().unwrap();
        let owner = format!("{space}|{}|{}", child.id(), started(child.id()).unwrap());
        assert!(!is_gone(&owner));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_gone(&owner));
        assert!(!is_gone(&owner.replace(&space, "elsewhere")), "another machine's processes cannot be judged");
        assert!(!is_gone(""));
    }
}
