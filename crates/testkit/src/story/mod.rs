//! The story that the demo replays: eight weeks of posts about three brands that do not exist.
//!
//! | week | what happens |
//! |---|---|
//! | 1, 2 | everyday life of `Kestrovel`, maker of e-bikes, and of its competitors `Lumbrike` and `Ombrask` |
//! | 3 | the folding bike `Lark` is launched: volume up, mostly praise, `#MeetTheLark` |
//! | 6 | firmware 5.2 stops bikes on the road: anger within the hour, gone after two days, apologies by the team |
//! | 6 to 8 | recovery: 5.2.1, refunds, thanks |
//!
//! Posts come from the brand's own forum, from a space of a board, and from a microblog; most are English, some Spanish,
//! German and French. The same seed and end give the same posts.

mod brands;
mod campaigns;
mod care;
mod followers;
mod grammar;
mod live;
mod people;
mod post;
mod reviews;
mod scored;
mod surveys;
mod thread;
mod timeline;
mod writer;

use grapevine_model::Polarity;
use jiff::{SignedDuration, Timestamp};
use rand::Rng;

pub use brands::{CRISIS_TAG, LAUNCH_TAG, LAUNCHED, MAIN, config_toml, is_team};
pub use campaigns::campaigns_csv;
pub use live::Live;
pub use post::StoryPost;

use people::Place;
use thread::Subject;
use timeline::{Stream, Timeline};
use writer::{Intention, Writer};

/// Eight weeks of posts.
pub struct Story {
    seed: u64,
    end: Timestamp,
    timeline: Timeline,
    posts: Vec<StoryPost>,
}

impl Story {
    /// The seed of the demo.
    pub const SEED: u64 = 20;

    /// The story whose eight weeks end at this time.
    pub fn new(seed: u64, end: Timestamp) -> Self {
        let timeline = Timeline::ending(end);
        let mut writer = Writer::new(seed);
        let mut posts = Vec::with_capacity(22_000);
        for stream in Stream::ALL {
            for brand in 0..brands::BRANDS.len() {
                write_stream(&mut writer, timeline, (stream, brand), &mut posts);
            }
        }
        write_announcements(&mut writer, timeline, &mut posts);
        posts.retain(|post| post.created_at < end);
        posts.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Self { seed, end, timeline, posts }
    }

    /// All posts, in the order of their times; a reply comes after what it replies to.
    pub fn posts(&self) -> &[StoryPost] {
        &self.posts
    }

    /// What follows the story: calm posts, one every five to ten seconds, without end.
    pub fn live(&self, from: Timestamp) -> Live {
        Live::new(self.seed, from)
    }

    pub fn starts(&self) -> Timestamp {
        self.timeline.start
    }

    pub fn ends(&self) -> Timestamp {
        self.end
    }

    /// The days of the story by their beginnings, the last of them not over.
    fn days(&self) -> impl Iterator<Item = Timestamp> {
        let next = |day: &Timestamp| Some(*day + SignedDuration::from_hours(24));
        std::iter::successors(Some(self.starts()), next).take_while(|day| *day < self.ends())
    }

    pub fn launch_starts(&self) -> Timestamp {
        self.timeline.launch
    }

    /// When the firmware breaks the first bike. The first angry posts follow within minutes.
    pub fn crisis_starts(&self) -> Timestamp {
        self.timeline.crisis
    }

    /// When the last posts of the crisis are written.
    pub fn crisis_ends(&self) -> Timestamp {
        self.timeline.crisis + SignedDuration::from_hours(60)
    }

    /// The story as NDJSON, one post a line.
    pub fn to_ndjson(&self) -> String {
        self.posts.iter().map(|post| post.to_line() + "\n").collect()
    }
}

/// A `[[source]]` table that reads a file to its end; `rows` says what its rows are, where they are no posts.
fn file_source(name: &str, path: &str, rows: Option<String>) -> String {
    let rows = rows.map(|rows| format!("rows = {{ {rows} }}\n")).unwrap_or_default();
    format!("\n[[source]]\nname = \"{name}\"\nkind = \"file\"\npath = {path:?}\nordered = false\n{rows}")
}

fn write_stream(writer: &mut Writer, timeline: Timeline, what: (Stream, usize), posts: &mut Vec<StoryPost>) {
    let (stream, brand) = what;
    let slot = SignedDuration::from_mins(10);
    let mut slot_start = timeline.start;
    let mut due = 0.0;
    while slot_start < timeline.last_midnight {
        // Steadier than chance: many people at many places make an even stream.
        due += timeline.rate(stream, brand, slot_start) / 6.0 * writer.rng.random_range(0.3..1.7);
        while due >= 1.0 {
            due -= 1.0;
            let at = slot_start + SignedDuration::from_secs(writer.rng.random_range(0..600));
            posts.extend(writer.thread(Subject { brand, stream, at }));
        }
        slot_start += slot;
    }
}

/// What the brands' own accounts post by themselves.
fn write_announcements(writer: &mut Writer, timeline: Timeline, posts: &mut Vec<StoryPost>) {
    for day in 0..57 {
        for brand in 0..brands::BRANDS.len() {
            let minute = writer.rng.random_range(8 * 60..17 * 60);
            let at = timeline.start + SignedDuration::from_mins(day * 24 * 60 + minute);
            announce(writer, (brand, "team_post", Polarity::Neutral), at, posts);
        }
    }
    for minutes in [0, 35, 170, 400, 1_500, 2_900] {
        let at = timeline.launch + SignedDuration::from_mins(minutes);
        announce(writer, (0, "launch_team", Polarity::Positive), at, posts);
    }
    for minutes in [75, 150, 270, 520, 840, 1_480] {
        let at = timeline.crisis + SignedDuration::from_mins(minutes);
        announce(writer, (0, "crisis_team", Polarity::Neutral), at, posts);
    }
    for minutes in [1_680, 2_100, 4_300, 7_000] {
        let at = timeline.crisis + SignedDuration::from_mins(minutes);
        announce(writer, (0, "recovery_team", Polarity::Neutral), at, posts);
    }
}

fn announce(writer: &mut Writer, what: (usize, &str, Polarity), at: Timestamp, posts: &mut Vec<StoryPost>) {
    let (brand, symbol, polarity) = what;
    let place = Place::Microblog;
    let account = writer.people.staff(brand, place, &mut writer.rng).clone();
    posts.push(writer.opener(&account, Intention { brand, place, symbol, polarity, at }));
}

#[cfg(test)]
mod tests;
