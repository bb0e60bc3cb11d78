//! The definitions over payloads that were recorded elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use grapevine_model::{Event, Kind, Mention};
use grapevine_sources::declarative::{Definition, TEXTS};
use serde_json::{Value, json};

use crate::kit::{noon, recorded};

fn definition(name: &str) -> Definition {
    let all = TEXTS.iter().map(|text| Definition::parse(text).unwrap());
    all.into_iter().find(|definition| definition.name == name).unwrap()
}

fn read_json(folder: &Path, file: &str) -> Value {
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
        let body = read_json(&folder, file);
        let body = match body.pointer(path).filter(|found| found.is_array()) {
            Some(posts) => json!({"latest_posts": posts}),
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
    for (record, mention) in read(&platform, "videos", &[], &read_json(&folder, "search_list_p1.json")) {
        assert_eq!(mention.key.native_id, text(record, "/id/videoId"));
        assert_eq!(mention.author.native_id, text(record, "/snippet/channelId"));
        assert_eq!(mention.author.name.as_deref(), Some(text(record, "/snippet/channelTitle")));
        assert_eq!(mention.media.len(), 1);
        assert!(mention.text.contains("\n\n"), "title and description");
    }
    for (record, mention) in read(&platform, "channel_comments", &[], &read_json(&folder, "commentThreads_p1.json")) {
        let comment = &record["snippet"]["topLevelComment"]["snippet"];
        assert_eq!(mention.parent.as_deref(), Some(text(comment, "/videoId")));
        assert_eq!(mention.author.native_id, text(comment, "/authorChannelId/value"));
        assert_eq!(mention.engagement.likes, comment["likeCount"].as_u64());
        assert_eq!(mention.engagement.replies, record["snippet"]["totalReplyCount"].as_u64());
        assert_eq!(mention.text, text(comment, "/textOriginal"));
    }
    for (record, mention) in read(&platform, "channel_comments", &[], &read_json(&folder, "comments_replies_p1.json")) {
        assert_eq!(mention.parent.as_deref(), Some(text(record, "/snippet/parentId")));
        assert_eq!(mention.created_at, text(record, "/snippet/publishedAt").parse().unwrap());
    }
}

#[test]
fn recorded_issues_and_comments_are_read() {
    let Some(folder) = recorded("fixtures/github") else { return };
    let platform = definition("github");
    let each = [("repository", "owner/name")];
    let exchanges = [read_json(&folder, "paginate-issues.json"), read_json(&folder, "search-issues.json")];
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
    let webhook = read_json(&folder, "webhook_issue_comment_edited.payload.json");
    for (record, mention) in read(&platform, "comments", &each, &json!([webhook["comment"]])) {
        let number = text(record, "/issue_url").rsplit('/').next().unwrap_or_default();
        assert!(mention.parent.is_some_and(|parent| parent.ends_with(&format!("#{number}"))));
        assert_eq!(mention.text, text(record, "/body"));
    }
}

#[test]
fn recorded_reviews_are_read() {
    let Some(folder) = recorded("fixtures/appstore") else { return };
    let each = [("app", "1"), ("country", "us")];
    let body = read_json(&folder, "itunes_rss_reviews_first3.json");
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

#[test]
fn recorded_posts_and_comments_of_instagram_are_read() {
    let Some(folder) = recorded("fixtures/instagram") else { return };
    let platform = definition("instagram");
    for file in ["tagged_medias.json", "mentioned_media.json"] {
        for (record, mention) in read(&platform, "tags", &[("account", "1")], &read_json(&folder, file)) {
            assert_eq!(mention.key.native_id, text(record, "/id"));
            assert_eq!(mention.created_at, text(record, "/timestamp").parse().unwrap());
            assert_eq!(mention.text, text(record, "/caption"));
            assert_eq!(mention.url.as_deref().unwrap_or_default(), text(record, "/permalink"));
            assert_eq!(mention.engagement.likes, record["like_count"].as_u64());
            assert_eq!(mention.engagement.replies, record["comments_count"].as_u64());
            let media: Vec<&str> = mention.media.iter().map(|media| media.url.as_str()).collect();
            assert_eq!(media, record["media_url"].as_str().into_iter().collect::<Vec<_>>());
        }
    }
    let each = [("account", "1"), ("post", "9")];
    for (record, mention) in read(&platform, "comments", &each, &read_json(&folder, "comments_p1.json")) {
        assert_eq!(
            (mention.key.native_id.as_str(), mention.text.as_str()),
            (text(record, "/id"), text(record, "/text"))
        );
        assert_eq!((mention.parent.as_deref(), mention.root.as_deref()), (Some("9"), Some("9")));
        assert_eq!(mention.created_at, text(record, "/timestamp").parse().unwrap());
    }
    // Nobody asked for their time, and without one there is no mention.
    let body = read_json(&folder, "hashtag_recent_medias_p1.json");
    for record in platform.records("hashtag_posts", &body).unwrap() {
        let mapped = platform.map("hashtag_posts", &BTreeMap::new(), record, noon());
        assert_eq!(mapped.unwrap_err(), "the record has no time: check `map.created_at`");
    }
}

#[test]
fn recorded_posts_and_comments_of_a_page_are_read() {
    let Some(folder) = recorded("fixtures/facebook") else { return };
    let platform = definition("facebook_page");
    for (record, mention) in read(&platform, "feed", &[("page_id", "4")], &read_json(&folder, "feed_fields_p1.json")) {
        assert_eq!(
            (mention.key.native_id.as_str(), mention.text.as_str()),
            (text(record, "/id"), text(record, "/message"))
        );
        assert_eq!(mention.created_at, text(record, "/created_time").parse().unwrap());
        assert_eq!((mention.kind, mention.space.as_deref()), (Kind::Post, Some("4")));
    }
    // Only their addresses name the comments, their posts and their parents.
    for (record, mention) in
        read(&platform, "comments", &[("page_id", "19292868552")], &read_json(&folder, "comments_p1.json"))
    {
        let address = url::Url::parse(text(record, "/permalink_url")).unwrap();
        let named = |name: &str| address.query_pairs().find(|(key, _)| key == name).map(|(_, id)| id.into_owned());
        let (comment, reply) = (named("comment_id").unwrap(), named("reply_comment_id"));
        let post = address.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        assert_eq!(mention.key.native_id, format!("{post}_{}", reply.as_ref().unwrap_or(&comment)));
        assert_eq!(mention.root, Some(format!("19292868552_{post}")));
        let parent = reply.map_or_else(|| format!("19292868552_{post}"), |_| format!("{post}_{comment}"));
        assert_eq!(mention.parent, Some(parent));
        assert_eq!(mention.url.as_deref(), Some(text(record, "/permalink_url")));
        assert_eq!(mention.text, text(record, "/message"));
        assert_eq!(mention.engagement.likes, record["like_count"].as_u64());
        assert_eq!(mention.engagement.replies, record["comment_count"].as_u64());
    }
}

/// What the store's own pages are made of: lists in a text in lists.
#[test]
fn recorded_reviews_of_the_play_store_are_read() {
    let Some(folder) = recorded("fixtures/googleplay") else { return };
    let answer = fs::read_to_string(folder.join("batchexecute_review_history.txt")).unwrap();
    let frames: Value = serde_json::from_str(answer.trim_start_matches(")]}'")).unwrap();
    let pieces: Value = serde_json::from_str(text(&frames, "/0/2")).unwrap();
    let body = serde_json::json!({"reviews": pieces[0]});
    let each = [("package", "com.example.app")];
    for (record, mention) in read(&definition("googleplay_reviews"), "reviews", &each, &body) {
        assert_eq!(mention.key.native_id, text(record, "/0"));
        assert_eq!(
            (mention.author.name.as_deref(), mention.text.as_str()),
            (Some(text(record, "/1/0")), text(record, "/4"))
        );
        assert_eq!(mention.author.native_id, text(record, "/9/0"));
        assert_eq!(Some(mention.created_at.as_second()), record[5][0].as_i64());
        assert_eq!(mention.engagement.likes, record[6].as_u64());
        assert_eq!(mention.stars.map(f64::from), record[2].as_f64());
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
        let body = read_json(&folder, file);
        let records = body.pointer(path).and_then(Value::as_array).unwrap();
        for record in records {
            let mapped = definition(platform).map(listing, &BTreeMap::new(), record, noon());
            assert!(mapped.is_err_and(|reason| reason.contains("has no id")), "{file}");
        }
    }
}

/// Of each recorded answer: the listing whose records it holds, and every field that must be filled in one of its mentions.
const FILLED: &[(&str, &str, &str, &str)] = &[
    (
        "discourse/posts_latest.json",
        "discourse",
        "posts",
        "url space instance author_handle author_native_id author_name text replies quotes impressions likes media author_is_bot author_is_team parent root",
    ),
    (
        "discourse/posts_before.json",
        "discourse",
        "posts",
        "url space instance author_handle author_native_id author_name text replies quotes impressions likes media author_is_bot author_is_team",
    ),
    (
        "github/paginate-issues.json",
        "github",
        "issues",
        "url space author_handle author_native_id author_is_team text replies likes",
    ),
    (
        "youtube/video_stats.json",
        "youtube",
        "videos",
        "url space author_native_id author_name text links media language hashtags",
    ),
    (
        "youtube/commentThreads_p1.json",
        "youtube",
        "channel_comments",
        "url root parent author_handle author_native_id text likes replies links",
    ),
    (
        "youtube/comments_replies_p1.json",
        "youtube",
        "channel_comments",
        "parent author_handle author_native_id text likes",
    ),
    (
        "appstore/itunes_rss_reviews_first3.json",
        "appstore_reviews",
        "reviews",
        "url space author_handle author_native_id text likes stars",
    ),
    ("reddit/new.json", "reddit", "posts", "url space author_handle author_native_id text replies"),
    ("reddit/search.json", "reddit", "search", "url space author_handle author_native_id text links likes replies"),
    (
        "reddit/search_2021.json",
        "reddit",
        "search",
        "url space author_handle author_native_id text links likes reposts replies",
    ),
    ("reddit/comments.json", "reddit", "comments", "url space root parent author_handle author_native_id text"),
    (
        "reddit/mentions_2025.json",
        "reddit",
        "comments",
        "url space parent author_handle author_native_id author_is_team text likes links",
    ),
];

/// The fields of a mention that hold something, but for those that every one has.
fn filled(mention: &Mention) -> BTreeSet<String> {
    let Ok(Value::Object(mention)) = serde_json::to_value(mention) else { return BTreeSet::new() };
    let parts = mention.into_iter().flat_map(|(name, value)| match (name.as_str(), value) {
        ("engagement", Value::Object(counters)) => counters.into_iter().collect::<Vec<_>>(),
        ("author", Value::Object(author)) => {
            author.into_iter().map(|(part, value)| (format!("author_{part}"), value)).collect()
        }
        ("key", key) => vec![("instance".to_owned(), key["instance"].clone())],
        (_, value) => vec![(name, value)],
    });
    let always = ["created_at", "observed_at", "kind"];
    let is_empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!([]);
    parts.filter(|(name, value)| !is_empty(value) && !always.contains(&name.as_str())).map(|(name, _)| name).collect()
}

/// Bodies as they came; what was recorded as exchanges, by the first one's answer.
fn body(recorded: Value) -> Value {
    match recorded.pointer("/0/response") {
        Some(response) => response.clone(),
        None => recorded,
    }
}

#[test]
fn no_field_of_a_recorded_answer_is_lost() {
    let Some(folder) = recorded("fixtures") else { return };
    let each = [("repository", "owner/name"), ("app", "1"), ("country", "us")];
    let mut problems = Vec::new();
    for (file, platform, listing, expected) in FILLED {
        let answer = body(read_json(&folder, file));
        let platform = definition(platform);
        let mentions = read(&platform, listing, &each, &answer);
        let found: BTreeSet<String> = mentions.iter().flat_map(|(_, mention)| filled(mention)).collect();
        let expected: BTreeSet<String> = expected.split(' ').map(str::to_owned).collect();
        if found != expected {
            let (missing, more) = (expected.difference(&found), found.difference(&expected));
            problems.push(format!(
                "{file}: lost {:?}, unexpected {:?}",
                missing.collect::<Vec<_>>(),
                more.collect::<Vec<_>>()
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
