//! The mapping over recorded answers of X.

use grapevine_model::Mention;
use grapevine_sources::x::map;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    kit::{noon, recorded},
    x::{items, text},
};

fn read(folder: &std::path::Path, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder.join(file)).unwrap()).unwrap()
}

/// Everything that a mention has room for, from the post as it stands.
fn check(post: &Value, includes: &Value, mention: &Mention) {
    let find = |list: &str, id: &Value| {
        items(&includes[list]).iter().find(|one| one["id"] == *id).cloned().unwrap_or_default()
    };
    assert_eq!(
        mention.key.native_id,
        text(&post["edit_history_tweet_ids"][0]).to_owned().max(text(&post["id"]).to_owned())
    );
    if let Some(stated) = post["created_at"].as_str() {
        assert_eq!(mention.created_at, stated.parse::<Timestamp>().unwrap());
    }
    let user = find("users", &post["author_id"]);
    assert_eq!(
        (mention.author.native_id.as_str(), mention.author.handle.as_str()),
        (text(&post["author_id"]), text(&user["username"]))
    );
    assert_eq!(mention.author.name.as_deref().unwrap_or_default(), text(&user["name"]));
    assert_eq!(mention.author.followers, user["public_metrics"]["followers_count"].as_u64());
    let counts = &post["public_metrics"];
    let reference = items(&post["referenced_tweets"]).first();
    let is_repost = reference.is_some_and(|reference| reference["type"] == "retweeted");
    assert_eq!(
        (mention.engagement.likes, mention.engagement.replies),
        (counts["like_count"].as_u64(), counts["reply_count"].as_u64())
    );
    assert_eq!(mention.engagement.quotes, counts["quote_count"].as_u64());
    assert_eq!(mention.engagement.reposts, counts["retweet_count"].as_u64().filter(|_| !is_repost));
    assert_eq!(mention.parent.as_deref().unwrap_or_default(), reference.map_or("", |reference| text(&reference["id"])));
    assert_eq!(mention.language.as_deref(), post["lang"].as_str());
    let said =
        reference.map(|reference| find("tweets", &reference["id"])).filter(Value::is_object).unwrap_or(post.clone());
    for part in [post, &said] {
        let tags = items(&part["entities"]["hashtags"]);
        assert!(tags.iter().all(|tag| mention.hashtags.contains(&text(&tag["tag"]).to_lowercase())));
        let names = items(&part["entities"]["mentions"]);
        assert!(names.iter().all(|name| mention.handles.contains(&text(&name["username"]).to_lowercase())));
    }
    for link in items(&said["entities"]["urls"]) {
        assert!(mention.links.iter().any(|found| *found == text(&link["unwound_url"])), "{:?}", mention.links);
        assert!(mention.text.contains(text(&link["expanded_url"])) && !mention.text.contains("https://t.co/"));
    }
    assert!(!mention.text.is_empty() && !mention.text.contains("&amp;"));
}

/// Places of entities count characters: neither bytes nor anything else gives the same texts.
fn check_places(post: &Value) {
    let chars: Vec<char> = text(&post["text"]).chars().collect();
    for (list, sign, key) in [("hashtags", "#", "tag"), ("mentions", "@", "username"), ("urls", "", "url")] {
        for entity in items(&post["entities"][list]) {
            let place = |end: &str| entity[end].as_u64().unwrap() as usize;
            let there: String = chars[place("start")..place("end")].iter().collect();
            assert_eq!(there.to_lowercase(), format!("{sign}{}", text(&entity[key])).to_lowercase());
        }
    }
}

#[test]
fn recorded_answers_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/x") else { return };
    let whole =
        json!({"data": read(&folder, "full_archive_data.json"), "includes": read(&folder, "full_archive_users.json")});
    let mut posts = 0;
    for answer in [read(&folder, "search_recent.json"), read(&folder, "users_mentions.json"), whole] {
        let mapped = map(answer.to_string().as_bytes(), noon()).unwrap();
        assert_eq!((mapped.mentions.len(), mapped.rejected.len()), (items(&answer["data"]).len(), 0));
        for (post, mention) in items(&answer["data"]).iter().zip(&mapped.mentions) {
            check(post, &answer["includes"], mention);
            check_places(post);
            posts += 1;
        }
        items(&answer["includes"]["tweets"]).iter().for_each(check_places);
    }
    assert!(posts > 20, "{posts} posts");
    for file in ["counts_recent.json", "compliance_job.json"] {
        let mapped = map(read(&folder, file).to_string().as_bytes(), noon()).unwrap();
        assert!(mapped.mentions.is_empty() && !mapped.rejected.is_empty(), "{file}: what is no post says why");
    }
}
