//! The demo's story as changes that a shape can tell.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
    ops::Range,
};

use grapevine_sources::conformance::story::{Change, Scene, Told};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Options, live};
use crate::story::{self, Story, StoryPost};

/// What becomes of posts, of a thousand each.
#[derive(Debug, Clone)]
struct Fates {
    edited: u32,
    deleted: u32,
    /// Its author's account is removed, and all posts with it.
    removed: u32,
    counted: u32,
    /// So many seconds later.
    wait: Range<f64>,
}

const EVERYDAY: Fates = Fates { edited: 20, deleted: 12, removed: 2, counted: 168, wait: 5.0..900.0 };
/// Who watches wants to see it.
const WATCHED: Fates = Fates { edited: 90, deleted: 70, removed: 6, counted: 250, wait: 12.0..60.0 };
/// How people edit.
const EDITS: [&str; 4] =
    ["Edit: typo.", "Edit: it works after a restart.", "Edit: asked support, too.", "Edit: added the model."];

/// What happens on one platform, in order, without end unless the story ends.
pub struct Teller {
    posts: std::vec::IntoIter<Told>,
    fates: Fates,
    rng: SmallRng,
    /// What became of posts that were told, by its time; the number tells equal times apart.
    planned: BinaryHeap<Reverse<(Timestamp, u64)>>,
    changes: HashMap<u64, Change>,
    count: u64,
    next: Option<Told>,
    pace: f64,
    /// Accounts that are gone: nothing of theirs happens any more.
    removed: HashSet<String>,
}

impl Teller {
    /// One for each platform, by the names of their shapes: each thread stands on one of them.
    pub(super) fn each(options: &Options, shapes: &[&str], now: Timestamp) -> Vec<Self> {
        let story = Story::new(options.seed, now);
        let skipped = story.posts().len().saturating_sub(options.past);
        let past = story.posts()[skipped..].iter().cloned();
        // More than anyone watches: a day at the pace of the story.
        let most = options.future.unwrap_or(12_000);
        let mut shares = Shares::new(shapes, options);
        let future = story.live(now).faster(options.pace);
        match options.live {
            true => past
                .chain(future.with_outage(live::outage(now, options.pace)).take(most))
                .for_each(|post| shares.take(&post)),
            false => past.chain(future.take(most)).for_each(|post| shares.take(&post)),
        }
        let mut fates = if options.live { WATCHED } else { EVERYDAY };
        (fates.edited, fates.deleted) = (fates.edited * options.unrest, fates.deleted * options.unrest);
        let seeded = |(nth, share): (usize, Share)| {
            Self::new(share.posts, fates.clone(), options.seed + nth as u64, options.pace)
        };
        shares.shares.into_iter().enumerate().map(seeded).collect()
    }

    fn new(posts: Vec<Told>, fates: Fates, seed: u64, pace: f64) -> Self {
        let mut posts = posts.into_iter();
        let next = posts.next();
        let rng = SmallRng::seed_from_u64(seed);
        let (planned, changes, removed) = (BinaryHeap::new(), HashMap::new(), HashSet::new());
        Self { posts, fates, rng, planned, changes, count: 0, next, pace, removed }
    }

    /// What happens next, if it has happened by then. Of an account that is removed, only its name is told.
    pub fn next_until(&mut self, now: Timestamp) -> Option<(Timestamp, Change)> {
        loop {
            let (at, change) = self.due(now)?;
            if let Change::Removed { author, .. } = &change {
                self.removed.insert(author.clone());
                return Some((at, change));
            }
            if change.posts().iter().all(|post| !self.removed.contains(&post.author)) {
                return Some((at, change));
            }
        }
    }

    fn due(&mut self, now: Timestamp) -> Option<(Timestamp, Change)> {
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
        let (fate, wait) = (self.rng.random_range(0..1_000), self.rng.random_range(self.fates.wait.clone()));
        let later = post.created_at + SignedDuration::from_millis((wait * 1_000.0 / self.pace) as i64);
        let Fates { edited, deleted, removed, counted, .. } = self.fates;
        let (deleted, removed, counted) =
            (edited + deleted, edited + deleted + removed, edited + deleted + removed + counted);
        // A brand neither deletes its answers nor its account.
        let is_team = story::is_team(&post.author);
        if fate < edited {
            let why = EDITS[self.rng.random_range(0..EDITS.len())];
            let (text, edited_at) = (format!("{} {why}", post.text), Some(later));
            self.add(later, Change::Edited(Told { text, edited_at, ..post.clone() }));
        } else if fate < deleted && !is_team {
            self.add(later, Change::Deleted(post.clone()));
        } else if fate < removed && !is_team {
            self.add(later, Change::Removed { author: post.author.clone(), posts: Vec::new() });
        } else if fate < counted {
            let likes = post.likes + self.rng.random_range(1..9);
            self.add(later, Change::Counted(Told { likes, ..post.clone() }));
        }
    }

    fn add(&mut self, at: Timestamp, change: Change) {
        self.count += 1;
        self.changes.insert(self.count, change);
        self.planned.push(Reverse((at, self.count)));
    }
}

/// What stands on each platform.
struct Shares {
    shares: Vec<Share>,
    /// Where each thread stands.
    places: HashMap<String, usize>,
    roles: Vec<Option<&'static live::Role>>,
    scene: Scene,
}

impl Shares {
    fn new(shapes: &[&str], options: &Options) -> Self {
        let roles = shapes.iter().map(|shape| live::role_of(shape).filter(|_| options.live)).collect();
        let shares = shapes.iter().map(|_| Share::default()).collect();
        Self { shares, places: HashMap::new(), roles, scene: options.scene() }
    }

    fn take(&mut self, post: &StoryPost) {
        let root = post.root.clone().unwrap_or_else(|| post.id.clone());
        let next = self.places.len();
        let fits = |role: &Option<&live::Role>| role.is_none_or(|role| role.fits(post));
        let fitting: Vec<usize> = (0..self.roles.len()).filter(|nth| fits(&self.roles[*nth])).collect();
        let Some(next) = fitting.get(next % fitting.len().max(1)) else { return };
        let place = *self.places.entry(root).or_insert(*next);
        self.shares[place].take(post, self.scene);
    }
}

/// What stands on one platform.
#[derive(Default)]
struct Share {
    posts: Vec<Told>,
    numbers: HashMap<String, u64>,
}

impl Share {
    fn take(&mut self, post: &StoryPost, scene: Scene) {
        let n = self.posts.len() as u64 + 1;
        self.numbers.insert(post.id.clone(), n);
        let number = |id: &Option<String>| id.as_ref().and_then(|id| self.numbers.get(id)).copied();
        // What answers a post of before the story has begun here stands alone.
        let parent = number(&post.parent);
        let root = parent.and_then(|_| number(&post.root));
        let written = post.text.split_whitespace().filter_map(|word| word.strip_prefix('#'));
        // A thread keeps to its channel.
        let mut tags: Vec<String> = vec![scene.tags[root.unwrap_or(n) as usize % scene.tags.len()].to_owned()];
        tags.extend(written.map(|tag| tag.trim_end_matches(|c: char| !c.is_alphanumeric()).to_lowercase()));
        self.posts.push(Told {
            n,
            author: post.author.clone(),
            created_at: post.created_at,
            text: post.text.clone(),
            parent,
            root,
            tags,
            edited_at: None,
            likes: post.likes,
            replies: 0,
        });
    }
}
