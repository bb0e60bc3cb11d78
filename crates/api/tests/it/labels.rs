//! What people say of mentions, as the API takes it.

use std::sync::atomic::Ordering::Relaxed;

use axum::body::Body;
use grapevine_api::{LiveEvent, LiveLabel};
use grapevine_model::LabelRecord;
use grapevine_store::GivenLabel;
use serde_json::{Value, json};

use crate::fake::{Answer, Api, NOW, TOKEN, request, time};

const ID: &str = "00000000000000000000000000000007";

fn path(id: &str) -> String {
    format!("/api/v1/mentions/{id}/labels")
}

async fn give(api: &Api, id: &str, body: Value) -> Answer {
    let request = request("POST", &path(id)).header("authorization", format!("Bearer {TOKEN}"));
    api.send_body(request, Body::from(body.to_string())).await
}

async fn take_back(api: &Api, query: &str) -> Answer {
    let path = format!("{}?{query}", path(ID));
    api.send(request("DELETE", &path).header("authorization", format!("Bearer {TOKEN}"))).await
}

fn appended(api: &Api) -> Vec<LabelRecord> {
    std::mem::take(&mut *api.log.appended.lock().unwrap())
}

#[tokio::test]
async fn a_label_goes_to_the_log_with_what_the_model_said() {
    let api = Api::new();
    let answer = give(&api, ID, json!({"brand": "Grove", "field": "polarity", "value": "negative", "by": "ada"})).await;
    assert_eq!(answer.status, 202);
    let said = json!([{"mention": ID, "brand": "Grove", "field": "polarity", "value": "negative", "model": null,
        "by": "ada", "at": NOW}]);
    assert_eq!(answer.json(), said);
    let [LabelRecord::Label(label)] = &appended(&api)[..] else { panic!("one label") };
    assert_eq!((&*label.before.value, &*label.before.model), ("positive", "minilm@1"));
}

#[tokio::test]
async fn drawn_mentions_come_with_what_was_checked_so_far_and_their_labels_say_that_they_were_drawn() {
    let api = Api::new();
    let drawn = api.get("/api/v1/drawn?brand=Grove&from=-7d").await.json();
    assert_eq!(drawn["mentions"].as_array().unwrap().len(), 2);
    let checked = json!({"negative": 18, "neutral": 16, "positive": 12, "agreed": 36, "needed": 20});
    assert_eq!(drawn["checked"], checked);
    assert_eq!(api.get("/api/v1/drawn?brand=X").await.code(), "404 unknown_brand");
    assert_eq!(api.get("/api/v1/drawn?brand=Grove&limit=51").await.code(), "400 bad_limit");
    let label = json!({"brand": "Grove", "field": "polarity", "value": "negative", "drawn": true});
    assert_eq!(give(&api, ID, label).await.status, 202);
    // Somebody else corrects it later: it stays one that chance drew.
    let (field, value, model) = ("polarity".into(), "negative".into(), "positive".into());
    let standing = GivenLabel { field, value, model, by: "ada".into(), at: time(NOW), drawn: true };
    api.store.labels.lock().unwrap().push(standing);
    let later = json!({"brand": "Grove", "field": "polarity", "value": "neutral"});
    assert_eq!(give(&api, ID, later).await.status, 202);
    assert_eq!(give(&api, ID, json!({"brand": "Grove", "field": "intent", "value": "none"})).await.status, 202);
    let is_drawn = |record: &LabelRecord| matches!(record, LabelRecord::Label(label) if label.drawn);
    assert_eq!(appended(&api).iter().map(is_drawn).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn without_a_brand_every_brand_of_the_mention_is_labelled() {
    let api = Api::new();
    let answer = give(&api, ID, json!({"field": "relevance", "value": "no"})).await;
    assert_eq!(answer.status, 202);
    let keys: Vec<String> = appended(&api).iter().map(|record| record.key().to_string()).collect();
    assert_eq!(keys, [format!("{ID}/relevance/Brightleaf"), format!("{ID}/relevance/Grove")]);
}

#[tokio::test]
async fn a_label_that_stands_is_taken_back_and_another_is_not() {
    let api = Api::new();
    let by = "ada".to_owned();
    // Given by a process whose clock is ahead.
    let at = time("2026-03-08T13:00:00Z");
    let (field, value, model) = ("polarity".into(), "negative".into(), "positive".into());
    api.store.labels.lock().unwrap().push(GivenLabel { field, value, model, by, at, drawn: false });
    let answer = take_back(&api, "field=polarity&brand=Grove").await;
    assert_eq!((answer.status.as_u16(), answer.json()[0]["value"].clone()), (202, Value::Null));
    let [record @ LabelRecord::Withdrawn(_)] = &appended(&api)[..] else { panic!("one withdrawal") };
    assert!(record.at() > at, "it is newer than the label, whatever the clock says");
    assert_eq!(take_back(&api, "field=intent").await.json(), json!([]), "nothing stands there");
    assert_eq!(appended(&api), []);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused_with_the_way_out() {
    let api = Api::new();
    let polarity = json!({"field": "polarity", "value": "negative"});
    let missing = format!("{:032x}", 404);
    let cases = [
        (give(&api, &missing, polarity.clone()).await, "404 unknown_mention", "no mention"),
        (give(&api, "7", polarity.clone()).await, "404 unknown_mention", "32 hexadecimal digits"),
        (give(&api, ID, json!({"field": "mood", "value": "bad"})).await, "400 bad_label", "there are: polarity, theme"),
        (
            give(&api, ID, json!({"field": "polarity", "value": "bad"})).await,
            "400 bad_label",
            "negative, neutral, positive",
        ),
        (give(&api, ID, json!({"field": "polarity"})).await, "400 bad_label", "missing field `value`"),
        (give(&api, ID, json!({"field": "polarity", "value": "negative", "by": " "})).await, "400 bad_label", "empty"),
        (
            give(&api, ID, json!({"brand": "X", "field": "polarity", "value": "negative"})).await,
            "404 unknown_brand",
            "X",
        ),
        (take_back(&api, "field=mood").await, "400 bad_label", "relevance"),
    ];
    for (answer, code, message) in cases {
        assert_eq!(answer.code(), code);
        assert!(answer.json()["message"].as_str().unwrap().contains(message), "{:?}", answer.json());
    }
    assert_eq!(appended(&api), []);
    api.log.down.store(true, Relaxed);
    let answer = give(&api, ID, polarity).await;
    assert_eq!(answer.code(), "503 log_unavailable");
    assert!(!answer.json().to_string().contains("secret"), "the log's own words are not for readers");
}

#[tokio::test]
async fn nobody_labels_without_a_token() {
    let api = Api::new();
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(api.send(request(method, &path(ID))).await.code(), "401 not_authorised", "{method}");
    }
}

#[tokio::test]
async fn lists_show_what_people_said_beside_the_model() {
    let api = Api::new();
    let (field, value, model) = ("intent".into(), "question".into(), String::new());
    let label = GivenLabel { field, value, model, by: "ada".into(), at: time(NOW), drawn: false };
    api.store.labels.lock().unwrap().push(label);
    let shown = api.get(&path(ID)).await.json();
    assert_eq!(shown["mentions"][1]["labels"][0]["value"], "question");
    assert_eq!(shown["mentions"][1]["labels"][0]["model"], Value::Null);
}

#[tokio::test]
async fn the_live_feed_shows_labels_and_what_is_labelled() {
    let api = Api::new();
    let mut events = crate::live::follow(&api, "/api/v1/live?brand=Grove").await;
    let label = |brand: &str, field: &str, value: &str| LiveLabel {
        mention: ID.into(),
        brand: brand.into(),
        field: field.into(),
        value: Some(value.into()),
        model: None,
        by: "ada".into(),
        at: time(NOW),
    };
    api.live.send(LiveEvent::Label(label("Brightleaf", "polarity", "negative"))).unwrap();
    api.live.send(LiveEvent::Label(label("Grove", "polarity", "negative"))).unwrap();
    let event = crate::live::next(&mut events).await.unwrap();
    assert!(event.contains("event: label") && event.contains("Grove"), "{event}");
    let mut mention = crate::live::mention(ID, "Grove");
    mention.polarity = Some("positive".into());
    mention.labels = vec![label("Grove", "polarity", "negative"), label("Brightleaf", "polarity", "neutral")];
    let mut gone = mention.clone();
    gone.labels.push(label("Grove", "relevance", "no"));
    api.live.send(gone.into()).unwrap();
    api.live.send(mention.into()).unwrap();
    let event = crate::live::next(&mut events).await.unwrap();
    assert!(event.contains(r#""polarity":"negative""#) && event.contains(r#""model":"positive""#), "{event}");
    assert!(!event.contains("neutral"), "the other brand's label: {event}");
}
