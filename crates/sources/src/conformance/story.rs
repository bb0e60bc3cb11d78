//! A story, as every platform can tell it: who wrote what and when, and what became of it.

use jiff::Timestamp;

use super::shape::PER_PAGE;

/// One post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// From 1 on, in the order in which posts appear.
    pub n: u64,
    /// Handle, without `@`.
    pub author: String,
    pub created_at: Timestamp,
    pub text: String,
    /// The post that it answers; always one that appeared before.
    pub parent: Option<u64>,
    /// The first post of its thread; nothing where it is that.
    pub root: Option<u64>,
    /// Without `#`, lower-case; they stand in the text, too.
    pub tags: Vec<String>,
    pub edited_at: Option<Timestamp>,
    pub likes: u64,
    pub replies: u64,
}

/// What can happen. Each carries the post as it is after that; what is deleted, as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Posted(Told),
    Edited(Told),
    Deleted(Told),
    /// Its likes are others.
    Counted(Told),
    /// An account is gone, and these posts with it.
    Removed {
        author: String,
        posts: Vec<Told>,
    },
}

impl Change {
    /// The posts that it is about.
    pub fn posts(&self) -> &[Told] {
        match self {
            Change::Posted(post) | Change::Edited(post) | Change::Deleted(post) | Change::Counted(post) => {
                std::slice::from_ref(post)
            }
            Change::Removed { posts, .. } => posts,
        }
    }
}

/// One change, in the order in which they happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// From 1 on, without a hole: good for whatever a platform numbers.
    pub seq: u64,
    pub at: Timestamp,
    pub change: Change,
}

/// What the places of a platform are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scene {
    /// A server, a subreddit.
    pub community: &'static str,
    /// Two channels of it; the second has the posts whose first tag is the second of `tags`.
    pub channels: [&'static str; 2],
    /// Every post stands under one of these.
    pub tags: [&'static str; 2],
}

impl Scene {
    /// Of the kit's story.
    pub const KETTLES: Scene = Scene { community: "Kettles", channels: ["kettle", "tea"], tags: ["kettle", "tea"] };
}

/// What a platform knows at one moment.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    pub now: Timestamp,
    /// What can be seen now, as it stands now, oldest first by `created_at`.
    pub posts: &'a [Told],
    /// What was deleted, as it was last.
    pub gone: &'a [Told],
    /// All that happened, oldest first: for platforms that replay, or number their updates.
    pub changes: &'a [Happened],
    /// How many posts stand on a page: few in the kit, so that a short story has several.
    pub per_page: usize,
    pub scene: Scene,
}

impl<'a> View<'a> {
    /// A post that is there or was.
    pub fn told(&self, n: u64) -> Option<&'a Told> {
        self.posts.iter().chain(self.gone).find(|post| post.n == n)
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = &'a Told> {
        self.posts.iter().rev()
    }
}

/// The same, owned, moved on by each change.
#[derive(Debug, Clone)]
pub struct Moment {
    per_page: usize,
    scene: Scene,
    now: Timestamp,
    posts: Vec<Told>,
    gone: Vec<Told>,
    changes: Vec<Happened>,
}

impl Default for Moment {
    fn default() -> Self {
        Self::of(Scene::KETTLES, PER_PAGE)
    }
}

impl Moment {
    /// Before anything happened.
    pub fn of(scene: Scene, per_page: usize) -> Self {
        let now = Timestamp::UNIX_EPOCH;
        Self { per_page, scene, now, posts: Vec::new(), gone: Vec::new(), changes: Vec::new() }
    }

    pub fn view(&self) -> View<'_> {
        let Self { per_page, scene, now, posts, gone, changes } = self;
        View { now: *now, posts, gone, changes, per_page: *per_page, scene: *scene }
    }

    pub fn at(&mut self, now: Timestamp) {
        self.now = now;
    }

    /// The change happens now; gives what peers and hooks are told of.
    pub fn apply(&mut self, at: Timestamp, change: Change) -> &Happened {
        match &change {
            Change::Posted(post) => self.post(post.clone()),
            Change::Edited(post) | Change::Counted(post) => self.replace(post),
            Change::Deleted(post) => self.remove(post.n),
            Change::Removed { posts, .. } => posts.iter().for_each(|post| self.remove(post.n)),
        }
        self.changes.push(Happened { seq: self.changes.len() as u64 + 1, at, change });
        &self.changes[self.changes.len() - 1]
    }

    fn post(&mut self, post: Told) {
        if let Some(parent) = post.parent.and_then(|parent| self.find(parent)) {
            self.posts[parent].replies += 1;
        }
        let place = self.posts.partition_point(|known| known.created_at <= post.created_at);
        self.posts.insert(place, post);
    }

    fn replace(&mut self, post: &Told) {
        if let Some(place) = self.find(post.n) {
            let replies = self.posts[place].replies;
            self.posts[place] = Told { replies, ..post.clone() };
        }
    }

    fn remove(&mut self, n: u64) {
        if let Some(place) = self.find(n) {
            let post = self.posts.remove(place);
            self.gone.push(post);
        }
    }

    /// Most changes are about what is new.
    fn find(&self, n: u64) -> Option<usize> {
        self.posts.iter().rposition(|post| post.n == n)
    }
}
