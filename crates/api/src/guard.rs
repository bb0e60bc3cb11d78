//! What every request passes: the host check, the token check, the time limit, the headers of the answer.

use std::{net::IpAddr, time::Duration};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;

use crate::{
    ApiState,
    error::{ApiError, ErrorCode},
    session,
};

/// Only files of our own, no inline script or style, no frame around the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Adds the headers of security, and `no-store` where the answer names no caching of its own.
pub(crate) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses names that are not ours, so that a hostile page cannot point its own name at this address and read us.
///
/// An IP address is safe: a browser sends one only to that address.
pub(crate) async fn host(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = header.or_else(|| request.uri().authority().map(|authority| authority.as_str())).unwrap_or_default();
    if is_ours(name_of(host), &state.settings.host_names) {
        return next.run(request).await;
    }
    ApiError::new(ErrorCode::HostRefused, format!("the host name {host:?} is not one of this server's")).into_response()
}

/// The host without its port; an IPv6 address without its brackets.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or("", |(address, _)| address);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

fn is_ours(name: &str, configured: &[String]) -> bool {
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok()
        || configured.iter().any(|ours| ours.eq_ignore_ascii_case(name))
}

/// Lets a request pass that carries the token (`Authorization: Bearer …`) or a session's cookie.
pub(crate) async fn token(State(state): State<ApiState>, request: Request, next: Next) -> Response {
    match authorise(&state, request.headers(), (state.clock)()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

fn authorise(state: &ApiState, headers: &HeaderMap, now: Timestamp) -> Result<(), ApiError> {
    if let Some(sent) = headers.get(header::AUTHORIZATION) {
        let token = sent.to_str().ok().and_then(|value| value.strip_prefix("Bearer "));
        return match token {
            Some(token) if state.settings.token.matches(token) => Ok(()),
            _ => Err(ApiError::new(ErrorCode::WrongToken, "the Authorization header does not carry the token")),
        };
    }
    if cookies(headers).any(|value| state.session_key.is_valid(value, now)) {
        return Ok(());
    }
    Err(match cookies(headers).next() {
        Some(_) => {
            ApiError::new(ErrorCode::SessionEnded, "this session has ended, as every one does when grapevine restarts")
        }
        None => ApiError::new(ErrorCode::NotAuthorised, "this needs a token or a session"),
    })
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == session::COOKIE).then_some(value))
}

/// Gives up on an answer that takes longer than this. The live feed does not pass here.
pub(crate) async fn time_limit(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            ApiError::new(ErrorCode::TimedOut, format!("{path} took longer than {} s", limit.as_secs())).into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(host: &str, expected: bool) {
        assert_eq!(is_ours(name_of(host), &["grapevine.example".to_owned()]), expected, "{host}");
    }

    #[test]
    fn loopback_names_addresses_and_configured_names_are_ours() {
        for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:80", "[::1]:8080", "10.0.0.5:1", "Grapevine.Example:443"]
        {
            check(host, true);
        }
    }

    #[test]
    fn any_other_name_is_refused() {
        for host in ["", "evil.example", "localhost.evil.example:8080", "127.0.0.1.evil.example", "[evil", "a:b:c"] {
            check(host, false);
        }
    }
}
