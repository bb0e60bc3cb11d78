//! What X's shapes do not show: rules in step with the monitors, a stream that breaks, a budget.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    task::Poll,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};
use grapevine_model::Event;
use grapevine_monitor::{Brand, Monitor, MonitorQuery};
use grapevine_sources::{
    Clock, Cursor, Page, Source, SourceError, World,
    conformance::StepClock,
    http::{
        ByteStream, Method, Opened, Request, Response, Transport,
        header::{HeaderMap, HeaderValue},
    },
};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::kit::{mentions, noon, spec};

/// A list; R writes an empty one as `{}`.
pub fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// X as these tests need it: it keeps rules, streams what it is given, and finds posts by their time.
struct Platform {
    clock: StepClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rules: Vec<(String, String, String)>,
    streams: VecDeque<Result<ByteStream, u16>>,
    posts: Vec<Timestamp>,
    /// So many tokens lead nowhere.
    refused_tokens: usize,
    log: Vec<String>,
    sent: usize,
}

fn id_of(time: Timestamp) -> u64 {
    ((time.as_millisecond() - 1_288_834_974_657) as u64) << 22
}

fn post(time: Timestamp) -> Value {
    let id = id_of(time).to_string();
    json!({"id": id, "text": "A kettle", "author_id": "8", "edit_history_tweet_ids": [id], "created_at": time.to_string()})
}

fn line(time: Timestamp) -> Bytes {
    Bytes::from(format!("{}\r\n", json!({"data": post(time)})))
}

/// Every 20 s, whenever somebody looks.
fn heartbeats(clock: StepClock) -> ByteStream {
    let mut next = clock.now();
    stream::poll_fn(move |_| match clock.now() >= next {
        true => {
            next = clock.now() + SignedDuration::from_secs(20);
            Poll::Ready(Some(Ok(Bytes::from_static(b"\r\n"))))
        }
        false => Poll::Pending,
    })
    .boxed()
}

impl Platform {
    fn rules(state: &mut State, request: &Request) -> Value {
        if request.method == Method::GET {
            let rules: Vec<Value> =
                state.rules.iter().map(|(id, value, tag)| json!({"id": id, "value": value, "tag": tag})).collect();
            return json!({"data": rules, "meta": {"sent": "now"}});
        }
        let body: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).unwrap();
        let values = items(&body["add"]);
        let refused: Vec<Value> =
            values.iter().filter(|rule| text(&rule["value"]).contains("#refused")).cloned().collect();
        if !request.url.query().unwrap_or_default().contains("dry_run") {
            state.rules.retain(|(id, ..)| !items(&body["delete"]["ids"]).contains(&json!(id)));
            for rule in values.iter().filter(|rule| !refused.contains(rule)) {
                let id = (100 + state.log.len()).to_string();
                state.rules.push((id, text(&rule["value"]).to_owned(), text(&rule["tag"]).to_owned()));
            }
        }
        let errors: Vec<Value> =
            refused.iter().map(|rule| json!({"value": rule["value"], "details": ["not this one"]})).collect();
        json!({"meta": {"summary": {}}, "errors": errors})
    }

    fn search(state: &mut State, request: &Request, now: Timestamp) -> Value {
        let asked =
            |name: &str| request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let since = asked("since_id").and_then(|id| id.parse().ok()).unwrap_or(0);
        let start: Option<Timestamp> = asked("start_time").map(|time| time.parse().unwrap());
        let before = asked("next_token").and_then(|id| id.parse().ok()).unwrap_or(u64::MAX);
        let most: usize = asked("max_results").unwrap().parse().unwrap();
        let is_asked = |time: &&Timestamp| {
            let id = id_of(**time);
            **time <= now && id > since && id < before && start.is_none_or(|start| **time >= start)
        };
        let mut found: Vec<Timestamp> = state.posts.iter().filter(is_asked).copied().collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        let token = (found.len() > most).then(|| id_of(found[most - 1]).to_string());
        found.truncate(most);
        state.sent += found.len();
        let ids = |time: Option<&Timestamp>| time.map(|time| id_of(*time).to_string());
        json!({"data": found.iter().map(|time| post(*time)).collect::<Vec<_>>(),
            "meta": {"newest_id": ids(found.first()), "oldest_id": ids(found.last()), "next_token": token}})
    }
}

#[async_trait]
impl Transport for Platform {
    async fn send(&self, request: Request) -> Result<Response, SourceError> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let path = request.url.path().trim_start_matches("/2/tweets/search/").to_owned();
        let dry = if request.url.query().unwrap_or_default().contains("dry_run") { " dry" } else { "" };
        state.log.push(format!("{} {path}{dry}", request.method));
        let is_refused = state.refused_tokens > 0 && request.url.query().unwrap_or_default().contains("next_token");
        if is_refused {
            state.refused_tokens -= 1;
            let body = json!({"title": "Invalid Request", "detail": "'next_token': invalid value"}).to_string();
            return Ok(Response { status: 400, headers: Default::default(), body: body.into(), at: now });
        }
        let body = match path.as_str() {
            "stream/rules" => Self::rules(&mut state, &request),
            "recent" => Self::search(&mut state, &request, now),
            other => panic!("{other} is not asked for"),
        };
        Ok(Response { status: 200, headers: Default::default(), body: body.to_string().into(), at: now })
    }

    async fn open(&self, _: Request) -> Result<Opened, SourceError> {
        let mut state = self.state.lock();
        state.log.push("OPEN stream".to_owned());
        let mut headers = HeaderMap::new();
        let (status, body) = match state.streams.pop_front() {
            Some(Ok(body)) => (200, body),
            Some(Err(200)) => {
                headers.insert("content-type", HeaderValue::from_static("text/html; charset=utf-8"));
                let page = Bytes::from_static(b"<!DOCTYPE html><title>Just a moment</title>\r\n");
                (200, stream::iter([Ok(page)]).boxed())
            }
            Some(Err(status)) => (status, stream::empty().boxed()),
            None => (200, heartbeats(self.clock.clone())),
        };
        let response = Response { status, headers, body: Vec::new(), at: self.clock.now() };
        Ok(Opened { response, body })
    }
}

/// A source, its platform and its clock.
struct Trial {
    platform: Arc<Platform>,
    clock: StepClock,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
}

fn trial(more: &str, monitors: &[&str]) -> Trial {
    let clock = StepClock::at(noon());
    let platform = Arc::new(Platform { clock: clock.clone(), state: Mutex::default() });
    let monitors = monitors.iter().map(|query| Monitor { name: (*query).into(), query: (*query).into() }).collect();
    let brand = Brand { name: "Acme".into(), competitor: false, accounts: vec![], spaces: vec![], monitors };
    let world = World::real()
        .with_transport(platform.clone())
        .with_clock(Arc::new(clock.clone()))
        .with_variables(|_| Some("token".to_owned()))
        .with_monitors(MonitorQuery::all(&[brand]).unwrap());
    let source = spec(&format!("name = \"x\"\nkind = \"x\"\ntoken_env = \"T\"\n{more}")).build(&world);
    Trial { platform, clock, source, cursor: None }
}

impl Trial {
    async fn poll(&mut self) -> Result<Page, SourceError> {
        let page = self.source.poll(self.cursor.as_ref()).await?;
        self.cursor = Some(page.cursor.clone());
        Ok(page)
    }

    async fn drain(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let page = self.poll().await.unwrap();
            events.extend(page.events);
            if page.state != grapevine_sources::Progress::Behind {
                return events;
            }
        }
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.platform.state.lock().log)
    }
}

#[tokio::test]
async fn the_rules_follow_the_monitors_and_others_keep_theirs() {
    let mut trial = trial("method = \"stream\"\nlanguages = [\"en\"]", &["#tea -jobs", "#refused", "\"?!\""]);
    trial.platform.state.lock().rules = vec![
        ("1".into(), "#old lang:en".into(), "grapevine:0".into()),
        ("2".into(), "#theirs".into(), "by hand".into()),
    ];
    trial.drain().await;
    let log = trial.log();
    assert_eq!(log[..4], ["GET stream/rules", "POST stream/rules dry", "POST stream/rules", "OPEN stream"], "{log:?}");
    let notice = trial.source.notice().unwrap();
    assert!(notice.contains("X refuses the rule") && notice.contains("not this one"), "{notice}");
    assert!(notice.contains("monitor \"\\\"?!\\\"\" of \"Acme\" asks for nothing that X can look for"), "{notice}");
    let rules: Vec<String> = trial.platform.state.lock().rules.iter().map(|(_, value, _)| value.clone()).collect();
    assert_eq!(rules, ["#theirs"]);
}

#[tokio::test]
async fn rules_that_stand_are_left_and_those_without_room_are_read_by_search() {
    let mut trial = trial("method = \"stream\"\nrules = 2", &["#tea"]);
    trial.platform.state.lock().rules =
        vec![("1".into(), "#mine".into(), "by hand".into()), ("2".into(), "#theirs".into(), "by hand".into())];
    trial.platform.state.lock().posts = vec![noon() + SignedDuration::from_mins(3)];
    trial.drain().await;
    assert!(trial.source.notice().unwrap().starts_with("1 of 1 rules have no room beside 2 of others"));
    assert_eq!(trial.log(), ["GET stream/rules", "OPEN stream", "GET recent"]);
    trial.clock.advance(std::time::Duration::from_secs(30));
    trial.platform.state.lock().posts.push(noon() + SignedDuration::from_secs(20));
    let mut found = HashSet::new();
    for _ in 0..3 {
        trial.drain().await.iter().for_each(|event| {
            if let Event::Upsert(mention) = event {
                found.insert(mention.key.clone());
            }
        });
        trial.clock.advance(std::time::Duration::from_secs(290));
    }
    assert_eq!(found.len(), 2, "the search goes on beside the stream");
}

#[tokio::test]
async fn a_stream_that_breaks_is_healed_by_search() {
    let mut trial = trial("method = \"stream\"", &["#tea"]);
    let at = |second: i64| noon() + SignedDuration::from_secs(second);
    let broken = vec![Ok(line(at(0))), Err(SourceError::Transient("reset by peer".to_owned()))];
    let whole: Vec<Result<Bytes, SourceError>> = vec![Ok(line(at(200)))];
    trial
        .platform
        .state
        .lock()
        .streams
        .extend([Ok(stream::iter(broken).boxed()), Ok(stream::iter(whole).chain(stream::pending()).boxed())]);
    assert_eq!(mentions(&trial.poll().await.unwrap().events).len(), 1);
    trial.clock.advance(std::time::Duration::from_secs(180));
    trial.platform.state.lock().posts = vec![at(100)];
    let events = trial.drain().await;
    let found: HashSet<String> = mentions(&events).iter().map(|mention| mention.key.native_id.clone()).collect();
    assert_eq!(found, HashSet::from([id_of(at(100)).to_string(), id_of(at(200)).to_string()]));
    let log = trial.log();
    assert_eq!(log.iter().filter(|one| *one == "OPEN stream").count(), 2, "{log:?}");
}

#[tokio::test]
async fn a_page_that_was_lost_is_read_by_search() {
    let mut trial = trial("method = \"stream\"", &["#tea"]);
    trial.drain().await;
    let before = trial.cursor.clone();
    let when = noon() + SignedDuration::from_secs(1);
    trial.platform.state.lock().posts = vec![when];
    trial.clock.advance(std::time::Duration::from_secs(60));
    trial.poll().await.unwrap();
    trial.cursor = before;
    assert_eq!(mentions(&trial.drain().await).len(), 1);
}

#[tokio::test]
async fn who_connects_too_often_waits_as_x_asks() {
    let mut trial = trial("method = \"stream\"", &["#tea"]);
    trial.platform.state.lock().streams.extend([Err(429), Err(429)]);
    for seconds in [60, 120] {
        let Err(SourceError::RateLimited { until, .. }) = trial.poll().await else { panic!("it is limited") };
        let wait = until.duration_since(trial.clock.now()).as_secs();
        assert!((seconds - 1..=seconds).contains(&wait), "{wait}");
        trial.log();
        assert!(matches!(trial.poll().await, Err(SourceError::RateLimited { .. })));
        assert_eq!(trial.log().len(), 0, "nothing is asked while it waits");
        trial.clock.advance(std::time::Duration::from_secs(seconds as u64 + 1));
    }
    assert!(trial.poll().await.is_ok());
}

#[tokio::test]
async fn an_error_frame_ends_the_connection_and_says_so() {
    let mut trial = trial("method = \"stream\"", &["#tea"]);
    let frame = json!({"errors": [{"title": "ConnectionException", "detail": "This stream is currently at the maximum allowed connection limit.",
        "connection_issue": "TooManyConnections", "type": "https://api.x.com/2/problems/streaming-connection"}]});
    let pieces: Vec<Result<Bytes, SourceError>> = vec![Ok(Bytes::from(format!("{frame}\r\n")))];
    trial.platform.state.lock().streams.push_back(Ok(stream::iter(pieces).chain(stream::pending()).boxed()));
    let page = trial.poll().await;
    assert!(page.is_ok() || page.unwrap_err().is_transient());
    trial.drain().await;
    assert_eq!(trial.log().iter().filter(|one| *one == "OPEN stream").count(), 2);
}

#[tokio::test]
async fn a_rejected_line_is_mapped_again_and_the_stream_goes_on() {
    let mut trial = trial("method = \"stream\"", &["#tea"]);
    let pieces = [Bytes::from("{\"data\": {\"id\": \"1\", \"text\": \"a\"}}\r\nno json\r\n"), line(noon())];
    trial.platform.state.lock().streams.push_back(Ok(stream::iter(pieces.map(Ok)).chain(stream::pending()).boxed()));
    let page = trial.poll().await.unwrap();
    assert_eq!((mentions(&page.events).len(), page.rejected.len()), (1, 2));
    assert_eq!(page.rejected[0].place, "post 1");
    assert_eq!(trial.source.remap(&page.rejected[0].raw, noon()).unwrap_err(), page.rejected[0].reason);
    assert_eq!(trial.source.remap(line(noon()).as_ref(), noon()).unwrap().len(), 1);
}

#[tokio::test]
async fn the_search_keeps_the_first_pages_newest_post() {
    let mut trial = trial("interval_seconds = 60", &["#tea"]);
    trial.platform.state.lock().posts = (1..=250).map(|n| noon() - SignedDuration::from_secs(n * 10)).collect();
    let first = trial.drain().await;
    assert_eq!(mentions(&first).len(), 250);
    assert_eq!(trial.log().len(), 3);
    trial.clock.advance(std::time::Duration::from_secs(60));
    trial.platform.state.lock().posts.push(noon() + SignedDuration::from_secs(5));
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(trial.drain().await);
    }
    assert_eq!(mentions(&found).len(), 1, "only what is new");
}

#[tokio::test]
async fn a_token_that_is_refused_begins_the_query_again_and_loses_nothing() {
    let mut trial = trial("interval_seconds = 60", &["#tea"]);
    {
        let mut state = trial.platform.state.lock();
        state.posts = (1..=250).map(|n| noon() - SignedDuration::from_secs(n * 10)).collect();
        state.refused_tokens = 1;
    }
    let found = trial.drain().await;
    let ids: HashSet<&str> = mentions(&found).iter().map(|mention| mention.key.native_id.as_str()).collect();
    assert_eq!((ids.len(), mentions(&found).len()), (250, 350), "the first page comes twice, and all is there");
    assert_eq!(trial.log().len(), 5, "a page, the refusal, and three pages from the first on");
}

#[tokio::test]
async fn what_x_lists_late_is_found_by_the_round_after_one_that_found_nothing() {
    let mut trial = trial("interval_seconds = 60\nbackfill_hours = 1", &["#tea"]);
    assert_eq!(trial.drain().await.len(), 0);
    trial.clock.advance(std::time::Duration::from_secs(60));
    // Written before the empty round began, and not listed then.
    trial.platform.state.lock().posts.push(noon() - SignedDuration::from_secs(40));
    let mut found = Vec::new();
    for _ in 0..3 {
        found.extend(trial.drain().await);
    }
    assert_eq!(mentions(&found).len(), 1);
}

#[tokio::test]
async fn a_page_for_people_in_place_of_the_stream_is_no_post_and_what_it_hid_is_found() {
    let mut trial = trial("method = \"stream\"", &["#tea"]);
    let at = |second: i64| noon() + SignedDuration::from_secs(second);
    let broken = vec![Ok(line(at(0))), Err(SourceError::Transient("reset by peer".to_owned()))];
    trial.platform.state.lock().streams.extend([Ok(stream::iter(broken).boxed()), Err(200)]);
    assert_eq!(mentions(&trial.poll().await.unwrap().events).len(), 1);
    trial.clock.advance(std::time::Duration::from_secs(30));
    trial.platform.state.lock().posts = vec![at(20)];
    let refused = trial.poll().await.unwrap_err();
    assert!(refused.is_transient() && refused.to_string().contains("answered HTML"), "{refused}");
    trial.clock.advance(std::time::Duration::from_secs(90));
    let mut found = Vec::new();
    for _ in 0..3 {
        let page = trial.poll().await.unwrap();
        assert!(page.rejected.is_empty(), "{:?}", page.rejected);
        found.extend(page.events);
    }
    assert_eq!(
        mentions(&found).iter().map(|one| one.key.native_id.clone()).collect::<Vec<_>>(),
        [id_of(at(20)).to_string()]
    );
    assert_eq!(trial.log().iter().filter(|one| *one == "OPEN stream").count(), 3);
}

/// One post a minute for twelve days, and money for a fifth of them.
#[tokio::test]
async fn a_budget_lasts_and_what_is_skipped_is_said() {
    let mut trial = trial("interval_seconds = 600\nmonthly_usd = 45", &["#tea"]);
    let days = 12;
    trial.platform.state.lock().posts = (0..days * 1440).map(|n| noon() + SignedDuration::from_mins(n)).collect();
    let (mut found, mut spans, mut weights) = (0, 0, 0.0);
    let end = noon() + SignedDuration::from_hours(24 * days);
    while trial.clock.now() < end {
        match trial.poll().await {
            Ok(page) => {
                for event in &page.events {
                    match event {
                        Event::Upsert(mention) => (found, weights) = (found + 1, weights + f64::from(mention.weight)),
                        Event::Sampled(sampled) => {
                            assert!(sampled.rate < 1.0 && sampled.from < sampled.to);
                            spans += 1;
                        }
                        _ => {}
                    }
                }
                trial.clock.advance(std::time::Duration::from_secs(20));
            }
            Err(SourceError::RateLimited { until, .. }) => {
                let wait = until.duration_since(trial.clock.now());
                trial.clock.advance(wait.try_into().unwrap_or_default());
            }
            Err(error) => panic!("{error}"),
        }
    }
    let (sent, share) = (trial.platform.state.lock().sent, f64::from(days as i32) / 31.0);
    assert!((sent as f64) < 9000.0 * (share + 0.1), "{sent} of 9000 posts a month were paid in {days} days");
    assert!((sent as f64) > 9000.0 * share * 0.6 && found == sent, "{sent} {found}");
    let all = (days * 1440) as f64;
    assert!(spans > 100 && (weights - all).abs() < 0.25 * all, "{spans} spans, weights of {weights} for {all}");
}

#[tokio::test]
async fn a_source_without_anything_to_ask_for_says_so() {
    let mut trial = trial("", &[]);
    let error = trial.poll().await.unwrap_err().to_string();
    assert!(error.starts_with("there is nothing to ask X for"), "{error}");
    assert!(trial.source.check().await.is_err());
}
