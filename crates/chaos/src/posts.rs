//! Numbered posts and what happens to them, from a seed. Pure but for the time that is passed in.

use std::collections::VecDeque;

use grapevine_model::{Author, AuthorTombstone, Deletion, Event, Mention, MentionKey};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use crate::config::BRANDS;

/// Posts that may still be edited, repeated or deleted: older ones rest.
const YOUNG: usize = 4_000;
const AUTHORS: u32 = 300;
const WORDS: [&str; 4] = ["is great, I love it", "broke again, awful", "on my desk", "asks for a refund, terrible"];

/// What is appended to the log.
#[derive(Debug, Clone)]
pub enum Step {
    /// An event for `mentions.raw`, and the brands that its text names.
    Event(Event, Vec<&'static str>),
    /// Bytes that are no event. `scored`: for `mentions.scored`, as a broken scorer would leave them.
    Poison { bytes: Vec<u8>, scored: bool },
}

/// Steps of the producer that writes to the log.
pub struct Steps {
    random: SmallRng,
    number: u32,
    /// Newest last; each with every version that was sent.
    young: VecDeque<Sent>,
    clock: Timestamp,
}

struct Sent {
    versions: Vec<(Mention, Vec<&'static str>)>,
}

impl Steps {
    pub fn new(seed: u64) -> Self {
        let random = SmallRng::seed_from_u64(seed);
        Self { random, number: 0, young: VecDeque::new(), clock: Timestamp::UNIX_EPOCH }
    }

    /// The next thing to append. Times of observation rise with each step, whatever `now` says.
    pub fn next(&mut self, now: Timestamp) -> Step {
        let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        self.clock = now.max(self.clock + SignedDuration::from_micros(1));
        let roll = self.random.random_range(0..1000);
        if self.young.len() < 20 {
            return self.new_post();
        }
        match roll {
            0..600 => self.new_post(),
            600..700 => self.repeat(),
            700..830 => self.edit(),
            830..870 => self.late(),
            870..940 => self.delete(),
            940..945 => self.tombstone(),
            945..970 => self.poison(),
            _ => self.unmatched(),
        }
    }

    fn new_post(&mut self) -> Step {
        self.number += 1;
        let brands = some_brands(&mut self.random);
        let mention = self.mention("direct", &brands);
        self.young.push_back(Sent { versions: vec![(mention.clone(), brands.clone())] });
        if self.young.len() > YOUNG {
            self.young.pop_front();
        }
        upsert(mention, brands)
    }

    fn mention(&mut self, platform: &str, brands: &[&str]) -> Mention {
        let native_id = format!("author{}", self.random.random_range(0..AUTHORS));
        let author = Author { handle: native_id.clone(), native_id, ..Author::default() };
        let created_at = some_time(&mut self.random, self.clock);
        let text = text(&mut self.random, brands, self.number, 1);
        let key = MentionKey::new(platform, "", format!("{platform}-{}", self.number));
        Mention { observed_at: self.clock, ..Mention::new(key, author, created_at, text) }
    }

    /// Something that was sent before, exactly: the newest version or an older one.
    fn repeat(&mut self) -> Step {
        let at = self.random.random_range(0..self.young.len());
        let versions = &self.young[at].versions;
        let (mention, brands) = versions.choose(&mut self.random).unwrap_or(&versions[0]).clone();
        upsert(mention, brands)
    }

    /// A newer version; now and then it names other brands.
    fn edit(&mut self) -> Step {
        let at = self.random.random_range(0..self.young.len());
        let versions = &self.young[at].versions;
        let (mut mention, mut brands) = versions[versions.len() - 1].clone();
        if self.random.random_bool(0.2) {
            brands = some_brands(&mut self.random);
        }
        let number = mention.key.native_id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        mention.text = text(&mut self.random, &brands, number, versions.len() + 1);
        mention.observed_at = self.clock;
        self.young[at].versions.push((mention.clone(), brands.clone()));
        upsert(mention, brands)
    }

    /// A version older than all, which comes last.
    fn late(&mut self) -> Step {
        let at = self.random.random_range(0..self.young.len());
        let (mut mention, brands) = self.young[at].versions[0].clone();
        mention.observed_at -= SignedDuration::from_secs(self.random.random_range(1..100));
        mention.text += " (late)";
        upsert(mention, brands)
    }

    fn delete(&mut self) -> Step {
        let at = self.random.random_range(0..self.young.len());
        let key = self.young[at].versions[0].0.key.clone();
        Step::Event(Event::Delete(Deletion { key, observed_at: self.clock }), Vec::new())
    }

    fn tombstone(&mut self) -> Step {
        let author = format!("author{}", self.random.random_range(0..AUTHORS));
        let (platform, instance, observed_at) = ("direct".to_owned(), String::new(), self.clock);
        let tombstone = AuthorTombstone { platform, instance, author, observed_at };
        Step::Event(Event::AuthorTombstone(tombstone), Vec::new())
    }

    fn poison(&mut self) -> Step {
        self.number += 1;
        let number = self.number;
        let bytes = match self.random.random_range(0..4) {
            0 => format!("poison {number}").into_bytes(),
            1 => [&[0xff, 0xfe, 0x00][..], format!("poison {number}").as_bytes()].concat(),
            2 => format!("{{\"v\":99,\"event\":{{\"poison\":{number}}}}}").into_bytes(),
            _ => format!("{{\"v\":4,\"event\":{{\"upsert\":{{\"poison\":{number}}}}}}}").into_bytes(),
        };
        Step::Poison { bytes, scored: self.random.random_bool(0.3) }
    }

    /// A post that no monitor matches.
    fn unmatched(&mut self) -> Step {
        self.number += 1;
        let mention = self.mention("elsewhere", &[]);
        upsert(mention, Vec::new())
    }
}

fn upsert(mention: Mention, brands: Vec<&'static str>) -> Step {
    Step::Event(Event::Upsert(Box::new(mention)), brands)
}

/// One or both.
fn some_brands(random: &mut SmallRng) -> Vec<&'static str> {
    match random.random_range(0..10) {
        0..5 => vec![BRANDS[0].0],
        5..8 => vec![BRANDS[1].0],
        _ => BRANDS.iter().map(|(name, _)| *name).collect(),
    }
}

/// Within the last day, in whole milliseconds.
fn some_time(random: &mut SmallRng, now: Timestamp) -> Timestamp {
    let back = SignedDuration::from_millis(random.random_range(1_000..86_400_000));
    Timestamp::from_millisecond((now - back).as_millisecond()).unwrap_or(now)
}

fn text(random: &mut SmallRng, brands: &[&str], number: u32, version: usize) -> String {
    let named = BRANDS.iter().filter(|(name, _)| brands.contains(name)).map(|(_, word)| *word);
    let named = named.collect::<Vec<_>>().join(" and ");
    let words = WORDS.choose(random).unwrap_or(&WORDS[0]);
    format!("{named} {words}, number {number} version {version}")
}

/// A line of the file that `ingest` follows.
#[derive(Debug, Clone)]
pub enum Line {
    Post { line: String, mention: Box<Mention>, brands: Vec<&'static str> },
    Bad(String),
}

/// Lines of the producer that writes to the file.
pub struct Lines {
    random: SmallRng,
    number: u32,
    young: VecDeque<Line>,
}

impl Lines {
    pub fn new(seed: u64) -> Self {
        Self { random: SmallRng::seed_from_u64(seed), number: 0, young: VecDeque::new() }
    }

    pub fn next(&mut self, now: Timestamp) -> Line {
        match self.random.random_range(0..100) {
            0..8 if !self.young.is_empty() => {
                let at = self.random.random_range(0..self.young.len());
                self.young[at].clone()
            }
            8..10 => self.bad(),
            _ => self.post(now),
        }
    }

    /// One that is a post for certain: the end of the file.
    pub fn post(&mut self, now: Timestamp) -> Line {
        self.number += 1;
        let (number, brands) = (self.number, some_brands(&mut self.random));
        let created_at = some_time(&mut self.random, now);
        let text = text(&mut self.random, &brands, number, 1);
        let author = format!("writer{}", self.random.random_range(0..AUTHORS));
        let id = format!("line-{number}");
        let line = serde_json::json!({
            "id": id, "platform": "file", "created_at": created_at.to_string(), "author": author, "text": text,
        });
        let author = Author { native_id: author, ..Author::default() };
        // When it is observed is the ingestor's to say: lines of one id are all the same, so that it does not matter.
        let mention = Mention::new(MentionKey::new("file", "", id), author, created_at, text);
        let line = Line::Post { line: line.to_string(), mention: Box::new(mention), brands };
        self.young.push_back(line.clone());
        if self.young.len() > YOUNG {
            self.young.pop_front();
        }
        line
    }

    fn bad(&mut self) -> Line {
        self.number += 1;
        Line::Bad(match self.random.random_range(0..3) {
            0 => format!("{{\"torn\": {},", self.number),
            1 => format!("{{\"id\": \"no-text-{}\"}}", self.number),
            _ => format!("no JSON at all: {}", self.number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_posts_and_every_kind_of_step_comes() {
        let now: Timestamp = "2026-03-01T10:00:00Z".parse().unwrap();
        let steps = |seed| {
            let mut steps = Steps::new(seed);
            (0..3000).map(|_| format!("{:?}", steps.next(now))).collect::<Vec<_>>()
        };
        assert_eq!(steps(5), steps(5));
        assert_ne!(steps(5), steps(6));
        let all = steps(5).join("\n");
        for kind in ["(late)", "Delete(", "AuthorTombstone(", "scored: true", "scored: false", "version 3", "elsewhere"]
        {
            assert!(all.contains(kind), "{kind}");
        }
    }

    #[test]
    fn lines_of_one_id_are_all_the_same() {
        let mut lines = Lines::new(1);
        let mut seen = std::collections::BTreeMap::new();
        for _ in 0..2000 {
            if let Line::Post { line, mention, .. } = lines.next(Timestamp::now()) {
                assert_eq!(seen.entry(mention.key.to_string()).or_insert_with(|| line.clone()), &line);
            }
        }
    }
}
