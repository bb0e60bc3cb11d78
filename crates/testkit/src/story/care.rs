//! Who looks after the community of the main brand: most questions and complaints get an answer, a few never do.

use grapevine_model::{Kind, Polarity};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rand::{Rng, rngs::SmallRng};

use super::brands::MAIN;
use super::people::{Person, Place};
use super::post::StoryPost;
use super::thread::{Subject, after, place_of};
use super::timeline::Stream;
use super::writer::{Intention, Writer};
use Polarity::{Negative, Neutral};

/// What someone waits for an answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Question,
    Complaint,
}

/// What this post needs an answer to, if it does. It belongs to the main brand's mentions.
pub fn need(post: &StoryPost) -> Option<Need> {
    match post {
        post if post.is_team || post.kind == Kind::Repost || !post.mentions(MAIN) => None,
        post if post.text.contains('?') => Some(Need::Question),
        post if post.intended == Negative => Some(Need::Complaint),
        _ => None,
    }
}

/// Has someone else replied to it, or in the thread that it opened?
fn answered(post: &StoryPost, thread: &[StoryPost]) -> bool {
    thread.iter().any(|reply| {
        let here = [&reply.parent, &reply.root].into_iter().any(|to| to.as_ref() == Some(&post.id));
        here && reply.kind == Kind::Reply && reply.author_id != post.author_id && reply.mentions(MAIN)
    })
}

/// Share that gets an answer, of those that nobody has taken up unasked.
fn chance(need: Need, place: Place, stream: Stream) -> f64 {
    match (need, place, stream) {
        (Need::Question, _, Stream::Crisis) => 0.80,
        (Need::Complaint, _, Stream::Crisis) => 0.35,
        (Need::Question, Place::Boards, _) => 0.88,
        (Need::Question, ..) => 0.94,
        (Need::Complaint, Place::Boards, _) => 0.42,
        (Need::Complaint, ..) => 0.64,
    }
}

impl Writer {
    /// Answers to what in this thread still waits for one.
    pub fn care(&mut self, posts: &mut Vec<StoryPost>, subject: Subject) {
        for at in 0..posts.len() {
            let Some(need) = need(&posts[at]) else { continue };
            let chance = chance(need, place_of(&posts[at]), subject.stream);
            if !answered(&posts[at], posts) && self.rng.random_bool(chance) {
                self.take_up(posts, at, (need, subject));
            }
        }
    }

    fn take_up(&mut self, posts: &mut Vec<StoryPost>, to: usize, (need, subject): (Need, Subject)) {
        let (place, asked_at) = (place_of(&posts[to]), posts[to].created_at);
        let by_team = match place {
            _ if subject.brand != 0 => false,
            Place::Boards => false,
            Place::Forum => self.rng.random_bool(0.35),
            Place::Microblog => self.rng.random_bool(0.85),
        };
        let (author, at) = if by_team {
            let at = team_answers_at(asked_at, (place, subject.stream), &mut self.rng);
            (self.people.staff(0, place, &mut self.rng).clone(), at)
        } else {
            (self.helper(&posts[to]), after(asked_at, 70.0, &mut self.rng))
        };
        let symbol = symbol(need, subject.stream, by_team);
        let intention = Intention { brand: 0, place, symbol, polarity: Neutral, at };
        self.respond(posts, to, (&author, intention, Kind::Reply));
    }

    /// A member who knows the answer: not the one who asks.
    pub fn helper(&mut self, asked: &StoryPost) -> Person {
        loop {
            let member = self.people.member(true, false, &mut self.rng);
            if member.id != asked.author_id {
                return member.clone();
            }
        }
    }
}

pub fn symbol(need: Need, stream: Stream, by_team: bool) -> &'static str {
    match (stream, by_team) {
        (Stream::Crisis, true) => "crisis_team_reply",
        (Stream::Crisis, false) => "crisis_help",
        (Stream::Recovery, true) => "recovery_team_reply",
        (_, true) if need == Need::Complaint => "care_answer",
        (_, true) => "team_answer",
        (_, false) if need == Need::Complaint => "complaint_help",
        (_, false) => "answer",
    }
}

/// The care account answers within 10 to 90 minutes while the office is open. At night it is slower, and the forum's
/// team leaves members the first word.
pub fn team_answers_at(asked_at: Timestamp, (place, stream): (Place, Stream), rng: &mut SmallRng) -> Timestamp {
    let minutes = match (place, stream) {
        (_, Stream::Crisis) => rng.random_range(60.0..420.0),
        (Place::Forum, _) => rng.random_range(60.0..300.0),
        _ => rng.random_range(10.0..90.0),
    };
    let open = (6..20).contains(&asked_at.to_zoned(TimeZone::UTC).hour());
    let minutes: f64 = if open { minutes } else { minutes * 4.0 };
    asked_at + SignedDuration::from_secs((minutes * 60.0) as i64)
}
