//! What a source last said of itself, kept in the log: `grapevine status` asks no process, and a source that failed before
//! its first post has nothing in the store.

use std::collections::BTreeMap;

use grapevine_api::SourceState;
use grapevine_log::Record;
use grapevine_model::Usage;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Before a source's name: the key of its mark.
const KEY: &str = "source:";
/// What stays the same is said again no more often than this.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub state: SourceState,
    pub message: Option<String>,
    /// When this state began.
    pub since: Timestamp,
    /// When it was said last.
    pub at: Timestamp,
    /// Everything created before is read. Where the cursor is lost, what is missing begins here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub complete_through: Option<Timestamp>,
    /// When a page was last read and kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_success: Option<Timestamp>,
    #[serde(default)]
    pub usage: Usage,
}

impl Mark {
    /// What is to be written after `last`, if anything.
    pub fn after(last: Option<&Mark>, state: SourceState, message: Option<String>, now: Timestamp) -> Option<Mark> {
        let same = last.filter(|last| kind(last.state) == kind(state));
        let fresh = same.is_some_and(|last| last.message == message && now.duration_since(last.at) < AGAIN);
        let since = same.map_or(now, |last| last.since);
        let (complete_through, last_success) =
            last.map_or((None, None), |last| (last.complete_through, last.last_success));
        let mark = || Mark { state, message, since, at: now, complete_through, last_success, usage: Usage::default() };
        (!fresh).then(mark)
    }

    pub fn record(&self, source: &str) -> Record {
        let value = serde_json::to_vec(self).expect("a mark is JSON");
        Record { key: format!("{KEY}{source}").into_bytes(), value, partition: Some(0) }
    }

    /// Of one source; `None` also where a newer program wrote it in another form.
    pub fn of(state: &BTreeMap<Vec<u8>, Vec<u8>>, source: &str) -> Option<Mark> {
        serde_json::from_slice(state.get(format!("{KEY}{source}").as_bytes())?).ok()
    }

    /// Of every source, by name. One that a newer program wrote in another form counts as absent.
    pub fn all(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> BTreeMap<String, Mark> {
        let one = |(key, value): (&Vec<u8>, &Vec<u8>)| {
            let name = String::from_utf8_lossy(key.strip_prefix(KEY.as_bytes())?).into_owned();
            Some((name, serde_json::from_slice(value).ok()?))
        };
        state.iter().filter_map(one).collect()
    }
}

/// A source changes many times a minute between catching up and being live.
fn kind(state: SourceState) -> SourceState {
    if state == SourceState::CatchingUp { SourceState::Live } else { state }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_state_is_said_when_it_begins_and_then_once_a_minute() {
        let first = Mark::after(None, SourceState::CatchingUp, None, time(0)).unwrap();
        assert_eq!(Mark::after(Some(&first), SourceState::Live, None, time(59)), None);
        let again = Mark::after(Some(&first), SourceState::Live, None, time(60)).unwrap();
        assert_eq!((again.since, again.at), (time(0), time(60)));
        let words = Some("503".to_owned());
        let ill = Mark::after(Some(&again), SourceState::Retrying, words.clone(), time(61)).unwrap();
        assert_eq!((ill.since, ill.message), (time(61), words));
    }

    #[test]
    fn marks_are_found_by_the_name_of_their_source() {
        let mark = Mark::after(None, SourceState::Failed, Some("not allowed".into()), time(5)).unwrap();
        let Record { key, value, .. } = mark.record("masto");
        let state = BTreeMap::from([(key, value), (b"checkpoint:masto".to_vec(), b"{}".to_vec())]);
        assert_eq!(Mark::all(&state), BTreeMap::from([("masto".to_owned(), mark)]));
    }
}
