//! How platforms that push tell a story: a shop with its own webhook, and the presets.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use url::Url;

use super::signature::hex_of;
use crate::{
    conformance::{
        Answer,
        shape::{SIM, Shape, Traits, escaped},
        story::{Change, Told, View},
    },
    http::Request,
};

pub(crate) fn shapes() -> Vec<Arc<dyn Shape>> {
    vec![Arc::new(SHOP), Arc::new(GITHUB), Arc::new(DISCOURSE), Arc::new(FACEBOOK)]
}

const SECRET: &str = "h00k-s3cr3t";
/// What follows `/hooks/` where each of them calls.
const PATH: &str = "shop";

type Headers = Vec<(&'static str, String)>;

/// One platform that pushes.
struct Pusher {
    name: &'static str,
    table: &'static str,
    traits: Traits,
    id: fn(&Told) -> String,
    /// What happened to a post (`created`, `edited`, `deleted`) as headers and a body.
    tell: fn(&str, &Told, &View<'_>) -> (Headers, Value),
    /// Before the body, in what is signed.
    signed_before: fn(Timestamp) -> String,
    header: &'static str,
}

const TRAITS: Traits = Traits {
    arrival: crate::registry::Arrival::Pushed,
    every: SignedDuration::from_hours(2),
    allowed: (60, SignedDuration::from_mins(1)),
    edits: true,
    deletes: true,
    removals: true,
    replies: true,
    counters: true,
    late: false,
    renews: false,
};

const SHOP: Pusher = Pusher {
    name: "webhook",
    table: r#"
        platform = "shop"
        delivery_id = "X-Delivery"
        each = ["items"]
        [signature]
        kind = "hmac"
        header = "X-Signature"
        prefix = "sha256="
        signs = "{timestamp}.{body}"
        timestamp_header = "X-Timestamp"
        [map]
        id = "id"
        author = "by"
        created_at = "at"
        changed_at = "changed"
        text = "text"
        parent = "answers"
        likes = "likes"
        hashtags = "tags"
        deleted = { from = "outer.what", any_of = ["deleted"] }
        [map.kind]
        reply = "answers"
    "#,
    traits: TRAITS,
    id: |post| post.n.to_string(),
    tell: |what, post, view| {
        let item = json!({"id": post.n, "by": post.author, "at": post.created_at.to_string(), "changed": view.now.to_string(),
            "text": post.text, "answers": post.parent, "likes": post.likes, "tags": post.tags});
        (Vec::new(), json!({"what": what, "items": [item]}))
    },
    signed_before: |now| format!("{}.", now.as_second()),
    header: "x-signature",
};

const GITHUB: Pusher = Pusher {
    name: "webhook (github)",
    table: "preset = \"github\"",
    traits: TRAITS,
    id: |post| match post.parent {
        Some(_) => format!("acme/app#comment-{}", post.n),
        None => format!("acme/app#{}", post.n),
    },
    tell: |what, post, view| {
        let user = json!({"login": post.author, "id": post.author.len(), "type": "User"});
        let action = if what == "created" && post.parent.is_none() { "opened" } else { what };
        let body = json!({"body": post.text, "user": user, "author_association": "NONE", "reactions": {"+1": post.likes},
            "created_at": post.created_at.to_string(), "updated_at": view.now.to_string()});
        let (event, subject) = match post.root {
            Some(root) => {
                let mut comment = body;
                comment["id"] = post.n.into();
                ("issue_comment", json!({"comment": comment, "issue": {"number": root}}))
            }
            None => {
                let mut issue = body;
                issue["number"] = post.n.into();
                issue["labels"] = post.tags.iter().map(|tag| json!({"name": tag})).collect();
                ("issues", json!({"issue": issue}))
            }
        };
        let mut told = subject;
        told["action"] = action.into();
        told["repository"] = json!({"full_name": "acme/app"});
        (vec![("x-github-event", event.to_owned())], told)
    },
    signed_before: |_| String::new(),
    header: "x-hub-signature-256",
};

const DISCOURSE: Pusher = Pusher {
    name: "webhook (discourse)",
    table: "preset = \"discourse\"",
    traits: TRAITS,
    id: |post| format!("{}/1", post.n),
    tell: |what, post, view| {
        let event = if what == "deleted" { "post_destroyed".to_owned() } else { format!("post_{what}") };
        let told = json!({"post": {"id": post.n, "topic_id": post.n, "topic_slug": "t", "post_number": 1, "post_type": 1,
            "username": post.author, "cooked": format!("<p>{}</p>", escaped(&post.text)), "created_at": post.created_at.to_string(),
            "updated_at": view.now.to_string(), "actions_summary": [{"id": 2, "count": post.likes}]}});
        (vec![("x-discourse-event", event), ("x-discourse-instance", SIM.to_owned())], told)
    },
    signed_before: |_| String::new(),
    header: "x-discourse-event-signature",
};

const FACEBOOK: Pusher = Pusher {
    name: "webhook (facebook)",
    table: "preset = \"facebook\"\nverify_token_env = \"HOOK_SECRET\"",
    traits: Traits { counters: false, ..TRAITS },
    id: |post| match post.parent {
        Some(_) => format!("1_{}", post.n),
        None => format!("101_{}", post.n),
    },
    tell: |what, post, view| {
        let verb = match what {
            "created" => "add",
            "deleted" => "remove",
            _ => "edited",
        };
        let id = |post: &Told| (FACEBOOK.id)(post);
        let mut value = json!({"verb": verb, "from": {"id": post.author, "name": post.author}, "message": post.text,
            "created_time": post.created_at.as_second()});
        match post.parent.and_then(|parent| view.told(parent)) {
            Some(parent) => {
                value["item"] = "comment".into();
                value["comment_id"] = id(post).into();
                value["parent_id"] = id(parent).into();
            }
            None => {
                value["item"] = "post".into();
                value["post_id"] = id(post).into();
            }
        }
        let entry = json!({"id": "101", "time": view.now.as_second(), "changes": [{"field": "feed", "value": value}]});
        (Vec::new(), json!({"object": "page", "entry": [entry]}))
    },
    signed_before: |_| String::new(),
    header: "x-hub-signature-256",
};

impl Shape for Pusher {
    fn kind(&self) -> &'static str {
        super::KIND
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn table(&self) -> String {
        let (keys, tables) = self.table.split_once("[signature]").unwrap_or((self.table, ""));
        let tables = if tables.is_empty() { String::new() } else { format!("[signature]{tables}") };
        format!("listen = \"127.0.0.1:0\"\npath = \"{PATH}\"\nsecret_env = \"HOOK_SECRET\"\nlateness_seconds = 600\n{keys}\n{tables}")
    }

    fn secret(&self) -> Option<(&'static str, &'static str)> {
        Some(("HOOK_SECRET", SECRET))
    }

    fn traits(&self) -> Traits {
        self.traits
    }

    /// It is never asked.
    fn answer(&self, _view: &View<'_>, _request: &Request) -> Answer {
        Answer::status(404, "")
    }

    fn native_id(&self, post: &Told) -> String {
        (self.id)(post)
    }

    fn parent_id(&self, post: &Told, view: &View<'_>) -> Option<String> {
        match self.name {
            // An issue's comments all answer the issue; each post here is a topic of its own.
            "webhook (github)" => post.root.map(|root| format!("acme/app#{root}")),
            "webhook (discourse)" => None,
            _ => view.told(post.parent?).map(|parent| self.native_id(parent)),
        }
    }

    fn deliveries(&self, change: &Change, view: &View<'_>) -> Vec<Request> {
        let what = match change {
            Change::Posted(_) => "created",
            Change::Edited(_) | Change::Counted(_) => "edited",
            Change::Deleted(_) | Change::Removed { .. } => "deleted",
        };
        change.posts().iter().filter_map(|post| self.request(what, post, view)).collect()
    }

    fn signed(&self, request: Request, now: Timestamp) -> Request {
        let body = request.body.as_deref().unwrap_or_default();
        let tag = format!("sha256={}", hex_of(SECRET, &(self.signed_before)(now), body));
        let headers = [(self.header, tag), ("x-timestamp", now.as_second().to_string())];
        headers.into_iter().fold(request, |mut request, (name, value)| {
            if let Ok(value) = HeaderValue::from_str(&value) {
                request.headers.insert(HeaderName::from_static(name), value);
            }
            request
        })
    }
}

impl Pusher {
    fn request(&self, what: &str, post: &Told, view: &View<'_>) -> Option<Request> {
        let url: Url = format!("{SIM}/hooks/{PATH}").parse().ok()?;
        let (headers, told) = (self.tell)(what, post, view);
        let body = told.to_string();
        let id = format!("{what}-{}-{}", post.n, view.now.as_microsecond());
        let ids = ["x-delivery", "x-github-delivery", "x-discourse-event-id"].map(|name| (name, id.clone()));
        let mut request = Request::post(url).with_body(body, "application/json");
        for (name, value) in headers.into_iter().chain(ids) {
            request = request.with_header(HeaderName::from_static(name), HeaderValue::from_str(&value).ok()?);
        }
        Some(request)
    }
}
