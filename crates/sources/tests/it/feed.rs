//! The mapping of feeds: by hand-written ones in every format, and over the recorded ones.

use grapevine_model::{Kind, Media, Mention};
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
    assert_eq!(mention.author.name.as_deref(), Some("news.example"), "the page that was found is the author's");
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

const REDDIT: &str = r#"<feed xmlns="http://www.w3.org/2005/Atom"><id>/r/tea/.rss</id><title>tea</title><entry>
  <author><name>/u/ann</name><uri>https://www.reddit.com/user/ann</uri></author><category term="tea" label="r/tea"/>
  <content type="html">&lt;!-- SC_OFF --&gt;&lt;div class=&quot;md&quot;&gt;&lt;p&gt;It &lt;a href=&quot;https://lab.example/&quot;&gt;boils&lt;/a&gt;.&lt;/p&gt;
  &lt;/div&gt;&lt;!-- SC_ON --&gt; &amp;#32; submitted by &amp;#32; &lt;a href=&quot;https://www.reddit.com/user/ann&quot;&gt; /u/ann &lt;/a&gt; &lt;br/&gt;
  &lt;span&gt;&lt;a href=&quot;https://shop.example/kettle&quot;&gt;[link]&lt;/a&gt;&lt;/span&gt; &amp;#32;
  &lt;span&gt;&lt;a href=&quot;https://www.reddit.com/r/tea/comments/abc12/kettle/&quot;&gt;[comments]&lt;/a&gt;&lt;/span&gt;</content>
  <id>t3_abc12</id><link href="https://www.reddit.com/r/tea/comments/abc12/kettle/"/><updated>2026-03-01T10:00:00+00:00</updated>
  <published>2026-03-01T09:00:00+00:00</published><title>My kettle</title></entry>
 <entry><author><name>/u/bo</name><uri>https://www.reddit.com/user/bo</uri></author><category term="tea" label="r/tea"/>
  <content type="html">&lt;div class=&quot;md&quot;&gt;&lt;p&gt;Mine too&lt;/p&gt;&lt;/div&gt;</content><id>t1_fr9z</id>
  <link href="https://www.reddit.com/r/tea/comments/abc12/kettle/fr9z/"/><updated>2026-03-01T11:00:00+00:00</updated><title>/u/bo on My kettle</title></entry></feed>"#;

#[test]
fn posts_and_comments_of_a_subreddit_are_told_apart() {
    let mentions = mapped(REDDIT.as_bytes(), "https://www.reddit.com/r/tea+coffee/.rss");
    let [post, comment] = &mentions[..] else { panic!("{mentions:?}") };
    assert_eq!((post.key.native_id.as_str(), post.text.as_str()), ("t3_abc12", "My kettle\n\nIt boils."));
    assert_eq!((post.space.as_deref(), post.hashtags.len()), (Some("tea"), 0));
    assert_eq!(post.links, ["https://lab.example/", "https://shop.example/kettle"]);
    assert_eq!((post.author.handle.as_str(), post.kind, post.root.as_deref()), ("ann", Kind::Post, None));
    assert_eq!(post.created_at, "2026-03-01T09:00:00Z".parse().unwrap());
    assert_eq!((comment.kind, comment.root.as_deref()), (Kind::Reply, Some("t3_abc12")));
}

#[test]
fn comments_of_a_blog_know_what_they_answer() {
    let feed = r#"<feed xmlns="http://www.w3.org/2005/Atom" xmlns:thr="http://purl.org/syndication/thread/1.0" xml:base="https://blog.example/">
      <id>tag:blog.example,2026:c</id><title>Comments</title>
      <entry><id>tag:blog.example,2026:post-1</id><title>Kettles</title><link rel="alternate" href="/1"/><published>2026-03-01T09:00:00Z</published>
        <thr:total>2</thr:total><content type="html">All of them</content></entry>
      <entry xml:lang="de"><id>tag:blog.example,2026:c-2</id><title>Re</title><link rel="alternate" href="https://blog.example/1#c2"/>
        <thr:in-reply-to ref="tag:blog.example,2026:post-1" href="https://blog.example/1" type="text/html"/>
        <published>2026-03-01T10:00:00Z</published><author><name>Bo</name><email>bo@blog.example</email></author><summary>Nicht alle</summary></entry></feed>"#;
    let mentions = mapped(feed.as_bytes(), "https://blog.example/comments.xml");
    let [post, comment] = &mentions[..] else { panic!("{mentions:?}") };
    assert_eq!((post.engagement.replies, post.url.as_deref()), (Some(2), Some("https://blog.example/1")));
    assert_eq!((comment.kind, comment.parent.as_deref()), (Kind::Reply, Some(post.key.native_id.as_str())));
    assert_eq!((comment.language.as_deref(), comment.author.native_id.as_str()), (Some("de"), "bo@blog.example"));
    assert_eq!(comment.text, "Re\n\nNicht alle");
}

#[test]
fn an_episode_of_a_podcast_has_its_file_and_whoever_speaks() {
    let feed = r#"<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><title>Tea talk</title>
      <itunes:author>The Tea House</itunes:author><language>en</language>
      <item><title>On kettles</title><guid isPermaLink="false">ep-1</guid><pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate>
        <itunes:author>Ann Lee</itunes:author><itunes:summary>An hour about steam</itunes:summary><itunes:image href="https://pod.example/1.jpg"/>
        <enclosure url="https://pod.example/1.mp3?from=rss" length="9"/></item>
      <item><title>On cups</title><guid>https://pod.example/2</guid><pubDate>Sun, 01 Mar 2026 11:00:00 GMT</pubDate>
        <enclosure url="https://pod.example/2.m4a" type="audio/x-m4a" length="9"/></item></channel></rss>"#;
    let mentions = mapped(feed.as_bytes(), "https://pod.example/rss");
    let [first, second] = &mentions[..] else { panic!("{mentions:?}") };
    assert_eq!(first.text, "On kettles\n\nAn hour about steam");
    assert_eq!((first.author.name.as_deref(), second.author.name.as_deref()), (Some("Ann Lee"), Some("The Tea House")));
    let media: Vec<(&str, &str)> = first.media.iter().map(|media| (media.kind.as_str(), media.url.as_str())).collect();
    assert_eq!(media, [("image", "https://pod.example/1.jpg"), ("audio", "https://pod.example/1.mp3?from=rss")]);
    assert_eq!((second.media[0].kind.as_str(), second.url.as_deref()), ("audio", None));
}

#[test]
fn a_newsletters_comments_are_no_links_of_its_own() {
    let feed = r#"<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"
      xmlns:slash="http://purl.org/rss/1.0/modules/slash/" xmlns:wfw="http://wellformedweb.org/CommentAPI/"><channel><title>Letters</title>
      <item><title><![CDATA[Why we boil]]></title><link>https://letters.example/p/why</link><guid isPermaLink="false">https://letters.example/p/why</guid>
        <comments>https://letters.example/p/why/comments</comments><wfw:commentRss>https://letters.example/p/why/feed</wfw:commentRss>
        <slash:comments>12</slash:comments><dc:creator><![CDATA[Ann Lee]]></dc:creator><pubDate>Sun, 01 Mar 2026 10:00:00 GMT</pubDate>
        <description><![CDATA[A short history]]></description>
        <enclosure url="https://cdn.example/image/why.jpg" length="0" type="image/jpeg"/>
        <content:encoded><![CDATA[<p>Once, <a href="https://letters.example/p/why">water</a> was cold.</p>]]></content:encoded></item></channel></rss>"#;
    let mention = &mapped(feed.as_bytes(), "https://letters.example/feed")[0];
    assert_eq!(mention.text, "Why we boil\n\nOnce, water was cold.");
    assert!(mention.links.is_empty(), "{:?}", mention.links);
    assert_eq!((mention.engagement.replies, mention.author.name.as_deref()), (Some(12), Some("Ann Lee")));
    assert_eq!(mention.media[0].url, "https://cdn.example/image/why.jpg");
}

#[test]
fn a_json_feed_keeps_its_files_and_may_count_its_items() {
    let feed = r#"{"version": "https://jsonfeed.org/version/1.1", "title": "Ann", "language": "en", "items": [
      {"id": 1, "content_html": "<p>One</p>", "image": "https://ann.example/1.jpg", "language": "fr", "authors": [{"name": "Bo"}],
       "attachments": [{"url": "https://ann.example/1.mp3", "mime_type": "audio/mpeg"}], "date_published": "2026-03-01T10:00:00Z"},
      {"id": 2, "url": "/2", "title": "Two", "summary": "In short", "date_modified": "2026-03-01T11:00:00Z"}]}"#;
    let mentions = mapped(format!("\u{feff}{feed}").as_bytes(), "https://ann.example/feed.json");
    let [first, second] = &mentions[..] else { panic!("{mentions:?}") };
    assert_eq!((first.key.native_id.as_str(), first.url.as_deref()), ("/feed.json#1", None));
    assert_eq!((first.language.as_deref(), second.language.as_deref()), (Some("fr"), Some("en")));
    let media: Vec<&str> = first.media.iter().map(|media| media.kind.as_str()).collect();
    assert_eq!((media, first.links.len()), (vec!["image", "audio"], 0));
    assert_eq!((second.url.as_deref(), second.text.as_str()), (Some("https://ann.example/2"), "Two\n\nIn short"));
}

#[test]
fn an_entry_without_an_id_has_the_same_one_at_each_reading() {
    let feed = "<rss version=\"2.0\"><channel><title>x</title><item><description>Only words</description></item>\
                <item><link>https://a.example/1</link><title>A</title></item></channel></rss>";
    let ids =
        || mapped(feed.as_bytes(), "https://a.example/rss").into_iter().map(|mention| mention.key).collect::<Vec<_>>();
    assert_eq!(ids(), ids());
    assert_ne!(ids()[0], ids()[1]);
}

#[test]
fn reddit_is_asked_once_a_minute_at_most() {
    let table =
        |url: &str, seconds: u32| format!("name = 'f'\nkind = 'feed'\nurl = '{url}'\ninterval_seconds = {seconds}");
    let slow = "https://www.reddit.com/r/tea/.rss";
    let refused = |table: String| grapevine_sources::parse(&toml::from_str(&table).unwrap()).map(drop).err();
    let said = refused(table(slow, 30)).expect("too often").to_string();
    assert!(said.contains("Reddit lets one reading a minute pass"), "{said}");
    assert!(refused(table(slow, 60)).is_none());
    assert!(refused(table(&format!("{slow}?feed=f00&user=ann"), 30)).is_none());
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
