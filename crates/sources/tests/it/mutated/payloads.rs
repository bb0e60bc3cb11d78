//! The payloads, each with the pure map of its kind.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock, Mutex},
};

use grapevine_model::Event;
use grapevine_sources::{
    bluesky, bluesky_search, declarative, discord, feed, hackernews, mastodon, misskey, slack, telegram, webhook, x,
};
use serde_json::{Value, json};
use url::Url;

use crate::kit::{build, noon};

type Map = Arc<dyn Fn(&Value) -> Result<Vec<Event>, String> + Send + Sync>;

#[derive(Clone)]
pub struct Payload {
    pub name: String,
    pub body: Value,
    pub map: Map,
    pub is_programmed: bool,
    /// It becomes a mention as it stands; else something that is deleted, skipped or refused.
    pub is_mention: bool,
}

/// Places whose value says whether another field is read, as (kind, place, field): something else there is another statement.
const DECIDES: &[(&str, &str, &str)] = &[
    // Of another chat the public name is not known.
    ("telegram", "/sender_chat/id", "author.handle"),
    // What says nothing of a writer is not the chat's own.
    ("telegram quote", "/external_reply/origin", "parent_author"),
    // Anything but false hides the score.
    ("reddit", "/data/hide_score", "engagement.likes"),
    ("reddit", "/data/score_hidden", "engagement.likes"),
    // Who wrote the first post is not the author of an answer in between.
    ("webhook github", "/comment/parent_id", "parent_author"),
];

impl Payload {
    /// Does what stands there say whether this field is read?
    pub fn decides(&self, place: &str, field: &str) -> bool {
        DECIDES
            .iter()
            .any(|(name, end, decided)| self.name.starts_with(name) && place.ends_with(end) && *decided == field)
    }
}

static ALL: LazyLock<Vec<Payload>> = LazyLock::new(|| {
    let mut all = programmed();
    all.extend(described());
    all.extend(pushed());
    all
});

pub fn all() -> Vec<Payload> {
    ALL.clone()
}

fn payload<E: ToString>(
    name: &str,
    body: Value,
    map: impl Fn(&Value) -> Result<Vec<Event>, E> + Send + Sync + 'static,
) -> Payload {
    let map: Map = Arc::new(move |body| map(body).map_err(|error| error.to_string()));
    Payload { name: name.to_owned(), body, map, is_programmed: true, is_mention: true }
}

fn upsert(mention: grapevine_model::Mention) -> Vec<Event> {
    vec![Event::Upsert(Box::new(mention))]
}

fn programmed() -> Vec<Payload> {
    let mut all =
        vec![x_post(), x_repost(), sky_frame(), sky_frame_2(), sky_view(), toot(), boost(), hn_story(), hn_comment()];
    all.extend([discord_message(), discord_forward(), slack_message(), slack_blocks(), slack_share()]);
    all.extend([telegram_post(), telegram_forward(), telegram_quote(), note()]);
    all.extend([line(), json_feed()]);
    all
}

fn x_map(answer: &Value) -> Result<Vec<Event>, String> {
    let mapped = x::map(answer.to_string().as_bytes(), noon()).map_err(|error| error.to_string())?;
    match mapped.rejected.first() {
        Some((_, reason)) => Err(reason.to_string()),
        None => Ok(mapped.mentions.into_iter().flat_map(upsert).collect()),
    }
}

fn x_post() -> Payload {
    let body = json!({"data": [{"id": "1900000000000000007", "text": "A #kettle for @acme https://t.co/aaaaaaaaaa", "author_id": "8",
        "conversation_id": "1900000000000000001", "created_at": "2025-03-13T01:44:34.000Z", "lang": "en", "community_id": "77",
        "edit_history_tweet_ids": ["1900000000000000007"], "in_reply_to_user_id": "9",
        "note_tweet": {"text": "A #kettle for @acme https://t.co/aaaaaaaaaa and more"},
        "referenced_tweets": [{"type": "replied_to", "id": "1900000000000000001"}],
        "attachments": {"media_keys": ["7_2"], "poll_ids": ["5"]},
        "entities": {"mentions": [{"username": "Acme", "id": "1"}], "hashtags": [{"tag": "Kettle"}],
            "urls": [{"url": "https://t.co/aaaaaaaaaa", "expanded_url": "https://acme.example/", "display_url": "acme.example", "title": "Acme"}]},
        "public_metrics": {"like_count": 1, "retweet_count": 2, "reply_count": 3, "quote_count": 4, "bookmark_count": 5, "impression_count": 6}}],
        "includes": {"users": [{"id": "8", "username": "ann", "name": "Ann", "public_metrics": {"followers_count": 510}}],
            "media": [{"media_key": "7_2", "type": "video", "preview_image_url": "https://p.example/2.jpg",
                "variants": [{"bit_rate": 256000, "url": "https://v.example/2.mp4"}]}],
            "polls": [{"id": "5", "options": [{"position": 1, "label": "Green"}]}]},
        "meta": {"newest_id": "1900000000000000007", "result_count": 1}});
    payload("x post", body, x_map)
}

fn x_repost() -> Payload {
    let body = json!({"data": {"id": "1900000000000000009", "text": "RT @bob: The whole…", "author_id": "8",
        "created_at": "2025-03-13T01:44:34.000Z", "referenced_tweets": [{"type": "retweeted", "id": "1900000000000000001"}]},
        "includes": {"tweets": [{"id": "1900000000000000001", "author_id": "9", "text": "The whole of it", "lang": "de"}]}});
    payload("x repost", body, x_map)
}

fn sky_record() -> Value {
    json!({"$type": "app.bsky.feed.post", "text": "Tea #now at acme.example", "createdAt": "2026-02-02T02:40:00Z", "langs": ["en"], "tags": ["pot"],
        "facets": [{"index": {"byteStart": 12, "byteEnd": 24}, "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://acme.example"}]}],
        "reply": {"root": {"uri": "at://did:plc:b/app.bsky.feed.post/r", "cid": "c"}, "parent": {"uri": "at://did:plc:c/app.bsky.feed.post/p"}},
        "embed": {"$type": "app.bsky.embed.recordWithMedia", "record": {"record": {"uri": "at://did:plc:d/app.bsky.feed.post/q"}},
            "media": {"images": [{"alt": "", "image": {"$type": "blob", "ref": {"$link": "bafy1"}, "mimeType": "image/png", "size": 9}}],
                "external": {"uri": "https://b.example/x", "title": "x"}}}})
}

fn sky_frame() -> Payload {
    let body = json!({"did": "did:plc:a", "time_us": 1_770_000_000_000_000_i64, "kind": "commit", "commit": {"rev": "r", "operation": "create",
        "collection": "app.bsky.feed.post", "rkey": "k1", "record": sky_record(), "cid": "c"}});
    payload("bluesky frame", body, |frame| {
        bluesky::map(frame.to_string().as_bytes(), noon()).map(|frame| frame.event.into_iter().collect())
    })
}

fn sky_frame_2() -> Payload {
    let body = json!({"$type": "message", "payload": {"$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": 77, "did": "did:plc:a",
        "time": "2026-02-02T02:40:01Z", "witnessedAt": "2026-02-02T02:40:02Z", "operation": "create", "collection": "app.bsky.feed.post",
        "rkey": "k1", "record": sky_record()}});
    payload("bluesky frame of version 2", body, |frame| match bluesky::map_v2(frame.to_string().as_bytes(), noon()) {
        Ok(bluesky::Said::Event(frame)) => Ok(frame.event.into_iter().collect()),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error),
    })
}

fn sky_view() -> Payload {
    let body = json!({"uri": "at://did:plc:a/app.bsky.feed.post/k1", "cid": "c", "author": {"did": "did:plc:a", "handle": "ann.example",
        "displayName": "Ann"}, "record": sky_record(), "replyCount": 1, "repostCount": 2, "likeCount": 3, "quoteCount": 4, "bookmarkCount": 5,
        "indexedAt": "2026-02-02T02:40:05Z"});
    payload("bluesky view", body, |view| bluesky_search::map(view, noon()).map(upsert))
}

fn status() -> Value {
    json!({"id": "9", "created_at": "2026-03-01T10:00:00.000Z", "in_reply_to_id": "8", "in_reply_to_account_id": "4", "spoiler_text": "Drinks",
        "language": "en", "uri": "https://s.example/u/ann/9", "url": "https://s.example/@ann/9", "replies_count": 1, "reblogs_count": 2,
        "favourites_count": 3, "quotes_count": 4, "content": "<p>Hot <a href=\"https://a.example\">tea</a></p>",
        "account": {"id": "1", "acct": "ann", "display_name": "Ann", "bot": true, "followers_count": 12},
        "media_attachments": [{"type": "image", "url": "https://m.example/1.png", "remote_url": null}],
        "mentions": [{"id": "2", "acct": "bo@o.example", "url": "https://o.example/@bo"}], "tags": [{"name": "Tea", "url": "https://s.example/tags/tea"}],
        "card": {"url": "https://a.example", "title": "A"}, "poll": {"options": [{"title": "Green", "votes_count": 1}]}})
}

fn toot() -> Payload {
    payload("mastodon status", status(), |status| mastodon::map(status, "s.example", noon()).map(upsert))
}

fn boost() -> Payload {
    let mut boosted = status();
    boosted["reblog"] = boosted.clone();
    for field in ["in_reply_to_id", "in_reply_to_account_id", "content", "poll", "card"] {
        boosted[field] = Value::Null;
    }
    payload("mastodon boost", boosted, |status| mastodon::map(status, "s.example", noon()).map(upsert))
}

fn note() -> Payload {
    let body = json!({"id": "9abc", "createdAt": "2026-03-01T11:59:40.123Z", "userId": "u8", "visibility": "public", "cw": "Hot", "text": "Tea #tea",
        "user": {"id": "u8", "username": "ann", "host": "far.example", "name": "Ann", "isBot": true}, "tags": ["tea"],
        "files": [{"id": "f1", "type": "image/webp", "url": "https://f.example/1"}], "channel": {"id": "c1", "name": "Tea time"},
        "poll": {"multiple": false, "choices": [{"text": "Green", "votes": 2}, {"text": "Black", "votes": 1}]}, "renoteCount": 4,
        "reactions": {":ok@.:": 2, "👍": 3}, "reactionCount": 5, "repliesCount": 1, "replyId": "9abb",
        "reply": {"id": "9abb", "userId": "u7"}, "renoteId": null, "uri": "https://far.example/notes/5", "url": "https://far.example/@ann/5"});
    payload("misskey note", body, |note| {
        let mention = misskey::map(note, &Url::parse("https://s.example").unwrap(), noon());
        mention.map(|mention| mention.into_iter().flat_map(upsert).collect())
    })
}

fn hn_story() -> Payload {
    let body = json!({"id": 900, "type": "story", "by": "ann", "time": 1_772_366_400, "title": "Show HN: tea", "text": "It&#x27;s hot #tea",
        "url": "https://t.example", "kids": [901, 902], "descendants": 5, "score": 41});
    payload("hackernews story", body, |item| hackernews::map(item, noon()).map(|event| event.into_iter().collect()))
}

fn hn_comment() -> Payload {
    let body = json!({"id": 901, "type": "comment", "by": "bo", "time": 1_772_366_500, "parent": 900, "kids": [905],
        "text": "See <a href=\"https:&#x2F;&#x2F;a.example\">it</a>"});
    payload("hackernews comment", body, |item| hackernews::map(item, noon()).map(|event| event.into_iter().collect()))
}

fn discord_map(message: &Value) -> Result<Vec<Event>, String> {
    let mut context = discord::Context::default().with_channel("5", "tea-talk");
    context.guild = "1".into();
    context.space = Some("tea-talk".into());
    let mapped = discord::map(message, &context, noon()).map_err(|error| error.to_string())?;
    Ok(mapped.into_iter().flat_map(upsert).collect())
}

fn discord_message() -> Payload {
    let body = json!({"id": "334385199974967042", "channel_id": "5", "guild_id": "1", "type": 19, "content": "Hot #tea for <@9> https://a.example",
        "timestamp": "2017-07-11T17:27:07.299000+00:00", "author": {"id": "8", "username": "ann", "global_name": "Ann", "bot": true},
        "member": {"nick": "Ann of Acme", "roles": ["77"]}, "mentions": [{"id": "9", "username": "bo"}], "flags": 0,
        "message_reference": {"message_id": "3", "channel_id": "5", "guild_id": "1"}, "referenced_message": {"author": {"id": "9"}},
        "attachments": [{"id": "1", "filename": "a.png", "url": "https://c.example/a.png", "content_type": "image/png"}],
        "embeds": [{"type": "rich", "title": "Release", "url": "https://e.example", "fields": [{"name": "Size", "value": "1 l"}],
            "image": {"url": "https://c.example/e.png"}}], "reactions": [{"count": 2, "emoji": {"name": "x"}}], "thread": {"message_count": 4},
        "sticker_items": [{"id": "9", "format_type": 1}], "poll": {"question": {"text": "Which?"}, "answers": [{"poll_media": {"text": "Green"}}]}});
    payload("discord message", body, discord_map)
}

fn discord_forward() -> Payload {
    let body = json!({"id": "334385199974967043", "channel_id": "5", "content": "", "timestamp": "2017-07-11T17:27:07.299000+00:00",
        "author": {"id": "8", "username": "ann"}, "message_reference": {"type": 1, "message_id": "3", "channel_id": "7"},
        "message_snapshots": [{"message": {"content": "The original", "attachments": [{"url": "https://c.example/a.png"}]}}]});
    payload("discord forward", body, discord_map)
}

fn slack_map(message: &Value) -> Result<Vec<Event>, String> {
    let people = slack::People::default();
    let context = slack::Context {
        team: "T1",
        address: "https://acme.slack.com/",
        channel: "C1",
        channel_name: "general",
        people: &people,
        is_listed: true,
        observed_at: noon(),
    };
    match slack::map(message, &context) {
        Ok(slack::Said::Mention(mention)) => Ok(upsert(*mention)),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn slack_message() -> Payload {
    let body = json!({"type": "message", "ts": "1772366300.000100", "thread_ts": "1772366200.000100", "parent_user_id": "U2", "user": "U1",
        "text": "Hot #tea for <@U9|bo> <https://a.example|it>", "reply_count": 1, "reactions": [{"name": "tada", "count": 2}],
        "user_profile": {"display_name": "Ann", "name": "ann"}, "files": [{"id": "F1", "mimetype": "image/png", "permalink": "https://f.example/1"}],
        "attachments": [{"title": "Done", "title_link": "https://ci.example/1", "text": "in 5 s", "fields": [{"title": "a", "value": "b"}]}]});
    payload("slack message", body, slack_map)
}

fn slack_blocks() -> Payload {
    let body = json!({"type": "message", "subtype": "bot_message", "ts": "1772366300.000100", "bot_id": "B1", "username": "Deploys", "text": "",
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "*Kettle*"}}, {"type": "rich_text", "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "See "}, {"type": "link", "url": "https://a.example"}]}]},
            {"type": "image", "image_url": "https://a.example/1.png", "alt_text": "a pot"}]});
    payload("slack blocks", body, slack_map)
}

fn slack_share() -> Payload {
    let body = json!({"type": "message", "ts": "1772366300.000100", "user": "U1", "text": "See", "attachments": [{"is_share": true, "channel_id": "C2",
        "ts": "3.000000", "author_id": "U9", "text": "Not mine", "from_url": "https://acme.slack.com/archives/C2/p3000000"}]});
    payload("slack share", body, slack_map)
}

fn telegram_map(update: &Value) -> Result<Vec<Event>, String> {
    match telegram::map(update, noon()).map(|update| update.said) {
        Ok(telegram::Said::Event(event)) => Ok(vec![event]),
        Ok(_) => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn telegram_post() -> Payload {
    let chat = json!({"id": -1005, "type": "supergroup", "title": "Tea", "username": "tea_talk"});
    let body = json!({"update_id": 7, "message": {"message_id": 70, "date": 1_772_366_400, "chat": chat, "message_thread_id": 3,
        "from": {"id": 5, "is_bot": false, "first_name": "Ann", "last_name": "Lee", "username": "ann"}, "caption": "🫖 #tea for @bo",
        "caption_entities": [{"type": "hashtag", "offset": 3, "length": 4}, {"type": "mention", "offset": 12, "length": 3},
            {"type": "text_link", "offset": 0, "length": 2, "url": "https://a.example"}], "photo": [{"file_id": "s"}, {"file_id": "l"}],
        "reply_to_message": {"message_id": 69, "date": 1_772_366_300, "chat": chat, "from": {"id": 6, "first_name": "Bo"}},
        "link_preview_options": {"url": "https://b.example"}}});
    payload("telegram message", body, telegram_map)
}

fn telegram_forward() -> Payload {
    let body = json!({"update_id": 8, "edited_channel_post": {"message_id": 71, "date": 1_772_366_400, "text": "News",
        "chat": {"id": -1006, "type": "channel", "title": "Acme", "username": "acme"}, "sender_chat": {"id": -1006, "type": "channel", "title": "Acme"},
        "forward_origin": {"type": "channel", "date": 1, "chat": {"id": -1009, "type": "channel", "title": "O"}, "message_id": 4}}});
    payload("telegram forward", body, telegram_map)
}

fn telegram_quote() -> Payload {
    let body = json!({"update_id": 9, "message": {"message_id": 72, "date": 1_772_366_400, "chat": {"id": -9, "type": "group", "title": "Tea"},
        "from": {"id": 5, "first_name": "Ann"}, "poll": {"question": "Which?", "options": [{"text": "Green"}]},
        "external_reply": {"chat": {"id": -1009}, "message_id": 4, "origin": {"type": "user", "sender_user": {"id": 6}}}}});
    payload("telegram quote", body, telegram_map)
}

/// A line of a file, which is read by the names of its fields alone.
fn line() -> Payload {
    let source = Mutex::new(build("name = \"posts\"\nkind = \"file\"\npath = \"posts.ndjson\""));
    let body = json!({"id": "7", "platform": "forum", "instance": "f.example", "created_at": "2026-02-01T10:00:00Z", "author": "ada", "author_id": "5",
        "author_name": "Ada", "followers": 9, "text": "Hot tea", "space": "tea", "url": "https://f.example/7", "language": "en", "hashtags": ["tea"],
        "handles": ["bo"], "links": ["https://a.example"], "parent": "6", "root": "5", "parent_author": "4", "likes": 1, "reposts": 2, "replies": 3,
        "quotes": 4, "bookmarks": 5, "impressions": 6});
    Payload {
        is_programmed: false,
        ..payload("file line", body, move |line| source.lock().unwrap().remap(line.to_string().as_bytes(), noon()))
    }
}

fn json_feed() -> Payload {
    let body = json!({"version": "https://jsonfeed.org/version/1.1", "title": "Blog", "language": "en", "items": [{"id": "7", "url": "https://b.example/7",
        "title": "Hot tea", "content_html": "<p>See <a href=\"https://a.example\">it</a></p>", "date_published": "2026-02-01T10:00:00Z",
        "tags": ["Tea"], "authors": [{"name": "Ann", "url": "https://ann.example"}], "image": "https://b.example/7.png",
        "attachments": [{"url": "https://b.example/7.mp3", "mime_type": "audio/mpeg", "size_in_bytes": 9}]}]});
    payload("json feed", body, |body| {
        let parsed = feed::parse(body.to_string().as_bytes())?;
        let url = Url::parse("https://b.example/feed.json").unwrap();
        Ok::<_, feed::ParseError>(feed::map(&parsed, &url, noon()).into_iter().flat_map(upsert).collect())
    })
}

/// The records of the mapping tests that stand in the definitions.
fn described() -> Vec<Payload> {
    let definitions = declarative::TEXTS.iter().map(|text| Arc::new(declarative::Definition::parse(text).unwrap()));
    let of = |definition: Arc<declarative::Definition>| {
        let samples = definition.samples().into_iter();
        samples.map(move |sample| {
            let (definition, listing, each) = (definition.clone(), sample.listing.clone(), sample.each);
            let name = format!("{} {}", definition.name, sample.listing);
            let map = move |record: &Value| {
                definition.map(&listing, &each, record, noon()).map(|event| event.into_iter().collect())
            };
            Payload { is_programmed: false, is_mention: false, ..payload(&name, sample.record, map) }
        })
    };
    definitions.flat_map(of).collect()
}

/// The deliveries of the presets whose body is one record.
fn pushed() -> Vec<Payload> {
    let mut all = Vec::new();
    for text in webhook::TEXTS {
        let preset: toml::Table = toml::from_str(text).unwrap();
        let name = preset["name"].as_str().unwrap().to_owned();
        let table = format!(
            "name = \"hook\"\nkind = \"webhook\"\nlisten = \"127.0.0.1:9\"\npath = \"hook\"\npreset = {name:?}\nsignature = {{ kind = \"none\" }}"
        );
        for (rule, record) in
            preset["record"].as_array().unwrap().iter().enumerate().filter(|(_, rule)| rule.get("each").is_none())
        {
            for test in record["test"].as_array().unwrap() {
                let source = Mutex::new(build(&table));
                let names: BTreeMap<String, String> =
                    test.get("names").map(|names| names.clone().try_into().unwrap()).unwrap_or_default();
                let body = serde_json::from_str(test["body"].as_str().unwrap()).unwrap();
                let map = move |record: &Value| {
                    source
                        .lock()
                        .unwrap()
                        .remap(json!({"rule": rule, "names": names, "record": record}).to_string().as_bytes(), noon())
                };
                all.push(Payload {
                    is_programmed: false,
                    is_mention: false,
                    ..payload(&format!("webhook {name}"), body, map)
                });
            }
        }
    }
    all
}
