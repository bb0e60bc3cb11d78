use std::{fmt::Write as _, path::Path};

use grapevine_model::{Event, Kind};
use grapevine_sources::{Progress, SourceError, parse};

use crate::kit::{build, check_replay_and_restart, drain, ids, mentions, noon, recorded};

fn toml(path: &Path, more: &str) -> String {
    format!("name = \"posts\"\nkind = \"file\"\npath = {:?}\n{more}", path.to_str().unwrap())
}

fn line(id: usize) -> String {
    let created_at = format!("2026-02-01 10:{:02}:{:02}", id / 60 % 60, id % 60);
    format!(r#"{{"id": {id}, "created_at": "{created_at}", "author": "ada", "text": "post {id}"}}"#) + "\n"
}

#[tokio::test]
async fn a_file_of_many_pages_is_read_whole_and_resumed_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.ndjson");
    std::fs::write(&path, (0..1700).map(line).collect::<String>()).unwrap();
    let events = check_replay_and_restart(&toml(&path, "")).await;
    assert_eq!(ids(&events), (0..1700).map(|id| id.to_string()).collect::<Vec<_>>());
    let pages = drain(&mut *build(&toml(&path, "")), None).await;
    assert_eq!(pages.iter().map(|page| page.events.len()).collect::<Vec<_>>(), [500, 500, 500, 200]);
    assert_eq!(pages[0].complete_through, Some("2026-02-01T10:07:19Z".parse().unwrap()), "a minute before the newest");
    assert_eq!((pages[3].state, pages[3].complete_through), (Progress::Ended, Some(noon())));
}

#[tokio::test]
async fn an_unordered_file_promises_nothing_before_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.jsonl");
    std::fs::write(&path, (0..600).map(line).collect::<String>()).unwrap();
    let pages = drain(&mut *build(&toml(&path, "ordered = false")), None).await;
    let through: Vec<_> = pages.iter().map(|page| page.complete_through).collect();
    assert_eq!(through, [None, Some(noon())]);
}

#[tokio::test]
async fn a_post_from_the_future_does_not_complete_what_is_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.ndjson");
    let future = r#"{"id": "f", "created_at": "2031-01-01T00:00:00Z", "author": "ada", "text": "soon"}"#;
    let lines: String = (0..1100).map(line).collect();
    std::fs::write(&path, format!("{future}\n{lines}")).unwrap();
    let pages = drain(&mut *build(&toml(&path, "")), None).await;
    let through: Vec<_> = pages.iter().map(|page| page.complete_through.unwrap().to_string()).collect();
    assert_eq!(through, ["2026-02-01T10:07:18Z", "2026-02-01T10:15:38Z", "2026-03-01T12:00:00Z"]);
    assert_eq!(pages[1].cursor.value["newest"], "2026-02-01T10:16:38Z", "it is not in the cursor either");
}

#[tokio::test]
async fn bad_lines_are_rejected_with_their_place_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.ndjson");
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(line(0).bytes());
    bytes.extend(b"{half\n\r\n[1]\n{\"created_at\":1,\"author\":\"a\",\"text\":\"x\"}\n\"\xff\"\n");
    bytes.extend(br#"{"id":1,"created_at":"soon","author":"a","text":"x"}"#);
    bytes.extend(b"\n");
    bytes.extend(br#"{"id":2,"created_at":1,"author":"a","text":"x","likes":"many"}"#);
    bytes.extend(b"\n");
    bytes.extend(line(3).trim_end().bytes());
    std::fs::write(&path, &bytes).unwrap();
    check_replay_and_restart(&toml(&path, "")).await;
    let page = drain(&mut *build(&toml(&path, "")), None).await.remove(0);
    assert_eq!(ids(&page.events), ["0", "3"]);
    let first = line(0).len() + 3;
    let rejected: Vec<(String, String)> =
        page.rejected.iter().map(|rejected| (rejected.place.clone(), rejected.reason.clone())).collect();
    assert_eq!(rejected[0].0, format!("posts.ndjson line 2 (byte {first})"));
    let reasons = [
        "not JSON: key must be a string at line 1 column 2",
        "not a JSON object: each line holds one `{…}`",
        "`id` is missing: map it to an id that stays the same across edits",
        "not UTF-8 from byte 1 of the line on: convert the file",
        "`created_at`: \"soon\" is not a time: write RFC 3339, \"2026-03-01 10:00:00\" or a Unix time",
        "`likes` is \"many\", not a number",
    ];
    assert_eq!(rejected.iter().map(|(_, reason)| reason.as_str()).collect::<Vec<_>>(), reasons);
    assert!(rejected[5].0.starts_with("posts.ndjson line 8 (byte "), "{}", rejected[5].0);
    assert_eq!(page.rejected[0].raw, b"{half\n");
}

#[tokio::test]
async fn a_line_that_is_too_long_is_rejected_without_being_held() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.ndjson");
    let long = format!("{{\"id\": \"{}\"}}\n", "x".repeat(6 << 20));
    let allowed = line(1).replace("post 1", &"y".repeat(3 << 20));
    std::fs::write(&path, [line(0), long, allowed, line(2)].concat()).unwrap();
    let events = check_replay_and_restart(&toml(&path, "")).await;
    assert_eq!(ids(&events), ["0", "1", "2"]);
    let pages = drain(&mut *build(&toml(&path, "")), None).await;
    let rejected: Vec<_> = pages.iter().flat_map(|page| &page.rejected).collect();
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0].place, format!("posts.ndjson line 2 (byte {})", line(0).len()));
    assert_eq!(rejected[0].reason, "the line is longer than 4 MiB");
    assert!(rejected[0].raw.len() <= 64 << 10);
}

#[tokio::test]
async fn every_field_can_be_mapped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.json");
    let record = r##"{"n": {"id": 7}, "when": 1772359200,
        "user": {"screen_name": "@Ada", "id": 99, "full": "Ada L", "fans": "12", "staff": 1},
        "body": "thanks @Acme for #Launch https://a.example/x.", "type": "Quote",
        "where": "forum/help", "link": "https://b.example/7",
        "lang": "en", "tags": ["#One", "two"], "up": {"id": "5", "by": "bob"}, "top": 1,
        "counts": [3, 4, 5, 6, 7, 8.0], "stars": 4.5, "score": -3, "is_bot": true,
        "media": ["https://a.example/1.PNG?x=1", {"kind": "video", "url": "https://a.example/2"}, {"url": "https://a.example/3.pdf"}, "none", 7]}"##;
    std::fs::write(&path, record.replace('\n', " ")).unwrap();
    let fields = r##"keep_raw = true
        fields = { id = "n.id", platform = "=forum", instance = "=f.example", created_at = "when",
        author = "user.screen_name", author_id = "user.id", author_name = "user.full", followers = "user.fans", is_team = "user.staff",
        text = "body", kind = "type", space = "where", url = "link", language = "lang", hashtags = "tags", parent = "up.id",
        root = "top", parent_author = "up.by", likes = "score", reposts = "counts.1", replies = "counts.2", quotes = "counts.3", bookmarks = "counts.4",
        impressions = "counts.5", stars = "=" }"##.replace('\n', " ").replacen("true ", "true\n", 1);
    let pages = drain(&mut *build(&toml(&path, &fields)), None).await;
    assert_eq!(pages[0].rejected, []);
    let mention = mentions(&pages[0].events)[0];
    assert_eq!(mention.key.to_string(), "forum:f.example:7");
    assert_eq!((mention.kind, mention.created_at.to_string()), (Kind::Quote, "2026-03-01T10:00:00Z".to_owned()));
    let author = &mention.author;
    assert_eq!((author.native_id.as_str(), author.handle.as_str(), author.followers), ("99", "Ada", Some(12)));
    let media: Vec<String> = mention.media.iter().map(|media| format!("{} {}", media.kind, media.url)).collect();
    let expected = ["image https://a.example/1.PNG?x=1", "video https://a.example/2", "link https://a.example/3.pdf"];
    assert_eq!(media, expected);
    assert!(author.is_team && author.is_bot && author.name.as_deref() == Some("Ada L"));
    assert_eq!((mention.hashtags.join(" "), mention.handles.join(" ")), ("one two".into(), "acme".into()));
    assert_eq!(mention.links, ["https://a.example/x"]);
    assert_eq!((mention.parent.as_deref(), mention.root.as_deref()), (Some("5"), Some("1")));
    assert_eq!(mention.parent_author.as_deref(), Some("bob"));
    assert_eq!((mention.space.as_deref(), mention.url.as_deref()), (Some("forum/help"), Some("https://b.example/7")));
    assert_eq!((mention.engagement.likes, mention.engagement.reposts), (Some(0), Some(4)));
    assert_eq!((mention.engagement.impressions, mention.stars), (Some(8), None));
    assert!(mention.raw.as_deref().is_some_and(|raw| raw.starts_with("{\"n\"")));
}

#[tokio::test]
async fn csv_is_read_with_its_quotes_and_its_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.csv");
    let text = "\u{feff}id;created_at;author;text;stars\r\n\
                1;2026-02-01 10:00:00;ada;\"two\nlines; and \"\"quotes\"\"\";\r\n\
                2;2026-02-01 10:00:01;ada;short\r\n\
                3;2026-02-01 10:00:02;ada;5\" phone #x;4\r\n\
                4;2026-02-01 10:00:03;ada;\"never closed;1\r\n\
                5;2026-02-01 10:00:04;ada;last;5";
    std::fs::write(&path, text).unwrap();
    let toml = toml(&path, "delimiter = \";\"");
    let events = check_replay_and_restart(&toml).await;
    assert_eq!(ids(&events), ["1", "3", "5"]);
    let found = mentions(&events);
    assert_eq!(found[0].text, "two\nlines; and \"quotes\"");
    assert_eq!((found[0].kind, found[1].kind, found[1].stars), (Kind::Post, Kind::Review, Some(4.0)));
    assert_eq!(found[0].key.platform, "file");
    let page = drain(&mut *build(&toml), None).await.remove(0);
    let faults: Vec<String> =
        page.rejected.iter().map(|rejected| format!("{}: {}", rejected.place, rejected.reason)).collect();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults[0].starts_with("posts.csv line 4 (byte ") && faults[0].ends_with("4 fields, where the header has 5")
    );
    assert!(
        faults[1].starts_with("posts.csv line 6 (byte ")
            && faults[1].ends_with("a quote opens here that is never closed")
    );
}

#[tokio::test]
async fn a_long_csv_resumes_with_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.tsv");
    let mut text = "id\tcreated_at\tauthor\ttext\n".to_owned();
    for id in 0..1200 {
        writeln!(text, "{id}\t{id}\tada\t\"a\n{id}\"").unwrap();
    }
    std::fs::write(&path, text).unwrap();
    let events = check_replay_and_restart(&toml(&path, "")).await;
    assert_eq!(ids(&events), (0..1200).map(|id| id.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_file_that_cannot_be_used_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let missing = build(&toml(&folder.path().join("none.csv"), "")).check().await.unwrap_err();
    assert!(
        matches!(&missing, SourceError::Config(message) if message.contains("none.csv") && message.contains("`path`")),
        "{missing}"
    );
    let awaited = build(&toml(&folder.path().join("none.csv"), "follow = true")).check().await.unwrap_err();
    assert!(awaited.is_transient(), "{awaited}");
    let path = folder.path().join("a.csv");
    std::fs::write(&path, "id,text\n1,x\n").unwrap();
    let error = build(&toml(&path, "fields = { author = \"user\" }")).check().await.unwrap_err();
    assert!(
        error.to_string().ends_with("there is no column \"user\", which fields.author names; it has id, text"),
        "{error}"
    );
    std::fs::write(&path, "id,id\n").unwrap();
    let error = build(&toml(&path, "")).check().await.unwrap_err();
    assert!(error.to_string().ends_with("two columns are named \"id\": rename one"), "{error}");
    let folder_error = build(&toml(folder.path(), "format = \"csv\"")).check().await.unwrap_err();
    assert!(folder_error.to_string().contains("it is a folder"), "{folder_error}");
}

#[test]
fn wrong_settings_name_their_key() {
    for (more, message) in [
        (
            "path = \"x.txt\"",
            "`format` is missing, and \"x.txt\" does not tell it: write \"ndjson\", \"csv\" or \"parquet\"",
        ),
        ("path = \"x.csv\"\ndelimiter = \"::\"", "`delimiter` is not one ASCII character"),
        ("path = \"x.json\"\ndelimiter = \",\"", "`delimiter` is for CSV only: remove it"),
        ("path = \"x.json\"\nfolow = true", "unknown field `folow`, expected one of `path`, "),
        ("path = 1", "invalid type: integer `1`, expected path string in `path`"),
        ("path = \"x.json\"\nfields = { autor = \"x\" }", "`fields.autor` is not a field of a mention"),
    ] {
        let table = toml::from_str(&format!("name = \"posts\"\nkind = \"file\"\n{more}")).unwrap();
        let error = parse(&table).unwrap_err().to_string();
        assert!(error.starts_with(&format!("source \"posts\" (file): {message}")), "{error}");
    }
}

#[tokio::test]
async fn an_empty_file_ends_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.ndjson", "a.csv"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "").unwrap();
        let page = drain(&mut *build(&toml(&path, "")), None).await.remove(0);
        assert_eq!((page.events, page.state), (Vec::<Event>::new(), Progress::Ended));
    }
}

#[tokio::test]
async fn real_posts_are_read_whole() {
    let Some(folder) = recorded("data/airline") else { return };
    let path = folder.join("posts.ndjson");
    let pages = drain(&mut *build(&toml(&path, "fields = { platform = \"=twitter\" }")), None).await;
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    let read: usize = pages.iter().map(|page| page.events.len()).sum();
    assert_eq!((read, pages.iter().map(|page| page.rejected.len()).sum::<usize>()), (lines, 0));
    let events: Vec<Event> = pages.into_iter().flat_map(|page| page.events).collect();
    let tagged = mentions(&events).into_iter().filter(|mention| !mention.handles.is_empty()).count();
    assert!(tagged * 10 > lines * 9, "{tagged} of {lines} posts name an airline's account");
}
