//! What a webhook's cursor remembers: which deliveries were taken, and what was deleted lately.

use std::collections::VecDeque;

use grapevine_model::MentionKey;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) const VERSION: u16 = 1;

/// How many deliveries are known again. Platforms send again within minutes or hours.
const SEEN: usize = 500;
/// How many deletions are remembered, so that what was sent before them and comes behind them brings nothing back.
const GONE: usize = 500;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Number of the last delivery that was taken.
    pub(crate) taken: u64,
    seen: VecDeque<String>,
    gone: VecDeque<(String, i64)>,
}

impl Position {
    pub(crate) fn has_seen(&self, id: &str) -> bool {
        !id.is_empty() && self.seen.contains(&short(id))
    }

    pub(crate) fn saw(&mut self, id: &str) {
        if !id.is_empty() && !self.has_seen(id) {
            keep(&mut self.seen, short(id), SEEN);
        }
    }

    pub(crate) fn deleted(&mut self, key: &MentionKey, at: Timestamp) {
        let key = short(&key.to_string());
        self.gone.retain(|(known, _)| *known != key);
        keep(&mut self.gone, (key, at.as_microsecond()), GONE);
    }

    /// It was deleted after this version of it was written.
    pub(crate) fn is_gone(&self, key: &MentionKey, version: Timestamp) -> bool {
        let key = short(&key.to_string());
        self.gone.iter().any(|(known, at)| *known == key && *at >= version.as_microsecond())
    }
}

fn keep<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    list.push_back(item);
    if list.len() > most {
        list.pop_front();
    }
}

/// 12 digits: among so few, two are never the same.
fn short(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_seen_is_known_until_much_else_was() {
        let mut position = Position::default();
        position.saw("a");
        assert!(position.has_seen("a") && !position.has_seen("b") && !position.has_seen(""));
        (0..SEEN).for_each(|n| position.saw(&n.to_string()));
        assert!(!position.has_seen("a") && position.has_seen("0"));
        assert!(serde_json::to_string(&position).unwrap().len() < 10_000);
    }

    #[test]
    fn a_deletion_outlives_what_was_written_before_it_and_nothing_else() {
        let (key, at) = (MentionKey::new("p", "", "1"), |second| Timestamp::from_second(second).unwrap());
        let mut position = Position::default();
        position.deleted(&key, at(10));
        assert!(position.is_gone(&key, at(9)) && position.is_gone(&key, at(10)) && !position.is_gone(&key, at(11)));
        assert!(!position.is_gone(&MentionKey::new("p", "", "2"), at(9)));
    }
}
