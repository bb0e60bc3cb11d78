//! A server in a process of its own that swallows inserts and passes every question on to the real engine: what a client
//! spends on an insert is then measured without the engine's work, and with its true answers.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Set for the child only: the port of the engine.
const CHILD: &str = "GRAPEVINE_BENCH_VOID";

/// The child, which ends with this.
pub struct Void {
    child: Child,
    port: u16,
}

impl Void {
    /// Starts this program again as the server before the engine of that port.
    pub fn start(engine_port: u16) -> io::Result<Void> {
        let mut command = Command::new(env::current_exe()?);
        let mut child = command.env(CHILD, engine_port.to_string()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let port = line.trim().parse().map_err(|_| io::Error::other("the swallowing server did not start"))?;
        Ok(Void { child, port })
    }

    /// By one of the names of this machine.
    pub fn url(&self, host: &str) -> String {
        format!("http://{host}:{}", self.port)
    }
}

impl Drop for Void {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// In the child: serves until it is killed. Elsewhere: nothing.
pub fn run_if_child() -> io::Result<()> {
    let Some(port) = env::var_os(CHILD) else { return Ok(()) };
    let engine: u16 = port.to_string_lossy().parse().map_err(io::Error::other)?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let stream = stream?;
        // A client that goes away ends its thread, with nothing to tell.
        thread::spawn(move || serve(stream, engine));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, engine: u16) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(1 << 18, stream.try_clone()?);
    loop {
        let head = head(&mut reader)?;
        if head.is_empty() {
            return Ok(());
        }
        if head.lines().next().is_some_and(|line| line.contains("query=INSERT")) {
            body(&head, &mut reader, &mut io::sink())?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        } else {
            let mut upstream = TcpStream::connect(("127.0.0.1", engine))?;
            upstream.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
            body(&head, &mut reader, &mut upstream)?;
            io::copy(&mut upstream, &mut stream)?;
            return Ok(());
        }
    }
}

/// The lines up to the empty one; empty where the client has gone.
fn head(reader: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    while reader.read_line(&mut head)? > 0 {
        if head.ends_with("\r\n\r\n") {
            break;
        }
    }
    Ok(head)
}

/// Copies the body as it is framed.
fn body(head: &str, reader: &mut impl BufRead, into: &mut impl Write) -> io::Result<()> {
    let lower = head.to_ascii_lowercase();
    if let Some((_, rest)) = lower.split_once("content-length:") {
        let length = rest.lines().next().unwrap_or_default().trim().parse().map_err(io::Error::other)?;
        io::copy(&mut reader.take(length), into)?;
    } else if lower.contains("transfer-encoding: chunked") {
        while chunk(reader, into)? > 0 {}
    }
    Ok(())
}

fn chunk(reader: &mut impl BufRead, into: &mut impl Write) -> io::Result<u64> {
    let mut size = String::new();
    reader.read_line(&mut size)?;
    into.write_all(size.as_bytes())?;
    let length = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
    io::copy(&mut reader.take(length + 2), into)?;
    Ok(length)
}
