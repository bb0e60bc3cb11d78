use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use axum::body::Body;
use grapevine_api::{ApiParts, ApiState, ErrorCode, Settings, app, token};
use grapevine_store::{Store, StoreOptions};

use serde_json::{Value, json};

use crate::fake::{Api, FakeDesk, FakeMemory, FakeStore, NOW, TOKEN, parts, request, time};

#[tokio::test]
async fn a_metric_is_asked_over_the_last_seven_days_among_all_brands() {
    let api = Api::new();
    let answer = api.get("/api/v1/metrics/net_sentiment?brand=Grove").await;
    assert_eq!(answer.status, 200);
    let mut table = answer.json();
    assert_eq!(table["metric"].take()["id"], "net_sentiment", "the registry's own tests hold the rest");
    insta::assert_json_snapshot!(table);
    let asked = api.store.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.from, asked.to), (time("2026-03-01T12:00:00Z"), time("2026-03-08T12:00:00Z")));
    assert_eq!(asked.limit, Some(50), "every question has a limit");
    assert_eq!(asked.among, ["Grove", "Broken", "Brightleaf"]);
}

#[tokio::test]
async fn span_split_and_limit_reach_the_store() {
    let api = Api::new();
    let query =
        "brand=Grove&from=-24h&to=2026-03-08T10:00:00Z&by=hour&limit=7&target_seconds=60&hashtag=tea&campaign=42";
    assert_eq!(api.get(&format!("/api/v1/metrics/mention_volume?{query}")).await.status, 200);
    let asked = api.store.asked.lock().unwrap()[0].clone();
    assert_eq!((asked.from, asked.to), (time("2026-03-07T12:00:00Z"), time("2026-03-08T10:00:00Z")));
    assert_eq!((asked.by.unwrap().name(), asked.limit, asked.target_seconds), ("hour", Some(7), Some(60)));
    assert_eq!((asked.hashtag.as_deref(), asked.campaign.as_deref()), (Some("tea"), Some("42")));
}

#[tokio::test]
async fn an_older_answer_is_given_to_who_takes_one_and_says_when_it_was_computed() {
    let api = Api::over(FakeStore { takes: Duration::from_millis(20), ..FakeStore::default() });
    let asked = || api.store.asked.lock().unwrap().len();
    let question = "/api/v1/metrics/net_sentiment?brand=Grove";
    let first = api.get(&format!("{question}&max_age=60")).await.json();
    assert_eq!((first["as_of"].as_str(), asked()), (None, 1), "computed for who asked");
    let again = api.get(&format!("{question}&max_age=60")).await.json();
    assert_eq!((again["as_of"].as_str(), asked()), (Some(NOW), 1));
    assert_eq!(again["rows"], first["rows"]);
    assert_eq!(
        (api.get(question).await.json()["as_of"].as_str(), asked()),
        (None, 2),
        "who says nothing takes nothing old"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_a_restart_is_there_when_it_is_asked_again() {
    let question = "/api/v1/metrics/net_sentiment?brand=Grove&max_age=3600";
    let (memory, start) = (Arc::new(FakeMemory::default()), |memory: &Arc<FakeMemory>| {
        let store = Arc::new(FakeStore { takes: Duration::from_millis(100), ..FakeStore::default() });
        let settings = Settings::new(token::hash(TOKEN));
        let parts = ApiParts { asked_before: memory.clone(), ..parts(store.clone(), settings) };
        let state = ApiState::new(parts);
        (Api { store, router: app(state.clone()), ..Api::new() }, tokio::spawn(state.keep_up()))
    });
    let (api, keeping) = start(&memory);
    assert_eq!(api.get(question).await.json()["as_of"].as_str(), None);
    tokio::time::sleep(Duration::from_secs(61)).await;
    keeping.abort();
    let (api, keeping) = start(&memory);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let asked: Vec<String> = api.store.asked.lock().unwrap().iter().map(|query| query.brand.clone()).collect();
    assert_eq!((asked.len(), asked[0].as_str()), (3, "Grove"), "nobody has asked it of this process: {asked:?}");
    for brand in ["Grove", "Brightleaf"] {
        let answer = api.get(&question.replace("Grove", brand)).await.json();
        assert_eq!(answer["as_of"].as_str(), Some(NOW), "{brand}: nobody asked it ever of the others");
    }
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_one_brand_is_not_expected_of_the_others() {
    let store = Arc::new(FakeStore { takes: Duration::from_millis(100), ..FakeStore::default() });
    let state = ApiState::new(parts(store.clone(), Settings::new(token::hash(TOKEN))));
    let (api, keeping) = (Api { store, router: app(state.clone()), ..Api::new() }, tokio::spawn(state.keep_up()));
    api.get("/api/v1/metrics/hashtag_research?brand=Grove&hashtag=tea&max_age=3600").await;
    api.get("/api/v1/metrics/net_sentiment?brand=Grove").await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(api.store.asked.lock().unwrap().iter().all(|query| query.brand == "Grove"));
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn what_is_expected_is_there_for_the_first_who_asks() {
    let store = Arc::new(FakeStore { takes: Duration::from_millis(100), ..FakeStore::default() });
    let state = ApiState::new(parts(store.clone(), Settings::new(token::hash(TOKEN))));
    let (api, keeping) = (Api { store, router: app(state.clone()), ..Api::new() }, tokio::spawn(state.keep_up()));
    let expect = async |questions: Value| {
        let post = request("POST", "/api/v1/expected").header("authorization", format!("Bearer {TOKEN}"));
        let body = Body::from(json!({ "questions": questions }).to_string());
        api.send_body(post.header("content-type", "application/json"), body).await
    };
    let question = "net_sentiment?brand=Grove&from=-30d&by=day";
    assert_eq!(expect(json!([question, "themes?brand=Grove&limit=12"])).await.status, 204);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let answer = api.get(&format!("/api/v1/metrics/{question}&max_age=3600")).await.json();
    assert_eq!(answer["as_of"].as_str(), Some(NOW));
    let mut said = vec![];
    for questions in [
        json!(["nothing?brand=Grove"]),
        json!(["net_sentiment?brand=Nobody"]),
        json!(["net_sentiment?brand=Grove&form=-7d"]),
        json!(["net_sentiment"]),
        json!(["net_sentiment?brand=a b"]),
        json!("net_sentiment?brand=Grove"),
        json!(vec![question; 201]),
    ] {
        let answer = expect(questions).await;
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        said.push(format!("{}: {}", answer.code(), message.split(';').next().unwrap()));
    }
    insta::assert_snapshot!(said.join("\n"));
    assert_eq!(api.store.asked.lock().unwrap().len(), 2, "and what can not be read is not asked");
    keeping.abort();
}

/// Who was removed may stand in lists that were computed before.
#[tokio::test]
async fn a_deletion_request_takes_away_what_was_computed_before() {
    let api = Api::over(FakeStore { takes: Duration::from_millis(20), ..FakeStore::default() });
    let question = "/api/v1/metrics/top_voices?brand=Grove&max_age=60";
    let _ = api.get(question).await;
    assert_eq!(api.get(question).await.json()["as_of"].as_str(), Some(NOW));
    let body = Body::from(json!({"authors": ["x:ada"]}).to_string());
    let post = request("POST", "/api/v1/forget").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(api.send_body(post.header("content-type", "application/json"), body).await.status, 202);
    assert_eq!(api.get(question).await.json()["as_of"].as_str(), None);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_request_that_another_process_takes_does_so_within_a_minute() {
    let store = Arc::new(FakeStore { takes: Duration::from_millis(20), ..FakeStore::default() });
    let desk = Arc::new(FakeDesk::default());
    let parts = ApiParts { forgetting: desk.clone(), ..parts(store.clone(), Settings::new(token::hash(TOKEN))) };
    let state = ApiState::new(parts);
    let (api, keeping) = (Api { store, router: app(state.clone()), ..Api::new() }, tokio::spawn(state.keep_up()));
    tokio::time::sleep(Duration::from_secs(30)).await;
    let question = "/api/v1/metrics/top_voices?brand=Grove&max_age=3600";
    let _ = api.get(question).await;
    let before = api.store.asked.lock().unwrap().len();
    tokio::time::sleep(Duration::from_secs(5)).await;
    desk.0.fetch_add(1, Relaxed);
    tokio::time::sleep(Duration::from_secs(30)).await;
    let asked = api.store.asked.lock().unwrap()[before..].to_vec();
    assert!(asked.iter().any(|query| query.brand == "Grove"), "computed anew, though it was young: {asked:?}");
    keeping.abort();
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_why() {
    let api = Api::new();
    let mut said = vec![];
    for path in [
        "metrics/nothing?brand=Grove",
        "metrics/net_sentiment",
        "metrics/net_sentiment?brand=Nobody",
        "metrics/net_sentiment?brand=Grove&form=-7d",
        "metrics/net_sentiment?brand=Grove&from=yesterday",
        "metrics/net_sentiment?brand=Grove&by=moon",
        "metrics/net_sentiment?brand=Grove&limit=0",
        "metrics/net_sentiment?brand=Grove&limit=many",
        "metrics/net_sentiment?brand=Grove&max_age=3601",
        "metrics/net_sentiment?brand=Broken",
        "metrics/net_sentiment?brand=Broken&max_age=60",
        "mentions?limit=201",
        "mentions?before=soon",
        "mentions?brand=Nobody",
        "alerts?from=now&to=-1d",
        "live?brand=Nobody",
    ] {
        let answer = api.get(&format!("/api/v1/{path}")).await;
        said.push(format!("{path}\n  {}: {}", answer.code(), answer.json()["message"].as_str().unwrap()));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn every_code_has_a_status_and_a_hint() {
    let rows = ErrorCode::ALL.map(|code| {
        let (status, hint) = (code.status(), code.hint());
        format!("{} {}: {hint}", status.as_u16(), serde_json::to_value(code).unwrap().as_str().unwrap())
    });
    insta::assert_snapshot!(rows.join("\n"));
}

#[tokio::test]
async fn mentions_come_in_pages() {
    let api = Api::new();
    let first = api.get("/api/v1/mentions?brand=Grove&limit=2").await.json();
    insta::assert_json_snapshot!(first);
    let next = first["next"].as_str().unwrap();
    let last = api.get(&format!("/api/v1/mentions?brand=Grove&limit=5&before={next}")).await.json();
    assert_eq!(last["next"], serde_json::Value::Null, "a page that is not full is the last");
    let before = api.store.before.lock().unwrap().unwrap();
    assert_eq!((before.0, before.1.0), (time("2026-03-08T11:00:00Z"), 1));
    api.get("/api/v1/mentions?before=2026-03-08T10:00:00Z").await;
    assert_eq!(api.store.before.lock().unwrap().unwrap().1.0, 0, "a time alone is a cursor too");
}

#[tokio::test]
async fn alerts_brands_status_and_counters_are_served() {
    let api = Api::new();
    insta::assert_json_snapshot!(api.get("/api/v1/alerts?brand=Grove&from=-1d").await.json());
    insta::assert_json_snapshot!("brands", api.get("/api/v1/brands").await.json());
    insta::assert_json_snapshot!("sources", api.get("/api/v1/sources").await.json());
    insta::assert_json_snapshot!("status", api.get("/api/v1/status").await.json());
    assert_eq!(api.get("/metrics").await.body, b"grapevine_mentions_total 5\n");
    let listed = api.get("/api/v1/metrics").await.json();
    assert_eq!(listed.as_array().unwrap().len(), grapevine_store::registry::all().len());
}

#[tokio::test]
async fn a_store_that_is_away_is_said_without_its_address() {
    let options = StoreOptions {
        // Port 9 (discard) is closed.
        url: "http://127.0.0.1:9".into(),
        database: "grapevine".into(),
        user: None,
        password: None,
    };
    let store = Arc::new(Store::connect(options).unwrap());
    let settings = Settings::new(token::hash(TOKEN));
    let api = Api { router: app(ApiState::new(parts(store, settings))), ..Api::new() };
    let answer = api.get("/api/v1/mentions?brand=Grove").await;
    assert_eq!(answer.code(), "503 store_unavailable");
    assert!(!String::from_utf8(answer.body).unwrap().contains("127.0.0.1"));
    let health = api.get("/api/v1/health").await;
    assert_eq!((health.status.as_u16(), health.json()["store"].as_bool()), (503, Some(false)));
}
