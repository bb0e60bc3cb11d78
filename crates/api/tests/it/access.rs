use axum::body::Body;
use serde_json::json;

use crate::fake::{Api, FakeStore, TOKEN, request};

const GUARDED: [&str; 10] = [
    "/api/v1/session",
    "/api/v1/status",
    "/api/v1/brands",
    "/api/v1/metrics",
    "/api/v1/metrics/net_sentiment?brand=Grove",
    "/api/v1/mentions",
    "/api/v1/mentions/00000000000000000000000000000007/labels",
    "/api/v1/alerts",
    "/api/v1/openapi.json",
    "/metrics",
];

async fn log_in(api: &Api, token: &str) -> crate::fake::Answer {
    let body = Body::from(json!({ "token": token }).to_string());
    api.send_body(request("POST", "/api/v1/session"), body).await
}

#[tokio::test]
async fn nothing_but_health_the_page_and_the_login_opens_without_a_token() {
    let api = Api::new();
    for path in GUARDED.into_iter().chain(["/api/v1/live"]) {
        assert_eq!(api.send(request("GET", path)).await.code(), "401 not_authorised", "{path}");
    }
    for path in ["/", "/api/v1/health"] {
        assert_eq!(api.send(request("GET", path)).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn the_token_opens_everything_and_another_opens_nothing() {
    let api = Api::new();
    for path in GUARDED {
        assert_eq!(api.get(path).await.status, 200, "{path}");
        for wrong in ["Bearer gv_other", "Bearer ", "Basic Z3ZfdGVzdA==", TOKEN] {
            let answer = api.send(request("GET", path).header("authorization", wrong)).await;
            assert_eq!(answer.code(), "401 wrong_token", "{path} {wrong}");
        }
    }
}

#[tokio::test]
async fn a_login_sets_a_cookie_that_opens_and_that_scripts_cannot_read() {
    let api = Api::new();
    let answer = log_in(&api, TOKEN).await;
    assert_eq!(answer.status, 204);
    let cookie = answer.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=2592000"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let value = cookie.split(';').next().unwrap();
    let sent = request("GET", "/api/v1/brands").header("cookie", format!("other=1; {value}"));
    assert_eq!(api.send(sent).await.status, 200);
    let forged = request("GET", "/api/v1/brands").header("cookie", format!("{value}0"));
    assert_eq!(api.send(forged).await.code(), "401 session_ended");
    let closed = api.send(request("DELETE", "/api/v1/session")).await;
    assert!(closed.header("set-cookie").contains("Max-Age=0"));
}

#[tokio::test]
async fn a_restart_ends_the_session_and_the_token_opens_the_next() {
    let cookie = log_in(&Api::new(), TOKEN).await.header("set-cookie").to_owned();
    let api = Api::new();
    let ask = |cookie: &str| request("GET", "/api/v1/brands").header("cookie", cookie.split(';').next().unwrap());
    let ended = api.send(ask(&cookie)).await;
    assert_eq!(ended.code(), "401 session_ended");
    assert!(String::from_utf8(ended.body).unwrap().contains("when grapevine restarts"));
    let cookie = log_in(&api, TOKEN).await.header("set-cookie").to_owned();
    assert_eq!(api.send(ask(&cookie)).await.status, 200);
}

#[tokio::test]
async fn a_login_that_fails_repeats_nothing_of_what_was_sent() {
    let api = Api::new();
    let wrong = log_in(&api, "gv_guess").await;
    assert_eq!(wrong.code(), "401 wrong_token");
    assert!(!String::from_utf8(wrong.body).unwrap().contains("gv_guess"));
    let malformed = api.send_body(request("POST", "/api/v1/session"), Body::from("{\"tokn\":\"gv_guess\"}")).await;
    assert_eq!(malformed.code(), "400 bad_body");
    assert!(!String::from_utf8(malformed.body).unwrap().contains("gv_guess"));
    let long = api.send_body(request("POST", "/api/v1/session"), Body::from("x".repeat(20_000))).await;
    assert_eq!(long.code(), "413 body_too_large");
}

#[tokio::test]
async fn a_host_name_of_somebody_else_is_refused_everywhere() {
    let api = Api::new();
    for path in ["/", "/api/v1/health", "/api/v1/brands"] {
        let answer = api.send(axum::http::Request::get(path).header("host", "evil.example:8080")).await;
        assert_eq!(answer.code(), "421 host_refused", "{path}");
    }
    let ours = axum::http::Request::get("/api/v1/health").header("host", "grapevine.example");
    assert_eq!(api.send(ours).await.status, 200);
    assert_eq!(api.send(axum::http::Request::get("/api/v1/health")).await.code(), "421 host_refused", "no host");
}

#[tokio::test]
async fn every_answer_carries_the_headers_of_security() {
    let api = Api::new();
    for path in ["/", "/api/v1/brands", "/nothing", "/api/v1/health"] {
        let answer = api.get(path).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(!answer.header("cache-control").is_empty(), "{path}");
    }
    assert_eq!(api.get("/api/v1/brands").await.header("cache-control"), "no-store");
}

#[tokio::test]
async fn what_is_not_there_says_so_in_the_same_shape() {
    let api = Api::new();
    assert_eq!(api.get("/api/v1/nothing").await.code(), "404 not_found");
    assert_eq!(api.send(request("POST", "/nothing")).await.code(), "404 not_found");
    assert_eq!(api.send(request("POST", "/api/v1/health")).await.code(), "405 method_not_allowed");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let api = Api::over(FakeStore { stuck: true, ..FakeStore::default() });
    assert_eq!(api.get("/api/v1/metrics/net_sentiment?brand=Grove").await.code(), "504 timed_out");
}
