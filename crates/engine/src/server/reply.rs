//! Responses as ClickHouse's HTTP handler words them.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use rand::Rng;
use rand::distr::Alphanumeric;

use crate::Fault;
use crate::ffi::Counters;

/// A good response without a body, with what the statement read and wrote where that is known.
pub(super) fn empty(counters: Option<Counters>) -> Response {
    let mut response = Response::new(Body::empty());
    if let Some(summary) = counters.and_then(|counters| HeaderValue::from_str(&summary(&counters)).ok()) {
        response.headers_mut().insert("X-ClickHouse-Summary", summary);
    }
    response
}

fn summary(counters: &Counters) -> String {
    let fields = [
        ("read_rows", counters.read_rows),
        ("read_bytes", counters.read_bytes),
        ("written_rows", counters.written_rows),
        ("written_bytes", counters.written_bytes),
        ("result_rows", counters.result_rows),
        ("result_bytes", counters.result_bytes),
        ("elapsed_ns", counters.elapsed_ns),
    ];
    // ClickHouse writes the numbers as strings.
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    format!("{{{}}}", fields.join(","))
}

/// A statement that failed before its first byte.
pub(super) fn failed(fault: &Fault) -> Response {
    let mut response = Response::new(Body::from(format!("{}\n", fault.message)));
    *response.status_mut() = fault.status();
    let headers = response.headers_mut();
    headers.insert("X-ClickHouse-Exception-Code", HeaderValue::from(fault.code));
    headers.insert("Content-Type", HeaderValue::from_static("text/plain; charset=UTF-8"));
    response
}

/// How a fault is told after the status was sent: at the end of the body, between marks that hold a tag which the
/// headers announced, so that no data can look like it.
pub(super) struct Tail {
    tag: String,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { tag: rand::rng().sample_iter(Alphanumeric).take(16).map(char::from).collect() }
    }

    pub(super) fn announce(&self, headers: &mut HeaderMap) {
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            headers.insert("X-ClickHouse-Exception-Tag", tag);
        }
    }

    pub(super) fn of(&self, fault: &Fault) -> Bytes {
        /// The client takes the message only if it gets it in one piece, and lz4 pieces hold at most 64 KiB.
        const LONGEST: usize = 16 * 1024;
        let message: String = fault.message.chars().take(LONGEST / 4).collect();
        let (tag, length) = (&self.tag, message.len() + 1);
        Bytes::from(format!("\r\n__exception__\r\n{tag}\r\n{message}\n{length} {tag}\r\n__exception__\r\n"))
    }
}
