//! How Discord tells a story: two channels of one server. The gateway numbers its events as the story numbers what
//! happens, so that a session can be resumed at any.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::map::id_at;
use crate::{
    conformance::{
        Answer,
        shape::{Peer, SIM, SIM_WS, Say, Shape, Traits, brings, number, Left},
        story::{Change, Happened, Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(Server)]
}

struct Server;

const TOKEN: &str = "t0p-s3cr3t";
const GUILD: &str = "100";
const CHANNELS: [&str; 2] = ["101", "102"];

impl Shape for Server {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn table(&self) -> String {
        format!("token_env = \"DISCORD_TOKEN\"\nguilds = [\"{GUILD}\"]\nbase_url = \"{SIM}/api/v10\"")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("DISCORD_TOKEN", TOKEN))
    }

    fn traits(&self) -> Traits {
        let allowed = (50, SignedDuration::from_secs(1));
        Traits { removals: true, counters: true, allowed, ..Traits::streamed(SignedDuration::from_mins(10)) }
    }

    fn answer(&self, view: &View<'_>, request: &Request) -> Answer {
        if !brings(request, "authorization", &format!("Bot {TOKEN}")) {
            return Answer::status(401, "{\"message\": \"401: Unauthorized\", \"code\": 0}");
        }
        let path: Vec<&str> = request.url.path().trim_start_matches("/api/v10/").split('/').collect();
        match path[..] {
            ["users", "@me"] => Answer::json(&json!({"id": "9", "username": "grapevine", "bot": true})),
            ["applications", "@me"] => Answer::json(&json!({"id": "9", "flags": 1 << 19})),
            ["gateway", "bot"] => {
                let limit = json!({"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1});
                Answer::json(&json!({"url": SIM_WS, "shards": 1, "session_start_limit": limit}))
            }
            ["guilds", GUILD] => Answer::json(&json!({"id": GUILD, "name": view.scene.community, "roles": []})),
            ["guilds", GUILD, "channels"] => Answer::json(&Value::Array(channels(view).to_vec())),
            ["guilds", GUILD, "threads", "active"] => Answer::json(&json!({"threads": [], "members": []})),
            ["channels", id] => match channels(view).into_iter().find(|channel| channel["id"] == id) {
                Some(channel) => Answer::json(&channel),
                None => Answer::status(404, "{\"message\": \"Unknown Channel\", \"code\": 10003}"),
            },
            ["channels", channel, "messages"] => messages(view, channel, number(request, "after").unwrap_or(0)),
            ["channels", _, "messages", id] => match view.posts.iter().find(|post| snowflake(post) == id) {
                Some(post) => Answer::json(&message(view, post)),
                None => Answer::status(404, "{\"message\": \"Unknown Message\", \"code\": 10008}"),
            },
            _ => Answer::status(404, "{\"message\": \"404: Not Found\", \"code\": 0}"),
        }
    }

    /// The limit over all routes: those of single routes are the answers' own.
    fn limited(&self, left: &Left) -> Answer {
        let wait = left.resets.duration_since(left.now).as_secs_f64().max(0.0);
        let answer = Answer::json(&json!({"message": "You are being rate limited.", "retry_after": wait, "global": true}));
        let answer = Answer { status: 429, ..answer }.with_header("retry-after", left.seconds().to_string());
        answer.with_header("x-ratelimit-global", "true").with_header("x-ratelimit-scope", "global")
    }

    fn native_id(&self, post: &Told) -> String {
        snowflake(post)
    }

    fn is_of_part(&self, request: &Request) -> bool {
        request.url.path().ends_with("/channels/102/messages")
    }

    fn peer(&self) -> Option<Box<dyn Peer>> {
        Some(Box::new(Gateway::default()))
    }
}

fn channels(view: &View<'_>) -> [Value; 2] {
    [0, 1].map(|nth| json!({"id": CHANNELS[nth], "type": 0, "name": view.scene.channels[nth], "guild_id": GUILD}))
}

/// Begins with the time; equal times are told apart by what follows.
fn snowflake(post: &Told) -> String {
    (id_at(post.created_at) + post.n % (1 << 22)).to_string()
}

fn channel(view: &View<'_>, post: &Told) -> &'static str {
    let is_second = post.tags.first().is_some_and(|tag| tag == view.scene.tags[1]);
    CHANNELS[usize::from(is_second)]
}

/// The oldest that are newer than `after`, the newest of them first.
fn messages(view: &View<'_>, asked: &str, after: u64) -> Answer {
    let is_wanted = |post: &&Told| channel(view, post) == asked && snowflake(post).parse::<u64>().is_ok_and(|id| id > after);
    let mut page: Vec<Value> =
        view.posts.iter().filter(is_wanted).take(view.per_page).map(|post| message(view, post)).collect();
    page.reverse();
    let answer = Answer::json(&Value::Array(page)).with_header("x-ratelimit-bucket", "messages");
    answer.with_header("x-ratelimit-remaining", "9").with_header("x-ratelimit-reset-after", "1.5")
}

fn user(name: &str) -> Value {
    let id = name.bytes().fold(7_u64, |id, byte| id.wrapping_mul(31).wrapping_add(byte.into()) % 1_000_000_007);
    json!({"id": id.to_string(), "username": name, "global_name": name, "discriminator": "0", "avatar": null})
}

fn message(view: &View<'_>, post: &Told) -> Value {
    let mut message = json!({
        "id": snowflake(post), "channel_id": channel(view, post), "type": 0, "content": post.text, "author": user(&post.author),
        "timestamp": post.created_at.to_string(), "edited_timestamp": post.edited_at.map(|at| at.to_string()),
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "flags": 0, "pinned": false,
    });
    if let Some(parent) = post.parent.and_then(|parent| view.told(parent)) {
        message["type"] = json!(19);
        message["message_reference"] =
            json!({"type": 0, "message_id": snowflake(parent), "channel_id": channel(view, parent), "guild_id": GUILD});
    }
    if post.likes > 0 {
        message["reactions"] = json!([{"count": post.likes, "me": false, "emoji": {"id": null, "name": "🫖"}}]);
    }
    message
}

/// The gateway keeps no state but the story: every session can be resumed. Nothing is sent before one stands.
#[derive(Default)]
struct Gateway {
    is_up: bool,
}

impl Peer for Gateway {
    fn open(&mut self, _: &View<'_>, _: &Request) -> Result<Vec<Say>, Answer> {
        Ok(vec![Say::json(&json!({"op": 10, "s": null, "t": null, "d": {"heartbeat_interval": 41_250}}))])
    }

    fn heard(&mut self, view: &View<'_>, frame: &[u8]) -> Vec<Say> {
        let frame: Value = serde_json::from_slice(frame).unwrap_or_default();
        let is_ours = frame["d"]["token"] == TOKEN;
        let last = view.changes.last().map_or(0, |happened| happened.seq);
        self.is_up |= is_ours && matches!(frame["op"].as_u64(), Some(2 | 6));
        match frame["op"].as_u64() {
            Some(1) => vec![Say::json(&json!({"op": 11, "s": null, "t": null, "d": null}))],
            Some(2 | 6) if !is_ours => vec![Say::Close(4004, "Authentication failed.".to_owned())],
            Some(2) => {
                let ready = json!({"v": 10, "session_id": "s1", "resume_gateway_url": SIM_WS, "user": user("grapevine")});
                vec![event(last, "READY", &ready)]
            }
            Some(6) => {
                let seq = frame["d"]["seq"].as_u64().unwrap_or(0);
                let missed = view.changes.iter().filter(|happened| happened.seq > seq);
                let mut said: Vec<Say> = missed.flat_map(|happened| told(view, happened)).collect();
                said.push(event(last, "RESUMED", &json!({})));
                said
            }
            _ => Vec::new(),
        }
    }

    fn change(&mut self, view: &View<'_>, happened: &Happened) -> Vec<Say> {
        if self.is_up { told(view, happened) } else { Vec::new() }
    }
}

fn event(seq: u64, name: &str, data: &Value) -> Say {
    Say::json(&json!({"op": 0, "s": seq, "t": name, "d": data}))
}

fn told(view: &View<'_>, happened: &Happened) -> Vec<Say> {
    let place = |post: &Told| json!({"id": snowflake(post), "channel_id": channel(view, post), "guild_id": GUILD});
    let one = |name: &str, data: Value| vec![event(happened.seq, name, &data)];
    match &happened.change {
        Change::Posted(post) => {
            let mut data = message(view, post);
            data["guild_id"] = json!(GUILD);
            data["member"] = json!({"roles": [], "nick": null});
            one("MESSAGE_CREATE", data)
        }
        // Only what changed.
        Change::Edited(post) => {
            let mut data = place(post);
            data["content"] = json!(post.text);
            one("MESSAGE_UPDATE", data)
        }
        Change::Deleted(post) => one("MESSAGE_DELETE", place(post)),
        Change::Counted(post) => {
            let mut data = place(post);
            data["message_id"] = data["id"].take();
            one("MESSAGE_REACTION_ADD", data)
        }
        Change::Removed { posts, .. } => {
            let in_channel = |id: &str| posts.iter().filter(|post| channel(view, post) == id).map(snowflake).collect::<Vec<_>>();
            let bulk = CHANNELS.map(|id| json!({"ids": in_channel(id), "channel_id": id, "guild_id": GUILD}));
            bulk.iter().map(|data| event(happened.seq, "MESSAGE_DELETE_BULK", data)).collect()
        }
    }
}
