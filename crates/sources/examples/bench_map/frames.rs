//! Frames as the platforms send them, made up from a seed: posts, replies, quotes, reposts, links, pictures, emoji.

use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};
use serde_json::{Value, json};

const SEED: u64 = 20_261_122;
const WORDS: [&str; 32] = [
    "kettle",
    "the",
    "a",
    "coffee",
    "boils",
    "slowly",
    "today",
    "Acme",
    "support",
    "never",
    "answered",
    "my",
    "ticket",
    "größer",
    "naïve",
    "やかん",
    "お湯",
    "🫖",
    "👩🏽‍🚀",
    "really",
    "love",
    "this",
    "&",
    "<3",
    "why",
    "is",
    "it",
    "so",
    "\"loud\"",
    "I'm",
    "buying",
    "another",
];

fn text(random: &mut SmallRng, most: usize) -> String {
    let count = random.random_range(3..most);
    (0..count).map(|_| *WORDS.choose(random).unwrap_or(&"tea")).collect::<Vec<_>>().join(" ")
}

fn letters(random: &mut SmallRng, count: usize) -> String {
    (0..count).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz234567"[random.random_range(0..32)])).collect()
}

/// Mostly posts; now and then a deletion.
pub fn jetstream(count: usize) -> Vec<Vec<u8>> {
    let mut random = SmallRng::seed_from_u64(SEED);
    (0..count).map(|n| jetstream_frame(&mut random, n as i64).to_string().into_bytes()).collect()
}

fn jetstream_frame(random: &mut SmallRng, n: i64) -> Value {
    let (did, rkey) = (format!("did:plc:{}", letters(random, 24)), format!("3{}", letters(random, 12)));
    let mut commit =
        json!({"rev": format!("3{}", letters(random, 12)), "collection": "app.bsky.feed.post", "rkey": rkey});
    if random.random_range(0..20) == 0 {
        commit["operation"] = json!("delete");
    } else {
        commit["operation"] = json!("create");
        commit["cid"] = json!(format!("bafyrei{}", letters(random, 52)));
        commit["record"] = record(random);
    }
    json!({"did": did, "time_us": 1_772_366_400_000_000_i64 + n * 1000, "kind": "commit", "commit": commit})
}

fn record(random: &mut SmallRng) -> Value {
    let mut body = text(random, 40);
    let mut record = json!({"$type": "app.bsky.feed.post", "createdAt": "2026-03-01T11:59:58.123Z", "langs": ["en"]});
    let mut facets = Vec::new();
    if random.random_range(0..3) == 0 {
        let start = body.len() + 1;
        body += " #kettle";
        facets.push(json!({"index": {"byteStart": start, "byteEnd": body.len()},
            "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": "kettle"}]}));
    }
    if random.random_range(0..4) == 0 {
        let start = body.len() + 1;
        body += " acme.example/kettles/…";
        facets.push(json!({"index": {"byteStart": start, "byteEnd": body.len()},
            "features": [{"$type": "app.bsky.richtext.facet#link", "uri": format!("https://acme.example/kettles/{}", letters(random, 20))}]}));
    }
    if !facets.is_empty() {
        record["facets"] = json!(facets);
    }
    let mut post = || {
        json!({"cid": format!("bafyrei{}", letters(random, 52)),
        "uri": format!("at://did:plc:{}/app.bsky.feed.post/3{}", letters(random, 24), letters(random, 12))})
    };
    let (first, second) = (post(), post());
    match random.random_range(0..10) {
        0..4 => record["reply"] = json!({"parent": first, "root": second}),
        4 => record["embed"] = json!({"$type": "app.bsky.embed.record", "record": first}),
        5..7 => {
            let image = json!({"alt": text(random, 12), "aspectRatio": {"height": 1200, "width": 900}, "image": {"$type": "blob",
                "ref": {"$link": format!("bafkrei{}", letters(random, 52))}, "mimeType": "image/jpeg", "size": 412_345}});
            record["embed"] = json!({"$type": "app.bsky.embed.images", "images": [image]});
        }
        7 => {
            record["embed"] = json!({"$type": "app.bsky.embed.external", "external": {"uri": "https://acme.example/kettles",
                "title": text(random, 8), "description": text(random, 24)}});
        }
        _ => {}
    }
    record["text"] = json!(body);
    record
}

/// With everything that the source asks for.
pub fn x_stream(count: usize) -> Vec<Vec<u8>> {
    let mut random = SmallRng::seed_from_u64(SEED);
    (0..count).map(|n| format!("{}\r", x_line(&mut random, n as u64)).into_bytes()).collect()
}

fn id(random: &mut SmallRng) -> String {
    random.random_range(1_990_000_000_000_000_000..2_000_000_000_000_000_000_u64).to_string()
}

fn user(random: &mut SmallRng, id: &str) -> Value {
    json!({"id": id, "name": text(random, 5), "username": letters(random, 10), "public_metrics": {
        "followers_count": random.random_range(0..90_000), "following_count": 321, "tweet_count": 12_345, "listed_count": 4,
        "like_count": 5120, "media_count": 77}})
}

fn tweet(random: &mut SmallRng, author: &str) -> Value {
    let id = id(random);
    let mut body = text(random, 40).replace('&', "&amp;").replace('<', "&lt;");
    let mut entities = json!({"annotations": [{"start": 3, "end": 9, "probability": 0.87, "type": "Product", "normalized_text": "kettle"}]});
    if random.random_range(0..3) == 0 {
        let start = body.chars().count() + 1;
        body += " #kettle";
        entities["hashtags"] = json!([{"start": start, "end": start + 7, "tag": "kettle"}]);
    }
    if random.random_range(0..3) == 0 {
        let (start, link) = (body.chars().count() + 1, format!("https://t.co/{}", letters(random, 10)));
        body += &format!(" {link}");
        entities["urls"] = json!([{"start": start, "end": start + 23, "url": link, "expanded_url": format!("https://acme.example/{}", letters(random, 16)),
            "display_url": "acme.example/kettles…", "title": text(random, 8), "description": text(random, 20), "status": 200,
            "images": [{"url": "https://pbs.twimg.com/news_img/1/a?format=jpg", "width": 1200, "height": 630}]}]);
    }
    json!({"id": id, "author_id": author, "conversation_id": id, "created_at": "2026-03-01T11:59:58.000Z", "lang": "en",
        "edit_history_tweet_ids": [id], "text": body, "entities": entities,
        "public_metrics": {"retweet_count": 2, "reply_count": 1, "like_count": 17, "quote_count": 0, "bookmark_count": 1, "impression_count": 1042}})
}

fn x_line(random: &mut SmallRng, n: u64) -> Value {
    let author = id(random);
    let mut post = tweet(random, &author);
    let mut includes = json!({"users": [user(random, &author)]});
    let kind = match random.random_range(0..10) {
        0..3 => Some("retweeted"),
        3..6 => Some("replied_to"),
        6 => Some("quoted"),
        _ => None,
    };
    if let Some(kind) = kind {
        let other = id(random);
        let referenced = tweet(random, &other);
        post["referenced_tweets"] = json!([{"type": kind, "id": referenced["id"]}]);
        if kind == "replied_to" {
            post["in_reply_to_user_id"] = json!(other);
        }
        includes["tweets"] = json!([referenced]);
    }
    if random.random_range(0..4) == 0 {
        post["attachments"] = json!({"media_keys": ["3_1990000000000000001"]});
        includes["media"] = json!([{"media_key": "3_1990000000000000001", "type": "photo", "url": "https://pbs.twimg.com/media/a.jpg"}]);
    }
    let rule = json!({"id": (1_900_000_000_000_000_000 + n).to_string(), "tag": "grapevine:0123456789abcdef"});
    json!({"data": post, "includes": includes, "matching_rules": [rule]})
}
