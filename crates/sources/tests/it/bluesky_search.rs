//! The search of Bluesky: sessions that end, posts that are read again, searches that are refused.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use grapevine_model::{Event, Kind};
use grapevine_sources::{
    Clock, Cursor, Page, Progress, Source, SourceError, World,
    bluesky_search::map,
    conformance::StepClock,
    http::{Request, Response, Transport},
};
use serde_json::{Value, json};

use crate::{
    kit::{noon, recorded, spec},
    quota::response,
};

/// A server whose sessions end when they are told to.
struct Server {
    clock: StepClock,
    /// Tokens are good from this number on.
    valid: AtomicUsize,
    given: AtomicUsize,
    /// Whether the refresh token is good.
    can_refresh: bool,
    posts: Mutex<Vec<Value>>,
    asked: Mutex<Vec<String>>,
    refused: Mutex<Option<&'static str>>,
}

impl Server {
    fn new(posts: Vec<Value>) -> Self {
        Self {
            clock: StepClock::at(noon()),
            valid: AtomicUsize::new(0),
            given: AtomicUsize::new(0),
            can_refresh: true,
            posts: Mutex::new(posts),
            asked: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    fn json(&self, status: u16, body: &Value) -> Response {
        response(self.clock.now(), status, &[], &body.to_string())
    }

    fn session(&self) -> Response {
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        let access = format!("access-{number}");
        self.json(200, &json!({"accessJwt": access, "refreshJwt": format!("refresh-{number}")}))
    }

    fn answer(&self, request: &Request) -> Response {
        let (path, bearer) = (request.url.path().rsplit('/').next().unwrap().to_owned(), bearer(request));
        let number: usize = bearer.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0);
        match path.as_str() {
            "com.atproto.server.createSession" => return self.session(),
            "com.atproto.server.refreshSession" if self.can_refresh && bearer.starts_with("refresh") => {
                return self.session();
            }
            "com.atproto.server.refreshSession" => return self.json(400, &json!({"error": "ExpiredToken"})),
            _ if number <= self.valid.load(Ordering::SeqCst) || !bearer.starts_with("access") => {
                return self.json(400, &json!({"error": "ExpiredToken", "message": "Token has expired"}));
            }
            _ => {}
        }
        let search = request.url.query_pairs().find(|(key, _)| key == "q").map(|(_, q)| q.into_owned());
        if search.is_some() && search.as_deref() == *self.refused.lock().unwrap() {
            return self.json(400, &json!({"error": "BadQueryString", "message": "unbalanced quote"}));
        }
        let posts = self.posts.lock().unwrap().clone();
        self.json(
            200,
            &match path.as_str() {
                "app.bsky.actor.getProfiles" => json!({"profiles": [
                    {"did": "did:plc:acme", "handle": "Acme.example", "followersCount": 41},
                    {"did": "did:plc:other", "handle": "other.example", "followersCount": 3},
                    {"did": "did:plc:quiet", "handle": "quiet.example"},
                ]}),
                _ => json!({"posts": posts}),
            },
        )
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn bearer(request: &Request) -> String {
    let value = request.headers.get("authorization").and_then(|value| value.to_str().ok());
    value.unwrap_or_default().trim_start_matches("Bearer ").to_owned()
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let name = request.url.path().rsplit('.').next().unwrap().to_owned();
        self.asked.lock().unwrap().push(name);
        Ok(self.answer(&request))
    }
}

fn post(n: u64, likes: u64) -> Value {
    json!({
        "uri": format!("at://did:plc:ada/app.bsky.feed.post/{n}"), "cid": "bafy", "indexedAt": "2026-03-01T11:59:00.000Z",
        "author": {"did": "did:plc:ada", "handle": "Ada.example", "displayName": "Ada"},
        "record": {"$type": "app.bsky.feed.post", "text": format!("post {n}"), "createdAt": "2026-03-01T11:58:59.000Z"},
        "likeCount": likes, "repostCount": 1, "replyCount": 2, "quoteCount": 3, "bookmarkCount": 4,
    })
}

fn source(server: &Arc<Server>, more: &str) -> Box<dyn Source> {
    let toml =
        format!("name = \"s\"\nkind = \"bluesky_search\"\naccount = \"me.example\"\npassword_env = \"P\"\n{more}");
    let world = World::real()
        .with_clock(Arc::new(server.clock.clone()))
        .with_transport(server.clone())
        .with_variables(|name| (name == "P").then(|| "s3cr3t".to_owned()));
    spec(&toml).build(&world)
}

/// Polls until it has caught up.
async fn round(source: &mut dyn Source, cursor: &mut Option<Cursor>) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        let Page { events: more, cursor: next, state, .. } = source.poll(cursor.as_ref()).await.unwrap();
        events.extend(more);
        *cursor = Some(next);
        if state == Progress::CaughtUp {
            return events;
        }
    }
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::name).collect()
}

#[test]
fn a_post_is_read_with_its_author_and_its_counters() {
    let mut view = post(1, 5);
    view["record"]["reply"] = json!({"root": {"uri": "at://did:plc:r/app.bsky.feed.post/0"},
        "parent": {"uri": "at://did:plc:p/app.bsky.feed.post/9"}});
    let mention = map(&view, noon()).unwrap();
    assert_eq!(mention.key.to_string(), "bluesky::at://did:plc:ada/app.bsky.feed.post/1");
    assert_eq!((mention.author.native_id.as_str(), mention.author.handle.as_str()), ("did:plc:ada", "ada.example"));
    assert_eq!((mention.author.name.as_deref(), mention.kind), (Some("Ada"), Kind::Reply));
    assert_eq!(mention.parent.as_deref(), Some("at://did:plc:p/app.bsky.feed.post/9"));
    let counted = mention.engagement;
    assert_eq!((counted.likes, counted.reposts, counted.replies), (Some(5), Some(1), Some(2)));
    assert_eq!((counted.quotes, counted.bookmarks), (Some(3), Some(4)));
    for (spoilt, missing) in [("uri", "uri"), ("record", "record")] {
        let mut view = post(1, 5);
        view[spoilt] = Value::Null;
        let words = format!("a frame has no `{missing}`, or not of the type it should have");
        assert_eq!(map(&view, noon()).unwrap_err().to_string(), words);
    }
    let mut elsewhere = post(1, 5);
    elsewhere["uri"] = "at://did:plc:ada/app.bsky.feed.like/1".into();
    assert!(map(&elsewhere, noon()).is_err());
}

#[test]
fn recorded_posts_are_read() {
    let Some(folder) = recorded("fixtures/bluesky") else { return };
    let text = std::fs::read_to_string(folder.join("searchPosts_first5.json")).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let posts = answer["posts"].as_array().unwrap();
    for view in posts {
        let mention = map(view, noon()).unwrap_or_else(|error| panic!("{error}: {view}"));
        assert_eq!(mention.author.handle, view["author"]["handle"].as_str().unwrap());
        assert_eq!(mention.engagement.likes, view["likeCount"].as_u64());
        assert_eq!(mention.engagement.bookmarks, view["bookmarkCount"].as_u64());
        assert_eq!(mention.text, view["record"]["text"].as_str().unwrap());
        assert_eq!(mention.created_at, view["record"]["createdAt"].as_str().unwrap().parse().unwrap());
        assert_eq!(mention.parent.as_deref(), view["record"]["reply"]["parent"]["uri"].as_str());
        let link = &view["record"]["facets"][0]["features"][0]["uri"];
        assert!(link.as_str().is_none_or(|link| mention.links.iter().any(|known| known == link)), "{view}");
    }
    eprintln!("read {} posts", posts.len());
    assert!(!posts.is_empty());
}

#[tokio::test]
async fn a_session_that_has_ended_is_renewed_and_one_that_cannot_be_is_begun_anew() {
    for (can_refresh, wanted) in [
        (true, &["searchPosts", "refreshSession", "searchPosts"][..]),
        (false, &["searchPosts", "refreshSession", "createSession", "searchPosts"]),
    ] {
        let server = Arc::new(Server { can_refresh, ..Server::new(vec![post(1, 0)]) });
        let mut source = source(&server, "searches = [\"kettle\"]");
        source.check().await.unwrap();
        assert_eq!(server.calls(), ["createSession", "searchPosts"]);
        server.valid.store(1, Ordering::SeqCst);
        source.check().await.unwrap();
        assert_eq!(server.calls(), wanted);
    }
    // What was begun just now and is refused does not get better.
    let server = Arc::new(Server::new(vec![]));
    server.valid.store(9, Ordering::SeqCst);
    let error = source(&server, "searches = [\"kettle\"]").check().await.unwrap_err();
    assert!(matches!(&error, SourceError::Auth(message) if !message.contains("access-")), "{error}");
    assert_eq!(server.calls(), ["createSession", "searchPosts"]);
}

#[tokio::test]
async fn counters_and_deletions_are_found_when_a_post_is_read_again() {
    let server = Arc::new(Server::new(vec![post(1, 0), post(2, 0)]));
    let (mut source, mut cursor) = (source(&server, "searches = [\"kettle\"]\nlateness_seconds = 0"), None);
    assert_eq!(names(&round(&mut *source, &mut cursor).await), ["upsert", "upsert"]);
    server.clock.advance(Duration::from_secs(3600));
    *server.posts.lock().unwrap() = vec![post(1, 7)];
    let events = round(&mut *source, &mut cursor).await;
    assert_eq!(names(&events), ["engagement_snapshot"], "the search itself shows it");
    assert!(server.calls().contains(&"getPosts".to_owned()));
    // It was missing once: the next round looks again.
    server.clock.advance(Duration::from_secs(600));
    let events = round(&mut *source, &mut cursor).await;
    assert_eq!(names(&events), ["delete"]);
    assert!(matches!(&events[0], Event::Delete(deletion) if deletion.key.native_id.ends_with("/2")));
}

#[tokio::test]
async fn one_glance_at_nothing_deletes_nothing() {
    let server = Arc::new(Server::new(vec![post(1, 0)]));
    let (mut source, mut cursor) = (source(&server, "searches = [\"kettle\"]"), None);
    round(&mut *source, &mut cursor).await;
    for posts in [vec![], vec![post(1, 0)]] {
        server.clock.advance(Duration::from_secs(3600));
        *server.posts.lock().unwrap() = posts;
        assert!(round(&mut *source, &mut cursor).await.is_empty());
    }
}

#[tokio::test]
async fn followers_are_counted_now_and_then() {
    let server = Arc::new(Server::new(vec![]));
    let more = "searches = [\"kettle\"]\nfollowers_of = [\"@acme.example\", \"did:plc:other\", \"quiet.example\"]";
    let (mut source, mut cursor) = (source(&server, more), None);
    let counted = |events: Vec<Event>| -> Vec<(String, u64)> {
        let snapshot = |event| match event {
            Event::AccountSnapshot(snapshot) => Some((snapshot.account, snapshot.followers)),
            _ => None,
        };
        events.into_iter().filter_map(snapshot).collect()
    };
    let both = [("acme.example".to_owned(), 41), ("did:plc:other".to_owned(), 3)];
    assert_eq!(counted(round(&mut *source, &mut cursor).await), both);
    server.clock.advance(Duration::from_secs(600));
    assert!(counted(round(&mut *source, &mut cursor).await).is_empty());
    server.clock.advance(Duration::from_secs(6 * 3600));
    assert_eq!(counted(round(&mut *source, &mut cursor).await), both);
}

#[tokio::test]
async fn a_search_that_is_refused_does_not_stop_the_others() {
    let server = Arc::new(Server::new(vec![post(1, 0)]));
    *server.refused.lock().unwrap() = Some("\"kettle");
    let (mut source, mut cursor) = (source(&server, "searches = ['\"kettle', \"tea\"]"), None);
    assert_eq!(names(&round(&mut *source, &mut cursor).await), ["upsert"]);
    let notice = source.notice().unwrap();
    assert!(
        notice.starts_with("the search \"\\\"kettle\" is refused: GET https://bsky.social/xrpc/app.bsky"),
        "{notice}"
    );
    assert_eq!(source.poll(cursor.as_ref()).await.unwrap().complete_through, None, "nothing is promised for it");
    *server.refused.lock().unwrap() = None;
    server.clock.advance(Duration::from_secs(600));
    round(&mut *source, &mut cursor).await;
    assert_eq!(source.notice(), None, "it is tried again by itself");
}

#[test]
fn wrong_settings_name_their_key() {
    for (more, message) in [
        ("searches = [\"a\"]", "`password_env` is missing: it names where an app password is"),
        ("searches = []\npassword_env = \"P\"", "`searches` is empty, or has an empty one: name what is searched"),
        ("searches = [\"a\"]\npassword_env = \"P\"\nhost = \"bsky.social\"", "`host` is no address"),
        ("searches = [\"a\"]\npassword_env = \"P\"\nhost = \"ftp://x\"", "`host` does not start with https://"),
    ] {
        let table = format!("name = \"s\"\nkind = \"bluesky_search\"\naccount = \"me\"\n{more}");
        let error = grapevine_sources::parse(&toml::from_str(&table).unwrap()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("source \"s\" (bluesky_search): {message}")), "{error}");
    }
}
