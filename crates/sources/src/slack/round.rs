//! One round over the channels: what is asked next, and what an answer brings on. Pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    SlackSpec,
    map::native_id,
    position::{Part, Position, Round},
};
use crate::json::{count, list, text};

/// How much of the last round is read again: Slack's clock and ours differ.
const OVERLAP: SignedDuration = SignedDuration::from_secs(60);
/// So many missing messages of a channel are asked for alone in one round; the others in the next.
const MOST_MISSING: usize = 20;

impl Round {
    pub(super) fn begin<'a>(
        spec: &SlackSpec,
        position: &Position,
        channels: impl DoubleEndedIterator<Item = &'a String>,
        now: Timestamp,
    ) -> Self {
        let part = |channel: &String| {
            let oldest = match position.read_at.get(channel) {
                Some((since, read_at)) => (*since).max((*read_at - OVERLAP).min(now - spec.follow)),
                None => now - spec.backfill,
            };
            Part::Channel { channel: channel.clone(), oldest }
        };
        Round { began: now, left: channels.rev().map(part).collect(), page: None, seen: Vec::new(), read: 0 }
    }

    /// Method and parameters of the next request.
    pub(super) fn request(&self, page_size: u32) -> Option<(&'static str, Vec<(&'static str, String)>)> {
        let of = |channel: &String| vec![("channel", channel.clone())];
        let (method, mut query) = match self.left.last()? {
            Part::Channel { channel, oldest } => {
                let mut query = of(channel);
                query.extend([("oldest", seconds(*oldest)), ("inclusive", "true".to_owned())]);
                ("conversations.history", query)
            }
            Part::Thread { channel, ts } => {
                let mut query = of(channel);
                query.push(("ts", ts.clone()));
                ("conversations.replies", query)
            }
            Part::Missing { channel, ts } => {
                let mut query = of(channel);
                query.extend([("oldest", ts.clone()), ("latest", ts.clone()), ("inclusive", "true".to_owned())]);
                ("conversations.history", query)
            }
        };
        query.push(("limit", page_size.to_string()));
        query.extend(self.page.iter().map(|page| ("cursor", page.clone())));
        Some((method, query))
    }

    /// The page at hand was taken in. With the ids of messages that are gone.
    pub(super) fn turn(&mut self, answer: &Value, position: &mut Position, spec: &SlackSpec) -> Vec<String> {
        let Some(part) = self.left.last().cloned() else { return Vec::new() };
        let messages = list(answer, "messages");
        self.threads(&part, messages, position, spec);
        let has_new = messages.iter().filter_map(|message| text(message, "ts")).fold(false, |has_new, ts| {
            let is_new = !self.seen.iter().any(|seen| seen == ts);
            if is_new {
                self.seen.push(ts.to_owned());
            }
            has_new || is_new
        });
        // A page without a message that is new leads in a circle.
        self.page = text(answer, "response_metadata.next_cursor").filter(|_| has_new).map(str::to_owned);
        if self.page.is_some() { Vec::new() } else { self.end(&part, position, spec) }
    }

    /// Threads that changed come next.
    fn threads(&mut self, part: &Part, messages: &[Value], position: &mut Position, spec: &SlackSpec) {
        let Part::Channel { channel, .. } = part else { return };
        for message in messages {
            let Some(ts) = text(message, "ts") else { continue };
            let replies = count(message, "reply_count").unwrap_or(0);
            let looks = format!("{replies} {}", text(message, "latest_reply").unwrap_or_default());
            let id = native_id(channel, ts);
            let had_replies = position.known.get(&id).is_some_and(|known| known.has_thread());
            if (replies > 0 || had_replies) && position.wants_thread(&id, &looks, self.began, spec.threads) {
                let place = self.left.len().saturating_sub(1);
                self.left.insert(place, Part::Thread { channel: channel.clone(), ts: ts.to_owned() });
            }
        }
    }

    /// The part at hand was read to its end.
    fn end(&mut self, part: &Part, position: &mut Position, spec: &SlackSpec) -> Vec<String> {
        self.left.pop();
        let seen = std::mem::take(&mut self.seen);
        let missing = position.missing(part, &seen);
        match part {
            Part::Channel { channel, .. } => {
                let since = position.read_at.get(channel).map_or(self.began - spec.backfill, |read| read.0);
                position.read_at.insert(channel.clone(), (since, self.began));
                self.read += 1;
                let missing = missing.into_iter().take(MOST_MISSING);
                self.left.extend(missing.map(|ts| Part::Missing { channel: channel.clone(), ts }));
                Vec::new()
            }
            // A thread that is there shows at least the message that began it.
            Part::Thread { channel, .. } if !seen.is_empty() => {
                missing.iter().map(|ts| native_id(channel, ts)).collect()
            }
            Part::Missing { channel, ts } if !seen.contains(ts) => vec![native_id(channel, ts)],
            Part::Thread { .. } | Part::Missing { .. } => Vec::new(),
        }
    }

    /// The part at hand can not be read: what else is of its channel is left out, too.
    pub(super) fn give_up(&mut self) {
        if let Some(part) = self.left.pop() {
            self.left.retain(|other| other.channel() != part.channel());
        }
        (self.page, self.seen) = (None, Vec::new());
    }

    /// The round is over.
    pub(super) fn finish(self, position: &mut Position, spec: &SlackSpec, channels: &BTreeMap<String, String>) {
        position.read_at.retain(|channel, _| channels.contains_key(channel));
        position.began = Some(self.began);
        position.complete = position.complete.max(Some(self.began - OVERLAP));
        position.forget(self.began - spec.follow.max(spec.backfill) - OVERLAP);
    }
}

fn seconds(time: Timestamp) -> String {
    let micros = time.as_microsecond().max(0);
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}
