//! The story after its end: everyday posts, one every few seconds, for as long as someone watches.

use grapevine_model::{Kind, Polarity};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;

use super::brands::MAIN;
use super::care;
use super::people::Place;
use super::post::StoryPost;
use super::thread::{Subject, place, place_of, polarity};
use super::timeline::Stream;
use super::writer::{Intention, Writer};

/// Endless posts in the order of their times. Times run ahead of the clock as fast as the iterator is read: whoever
/// replays them waits for each one's `created_at`.
pub struct Live {
    writer: Writer,
    at: Timestamp,
    /// Questions and complaints that nobody has answered.
    waiting: Vec<StoryPost>,
}

/// Calmer than the weeks before: at this pace a share as high as theirs would look like a surge of complaints.
const MOOD: (f64, f64) = (0.06, 0.40);

impl Live {
    pub(super) fn new(seed: u64, from: Timestamp) -> Self {
        Self { writer: Writer::new(seed ^ 0x11fe), at: from, waiting: Vec::new() }
    }

    /// An answer to one of those who wait. Members and team see to it as in the weeks before, only sooner.
    fn reply(&mut self) -> Option<StoryPost> {
        if self.waiting.is_empty() {
            return None;
        }
        let at = self.writer.rng.random_range(0..self.waiting.len());
        let to = self.waiting.swap_remove(at);
        let (need, place) = (care::need(&to)?, place_of(&to));
        let by_team = place != Place::Boards && to.about == MAIN && self.writer.rng.random_bool(0.6);
        let author = match by_team {
            true => self.writer.people.staff(0, place, &mut self.writer.rng).clone(),
            false => self.writer.helper(&to),
        };
        let symbol = care::symbol(need, Stream::Everyday, by_team);
        let intention = Intention { brand: 0, place, symbol, polarity: Polarity::Neutral, at: self.at };
        Some(self.writer.response(&author, intention, &to, Kind::Reply))
    }
}

impl Iterator for Live {
    type Item = StoryPost;

    fn next(&mut self) -> Option<StoryPost> {
        let wait = self.writer.rng.random_range(4.5..10.5);
        self.at += SignedDuration::from_millis((wait * 1_000.0) as i64);
        if self.writer.rng.random_bool(0.2)
            && let Some(reply) = self.reply()
        {
            return Some(reply);
        }
        let brand = [0, 0, 0, 1, 1, 2][self.writer.rng.random_range(0..6)];
        let place = place(brand, &mut self.writer.rng);
        let mood = polarity(MOOD, &mut self.writer.rng);
        let post = self.writer.start(Subject { brand, stream: Stream::Everyday, at: self.at }, place, mood);
        if care::need(&post).is_some() {
            self.waiting.push(post.clone());
            let surplus = self.waiting.len().saturating_sub(40);
            self.waiting.drain(..surplus);
        }
        Some(post)
    }
}
