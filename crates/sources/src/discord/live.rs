//! The connection to the gateway, moved on by whoever polls.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::gateway::{Action, Gateway, Session};
use crate::{
    SourceError, World,
    http::{Request, Secret},
    socket::{Connection, Frame},
};

/// GUILDS, GUILD_MESSAGES, GUILD_MESSAGE_REACTIONS, MESSAGE_CONTENT.
const INTENTS: u64 = 1 | (1 << 9) | (1 << 10) | (1 << 15);
/// Heartbeats are answered: a connection that is silent for longer is dead.
const IDLE: Duration = Duration::from_secs(120);

pub(super) struct Live {
    connection: Connection,
    gateway: Gateway,
    token: Secret,
    /// When anything was taken in.
    pub(super) heard_at: Timestamp,
    /// A session stands.
    pub(super) is_ready: bool,
}

impl Live {
    /// Connects; takes up the session, if there is one.
    pub(super) async fn open(
        world: &World,
        url: &str,
        session: Option<Session>,
        token: Secret,
    ) -> Result<Self, SourceError> {
        let mut url = Url::parse(url)
            .map_err(|error| SourceError::Transient(format!("the gateway's address {url:?} is none: {error}")))?;
        url.set_query(Some("v=10&encoding=json"));
        let connection = Connection::open(world, Request::get(url), IDLE).await?;
        Ok(Self { connection, gateway: Gateway::new(session), token, heard_at: world.clock.now(), is_ready: false })
    }

    pub(super) fn session(&self) -> Option<Session> {
        self.gateway.session()
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.connection.has_waiting()
    }

    /// What happens until then, or with the next frame: heartbeats and greetings are answered here; the rest comes back.
    /// `None` where nothing came.
    pub(super) async fn next(&mut self, world: &World, until: Timestamp) -> Result<Option<Vec<Action>>, SourceError> {
        let now = world.clock.now();
        let overdue = self.gateway.tick(now, self.connection.has_waiting());
        let left = self.answer(overdue);
        if !left.is_empty() {
            return Ok(Some(left));
        }
        let frame = match self.connection.next(until).await? {
            None => return Ok(None),
            Some(Frame::Closed { code, reason }) => {
                tracing::info!("the gateway closed the connection ({code:?} {reason})");
                return Ok(Some(vec![self.gateway.closed(code, (world.random)())]));
            }
            Some(Frame::Text(text)) => serde_json::from_str::<Value>(&text),
            Some(Frame::Binary(bytes)) => serde_json::from_slice(&bytes),
            Some(Frame::Beat) => return Ok(Some(Vec::new())),
        };
        self.heard_at = world.clock.now();
        let frame = frame.map_err(|error| SourceError::Transient(format!("the gateway sent broken JSON: {error}")))?;
        let actions = self.gateway.heard(&frame, self.heard_at, (world.random)());
        Ok(Some(self.answer(actions)))
    }

    /// Sends what is to be sent.
    fn answer(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let mut left = Vec::new();
        for action in actions {
            let payload = match action {
                Action::Beat(seq) => json!({"op": 1, "d": seq}),
                Action::Identify => json!({"op": 2, "d": {
                    "token": self.token.expose(), "intents": INTENTS,
                    "properties": {"os": "linux", "browser": "grapevine", "device": "grapevine"}}}),
                Action::Resume(session) => json!({"op": 6, "d": {
                    "token": self.token.expose(), "session_id": session.id, "seq": session.seq}}),
                other => {
                    self.is_ready |= matches!(other, Action::Began | Action::Resumed);
                    left.push(other);
                    continue;
                }
            };
            self.connection.send(Frame::Text(payload.to_string()));
        }
        left
    }
}
