//! Deliveries from the first byte to the answer, over real HTTP and over a slot in memory.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use grapevine_model::Event;
use grapevine_sources::{
    Cursor, Page, Source, SourceError, World,
    push::{Answered, Delivery, Hooks, Inbox, Slot},
};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use parking_lot::Mutex;
use reqwest::{
    Method,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::kit::{Fixed, ids, noon, recorded, spec};

/// Keeps the slot of whoever opens an inbox.
#[derive(Default)]
struct InMemory(Mutex<Option<Slot>>);

impl Hooks for InMemory {
    fn open(&self, listen: SocketAddr, _: &str) -> Result<Inbox, SourceError> {
        let (slot, inbox) = Inbox::new(listen);
        *self.0.lock() = Some(slot);
        Ok(inbox)
    }
}

struct Stage {
    source: Box<dyn Source>,
    hooks: Arc<InMemory>,
    cursor: Option<Cursor>,
}

const GITHUB: &str = "preset = \"github\"";

impl Stage {
    async fn new(more: &str) -> Self {
        let hooks = Arc::new(InMemory::default());
        let secret = |name: &str| matches!(name, "HOOK" | "OLD").then(|| format!("{name}-s3cr3t"));
        let world = World::real().with_clock(Arc::new(Fixed(noon()))).with_hooks(hooks.clone()).with_variables(secret);
        let toml = format!(
            "name = \"hook\"\nkind = \"webhook\"\nlisten = \"127.0.0.1:0\"\nsecret_env = \"HOOK\"\n\
             previous_secret_env = \"OLD\"\n{more}"
        );
        let mut source = spec(&toml).build(&world);
        source.check().await.unwrap();
        Self { source, hooks, cursor: None }
    }

    fn put(&self, delivery: Delivery) {
        assert!(self.hooks.0.lock().as_ref().unwrap().put(delivery).is_ok());
    }

    fn send(&self, headers: &[(&str, &str)], body: &Value) -> Answered {
        self.send_signed("HOOK-s3cr3t", headers, body)
    }

    fn send_signed(&self, secret: &str, headers: &[(&str, &str)], body: &Value) -> Answered {
        let body = body.to_string();
        let tag = format!("sha256={}", hex_of(secret, body.as_bytes()));
        let headers: Vec<(&str, &str)> = [headers, &[("x-hub-signature-256", &tag)]].concat();
        let (delivery, answered) = delivery(Method::POST, "", &headers, &body);
        self.put(delivery);
        answered
    }

    async fn poll(&mut self) -> Page {
        self.source.poll(self.cursor.as_ref()).await.unwrap()
    }

    /// A page that becomes durable.
    async fn take(&mut self) -> Page {
        let page = self.poll().await;
        self.source.settle(&page.cursor).await.unwrap();
        self.cursor = Some(page.cursor.clone());
        page
    }
}

fn hex_of(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn delivery(method: Method, query: &str, headers: &[(&str, &str)], body: &str) -> (Delivery, Answered) {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let headers: HeaderMap = headers.iter().map(pair).collect();
    Delivery::new(method, query, headers, body.as_bytes().to_vec(), noon())
}

fn issue(action: &str, number: u64, updated_at: &str, text: &str) -> Value {
    json!({"action": action, "issue": {"number": number, "title": "It crashes", "body": text, "user": {"login": "ada", "id": 5},
        "created_at": "2026-03-01T10:00:00Z", "updated_at": updated_at}, "repository": {"full_name": "acme/app"}})
}

const ISSUES: (&str, &str) = ("x-github-event", "issues");

fn status(answered: &mut Answered) -> Option<u16> {
    answered.try_recv().ok().map(|reply| reply.status)
}

#[tokio::test]
async fn a_delivery_is_answered_when_it_is_durable_and_not_before() {
    let mut stage = Stage::new(GITHUB).await;
    let mut answered =
        stage.send(&[ISSUES, ("x-github-delivery", "d1")], &issue("opened", 13, "2026-03-01T10:00:00Z", "x"));
    let page = stage.poll().await;
    assert_eq!(ids(&page.events), ["acme/app#13"]);
    assert_eq!(page, stage.poll().await, "the same cursor gives the same page");
    assert_eq!(status(&mut answered), None, "the log does not have it yet");
    stage.take().await;
    assert_eq!(status(&mut answered), Some(200));
    assert_eq!(stage.take().await.events, []);
    let mut again =
        stage.send(&[ISSUES, ("x-github-delivery", "d1")], &issue("opened", 13, "2026-03-01T10:00:00Z", "x"));
    assert_eq!((stage.take().await.events, status(&mut again)), (vec![], Some(200)), "it is known");
}

#[tokio::test]
async fn what_is_not_signed_is_refused_at_once_and_said() {
    let mut stage = Stage::new(GITHUB).await;
    let body = issue("opened", 13, "2026-03-01T10:00:00Z", "x");
    let mut wrong = stage.send_signed("another", &[ISSUES], &body);
    let mut old = stage.send_signed("OLD-s3cr3t", &[ISSUES], &body);
    let mut ping = stage.send(&[("x-github-event", "ping")], &json!({"zen": "Design for failure."}));
    let page = stage.poll().await;
    assert_eq!((status(&mut wrong), status(&mut ping), status(&mut old)), (Some(401), Some(200), None));
    assert_eq!(ids(&page.events), ["acme/app#13"], "the secret of before is believed too");
    let notice = stage.source.notice().unwrap();
    assert!(notice.starts_with("1 delivery was refused, the last at 2026-03-01T12:00:00Z: the signature"), "{notice}");
}

#[tokio::test]
async fn what_comes_late_or_behind_its_deletion_changes_nothing() {
    let mut stage = Stage::new(GITHUB).await;
    let _new = stage.send(&[ISSUES], &issue("edited", 13, "2026-03-01T11:00:00Z", "new"));
    let _old = stage.send(&[ISSUES], &issue("opened", 13, "2026-03-01T10:00:00Z", "old"));
    let page = stage.take().await;
    let versions: Vec<(String, Timestamp)> = crate::kit::mentions(&page.events)
        .into_iter()
        .map(|mention| (mention.text.clone(), mention.observed_at))
        .collect();
    let newest = versions.iter().max_by_key(|(_, at)| *at).unwrap();
    assert_eq!((versions.len(), newest.0.as_str()), (2, "It crashes\n\nnew"), "the newest version wins");
    let _gone = stage.send(&[ISSUES], &issue("deleted", 14, "2026-03-01T11:00:00Z", ""));
    assert!(matches!(stage.take().await.events[..], [Event::Delete(_)]));
    let _late = stage.send(&[ISSUES], &issue("opened", 14, "2026-03-01T10:00:00Z", "late"));
    assert_eq!(stage.take().await.events, [], "it was deleted since");
}

#[tokio::test]
async fn a_delivery_that_nobody_waits_for_is_not_kept() {
    let mut stage = Stage::new(GITHUB).await;
    let answered = stage.send(&[ISSUES], &issue("opened", 13, "2026-03-01T10:00:00Z", "x"));
    assert_eq!(stage.poll().await.events.len(), 1);
    drop(answered);
    assert_eq!(stage.poll().await.events, [], "the platform sends it again");
    let _again = stage.send(&[ISSUES], &issue("opened", 13, "2026-03-01T10:00:00Z", "x"));
    assert_eq!(stage.poll().await.events.len(), 1);
}

#[tokio::test]
async fn what_can_not_be_mapped_is_rejected_answered_and_can_be_mapped_again() {
    let mut stage = Stage::new(GITHUB).await;
    let mut broken = issue("opened", 13, "2026-03-01T10:00:00Z", "x");
    broken["issue"]["created_at"] = "soon".into();
    let mut answered = stage.send(&[ISSUES], &broken);
    let page = stage.take().await;
    assert_eq!((page.events.len(), page.rejected.len(), status(&mut answered)), (0, 1, Some(200)));
    assert!(page.rejected[0].reason.contains("`issue.created_at` is \"soon\""), "{}", page.rejected[0].reason);
    assert!(stage.source.remap(&page.rejected[0].raw, noon()).unwrap_err().contains("soon"));
    let mended = String::from_utf8(page.rejected[0].raw.clone()).unwrap().replace("soon", "2026-03-01T10:00:00Z");
    assert_eq!(ids(&stage.source.remap(mended.as_bytes(), noon()).unwrap()), ["acme/app#13"]);
}

#[tokio::test]
async fn rows_of_a_campaign_are_taken_too() {
    let mut stage = Stage::new(
        "each = [\"data\"]\nsignature = { kind = \"hmac\", header = \"X-Hub-Signature-256\", prefix = \"sha256=\" }\n\
         rows = { preset = \"meta_ads\", currency = \"EUR\" }",
    )
    .await;
    let row = |clicks: i64| {
        json!({"campaign_id": "7", "date_start": "2026-03-01", "date_stop": "2026-03-01", "spend": "1.5",
        "impressions": "10", "clicks": clicks})
    };
    let _answered = stage.send(&[], &json!({"data": [row(2), row(-1), row(11)]}));
    let page = stage.take().await;
    let Event::Campaign(first) = &page.events[0] else { panic!("{:?}", page.events) };
    assert_eq!((first.campaign.as_str(), first.figures.clicks, first.currency.as_str()), ("7", Some(2), "EUR"));
    assert_eq!((page.events.len(), page.rejected[0].reason.as_str()), (2, "`clicks`: -1 is below 0"));
    assert_eq!(stage.source.notice().as_deref(), Some("1 row with more clicks than impressions taken as told"));
}

#[tokio::test]
async fn facebook_asks_whether_the_address_is_ours() {
    let mut stage = Stage::new("preset = \"facebook\"\nverify_token_env = \"OLD\"").await;
    let ask = |token: &str| {
        delivery(Method::GET, &format!("hub.mode=subscribe&hub.challenge=42&hub.verify_token={token}"), &[], "")
    };
    let ((right, mut is_right), (wrong, mut is_wrong)) = (ask("OLD-s3cr3t"), ask("x"));
    stage.put(right);
    stage.put(wrong);
    stage.poll().await;
    assert_eq!(is_right.try_recv().unwrap().body, b"42");
    assert_eq!(is_wrong.try_recv().unwrap().status, 403);
}

#[tokio::test]
async fn over_http_the_platform_waits_for_its_answer() {
    let world = World::real().with_variables(|_| Some("HOOK-s3cr3t".to_owned()));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let toml = format!(
        "name = \"hook\"\nkind = \"webhook\"\nlisten = \"127.0.0.1:{port}\"\npath = \"acme\"\nsecret_env = \"HOOK\"\n{GITHUB}"
    );
    let mut source = spec(&toml).build(&world);
    source.check().await.unwrap();
    let body = issue("opened", 13, "2026-03-01T10:00:00Z", "x").to_string();
    let send = || {
        let request = reqwest::Client::new().post(format!("http://127.0.0.1:{port}/hooks/acme"));
        let request = request.header("x-github-event", "issues").header("content-type", "application/json");
        let tag = format!("sha256={}", hex_of("HOOK-s3cr3t", body.as_bytes()));
        tokio::spawn(request.header("x-hub-signature-256", tag).body(body.clone()).send())
    };
    let sent = send();
    let page = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let page = source.poll(None).await.unwrap();
            if !page.events.is_empty() {
                return page;
            }
        }
    });
    let page = page.await.unwrap();
    assert!(!sent.is_finished(), "not before the log has it");
    source.settle(&page.cursor).await.unwrap();
    assert_eq!(sent.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn recorded_deliveries_of_github_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/github") else { return };
    let mut stage = Stage::new(GITHUB).await;
    for (file, event, subject) in [
        ("webhook_discussion_created", "discussion", "discussion"),
        ("webhook_discussion_comment_created", "discussion_comment", "comment"),
        ("webhook_issue_comment_edited", "issue_comment", "comment"),
    ] {
        let text = std::fs::read_to_string(folder.join(format!("{file}.payload.json"))).unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        let _answered = stage.send(&[("x-github-event", event)], &body);
        let page = stage.take().await;
        let mentions = crate::kit::mentions(&page.events);
        let ([mention], []) = (&mentions[..], &page.rejected[..]) else { panic!("{file}: {page:?}") };
        let told = &body[subject];
        assert_eq!(mention.url.as_deref(), told["html_url"].as_str());
        assert_eq!(mention.space.as_deref(), body["repository"]["full_name"].as_str());
        assert_eq!(mention.author.handle, told["user"]["login"].as_str().unwrap());
        assert_eq!(mention.author.native_id, told["user"]["id"].to_string());
        assert_eq!(mention.author.is_team, told["author_association"] == "OWNER");
        assert_eq!(mention.created_at, told["created_at"].as_str().unwrap().parse().unwrap());
        assert_eq!(mention.observed_at, told["updated_at"].as_str().unwrap().parse().unwrap());
        assert!(mention.text.ends_with(told["body"].as_str().unwrap()));
        assert_eq!(mention.engagement.likes, told["reactions"]["+1"].as_u64());
        assert_eq!(mention.parent.is_some(), subject == "comment");
    }
    let text = std::fs::read_to_string(folder.join("webhook_discussion_comment_deleted.payload.json")).unwrap();
    let _answered = stage.send(&[("x-github-event", "discussion_comment")], &serde_json::from_str(&text).unwrap());
    assert!(matches!(stage.take().await.events[..], [Event::Delete(_)]));
}

#[tokio::test]
async fn settings_that_can_not_be_meant_say_how_to_mend_them() {
    let wrong = |more: &str| {
        let table = format!("name = \"hook\"\nkind = \"webhook\"\nlisten = \"127.0.0.1:0\"\n{more}");
        grapevine_sources::parse(&toml::from_str(&table).unwrap()).unwrap_err().to_string()
    };
    for (more, message) in [
        ("preset = \"gitlab\"", "`preset` is not known: it is one of discourse, facebook"),
        (GITHUB, "`secret_env` is missing: name the environment variable that holds the secret"),
        ("map = { id = \"id\", created_at = \"at\" }", "`signature` is missing: say how deliveries are signed"),
        ("preset = \"github\"\nrows = { preset = \"x_ads\" }", "`preset` has to stand alone"),
        ("secret_env = \"A\"\npreset = \"facebook\"", "`verify_token_env` is missing"),
        (
            "signature = { kind = \"none\" }\nmap = { id = \"id\", created_at = \"at\", tex = \"x\" }",
            "`map.tex` is not known: write `text`",
        ),
        ("path = \"a/b\"\nsecret_env = \"A\"\npreset = \"github\"", "`path` has other signs"),
    ] {
        let error = wrong(more);
        assert!(error.contains(message), "{error}");
    }
}
