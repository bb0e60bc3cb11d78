use std::time::Duration;

use axum::body::Body;
use futures::StreamExt;
use grapevine_api::LiveMention;
use tower::ServiceExt;

use crate::fake::{Api, TOKEN, request, time};

pub fn mention(id: &str, brand: &str) -> LiveMention {
    LiveMention {
        id: id.into(),
        brands: vec![brand.into()],
        platform: "bluesky".into(),
        kind: "post".into(),
        space: None,
        url: None,
        author: "ada".into(),
        author_name: None,
        followers: None,
        created_at: time("2026-03-08T11:00:00Z"),
        text: "two\nlines".into(),
        language: None,
        polarity: None,
        confidence: None,
        intent: None,
        hostility: None,
        irony: None,
        themes: vec![],
        story: None,
        team: false,
        labels: vec![],
    }
}

pub async fn follow(api: &Api, path: &str) -> axum::body::BodyDataStream {
    let request = request("GET", path).header("authorization", format!("Bearer {TOKEN}")).body(Body::empty()).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert!(response.headers().get("content-encoding").is_none(), "compression would hold events back");
    response.into_body().into_data_stream()
}

pub async fn next(events: &mut axum::body::BodyDataStream) -> Option<String> {
    let event = tokio::time::timeout(Duration::from_secs(5), events.next()).await.unwrap();
    event.map(|bytes| String::from_utf8(bytes.unwrap().to_vec()).unwrap())
}

#[tokio::test]
async fn only_mentions_of_the_brand_come() {
    let api = Api::new();
    let mut events = follow(&api, "/api/v1/live?brand=Grove").await;
    api.live.send(mention("1", "Brightleaf").into()).unwrap();
    api.live.send(mention("2", "Grove").into()).unwrap();
    let event = next(&mut events).await.unwrap();
    assert!(event.contains("event: mention") && event.contains("id: 2") && event.contains(r"two\nlines"), "{event}");
}

#[tokio::test]
async fn a_slow_reader_is_told_how_much_it_missed() {
    let api = Api::new();
    let mut events = follow(&api, "/api/v1/live").await;
    for i in 0..10 {
        api.live.send(mention(&i.to_string(), "Grove").into()).unwrap();
    }
    let event = next(&mut events).await.unwrap();
    assert!(event.contains("event: lagged") && event.contains(r#"{"missed":6}"#), "{event}");
    assert!(next(&mut events).await.unwrap().contains("id: 6"), "then it goes on with what is left");
}

#[tokio::test]
async fn a_stopping_server_ends_the_feed() {
    let api = Api::new();
    let mut events = follow(&api, "/api/v1/live").await;
    api.settings.stopping.cancel();
    assert_eq!(next(&mut events).await, None);
}

#[tokio::test]
async fn one_reader_too_many_is_refused_and_a_seat_is_given_back() {
    let api = Api::new();
    let mut held = vec![];
    for _ in 0..256 {
        held.push(follow(&api, "/api/v1/live").await);
    }
    assert_eq!(api.get("/api/v1/live").await.code(), "503 too_many_readers");
    held.pop();
    let _seat = follow(&api, "/api/v1/live").await;
}
