use std::{net::SocketAddr, sync::Arc};

use grapevine_sources::conformance::{
    shape::{Left, Shape},
    story::{Change, Moment, Told as Post},
};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use super::{Faults, Teller, limits::Window};

/// One platform: its shape, and where its story stands.
pub struct Platform {
    pub shape: Arc<dyn Shape>,
    pub faults: Faults,
    pub address: SocketAddr,
    story: Mutex<(Teller, Moment)>,
    /// `None` where it takes everything.
    window: Option<Mutex<Window>>,
    /// How much has happened.
    happened: watch::Sender<usize>,
}

impl Platform {
    pub(super) fn new(
        shape: Arc<dyn Shape>,
        story: (Teller, Moment),
        faults: Faults,
        (address, now): (SocketAddr, Timestamp),
    ) -> Self {
        let (story, happened) = (Mutex::new(story), watch::Sender::new(0));
        let window = Some(Mutex::new(Window::new(shape.traits().allowed)));
        let platform = Self { shape, faults, address, story, window, happened };
        platform.move_on(now);
        platform
    }

    pub(super) fn without_limits(self) -> Self {
        Self { window: None, ..self }
    }

    /// Counts a request, where requests are counted.
    pub(super) fn ask(&self, now: Timestamp) -> Option<Left> {
        self.window.as_ref().map(|window| window.lock().ask(now))
    }

    /// Lets happen what has happened by then.
    pub fn move_on(&self, now: Timestamp) {
        let mut story = self.story.lock();
        let (teller, moment) = &mut *story;
        moment.at(now);
        while let Some((at, change)) = teller.next_until(now) {
            let change = match change {
                Change::Removed { author, .. } => {
                    let posts = moment.view().posts.iter().filter(|post| post.author == author).cloned();
                    let posts: Vec<Post> = posts.collect();
                    Change::Removed { author, posts }
                }
                other => other,
            };
            moment.apply(at, change);
        }
        let count = moment.view().changes.len();
        self.happened.send_if_modified(|known| std::mem::replace(known, count) != count);
    }

    /// The story as it stands.
    pub fn moment(&self) -> Told<'_> {
        Told(self.story.lock())
    }

    /// Nothing will follow.
    pub fn is_over(&self) -> bool {
        self.story.lock().0.is_over()
    }

    pub(super) fn happened(&self) -> watch::Receiver<usize> {
        self.happened.subscribe()
    }
}

/// Holds the story while it is looked at.
pub struct Told<'a>(MutexGuard<'a, (Teller, Moment)>);

impl Told<'_> {
    pub fn view(&self) -> grapevine_sources::conformance::story::View<'_> {
        self.0.1.view()
    }
}
