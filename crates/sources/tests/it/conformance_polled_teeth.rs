//! The kit finds what is wrong with sources that are asked in parts, renew a token, and read likes again: broken in one way
//! each.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use grapevine_model::{Author, Event, Mention, MentionKey};
use grapevine_sources::{
    Cursor, Page, Progress, Source, SourceError, World,
    conformance::{
        Answer, Case, Check, Outcome, run,
        shape::{SIM, Shape, Traits, brings, number},
        story::{Told, View},
    },
    http::{Auth, Client, ClientId, Cost, Fetched, Grant, OAuth, QuotaPolicy, Request, Secret, SecretPlace},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// One tag that is refused ends the reading of all.
    EndsWithAPart,
    /// It goes on without a tag that is refused, and says nothing of it.
    HidesAPart,
    /// Has one token for ever.
    KeepsToken,
    /// Looks no further back than a month, and says nothing of what lies before.
    ForgetsTheOld,
    /// Waits for the time of its cursor, however far that is.
    WaitsForTheFuture,
    /// Reads likes when it sees a post first.
    CountsOnce,
    /// Adds what it reads to what it has read.
    AddsUp,
}

const KEY: &str = "b0ard-s3cret";
const TOKEN: &str = "t0ken";
const TAGS: [&str; 2] = ["kettle", "tea"];

/// Lists the posts of one tag, in the order in which they appeared.
struct Board;

impl Shape for Board {
    fn kind(&self) -> &'static str {
        "feed"
    }

    fn name(&self) -> &'static str {
        "board"
    }

    fn table(&self) -> String {
        String::new()
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("BOARD_KEY", KEY))
    }

    fn traits(&self) -> Traits {
        let polled = Traits::polled(SignedDuration::from_mins(20), (60, SignedDuration::from_mins(1)));
        Traits { edits: true, counters: true, renews: true, ..polled }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        let path = request.url.path();
        if path == "/token" {
            let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
            let token = json!({"access_token": TOKEN, "expires_in": 7200});
            return if body.contains(KEY) { Answer::json(&token) } else { Answer::status(401, "") };
        }
        if !brings(request, "authorization", &format!("Bearer {TOKEN}")) {
            return Answer::status(401, "");
        }
        let Some(tag) = path.strip_prefix("/tags/") else { return Answer::status(404, "") };
        let after = number(request, "after").unwrap_or(0);
        let mut found: Vec<&Told> = view.posts.iter().filter(|post| post.n > after && has(post, tag)).collect();
        found.sort_by_key(|post| post.n);
        let posts: Vec<Value> = found.into_iter().take(view.per_page).map(told).collect();
        Answer::json(&json!({"posts": posts}))
    }

    fn native_id(&self, post: &Told) -> String {
        post.n.to_string()
    }

    fn is_of_part(&self, request: &Request) -> bool {
        request.url.path().ends_with("/tea")
    }

    fn is_only_in_part(&self, post: &Told) -> bool {
        !has(post, "kettle")
    }
}

fn has(post: &Told, tag: &str) -> bool {
    post.tags.iter().any(|known| known == tag)
}

fn told(post: &Told) -> Value {
    json!({"id": post.n, "by": post.author, "at": post.created_at.to_string(), "text": post.text, "parent": post.parent,
        "likes": post.likes})
}

/// Reads both tags to their end, every ten minutes.
struct Reader {
    fault: Fault,
    client: Client,
    world: World,
    due: Option<Timestamp>,
    notice: Option<String>,
    /// The likes of each post, as they were given last.
    likes: BTreeMap<u64, u64>,
}

impl Reader {
    fn new(fault: Fault, world: &World) -> Self {
        let key = SecretPlace::Env("BOARD_KEY".into()).read(world).unwrap();
        let client = ClientId { id: "us".into(), id_as: "client_id".into(), secret: Some(key), is_basic: false };
        let oauth = OAuth::new(format!("{SIM}/token").parse().unwrap(), Grant::ClientCredentials).with_client(client);
        let auth = match fault {
            Fault::KeepsToken => Auth::Bearer(Secret::new(TOKEN)),
            _ => Auth::OAuth(Box::new(oauth)),
        };
        let client = Client::new(world, auth, QuotaPolicy::default());
        Self { fault, client, world: world.clone(), due: None, notice: None, likes: BTreeMap::new() }
    }

    async fn list(&mut self, tag: &str) -> Result<Vec<Value>, SourceError> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let url = format!("{SIM}/tags/{tag}?after={after}").parse().unwrap();
            let posts = match self.client.get_json(&Request::get(url), &Cost::default()).await? {
                Fetched::Json { value, .. } => value["posts"].as_array().cloned().unwrap_or_default(),
                Fetched::Unchanged => return Err(SourceError::Transient("an unasked 304".to_owned())),
            };
            let newest = posts.iter().filter_map(|post| post["id"].as_u64()).max().unwrap_or(0);
            all.extend(posts);
            if newest <= after {
                return Ok(all);
            }
            after = newest;
        }
    }

    async fn read(&mut self) -> Result<Vec<Value>, SourceError> {
        let (mut all, mut refused) = (BTreeMap::new(), Vec::new());
        for tag in TAGS {
            match self.list(tag).await {
                Ok(posts) => all.extend(posts.into_iter().filter_map(|post| Some((post["id"].as_u64()?, post)))),
                Err(error) if error.is_transient() || self.fault == Fault::EndsWithAPart => return Err(error),
                Err(error) => refused.push((tag, error)),
            }
        }
        if refused.len() == TAGS.len() {
            return Err(refused.remove(0).1);
        }
        let told = refused.first().map(|(tag, error)| format!("#{tag}: {error}"));
        self.notice = told.filter(|_| self.fault != Fault::HidesAPart);
        Ok(all.into_values().collect())
    }

    fn event(&mut self, post: &Value) -> Option<Event> {
        let (now, id) = (self.world.clock.now(), post["id"].as_u64()?);
        let at: Timestamp = post["at"].as_str()?.parse().ok()?;
        if self.fault == Fault::ForgetsTheOld && at < now - SignedDuration::from_hours(30 * 24) {
            return None;
        }
        let author = Author { native_id: post["by"].as_str().unwrap_or("").to_owned(), ..Author::default() };
        let text = post["text"].as_str().unwrap_or("");
        let mut mention = Mention::new(MentionKey::new("board", "", id.to_string()), author, at, text);
        (mention.observed_at, mention.parent) = (now, post["parent"].as_u64().map(|parent| parent.to_string()));
        let (likes, before) = (post["likes"].as_u64()?, self.likes.get(&id).copied());
        mention.engagement.likes = match self.fault {
            Fault::CountsOnce => before.is_none().then_some(likes),
            Fault::AddsUp => Some(likes + before.unwrap_or(0)),
            _ => Some(likes),
        };
        self.likes.insert(id, mention.engagement.likes.or(before).unwrap_or(0));
        Some(Event::Upsert(Box::new(mention)))
    }

    /// When it was read last.
    fn start(&self, cursor: Option<&Cursor>) -> Result<Option<Timestamp>, SourceError> {
        let read_at = match cursor {
            None => return Ok(None),
            Some(Cursor { version: 1, value }) => value.as_i64().and_then(|at| Timestamp::from_second(at).ok()),
            Some(_) => None,
        };
        let read_at = read_at.ok_or_else(|| SourceError::cursor_lost("a cursor that can not be read"))?;
        let is_ahead = read_at > self.world.clock.now() + SignedDuration::from_hours(1);
        match is_ahead && self.fault != Fault::WaitsForTheFuture {
            true => Err(SourceError::cursor_lost("a cursor of the future")),
            false => Ok(Some(read_at)),
        }
    }
}

#[async_trait]
impl Source for Reader {
    async fn check(&mut self) -> Result<(), SourceError> {
        self.list(TAGS[0]).await.map(drop)
    }

    async fn poll(&mut self, cursor: Option<&Cursor>) -> Result<Page, SourceError> {
        let (read_at, now) = (self.start(cursor)?, self.world.clock.now());
        let due = self.due.filter(|_| cursor.is_some()).max(read_at).unwrap_or(now);
        let posts = if due > now { Vec::new() } else { self.read().await? };
        if due > now {
            self.world.clock.sleep(Duration::from_millis(500)).await;
        } else {
            self.due = Some(now + SignedDuration::from_mins(10));
        }
        let events = posts.iter().filter_map(|post| self.event(post)).collect();
        let read_at = if due > now { read_at.unwrap_or(now) } else { now };
        let (cursor, state) = (Cursor { version: 1, value: read_at.as_second().into() }, Progress::CaughtUp);
        Ok(Page { events, rejected: Vec::new(), cursor, complete_through: None, state })
    }

    fn notice(&self) -> Option<String> {
        self.notice.clone()
    }
}

fn failed(fault: Fault) -> Vec<(Check, String)> {
    let build = move |world: &World| -> Box<dyn Source> { Box::new(Reader::new(fault, world)) };
    let failure = |(check, outcome)| match outcome {
        Outcome::Failed(problem) => Some((check, problem)),
        _ => None,
    };
    run(&Case::built(Arc::new(Board), Arc::new(build))).cells.into_iter().filter_map(failure).collect()
}

#[test]
fn a_sound_reader_passes_and_each_fault_is_found_by_its_check() {
    assert_eq!(failed(Fault::None), []);
    for (fault, check, words) in [
        (Fault::EndsWithAPart, Check::Part, "a part answers 403"),
        (Fault::HidesAPart, Check::Part, "no notice says so"),
        (Fault::KeepsToken, Check::Renewal, "a 401 to request"),
        (Fault::ForgetsTheOld, Check::FarCursor, "a cursor from long ago: says nothing"),
        (Fault::WaitsForTheFuture, Check::FarCursor, "a cursor of the future: says nothing"),
        (Fault::CountsOnce, Check::Counters, "likes"),
        (Fault::AddsUp, Check::Counters, "likes"),
    ] {
        let failed = failed(fault);
        let is_found = failed.iter().any(|(found, problem)| *found == check && problem.contains(words));
        assert!(is_found && failed.len() == 1, "{fault:?} is found by {check:?} alone: {failed:?}");
    }
}
