//! What the author of a source writes for the kit and the simulator: how a platform tells a [story](super::story).

use jiff::{SignedDuration, Timestamp};

use super::{
    Answer,
    story::{Change, Told, View},
};
use crate::{http::Request, registry::Arrival};

/// A platform as one kind of source sees it. Pure: the same arguments give the same answer, whoever asks before.
///
/// It carries no state, so paging tokens are made of what they stand for. Addresses in answers begin with
/// [`SIM`]: the simulator puts its own in their place.
pub trait Shape: Send + Sync {
    /// The kind of source that it is for.
    fn kind(&self) -> &'static str;

    /// Its row in the matrix; another than the kind where a kind has several shapes.
    fn name(&self) -> &'static str {
        self.kind()
    }

    /// The keys of its `[[source]]` beside `name` and `kind`, with [`SIM`] as base address.
    fn table(&self) -> String;

    /// Environment variable and value of the secret that the table names. Who does not bring it is refused.
    fn secret(&self) -> Option<(&'static str, &'static str)> {
        None
    }

    fn traits(&self) -> Traits;

    /// REST: pages of at most `view.per_page` posts, and what is wrong with a request.
    fn answer(&self, view: &View<'_>, request: &Request) -> Answer;

    /// As mentions carry it.
    fn native_id(&self, post: &Told) -> String;

    /// Native id of what a mention of it must name as its parent.
    fn parent_id(&self, post: &Told, view: &View<'_>) -> Option<String> {
        let parent = post.parent.filter(|_| self.traits().replies)?;
        view.told(parent).map(|parent| self.native_id(parent))
    }

    /// What a mention of it must say.
    fn text(&self, post: &Told) -> String {
        post.text.clone()
    }

    /// False for posts for which the platform has no room.
    fn tells(&self, _post: &Told) -> bool {
        true
    }

    /// Does the request ask for the last of several parts that the table names, such as one hashtag of two? The kit takes
    /// that part away (403, 404): the others have to go on.
    fn is_of_part(&self, _request: &Request) -> bool {
        false
    }

    /// Is the post to be found in that part alone?
    fn is_only_in_part(&self, _post: &Told) -> bool {
        false
    }

    /// The other end of one connection: of a socket, or of a response without an end.
    fn peer(&self) -> Option<Box<dyn Peer>> {
        None
    }

    /// Does the request open a response without an end, which a [`Peer`] fills?
    fn is_stream(&self, request: &Request) -> bool {
        let path = request.url.path();
        path.contains("/stream") && !path.ends_with("/rules")
    }

    /// The headers in which the platform says what is left of its window. They stand in place of what an answer says.
    fn left(&self, _left: &Left) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Too much was asked: the answer of this platform, with what it says of the time to wait, beside [`Shape::left`].
    fn limited(&self, left: &Left) -> Answer {
        Answer::status(429, "").with_header("retry-after", left.seconds().to_string())
    }

    /// Files: what stands now in the folder that [`FOLDER`] of the table names, by name.
    fn files(&self, _view: &View<'_>) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// Push: what the platform calls us with when this happens, for the path of the table. It happens at `view.now`.
    fn deliveries(&self, _change: &Change, _view: &View<'_>) -> Vec<Request> {
        Vec::new()
    }

    /// Push: the same as it is sent, each time anew, with its signature.
    fn signed(&self, request: Request, _now: Timestamp) -> Request {
        request
    }
}

/// Stands for the path of a folder, where a platform is one.
pub const FOLDER: &str = "{FOLDER}";
/// Base address of whatever a shape names. Sockets take [`SIM_WS`].
pub const SIM: &str = "https://sim.example";
pub const SIM_WS: &str = "wss://sim.example";
/// How many posts stand on a page in the kit: `view.per_page` says it.
pub const PER_PAGE: usize = 2;

/// What a platform tells, and how much it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    pub arrival: Arrival,
    /// What lies between two rounds of the story: not less than the source's interval, and long enough that it looks
    /// again in the rounds in which something changes.
    pub every: SignedDuration,
    /// So many requests the platform takes in any such span.
    pub allowed: (usize, SignedDuration),
    /// The source sees that a post has another text.
    pub edits: bool,
    /// The source sees that a post is deleted.
    pub deletes: bool,
    /// The source sees that an account is removed: a tombstone, or the deletion of each of its posts.
    pub removals: bool,
    /// Mentions name what they answer.
    pub replies: bool,
    /// The source reads likes again.
    pub counters: bool,
    /// A post may appear long after its time.
    pub late: bool,
    /// Its token expires, and the source fetches another. Requests bring it as `Bearer`.
    pub renews: bool,
}

impl Traits {
    /// A platform that is asked, and shows new posts and what they answer; nothing else.
    pub fn polled(every: SignedDuration, allowed: (usize, SignedDuration)) -> Self {
        Self {
            arrival: Arrival::Polled,
            every,
            allowed,
            edits: false,
            deletes: false,
            removals: false,
            replies: true,
            counters: false,
            late: false,
            renews: false,
        }
    }

    /// A connection that tells everything as it happens.
    pub fn streamed(every: SignedDuration) -> Self {
        let allowed = (60, SignedDuration::from_mins(1));
        Self { arrival: Arrival::Streamed, edits: true, deletes: true, ..Self::polled(every, allowed) }
    }

    /// A platform that calls us with everything as it happens.
    pub fn pushed(every: SignedDuration) -> Self {
        Self { arrival: Arrival::Pushed, ..Self::streamed(every) }
    }
}

/// What was asked of a platform in its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// So many requests it takes.
    pub allowed: usize,
    /// This one too; more than `allowed` where it is refused.
    pub used: usize,
    /// When the next window begins.
    pub resets: Timestamp,
    pub now: Timestamp,
}

impl Left {
    pub fn remaining(&self) -> usize {
        self.allowed.saturating_sub(self.used)
    }

    /// Until the next window, rounded up.
    pub fn seconds(&self) -> u64 {
        u64::try_from(self.resets.duration_since(self.now).as_millis().max(0)).unwrap_or(0).div_ceil(1_000)
    }
}

/// The other end of one connection. It lives as long as that, and may remember what was said on it.
pub trait Peer: Send {
    /// Somebody connects: what is sent at once, such as a greeting, or what a cursor asks to be replayed. An answer that
    /// is no 2xx refuses the connection.
    fn open(&mut self, view: &View<'_>, request: &Request) -> Result<Vec<Say>, Answer>;

    /// The other side sent a frame.
    fn heard(&mut self, _view: &View<'_>, _frame: &[u8]) -> Vec<Say> {
        Vec::new()
    }

    /// Something happened while the connection stood.
    fn change(&mut self, view: &View<'_>, change: &super::story::Happened) -> Vec<Say>;

    /// Nothing happened for some seconds: a heartbeat, where the platform sends one.
    fn silence(&mut self, _view: &View<'_>) -> Vec<Say> {
        Vec::new()
    }

    /// The platform ends the connection: an error frame where it has one, and the end.
    fn farewell(&mut self) -> Vec<Say> {
        vec![Say::Close(1011, "internal error".to_owned())]
    }
}

/// What a peer says. On a response without an end, text and binary are its bytes as they are: the shape writes line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Say {
    Text(String),
    Binary(Vec<u8>),
    /// Ends the connection in order.
    Close(u16, String),
}

impl Say {
    /// A frame of JSON.
    pub fn json(value: &serde_json::Value) -> Self {
        Say::Text(value.to_string())
    }

    /// A line of NDJSON.
    pub fn line(value: &serde_json::Value) -> Self {
        Say::Text(format!("{value}\r\n"))
    }
}

/// A parameter of the query.
pub fn parameter(request: &Request, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The same, as a number.
pub fn number(request: &Request, name: &str) -> Option<u64> {
    parameter(request, name)?.parse().ok()
}

/// As HTML writes a text.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Does the request bring this header, such as `Bearer …`?
pub fn brings(request: &Request, header: &str, value: &str) -> bool {
    request.headers.get(header).is_some_and(|brought| brought.as_bytes() == value.as_bytes())
}
