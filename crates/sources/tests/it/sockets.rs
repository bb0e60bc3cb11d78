//! WebSockets by the real connector, and a connection over a scripted socket on a fake clock.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures::{SinkExt, StreamExt};
use grapevine_sources::{
    Clock, SourceError, World,
    conformance::StepClock,
    http::{Auth, Request, Secret},
    socket::{Connection, Connector, Frame, Socket},
};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request as Handshake, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::kit::noon;

const IDLE: Duration = Duration::from_secs(30);

fn soon(clock: &dyn Clock) -> Timestamp {
    clock.now() + SignedDuration::from_millis(500)
}

/// Says its frames one after another, then nothing; notes what it was told.
#[derive(Clone, Default)]
struct Script {
    frames: Arc<Mutex<VecDeque<Frame>>>,
    told: Arc<Mutex<Vec<Frame>>>,
    /// Answers a ping.
    is_alive: bool,
}

#[async_trait]
impl Connector for Script {
    async fn connect(&self, _: Request) -> Result<Box<dyn Socket>, SourceError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl Socket for Script {
    async fn receive(&mut self) -> Result<Frame, SourceError> {
        loop {
            if let Some(frame) = self.frames.lock().unwrap().pop_front() {
                return Ok(frame);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn send(&mut self, frame: Frame) -> Result<(), SourceError> {
        if frame == Frame::Beat && self.is_alive {
            self.frames.lock().unwrap().push_back(Frame::Beat);
        }
        self.told.lock().unwrap().push(frame);
        Ok(())
    }
}

async fn open(script: &Script) -> (World, Connection) {
    let clock = Arc::new(StepClock::at(noon()));
    let world = World::real().with_clock(clock).with_connector(Arc::new(script.clone()));
    let connection = Connection::open(&world, request("wss://a.example"), IDLE).await.unwrap();
    (world, connection)
}

fn request(url: &str) -> Request {
    Request::get(url.parse().unwrap())
}

/// Polls for so long, by the world's clock, and lets the connection's task have its turns.
async fn wait(world: &World, connection: &mut Connection, time: SignedDuration) -> Result<(), SourceError> {
    let until = world.clock.now() + time;
    while world.clock.now() < until {
        connection.next(soon(&*world.clock)).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_silent_server_that_answers_pings_is_kept() {
    let script = Script { is_alive: true, ..Script::default() };
    let (world, mut connection) = open(&script).await;
    wait(&world, &mut connection, SignedDuration::from_secs(100)).await.unwrap();
    let beats = script.told.lock().unwrap().len();
    assert!((4..=7).contains(&beats), "{beats} pings in 100 s");
    let heard = connection.heard_in_silence(IDLE).expect("it is silent");
    assert!(world.clock.now().duration_since(heard) <= SignedDuration::from_secs(16));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let script = Script::default();
    let (world, mut connection) = open(&script).await;
    let began = world.clock.now();
    let error = wait(&world, &mut connection, SignedDuration::from_secs(100)).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing came for 30 s, not even a pong");
    let lasted = world.clock.now().duration_since(began);
    assert!((SignedDuration::from_secs(30)..=SignedDuration::from_secs(31)).contains(&lasted), "{lasted}");
    assert!(connection.next(soon(&*world.clock)).await.is_err(), "the end stays the end");
    assert_eq!(*script.told.lock().unwrap(), [Frame::Beat]);
}

#[tokio::test]
async fn the_end_comes_after_every_frame_and_says_why() {
    let end = Frame::Closed { code: Some(4004), reason: "Authentication failed".into() };
    let script = Script::default();
    script.frames.lock().unwrap().extend([Frame::Text("a".into()), Frame::Beat, Frame::Binary(vec![1])]);
    let (world, mut connection) = open(&script).await;
    connection.send(Frame::Text("identify".into()));
    let (mut heard, mut is_over) = (Vec::new(), false);
    while heard.last() != Some(&end) {
        // Which of what it hears and what it is to say comes first is left to chance; after the end it says nothing.
        if !is_over && !script.told.lock().unwrap().is_empty() {
            script.frames.lock().unwrap().push_back(end.clone());
            is_over = true;
        }
        heard.extend(connection.next(soon(&*world.clock)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(heard, [Frame::Text("a".into()), Frame::Binary(vec![1]), end.clone()]);
    assert_eq!(connection.next(soon(&*world.clock)).await.unwrap(), Some(end), "and again");
    assert_eq!(*script.told.lock().unwrap(), [Frame::Text("identify".into())]);
    assert!(connection.gave_frames());
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes() {
    let script = Script::default();
    let large = || Frame::Binary(vec![0; 3 << 20]);
    script.frames.lock().unwrap().extend((0..20).map(|_| large()));
    let (world, mut connection) = open(&script).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let left = script.frames.lock().unwrap().len();
    assert_eq!(left, 20 - 6, "five wait, and one for room");
    for _ in 0..20 {
        while connection.next(soon(&*world.clock)).await.unwrap().is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    assert!(!connection.has_waiting());
}

#[tokio::test]
#[allow(clippy::result_large_err, reason = "the signature is the handshake's")]
async fn the_real_connector_sends_headers_answers_pings_and_tells_the_close_code() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let mut shown = String::new();
        let callback = |request: &Handshake, response: Response| {
            shown = request.headers()["authorization"].to_str().unwrap().to_owned();
            Ok(response)
        };
        let mut socket = accept_hdr_async(listener.accept().await.unwrap().0, callback).await.unwrap();
        socket.send(Message::Ping("are you there".into())).await.unwrap();
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.push(socket.next().await.unwrap().unwrap());
        }
        let farewell = CloseFrame { code: CloseCode::Library(4004), reason: "no".into() };
        socket.close(Some(farewell)).await.unwrap();
        (shown, heard)
    });
    let auth = Auth::Bearer(Secret::new("s3cr3t"));
    let request = auth.apply(&request(&format!("ws://{address}/"))).unwrap();
    let world = World::real();
    let mut connection = Connection::open(&world, request, IDLE).await.unwrap();
    connection.send(Frame::Text("hello".into()));
    let until = world.clock.now() + SignedDuration::from_secs(10);
    let end = connection.next(until).await.unwrap();
    assert_eq!(end, Some(Frame::Closed { code: Some(4004), reason: "no".into() }));
    let (shown, heard) = server.await.unwrap();
    assert_eq!(shown, "Bearer s3cr3t");
    assert!(heard.contains(&Message::Pong("are you there".into())) && heard.contains(&Message::text("hello")));
}

#[tokio::test]
async fn a_refusal_shows_no_secret() {
    let answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 13\r\nconnection: close\r\n\r\nbad key s3cr3";
    let (port, _) = crate::client::serve(vec![answer]);
    let auth = Auth::Query { name: "key".into(), value: Secret::new("s3cr3") };
    let request = auth.apply(&request(&format!("ws://127.0.0.1:{port}/"))).unwrap();
    let error = World::real().connector.connect(request).await.map(drop).unwrap_err();
    assert_eq!(error.to_string(), "not allowed: 127.0.0.1 answered 401 Unauthorized: bad key [redacted]");
}
