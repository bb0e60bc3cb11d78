//! Answers over HTTP as the shape says, or as a fault does.

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{FromRequestParts, State, WebSocketUpgrade},
    http::{Request as Asked, StatusCode},
    response::{IntoResponse, Response},
};
use futures::stream;
use grapevine_sources::{
    conformance::{
        Answer,
        shape::{Left, SIM},
    },
    http::Request,
};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use super::{Platform, faults::Fault, limits, lines, with_address};

const MOST: usize = 8 << 20;

pub(super) async fn serve(listener: TcpListener, platform: Arc<Platform>) {
    let app = Router::new().fallback(answer).with_state(platform);
    // It ends with its task.
    let _ = axum::serve(listener, app).await;
}

async fn answer(State(platform): State<Arc<Platform>>, asked: Asked<Body>) -> Response {
    let (mut parts, body) = asked.into_parts();
    let Ok(body) = to_bytes(body, MOST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let Ok(url) = format!("{SIM}{path}").parse() else { return StatusCode::BAD_REQUEST.into_response() };
    let mut request = Request::new(parts.method.clone(), url);
    request.headers = parts.headers.clone();
    request.body = (!body.is_empty()).then(|| body.to_vec());
    let now = Timestamp::now();
    platform.move_on(now);
    let left = platform.ask(now);
    if let Some(left) = left.filter(limits::is_beyond) {
        return response(&platform, with_left(&platform, platform.shape.limited(&left), Some(left)));
    }
    if parts.headers.contains_key("sec-websocket-key") {
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => lines::socket(platform, upgrade, &request),
            Err(refused) => refused.into_response(),
        };
    }
    told(platform, &request, left).await
}

/// What it says, or what a fault says instead.
async fn told(platform: Arc<Platform>, request: &Request, left: Option<Left>) -> Response {
    let fault = platform.faults.next();
    if let Some(Fault::Slow(wait)) = fault {
        tokio::time::sleep(wait).await;
    }
    if let Some(instead) = instead(&platform, fault) {
        return response(&platform, instead);
    }
    if platform.shape.is_stream(request) {
        return lines::body(platform, request);
    }
    let answer = platform.shape.answer(&platform.moment().view(), request);
    let answer = with_left(&platform, answer, left);
    match fault {
        Some(Fault::Cut) => cut(&platform, answer),
        _ => response(&platform, answer),
    }
}

/// With the platform's own headers of what is left.
fn with_left(platform: &Platform, mut answer: Answer, left: Option<Left>) -> Answer {
    for (name, value) in left.map_or_else(Vec::new, |left| platform.shape.left(&left)) {
        answer.headers.retain(|(known, _)| known != name);
        answer = answer.with_header(name, value);
    }
    answer
}

fn instead(platform: &Platform, fault: Option<Fault>) -> Option<Answer> {
    match fault? {
        Fault::Status(status) => Some(Answer::status(status, "")),
        Fault::Limited => {
            let (allowed, now) = (platform.shape.traits().allowed.0, Timestamp::now());
            let left = Left { allowed, used: allowed + 1, resets: now + SignedDuration::from_secs(1), now };
            Some(with_left(platform, platform.shape.limited(&left), Some(left)))
        }
        Fault::Html => {
            let page = Answer::status(200, "<!DOCTYPE html><html><title>Just a moment</title></html>");
            Some(page.with_header("content-type", "text/html"))
        }
        Fault::Cut | Fault::Slow(_) | Fault::Twice => None,
    }
}

pub(super) fn response(platform: &Platform, answer: Answer) -> Response {
    let body = body(platform, answer.body);
    head(platform, answer.status, &answer.headers, Body::from(body))
}

/// Says how long it is, and ends before that.
fn cut(platform: &Platform, answer: Answer) -> Response {
    let mut body = body(platform, answer.body);
    let mut headers = answer.headers;
    headers.push(("content-length".to_owned(), body.len().to_string()));
    body.truncate(body.len() / 2);
    let half: [Result<Bytes, std::io::Error>; 2] =
        [Ok(Bytes::from(body)), Err(std::io::ErrorKind::ConnectionReset.into())];
    head(platform, answer.status, &headers, Body::from_stream(stream::iter(half)))
}

fn head(platform: &Platform, status: u16, headers: &[(String, String)], body: Body) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name.as_str(), with_address(value, platform.address));
    }
    response.body(body).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// Addresses in it lead here.
fn body(platform: &Platform, body: Vec<u8>) -> Vec<u8> {
    match String::from_utf8(body) {
        Ok(text) => with_address(&text, platform.address).into_bytes(),
        Err(other) => other.into_bytes(),
    }
}
