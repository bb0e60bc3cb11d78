//! Threads: an opener, and the replies, quotes and reposts that follow it.

use grapevine_model::{Kind, Polarity};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use rand::{Rng, rngs::SmallRng};

use super::care::{self, Need};
use super::people::{Person, Place};
use super::post::StoryPost;
use super::timeline::Stream;
use super::writer::{Intention, Writer};
use Polarity::{Negative, Neutral, Positive};

/// Share of negative openers, and of positive ones, in plain weeks, for each brand. Each complaint about the main brand
/// draws others who agree, see [`Writer::agreement`].
const EVERYDAY_MOOD: [(f64, f64); 3] = [(0.062, 0.36), (0.22, 0.30), (0.28, 0.24)];

/// What a thread is about.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    pub brand: usize,
    pub stream: Stream,
    pub at: Timestamp,
}

impl Writer {
    /// The opener and all that follows it, the opener first.
    pub fn thread(&mut self, subject: Subject) -> Vec<StoryPost> {
        let mood = self.mood(subject);
        let place = place(subject.brand, &mut self.rng);
        let opener = self.start(subject, place, mood);
        let mut posts = vec![opener];
        if subject.brand == 0 && subject.stream == Stream::Everyday && mood == Negative {
            self.agreement(&mut posts);
        }
        match place {
            Place::Forum => self.forum_replies(&mut posts, subject),
            Place::Boards => self.comments(&mut posts, subject),
            Place::Microblog => self.echoes(&mut posts, subject),
        }
        self.care(&mut posts, subject);
        posts
    }

    /// Complaints of plain weeks come evenly: chance alone must not look like a crisis.
    fn mood(&mut self, subject: Subject) -> Polarity {
        let (negative, positive) = match subject.stream {
            Stream::Launch => return polarity((0.03, 0.68), &mut self.rng),
            Stream::Crisis => return polarity((0.84, 0.03), &mut self.rng),
            Stream::Recovery => return polarity((0.07, 0.68), &mut self.rng),
            Stream::Everyday => EVERYDAY_MOOD[subject.brand],
        };
        let due = &mut self.complaints_due[subject.brand];
        *due += negative;
        if *due > self.rng.random_range(0.9..1.0) {
            *due -= 1.0;
            return Negative;
        }
        polarity((0.0, positive / (1.0 - negative)), &mut self.rng)
    }

    /// One opener without what follows it.
    pub fn start(&mut self, subject: Subject, place: Place, mood: Polarity) -> StoryPost {
        let Subject { brand, stream, at } = subject;
        let uproar = stream == Stream::Crisis;
        let author = self.people.member(place != Place::Microblog, uproar, &mut self.rng).clone();
        let symbol = symbol(stream, place, mood);
        let mut post = self.opener(&author, Intention { brand, place, symbol, polarity: mood, at });
        post.space = space(place, mood, &mut self.rng).map(str::to_owned);
        post
    }

    /// Complaints of plain weeks come as small bursts, and the bursts evenly: a detector learns from them that a handful
    /// within the hour is nothing special here. At night few are awake to agree.
    fn agreement(&mut self, posts: &mut Vec<StoryPost>) {
        let night = !(6..23).contains(&posts[0].created_at.to_zoned(TimeZone::UTC).hour());
        let (count, median) = if night { (2..4, 40.0) } else { (4..6, 9.0) };
        for _ in 0..self.rng.random_range(count) {
            let author = self.people.member(true, false, &mut self.rng).clone();
            let at = after(posts[0].created_at, median, &mut self.rng);
            let place = place_of(&posts[0]);
            let intention = Intention { brand: 0, place, symbol: "reply_negative", polarity: Negative, at };
            self.respond(posts, 0, (&author, intention, Kind::Reply));
        }
    }

    fn forum_replies(&mut self, posts: &mut Vec<StoryPost>, subject: Subject) {
        let asks = posts[0].intended == Neutral && subject.stream == Stream::Everyday;
        let answered = self.rng.random_bool(if asks { 0.62 } else { 0.45 });
        if answered {
            self.team_reply(posts, subject, Place::Forum);
        }
        for _ in 0..poisson(if asks { 1.0 } else { 0.7 }, &mut self.rng) {
            if asks {
                self.reply(posts, subject, ("answer", Neutral));
            } else {
                self.reply_in_kind(posts, subject);
            }
        }
        if asks && posts.len() > 1 && self.rng.random_bool(0.4) {
            self.thank(posts, subject);
        }
    }

    fn comments(&mut self, posts: &mut Vec<StoryPost>, subject: Subject) {
        for _ in 0..poisson(1.0, &mut self.rng) {
            self.reply_in_kind(posts, subject);
        }
    }

    fn echoes(&mut self, posts: &mut Vec<StoryPost>, subject: Subject) {
        let upset = subject.stream == Stream::Crisis;
        let fame = (posts[0].followers.unwrap_or(0) as f64 / 400.0).ln_1p() * 0.13;
        if subject.brand != 0 && posts[0].intended != Positive && self.rng.random_bool(0.3) {
            self.team_reply(posts, subject, Place::Microblog);
        }
        for _ in 0..poisson(0.35, &mut self.rng) {
            self.reply_in_kind(posts, subject);
        }
        let calm = subject.stream == Stream::Everyday && posts[0].intended == Negative;
        let fame = if calm { 0.0 } else { fame };
        for _ in 0..poisson((0.06 + fame) * if upset { 1.5 } else { 1.0 }, &mut self.rng).min(12) {
            self.pass_on(posts, subject, Kind::Repost);
        }
        if self.rng.random_bool(0.07) {
            self.pass_on(posts, subject, Kind::Quote);
        }
    }

    /// A reply to the opener or to a later post, in the mood of the thread more often than not.
    fn reply_in_kind(&mut self, posts: &mut Vec<StoryPost>, subject: Subject) {
        let opener = posts[0].intended;
        let along = if opener == Negative && subject.stream == Stream::Everyday { 0.0 } else { 0.5 };
        let mood = if self.rng.random_bool(along) { opener } else { Neutral };
        let choice = match (subject.stream, mood) {
            (Stream::Crisis, Negative) => ("crisis_negative", Negative),
            (Stream::Crisis, _) => ("crisis_neutral", Neutral),
            (Stream::Launch, Positive) => ("launch_positive", Positive),
            (Stream::Launch, Neutral) => ("launch_neutral", Neutral),
            (Stream::Recovery, Positive) => ("recovery_positive", Positive),
            (_, Negative) => ("reply_negative", Negative),
            (_, Positive) => ("reply_positive", Positive),
            (_, Neutral) => ("reply_neutral", Neutral),
        };
        self.reply(posts, subject, choice);
    }

    fn reply(&mut self, posts: &mut Vec<StoryPost>, subject: Subject, (symbol, polarity): (&str, Polarity)) {
        let place = place_of(&posts[0]);
        let author = self.people.member(true, subject.stream == Stream::Crisis, &mut self.rng).clone();
        let to = if self.rng.random_bool(0.7) { 0 } else { self.rng.random_range(0..posts.len()) };
        let to = if posts[to].kind == Kind::Repost { 0 } else { to };
        let median = match (subject.stream, polarity, place) {
            // In plain weeks, those who agree with a complaint drop in over the day.
            (Stream::Everyday, Negative, _) => 420.0,
            (_, _, Place::Microblog) => 18.0,
            _ => 70.0,
        };
        let at = after(posts[to].created_at, median, &mut self.rng);
        let intention = Intention { brand: subject.brand, place, symbol, polarity, at };
        self.respond(posts, to, (&author, intention, Kind::Reply));
    }

    fn thank(&mut self, posts: &mut Vec<StoryPost>, subject: Subject) {
        let to = posts.len() - 1;
        let asker = Person { language: "en", ..self.person_of(&posts[0]) };
        let at = after(posts[to].created_at, 60.0, &mut self.rng);
        let place = place_of(&posts[0]);
        let intention = Intention { brand: subject.brand, place, symbol: "thanks_reply", polarity: Positive, at };
        self.respond(posts, to, (&asker, intention, Kind::Reply));
    }

    fn team_reply(&mut self, posts: &mut Vec<StoryPost>, subject: Subject, place: Place) {
        let staff = self.people.staff(subject.brand, place, &mut self.rng).clone();
        let need = if posts[0].intended == Negative { Need::Complaint } else { Need::Question };
        let symbol = care::symbol(need, subject.stream, true);
        let at = care::team_answers_at(posts[0].created_at, (place, subject.stream), &mut self.rng);
        let intention = Intention { brand: subject.brand, place, symbol, polarity: Neutral, at };
        self.respond(posts, 0, (&staff, intention, Kind::Reply));
    }

    fn pass_on(&mut self, posts: &mut Vec<StoryPost>, subject: Subject, kind: Kind) {
        let author = self.people.member(true, true, &mut self.rng).clone();
        let polarity = posts[0].intended;
        let symbol = match (subject.stream, polarity) {
            (Stream::Crisis, Negative) => "crisis_negative",
            (Stream::Launch, Positive) => "launch_positive",
            (_, Negative) => "quote_negative",
            (_, Neutral) => "quote_neutral",
            (_, Positive) => "quote_positive",
        };
        let calm = subject.stream == Stream::Everyday && polarity == Negative;
        let at = after(posts[0].created_at, if calm { 420.0 } else { 40.0 }, &mut self.rng);
        let intention = Intention { brand: subject.brand, place: Place::Microblog, symbol, polarity, at };
        self.respond(posts, 0, (&author, intention, kind));
    }

    pub fn respond(&mut self, posts: &mut Vec<StoryPost>, to: usize, what: (&Person, Intention, Kind)) {
        let (author, intention, kind) = what;
        let response = self.response(author, intention, &posts[to], kind);
        match kind {
            Kind::Repost => posts[to].reposts += 1,
            Kind::Quote => posts[to].quotes += 1,
            _ => posts[to].replies += 1,
        }
        posts.push(response);
    }

    fn person_of(&self, post: &StoryPost) -> Person {
        Person {
            id: post.author_id.clone(),
            handle: post.author.clone(),
            name: post.author_name.clone(),
            followers: post.followers.unwrap_or(0),
            is_team: post.is_team,
            language: "en",
            voice: Default::default(),
        }
    }
}

pub fn place_of(post: &StoryPost) -> Place {
    [Place::Forum, Place::Boards]
        .into_iter()
        .find(|place| place.platform() == post.platform)
        .unwrap_or(Place::Microblog)
}

pub fn polarity((negative, positive): (f64, f64), rng: &mut SmallRng) -> Polarity {
    match rng.random::<f64>() {
        draw if draw < negative => Negative,
        draw if draw < negative + positive => Positive,
        _ => Neutral,
    }
}

/// Only the main brand has a forum.
pub fn place(brand: usize, rng: &mut SmallRng) -> Place {
    match rng.random_range(0..100) {
        0..24 if brand == 0 => Place::Forum,
        24..46 => Place::Boards,
        _ => Place::Microblog,
    }
}

fn symbol(stream: Stream, place: Place, mood: Polarity) -> &'static str {
    match (stream, mood) {
        (Stream::Everyday, Neutral) if place == Place::Forum => "forum_ask",
        (Stream::Everyday, Negative) if place == Place::Forum => "forum_negative",
        (Stream::Everyday | Stream::Recovery, Negative) => "negative",
        (Stream::Everyday, Neutral) => "neutral",
        (Stream::Everyday, Positive) => "positive",
        (Stream::Launch, Negative) => "launch_negative",
        (Stream::Launch, Neutral) => "launch_neutral",
        (Stream::Launch, Positive) => "launch_positive",
        (Stream::Crisis, Negative) => "crisis_negative",
        (Stream::Crisis, Neutral) => "crisis_neutral",
        (Stream::Crisis, Positive) => "crisis_positive",
        (Stream::Recovery, Neutral) => "recovery_neutral",
        (Stream::Recovery, Positive) => "recovery_positive",
    }
}

pub fn space(place: Place, mood: Polarity, rng: &mut SmallRng) -> Option<&'static str> {
    match place {
        Place::Microblog => None,
        Place::Boards if rng.random_bool(0.3) => Some("commuting"),
        Place::Boards => Some("ebikes"),
        Place::Forum if mood == Positive => Some("kestrovel-rides"),
        Place::Forum if rng.random_bool(0.12) => Some("kestrovel-ideas"),
        Place::Forum => Some("kestrovel-support"),
    }
}

/// A time after this one; half of all waits are shorter than `median` minutes, a few last days.
pub fn after(at: Timestamp, median: f64, rng: &mut SmallRng) -> Timestamp {
    // The sum of uniforms stands in for a normal draw.
    let bell: f64 = (0..6).map(|_| rng.random_range(-1.0..1.0)).sum::<f64>() / 1.414;
    let minutes = median * (1.1 * bell).exp();
    at + SignedDuration::from_secs(20 + (minutes * 60.0) as i64)
}

/// A Poisson draw; the mean is small.
pub fn poisson(mean: f64, rng: &mut SmallRng) -> usize {
    let limit = (-mean).exp();
    let mut product: f64 = rng.random();
    let mut count = 0;
    while product > limit && count < 1_000 {
        product *= rng.random::<f64>();
        count += 1;
    }
    count
}
