//! The definitions over payloads that were recorded elsewhere.

use std::{collections::BTreeMap, fs, path::Path};

use grapevine_model::{Event, Kind, Mention};
use grapevine_sources::declarative::{Definition, TEXTS};
use serde_json::Value;

use crate::kit::{noon, recorded};

fn definition(name: &str) -> Definition {
    let all = TEXTS.iter().map(|text| Definition::parse(text).unwrap());
    all.into_iter().find(|definition| definition.name == name).unwrap()
}

fn json(folder: &Path, file: &str) -> Value {
    let bytes = fs::read(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The mentions of an answer to a listing; each record must become one.
fn read<'a>(platform: &Definition, listing: &str, each: &[(&str, &str)], body: &'a Value) -> Vec<(&'a Value, Mention)> {
    let each: BTreeMap<String, String> =
        each.iter().map(|(hole, value)| (hole.to_string(), value.to_string())).collect();
    let records = platform.records(listing, body).unwrap();
    assert!(!records.is_empty(), "{listing}: no records");
    let map = |record: &'a Value| match platform.map(listing, &each, record, noon()) {
        Ok(Some(Event::Upsert(mention))) => (record, *mention),
        other => panic!("{listing}: {other:?} of {record}"),
    };
    records.into_iter().map(map).collect()
}

fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn recorded_forum_posts_are_read() {
    let Some(folder) = recorded("fixtures/discourse") else { return };
    let platform = definition("discourse");
    for (file, path) in
        [("posts_latest.json", ""), ("posts_before.json", ""), ("topic_posts.json", "/post_stream/posts")]
    {
        let body = json(&folder, file);
        let body = match body.pointer(path).filter(|found| found.is_array()) {
            Some(posts) => serde_json::json!({"latest_posts": posts}),
            None => body,
        };
        for (record, mention) in read(&platform, "posts", &[], &body) {
            assert_eq!(mention.key.native_id, format!("{}/{}", record["topic_id"], record["post_number"]));
            assert_eq!(mention.author.handle, text(record, "/username"));
            assert_eq!(mention.author.is_team, record["staff"] == true);
            assert_eq!(mention.created_at, text(record, "/created_at").parse().unwrap());
            assert_eq!(mention.engagement.impressions, record["reads"].as_u64());
            assert_eq!(mention.engagement.replies, record["reply_count"].as_u64());
            assert_eq!(mention.kind == Kind::Reply, record["post_number"] != 1);
            assert_eq!(mention.parent.is_some(), record["post_number"] != 1);
            assert!(!mention.text.is_empty() && !mention.text.contains("<p>"), "{}", mention.text);
            assert!(mention.url.is_some());
        }
    }
}

#[test]
fn recorded_videos_and_comments_are_read() {
    let Some(folder) = recorded("fixtures/youtube") else { return };
    let platform = definition("youtube");
    for (record, mention) in read(&platform, "searches", &[], &json(&folder, "search_list_p1.json")) {
        assert_eq!(mention.key.native_id, text(record, "/id/videoId"));
        assert_eq!(mention.author.native_id, text(record, "/snippet/channelId"));
        assert_eq!(mention.author.name.as_deref(), Some(text(record, "/snippet/channelTitle")));
        assert_eq!(mention.media.len(), 1);
        assert!(mention.text.contains("\n\n"), "title and description");
    }
    for (record, mention) in read(&platform, "channel_comments", &[], &json(&folder, "commentThreads_p1.json")) {
        let comment = &record["snippet"]["topLevelComment"]["snippet"];
        assert_eq!(mention.parent.as_deref(), Some(text(comment, "/videoId")));
        assert_eq!(mention.author.native_id, text(comment, "/authorChannelId/value"));
        assert_eq!(mention.engagement.likes, comment["likeCount"].as_u64());
        assert_eq!(mention.engagement.replies, record["snippet"]["totalReplyCount"].as_u64());
        assert_eq!(mention.text, text(comment, "/textOriginal"));
    }
    for (record, mention) in read(&platform, "channel_comments", &[], &json(&folder, "comments_replies_p1.json")) {
        assert_eq!(mention.parent.as_deref(), Some(text(record, "/snippet/parentId")));
        assert_eq!(mention.created_at, text(record, "/snippet/publishedAt").parse().unwrap());
    }
}

#[test]
fn recorded_issues_and_comments_are_read() {
    let Some(folder) = recorded("fixtures/github") else { return };
    let platform = definition("github");
    let each = [("repository", "owner/name")];
    let exchanges = [json(&folder, "paginate-issues.json"), json(&folder, "search-issues.json")];
    let bodies = exchanges.iter().filter_map(Value::as_array).flatten();
    for body in bodies.map(|exchange| exchange["response"].get("items").unwrap_or(&exchange["response"])) {
        for (record, mention) in read(&platform, "issues", &each, body) {
            assert_eq!(mention.key.native_id, format!("owner/name#{}", record["number"]));
            assert_eq!(mention.engagement.replies, record["comments"].as_u64());
            assert_eq!(mention.engagement.likes, record["reactions"]["+1"].as_u64());
            assert_eq!(mention.author.is_team, record["author_association"] != "NONE");
            assert!(mention.text.starts_with(text(record, "/title")) && mention.text.contains(text(record, "/body")));
        }
    }
    let webhook = json(&folder, "webhook_issue_comment_edited.payload.json");
    for (record, mention) in read(&platform, "comments", &each, &serde_json::json!([webhook["comment"]])) {
        let number = text(record, "/issue_url").rsplit('/').next().unwrap_or_default();
        assert!(mention.parent.is_some_and(|parent| parent.ends_with(&format!("#{number}"))));
        assert_eq!(mention.text, text(record, "/body"));
    }
}

#[test]
fn recorded_reviews_are_read() {
    let Some(folder) = recorded("fixtures/appstore") else { return };
    let each = [("app", "1"), ("country", "us")];
    let body = json(&folder, "itunes_rss_reviews_first3.json");
    for (record, mention) in read(&definition("appstore_reviews"), "reviews", &each, &body) {
        assert_eq!(mention.key.native_id, text(record, "/id/label"));
        assert_eq!(mention.stars.map(|stars| stars.to_string()), Some(text(record, "/im:rating/label").to_owned()));
        assert_eq!(mention.engagement.likes, text(record, "/im:voteSum/label").parse().ok());
        assert_eq!(mention.author.handle, text(record, "/author/name/label"));
        assert!(text(record, "/author/uri/label").ends_with(&format!("id{}", mention.author.native_id)));
        assert_eq!(mention.created_at, text(record, "/updated/label").parse().unwrap());
        assert!(mention.text.contains(text(record, "/content/label").trim()));
    }
}

/// What was recorded of these is no answer of the calls that are read: it is refused with a reason, not misread.
#[test]
fn recorded_answers_of_other_calls_are_refused() {
    for (folder, file, platform, listing, path) in [
        ("stackexchange", "users_associated.json", "stackexchange", "questions", "/items"),
        ("trustpilot", "jsonld_review.json", "trustpilot", "reviews", "/@graph"),
    ] {
        let Some(folder) = recorded(&format!("fixtures/{folder}")) else { return };
        let body = json(&folder, file);
        let records = body.pointer(path).and_then(Value::as_array).unwrap();
        for record in records {
            let mapped = definition(platform).map(listing, &BTreeMap::new(), record, noon());
            assert!(mapped.is_err_and(|reason| reason.contains("has no id")), "{file}");
        }
    }
}
