//! Deletion requests, as the API takes and shows them.

use axum::body::Body;
use serde_json::{Value, json};

use crate::fake::{Answer, Api, TOKEN, request};

async fn ask(api: &Api, body: Value) -> Answer {
    let request = request("POST", "/api/v1/forget").header("authorization", format!("Bearer {TOKEN}"));
    api.send_body(request, Body::from(body.to_string())).await
}

#[tokio::test]
async fn a_request_is_taken_and_shown_with_how_far_it_is_and_without_names() {
    let api = Api::new();
    let answer =
        ask(&api, json!({"authors": ["x:ada"], "mentions": ["https://x.example/1"], "reason": "letter 12"})).await;
    assert_eq!(answer.status, 202);
    insta::assert_json_snapshot!(answer.json());
    let listed = api.get("/api/v1/forget").await.json();
    assert_eq!((&listed[0]["state"], &listed[0]["by"]), (&json!("open"), &json!("ada")));
}

/// As `bodyOf` of the page makes them.
#[tokio::test]
async fn what_the_page_sends_is_taken() {
    let api = Api::new();
    let id = "0".repeat(32);
    for body in [
        json!({"authors": ["x:ada"], "reason": "letter 12", "by": "page"}),
        json!({"authors": ["forum:ada"], "instance": "forum.example", "reason": "letter 12", "by": "ada"}),
        json!({"mentions": [id], "reason": "letter 12", "by": "ada"}),
    ] {
        let answer = ask(&api, body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }
}

#[tokio::test]
async fn what_is_unclear_is_told_and_what_failed_keeps_its_words_for_the_log() {
    let api = Api::new();
    for (body, code, says) in [
        (json!({}), "400 bad_forget", "nobody is named"),
        (json!({"author": ["x:ada"]}), "400 bad_forget", "unknown field `author`"),
        (json!({"authors": ["x:twice"]}), "400 bad_forget", "several instances: a, b"),
        (json!({"authors": ["x:log"]}), "503 log_unavailable", "make it again, as it was"),
        (json!({"authors": ["x:store"]}), "503 store_unavailable", "make it again, as it was"),
    ] {
        let answer = ask(&api, body).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert_eq!(answer.code(), code, "{message}");
        assert!(message.contains(says) && !message.contains("secret"), "{message}");
    }
    let nobody = api.send_body(request("POST", "/api/v1/forget"), Body::from("{}")).await;
    assert_eq!(nobody.code(), "401 not_authorised");
}
