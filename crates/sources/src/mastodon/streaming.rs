//! What the streaming server says: the pure reading of its events, and the connection that hears them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::status::MapError;
use crate::{
    SourceError, World,
    http::{Request, Secret},
    socket::{Connection, Frame},
};

/// The server pings every half a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// So many events are taken at once.
const MOST_EVENTS: usize = 200;
/// The first wait after a failure; it doubles with each further one, up to the longest.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// What one event says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// A status is new, or was edited.
    Status(Value),
    /// The status with this id is there no more.
    Deleted(String),
    /// Nothing that is collected: a notification, a filter.
    Nothing,
}

/// Reads an event by its name and its data, as Server-Sent Events have them. Pure; it never panics.
pub fn said(name: &str, data: &str) -> Result<Said, MapError> {
    match name {
        "update" | "status.update" => {
            let status = serde_json::from_str(data).map_err(|error| MapError::Shape(error.to_string()))?;
            Ok(Said::Status(status))
        }
        "delete" => match data.trim().trim_matches('"') {
            "" => Err(MapError::Missing("id")),
            id => Ok(Said::Deleted(id.to_owned())),
        },
        _ => Ok(Said::Nothing),
    }
}

/// The same, as a WebSocket has them: data as a text within JSON.
pub fn said_on_socket(frame: &str) -> Result<Said, MapError> {
    let frame: Value = serde_json::from_str(frame).map_err(|error| MapError::Shape(error.to_string()))?;
    if let Some(error) = frame.get("error").and_then(Value::as_str) {
        return Err(MapError::Refused(error.to_owned()));
    }
    let name = frame.get("event").and_then(Value::as_str).ok_or(MapError::Missing("event"))?;
    match frame.get("payload") {
        Some(Value::String(data)) => said(name, data),
        Some(data) => said(name, &data.to_string()),
        None => said(name, ""),
    }
}

/// Hears of hashtags. It never fails for good: what it does not hear, the reading by REST finds.
pub(super) struct Ear {
    address: Url,
    hashtags: Vec<String>,
    connection: Option<Connection>,
    /// Not before this time; and how long the next wait is.
    again_at: Option<Timestamp>,
    wait: SignedDuration,
    problem: Option<String>,
}

impl Ear {
    pub(super) fn new(address: Url, hashtags: Vec<String>) -> Self {
        Self { address, hashtags, connection: None, again_at: None, wait: FIRST_WAIT, problem: None }
    }

    /// Why nothing is heard, where that is so.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The server does not stream one of the hashtags; it may stream the others.
    pub(super) fn refused(&mut self, why: &MapError) {
        self.problem = Some(format!("not all hashtags are streamed, and those are only read: {why}"));
    }

    /// What was said until then.
    pub(super) async fn hear(&mut self, world: &World, token: &Secret, until: Timestamp) -> Vec<String> {
        let mut heard = Vec::new();
        if self.connection.is_none() && self.again_at.is_none_or(|again| again <= world.clock.now()) {
            match self.open(world, token).await {
                Ok(connection) => (self.connection, self.problem) = (Some(connection), None),
                Err(error) => self.failed(world, &error.to_string()),
            }
        }
        while let Some(connection) = self.connection.as_mut().filter(|_| heard.len() < MOST_EVENTS) {
            match connection.next(until).await {
                Ok(Some(Frame::Text(text))) => {
                    self.wait = FIRST_WAIT;
                    heard.push(text);
                }
                Ok(Some(Frame::Closed { reason, .. })) => self.failed(world, &format!("the server closed it: {reason}")),
                Ok(Some(Frame::Binary(_) | Frame::Beat)) => {}
                Ok(None) => break,
                Err(error) => self.failed(world, &error.to_string()),
            }
        }
        heard
    }

    async fn open(&self, world: &World, token: &Secret) -> Result<Connection, SourceError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .map_err(|_| SourceError::Config("the token has characters that no header may hold".to_owned()))?;
        value.set_sensitive(true);
        let request = Request::get(self.address.clone()).with_header(AUTHORIZATION, value).hiding(token);
        let connection = Connection::open(world, request, IDLE_TIMEOUT).await?;
        for tag in &self.hashtags {
            let words = json!({"type": "subscribe", "stream": "hashtag", "tag": tag});
            connection.send(Frame::Text(words.to_string()));
        }
        Ok(connection)
    }

    fn failed(&mut self, world: &World, problem: &str) {
        tracing::debug!("streaming from {}: {problem}", self.address);
        self.connection = None;
        self.problem = Some(format!("nothing is streamed, and the hashtags are only read: {problem}"));
        self.again_at = world.clock.now().checked_add(self.wait).ok();
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_both_ways_bring_them() {
        let status = json!({"id": "7"});
        let framed = |event: &str, payload: Value| said_on_socket(&json!({"stream": ["hashtag", "tea"], "event": event, "payload": payload}).to_string());
        for name in ["update", "status.update"] {
            assert_eq!(said(name, "{\"id\":\"7\"}"), Ok(Said::Status(status.clone())));
            assert_eq!(framed(name, "{\"id\":\"7\"}".into()), Ok(Said::Status(status.clone())));
        }
        assert_eq!(said("delete", "116153803079680000"), Ok(Said::Deleted("116153803079680000".into())));
        assert_eq!(framed("delete", "116153803079680000".into()), Ok(Said::Deleted("116153803079680000".into())));
        assert_eq!(framed("delete", 7.into()), Ok(Said::Deleted("7".into())));
        assert_eq!(framed("filters_changed", Value::Null), Ok(Said::Nothing));
        assert_eq!(said_on_socket("{\"event\": \"filters_changed\"}"), Ok(Said::Nothing));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert_eq!(said_on_socket("{\"error\": \"Unknown stream type\", \"status\": 400}").unwrap_err().to_string(),
            "the streaming server refuses: Unknown stream type");
        for broken in ["", "[", "7", "{}", "{\"event\": \"delete\"}", "{\"event\": \"update\", \"payload\": \"{\"}"] {
            assert!(said_on_socket(broken).is_err(), "{broken}");
        }
    }
}
