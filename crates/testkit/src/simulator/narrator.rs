//! Says in words what happens on the platforms, for whoever watches the page beside it.

use std::collections::HashMap;

use grapevine_sources::conformance::story::Change;
use jiff::{Timestamp, tz::TimeZone};

use super::{Stand, live};
use crate::story;

/// More at once is no help to anybody.
const MOST: usize = 4;
/// Of a text, in letters.
const QUOTED: usize = 60;

/// Remembers what it has told.
pub struct Narrator {
    told: HashMap<&'static str, usize>,
    outage: std::ops::Range<Timestamp>,
    /// When it looked last.
    last: Timestamp,
}

impl Narrator {
    pub fn new(started: Timestamp, speed: f64) -> Self {
        Self { told: HashMap::new(), outage: live::outage(started, speed), last: started }
    }

    /// What happened since it looked last.
    pub fn look(&mut self, stands: &[Stand], now: Timestamp) -> Vec<String> {
        let mut lines: Vec<(Timestamp, String)> = stands.iter().flat_map(|stand| self.of(stand)).collect();
        lines.sort();
        let more = lines.len().saturating_sub(MOST);
        lines.truncate(MOST);
        let outage = [
            (self.outage.start, "an outage begins: Kestrovel's app unlocks no bike, and complaints come in everywhere"),
            (self.outage.end, "the outage is over"),
        ];
        let turns = outage.into_iter().filter(|(at, _)| (self.last..now).contains(at));
        lines.extend(turns.map(|(at, said)| (at, said.to_owned())));
        self.last = now;
        let mut lines: Vec<String> = lines.into_iter().map(|(at, said)| format!("{} {said}", clock(at))).collect();
        if more > 0 {
            lines.push(format!("{} {more} more of that", clock(now)));
        }
        lines
    }

    fn of(&mut self, stand: &Stand) -> Vec<(Timestamp, String)> {
        let moment = stand.platform.moment();
        let changes = moment.view().changes;
        let told = self.told.insert(stand.name(), changes.len()).unwrap_or(0);
        let said = changes.iter().skip(told).filter_map(|happened| Some((happened.at, in_words(&happened.change)?)));
        said.map(|(at, said)| (at, format!("{}: {said}", stand.name()))).collect()
    }
}

/// New posts and likes are not worth a line.
fn in_words(change: &Change) -> Option<String> {
    match change {
        Change::Posted(post) if post.parent.is_some() && story::is_team(&post.author) => {
            Some(format!("{} answers: {}", post.author, quoted(&post.text)))
        }
        Change::Posted(_) | Change::Counted(_) => None,
        Change::Edited(post) => Some(format!("{} edits: {}", post.author, quoted(&post.text))),
        Change::Deleted(post) => Some(format!("{} deletes: {}", post.author, quoted(&post.text))),
        Change::Removed { author, posts } => {
            let posts = if posts.len() == 1 { "a post".to_owned() } else { format!("{} posts", posts.len()) };
            Some(format!("{author} is gone, and {posts} with the account"))
        }
    }
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("\u{201c}{}…\u{201d}", text[..end].trim_end()),
        None => format!("\u{201c}{text}\u{201d}"),
    }
}

fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}
