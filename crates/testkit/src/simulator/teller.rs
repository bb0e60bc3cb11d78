//! The demo's story as changes that a shape can tell.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use grapevine_sources::conformance::story::{Change, Told};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::Options;
use crate::story::{Story, StoryPost};

/// Every post stands under one of these: shapes read them by their tables.
const TAGS: [&str; 2] = ["kettle", "tea"];

/// What happens on one platform, in order, without end unless the story ends.
pub struct Teller {
    posts: std::vec::IntoIter<Told>,
    rng: SmallRng,
    /// What became of posts that were told, by its time; the number tells equal times apart.
    planned: BinaryHeap<Reverse<(Timestamp, u64)>>,
    changes: HashMap<u64, Change>,
    count: u64,
    next: Option<Told>,
    pace: f64,
}

impl Teller {
    /// One for each platform: each thread stands on one of them.
    pub(super) fn each(options: &Options, platforms: usize, now: Timestamp) -> Vec<Self> {
        let story = Story::new(options.seed, now);
        let skipped = story.posts().len().saturating_sub(options.past);
        let past = story.posts()[skipped..].iter().cloned();
        let from = now;
        let paced = |post: StoryPost| {
            let ahead = (post.created_at - from).total(jiff::Unit::Second).unwrap_or(0.0).max(0.0) / options.pace;
            StoryPost { created_at: from + SignedDuration::from_millis((ahead * 1_000.0) as i64), ..post }
        };
        // More than anyone watches: a day at the pace of the story.
        let future = story.live(now).take(options.future.unwrap_or(12_000)).map(paced);
        let mut shares: Vec<Share> = (0..platforms).map(|_| Share::default()).collect();
        let mut places: HashMap<String, usize> = HashMap::new();
        for post in past.chain(future) {
            let root = post.root.clone().unwrap_or_else(|| post.id.clone());
            let next = places.len() % platforms.max(1);
            let place = *places.entry(root).or_insert(next);
            if let Some(share) = shares.get_mut(place) {
                share.take(&post);
            }
        }
        let seeded = |(nth, share): (usize, Share)| Self::new(share.posts, options.seed + nth as u64, options.pace);
        shares.into_iter().enumerate().map(seeded).collect()
    }

    fn new(posts: Vec<Told>, seed: u64, pace: f64) -> Self {
        let mut posts = posts.into_iter();
        let next = posts.next();
        let rng = SmallRng::seed_from_u64(seed);
        Self { posts, rng, planned: BinaryHeap::new(), changes: HashMap::new(), count: 0, next, pace }
    }

    /// What happens next, if it has happened by then.
    pub fn next_until(&mut self, now: Timestamp) -> Option<(Timestamp, Change)> {
        let posted = self.next.as_ref().map(|post| post.created_at).filter(|at| *at <= now);
        let planned = self.planned.peek().map(|Reverse((at, _))| *at).filter(|at| *at <= now);
        match (posted, planned) {
            (Some(posted), planned) if planned.is_none_or(|planned| posted <= planned) => {
                let post = self.next.take()?;
                self.next = self.posts.next();
                self.plan(&post);
                Some((posted, Change::Posted(post)))
            }
            (_, Some(_)) => {
                let Reverse((at, number)) = self.planned.pop()?;
                self.changes.remove(&number).map(|change| (at, change))
            }
            _ => None,
        }
    }

    pub fn is_over(&self) -> bool {
        self.next.is_none() && self.planned.is_empty()
    }

    /// What becomes of a post: most stay as they are.
    fn plan(&mut self, post: &Told) {
        let (fate, wait) = (self.rng.random_range(0..1_000), self.rng.random_range(5.0..900.0));
        let later = post.created_at + SignedDuration::from_millis((wait * 1_000.0 / self.pace) as i64);
        match fate {
            0..20 => {
                let (text, edited_at) = (format!("{} (edited)", post.text), Some(later));
                self.add(later, Change::Edited(Told { text, edited_at, ..post.clone() }));
            }
            20..32 => self.add(later, Change::Deleted(post.clone())),
            32..200 => {
                let likes = post.likes + self.rng.random_range(1..40);
                self.add(later, Change::Counted(Told { likes, ..post.clone() }));
            }
            _ => {}
        }
    }

    fn add(&mut self, at: Timestamp, change: Change) {
        self.count += 1;
        self.changes.insert(self.count, change);
        self.planned.push(Reverse((at, self.count)));
    }
}

/// What stands on one platform.
#[derive(Default)]
struct Share {
    posts: Vec<Told>,
    numbers: HashMap<String, u64>,
}

impl Share {
    fn take(&mut self, post: &StoryPost) {
        let n = self.posts.len() as u64 + 1;
        self.numbers.insert(post.id.clone(), n);
        let number = |id: &Option<String>| id.as_ref().and_then(|id| self.numbers.get(id)).copied();
        let written = post.text.split_whitespace().filter_map(|word| word.strip_prefix('#'));
        let mut tags: Vec<String> = vec![TAGS[n as usize % TAGS.len()].to_owned()];
        tags.extend(written.map(|tag| tag.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase()));
        // What answers a post of before the story has begun here stands alone.
        let parent = number(&post.parent);
        self.posts.push(Told {
            n,
            author: post.author.clone(),
            created_at: post.created_at,
            text: post.text.clone(),
            parent,
            root: parent.and_then(|_| number(&post.root)),
            tags,
            edited_at: None,
            likes: post.likes,
            replies: 0,
        });
    }
}
