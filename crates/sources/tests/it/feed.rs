//! The mapping of feeds: by hand-written ones in every format, and over the recorded ones.

use grapevine_model::{Media, Mention};
use grapevine_sources::feed::{map, parse};
use url::Url;

use crate::kit::{noon, recorded};

fn mapped(bytes: &[u8], url: &str) -> Vec<Mention> {
    map(&parse(bytes).unwrap(), &Url::parse(url).unwrap(), noon())
}

const RSS: &str = r#"<?xml version="1.0"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
  xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>Kettle &amp; Co</title><link>https://kettle.example/</link><language>en-GB</language>
<item><title>New &lt;b&gt;kettle&lt;/b&gt;</title><link>https://kettle.example/new</link><guid isPermaLink="false">77</guid>
  <pubDate>Sun, 01 Mar 2026 10:00:00 +0100</pubDate><dc:creator>Ann Lee</dc:creator><category>Kitchen</category>
  <description>Short</description>
  <content:encoded><![CDATA[<p>It <em>listens</em>, @bob!</p><img src="https://kettle.example/k.jpg"><a href="https://lab.example/t">test</a> #tea]]></content:encoded>
  <enclosure url="https://kettle.example/talk.mp3" type="audio/mpeg" length="1"/></item>
<item><title>No guid and no date</title><description>Still here</description></item>
</channel></rss>"#;

#[test]
fn an_rss_item_is_read_whole() {
    let mentions = mapped(RSS.as_bytes(), "https://kettle.example/rss");
    let [first, second] = &mentions[..] else { panic!("{mentions:?}") };
    assert_eq!(first.key.to_string(), "feed:kettle.example:https://kettle.example/new#77");
    assert_eq!(first.text, "New kettle\n\nIt listens, @bob!\ntest #tea");
    assert_eq!(first.created_at, "2026-03-01T09:00:00Z".parse().unwrap());
    assert_eq!(first.url.as_deref(), Some("https://kettle.example/new"));
    assert_eq!((first.author.name.as_deref(), first.language.as_deref()), (Some("Ann Lee"), Some("en-gb")));
    assert_eq!((first.hashtags.join(" "), first.handles.join(" ")), ("tea kitchen".into(), "bob".into()));
    assert_eq!(first.links, ["https://lab.example/t"]);
    let media = |kind: &str, url: &str| Media { kind: kind.into(), url: url.into() };
    let (talk, picture) =
        (media("audio", "https://kettle.example/talk.mp3"), media("image", "https://kettle.example/k.jpg"));
    assert_eq!(first.media, [talk, picture]);
    assert_eq!((second.text.as_str(), second.created_at), ("No guid and no date\n\nStill here", noon()));
    assert_eq!(second.author.name.as_deref(), Some("Kettle & Co"));
    assert_eq!(second.key, mapped(RSS.as_bytes(), "https://kettle.example/rss")[1].key, "the same id each time");
}

#[test]
fn an_alert_of_google_leads_to_the_page_itself() {
    let alert = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>tag:google.com,2005:reader/user/1/alerts/2</id><title>Google Alert - kettle</title>
      <entry><id>tag:google.com,2013:googlealerts/feed:3</id><title type="html">A &lt;b&gt;kettle&lt;/b&gt; &amp;amp; more</title>
      <link href="https://www.google.com/url?rct=j&amp;sa=t&amp;url=https://news.example/a%3Fb&amp;ct=ga"/>
      <published>2026-03-01T09:00:00Z</published><content type="html">The &lt;b&gt;kettle&lt;/b&gt;&amp;nbsp;...</content>
      <author><name></name></author></entry></feed>"#;
    let mention = &mapped(alert.as_bytes(), "https://www.google.com/alerts/feeds/1/2")[0];
    assert_eq!(mention.url.as_deref(), Some("https://news.example/a?b"));
    assert_eq!(mention.text, "A kettle & more\n\nThe kettle ...");
    assert_eq!(mention.author.name.as_deref(), Some("Google Alert - kettle"));
}

#[test]
fn a_json_feed_and_the_counters_of_a_video_are_read() {
    let json = r#"{"version": "https://jsonfeed.org/version/1.1", "title": "Ann", "items": [{"id": "https://ann.example/1",
      "url": "https://ann.example/1", "external_url": "https://far.example/x", "content_text": "1 < 2 &amp; so on",
      "date_published": "2026-03-01T10:00:00+01:00", "tags": ["Tea"], "author": {"name": "Ann", "url": "https://ann.example"}}]}"#;
    let mention = &mapped(json.as_bytes(), "https://ann.example/feed.json")[0];
    assert_eq!((mention.text.as_str(), mention.hashtags.join(" ")), ("1 < 2 &amp; so on", "tea".into()));
    assert_eq!(
        (mention.author.native_id.as_str(), &mention.links[..]),
        ("https://ann.example", &["https://far.example/x".to_owned()][..])
    );
    let video = r#"<feed xmlns:media="http://search.yahoo.com/mrss/" xmlns="http://www.w3.org/2005/Atom"><id>yt:channel:1</id><title>c</title>
      <entry><id>yt:video:2</id><title>Boiling</title><link rel="alternate" href="https://video.example/2"/><published>2026-03-01T09:00:00Z</published>
      <media:group><media:content url="https://video.example/v/2" type="video/mp4"/><media:thumbnail url="https://video.example/2.jpg"/><media:description>A slow one</media:description>
      <media:community><media:starRating count="15" average="5" min="1" max="5"/><media:statistics views="300"/></media:community>
      </media:group></entry></feed>"#;
    let mention = &mapped(video.as_bytes(), "https://video.example/feed")[0];
    assert_eq!(mention.text, "Boiling\n\nA slow one");
    assert_eq!((mention.engagement.likes, mention.engagement.impressions), (Some(15), Some(300)));
    let media: Vec<&str> = mention.media.iter().map(|media| media.kind.as_str()).collect();
    assert_eq!(media, ["video", "image"]);
}

#[test]
fn nesting_without_end_does_not_end_the_process() {
    let groups = format!(
        "<feed xmlns=\"http://www.w3.org/2005/Atom\" xmlns:media=\"http://search.yahoo.com/mrss/\"><entry>{}</entry></feed>",
        "<media:group>".repeat(100_000)
    );
    assert_eq!(parse(groups.as_bytes()).unwrap_err().to_string(), "elements stand in one another more than 200 deep");
    let loose = "<rss version=\"2.0\"><channel><item><title>a</title><description><![CDATA[<p><p>]]></description></item></channel></rss>";
    let wide =
        loose.replace("<p>", &"<p>".repeat(1000)).replace("<item>", &("<item/><!-- <a> -->".repeat(500) + "<item>"));
    parse(wide.as_bytes()).expect("what is not nested may be long");
    let json = "{\"version\": \"https://jsonfeed.org/version/1\", \"title\": \"<p>\", \"items\": []}";
    parse(json.replace("<p>", &"<p>".repeat(1000)).as_bytes()).expect("JSON holds no elements");
    let deep = format!(
        "<rss version=\"2.0\"><channel><item><description>{}</description></item></channel></rss>",
        "<a>".repeat(100_000)
    );
    let _ = parse(deep.as_bytes());
    let _ = parse(deep.replace("description", "unheard").as_bytes());
    let _ = parse(format!("{{\"version\": {}", "[".repeat(100_000)).as_bytes());
}

/// How often an element stands in a feed, whatever its attributes.
fn count(text: &str, element: &str) -> usize {
    text.matches(&format!("<{element}>")).count() + text.matches(&format!("<{element} ")).count()
}

#[test]
fn recorded_feeds_lose_nothing_that_a_mention_has_room_for() {
    let Some(folder) = recorded("fixtures/feeds") else { return };
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if file.extension().is_some_and(|extension| extension == "txt") {
            continue;
        }
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let mentions = mapped(&bytes, "https://site.example/feed");
        let entries = count(&text, "entry") + count(&text, "item") + text.matches("\"date_published\"").count();
        assert_eq!(mentions.len(), entries, "{name}");
        for mention in &mentions {
            assert!(
                !mention.text.is_empty() && !mention.text.contains("<b>") && !mention.text.contains("&nbsp;"),
                "{name}"
            );
            assert!(!mention.key.native_id.is_empty() && !mention.author.native_id.is_empty(), "{name}");
            let links = mention.url.iter().chain(&mention.links);
            assert!(links.clone().all(|link| !link.contains("google.com/url")), "{name}: {:?}", mention.url);
        }
        let with = |has: fn(&Mention) -> bool| mentions.iter().filter(|mention| has(mention)).count();
        assert!(with(|mention| mention.created_at != noon()) >= count(&text, "published"), "{name}: dates");
        let described = text.split("<media:description>").skip(1).filter_map(|rest| rest.split(['&', '<', '.']).next());
        assert!(
            described.into_iter().all(|start| mentions.iter().any(|mention| mention.text.contains(start))),
            "{name}"
        );
        assert!(with(|mention| mention.engagement.impressions.is_some()) >= count(&text, "media:statistics"), "{name}");
        assert!(
            with(|mention| mention.media.iter().any(|media| media.kind == "image")) >= count(&text, "media:thumbnail")
        );
        assert!(
            with(|mention| mention.url.is_some()) >= mentions.len().min(count(&text, "link").saturating_sub(3)),
            "{name}"
        );
        assert!(text.matches("\"external_url\"").count() <= mentions.iter().map(|mention| mention.links.len()).sum());
        read += mentions.len();
    }
    assert!(read > 10, "{read} entries");
}
