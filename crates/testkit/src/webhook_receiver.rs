//! A webhook receiver for tests: answers what it is told to answer, and keeps what it was sent.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub method: String,
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    /// The first header of this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|(have, _)| *have == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One planned answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// How long it waits before it answers.
    pub delay: Duration,
}

impl Answer {
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), delay: Duration::ZERO }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Default)]
struct State {
    planned: VecDeque<Answer>,
    received: Vec<Received>,
    stopped: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// A small HTTP server on loopback and a free port. It stops when dropped.
pub struct WebhookReceiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl WebhookReceiver {
    /// Gives these answers in turn, then 200 to everything.
    pub fn start(answers: impl IntoIterator<Item = Answer>) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        shared.state.lock().planned.extend(answers);
        let server = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || serve(&listener, &shared)
        });
        Ok(Self { address, shared, server: Some(server) })
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.shared.state.lock().received.clone()
    }

    /// Waits until this many requests have arrived. What has arrived by then, which may be fewer after `limit`.
    pub fn wait_for(&self, count: usize, limit: Duration) -> Vec<Received> {
        let until = Instant::now() + limit;
        let mut state = self.shared.state.lock();
        while state.received.len() < count {
            if self.shared.changed.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.received.clone()
    }
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        // A connection wakes the server so that it sees that it is to stop.
        let woken = TcpStream::connect_timeout(&self.address, Duration::from_secs(1)).is_ok();
        if let (true, Some(server)) = (woken, self.server.take()) {
            let _ = server.join();
        }
    }
}

fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.state.lock().stopped {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = Arc::clone(shared);
        // A slow answer must not hold up the next request.
        std::thread::spawn(move || {
            // A client that goes away in the middle is part of what is tested.
            let _ = handle(stream, &shared);
        });
    }
}

fn handle(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let request = read_request(&stream)?;
    let answer = {
        let mut state = shared.state.lock();
        state.received.push(request);
        shared.changed.notify_all();
        state.planned.pop_front().unwrap_or_else(|| Answer::status(200))
    };
    std::thread::sleep(answer.delay);
    let mut head = format!("HTTP/1.1 {} Planned\r\ncontent-length: 0\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all((head + "\r\n").as_bytes())
}

fn read_request(stream: &TcpStream) -> io::Result<Received> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut received = Received { method, path, headers, body: Vec::new() };
    let length = received.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    received.body = vec![0; length];
    reader.read_exact(&mut received.body)?;
    Ok(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(url: &str, body: &str) -> String {
        let address = url.trim_start_matches("http://").trim_end_matches("/hook");
        let mut stream = TcpStream::connect(address).expect("a connection");
        let request = format!("POST /hook HTTP/1.1\r\nX-Key: one\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    #[test]
    fn answers_as_planned_and_keeps_requests() {
        let receiver = WebhookReceiver::start([Answer::status(503).header("retry-after", "2")]).expect("a free port");
        let answer = post(&receiver.url(), "{\"a\":1}");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("retry-after: 2"), "{answer}");
        assert!(post(&receiver.url(), "{}").starts_with("HTTP/1.1 200"));
        let received = receiver.wait_for(2, Duration::from_secs(5));
        assert_eq!(received.len(), 2);
        assert_eq!(received[0].header("x-key"), Some("one"));
        assert_eq!(received[0].json()["a"], 1);
    }
}
