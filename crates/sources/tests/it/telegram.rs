//! The mapping over recorded updates, and what the source says when it can not read.

use std::{sync::Arc, time::Duration};

use grapevine_model::{Event, Kind, Mention};
use grapevine_sources::{
    Cursor, Source, SourceError, World,
    conformance::{Answer, Expected, Platform, Scripted, StepClock, When},
    http::Request,
    telegram::{Said, map},
};
use serde_json::{Value, json};

use crate::kit::{noon, recorded, spec};

fn mention(update: &Value) -> Mention {
    match map(update, noon()).unwrap().said {
        Said::Event(Event::Upsert(mention)) => *mention,
        other => panic!("{other:?}"),
    }
}

fn message(more: Value) -> Value {
    let mut message = json!({"message_id": 7, "date": 1772366000, "from": {"id": 5, "is_bot": false, "first_name": "Ann"},
        "chat": {"id": -1005, "type": "supergroup", "title": "Tea", "username": "tea_talk"}});
    message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"update_id": 1, "message": message})
}

/// Everything that a mention has room for, from the update as it stands.
fn check(message: &Value, mention: &Mention) {
    let chat = &message["chat"];
    assert_eq!(mention.key.native_id, format!("{}/{}", chat["id"], message["message_id"]));
    assert_eq!(mention.created_at.as_second(), message["date"].as_i64().unwrap());
    assert_eq!(mention.author.native_id, message["from"]["id"].to_string());
    assert_eq!(mention.author.handle, message["from"]["username"].as_str().unwrap_or_default());
    let name = [&message["from"]["first_name"], &message["from"]["last_name"]];
    let name: Vec<&str> = name.iter().filter_map(|part| part.as_str()).collect();
    assert_eq!(mention.author.name, Some(name.join(" ")));
    if let Some(text) = message["text"].as_str() {
        assert_eq!(mention.text, text);
    }
    let answered = &message["reply_to_message"]["message_id"];
    assert_eq!(mention.parent, answered.as_i64().map(|id| format!("{}/{id}", chat["id"])));
    let answered = &message["reply_to_message"]["from"]["id"];
    assert_eq!(mention.parent_author, answered.as_i64().map(|id| id.to_string()));
    let thread = message["message_thread_id"].as_i64();
    assert_eq!(mention.root, thread.map(|thread| format!("{}/{thread}", chat["id"])));
    let space = chat["username"].as_str().or(chat["title"].as_str());
    assert_eq!(mention.space.as_deref(), space);
}

#[test]
fn recorded_updates_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/telegram") else { return };
    let updates: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("updates.json")).unwrap()).unwrap();
    let mut seen = [0; 3];
    for update in updates.as_array().unwrap() {
        match map(update, noon()).unwrap().said {
            Said::Event(Event::Upsert(mention)) => {
                check(&update["message"], &mention);
                seen[0] += 1;
            }
            Said::Event(Event::EngagementSnapshot(snapshot)) => {
                assert_eq!(snapshot.key.native_id, "-1002236736395/36");
                assert_eq!(snapshot.engagement.likes, Some(3));
                seen[1] += 1;
            }
            _ => seen[2] += 1,
        }
    }
    assert_eq!(seen, [5, 1, 8], "mentions, reactions, others");
}

#[test]
fn a_story_a_die_and_a_poll_say_something() {
    let story =
        mention(&message(json!({"story": {"id": 2, "chat": {"id": -9, "type": "channel", "username": "spin"}}})));
    assert_eq!((story.text.as_str(), story.media[0].url.as_str()), ("", "https://t.me/spin/s/2"));
    assert_eq!(mention(&message(json!({"dice": {"emoji": "🎲", "value": 2}}))).text, "🎲");
    let poll =
        json!({"poll": {"id": "1", "question": "Which tea?", "options": [{"text": "Green"}, {"text": "Black"}]}});
    assert_eq!(mention(&message(poll)).text, "Which tea?\nGreen\nBlack");
    let invoice =
        json!({"invoice": {"title": "Kettle", "description": "Red, 1 l", "total_amount": 4500, "currency": "EUR"}});
    assert_eq!(mention(&message(invoice)).text, "Kettle\nRed, 1 l");
}

#[test]
fn a_file_is_named_by_no_address_with_the_token() {
    let photo = json!({"photo": [{"file_id": "s"}, {"file_id": "l"}], "caption": "Look #tea",
        "caption_entities": [{"type": "hashtag", "offset": 5, "length": 4}]});
    let public = mention(&message(photo.clone()));
    assert_eq!((public.text.as_str(), public.hashtags.join(" ").as_str()), ("Look #tea", "tea"));
    assert_eq!((public.media[0].kind.as_str(), public.media[0].url.as_str()), ("image", "https://t.me/tea_talk/7"));
    let mut private = message(photo);
    private["message"]["chat"] = json!({"id": -5, "type": "group", "title": "Tea"});
    assert_eq!(mention(&private).media[0].url, "tg://file?id=l");
}

#[test]
fn relations_are_told_apart() {
    let topic = json!({"text": "a", "message_thread_id": 3, "is_topic_message": true,
        "reply_to_message": {"message_id": 3, "forum_topic_created": {"name": "Kettles"}}});
    let topic = mention(&message(topic));
    assert_eq!((topic.kind, topic.parent, topic.root.as_deref()), (Kind::Message, None, Some("-1005/3")));
    let origin = json!({"type": "channel", "chat": {"id": -77, "type": "channel"}, "message_id": 4, "date": 1});
    let forward = mention(&message(json!({"text": "a", "forward_origin": origin})));
    assert_eq!((forward.kind, forward.parent.as_deref()), (Kind::Repost, Some("-77/4")));
    assert_eq!(forward.parent_author.as_deref(), Some("-77"));
    let quote = mention(&message(
        json!({"text": "a", "external_reply": {"origin": origin, "chat": {"id": -77}, "message_id": 4}}),
    ));
    assert_eq!((quote.kind, quote.parent.as_deref()), (Kind::Quote, Some("-77/4")));
    let anonymous = json!({"text": "a", "sender_chat": {"id": -1005, "type": "supergroup", "title": "Tea"}});
    let anonymous = mention(&message(anonymous));
    assert!(anonymous.author.is_team && !anonymous.author.is_bot, "an administrator in the name of the group");
}

/// Answers every method alike, but for those that a test is not about.
struct Alike(fn(&str) -> Answer);

impl Platform for Alike {
    fn answer(&self, _: When, request: &Request) -> Answer {
        (self.0)(request.url.path().rsplit('/').next().unwrap_or_default())
    }

    fn rounds(&self) -> usize {
        1
    }

    fn expected(&self) -> Vec<Expected> {
        Vec::new()
    }
}

fn reading(answer: fn(&str) -> Answer) -> (StepClock, Box<dyn Source>) {
    let clock = StepClock::at(noon());
    let transport = Arc::new(Scripted::new(Arc::new(Alike(answer)), clock.clone()));
    let world = World::real().with_transport(transport).with_clock(Arc::new(clock.clone()));
    let world = world.with_variables(|name| (name == "TOKEN_OF_A_BOT").then(|| "12:s3cr3t".to_owned()));
    let table = "name = \"t\"\nkind = \"telegram\"\ntoken_env = \"TOKEN_OF_A_BOT\"\nchats = [-5, \"@tea_talk\"]";
    (clock, spec(table).build(&world))
}

fn ok(result: Value) -> Answer {
    Answer::json(&json!({"ok": true, "result": result}))
}

fn refused(code: u16, description: &str) -> Answer {
    Answer::status(code, json!({"ok": false, "error_code": code, "description": description}).to_string())
}

#[tokio::test]
async fn two_readers_and_a_webhook_are_told_apart() {
    let (_, mut source) = reading(|_| refused(409, "Conflict: terminated by other getUpdates request"));
    let error = source.poll(None).await.unwrap_err();
    assert!(error.is_transient() && error.to_string().contains("another process reads with the same bot"), "{error}");
    let (_, mut source) = reading(|_| refused(409, "Conflict: can't use getUpdates method while webhook is active"));
    let error = source.poll(None).await.unwrap_err();
    assert!(matches!(error, SourceError::Config(_)) && error.to_string().contains("deleteWebhook"), "{error}");
}

#[tokio::test]
async fn a_limit_is_read_from_the_body() {
    let (_, mut source) =
        reading(|_| Answer::status(429, "{\"ok\": false, \"error_code\": 429, \"parameters\": {\"retry_after\": 35}}"));
    let Err(SourceError::RateLimited { until, .. }) = source.poll(None).await else { panic!("it is limited") };
    assert_eq!(until.duration_since(noon()).as_secs(), 35);
}

#[tokio::test]
async fn one_chat_that_can_not_be_read_is_told_of_and_the_other_is_read() {
    let (_, mut source) = reading(|method| match method {
        "getUpdates" => {
            let kicked = json!({"chat": {"id": -5, "type": "group", "title": "Tea"}, "date": 1, "new_chat_member": {"status": "kicked"}});
            let mut post = message(json!({"text": "a"}));
            post["update_id"] = json!(2);
            ok(json!([{"update_id": 1, "my_chat_member": kicked}, post]))
        }
        "getChatMemberCount" => ok(json!(5)),
        _ => refused(404, ""),
    });
    let page = source.poll(None).await.unwrap();
    assert_eq!(crate::kit::ids(&page.events), ["-1005/7"]);
    assert_eq!(source.notice().unwrap(), "the chat Tea is not read: kicked");
}

#[tokio::test]
async fn check_says_what_the_bot_lacks() {
    let (_, mut source) = reading(|method| match method {
        "getMe" => ok(json!({"id": 12, "is_bot": true, "can_read_all_group_messages": false})),
        "getWebhookInfo" => ok(json!({"url": ""})),
        _ => ok(json!({"status": "member"})),
    });
    let error = source.check().await.unwrap_err().to_string();
    assert!(error.contains("in the chat -5 the bot sees only commands") && error.contains("/setprivacy"), "{error}");
}

#[tokio::test]
async fn a_group_is_followed_when_it_becomes_a_supergroup() {
    let (_, mut source) = reading(|method| match method {
        "getUpdates" => {
            let moved =
                json!({"message_id": 1, "date": 9, "chat": {"id": -5, "type": "group"}, "migrate_to_chat_id": -10077});
            let post = json!({"message_id": 1, "date": 1772366000, "text": "a", "from": {"id": 5, "first_name": "Ann"},
                "chat": {"id": -10077, "type": "supergroup", "title": "Tea"}});
            ok(json!([{"update_id": 1, "message": moved}, {"update_id": 2, "message": post}]))
        }
        _ => ok(json!(5)),
    });
    let page = source.poll(None).await.unwrap();
    assert_eq!(crate::kit::ids(&page.events), ["-10077/1"]);
}

#[tokio::test]
async fn a_day_without_reading_is_a_gap() {
    let (clock, mut source) = reading(|method| if method == "getUpdates" { ok(json!([])) } else { ok(json!(5)) });
    let cursor: Cursor = source.poll(None).await.unwrap().cursor;
    clock.advance(Duration::from_secs(30 * 3600));
    let page = source.poll(Some(&cursor)).await.unwrap();
    let Event::Gap(gap) = &page.events[0] else { panic!("{page:?}") };
    assert_eq!(gap.to.duration_since(gap.from).as_hours(), 6);
    let again = source.poll(Some(&page.cursor)).await.unwrap();
    assert!(!again.events.iter().any(|event| matches!(event, Event::Gap(_))), "it is told once");
}

#[test]
fn a_rejected_update_is_mapped_again() {
    let table = "name = \"t\"\nkind = \"telegram\"\ntoken_env = \"X\"";
    let source = crate::kit::build(table);
    let raw = message(json!({"text": "a"})).to_string();
    assert_eq!(crate::kit::ids(&source.remap(raw.as_bytes(), noon()).unwrap()), ["-1005/7"]);
    let error = source.remap(b"{\"update_id\": 1, \"message\": {}}", noon()).unwrap_err();
    assert_eq!(error, "an update without `chat.id`, or not of the type it should have");
}
