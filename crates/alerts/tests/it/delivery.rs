//! From an episode to a receiver over HTTP: signatures, retries, refusals.

use std::time::Duration;

use grapevine_alerts::{
    Background, Episode, EpisodeState, Notification, Outbox, Outcome, ReceiverConfig, Secret, Status, Webhook,
    signature,
};
use grapevine_testkit::webhook_receiver::{Answer, WebhookReceiver};
use jiff::{SignedDuration, Timestamp};

const SECRET: &str = "a secret of the tests";

fn now() -> Timestamp {
    "2026-11-03T08:15:04Z".parse().expect("a time")
}

fn webhook(url: &str, allow_private: bool) -> Webhook {
    let config = serde_json::json!({ "name": "ops", "url": url, "secret_env": "HOOK", "allow_private": allow_private });
    let config: ReceiverConfig = serde_json::from_value(config).expect("a receiver");
    Webhook::new(&config, |_| Some(SECRET.to_owned())).expect("a webhook")
}

fn notification() -> Notification {
    let episode = Episode {
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        rule: "negative_spike".to_owned(),
        brand: "Kestrovel".to_owned(),
        state: EpisodeState::Firing,
        started_at: now(),
        resolved_at: None,
        evidence: 4.0,
        peak_evidence: 4.0,
        observed: 23.0,
        expected: 1.8,
    };
    Notification::new(&episode, "ops", &Background::default(), now())
}

#[tokio::test]
async fn a_receiver_can_verify_what_it_gets() {
    let receiver = WebhookReceiver::start([]).expect("a free port");
    let notification = notification();
    let outcome = webhook(&receiver.url(), true).send(&notification, now()).await;
    assert_eq!(outcome, Outcome::Delivered);
    let received = receiver.wait_for(1, Duration::from_secs(5));
    let request = &received[0];
    assert_eq!((request.method.as_str(), request.json()), ("POST", notification.body.clone()));
    assert_eq!(request.header("idempotency-key"), Some(notification.key.as_str()));
    assert_eq!(request.header("content-type"), Some("application/json"));
    let headers =
        [signature::TIMESTAMP_HEADER, signature::SIGNATURE_HEADER].map(|name| request.header(name).unwrap_or(""));
    let verify = |secret: &str| signature::verify(&Secret::new(secret), (headers[0], headers[1]), &request.body, now());
    assert_eq!(verify(SECRET), Ok(()));
    assert_eq!(verify("another secret"), Err(signature::VerifyError::Wrong));
}

#[tokio::test]
async fn a_busy_receiver_gets_it_later_under_the_same_key() {
    let busy = [Answer::status(503).header("retry-after", "90"), Answer::status(429)];
    let receiver = WebhookReceiver::start(busy).expect("a free port");
    let webhook = webhook(&receiver.url(), true);
    let mut outbox = Outbox::new();
    outbox.enqueue(notification(), now()).expect("it is new");
    let mut times = Vec::new();
    while let Some(next) = outbox.next_due() {
        times.push((next.as_millisecond() - now().as_millisecond()) / 1000);
        for due in outbox.due(next) {
            let outcome = webhook.send(&due, next).await;
            outbox.settle(&due.key, outcome, next).expect("a record to store");
        }
    }
    assert_eq!((times.len(), times[0], times[1]), (3, 0, 90), "{times:?}");
    let status = outbox.get(&notification().key).map(|entry| entry.status.clone());
    assert!(matches!(status, Some(Status::Sent { attempts: 3, .. })), "{status:?}");
    let received = receiver.wait_for(3, Duration::from_secs(5));
    let keys: Vec<_> = received.iter().filter_map(|request| request.header("idempotency-key")).collect();
    assert_eq!(keys, [notification().key.as_str(); 3]);
}

#[tokio::test]
async fn redirects_are_refused() {
    let elsewhere = WebhookReceiver::start([]).expect("a free port");
    let answer = Answer::status(307).header("location", &elsewhere.url());
    let receiver = WebhookReceiver::start([answer]).expect("a free port");
    let outcome = webhook(&receiver.url(), true).send(&notification(), now()).await;
    assert!(matches!(&outcome, Outcome::Refused { reason } if reason.contains("redirects")), "{outcome:?}");
    assert!(elsewhere.received().is_empty());
}

#[tokio::test]
async fn private_addresses_are_refused_unless_allowed() {
    let receiver = WebhookReceiver::start([]).expect("a free port");
    let port =
        receiver.url().rsplit(':').next().map(|tail| tail.trim_end_matches("/hook").to_owned()).unwrap_or_default();
    for host in ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "0x7f.1"] {
        let outcome = webhook(&format!("http://{host}:{port}"), false).send(&notification(), now()).await;
        let Outcome::Refused { reason } = &outcome else { panic!("{host}: {outcome:?}") };
        assert!(reason.contains("allow_private = true"), "{reason}");
    }
    assert!(receiver.received().is_empty());
    let allowed = webhook(&format!("http://localhost:{port}"), true);
    assert_eq!(allowed.send(&notification(), now()).await, Outcome::Delivered);
}

#[tokio::test]
async fn an_absent_receiver_is_tried_later() {
    let gone = WebhookReceiver::start([]).expect("a free port").url();
    let outcome = webhook(&gone, true).send(&notification(), now()).await;
    assert_eq!(outcome, Outcome::Retry { after: None, reason: "cannot connect".to_owned() });
    let unknown = webhook("https://no-such-host.invalid/hook", false).send(&notification(), now()).await;
    assert!(
        matches!(&unknown, Outcome::Retry { reason, .. } if reason.contains("no-such-host.invalid")),
        "{unknown:?}"
    );
}

#[tokio::test]
async fn a_retry_after_is_passed_on() {
    let receiver = WebhookReceiver::start([Answer::status(429).header("Retry-After", "7")]).expect("a free port");
    let outcome = webhook(&receiver.url(), true).send(&notification(), now()).await;
    let after = Some(SignedDuration::from_secs(7));
    assert_eq!(outcome, Outcome::Retry { after, reason: "status 429".to_owned() });
}
