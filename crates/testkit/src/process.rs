//! Child processes of tests and of `cargo xtask`: their output goes to a file, and they end with their parent.
//!
//! A child is started by one thread that lives as long as the process. On Linux the kernel then kills it when the parent
//! is gone, however the parent ended; started by the thread of a single test, it would die with that test.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// A running child, killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: std::process::Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with standard output and standard error appended to the file `log`.
    pub fn start(mut command: Command, log: &Path) -> io::Result<Process> {
        let output = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Process { child: spawn_bound(command)?, log: log.to_owned() })
    }

    /// Like [`Process::start`], with `input` on its standard input, which then ends.
    pub fn start_with_input(mut command: Command, log: &Path, input: &str) -> io::Result<Process> {
        let output = File::options().create(true).append(true).open(log)?;
        command.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let mut process = Process { child: spawn_bound(command)?, log: log.to_owned() };
        if let Some(mut stdin) = process.child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        Ok(process)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Stops it in its tracks (SIGSTOP), as a machine that hangs: its peers give it up, and it does not know.
    pub fn freeze(&self) {
        signal(self.id(), libc::SIGSTOP);
    }

    /// Lets it run on (SIGCONT) where it was frozen: a zombie, if it was given up meanwhile.
    pub fn thaw(&self) {
        signal(self.id(), libc::SIGCONT);
    }

    /// The file that holds what the child has printed so far.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last `lines` lines of the log, for an error message.
    pub fn log_tail(&self, lines: usize) -> String {
        tail(&self.log, lines)
    }

    /// How it ended, or `None` while it runs.
    pub fn exited(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Asks it to end (SIGTERM) and waits; after `patience` it is killed.
    pub fn stop(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        signal(self.id(), libc::SIGTERM);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.kill()
    }

    /// Kills it (SIGKILL), as a power cut would, and waits for its end.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; there is nobody left to tell.
        let _ = self.kill();
    }
}

/// Starts `command` so that it is killed when this process ends, even by SIGKILL (on Linux; elsewhere only by [`Drop`]).
pub fn spawn_bound(command: Command) -> io::Result<std::process::Child> {
    type Request = (Command, mpsc::Sender<io::Result<std::process::Child>>);
    static SPAWNER: OnceLock<mpsc::Sender<Request>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, requests) = mpsc::channel::<Request>();
        thread::spawn(move || {
            for (mut command, reply) in requests {
                let _ = reply.send(bind_to_parent(&mut command).spawn());
            }
        });
        sender
    });
    let (reply, answer) = mpsc::channel();
    spawner.send((command, reply)).map_err(io::Error::other)?;
    answer.recv().map_err(io::Error::other)?
}

#[cfg(target_os = "linux")]
fn bind_to_parent(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    // SAFETY: prctl only sets a flag of the calling process and is async-signal-safe.
    unsafe {
        command.pre_exec(|| match libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }
}

#[cfg(not(target_os = "linux"))]
fn bind_to_parent(command: &mut Command) -> &mut Command {
    command
}

/// Sends `signal` to the process `id`; a process that is gone is no error.
pub fn signal(id: u32, signal: i32) {
    // SAFETY: kill takes two numbers and touches no memory of ours.
    unsafe { libc::kill(id as libc::pid_t, signal) };
}

/// Asks `ready` every 20 ms until it says yes. False when `timeout` passes first.
pub fn wait_for(timeout: Duration, mut ready: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if ready() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The status code that `GET path` gives on `address`, without any HTTP client. `None` when nothing answers within 2 s.
pub fn http_status(address: SocketAddr, path: &str) -> Option<u16> {
    http_get(address, path, None).map(|(status, _)| status)
}

/// The status code and the body that `GET path` gives on `address`, with a bearer token where there is one. `None` when
/// nothing answers within 2 s.
pub fn http_get(address: SocketAddr, path: &str, token: Option<&str>) -> Option<(u16, String)> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let authorization = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    // HTTP/1.0: the body ends with the connection, in one piece.
    // Nor is the request written in pieces: a server that answers the first of them would reset the connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{authorization}\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// The status code and the body that `POST path` with `headers` and `body` gives on `address`. `None` when nothing answers,
/// or nothing more comes for `patience`.
pub fn http_post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    patience: Duration,
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, patience).ok()?;
    stream.set_read_timeout(Some(patience)).ok()?;
    let mut request = format!("POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(&[request.as_bytes(), b"\r\n", body].concat()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

/// The last `lines` lines of a text file; empty when it cannot be read.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(dir: &Path) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", "echo started; exec sleep 60"]);
        Process::start(command, &dir.join("log")).unwrap()
    }

    #[test]
    fn the_log_holds_what_the_child_printed_and_stop_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = sleeper(dir.path());
        assert!(wait_for(Duration::from_secs(5), || child.log_tail(1) == "started"));
        assert_eq!(child.exited().unwrap(), None);
        assert!(!child.stop(Duration::from_secs(5)).unwrap().success());
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it_but_not_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_owned();
        let mut child = thread::spawn(move || sleeper(&path)).join().unwrap();
        assert!(!wait_for(Duration::from_millis(200), || child.exited().unwrap().is_some()));
        let id = child.id();
        drop(child);
        // SAFETY: signal 0 only asks whether the process exists.
        assert_eq!(unsafe { libc::kill(id as libc::pid_t, 0) }, -1);
    }

    #[test]
    fn a_frozen_child_prints_nothing_until_it_is_thawed() {
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "read word; while sleep 0.02; do echo $word; done"]);
        let mut child = Process::start_with_input(command, &dir.path().join("log"), "alive\n").unwrap();
        assert!(wait_for(Duration::from_secs(5), || child.log_tail(1) == "alive"));
        child.freeze();
        thread::sleep(Duration::from_millis(100));
        let before = child.log_tail(1000);
        thread::sleep(Duration::from_millis(200));
        assert_eq!(child.log_tail(1000), before);
        child.thaw();
        assert!(wait_for(Duration::from_secs(5), || child.log_tail(1000) != before));
        assert_eq!(child.exited().unwrap(), None);
    }

    #[test]
    fn http_get_reads_the_code_and_the_body_and_sends_the_token() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(char::from(byte[0]));
            }
            stream.write_all(b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nnothing here").unwrap();
            request
        });
        assert_eq!(http_get(address, "/missing", Some("secret")), Some((404, "nothing here".to_owned())));
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /missing HTTP/1.0\r\n"), "{request}");
        assert!(request.contains("\r\nAuthorization: Bearer secret\r\n"), "{request}");
    }
}
