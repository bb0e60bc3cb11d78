//! What the reading of a definition does, request by request.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use grapevine_model::Event;
use grapevine_sources::{
    Clock, Cursor, Page, Progress, Source, SourceError, World,
    conformance::StepClock,
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
pub struct Trial {
    platform: Scripted,
    folder: tempfile::TempDir,
    cursor: Option<Cursor>,
    pub now: Timestamp,
    /// More keys of its table.
    settings: &'static str,
}

impl Trial {
    pub fn new(definition: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("small.toml"), definition).unwrap();
        Self { platform: Scripted::default(), folder, cursor: None, now: noon(), settings: "" }
    }

    fn source(&self) -> Box<dyn Source> {
        self.source_by(Arc::new(Fixed(self.now)))
    }

    fn source_by(&self, clock: Arc<dyn Clock>) -> Box<dyn Source> {
        let file = self.folder.path().join("small.toml");
        let table = format!("name = 's'\nkind = 'declarative'\ndefinition = '{}'\n{}", file.display(), self.settings);
        let spec = parse(&toml::from_str(&table).unwrap()).unwrap_or_else(|error| panic!("{error}"));
        let world = World::real().with_clock(clock).with_transport(Arc::new(self.platform.clone()));
        let world = world.with_variables(|name| (name == "KEY").then(|| "s3cr3t".to_owned()));
        spec.build(&world)
    }

    pub fn answer(&self, status: u16, body: Value) {
        self.platform.answers.lock().push_back((status, body));
    }

    /// One poll of a new process, and what it asked.
    pub async fn poll(&mut self) -> (Result<Page, SourceError>, Vec<String>) {
        let polled = self.source().poll(self.cursor.as_ref()).await;
        if let Ok(page) = &polled {
            self.cursor = Some(page.cursor.clone());
        }
        (polled, std::mem::take(&mut *self.platform.asked.lock()))
    }

    pub async fn page(&mut self) -> (Page, Vec<String>) {
        let (polled, asked) = self.poll().await;
        (polled.unwrap_or_else(|error| panic!("{error}")), asked)
    }
}

/// Posts so many minutes before noon.
pub fn items(posts: &[(u64, i64)]) -> Value {
    let item = |(id, ago): &(u64, i64)| json!({"id": id, "at": noon().as_second() - 60 * ago, "text": format!("post {id}"), "likes": 1});
    json!({"items": posts.iter().map(item).collect::<Vec<_>>(), "next": "t2"})
}

const CURSOR: &str = "paging = { kind = \"cursor\", at = \"next\" }\n\
                      request = { url = \"https://a.example/posts\", query = { p = \"{page}\" } }";

#[tokio::test]
async fn a_token_that_is_always_the_same_leads_on_while_the_pages_show_something_else() {
    let repeats = CURSOR.replace("at = ", "repeats = true, at = ");
    let mut trial = Trial::new(&definition(&format!("order = \"any\"\n{repeats}"), ""));
    for page in [&[(3, 10)], &[(2, 60 * 30)], &[(1, 20)], &[(1, 20)]] {
        trial.answer(200, items(page));
    }
    let (mut given, mut states) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let (page, _) = trial.page().await;
        given.extend(ids(&page.events).into_iter().map(str::to_owned));
        states.push(page.state == Progress::Behind);
    }
    assert_eq!((given.join(" ").as_str(), states), ("3 2 1", vec![true, true, true, false]));
}

#[tokio::test]
async fn a_token_that_leads_back_ends_the_reading_and_is_said() {
    let trial = Trial::new(&definition(CURSOR, ""));
    [&[(3, 10)], &[(2, 20)]].into_iter().for_each(|page| trial.answer(200, items(page)));
    let mut source = trial.source();
    let first = source.poll(None).await.unwrap();
    assert_eq!((source.notice(), first.state), (None, Progress::Behind));
    let second = source.poll(Some(&first.cursor)).await.unwrap();
    assert_eq!((ids(&second.events), second.state), (vec!["2"], Progress::CaughtUp));
    let notice = source.notice().unwrap();
    assert!(notice.contains("led back") && notice.contains("written before 2026-03-01T11:40:00Z"), "{notice}");
}

#[tokio::test]
async fn a_cursor_of_two_parts_fills_two_holes() {
    let parts = "paging = { kind = \"cursor\", at = \"next\", with = { found = \"search\" } }\norder = \"any\"\n\
                 request = { url = \"https://a.example/posts\", since_as = \"date\", \
                 query = { p = \"{page}\", s = \"{found}\", to = \"{until}\" } }";
    let mut trial = Trial::new(&definition(parts, ""));
    let mut first = items(&[(3, 10)]);
    first["search"] = json!("f7");
    trial.answer(200, first);
    trial.answer(200, json!({"items": []}));
    assert_eq!(trial.page().await.1, ["/posts?to=20260301"]);
    assert_eq!(trial.page().await.1, ["/posts?p=t2&s=f7&to=20260301"]);
}

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
    // The replies are read and rest until their time: the posts alone are no reason to wait with everything.
    (0..3).for_each(|_| trial.answer(500, json!({})));
    assert_eq!(trial.page().await.0.state, Progress::CaughtUp);
    trial.now += SignedDuration::from_mins(2);
    (0..6).for_each(|_| trial.answer(500, json!({})));
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
    assert_eq!(rejected.place, "posts record 2");
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

/// Answers both listings of one process in turn; the posts come first.
async fn polled(statuses: [u16; 2]) -> (Result<Page, SourceError>, Option<String>) {
    let trial = Trial::new(&definition(CURSOR, "request = { url = \"https://a.example/replies\" }"));
    for status in statuses {
        trial.answer(status, if status == 200 { items(&[(1, 60 * 30)]) } else { json!({"error": "no"}) });
    }
    let mut source = trial.source();
    let first = source.poll(None).await;
    let page = match first {
        Ok(page) if trial.platform.answers.lock().is_empty() => Ok(page),
        Ok(page) => source.poll(Some(&page.cursor)).await,
        Err(error) => Err(error),
    };
    (page, source.notice())
}

#[tokio::test]
async fn one_listing_that_is_gone_stops_no_other_and_is_told() {
    let (page, notice) = polled([404, 200]).await;
    let page = page.unwrap();
    assert_eq!((ids(&page.events), page.complete_through), (vec!["1"], None), "what is not read is not complete");
    let notice = notice.unwrap();
    assert!(notice.starts_with("posts is not read until 2026-03-01T13:00:00Z: gone: posts: GET"), "{notice}");
    assert_eq!(polled([200, 200]).await.1, None);
    let (page, _) = polled([404, 403]).await;
    assert!(matches!(page, Err(SourceError::Gone(_) | SourceError::Auth(_))), "{page:?}");
}

#[tokio::test]
async fn a_listing_that_is_gone_is_asked_again_after_an_hour_and_then_later() {
    let trial = Trial::new(&definition(CURSOR, ""));
    let clock = StepClock::at(noon());
    let mut source = trial.source_by(Arc::new(clock.clone()));
    let mut asked = Vec::new();
    for minutes in [59, 1, 119, 1] {
        trial.answer(404, json!({}));
        for _ in 0..2 {
            assert!(matches!(source.poll(None).await, Err(SourceError::Gone(_))), "it rests, and says so");
        }
        asked.push(trial.platform.asked.lock().len());
        clock.advance(Duration::from_secs(60 * minutes));
    }
    assert_eq!(asked, [1, 1, 2, 2]);
    trial.answer(404, json!({}));
    assert!(source.poll(None).await.is_err());
    assert_eq!(trial.platform.asked.lock().len(), 3);
}

/// One that is limited while the other waits for its time: the other must not wait longer.
#[tokio::test]
async fn one_limited_listing_does_not_make_the_others_wait() {
    let (page, notice) = polled([200, 429]).await;
    assert_eq!(page.unwrap().state, Progress::CaughtUp);
    assert!(notice.unwrap().starts_with("replies is not read until "));
    let (page, _) = polled([429, 429]).await;
    assert!(matches!(page, Err(SourceError::RateLimited { .. })), "{page:?}");
}

#[tokio::test]
async fn a_rejected_record_is_parked_once_wherever_it_moves_to() {
    let mut trial = Trial::new(&definition("request = { url = \"https://a.example/posts\" }", ""));
    let bad = |likes: &str| json!({"id": 2, "at": noon().as_second() - 1200, "likes": likes});
    let mut parked = Vec::new();
    for (others, likes) in [(&[(3, 10)][..], "many"), (&[(4, 1), (3, 10)], "many"), (&[(4, 1)], "more")] {
        let mut body = items(others);
        body["items"].as_array_mut().unwrap().push(bad(likes));
        body["items"].as_array_mut().unwrap().push(json!({"text": "neither id nor time"}));
        trial.answer(200, body);
        let (page, _) = trial.page().await;
        parked.push(page.rejected.iter().map(|rejected| rejected.place.clone()).collect::<Vec<_>>());
        trial.now += SignedDuration::from_mins(2);
    }
    assert!(parked[0][1].starts_with("posts record without an id, "), "{parked:?}");
    assert_eq!((&parked[0][0], parked[0].len()), (&"posts record 2".to_owned(), 2));
    assert_eq!(&parked[1..], [vec![], vec!["posts record 2".to_owned()]], "only what is other is parked again");
}

#[tokio::test]
async fn the_address_of_the_next_page_keeps_no_secret() {
    let posts = "paging = { kind = \"next_url\", at = \"next\" }\nrequest = { url = \"https://a.example/posts\" }";
    let auth = "setting = [{ name = \"key\", type = \"secret\", doc = \"A key.\" }]\n\
                auth = { kind = \"query\", name = \"key\", secret = \"key\" }\npoll =";
    let mut trial = Trial::new(&definition(posts, "").replacen("poll =", auth, 1));
    trial.settings = "key_env = 'KEY'";
    let mut body = items(&[(3, 10), (2, 20)]);
    body["next"] = json!("https://a.example/posts?key=s3cr3t&p=2");
    body["items"][1]["likes"] = json!("many");
    trial.answer(200, body.clone());
    let (page, _) = trial.page().await;
    assert!(!format!("{page:?}").contains("s3cr3t"), "{page:?}");
    body["items"][0]["id"] = json!(1);
    body["items"][1]["id"] = json!(7);
    trial.answer(200, body);
    let (page, asked) = trial.page().await;
    assert_eq!(asked, ["/posts?p=2&key=s3cr3t"], "it is sent once");
    assert_eq!(page.rejected.len(), 1);
    assert!(!format!("{page:?}").contains("s3cr3t"), "{page:?}");
}

/// Numbered pages of a platform that gives empty ones at times.
const EMPTY_AT_TIMES: &str = "empty = \"unknown\"\npaging = { kind = \"page\" }\n\
                              request = { url = \"https://a.example/posts\", query = { p = \"{page}\" } }";

#[tokio::test]
async fn an_empty_first_page_is_no_end_where_it_may_be_a_mistake() {
    let mut trial = Trial::new(&definition(EMPTY_AT_TIMES, ""));
    trial.answer(200, items(&[(1, 60 * 30)]));
    let before = trial.page().await.0;
    trial.now += SignedDuration::from_mins(2);
    trial.answer(200, items(&[]));
    let (page, _) = trial.page().await;
    assert_eq!((page.complete_through, page.state), (before.complete_through, Progress::CaughtUp));
    assert!(before.complete_through.is_some() && page.events.is_empty());
    assert!(trial.page().await.1.is_empty(), "it rests as after any reading");
}

#[tokio::test]
async fn an_empty_later_page_above_the_floor_leaves_a_gap_once() {
    let mut trial = Trial::new(&definition(EMPTY_AT_TIMES, ""));
    let gaps = |page: &Page| page.events.iter().filter(|event| matches!(event, Event::Gap(_))).count();
    trial.answer(200, items(&[(3, 10)]));
    trial.page().await;
    trial.answer(200, items(&[]));
    let (page, _) = trial.page().await;
    let Some(Event::Gap(gap)) = page.events.last() else { panic!("no gap: {page:?}") };
    assert_eq!((gap.from, gap.to), (noon() - SignedDuration::from_hours(24), noon() - SignedDuration::from_mins(10)));
    // The next time, what lies before is known.
    trial.now += SignedDuration::from_mins(2);
    trial.answer(200, items(&[(3, 10)]));
    trial.page().await;
    trial.answer(200, items(&[]));
    assert_eq!(gaps(&trial.page().await.0), 0);
}

#[tokio::test]
async fn a_listing_may_be_later_than_the_others() {
    let mut trial = Trial::new(&definition(&format!("lateness = \"3h\"\n{CURSOR}"), ""));
    trial.answer(200, items(&[(1, 60 * 30)]));
    assert_eq!(trial.page().await.0.complete_through, Some(noon() - SignedDuration::from_hours(3)));
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
