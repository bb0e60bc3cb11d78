//! The client over a scripted transport, and the real transport over loopback.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
};

use async_trait::async_trait;
use flate2::{Compression, write::GzEncoder};
use grapevine_sources::{
    Clock, SourceError, World,
    conformance::StepClock,
    http::{Auth, Client, Cost, Fetched, HttpTransport, QuotaPolicy, Request, Response, Secret, Transport},
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Mutex;

use crate::{kit::noon, quota::response};

/// Gives its answers in turn, the last of them for ever.
struct InTurn {
    answers: Mutex<Vec<Response>>,
    asked_at: Mutex<Vec<Timestamp>>,
    clock: StepClock,
}

#[async_trait]
impl Transport for InTurn {
    async fn send(&self, _: Request) -> Result<Response, SourceError> {
        let at = self.clock.now();
        self.asked_at.lock().unwrap().push(at);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Ok(Response { at, ..answer })
    }
}

fn answer(status: u16, body: &str) -> Response {
    response(noon(), status, &[], body)
}

fn limited(after: &str) -> Response {
    response(noon(), 429, &[("retry-after", after.to_owned())], "")
}

/// What a request for JSON gives, and after which milliseconds the platform was asked.
async fn ask(answers: Vec<Response>) -> (Result<Fetched, SourceError>, Vec<i128>) {
    let clock = StepClock::at(noon());
    let transport = InTurn { answers: Mutex::new(answers), asked_at: Mutex::default(), clock: clock.clone() };
    let transport = Arc::new(transport);
    let (clock, variable) = (Arc::new(clock), Arc::new(|_: &str| None));
    let world = World { clock, transport: transport.clone(), random: Arc::new(|| 1.0), variable, ..World::real() };
    let mut client = Client::new(&world, Auth::None, QuotaPolicy::default());
    let request = Request::get("https://api.example/v1?q=x".parse().unwrap());
    let fetched = client.get_json(&request, &Cost::default()).await;
    let asked = transport.asked_at.lock().unwrap().iter().map(|at| at.duration_since(noon()).as_millis()).collect();
    (fetched, asked)
}

#[tokio::test]
async fn what_may_pass_is_tried_again_with_longer_waits() {
    let html = answer(200, "<!doctype html><title>Down for maintenance</title>");
    let (fetched, asked) = ask(vec![answer(502, ""), html, answer(200, "{\"a\": 1}")]).await;
    assert!(matches!(fetched, Ok(Fetched::Json { value, .. }) if value["a"] == 1));
    assert_eq!(asked, [0, 500, 1500]);
    let (fetched, asked) = ask(vec![answer(200, "{\"cut\": ")]).await;
    let error = fetched.unwrap_err();
    assert!(error.is_transient() && error.to_string().starts_with("GET https://api.example/v1 answered broken JSON: "));
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn what_will_not_pass_is_not_tried_again() {
    for status in [400, 401, 403, 404, 410, 301] {
        let (fetched, asked) = ask(vec![answer(status, "no")]).await;
        assert!(!fetched.unwrap_err().is_transient(), "{status}");
        assert_eq!(asked, [0]);
    }
}

#[tokio::test]
async fn a_short_limit_is_waited_for_and_a_long_one_is_told() {
    let (fetched, asked) = ask(vec![limited("2"), answer(200, "[]")]).await;
    assert!(fetched.is_ok());
    assert_eq!(asked, [0, 2000]);
    let (fetched, asked) = ask(vec![limited("60"), answer(200, "[]")]).await;
    let Err(SourceError::RateLimited { until, .. }) = fetched else { panic!("{fetched:?}") };
    assert_eq!((until, asked), (noon() + SignedDuration::from_secs(60), vec![0]));
}

#[tokio::test]
async fn an_unchanged_answer_is_no_error() {
    let (fetched, _) = ask(vec![answer(304, "")]).await;
    assert_eq!(fetched.unwrap(), Fetched::Unchanged);
}

/// Answers one request after another with these bytes, and gives what it was sent.
pub fn serve(answers: Vec<&'static str>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    serve_bytes(answers.into_iter().map(|answer| answer.as_bytes().to_vec()).collect())
}

fn serve_bytes(answers: Vec<Vec<u8>>) -> (u16, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let one = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut sent = [0; 4096];
            let length = stream.read(&mut sent).unwrap();
            // Whoever has read enough hangs up.
            let _ = stream.write_all(&answer);
            String::from_utf8_lossy(&sent[..length]).into_owned()
        };
        answers.into_iter().map(one).collect()
    });
    (port, served)
}

fn transport() -> HttpTransport {
    HttpTransport::new(Arc::new(StepClock::at(noon())))
}

#[tokio::test]
async fn the_real_transport_brings_the_answer_whole() {
    let (port, served) =
        serve(vec!["HTTP/1.1 418 X\r\netag: \"a\"\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"]);
    let request = Request::get(format!("http://127.0.0.1:{port}/a?b=c").parse().unwrap());
    let response = transport().send(request).await.unwrap();
    assert_eq!((response.status, response.body.as_slice(), response.at), (418, &b"hello"[..], noon()));
    assert_eq!(response.header("etag"), Some("\"a\""));
    let sent = served.join().unwrap().remove(0);
    assert!(sent.starts_with("GET /a?b=c HTTP/1.1\r\n") && sent.contains("user-agent: grapevine/"), "{sent}");
}

#[tokio::test]
async fn a_secret_is_not_taken_elsewhere_and_stands_in_no_error() {
    let elsewhere =
        "HTTP/1.1 302 Found\r\nlocation: http://localhost:9/steal\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let auth = Auth::Query { name: "key".into(), value: Secret::new("s3cr3t") };
    let (port, served) = serve(vec![elsewhere]);
    let request = auth.apply(&Request::get(format!("http://127.0.0.1:{port}/").parse().unwrap())).unwrap();
    assert_eq!(transport().send(request).await.unwrap().status, 302, "it stays");
    assert!(served.join().unwrap()[0].contains("key=s3cr3t"));
    // Nobody listens there any more.
    let request = auth.apply(&Request::get(format!("http://127.0.0.1:{port}/gone").parse().unwrap())).unwrap();
    let error = transport().send(request).await.unwrap_err();
    assert!(error.is_transient() && !format!("{error} {error:?}").contains("s3cr3t"), "{error:?}");
    assert!(error.to_string().starts_with(&format!("GET http://127.0.0.1:{port}/gone: cannot connect: ")), "{error}");
}

/// An answer whose body is compressed.
fn gzipped(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).unwrap();
    let packed = encoder.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        packed.len()
    );
    [head.into_bytes(), packed].concat()
}

/// Some platforms compress whatever is asked for.
#[tokio::test]
async fn a_compressed_answer_is_read_and_its_bound_counts_what_it_unpacks_to() {
    let (port, served) = serve_bytes(vec![gzipped(b"{\"a\": 1}"), gzipped(&vec![b' '; (32 << 20) + 1])]);
    let request = Request::get(format!("http://127.0.0.1:{port}/").parse().unwrap());
    let response = transport().send(request.clone()).await.unwrap();
    assert_eq!(response.json(), Ok(serde_json::json!({"a": 1})));
    let error = transport().send(request).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("answered more than 33554432 bytes"), "{error}");
    let sent = served.join().unwrap().concat();
    assert!(sent.contains("accept-encoding: gzip"), "{sent}");
}
