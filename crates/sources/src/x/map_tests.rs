use super::*;
use serde_json::{Value, json};

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn only(answer: &Value) -> Mention {
    let mapped = map(answer.to_string().as_bytes(), now()).unwrap();
    assert_eq!((mapped.mentions.len(), mapped.rejected), (1, vec![]), "{answer}");
    mapped.mentions[0].clone()
}

fn includes() -> Value {
    json!({
        "users": [
            {"id": "8", "username": "AnnExample", "name": "Ann", "public_metrics": {"followers_count": 510, "tweet_count": 4}},
            {"id": "9", "username": "bob", "name": "Bob"}],
        "tweets": [{"id": "1900000000000000001", "author_id": "9", "text": "The whole &lt;text&gt; of it, with #Kettle https://t.co/aaaaaaaaaa",
            "lang": "de", "attachments": {"media_keys": ["3_1"]},
            "entities": {"hashtags": [{"start": 31, "end": 38, "tag": "Kettle"}],
                "urls": [{"url": "https://t.co/aaaaaaaaaa", "expanded_url": "https://short.example/1",
                    "unwound_url": "https://acme.example/kettles", "title": "Kettles"}]}}],
        "media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.example/1.jpg"},
            {"media_key": "7_2", "type": "video", "preview_image_url": "https://pbs.example/2.jpg", "variants": [
                {"content_type": "application/x-mpegURL", "url": "https://video.example/2.m3u8"},
                {"bit_rate": 256000, "url": "https://video.example/2-small.mp4"},
                {"bit_rate": 2176000, "url": "https://video.example/2.mp4"}]}],
        "polls": [{"id": "5", "options": [{"position": 1, "label": "Green"}, {"position": 2, "label": "Black"}]}],
    })
}

fn post(more: Value) -> Value {
    let mut post = json!({"id": "1900000000000000007", "text": "A kettle", "author_id": "8", "conversation_id": "1900000000000000007",
        "created_at": "2025-03-13T01:44:34.000Z", "lang": "en", "edit_history_tweet_ids": ["1900000000000000007"]});
    post.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    post
}

fn mapped(more: Value) -> Mention {
    only(&json!({"data": post(more), "includes": includes(), "matching_rules": [{"id": "1", "tag": "grapevine:1"}]}))
}

#[test]
fn a_post_has_its_author_its_counters_and_its_media() {
    let mention = mapped(json!({"attachments": {"media_keys": ["7_2", "3_1"], "poll_ids": ["5"]},
        "public_metrics": {"like_count": 1, "retweet_count": 2, "reply_count": 3, "quote_count": 4, "bookmark_count": 5, "impression_count": 6},
        "entities": {"mentions": [{"username": "Acme", "id": "1"}, {"username": "ACME"}], "hashtags": [{"tag": "Tea"}]}, "community_id": "77"}));
    assert_eq!(mention.key, MentionKey::new("x", "", "1900000000000000007"));
    assert_eq!(mention.url.as_deref(), Some("https://x.com/AnnExample/status/1900000000000000007"));
    let author = Author { native_id: "8".into(), handle: "AnnExample".into(), name: Some("Ann".into()), followers: Some(510), ..Author::default() };
    assert_eq!(mention.author, author);
    assert_eq!(mention.engagement, Engagement { likes: Some(1), reposts: Some(2), replies: Some(3), quotes: Some(4), bookmarks: Some(5), impressions: Some(6) });
    let media: Vec<(&str, &str)> = mention.media.iter().map(|media| (media.kind.as_str(), media.url.as_str())).collect();
    assert_eq!(media, [("video", "https://video.example/2.mp4"), ("image", "https://pbs.example/1.jpg")]);
    assert_eq!((mention.hashtags, mention.handles), (vec!["tea".into()], vec!["acme".into()]));
    assert_eq!((mention.text.as_str(), mention.space.as_deref(), mention.root), ("A kettle\n\nGreen\nBlack", Some("77"), None));
}

#[test]
fn a_repost_says_what_it_reposts() {
    let repost = mapped(json!({"text": "RT @bob: The whole &lt;text&gt; of it, with #Ket…",
        "referenced_tweets": [{"type": "retweeted", "id": "1900000000000000001"}],
        "entities": {"mentions": [{"username": "bob"}]}, "public_metrics": {"retweet_count": 900, "like_count": 0}}));
    assert_eq!((repost.kind, repost.parent.as_deref(), repost.parent_author.as_deref()), (Kind::Repost, Some("1900000000000000001"), Some("9")));
    assert_eq!(repost.text, "The whole <text> of it, with #Kettle https://short.example/1");
    assert_eq!((repost.links, repost.hashtags, repost.handles), (vec!["https://acme.example/kettles".into()], vec!["kettle".into()], vec!["bob".into()]));
    assert_eq!(repost.media.iter().map(|media| media.kind.as_str()).collect::<Vec<_>>(), ["image", "link"]);
    assert_eq!((repost.language.as_deref(), repost.engagement.reposts, repost.engagement.likes), (Some("de"), None, Some(0)));
    let alone = mapped(json!({"text": "RT @bob: Gone…", "referenced_tweets": [{"type": "retweeted", "id": "3"}]}));
    assert_eq!((alone.kind, alone.text.as_str(), alone.handles), (Kind::Repost, "RT @bob: Gone…", vec!["bob".into()]));
}

#[test]
fn replies_and_quotes_name_their_parents() {
    let reply = mapped(json!({"conversation_id": "1800000000000000000", "in_reply_to_user_id": "44",
        "referenced_tweets": [{"type": "quoted", "id": "1"}, {"type": "replied_to", "id": "2"}]}));
    assert_eq!((reply.kind, reply.parent.as_deref(), reply.root.as_deref()), (Kind::Reply, Some("2"), Some("1800000000000000000")));
    assert_eq!(reply.parent_author.as_deref(), Some("44"));
    let quote = mapped(json!({"text": "See https://t.co/qqqqqqqqqq", "referenced_tweets": [{"type": "quoted", "id": "1900000000000000001"}],
        "entities": {"urls": [{"url": "https://t.co/qqqqqqqqqq", "expanded_url": "https://x.com/bob/status/1900000000000000001"}]}}));
    assert_eq!((quote.kind, quote.text.as_str(), quote.links.len(), quote.parent_author.as_deref()), (Kind::Quote, "See", 0, Some("9")));
}

#[test]
fn pictures_that_were_not_sent_are_there_by_their_pages() {
    let page = "https://x.com/ann/status/1900000000000000007/video/1";
    let link = json!({"url": "https://t.co/vvvvvvvvvv", "expanded_url": page, "display_url": "pic.x.com/vvvvvvvvvv"});
    let mention = mapped(json!({"text": "Look https://t.co/vvvvvvvvvv", "attachments": {"media_keys": ["13_9"]},
        "entities": {"urls": [link, link]}}));
    assert_eq!((mention.text.as_str(), mention.links.len()), ("Look", 0));
    assert_eq!(mention.media, [Media { kind: "video".into(), url: page.into() }]);
}

#[test]
fn an_edit_is_the_same_mention() {
    let edit = mapped(json!({"id": "1900000000004194304", "edit_history_tweet_ids": ["1900000000000000007", "1900000000004194304"],
        "created_at": "2025-03-13T02:50:00.000Z", "text": "A kettle, edited"}));
    let first = mapped(json!({}));
    assert_eq!((edit.key, edit.created_at), (first.key, first.created_at));
    assert_eq!(edit.url.as_deref(), Some("https://x.com/AnnExample/status/1900000000004194304"));
}

#[test]
fn a_long_post_is_whole_and_an_article_too() {
    let long = mapped(json!({"text": "The beginning… https://t.co/x", "note_tweet": {"text": "The beginning &amp; the end https://t.co/bbbbbbbbbb #Long",
        "entities": {"hashtags": [{"tag": "Long"}], "urls": [{"url": "https://t.co/bbbbbbbbbb", "expanded_url": "https://b.example"}]}},
        "entities": {"urls": [{"url": "https://t.co/bbbbbbbbbb", "expanded_url": "https://b.example"}], "mentions": [{"username": "acme"}]}}));
    assert_eq!(long.text, "The beginning & the end https://b.example #Long");
    assert_eq!((long.hashtags, long.handles, long.links), (vec!["long".into()], vec!["acme".into()], vec!["https://b.example".into()]));
    let article = mapped(json!({"text": "", "article": {"title": "On kettles", "preview_text": "They boil."}}));
    assert_eq!(article.text, "On kettles\n\nThey boil.");
}

#[test]
fn a_bare_post_is_read_by_its_id() {
    let mention = only(&json!({"data": [{"id": "1578516068309794817", "text": "@Acme #Tea https://a.example"}]}));
    assert_eq!(mention.created_at.to_string(), "2022-10-07T22:42:12Z");
    assert_eq!((mention.hashtags, mention.handles, mention.links), (vec!["tea".into()], vec!["acme".into()], vec!["https://a.example".into()]));
    assert_eq!(mention.url.as_deref(), Some("https://x.com/i/status/1578516068309794817"));
    assert_eq!(time_of(id_at(now())), Some(now()));
}

#[test]
fn languages_are_those_of_the_standard() {
    for (stated, tag) in [("en", Some("en")), ("in", Some("id")), ("iw", Some("he")), ("qme", None), ("und", None)] {
        assert_eq!(mapped(json!({"lang": stated})).language.as_deref(), tag);
    }
}

#[test]
fn what_is_no_post_says_why() {
    let answer = json!({"data": [{"id": "5"}, 7, {"text": "a"}, {"id": "1", "text": "a"}, {"id": "1", "text": "a", "created_at": "soon"},
        {"id": 1900000000000000007_u64, "text": "a"}]});
    let mapped = map(answer.to_string().as_bytes(), now()).unwrap();
    let reasons: Vec<String> = mapped.rejected.iter().map(|(place, error)| format!("{place}: {error}")).collect();
    assert_eq!(reasons, ["0: a post without `text`, or of another type", "1: a post without `id`, or of another type",
        "2: a post without `id`, or of another type", "3: a post without `created_at`, or of another type",
        "4: a post whose created_at \"soon\" is no time"]);
    assert_eq!(mapped.mentions.len(), 1);
    assert!(map(b"{\"data\":", now()).is_err() && map(b"\xff", now()).is_err());
    let twice = map(br#"{"data": {"id": "1", "id": "1900000000000000007", "text": "a"}}"#, now()).unwrap();
    assert_eq!(twice.mentions[0].key.native_id, "1900000000000000007");
}

#[test]
fn problems_and_places_are_told() {
    let answer = json!({"meta": {"newest_id": "9", "oldest_id": "3", "next_token": "t"}, "errors": [
        {"type": "https://api.x.com/2/problems/resource-not-found", "title": "Not Found Error", "resource_type": "tweet",
            "detail": "Could not find tweet", "value": "12", "resource_id": "12", "parameter": "ids"},
        {"type": "https://api.x.com/2/problems/operational-disconnect", "title": "operational-disconnect",
            "disconnect_type": "UpstreamOperationalDisconnect", "detail": "Disconnected upstream"}]});
    let mapped = map(answer.to_string().as_bytes(), now()).unwrap();
    assert_eq!((mapped.newest_id, mapped.oldest_id, mapped.next_token.as_deref()), (Some(9), Some(3), Some("t")));
    let said: Vec<(&str, &str, &str)> = mapped.problems.iter().map(|one| (one.kind.as_str(), one.of.as_str(), one.id.as_str())).collect();
    assert_eq!(said, [("resource-not-found", "tweet", "12"), ("UpstreamOperationalDisconnect", "", "")]);
}
