//! A [`Shape`] and the standard story are a [`Case`]: what must come of it follows from the story.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;

use super::{
    Answer, Case, Expected, Factory, Platform, When, configured,
    shape::{FOLDER, Shape},
    standard::{MEANWHILE, REMOVED, Standard},
    story::{Moment, Told, View},
};
use crate::{http::Request, registry::Arrival};

impl Case {
    /// The case of a shape.
    pub fn of(shape: Arc<dyn Shape>) -> Self {
        let folder = folder(&*shape);
        let table = shape.table().replace(FOLDER, &folder.display().to_string());
        let table = format!("name = \"it\"\nkind = {:?}\n{table}", shape.kind());
        Self::assembled(shape, configured(&table), folder)
    }

    /// The same, of a source that no table makes.
    pub fn built(shape: Arc<dyn Shape>, build: Factory) -> Self {
        let folder = folder(&*shape);
        Self::assembled(shape, build, folder)
    }

    fn assembled(shape: Arc<dyn Shape>, build: Factory, folder: PathBuf) -> Self {
        let traits = shape.traits();
        let first = usize::from(traits.arrival == Arrival::Streamed);
        let story = Standard { first, every: traits.every, has_late: traits.late };
        Case {
            name: shape.name(),
            kind: shape.kind(),
            build,
            secret: shape.secret(),
            every: traits.every,
            allowed: traits.allowed,
            platform: Arc::new(Shaped { shape, story, folder }),
        }
    }
}

/// One for each case, as cases of one shape may be played at once: it is written anew before each poll.
fn folder(shape: &dyn Shape) -> PathBuf {
    static CASES: AtomicU64 = AtomicU64::new(0);
    let nth = CASES.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("grapevine-kit-{}-{nth}-{}", std::process::id(), shape.name()))
}

struct Shaped {
    shape: Arc<dyn Shape>,
    story: Standard,
    folder: PathBuf,
}

impl Shaped {
    fn expected_of(&self, post: &Told, view: &View<'_>) -> Expected {
        let traits = self.shape.traits();
        let is_gone = view.gone.iter().any(|gone| gone.n == post.n);
        let is_seen_to_go = if post.author == REMOVED { traits.removals } else { traits.deletes };
        let told = self.as_seen(post);
        Expected {
            native_id: self.shape.native_id(&told),
            is_there: !(is_gone && is_seen_to_go),
            created_at: post.created_at,
            parent: self.shape.parent_id(&told, view),
            text: self.shape.text(&told),
            likes: traits.counters.then_some(post.likes),
            came_late: post.n == MEANWHILE,
        }
    }

    /// As it was before it was edited, where nobody sees that.
    fn as_seen(&self, post: &Told) -> Told {
        if post.edited_at.is_none() || self.shape.traits().edits {
            return post.clone();
        }
        let first = self.story.at(When { round: self.story.first, requests: 1, now: Timestamp::UNIX_EPOCH });
        first.view().told(post.n).unwrap_or(post).clone()
    }
}

impl Platform for Shaped {
    fn answer(&self, when: When, request: &Request) -> Answer {
        self.shape.answer(&self.story.at(when).view(), request)
    }

    fn rounds(&self) -> usize {
        self.story.rounds()
    }

    fn expected(&self) -> Vec<Expected> {
        let end = self.story.at(When { round: self.rounds(), requests: 1, now: Timestamp::UNIX_EPOCH });
        let view = end.view();
        // What came and went between two looks is nobody's: it may be known as deleted, or not at all.
        let lasted = |post: &&Told| post.author != super::standard::FLEETING && self.shape.tells(post);
        let posts = view.posts.iter().chain(view.gone).filter(lasted);
        posts.map(|post| self.expected_of(post, &view)).collect()
    }

    fn shape(&self) -> Option<Arc<dyn Shape>> {
        Some(self.shape.clone())
    }

    fn moment(&self, when: When) -> Moment {
        self.story.at(when)
    }

    fn write(&self, when: When) -> std::io::Result<()> {
        let files = self.shape.files(&self.story.at(when).view());
        let folder = &self.folder;
        if !files.is_empty() {
            std::fs::create_dir_all(folder)?;
        }
        files.iter().try_for_each(|(name, content)| std::fs::write(folder.join(name), content))
    }
}

impl Drop for Shaped {
    fn drop(&mut self) {
        // Mostly there is none.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
