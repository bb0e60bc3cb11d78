//! What Slack sends by itself: checked, held, and answered when the log has it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Hook, signature::verify};
use crate::{
    SourceError, World,
    http::Secret,
    json::text,
    push::{Delivery, Inbox},
};

/// Slack waits for three seconds.
const ANSWER_WITHIN: Duration = Duration::from_millis(2500);
/// How many events are taken into one page.
const PER_PAGE: usize = 100;

pub(super) struct Receiver {
    hook: Hook,
    open: Option<(Inbox, Secret)>,
    /// Not answered yet: the log does not have their events.
    held: Vec<Delivery>,
}

/// What a delivery is to the source.
pub(super) enum Incoming {
    /// An envelope with one event.
    Envelope(Value, Delivery),
    /// It has the right signature, and can not be read.
    Broken(String, Delivery),
    /// Events were held back, as they were too many.
    HeldBack(Delivery),
}

impl Receiver {
    pub(super) fn new(hook: Hook) -> Self {
        Self { hook, open: None, held: Vec::new() }
    }

    /// What came and is Slack's. What is not is answered 401, and a question whether we are there at once.
    pub(super) fn take(&mut self, world: &World) -> Result<Vec<Incoming>, SourceError> {
        // Who polls again did not keep the last page, or has settled it.
        self.held.clear();
        let (inbox, secret) = match &mut self.open {
            Some(open) => open,
            closed => {
                let secret = self.hook.secret.read(world)?;
                let inbox = world.hooks.open(self.hook.listen, &self.hook.path)?;
                inbox.answer_within(ANSWER_WITHIN);
                closed.insert((inbox, secret))
            }
        };
        let mut taken = Vec::new();
        while let Some(delivery) = inbox.try_next() {
            taken.extend(read(delivery, secret, world));
            if taken.len() >= PER_PAGE {
                break;
            }
        }
        Ok(taken)
    }

    pub(super) fn hold(&mut self, delivery: Delivery) {
        self.held.push(delivery);
    }

    /// The log has them.
    pub(super) fn settle(&mut self) {
        self.held.drain(..).for_each(accept);
    }
}

/// Answers that it came.
pub(super) fn accept(delivery: Delivery) {
    delivery.answer(200, "text/plain", "");
}

fn read(delivery: Delivery, secret: &Secret, world: &World) -> Option<Incoming> {
    let signed = (delivery.header("x-slack-request-timestamp"), delivery.header("x-slack-signature"));
    if let Err(refusal) = verify(secret, signed, &delivery.body, world.clock.now()) {
        tracing::warn!("a delivery that claims to be Slack's is refused: {refusal}");
        delivery.answer(401, "text/plain", refusal.to_string());
        return None;
    }
    let envelope: Value = match serde_json::from_slice(&delivery.body) {
        Ok(envelope) => envelope,
        Err(error) => return Some(Incoming::Broken(format!("a delivery is no JSON: {error}"), delivery)),
    };
    match text(&envelope, "type").unwrap_or_default() {
        "url_verification" => {
            let answer = json!({"challenge": envelope.get("challenge")});
            delivery.answer(200, "application/json", answer.to_string());
            None
        }
        "app_rate_limited" => Some(Incoming::HeldBack(delivery)),
        _ => Some(Incoming::Envelope(envelope, delivery)),
    }
}
