//! Ports of loopback that stay one test's own while its server is down, and until it is first started.
//!
//! A port that the system chose and that was closed again is anybody's: the next listener on port 0 may get it, and so may
//! an outgoing connection. A proxy that got the port of its own upstream connected to itself, and each connection made the
//! next, until the process had no memory mapping left for another thread. These ports lie below those that the system hands
//! out by itself, and a lock keeps them from the tests of other processes.

use std::{
    fs::{File, OpenOptions},
    io,
    net::TcpListener,
    path::Path,
};

use parking_lot::Mutex;

/// Below the range that Linux, macOS and Windows hand out by themselves, above most services of a developer's machine.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_767;
const COUNT: u32 = (LAST - FIRST) as u32 + 1;

/// The ports that this process has, each with its lock, which ends with the process however it ends.
struct Own {
    tried: u32,
    locks: Vec<File>,
}

static OWN: Mutex<Own> = Mutex::new(Own { tried: 0, locks: Vec::new() });

/// A port that nothing listens on now, on loopback. No other test gets it while this process runs.
///
/// # Errors
///
/// No port is left, or the folder of locks under the temporary folder can not be made.
pub fn free_port() -> io::Result<u16> {
    let folder = std::env::temp_dir().join("grapevine-test-ports");
    std::fs::create_dir_all(&folder)?;
    let mut own = OWN.lock();
    // Processes begin at different places, so that few ports are tried in vain.
    let start = std::process::id().wrapping_mul(257);
    while own.tried < COUNT {
        let port = FIRST + (start.wrapping_add(own.tried) % COUNT) as u16;
        own.tried += 1;
        if let Some(lock) = reserve(&folder, port) {
            own.locks.push(lock);
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("this process has had all ports from {FIRST} to {LAST}")))
}

/// The lock on `port`, where nobody has it and nothing listens.
fn reserve(folder: &Path, port: u16) -> Option<File> {
    let lock = OpenOptions::new().create(true).append(true).open(folder.join(port.to_string())).ok()?;
    lock.try_lock().ok()?;
    TcpListener::bind(("127.0.0.1", port)).ok()?;
    Some(lock)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_none_of_those_that_the_system_hands_out() {
        let ports: BTreeSet<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(ports.len(), 200);
        let chosen = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        assert!(ports.iter().all(|port| (FIRST..=LAST).contains(port)) && chosen > LAST, "{chosen}");
    }

    #[test]
    fn a_port_that_is_locked_or_listened_on_is_left_out() {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port().unwrap());
        let lock = reserve(folder.path(), port).unwrap();
        assert!(reserve(folder.path(), port).is_none(), "another has its lock");
        drop(lock);
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        assert!(reserve(folder.path(), port).is_none(), "somebody listens");
        drop(listener);
        assert!(reserve(folder.path(), port).is_some());
    }
}
