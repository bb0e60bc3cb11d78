//! The story after its end: everyday posts, one every few seconds, for as long as someone watches.

use grapevine_model::{Kind, Polarity};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;

use super::people::Place;
use super::post::StoryPost;
use super::thread::{Subject, place, polarity};
use super::timeline::Stream;
use super::writer::{Intention, Writer};

/// Endless posts in the order of their times. Times run ahead of the clock as fast as the iterator is read: whoever
/// replays them waits for each one's `created_at`.
pub struct Live {
    writer: Writer,
    at: Timestamp,
    /// What may still get a reply.
    recent: Vec<StoryPost>,
}

/// Calmer than the weeks before: at this pace a share as high as theirs would look like a surge of complaints.
const MOOD: (f64, f64) = (0.06, 0.40);

impl Live {
    pub(super) fn new(seed: u64, from: Timestamp) -> Self {
        Self { writer: Writer::new(seed ^ 0x11fe), at: from, recent: Vec::new() }
    }

    fn reply(&mut self) -> Option<StoryPost> {
        let at = self.writer.rng.random_range(0..self.recent.len().max(1));
        let to = self.recent.get(at)?.clone();
        let brand = super::brands::BRANDS.iter().position(|brand| brand.name == to.about)?;
        let place = if to.space.is_none() { Place::Microblog } else { Place::Forum };
        let (author, symbol, polarity) = if self.writer.rng.random_bool(0.4) {
            let staff = self.writer.people.staff(brand, place, &mut self.writer.rng).clone();
            (staff, "team_answer", Polarity::Neutral)
        } else {
            let member = self.writer.people.member(true, false, &mut self.writer.rng).clone();
            (member, "answer", Polarity::Neutral)
        };
        let intention = Intention { brand, place, symbol, polarity, at: self.at };
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
        if post.space.as_deref().is_none_or(|space| space.starts_with("kestrovel")) && mood == Polarity::Neutral {
            self.recent.push(post.clone());
            let surplus = self.recent.len().saturating_sub(40);
            self.recent.drain(..surplus);
        }
        Some(post)
    }
}
