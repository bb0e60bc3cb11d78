//! A real Apache Kafka broker for tests: one node in KRaft mode on free ports of loopback, in a temporary folder.
//!
//! Its jars are in the cache (`cargo xtask setup` fetches them). It needs Java 17 or newer, about 300 MiB of memory and a
//! few seconds to start, so most tests share one broker per test process ([`required`]) and use topics of their own.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use parking_lot::Mutex;
use tempfile::TempDir;

use crate::cache::cache_dir;
use crate::ports::free_port;
use crate::process::{Process, tail, wait_for};

/// The release of Apache Kafka whose jars the cache holds.
pub const VERSION: &str = "4.1.0";

/// Set to `1` by `cargo xtask test --without-kafka`: tests that need a broker skip, and say so.
pub const WITHOUT_KAFKA: &str = "GRAPEVINE_WITHOUT_KAFKA";

const PROPERTIES: &str = include_str!("kafka.properties");
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(15);
/// Small enough for tests beside a compiler; the serial collector and the first compiler tier start fastest.
const JAVA_OPTIONS: &[&str] = &[
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Djava.awt.headless=true",
];

/// Why there is no broker. The messages say how to get one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no Java: Apache Kafka needs Java 17 or newer, and `{0}` cannot be run; {HINT}")]
    NoJava(PathBuf),
    #[error("no Kafka jars in {0}: run `cargo xtask setup`; {HINT}")]
    NoJars(PathBuf),
    #[error("{what}; see {}\n{tail}", log.display())]
    Failed { what: &'static str, log: PathBuf, tail: String },
    #[error("the broker's folder or process: {0}")]
    Io(#[from] io::Error),
}

const HINT: &str = "install a JDK (`apt-get install openjdk-17-jre-headless maven`), \
    or leave these tests out with `cargo xtask test --without-kafka`";

/// The shared broker of this test process, started at the first call. `None` where `GRAPEVINE_WITHOUT_KAFKA=1`: the test
/// returns at once, and a line on standard error says so.
///
/// # Panics
/// When Java or the jars are missing, or the broker does not start: a test without its broker fails, with an instruction.
pub fn required() -> Option<&'static Broker> {
    if skipped() {
        return None;
    }
    Some(Broker::shared().unwrap_or_else(|error| panic!("{error}")))
}

/// Like [`required`], but a broker of the test's own, which it may stop, kill and restart.
pub fn required_own() -> Option<Broker> {
    if skipped() {
        return None;
    }
    Some(Broker::start().unwrap_or_else(|error| panic!("{error}")))
}

/// True where `GRAPEVINE_WITHOUT_KAFKA=1`, which a line on standard error then says.
pub fn skipped() -> bool {
    let skip = std::env::var_os(WITHOUT_KAFKA).is_some_and(|value| value == "1");
    if skip {
        // Not `eprintln!`: the test harness would swallow it.
        let _ = writeln!(io::stderr(), "skipped: a test that needs Kafka ({WITHOUT_KAFKA}=1)");
    }
    skip
}

/// Where the jars are: `$GRAPEVINE_KAFKA_LIBS`, else `kafka-VERSION` in the cache.
pub fn jars_dir() -> PathBuf {
    match std::env::var_os("GRAPEVINE_KAFKA_LIBS") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => cache_dir().join(format!("kafka-{VERSION}")),
    }
}

/// A further listener of a broker, for clients that reach it through a proxy: a client goes on where the broker says that it
/// is, so that what stands between them must be told to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via {
    /// The port on loopback that the broker listens on: where the proxy forwards to.
    pub listens: u16,
    /// The port that the broker names to clients: where the proxy listens.
    pub advertised: u16,
}

/// One broker with its data. Dropping it kills the process and removes the data.
#[derive(Debug)]
pub struct Broker {
    dir: TempDir,
    address: SocketAddr,
    process: Mutex<Option<Process>>,
}

impl Broker {
    /// Formats a new folder, starts a broker on free ports and waits until it answers.
    pub fn start() -> Result<Broker, Error> {
        Self::start_behind(&[])
    }

    /// Like [`Broker::start`], with further listeners behind proxies.
    pub fn start_behind(vias: &[Via]) -> Result<Broker, Error> {
        let jars = jars_dir();
        if !jars.join(format!("kafka_2.13-{VERSION}.jar")).is_file() {
            return Err(Error::NoJars(jars));
        }
        let dir = tempfile::Builder::new().prefix("grapevine-kafka-").tempdir()?;
        let port = free_port()?;
        write_properties(dir.path(), port, vias)?;
        format_storage(dir.path())?;
        let broker = Broker { dir, address: ([127, 0, 0, 1], port).into(), process: Mutex::new(None) };
        broker.restart()?;
        Ok(broker)
    }

    /// The broker that all tests of this process share. It ends with the process.
    pub fn shared() -> Result<&'static Broker, &'static Error> {
        static SHARED: OnceLock<Result<Broker, Error>> = OnceLock::new();
        SHARED
            .get_or_init(|| {
                let broker = Broker::start()?;
                remove_at_exit(broker.dir.path());
                Ok(broker)
            })
            .as_ref()
    }

    /// `127.0.0.1:PORT`, for `bootstrap.servers`. It stays the same over restarts.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// What the broker has printed.
    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("kafka.log")
    }

    /// The process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.process.lock().as_ref().map(Process::id)
    }

    /// Ends the broker in order (SIGTERM); its data stay.
    pub fn stop(&self) -> Result<(), Error> {
        if let Some(mut process) = self.process.lock().take() {
            process.stop(STOP_PATIENCE)?;
        }
        Ok(())
    }

    /// Kills the broker (SIGKILL), as a power cut would; its data stay.
    pub fn kill9(&self) -> Result<(), Error> {
        if let Some(mut process) = self.process.lock().take() {
            process.kill()?;
        }
        Ok(())
    }

    /// Starts it again on the same ports and data, after ending it in order if it runs, and waits until it answers.
    pub fn restart(&self) -> Result<(), Error> {
        self.stop()?;
        let mut command = java();
        command.arg("kafka.Kafka").arg(self.dir.path().join("server.properties"));
        let mut process = Process::start(command, &self.log_path())?;
        let mut ended = false;
        let ready = wait_for(START_PATIENCE, || {
            ended = !matches!(process.exited(), Ok(None));
            ended || answers(self.address)
        });
        if ended || !ready {
            let what = if ended { "the broker ended while starting" } else { "the broker did not answer within 120 s" };
            return Err(failed(what, self.log_path()));
        }
        *self.process.lock() = Some(process);
        Ok(())
    }
}

fn failed(what: &'static str, log: PathBuf) -> Error {
    let tail = tail(&log, 15);
    Error::Failed { what, log, tail }
}

fn write_properties(dir: &Path, port: u16, vias: &[Via]) -> io::Result<()> {
    let data = dir.join("data");
    std::fs::create_dir(&data)?;
    let each = |say: &dyn Fn(usize, &Via) -> String| -> String {
        vias.iter().enumerate().map(|(number, via)| say(number, via)).collect()
    };
    let text = PROPERTIES
        .replace("@VIA_LISTENERS@", &each(&|number, via| format!(",VIA{number}://127.0.0.1:{}", via.listens)))
        .replace("@VIA_ADVERTISED@", &each(&|number, via| format!(",VIA{number}://127.0.0.1:{}", via.advertised)))
        .replace("@VIA_PROTOCOLS@", &each(&|number, _| format!(",VIA{number}:PLAINTEXT")))
        .replace("@PORT@", &port.to_string())
        .replace("@CONTROLLER_PORT@", &free_port()?.to_string())
        .replace("@DATA@", &data.display().to_string());
    std::fs::write(dir.join("server.properties"), text)
}

fn format_storage(dir: &Path) -> Result<(), Error> {
    // Any 16 bytes in URL-safe base64 name a cluster; one of its own per test has no use.
    let mut command = java();
    command.args(["kafka.tools.StorageTool", "format", "-t", "Z3JhcGV2aW5lLXRlc3RzLQ", "-c"]);
    let output = command.arg(dir.join("server.properties")).output();
    let output = output.map_err(|_| Error::NoJava(java_path()))?;
    if output.status.success() {
        return Ok(());
    }
    let log = dir.join("format.log");
    std::fs::write(&log, [output.stdout, output.stderr].concat())?;
    Err(failed("the broker's storage could not be formatted", log))
}

fn java_path() -> PathBuf {
    match std::env::var_os("JAVA_HOME") {
        Some(home) if !home.is_empty() => PathBuf::from(home).join("bin/java"),
        _ => PathBuf::from("java"),
    }
}

fn java() -> Command {
    let mut command = Command::new(java_path());
    command.args(JAVA_OPTIONS).arg("-cp").arg(jars_dir().join("*"));
    command
}

/// Does the broker answer a metadata request, naming itself? It listens before it is ready, so that an open port is not
/// enough.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> io::Result<i32> {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_millis(500))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        // Length 14; Metadata (3), version 1; correlation 7; no client id; an empty list of topics.
        stream.write_all(&[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0, 0, 0, 0])?;
        // Length, correlation, then the number of brokers.
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(i32::from_be_bytes([head[8], head[9], head[10], head[11]]))
    };
    matches!(ask(), Ok(1..))
}

/// A static is never dropped: the folder of the shared broker is removed by a handler at the end of the process. The
/// broker itself may still run for an instant then, so it is killed first.
fn remove_at_exit(dir: &Path) {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    extern "C" fn at_exit() {
        if let (Some(dir), Ok(broker)) = (DIR.get(), Broker::shared()) {
            let _ = broker.kill9();
            let _ = std::fs::remove_dir_all(dir);
        }
    }
    if DIR.set(dir.to_owned()).is_ok() {
        // SAFETY: the handler has the signature that atexit wants and does not unwind.
        unsafe { libc::atexit(at_exit) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_answers_after_a_stop_and_after_a_kill_and_keeps_its_address() {
        let Some(broker) = required_own() else { return };
        let address = broker.address();
        let first = broker.id().unwrap();
        broker.stop().unwrap();
        assert!(!answers(broker.address));
        broker.restart().unwrap();
        assert!(answers(broker.address));
        assert_ne!(broker.id().unwrap(), first);
        broker.kill9().unwrap();
        assert!(!answers(broker.address));
        broker.restart().unwrap();
        assert!(answers(broker.address));
        assert_eq!(broker.address(), address);
    }

    #[test]
    fn a_broker_behind_a_proxy_tells_the_proxys_port_to_those_who_come_through_it() {
        let dir = tempfile::tempdir().unwrap();
        write_properties(dir.path(), 9000, &[Via { listens: 9001, advertised: 9002 }]).unwrap();
        let text = std::fs::read_to_string(dir.path().join("server.properties")).unwrap();
        assert!(text.contains(",VIA0://127.0.0.1:9001\n"), "{text}");
        assert!(text.contains("\nadvertised.listeners=PLAINTEXT://127.0.0.1:9000,VIA0://127.0.0.1:9002\n"), "{text}");
        assert!(text.contains("CONTROLLER:PLAINTEXT,VIA0:PLAINTEXT\n"), "{text}");
        assert!(!text.contains("@VIA"), "{text}");
    }

    #[test]
    fn a_missing_jar_is_an_instruction() {
        let message = Error::NoJars(PathBuf::from("jars")).to_string();
        assert!(message.contains("cargo xtask setup") && message.contains("--without-kafka"), "{message}");
    }
}
