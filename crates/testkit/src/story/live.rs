//! The story after its end: everyday posts, one every few seconds, for as long as someone watches; and an outage, where
//! one is asked for.

use std::ops::Range;

use grapevine_model::{Kind, Polarity};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;

use super::brands::MAIN;
use super::care;
use super::people::Place;
use super::post::StoryPost;
use super::thread::{Subject, place, place_of, polarity, space};
use super::timeline::Stream;
use super::writer::{Intention, Writer};

/// Endless posts in the order of their times. Times run ahead of the clock as fast as the iterator is read: whoever
/// replays them waits for each one's `created_at`.
pub struct Live {
    writer: Writer,
    at: Timestamp,
    /// Questions and complaints that nobody has answered.
    waiting: Vec<StoryPost>,
    /// How much faster than written.
    speed: f64,
    /// While the main brand's app does not unlock its bikes.
    outage: Range<Timestamp>,
}

/// Calmer than the weeks before: at this pace a share as high as theirs would look like a surge of complaints.
const MOOD: (f64, f64) = (0.06, 0.40);
/// Of what is written in an outage, so much is about it.
const OUTRAGE: f64 = 0.85;

impl Live {
    pub(super) fn new(seed: u64, from: Timestamp) -> Self {
        let writer = Writer::new(seed ^ 0x11fe);
        Self { writer, at: from, waiting: Vec::new(), speed: 1.0, outage: from..from }
    }

    /// So many times as many posts.
    pub fn faster(self, speed: f64) -> Self {
        Self { speed, ..self }
    }

    /// Between these times the main brand's app is down, and its riders say so.
    pub fn with_outage(self, outage: Range<Timestamp>) -> Self {
        Self { outage, ..self }
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
        let symbol = match (self.outage.contains(&to.created_at), by_team) {
            (true, true) => "outage_team_reply",
            (true, false) => "outage_help",
            (false, _) => care::symbol(need, Stream::Everyday, by_team),
        };
        let intention = Intention { brand: 0, place, symbol, polarity: Polarity::Neutral, at: self.at };
        Some(self.writer.response(&author, intention, &to, Kind::Reply))
    }

    fn everyday(&mut self) -> StoryPost {
        let brand = [0, 0, 0, 1, 1, 2][self.writer.rng.random_range(0..6)];
        let place = place(brand, &mut self.writer.rng);
        let mood = polarity(MOOD, &mut self.writer.rng);
        self.writer.start(Subject { brand, stream: Stream::Everyday, at: self.at }, place, mood)
    }

    /// Everyone writes.
    fn complaint(&mut self) -> StoryPost {
        let place = place(0, &mut self.writer.rng);
        let author = self.writer.people.member(true, true, &mut self.writer.rng).clone();
        let (symbol, polarity) = match self.writer.rng.random_bool(0.85) {
            true => ("outage_negative", Polarity::Negative),
            false => ("outage_neutral", Polarity::Neutral),
        };
        let mut post = self.writer.opener(&author, Intention { brand: 0, place, symbol, polarity, at: self.at });
        post.space = space(place, polarity, &mut self.writer.rng).map(str::to_owned);
        post
    }
}

impl Iterator for Live {
    type Item = StoryPost;

    fn next(&mut self) -> Option<StoryPost> {
        let is_outage = self.outage.contains(&self.at);
        let wait = self.writer.rng.random_range(if is_outage { 1.0..3.0 } else { 4.5..10.5 });
        self.at += SignedDuration::from_micros((wait * 1_000_000.0 / self.speed) as i64);
        if self.writer.rng.random_bool(0.2)
            && let Some(reply) = self.reply()
        {
            return Some(reply);
        }
        let post = match is_outage && self.writer.rng.random_bool(OUTRAGE) {
            true => self.complaint(),
            false => self.everyday(),
        };
        if care::need(&post).is_some() {
            self.waiting.push(post.clone());
            let surplus = self.waiting.len().saturating_sub(40);
            self.waiting.drain(..surplus);
        }
        Some(post)
    }
}
