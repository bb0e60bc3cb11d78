//! Files as platforms and tools export them: compressed, UTF-16, with lines about themselves, Parquet.

use std::{io::Write as _, path::Path, sync::Arc};

use grapevine_model::{Event, Scale};
use grapevine_sources::{Progress, SourceError};
use parquet::{
    data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

use crate::kit::{build, check_replay_and_restart, drain, ids};

fn toml(path: &Path, more: &str) -> String {
    format!("name = \"rows\"\nkind = \"file\"\npath = {:?}\n{more}", path.to_str().unwrap())
}

fn post(id: usize) -> String {
    format!("{id},2026-02-01 10:{:02}:{:02},ada,\"post, {id}\"\n", id / 60 % 60, id % 60)
}

#[tokio::test]
async fn a_compressed_file_is_read_and_resumed_as_if_it_were_not() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("id,created_at,author,text\n{}", (0..1700).map(post).collect::<String>());
    let expected: Vec<String> = (0..1700).map(|id| id.to_string()).collect();
    for name in ["posts.csv.gz", "posts.csv.zst"] {
        let path = folder.path().join(name);
        let packed = match name.ends_with("gz") {
            true => {
                let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                packer.write_all(text.as_bytes()).unwrap();
                packer.finish().unwrap()
            }
            false => zstd::encode_all(text.as_bytes(), 1).unwrap(),
        };
        std::fs::write(&path, packed).unwrap();
        assert_eq!(ids(&check_replay_and_restart(&toml(&path, "")).await), expected, "{name}");
        let error = build(&toml(&path, "follow = true")).check().await.unwrap_err().to_string();
        assert!(error.contains("can not be followed while it grows"), "{error}");
    }
}

#[tokio::test]
async fn an_export_with_lines_about_itself_is_read_from_its_header_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("campaigns.csv");
    let text = "\u{feff}Campaign Performance Report (in UTC)\nReport Start: March 1, 2026, 12:00 AM\n\n\
                Start Date (in UTC)\tAccount Name\tCurrency\tCampaign ID\tCampaign Name\tTotal Spent\tImpressions\tClicks\n\
                3/1/2026\tAcme\tEUR\t501\tHiring\t1,012.50\t12,000\t30\n\
                3/2/2026\tAcme\tEUR\t501\tHiring\t9.50\t20\t30\n\
                3/2/2026\tAcme\tEUR\t501\tHiring\t9.50\t20\t-3\n\
                Total\n";
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, utf16).unwrap();
    let table = toml(&path, "rows = { preset = \"linkedin_ads\", brand = \"acme\" }");
    check_replay_and_restart(&table).await;
    let mut source = build(&table);
    let page = source.poll(None).await.unwrap();
    let rows: Vec<_> = page
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Campaign(row) => {
                Some((row.from.to_string(), row.figures.spend.unwrap().to_string(), row.brand.as_str()))
            }
            _ => None,
        })
        .collect();
    let (first, second) = ("2026-03-01T00:00:00Z".to_owned(), "2026-03-02T00:00:00Z".to_owned());
    assert_eq!(rows, [(first, "1012.5".to_owned(), "acme"), (second, "9.5".to_owned(), "acme")]);
    assert_eq!(page.rejected.len(), 1);
    assert!(page.rejected[0].place.starts_with("campaigns.csv line 7 "), "{}", page.rejected[0].place);
    assert_eq!(page.rejected[0].reason, "`Clicks`: \"-3\" is below 0");
    let notice = source.notice().unwrap();
    assert_eq!(notice, "1 row of totals or headers left out; 1 row with more clicks than impressions taken as told");
    let mended = String::from_utf8(page.rejected[0].raw.clone()).unwrap().replace("-3", "3");
    assert_eq!(source.remap(mended.as_bytes(), crate::kit::noon()).unwrap().len(), 1);
}

#[tokio::test]
async fn an_export_without_the_columns_is_told_which_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let Err(SourceError::Config(message)) = build(&toml(&path, "rows = { preset = \"x_ads\" }")).poll(None).await
    else {
        panic!("a wrong header")
    };
    assert!(message.contains("one of \"Campaign ID\", \"campaign_id\", \"Campaign name\""), "{message}");
}

#[tokio::test]
async fn a_response_with_a_comment_is_a_review_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("responses.ndjson");
    std::fs::write(&path, "{\"id\": 1, \"answered_at\": \"2026-02-01T10:00:00Z\", \"rating\": 10, \"comment\": \"great\", \
                           \"respondent\": \"ada@mail.example\"}\n{\"id\": 2, \"answered_at\": 1769940000, \"rating\": 0}\n").unwrap();
    let rows = "rows = { gives = \"survey\", platform = \"shop\", scale = \"nps\", survey = \"checkout\", columns = { score = \"rating\" } }";
    let events = check_replay_and_restart(&toml(&path, rows)).await;
    let [Event::Survey(first), Event::Upsert(review), Event::Survey(second)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((first.scale, first.score, second.score), (Scale::Nps, Some(10.0), Some(0.0)));
    assert_eq!((first.respondent.len(), &first.respondent), (16, &review.author.native_id));
    assert!(!format!("{events:?}").contains("ada@"), "nobody's address");
    assert_eq!((review.stars, review.space.as_deref(), review.text.as_str()), (Some(5.0), Some("checkout"), "great"));
}

#[tokio::test]
async fn followers_of_years_ago_come_out_of_a_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("followers.csv");
    std::fs::write(&path, "Date;Total followers\n01.02.2024;1.050\n02.02.2024;\n03.02.2024;1.048\n").unwrap();
    let rows = "rows = { gives = \"followers\", platform = \"instagram\", account = \"acme\", \
                columns = { observed_at = \"Date\", followers = \"Total followers\" } }";
    let table = toml(&path, rows);
    check_replay_and_restart(&table).await;
    let page = build(&table).poll(None).await.unwrap();
    let counts: Vec<(String, u64)> = page
        .events
        .iter()
        .filter_map(|event| match event {
            Event::AccountSnapshot(count) => Some((count.observed_at.to_string(), count.followers)),
            _ => None,
        })
        .collect();
    assert_eq!(counts, [("2024-02-01T23:59:59Z".to_owned(), 1050), ("2024-02-03T23:59:59Z".to_owned(), 1048)]);
    assert!(page.rejected[0].reason.starts_with("`followers` (looked for in `Total followers`) is missing"));
}

/// Two columns of a mention, two of another kind; two blocks.
fn table(path: &Path, rows: std::ops::Range<i64>) {
    let schema = "message posts { required int64 id; required binary created_at (UTF8); required binary author (UTF8); \
                  required binary text (UTF8); required double stars; }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::builder().build())).unwrap();
    let middle = (rows.start + rows.end) / 2;
    for block in [rows.start..middle, middle..rows.end] {
        let mut group = writer.next_row_group().unwrap();
        let texts = |make: fn(i64) -> String| {
            block.clone().map(|id| ByteArray::from(make(id).into_bytes())).collect::<Vec<_>>()
        };
        for column in 0..5 {
            let mut writer = group.next_column().unwrap().unwrap();
            match column {
                0 => writer.typed::<Int64Type>().write_batch(&block.clone().collect::<Vec<_>>(), None, None),
                1 => writer.typed::<ByteArrayType>().write_batch(
                    &texts(|id| format!("2026-02-01T10:{:02}:00Z", id % 60)),
                    None,
                    None,
                ),
                2 => writer.typed::<ByteArrayType>().write_batch(&texts(|_| "ada".to_owned()), None, None),
                3 => writer.typed::<ByteArrayType>().write_batch(&texts(|id| format!("post {id}")), None, None),
                _ => writer.typed::<DoubleType>().write_batch(
                    &block.clone().map(|id| (id % 7) as f64).collect::<Vec<_>>(),
                    None,
                    None,
                ),
            }
            .unwrap();
            writer.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[tokio::test]
async fn a_parquet_file_is_read_and_resumed_at_any_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.parquet");
    table(&path, 0..1800);
    let events = check_replay_and_restart(&toml(&path, "")).await;
    let expected: Vec<String> = (0..1800).filter(|id| id % 7 != 6).map(|id| id.to_string()).collect();
    assert_eq!(ids(&events), expected);
    let pages = drain(&mut *build(&toml(&path, "")), None).await;
    assert_eq!((pages.len(), pages[3].state), (4, Progress::Ended));
    let wrong = &pages[0].rejected[0];
    assert_eq!(
        (wrong.place.as_str(), wrong.reason.as_str()),
        ("posts.parquet row 7", "`stars` is 6.0, not a number from 1 to 5")
    );
    let mended = String::from_utf8(wrong.raw.clone()).unwrap().replace("6.0", "5.0");
    assert_eq!(ids(&build(&toml(&path, "")).remap(mended.as_bytes(), crate::kit::noon()).unwrap()), ["6"]);
}

#[tokio::test]
async fn another_parquet_file_in_its_place_is_a_gap_and_a_new_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.parquet");
    table(&path, 0..1000);
    let page = build(&toml(&path, "")).poll(None).await.unwrap();
    table(&path, 2000..3000);
    let page = build(&toml(&path, "")).poll(Some(&page.cursor)).await.unwrap();
    let Event::Gap(gap) = &page.events[0] else { panic!("{:?}", page.events[0]) };
    assert!(gap.reason.contains("is not the file that was read up to row 500"), "{}", gap.reason);
    assert_eq!(ids(&page.events)[0], "2000");
}

#[tokio::test]
async fn what_is_no_parquet_file_says_so_and_stops_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.parquet");
    table(&path, 0..1000);
    let whole = std::fs::read(&path).unwrap();
    for cut in [0, 3, 4, 100, whole.len() / 2, whole.len() - 5] {
        let mut bytes = whole[..cut].to_vec();
        bytes.extend(&whole[whole.len() - cut.min(8)..]);
        std::fs::write(&path, bytes).unwrap();
        let outcome = build(&toml(&path, "")).poll(None).await;
        assert!(outcome.is_err(), "cut at {cut}: {outcome:?}");
    }
}
