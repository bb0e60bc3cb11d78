use grapevine_sources::{World, parse, registry::kinds};

use super::{Glance, find, list, new, record, test};
use crate::args::{SourceNewArgs, SourceTestArgs};

fn shown(print: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    print(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_kind_is_listed_with_what_it_reads() {
    let rows: Vec<_> = kinds().collect();
    let text = shown(|out| list::print(&rows, 100, out).unwrap());
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    assert!(rows.iter().all(|row| text.lines().any(|line| line.trim_start().starts_with(row.kind))), "{text}");
    let few: Vec<_> = kinds().filter(|row| matches!(row.kind, "feed" | "hackernews")).collect();
    insta::assert_snapshot!(shown(|out| list::print(&few, 100, out).unwrap()));
}

#[tokio::test]
async fn a_source_is_shown_in_lines_that_fit_with_what_was_rejected_below() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("posts.ndjson");
    let lines = [
        r#"{"id": "1", "author": "ann", "created_at": "2026-03-01T12:00:00Z", "text": "A kettle that\u001b[2J whistles", "url": "https://forum.example/1"}"#,
        r#"{"id": "2", "author": "bo", "text": "No time"}"#,
        r#"{"id": "3", "author": "cy", "created_at": "2026-03-01T12:01:00Z", "text": "A long story about a kettle and a stove and the people who use them every day"}"#,
        r#"{"id": "4", "author": "di", "created_at": "2026-03-01T12:02:00Z", "text": "More than was asked for"}"#,
    ];
    std::fs::write(&file, lines.join("\n")).unwrap();
    let table = format!("name = \"posts\"\nkind = \"file\"\npath = {:?}\n[fields]\nplatform = \"=forum\"", file);
    let mut source = parse(&toml::from_str(&table).unwrap()).unwrap().build(&World::real());
    let mut glance = Glance::new(2);
    glance.read(&mut *source, false).await.unwrap();
    let text = shown(|out| glance.print(100, out).unwrap());
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_definition_is_tested_and_a_mistake_has_its_line_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forum.toml");
    let good =
        grapevine_sources::declarative::TEXTS.iter().find(|text| text.contains("name = \"trustpilot\"")).unwrap();
    let run = |text: String| {
        std::fs::write(&file, text).unwrap();
        let mut code = None;
        let out = shown(|out| code = Some(test(&SourceTestArgs { file: file.clone() }, out).unwrap()));
        (format!("{code:?}"), out.replace(&file.display().to_string(), "forum.toml"))
    };
    let (code, passing) = run(good.to_string());
    assert_eq!(code, format!("{:?}", Some(std::process::ExitCode::SUCCESS)));
    let (code, failing) = run(good.replace("stars = \"stars\"", "stars = \"star\""));
    assert_eq!(code, format!("{:?}", Some(std::process::ExitCode::FAILURE)));
    let (code, wrong) = run(good.replace("look_back", "lookback"));
    assert_eq!(code, format!("{:?}", Some(std::process::ExitCode::FAILURE)));
    insta::assert_snapshot!([passing, failing, wrong].join("---\n"));
}

#[test]
fn a_source_that_is_not_there_is_told_with_those_that_are() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("grapevine.toml");
    std::fs::write(&file, include_str!("../../../example.toml")).unwrap();
    let config = crate::config::load(&file).unwrap();
    assert_eq!(find(&config, "posts").unwrap().kind(), "file");
    let error = find(&config, "post").unwrap_err().to_string();
    assert_eq!(error, "there is no source \"post\": the configuration has posts");
}

#[test]
fn a_kind_is_shown_with_its_keys_and_a_table_in_lines_that_fit() {
    let row = kinds().find(|row| row.kind == "hackernews").unwrap();
    for width in [80, 120] {
        let text = shown(|out| list::print_kind(row, width, out).unwrap());
        let fits = |line: &str| line.chars().count() <= usize::from(width) || !line.starts_with(' ');
        assert!(text.lines().all(fits), "{text}");
    }
    insta::assert_snapshot!(shown(|out| list::print_kind(row, 100, out).unwrap()));
}

#[tokio::test]
async fn a_new_definition_is_written_from_a_sample_and_says_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let (sample, into) = (folder.path().join("sample.json"), folder.path().join("teaforum.toml"));
    let posts = r#"{"posts": [
        {"id": 2, "created_at": "2026-03-01T12:00:00Z", "body": "A kettle", "user": {"username": "ann", "id": 7}},
        {"id": 1, "created_at": "2026-03-01T11:00:00Z", "body": "A pot", "user": {"username": "bo", "id": 8}}]}"#;
    std::fs::write(&sample, posts).unwrap();
    let args = |name: &str| SourceNewArgs {
        name: name.into(),
        from: Some(sample.clone()),
        url: None,
        into: Some(into.clone()),
    };
    let mut out = Vec::new();
    let error = new::new(&args("Tea Forum"), &mut out).await.unwrap_err().to_string();
    assert!(error.starts_with("\"Tea Forum\" is no name for a platform"), "{error}");
    new::new(&args("teaforum"), &mut out).await.unwrap();
    let said = String::from_utf8(out).unwrap().replace(&format!("{}/", folder.path().display()), "");
    insta::assert_snapshot!(said);
    insta::assert_snapshot!(std::fs::read_to_string(&into).unwrap());
    let tested = shown(|out| {
        assert_eq!(test(&SourceTestArgs { file: into.clone() }, out).unwrap(), std::process::ExitCode::SUCCESS);
    });
    assert!(tested.contains("teaforum: 1 of 1 tests pass"), "{tested}");
    let again = new::new(&args("teaforum"), &mut Vec::new()).await.unwrap_err().to_string();
    assert!(again.ends_with("is there already; name another with --into"), "{again}");
}

#[tokio::test]
async fn a_folder_that_is_no_recording_is_told_by_the_file_that_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let error = record::replay(folder.path(), &mut Vec::new()).await.unwrap_err().to_string();
    assert!(error.contains("source.toml: "), "{error}");
}
