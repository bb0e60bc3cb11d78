//! The real server of webhooks, over loopback.

use std::{net::SocketAddr, time::Duration};

use grapevine_sources::{
    SourceError, World,
    push::{Delivery, Inbox},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

fn open(listen: &str, name: &str) -> Inbox {
    World::real().hooks.open(listen.parse().unwrap(), name).unwrap()
}

/// Sends one request as it is written, and gives the status and the body of its answer.
async fn send(to: SocketAddr, request: String) -> (u16, String) {
    let mut stream = TcpStream::connect(to).await.unwrap();
    // A server that has heard enough may hang up.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.expect("an answer comes in time");
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn post(path: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-sign: abc\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

async fn next(inbox: &mut Inbox) -> Delivery {
    timeout(Duration::from_secs(5), inbox.next()).await.expect("it comes").expect("it is open")
}

#[tokio::test]
async fn a_delivery_is_answered_by_its_source() {
    let (mut one, mut other) = (open("127.0.0.1:0", "one"), None);
    let address = one.address();
    let sent = tokio::spawn(send(address, post("/hooks/one?token=7", "{\"a\": 1}")));
    let delivery = next(&mut one).await;
    assert_eq!((delivery.method.as_str(), delivery.query.as_str()), ("POST", "token=7"));
    assert_eq!((delivery.body.as_slice(), delivery.header("x-sign")), (&b"{\"a\": 1}"[..], Some("abc")));
    delivery.answer(202, "text/plain", "kept");
    assert_eq!(sent.await.unwrap(), (202, "kept".to_owned()));
    // Another source shares the server, by another path.
    let other = other.insert(open(&address.to_string(), "other"));
    let sent = tokio::spawn(send(address, post("/hooks/other", "")));
    next(other).await.answer(200, "text/plain", "");
    assert_eq!(sent.await.unwrap().0, 200);
    assert!(one.try_next().is_none());
    let twice = World::real().hooks.open(address, "one").map(drop).unwrap_err();
    assert!(matches!(&twice, SourceError::Config(message) if message.contains("/hooks/one on 127.0.0.1:")), "{twice}");
}

#[tokio::test]
async fn what_no_source_can_take_is_answered_at_once() {
    let mut inbox = open("127.0.0.1:0", "one");
    let address = inbox.address();
    for (request, status) in [
        (post("/hooks/another", "x"), 404),
        (post("/", "x"), 404),
        (post("/hooks/one", "x").replace("POST", "DELETE"), 405),
        (post("/hooks/one", "x").replace("content-length: 1", "content-length: 9000000"), 413),
    ] {
        assert_eq!(send(address, request).await.0, status);
    }
    // Without a stated length, it is counted.
    let mut chunked = "POST /hooks/one HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
    let chunk = "x".repeat(1 << 20);
    (0..9).for_each(|_| chunked += &format!("{:x}\r\n{chunk}\r\n", chunk.len()));
    assert_eq!(send(address, chunked).await.0, 413);
    assert!(inbox.try_next().is_none(), "none of it reached the source");
}

#[tokio::test]
async fn no_answer_in_time_is_answered_for_it() {
    let mut inbox = open("127.0.0.1:0", "slow");
    inbox.answer_within(Duration::from_millis(50));
    let sent = tokio::spawn(send(inbox.address(), post("/hooks/slow", "x")));
    let delivery = next(&mut inbox).await;
    assert!(delivery.is_waited_for());
    assert_eq!(sent.await.unwrap(), (503, "it was not kept in time: send it again".to_owned()));
    assert!(!delivery.is_waited_for());
    delivery.answer(200, "text/plain", "too late, and no harm");
}

#[tokio::test]
async fn what_is_never_answered_is_sent_again_to_the_next_process() {
    let mut inbox = open("127.0.0.1:0", "one");
    let address = inbox.address();
    let sent = tokio::spawn(send(address, post("/hooks/one", "precious")));
    let delivery = next(&mut inbox).await;
    // Killed between poll and settle: the log has it or not, the platform does not know.
    drop(delivery);
    assert_eq!(sent.await.unwrap(), (503, "it was not kept: send it again".to_owned()));
    drop(inbox);
    // The port is free again.
    let reopened = timeout(Duration::from_secs(5), async {
        loop {
            match World::real().hooks.open(address, "one") {
                Ok(inbox) => return inbox,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let mut inbox = reopened.await.unwrap();
    let sent = tokio::spawn(send(address, post("/hooks/one", "precious")));
    let delivery = next(&mut inbox).await;
    assert_eq!(delivery.body, b"precious");
    delivery.answer(200, "text/plain", "");
    assert_eq!(sent.await.unwrap().0, 200);
}

#[tokio::test]
async fn more_than_can_wait_is_refused_and_nothing_else() {
    let mut inbox = open("127.0.0.1:0", "full");
    let address = inbox.address();
    let sent: Vec<_> = (0..80).map(|_| tokio::spawn(send(address, post("/hooks/full", "x")))).collect();
    // All have arrived when as many were refused as there is no room for.
    tokio::time::sleep(Duration::from_millis(500)).await;
    while let Some(delivery) = inbox.try_next() {
        delivery.answer(200, "text/plain", "");
    }
    let mut statuses = Vec::new();
    for answer in sent {
        statuses.push(answer.await.unwrap().0);
    }
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(200), count(503)), (64, 16));
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_and_may_be_free_later() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let error = World::real().hooks.open(address, "one").map(drop).unwrap_err();
    assert!(error.is_transient() && error.to_string().starts_with(&format!("cannot listen on {address}: ")), "{error}");
}
