//! The mapping over recorded messages and events, what Slack sends by itself, and what can not be read.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use grapevine_model::{Event, Kind, Mention};
use grapevine_sources::{
    Clock, Cursor, Page, Progress, Source, SourceError, World,
    conformance::{Answer, Expected, Platform, Scripted, StepClock, When},
    http::{
        Method, Request,
        header::{HeaderMap, HeaderValue},
    },
    push::{Answered, Delivery, Hooks, Inbox, Slot},
    slack::{Context, People, Said, map, map_event},
};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::kit::{ids, noon, recorded, spec};

fn context(people: &People) -> Context<'_> {
    Context {
        team: "T1",
        address: "https://acme.slack.com/",
        channel: "C1",
        channel_name: "general",
        people,
        is_listed: true,
        observed_at: noon(),
    }
}

fn mention(message: &Value) -> Mention {
    match map(message, &context(&People::default())) {
        Ok(Said::Mention(mention)) => *mention,
        other => panic!("{other:?}"),
    }
}

#[test]
fn recorded_messages_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/slack") else { return };
    let read =
        |name: &str| -> Value { serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap() };
    let mut found = 0;
    for name in ["conversations.history.json", "conversations.replies.json"] {
        for message in read(name)["messages"].as_array().unwrap() {
            let mention = mention(message);
            let text = |field: &str| message[field].as_str().map(str::to_owned);
            assert_eq!(mention.key.native_id, format!("C1/{}", text("ts").unwrap()));
            assert_eq!(Some(mention.text.clone()), text("text"));
            assert_eq!(Some(mention.author.native_id.clone()), text("user"));
            let seconds: f64 = text("ts").unwrap().parse().unwrap();
            assert_eq!(mention.created_at.as_second(), seconds as i64);
            let is_answer = message.get("thread_ts").is_some() && message["thread_ts"] != message["ts"];
            let root = text("thread_ts").filter(|_| is_answer).map(|ts| format!("C1/{ts}"));
            assert_eq!((mention.parent.clone(), mention.root.clone()), (root.clone(), root));
            assert_eq!(mention.parent_author, text("parent_user_id"));
            assert_eq!(mention.engagement.replies, Some(message["reply_count"].as_u64().unwrap_or(0)));
            found += 1;
        }
    }
    assert_eq!(found, 6);
    for name in ["MessageMePayload.json", "ReactionAddedPayload.json", "AppRateLimitedPayload.json"] {
        // Their values are blank.
        let said = map_event(&read(name)["event"], &context(&People::default()));
        assert!(!matches!(said, Ok(Said::Mention(_))), "{said:?}");
    }
}

#[test]
fn blocks_files_shares_and_apps_are_read() {
    let blocks = json!({"ts": "5.000100", "user": "U1", "text": "", "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Kettle* &amp; lid"}},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [
            {"type": "text", "text": "See "}, {"type": "user", "user_id": "U2"}, {"type": "emoji", "name": "teapot"}]}]},
        {"type": "image", "image_url": "https://a.example/1.png", "alt_text": "a pot"}]});
    let told = mention(&blocks);
    assert_eq!((told.text.as_str(), told.handles.join(" ").as_str()), ("*Kettle* & lid\nSee @U2:teapot:\na pot", "u2"));
    assert_eq!(told.media[0].url, "https://a.example/1.png");
    let file = json!({"id": "F1", "mimetype": "video/mp4", "permalink": "https://acme.slack.com/files/F1"});
    let told = mention(&json!({"ts": "5.0", "subtype": "file_share", "user": "U1", "text": "look", "files": [file]}));
    assert_eq!(
        (told.media[0].kind.as_str(), told.url.as_deref().unwrap()),
        ("video", "https://acme.slack.com/archives/C1/p50")
    );
    let share = json!({"is_share": true, "channel_id": "C2", "ts": "3.000000", "author_id": "U9", "text": "not mine",
        "from_url": "https://acme.slack.com/archives/C2/p3000000"});
    let told = mention(&json!({"ts": "5.0", "user": "U1", "text": "see", "attachments": [share]}));
    assert_eq!((told.kind, told.parent.as_deref(), told.text.as_str()), (Kind::Quote, Some("C2/3.000000"), "see"));
    assert_eq!(told.parent_author.as_deref(), Some("U9"));
    let app = json!({"ts": "5.0", "subtype": "bot_message", "bot_id": "B1", "username": "Deploys", "text": "",
        "attachments": [{"title": "Done", "title_link": "https://ci.example/1", "text": "in 5 s"}],
        "reactions": [{"name": "tada", "count": 2}, {"name": "eyes", "count": 1}]});
    let told = mention(&app);
    assert!(told.author.is_bot && told.author.name.as_deref() == Some("Deploys"));
    assert_eq!((told.text.as_str(), told.links.join(" ").as_str()), ("Done\nin 5 s", "https://ci.example/1"));
    assert_eq!(told.engagement.likes, Some(3));
}

#[test]
fn blocks_count_where_the_text_says_nothing_and_threads_name_their_author() {
    let blocks = json!({"ts": "5.0", "bot_id": "B1", "text": "This content can't be displayed.", "blocks": [
        {"type": "video", "title": {"type": "plain_text", "text": "Boiling"}, "description": {"type": "plain_text", "text": "In 3 min"},
            "video_url": "https://a.example/v", "thumbnail_url": "https://a.example/v.png"},
        {"type": "table", "rows": [[{"type": "raw_text", "text": "Kettle"},
            {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "date", "timestamp": 5, "fallback": "noon"}]}]}]]},
        {"type": "image", "title": {"type": "plain_text", "text": "A pot"}, "slack_file": {"url": "https://acme.slack.com/files/F2"}, "alt_text": "pot"}]});
    let told = mention(&blocks);
    assert_eq!(told.text, "Boiling\nIn 3 min\nKettle\nnoon\nA pot\npot");
    let media: Vec<(&str, &str)> = told.media.iter().map(|media| (media.kind.as_str(), media.url.as_str())).collect();
    assert_eq!(media, [("video", "https://a.example/v"), ("image", "https://acme.slack.com/files/F2")]);
    let told =
        mention(&json!({"ts": "6.0", "thread_ts": "5.0", "subtype": "thread_broadcast", "user": "U1", "text": "a",
        "root": {"ts": "5.0", "user": "U7"}}));
    assert_eq!(
        (told.kind, told.root.as_deref(), told.parent_author.as_deref()),
        (Kind::Reply, Some("C1/5.0"), Some("U7"))
    );
    let told = mention(
        &json!({"ts": "6.0", "subtype": "file_comment", "text": "nice", "comment": {"user": "U3", "comment": "nice"}}),
    );
    assert_eq!(told.author.native_id, "U3");
}

#[test]
fn notes_of_the_service_are_passed_over_and_tombstones_delete() {
    let people = People::default();
    let joined = json!({"ts": "5.0", "subtype": "channel_join", "user": "U1", "text": "<@U1> has joined"});
    assert!(matches!(map(&joined, &context(&people)), Ok(Said::Skipped(_))));
    let tombstone =
        json!({"ts": "5.0", "subtype": "tombstone", "user": "USLACKBOT", "text": "This message was deleted."});
    assert_eq!(map(&tombstone, &context(&people)), Ok(Said::Deleted("C1/5.0".into())));
    let deleted =
        json!({"type": "message", "subtype": "message_deleted", "deleted_ts": "5.0", "ts": "9.0", "channel": "C1"});
    assert_eq!(map_event(&deleted, &context(&people)), Ok(Said::Deleted("C1/5.0".into())));
    assert_eq!(
        map(&json!({"user": "U1"}), &context(&people)).unwrap_err().to_string().as_str(),
        "a message without `ts`, or not of the type it should have"
    );
}

/// A workspace of two channels that answers each method alike.
struct Workspace {
    answer: fn(&str, &Request) -> Option<Answer>,
    asked: Arc<Mutex<Vec<String>>>,
    /// Every request is answered 500.
    fails: Arc<Mutex<bool>>,
}

impl Platform for Workspace {
    fn answer(&self, _: When, request: &Request) -> Answer {
        let method = request.url.path().rsplit('/').next().unwrap_or_default();
        self.asked.lock().push(method.to_owned());
        match *self.fails.lock() {
            true => Answer::status(500, ""),
            false => (self.answer)(method, request).unwrap_or_else(|| usual(method)),
        }
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        Vec::new()
    }
}

fn usual(method: &str) -> Answer {
    let channel = |id: &str, name: &str| json!({"id": id, "name": name, "is_member": true});
    Answer::json(&match method {
        "auth.test" => json!({"ok": true, "team_id": "T1", "url": "https://acme.slack.com/"}),
        "conversations.list" => json!({"ok": true, "channels": [channel("C1", "general"), channel("C2", "tea")]}),
        "users.info" => json!({"ok": true, "user": {"id": "U1", "name": "ann", "is_admin": true}}),
        _ => json!({"ok": true, "messages": []}),
    })
}

/// Takes what a test delivers.
#[derive(Default)]
struct Door(Mutex<Option<Slot>>);

impl Hooks for Door {
    fn open(&self, listen: SocketAddr, _: &str) -> Result<Inbox, SourceError> {
        let (slot, inbox) = Inbox::new(listen);
        *self.0.lock() = Some(slot);
        Ok(inbox)
    }
}

impl Door {
    fn put(&self, body: &Value, secret: &str, at: Timestamp) -> Answered {
        let (body, timestamp) = (body.to_string(), at.as_second().to_string());
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("v0:{timestamp}:{body}").as_bytes());
        let signature = format!("v0={}", hex::encode(mac.finalize().into_bytes()));
        let mut headers = HeaderMap::new();
        headers.insert("x-slack-request-timestamp", HeaderValue::from_str(&timestamp).unwrap());
        headers.insert("x-slack-signature", HeaderValue::from_str(&signature).unwrap());
        let (delivery, answered) = Delivery::new(Method::POST, "", headers, body.into_bytes(), at);
        self.0.lock().as_ref().unwrap().put(delivery).unwrap();
        answered
    }
}

struct Reading {
    clock: StepClock,
    door: Arc<Door>,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
    born: Box<dyn Fn() -> Box<dyn Source>>,
    asked: Arc<Mutex<Vec<String>>>,
    fails: Arc<Mutex<bool>>,
}

impl Reading {
    fn new(more: &str, answer: fn(&str, &Request) -> Option<Answer>) -> Self {
        let clock = StepClock::at(noon());
        let door = Arc::new(Door::default());
        let (asked, fails) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<bool>>::default());
        let workspace = Workspace { answer, asked: asked.clone(), fails: fails.clone() };
        let transport = Arc::new(Scripted::new(Arc::new(workspace), clock.clone()));
        let mut world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
        world.hooks = door.clone();
        let world = world.with_variables(|name| match name {
            "SLACK_TOKEN" => Some("xoxb-1".to_owned()),
            "SLACK_SECRET" => Some("shh".to_owned()),
            _ => None,
        });
        let spec = spec(&format!("name = \"s\"\nkind = \"slack\"\ntoken_env = \"SLACK_TOKEN\"\n{more}"));
        let born = Box::new(move || spec.build(&world));
        Self { clock, door, source: born(), cursor: None, born, asked, fails }
    }

    /// The process ends, and another begins from the checkpoint.
    fn die(&mut self) {
        self.source = (self.born)();
    }

    async fn poll(&mut self) -> Result<Page, SourceError> {
        let page = self.source.poll(self.cursor.as_ref()).await?;
        self.cursor = Some(page.cursor.clone());
        Ok(page)
    }

    /// Until nothing is left to do.
    async fn round(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..50 {
            let page = self.poll().await.unwrap();
            events.extend(page.events);
            if page.state != Progress::Behind {
                return events;
            }
        }
        panic!("the round does not end");
    }
}

const LISTENING: &str = "listen = \"127.0.0.1:0\"\nsigning_secret_env = \"SLACK_SECRET\"";

fn event(id: &str, event: Value) -> Value {
    json!({"type": "event_callback", "team_id": "T1", "event_id": id, "event": event})
}

fn posted(ts: &str, text: &str) -> Value {
    json!({"type": "message", "channel": "C1", "user": "U1", "ts": ts, "text": text})
}

#[tokio::test]
async fn an_event_is_answered_when_the_log_has_it_and_counts_once() {
    let mut reading = Reading::new(LISTENING, |_, _| None);
    reading.round().await;
    let envelope = event("Ev1", posted("1772366400.000100", "hello <@U1>"));
    let mut first = reading.door.put(&envelope, "shh", noon());
    let page = reading.poll().await.unwrap();
    assert_eq!(ids(&page.events), ["C1/1772366400.000100"]);
    let Event::Upsert(mention) = &page.events[0] else { panic!() };
    assert_eq!((mention.text.as_str(), mention.author.handle.as_str()), ("hello @ann", "ann"));
    assert!(first.try_recv().is_err(), "not before the log has it");
    reading.source.settle(&page.cursor).await.unwrap();
    assert_eq!(first.try_recv().unwrap().status, 200);
    let mut again = reading.door.put(&envelope, "shh", noon());
    let page = reading.poll().await.unwrap();
    assert_eq!((page.events.len(), again.try_recv().unwrap().status), (0, 200), "it was sent twice");
}

#[tokio::test]
async fn what_is_not_kept_is_not_answered() {
    let mut reading = Reading::new(LISTENING, |_, _| None);
    reading.round().await;
    let before = reading.cursor.clone();
    let mut lost = reading.door.put(&event("Ev1", posted("1772366400.000100", "a")), "shh", noon());
    reading.poll().await.unwrap();
    reading.cursor = before;
    reading.poll().await.unwrap();
    assert!(matches!(lost.try_recv(), Err(tokio::sync::oneshot::error::TryRecvError::Closed)), "Slack sends it again");
}

#[tokio::test]
async fn edits_deletions_and_reactions_come_by_themselves() {
    let mut reading = Reading::new(LISTENING, |_, _| None);
    reading.round().await;
    let ts = "1772366400.000100";
    let mut seen = Vec::new();
    let changed = json!({"type": "message", "subtype": "message_changed", "channel": "C1", "message": posted(ts, "b")});
    let reaction =
        |kind: &str| json!({"type": kind, "reaction": "tada", "item": {"type": "message", "channel": "C1", "ts": ts}});
    let deleted = json!({"type": "message", "subtype": "message_deleted", "channel": "C1", "deleted_ts": ts});
    let events = [posted(ts, "a"), reaction("reaction_added"), changed, reaction("reaction_removed"), deleted];
    for (n, body) in events.into_iter().enumerate() {
        drop(reading.door.put(&event(&format!("Ev{n}"), body), "shh", noon()));
        let page = reading.poll().await.unwrap();
        reading.source.settle(&page.cursor).await.unwrap();
        seen.extend(page.events);
    }
    let told: Vec<String> = seen
        .iter()
        .map(|event| match event {
            Event::Upsert(mention) => format!("{} {:?}", mention.text, mention.engagement.likes),
            Event::EngagementSnapshot(snapshot) => format!("{:?}", snapshot.engagement.likes),
            other => other.name().to_owned(),
        })
        .collect();
    assert_eq!(told, ["a None", "Some(1)", "b Some(1)", "Some(0)", "delete"]);
}

#[tokio::test]
async fn a_wrong_signature_is_refused_and_a_challenge_answered_at_once() {
    let mut reading = Reading::new(LISTENING, |_, _| None);
    reading.round().await;
    let mut forged = reading.door.put(&event("Ev1", posted("1772366400.000100", "a")), "guess", noon());
    let mut old = reading.door.put(
        &event("Ev2", posted("1772366400.000100", "a")),
        "shh",
        noon() - jiff::SignedDuration::from_mins(6),
    );
    let challenge = json!({"type": "url_verification", "challenge": "3eZbrw1a", "token": "x"});
    let mut asked = reading.door.put(&challenge, "shh", noon());
    assert_eq!(reading.poll().await.unwrap().events.len(), 0);
    assert_eq!((forged.try_recv().unwrap().status, old.try_recv().unwrap().status), (401, 401));
    let answer = asked.try_recv().unwrap();
    assert_eq!((answer.status, answer.body), (200, b"{\"challenge\":\"3eZbrw1a\"}".to_vec()));
}

#[tokio::test]
async fn a_quota_that_is_spent_does_not_keep_events_waiting() {
    let mut reading = Reading::new(&format!("{LISTENING}\nrequests_per_minute = 1"), |_, _| None);
    let first = reading.poll().await.unwrap();
    assert_eq!(first.state, Progress::Behind, "one of two channels is read");
    drop(reading.poll().await.unwrap());
    let mut sent = reading.door.put(&event("Ev1", posted("1772366400.000100", "a")), "shh", reading.clock.now());
    let page = reading.poll().await.unwrap();
    assert_eq!(ids(&page.events), ["C1/1772366400.000100"]);
    reading.source.settle(&page.cursor).await.unwrap();
    assert_eq!(sent.try_recv().unwrap().status, 200);
    reading.clock.advance(Duration::from_secs(61));
    reading.round().await;
    assert!(reading.poll().await.unwrap().complete_through.is_some(), "the round goes on");
}

fn methods(reading: &Reading) -> Vec<String> {
    std::mem::take(&mut *reading.asked.lock())
}

#[tokio::test]
async fn who_begins_again_owes_no_round_before_its_time_and_asks_for_no_names_that_say_nothing_new() {
    let mut reading = Reading::new(&format!("{LISTENING}\ninterval_seconds = 300"), |method, _| {
        let messages = [posted("1772366300.000100", "a <@U7>"), posted("1772366200.000100", "b")];
        (method == "conversations.history").then(|| Answer::json(&json!({"ok": true, "messages": messages})))
    });
    reading.round().await;
    assert_eq!(methods(&reading).iter().filter(|method| *method == "users.info").count(), 2, "each name once");
    reading.die();
    assert_eq!(reading.round().await, []);
    assert_eq!(methods(&reading), ["auth.test", "conversations.list"], "no round is due");
    let reacted = json!({"type": "reaction_added", "user": "U9", "reaction": "tada",
        "item": {"type": "message", "channel": "C1", "ts": "1772366300.000100"}});
    drop(reading.door.put(&event("Ev1", reacted), "shh", reading.clock.now()));
    assert_eq!(reading.poll().await.unwrap().events.len(), 1);
    assert_eq!(methods(&reading), Vec::<String>::new(), "nobody needs to know who reacted");
    reading.clock.advance(Duration::from_secs(300));
    reading.die();
    reading.round().await;
    let asked = methods(&reading);
    assert!(asked.iter().any(|method| method == "conversations.history"), "{asked:?}");
    assert!(!asked.iter().any(|method| method == "users.info"), "what is known says nothing new: {asked:?}");
}

#[tokio::test]
async fn events_that_were_held_back_are_looked_for_even_if_the_process_ends() {
    let mut reading = Reading::new(LISTENING, |_, _| None);
    reading.round().await;
    let limited = json!({"type": "app_rate_limited", "team_id": "T1", "minute_rate_limited": 1772366400});
    let mut told = reading.door.put(&limited, "shh", reading.clock.now());
    let page = reading.poll().await.unwrap();
    assert!(told.try_recv().is_err(), "not answered before it is kept");
    assert_eq!(page.state, Progress::Behind, "a round begins at once");
    let before = reading.cursor.clone();
    reading.source.settle(&page.cursor).await.unwrap();
    assert_eq!(told.try_recv().unwrap().status, 200);
    methods(&reading);
    reading.cursor = before;
    reading.die();
    reading.round().await;
    assert!(methods(&reading).iter().any(|method| method == "conversations.history"), "the round goes on");
}

#[tokio::test]
async fn what_was_received_is_given_while_the_web_api_fails_and_named_when_it_is_back() {
    let mut reading = Reading::new(&format!("{LISTENING}\ninterval_seconds = 60"), |_, _| None);
    reading.round().await;
    reading.clock.advance(Duration::from_secs(60));
    *reading.fails.lock() = true;
    let envelope = event("Ev1", posted("1772366400.000100", "hello <@U1>"));
    drop(reading.door.put(&envelope, "shh", reading.clock.now()));
    let page = reading.poll().await.unwrap();
    let Event::Upsert(mention) = &page.events[0] else { panic!("{page:?}") };
    assert_eq!((mention.text.as_str(), mention.author.handle.as_str()), ("hello @U1", ""));
    assert!(reading.poll().await.unwrap_err().is_transient(), "the round says what is wrong");
    *reading.fails.lock() = false;
    let edited = json!({"type": "message", "subtype": "message_changed", "channel": "C1",
        "message": posted("1772366400.000100", "hello <@U1>")});
    drop(reading.door.put(&event("Ev2", edited), "shh", reading.clock.now()));
    let page = reading.poll().await.unwrap();
    let Event::Upsert(mention) = &page.events[0] else { panic!("{page:?}") };
    assert_eq!((mention.text.as_str(), mention.author.handle.as_str()), ("hello @ann", "ann"));
}

#[tokio::test]
async fn one_channel_that_can_not_be_read_is_told_of_and_the_other_is_read() {
    let mut reading = Reading::new("", |method, request| {
        let is = |channel: &str| request.url.query_pairs().any(|(name, value)| name == "channel" && value == channel);
        match method {
            "conversations.history" if is("C2") => Some(Answer::json(&json!({"ok": false, "error": "not_in_channel"}))),
            "conversations.history" => {
                Some(Answer::json(&json!({"ok": true, "messages": [posted("1772366300.000100", "a")]})))
            }
            _ => None,
        }
    });
    let events = reading.round().await;
    assert_eq!(ids(&events), ["C1/1772366300.000100"]);
    let notice = reading.source.notice().unwrap();
    assert!(
        notice.starts_with("tea: not allowed: conversations.history answered \"not_in_channel\": invite"),
        "{notice}"
    );
}

#[tokio::test]
async fn check_says_which_scope_is_missing() {
    let mut reading = Reading::new("", |method, _| {
        let refused = json!({"ok": false, "error": "missing_scope", "needed": "channels:history"});
        (method == "conversations.history").then(|| Answer::json(&refused))
    });
    let error = reading.source.check().await.unwrap_err().to_string();
    assert!(error.contains("lacks the scope channels:history; add it under OAuth & Permissions"), "{error}");
}

#[tokio::test]
async fn administrators_are_staff_where_the_settings_say_so() {
    for (more, is_team) in [("admins_are_staff = true", true), ("staff = [\"U1\"]", true), ("", false)] {
        let mut reading = Reading::new(more, |method, request| {
            let is_first = request.url.query_pairs().any(|(name, value)| name == "channel" && value == "C1");
            let list = json!({"ok": true, "messages": [posted("1772366300.000100", "a")]});
            (method == "conversations.history" && is_first).then(|| Answer::json(&list))
        });
        let events = reading.round().await;
        let Event::Upsert(mention) = &events[0] else { panic!("{events:?}") };
        assert_eq!(mention.author.is_team, is_team, "{more}");
    }
}

#[tokio::test]
async fn a_rejected_message_is_mapped_again() {
    let mut reading = Reading::new("channels = [\"general\"]", |method, _| {
        let nameless = json!({"ts": "1772366300.000100", "text": "a"});
        (method == "conversations.history").then(|| Answer::json(&json!({"ok": true, "messages": [nameless]})))
    });
    let page = loop {
        let page = reading.poll().await.unwrap();
        if !page.rejected.is_empty() {
            break page;
        }
    };
    let rejected = &page.rejected[0];
    assert_eq!(rejected.reason, "a message without `user`, or not of the type it should have");
    let mut raw: Value = serde_json::from_slice(&rejected.raw).unwrap();
    assert_eq!(reading.source.remap(&rejected.raw, noon()).unwrap_err(), rejected.reason);
    raw["message"]["user"] = json!("U1");
    let events = reading.source.remap(raw.to_string().as_bytes(), noon()).unwrap();
    assert_eq!(crate::kit::mentions(&events)[0].key.to_string(), "slack:T1:C1/1772366300.000100");
}
