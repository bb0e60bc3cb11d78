//! The mapping over recorded messages, and how the source lives with its gateway.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use async_trait::async_trait;
use grapevine_model::{Event, Kind};
use grapevine_sources::{
    Cursor, Page, Source, SourceError, World,
    conformance::{Answer, Expected, Platform, Scripted, StepClock, When},
    discord::{Context, map},
    http::Request,
    socket::{Connector, Frame, Socket},
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::kit::{ids, noon, recorded, spec};

#[test]
fn recorded_messages_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/discord") else { return };
    for n in 0..2 {
        let file = folder.join(format!("message_example_{n}.json"));
        let message: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let mention = map(&message, &Context::default(), noon()).unwrap().unwrap();
        let text = |path: &str| message.pointer(path).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(Some(mention.key.native_id), text("/id"));
        assert_eq!(mention.created_at, text("/timestamp").unwrap().parse().unwrap());
        assert_eq!(
            (Some(mention.author.native_id), Some(mention.author.handle)),
            (text("/author/id"), text("/author/username"))
        );
        assert_eq!(mention.engagement.likes, Some(1));
        assert_eq!(mention.parent, text("/message_reference/message_id"));
        let shown = message["content"].as_str().unwrap().replace("<#278325129692446722>", "#big-news");
        assert_eq!(mention.text, shown);
        assert!(mention.hashtags.is_empty(), "a channel is no hashtag");
        assert_eq!(mention.kind, if n == 0 { Kind::Message } else { Kind::Repost }, "the second is a crosspost");
    }
}

/// Every field that the official schema names, with a value of each type: nothing panics.
#[test]
fn every_field_of_the_schema_is_tolerated() {
    let Some(folder) = recorded("fixtures/discord") else { return };
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.join("openapi_MessageResponse.schema.json")).unwrap())
            .unwrap();
    let fields: Vec<&String> = schema["MessageResponse"]["properties"].as_object().unwrap().keys().collect();
    let usual = json!({"id": "334385199974967042", "channel_id": "5", "type": 0, "content": "a",
        "timestamp": "2017-07-11T17:27:07.299000+00:00", "author": {"id": "8", "username": "ann"}});
    for field in fields {
        for other in
            [json!(null), json!({}), json!([{}]), json!(-1), json!(""), json!("\u{0}🦀"), json!([[{"type": {}}]])]
        {
            let mut message = usual.clone();
            message[field] = other;
            let _ = map(&message, &Context::default(), noon());
        }
    }
}

/// The gateway's end of all connections.
#[derive(Default)]
struct Line {
    state: Mutex<LineState>,
    news: Notify,
}

#[derive(Default)]
struct LineState {
    to_us: VecDeque<Frame>,
    /// What we sent, by its operation.
    heard: Vec<Value>,
    connections: Vec<String>,
    /// Whether heartbeats are answered, and sessions resumed.
    is_deaf: bool,
    refuses_resume: bool,
}

struct End(Arc<Line>);

struct Lines(Arc<Line>);

#[async_trait]
impl Connector for Lines {
    async fn connect(&self, request: Request) -> Result<Box<dyn Socket>, SourceError> {
        let mut state = self.0.state.lock();
        state.connections.push(request.url.to_string());
        state.to_us.clear();
        state.to_us.push_back(frame(&json!({"op": 10, "d": {"heartbeat_interval": 40_000}})));
        Ok(Box::new(End(self.0.clone())))
    }
}

fn frame(value: &Value) -> Frame {
    Frame::Text(value.to_string())
}

#[async_trait]
impl Socket for End {
    async fn receive(&mut self) -> Result<Frame, SourceError> {
        loop {
            if let Some(frame) = self.0.state.lock().to_us.pop_front() {
                return Ok(frame);
            }
            self.0.news.notified().await;
        }
    }

    async fn send(&mut self, sent: Frame) -> Result<(), SourceError> {
        let Frame::Text(text) = sent else { return Ok(()) };
        let heard: Value = serde_json::from_str(&text).unwrap();
        let mut state = self.0.state.lock();
        let answer = match heard["op"].as_u64() {
            Some(1) if state.is_deaf => None,
            Some(1) => Some(json!({"op": 11})),
            Some(2) => Some(
                json!({"op": 0, "s": 1, "t": "READY", "d": {"session_id": "s1", "resume_gateway_url": "wss://resume.example"}}),
            ),
            Some(6) if state.refuses_resume => Some(json!({"op": 9, "d": false})),
            Some(6) => Some(json!({"op": 0, "s": 1, "t": "RESUMED", "d": {}})),
            _ => None,
        };
        state.heard.push(heard);
        state.to_us.extend(answer.iter().map(frame));
        self.0.news.notify_one();
        Ok(())
    }
}

/// A server with two channels, of which the second may not be read.
struct Server;

impl Platform for Server {
    fn answer(&self, _: When, request: &Request) -> Answer {
        let path: Vec<&str> = request.url.path().trim_start_matches("/api/v10/").split('/').collect();
        let after = request.url.query_pairs().find(|(name, _)| name == "after").map(|(_, after)| after.into_owned());
        match path[..] {
            ["gateway", "bot"] => {
                Answer::json(&json!({"url": "wss://gateway.example", "session_start_limit": {"remaining": 5}}))
            }
            ["guilds", "1"] => {
                Answer::json(&json!({"id": "1", "name": "Kettles", "roles": [{"id": "77", "name": "Support"}]}))
            }
            ["guilds", "1", "channels"] => Answer::json(&json!([
                {"id": "5", "type": 0, "name": "general"}, {"id": "6", "type": 0, "name": "secret"}, {"id": "7", "type": 15, "name": "help"}])),
            ["guilds", "1", "threads", "active"] => Answer::json(&json!({"threads": []})),
            ["guilds", "1", "members", "8"] => Answer::json(&json!({"roles": ["77"]})),
            ["channels", "6", "messages"] => Answer::status(403, "{\"message\": \"Missing Access\", \"code\": 50001}"),
            ["channels", "5", "messages"] if after.as_deref() < Some(OLD) => {
                Answer::json(&json!([message(OLD, "5", "before")]))
            }
            ["channels", _, "messages"] => Answer::json(&json!([])),
            ["channels", "9"] => {
                Answer::json(&json!({"id": "9", "type": 11, "name": "My kettle", "guild_id": "1", "parent_id": "7"}))
            }
            ["channels", "5", "messages", OLD] => {
                let mut message = message(OLD, "5", "edited");
                message["reactions"] = json!([{"count": 4}]);
                Answer::json(&message)
            }
            _ => Answer::status(404, "{\"message\": \"Unknown\", \"code\": 0}"),
        }
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        Vec::new()
    }
}

/// An hour before noon.
const OLD: &str = "1477621422489600000";

fn message(id: &str, channel: &str, text: &str) -> Value {
    json!({"id": id, "channel_id": channel, "type": 0, "content": text, "timestamp": "2026-03-01T11:00:00+00:00",
        "author": {"id": "8", "username": "ann", "global_name": "Ann"}, "mentions": [], "attachments": [], "embeds": []})
}

struct Reading {
    clock: StepClock,
    line: Arc<Line>,
    world: World,
    source: Box<dyn Source>,
    cursor: Option<Cursor>,
}

impl Reading {
    fn new() -> Self {
        let clock = StepClock::at(noon());
        let line = Arc::new(Line::default());
        let transport = Arc::new(Scripted::new(Arc::new(Server), clock.clone()));
        let mut world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
        (world.connector, world.random) = (Arc::new(Lines(line.clone())), Arc::new(|| 0.5));
        let world = world.with_variables(|name| (name == "DISCORD_TOKEN").then(|| "s3cr3t".to_owned()));
        let source = Self::build(&world);
        Self { clock, line, world, source, cursor: None }
    }

    fn build(world: &World) -> Box<dyn Source> {
        let table =
            "name = \"d\"\nkind = \"discord\"\ntoken_env = \"DISCORD_TOKEN\"\nguilds = [1]\nteam_roles = [\"Support\"]";
        spec(table).build(world)
    }

    async fn poll(&mut self) -> Result<Page, SourceError> {
        let page = self.source.poll(self.cursor.as_ref()).await?;
        self.cursor = Some(page.cursor.clone());
        Ok(page)
    }

    /// Several polls, and time for the connection's task.
    async fn settle(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..8 {
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
            events.extend(self.poll().await.unwrap().events);
        }
        events
    }

    fn say(&self, value: &Value) {
        self.line.state.lock().to_us.push_back(frame(value));
        self.line.news.notify_one();
    }

    fn event(&self, seq: u64, name: &str, mut data: Value) {
        data["guild_id"] = json!("1");
        self.say(&json!({"op": 0, "s": seq, "t": name, "d": data}));
    }

    /// Operations that were sent, in order; heartbeats left out.
    fn heard(&self) -> Vec<u64> {
        let heard = self.line.state.lock().heard.clone();
        heard.iter().filter_map(|heard| heard["op"].as_u64()).filter(|op| *op != 1).collect()
    }
}

#[tokio::test]
async fn history_comes_first_then_what_happens() {
    let mut reading = Reading::new();
    let events = reading.settle().await;
    assert_eq!(ids(&events), [OLD]);
    let Event::Upsert(old) = &events[0] else { panic!() };
    assert!(old.author.is_team, "by the role of the member");
    assert_eq!(
        (old.space.as_deref(), old.url.as_deref()),
        (Some("general"), Some(format!("https://discord.com/channels/1/5/{OLD}").as_str()))
    );
    let notice = reading.source.notice().unwrap();
    assert!(
        notice.starts_with("#secret can not be read (not allowed: ") && notice.contains("View Channel"),
        "{notice}"
    );
    let identify = reading.line.state.lock().heard.iter().find(|heard| heard["op"] == 2).cloned().unwrap();
    assert_eq!((identify["d"]["intents"].as_u64(), identify["d"]["token"].as_str()), (Some(34_305), Some("s3cr3t")));

    reading.event(2, "MESSAGE_CREATE", message("1477636270325760000", "5", "live"));
    let mut in_thread = message("1477636270325760001", "9", "in a post of the forum");
    in_thread["member"] = json!({"roles": ["5"]});
    reading.event(3, "MESSAGE_CREATE", in_thread);
    reading.event(4, "MESSAGE_DELETE", json!({"id": "1477636270325760000", "channel_id": "5"}));
    let events = reading.settle().await;
    assert_eq!(ids(&events), ["1477636270325760000", "1477636270325760001"]);
    let Event::Upsert(answer) = &events[1] else { panic!("{events:?}") };
    assert_eq!((answer.kind, answer.root.as_deref(), answer.space.as_deref()), (Kind::Reply, Some("9"), Some("help")));
    assert!(matches!(&events[2], Event::Delete(deletion) if deletion.key.native_id == "1477636270325760000"));
}

#[tokio::test]
async fn a_partial_update_is_read_whole_and_reactions_are_counted_after_a_while() {
    let mut reading = Reading::new();
    reading.settle().await;
    reading.event(2, "MESSAGE_UPDATE", json!({"id": OLD, "channel_id": "5", "embeds": []}));
    let events = reading.settle().await;
    let Some(Event::Upsert(edited)) = events.first() else { panic!("{events:?}") };
    assert_eq!((edited.text.as_str(), edited.engagement.likes), ("edited", Some(4)));
    for seq in 3..9 {
        reading.event(seq, "MESSAGE_REACTION_ADD", json!({"message_id": OLD, "channel_id": "5", "user_id": "3"}));
    }
    assert_eq!(reading.settle().await, []);
    reading.clock.advance(Duration::from_secs(31));
    let events = reading.settle().await;
    let [Event::EngagementSnapshot(counted)] = &events[..] else { panic!("{events:?}") };
    assert_eq!(counted.engagement.likes, Some(4));
}

#[tokio::test]
async fn a_lost_connection_and_a_new_process_resume_the_session() {
    let mut reading = Reading::new();
    reading.settle().await;
    reading.event(7, "MESSAGE_CREATE", message("1477636270325760000", "5", "live"));
    reading.settle().await;
    reading.say(&json!({"op": 7, "d": null}));
    reading.settle().await;
    assert_eq!(reading.heard(), [2, 6]);
    let resume = reading.line.state.lock().heard.iter().find(|heard| heard["op"] == 6).cloned().unwrap();
    assert_eq!(resume["d"], json!({"token": "s3cr3t", "session_id": "s1", "seq": 7}));
    let connections = reading.line.state.lock().connections.clone();
    assert_eq!(connections, ["wss://gateway.example/?v=10&encoding=json", "wss://resume.example/?v=10&encoding=json"]);
    reading.source = Reading::build(&reading.world);
    reading.settle().await;
    assert_eq!(reading.heard(), [2, 6, 6], "from the checkpoint");
}

#[tokio::test]
async fn a_lost_session_is_healed_by_rest() {
    let mut reading = Reading::new();
    reading.settle().await;
    reading.line.state.lock().refuses_resume = true;
    reading.say(&json!({"op": 7, "d": null}));
    reading.settle().await;
    reading.clock.advance(Duration::from_secs(6));
    let events = reading.settle().await;
    assert_eq!(reading.heard(), [2, 6, 2]);
    assert_eq!(ids(&events), [OLD], "the overlap brings it again, and it collapses by key");
}

#[tokio::test]
async fn a_zombie_is_given_up() {
    let mut reading = Reading::new();
    reading.settle().await;
    reading.line.state.lock().is_deaf = true;
    for _ in 0..3 {
        reading.clock.advance(Duration::from_secs(33));
        reading.settle().await;
    }
    assert_eq!(reading.heard(), [2, 6]);
}

#[tokio::test]
async fn a_close_code_says_what_to_do() {
    for (code, word) in [(4004, "token"), (4014, "Message Content Intent")] {
        let mut reading = Reading::new();
        reading.settle().await;
        reading.line.state.lock().to_us.push_back(Frame::Closed { code: Some(code), reason: String::new() });
        reading.line.news.notify_one();
        tokio::task::yield_now().await;
        let mut error = None;
        for _ in 0..5 {
            tokio::task::yield_now().await;
            if let Err(met) = reading.poll().await {
                error = Some(met.to_string());
                break;
            }
        }
        assert!(error.as_deref().is_some_and(|error| error.contains(word)), "{error:?}");
    }
}
