//! What the reading of a definition does, request by request.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use grapevine_model::Event;
use grapevine_sources::{
    Cursor, Page, Progress, Source, SourceError, World,
    http::{Request, Response, Transport},
    parse,
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{
    client::serve,
    kit::{Fixed, ids, noon},
};

/// Answers in turn, and keeps the paths and queries that were asked.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let asked = request.url.as_str().trim_start_matches("https://a.example").to_owned();
        let answer = self.answers.lock().pop_front();
        let (status, body) = answer.unwrap_or_else(|| panic!("nobody expected {asked}"));
        self.asked.lock().push(asked);
        let headers = Default::default();
        Ok(Response { status, headers, body: body.to_string().into(), at: noon() })
    }
}

/// A definition with two listings; what is written between is theirs.
fn definition(posts: &str, replies: &str) -> String {
    let listing = |name: &str, more: &str| {
        format!(
            "[[listing]]\nname = \"{name}\"\nrecords = [\"items\"]\n{more}\n[listing.map]\nid = \"id\"\n\
             created_at = {{ from = \"at\", as = \"unix_s\" }}\ntext = \"text\"\nlikes = \"likes\"\n"
        )
    };
    let head = "name = \"small\"\ndoc = \"A small platform.\"\nterms = \"None.\"\n\
                poll = { every = \"1m\", backfill = \"24h\", look_back = \"1h\", lateness = \"1m\" }\n";
    let replies = if replies.is_empty() { String::new() } else { listing("replies", replies) };
    format!("{head}{}{replies}", listing("posts", posts))
}

/// A platform, its clock, and the source that reads it by a user's definition.
struct Trial {
    platform: Scripted,
    folder: tempfile::TempDir,
    cursor: Option<Cursor>,
    now: Timestamp,
}

impl Trial {
    fn new(definition: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.toml"), definition).unwrap();
        Self { platform: Scripted::default(), folder, cursor: None, now: noon() }
    }

    fn source(&self) -> Box<dyn Source> {
        let file = self.folder.path().join("small.toml");
        let table = format!("name = 's'\nkind = 'declarative'\ndefinition = '{}'", file.display());
        let spec = parse(&toml::from_str(&table).unwrap()).unwrap_or_else(|error| panic!("{error}"));
        let world = World::real().with_clock(Arc::new(Fixed(self.now))).with_transport(Arc::new(self.platform.clone()));
        spec.build(&world)
    }

    fn answer(&self, status: u16, body: Value) {
        self.platform.answers.lock().push_back((status, body));
    }

    /// One poll of a new process, and what it asked.
    async fn poll(&mut self) -> (Result<Page, SourceError>, Vec<String>) {
        let polled = self.source().poll(self.cursor.as_ref()).await;
        if let Ok(page) = &polled {
            self.cursor = Some(page.cursor.clone());
        }
        (polled, std::mem::take(&mut *self.platform.asked.lock()))
    }

    async fn page(&mut self) -> (Page, Vec<String>) {
        let (polled, asked) = self.poll().await;
        (polled.unwrap_or_else(|error| panic!("{error}")), asked)
    }
}

/// Posts so many minutes before noon.
fn items(posts: &[(u64, i64)]) -> Value {
    let item = |(id, ago): &(u64, i64)| json!({"id": id, "at": noon().as_second() - 60 * ago, "text": format!("post {id}"), "likes": 1});
    json!({"items": posts.iter().map(item).collect::<Vec<_>>(), "next": "t2"})
}

const CURSOR: &str = "paging = { kind = \"cursor\", at = \"next\" }\n\
                      request = { url = \"https://a.example/posts\", query = { p = \"{page}\" } }";

#[tokio::test]
async fn a_run_ends_at_what_is_known_and_only_news_come_again() {
    let mut trial = Trial::new(&definition(CURSOR, ""));
    trial.answer(200, items(&[(3, 10), (2, 50)]));
    let (page, asked) = trial.page().await;
    assert_eq!((ids(&page.events), page.state), (vec!["3", "2"], Progress::Behind));
    assert_eq!(asked, ["/posts"]);
    assert_eq!(page.complete_through, None);
    trial.answer(200, items(&[(1, 60 * 30)]));
    let (page, asked) = trial.page().await;
    assert_eq!((ids(&page.events), page.state, asked), (vec!["1"], Progress::CaughtUp, vec!["/posts?p=t2".to_owned()]));
    assert_eq!(page.complete_through, Some(noon() - SignedDuration::from_mins(1)));

    let (page, asked) = trial.page().await;
    assert!(page.events.is_empty() && asked.is_empty(), "it rests");

    trial.now = noon() + SignedDuration::from_mins(2);
    let mut again = items(&[(4, -1), (3, 10), (2, 50), (9, 90)]);
    again["items"][1]["likes"] = json!(5);
    again["items"][2]["text"] = json!("edited");
    trial.answer(200, again);
    let (page, _) = trial.page().await;
    assert_eq!((ids(&page.events), page.state), (vec!["4", "2", "9"], Progress::CaughtUp));
    let snapshots = page.events.iter().filter(|event| matches!(event, Event::EngagementSnapshot(_)));
    assert_eq!(snapshots.count(), 1);
}

#[tokio::test]
async fn a_token_that_the_platform_forgot_is_given_up_and_nothing_lost() {
    let mut trial = Trial::new(&definition(CURSOR, ""));
    trial.answer(200, items(&[(3, 10)]));
    trial.page().await;
    trial.answer(400, json!({"error": "no such token"}));
    trial.answer(200, items(&[(4, 1), (3, 10)]));
    let (page, asked) = trial.page().await;
    assert_eq!(asked, ["/posts?p=t2", "/posts"]);
    assert_eq!((ids(&page.events), page.state), (vec!["4"], Progress::Behind));
    for _ in 0..2 {
        trial.answer(400, json!({"error": "no such token"}));
        trial.answer(200, items(&[(4, 1), (3, 10)]));
        assert_eq!(trial.page().await.1, ["/posts?p=t2", "/posts"]);
    }
    trial.answer(400, json!({"error": "it never knows one"}));
    let (polled, asked) = trial.poll().await;
    assert_eq!(asked, ["/posts?p=t2"]);
    assert!(matches!(polled, Err(SourceError::Config(message)) if message.contains("it never knows one")));
}

#[tokio::test]
async fn a_platform_that_ends_too_early_leaves_a_gap() {
    let mut trial = Trial::new(&definition(&format!("max_pages = 1\n{CURSOR}"), ""));
    trial.answer(200, items(&[(3, 10), (2, 60)]));
    let (page, _) = trial.page().await;
    let [.., Event::Gap(gap)] = page.events.as_slice() else { panic!("no gap: {:?}", page.events) };
    assert_eq!((gap.from, gap.to), (noon() - SignedDuration::from_hours(24), noon() - SignedDuration::from_hours(1)));
    assert_eq!(page.state, Progress::CaughtUp);
}

#[tokio::test]
async fn an_unreadable_cursor_is_told() {
    let mut trial = Trial::new(&definition(CURSOR, ""));
    for (cursor, reason) in [
        (Cursor { version: 9, value: json!({}) }, "the saved cursor is of version 9"),
        (Cursor { version: 1, value: json!(3) }, "the saved cursor is unreadable"),
        (
            Cursor {
                version: 1,
                value: json!({"last": "", "partitions": {"posts": {"mark": "2031-01-01T00:00:00Z"}}}),
            },
            "the saved cursor, 2031-01-01T00:00:00Z, lies in the future",
        ),
    ] {
        trial.cursor = Some(cursor);
        trial.answer(200, items(&[(3, 10)]));
        let (page, _) = trial.page().await;
        let Some(Event::Gap(gap)) = page.events.first() else { panic!("no gap: {:?}", page.events) };
        assert!(gap.reason.starts_with(reason), "{}", gap.reason);
        assert_eq!(ids(&page.events), ["3"]);
    }
}

#[tokio::test]
async fn a_listing_that_fails_does_not_keep_the_others_back() {
    let replies = "request = { url = \"https://a.example/replies\" }";
    let mut trial = Trial::new(&definition(CURSOR, replies));
    (0..3).for_each(|_| trial.answer(500, json!({})));
    trial.answer(200, items(&[(7, 5)]));
    let (page, asked) = trial.page().await;
    assert_eq!(asked, ["/posts", "/posts", "/posts", "/replies"]);
    assert_eq!((ids(&page.events), page.complete_through), (vec!["7"], None));
    (0..3).for_each(|_| trial.answer(500, json!({})));
    let (polled, _) = trial.poll().await;
    assert!(matches!(polled, Err(SourceError::Transient(_))), "{polled:?}");
}

#[tokio::test]
async fn ids_that_ascend_are_read_on_from_where_the_last_run_ended() {
    let posts = "order = \"oldest_first\"\npaging = { kind = \"since\", field = \"id\", first = 0 }\n\
                 request = { url = \"https://a.example/posts\", query = { after = \"{page}\" } }";
    let mut trial = Trial::new(&definition(posts, ""));
    let mut asked = Vec::new();
    for body in [items(&[(2, 50), (3, 50)]), items(&[]), items(&[(4, -1)]), items(&[])] {
        trial.answer(200, body);
        let (page, more) = trial.page().await;
        asked.extend(more);
        if page.state == Progress::CaughtUp {
            trial.now += SignedDuration::from_mins(2);
        }
    }
    assert_eq!(asked, ["/posts?after=0", "/posts?after=3", "/posts?after=3", "/posts?after=4"]);
}

#[tokio::test]
async fn a_next_page_at_another_host_is_refused() {
    let posts = "paging = { kind = \"next_url\", at = \"next\" }\nrequest = { url = \"https://a.example/posts\" }";
    let mut trial = Trial::new(&definition(posts, ""));
    let mut body = items(&[(3, 10)]);
    body["next"] = json!("/posts?p=2");
    trial.answer(200, body.clone());
    trial.page().await;
    body["items"][0]["id"] = json!(2);
    body["next"] = json!("https://evil.example/posts?p=3");
    trial.answer(200, body);
    assert_eq!(trial.page().await.1, ["/posts?p=2"]);
    let (polled, asked) = trial.poll().await;
    assert!(asked.is_empty());
    assert!(matches!(polled, Err(SourceError::Config(message)) if message.contains("lies at https://evil.example")));
}

#[tokio::test]
async fn what_can_not_be_mapped_is_rejected_and_maps_again_when_it_can() {
    let mut trial = Trial::new(&definition(CURSOR, ""));
    let mut body = items(&[(3, 10), (2, 20)]);
    body["items"][1]["likes"] = json!("many");
    trial.answer(200, body);
    let (page, _) = trial.page().await;
    assert_eq!(ids(&page.events), ["3"]);
    let [rejected] = page.rejected.as_slice() else { panic!("{:?}", page.rejected) };
    assert_eq!(rejected.place, "posts record 1 of page 1");
    assert_eq!(rejected.reason, "`likes` is \"many\", where a number was expected");
    assert_eq!(trial.source().remap(&rejected.raw, noon()).unwrap_err(), rejected.reason);
    let mended = String::from_utf8_lossy(&rejected.raw).replace("\"many\"", "4");
    assert_eq!(ids(&trial.source().remap(mended.as_bytes(), noon()).unwrap()), ["2"]);
}

#[tokio::test]
async fn check_asks_each_listing_once() {
    let trial = Trial::new(&definition(CURSOR, "request = { url = \"https://a.example/replies\" }"));
    trial.answer(200, items(&[]));
    trial.answer(403, json!({"error": "no"}));
    assert!(matches!(trial.source().check().await, Err(SourceError::Auth(_))));
    assert_eq!(*trial.platform.asked.lock(), ["/posts", "/replies"]);
}

/// With nothing scripted but the other side of the wire.
#[tokio::test]
async fn a_shipped_platform_is_read_over_http() {
    let body = r#"{"latest_posts": [{"id": 9, "topic_id": 5, "post_number": 1, "username": "bo", "cooked": "<p>Hi</p>",
                                     "created_at": "2020-01-01T00:00:00Z"}]}"#;
    let (port, served) = serve(vec![Box::leak(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .into_boxed_str(),
    )]);
    let table = format!("name = 'f'\nkind = 'discourse'\nbase_url = 'http://127.0.0.1:{port}/'\napi_key_env = 'KEY'");
    let world = World::real().with_variables(|name| (name == "KEY").then(|| "s3cr3t".to_owned()));
    let page = parse(&toml::from_str(&table).unwrap()).unwrap().build(&world).poll(None).await.unwrap();
    assert_eq!((ids(&page.events), page.state), (vec!["5/1"], Progress::CaughtUp));
    let asked = served.join().unwrap().concat().to_lowercase();
    assert!(asked.starts_with("get /posts.json http/1.1\r\n"), "{asked}");
    assert!(asked.contains("api-key: s3cr3t\r\n") && asked.contains("api-username: system\r\n"), "{asked}");
}
