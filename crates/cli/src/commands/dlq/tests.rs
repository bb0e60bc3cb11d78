use std::sync::Arc;

use grapevine_log::{Received, Record};
use grapevine_model::{Author, Event, Mention, MentionKey, topics, wire};
use grapevine_sources::World;
use jiff::Timestamp;

use super::{
    letters::{Entry, Letter, Letters, Mark, Outcome, State},
    list::{self, Listing},
    replay::{Replay, Ways},
    show::{self, Shown},
};
use crate::{
    args::OutputFormat,
    stages::dead_letter::{DeadLetter, Origin, Original},
};

fn time(second: i64) -> Timestamp {
    "2026-03-01T12:00:00Z".parse::<Timestamp>().unwrap() + jiff::SignedDuration::from_secs(second)
}

fn letter(stage: &str, place: &str, reason: &str) -> DeadLetter {
    let original = Original::of(b"{\"id\": \"torn\", \n");
    DeadLetter { stage: stage.into(), place: place.into(), reason: reason.into(), at: time(0), original, record: None }
}

fn of_record(value: &[u8], key: &str) -> DeadLetter {
    let record = Origin { topic: topics::RAW.into(), partition: 2, key: Original::of(key.as_bytes()) };
    let place = "mentions.raw partition 2 offset 7";
    DeadLetter { original: Original::of(value), record: Some(record), ..letter("score", place, "malformed: of old") }
}

fn mark(letter: u64, second: i64, outcome: Outcome) -> Entry {
    Entry::Mark { mark: Mark { letter, at: time(second), outcome } }
}

fn fold(entries: Vec<Entry>) -> Letters {
    let mut letters = Letters::default();
    for (offset, entry) in entries.iter().enumerate() {
        letters.take(&received(offset as u64, serde_json::to_vec(entry).unwrap()));
    }
    letters
}

fn received(offset: u64, value: Vec<u8>) -> Received {
    let (topic, appended_at) = (topics::DEAD_LETTERS.to_owned(), time(60));
    Received { topic, partition: 0, offset, key: Vec::new(), value, appended_at }
}

fn numbers(letters: &Letters) -> Vec<(u64, u32)> {
    letters.all().iter().map(|letter| (letter.number, letter.times)).collect()
}

#[test]
fn a_letter_that_a_crash_parked_twice_is_one() {
    let one = || Entry::Letter(letter("ingest", "source posts: line 3", "not JSON: EOF"));
    let other = Entry::Letter(letter("ingest", "source posts: line 4", "not JSON: EOF"));
    let later = DeadLetter { at: time(9), ..letter("ingest", "source posts: line 3", "not JSON: EOF") };
    let letters = fold(vec![one(), other, Entry::Letter(later)]);
    assert_eq!(numbers(&letters), [(0, 2), (1, 1)]);
    assert_eq!(letters.get(2).map(|letter| letter.number), Some(0), "a copy's number finds it");
}

#[test]
fn marks_say_what_became_of_a_letter_and_what_is_parked_after_a_replay_is_new() {
    let one = || Entry::Letter(letter("ingest", "source posts: line 3", "not JSON: EOF"));
    let refused = mark(0, 1, Outcome::Refused { reason: "the id is missing".into() });
    let letters = fold(vec![one(), refused.clone()]);
    assert_eq!(letters.all()[0].state, State::Refused { at: time(1) });
    assert_eq!(letters.all()[0].reason, "the id is missing", "the newest reason counts");
    assert!(!letters.all()[0].is_replayed());
    let letters = fold(vec![one(), refused, one(), mark(0, 2, Outcome::Replayed), one()]);
    assert_eq!(numbers(&letters), [(0, 2), (4, 1)]);
    assert_eq!([0, 1].map(|at: usize| letters.all()[at].is_replayed()), [true, false]);
}

#[test]
fn a_record_that_is_no_letter_is_shown_all_the_same() {
    let mut letters = Letters::default();
    letters.take(&received(0, b"nonsense".to_vec()));
    let letter = &letters.all()[0];
    assert_eq!((letter.stage.as_str(), letter.bytes), ("unknown", 8));
}

fn several() -> Letters {
    let malformed = |n| {
        let place = format!("mentions.raw partition 0 offset {n}");
        let reason = format!("a record is not the JSON of an event: expected value at column {n}");
        Entry::Letter(letter("score", &place, &reason))
    };
    let bad_line = || Entry::Letter(letter("ingest", "source posts: posts.ndjson line 3 (byte 512)", "not JSON: EOF"));
    let refused = Outcome::Refused { reason: "`created_at` is missing: map it to the time of the post".into() };
    fold(vec![
        malformed(3),
        malformed(4),
        bad_line(),
        bad_line(),
        Entry::Letter(letter("ingest", "source posts: posts.ndjson line 9 (byte 900)", "not JSON: \x1b[2J")),
        mark(0, 600, Outcome::Replayed),
        mark(4, 601, refused),
    ])
}

fn listed(letters: &Letters, limit: usize, format: OutputFormat) -> String {
    let mut out = Vec::new();
    list::print(&Listing::new(letters.all().iter().collect(), limit), format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn letters_are_listed_newest_first_with_totals() {
    insta::assert_snapshot!(listed(&several(), 50, OutputFormat::Table));
    insta::assert_snapshot!(listed(&several(), 2, OutputFormat::Csv));
    insta::assert_snapshot!(listed(&several(), 1, OutputFormat::Json));
    assert_eq!(listed(&Letters::default(), 50, OutputFormat::Table), "no dead letters\n");
}

#[test]
fn a_limit_says_that_there_are_more() {
    let text = listed(&several(), 2, OutputFormat::Table);
    assert!(text.contains("4 letters, 3 still parked") && text.contains("the newest 2; --limit shows more"), "{text}");
}

#[test]
fn a_letter_is_shown_whole() {
    let parked = of_record(br#"{"id":1,"tags":["a"]}"#, "test::7");
    let letters = fold(vec![Entry::Letter(parked.clone())]);
    let mut out = Vec::new();
    show::print(&Shown::new(&letters.all()[0], &parked), time(200), &mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
}

#[test]
fn originals_are_shown_as_what_they_are() {
    assert_eq!(show::readable(&Original::of(b"{\"a\":[1]}\n")), "{\n  \"a\": [\n    1\n  ]\n}");
    assert_eq!(show::readable(&Original::of(b"{\"id\": \"torn\",\r\n")), "{\"id\": \"torn\",");
    let escape = show::readable(&Original::of(b"a\x1b[2Jb"));
    assert_eq!(
        escape, "00000000  61 1b 5b 32 4a 62                                |a.[2Jb|",
        "nothing steers the terminal"
    );
    let binary = show::readable(&Original::of(&(0xf0..=0xff).chain(0..3).collect::<Vec<u8>>()));
    assert_eq!(binary.lines().count(), 2);
    assert!(binary.ends_with("00000010  00 01 02                                         |...|"), "{binary}");
}

fn mention(id: &str) -> Vec<u8> {
    let key = MentionKey::new("test", "", id);
    wire::encode(&Event::Upsert(Box::new(Mention::new(key, Author::default(), time(0), "acme"))))
}

fn key_of(id: &str) -> String {
    MentionKey::new("test", "", id).to_string()
}

fn ways(fields: &str) -> Ways {
    let table = format!("name = \"posts\"\nkind = \"file\"\npath = \"posts.ndjson\"\nfields = {{ {fields} }}");
    let spec = grapevine_sources::parse(&toml::from_str(&table).unwrap()).unwrap();
    let other = grapevine_sources::parse(&toml::from_str("name = \"posts: old\"\nkind = \"bluesky\"").unwrap());
    let (world, other) = (World::real(), other.unwrap());
    let sources = vec![("posts".to_owned(), spec.build(&world)), ("posts: old".to_owned(), other.build(&world))];
    Ways { sources, partitions: 3 }
}

#[test]
fn a_record_goes_back_to_its_own_partition_under_its_key() {
    let value = mention("7");
    let replay = ways("").of(&of_record(&value, &key_of("7")), &value).unwrap();
    let record = Record { key: key_of("7").into_bytes(), value, partition: Some(2) };
    assert_eq!(replay, Replay { topic: topics::RAW, records: vec![record] });
}

#[test]
fn a_record_that_was_mended_to_another_mention_goes_where_its_key_belongs() {
    let replay = ways("").of(&of_record(b"{", ""), &mention("8")).unwrap();
    assert_eq!((replay.records[0].partition, &replay.records[0].key), (None, &key_of("8").into_bytes()));
}

#[test]
fn what_still_can_not_be_read_is_refused_again() {
    let ways = ways("");
    let refused = |letter: &DeadLetter| ways.of(letter, &letter.original.bytes().unwrap()).unwrap_err();
    assert!(refused(&of_record(b"{", "")).starts_with("a record is not the JSON of an event"));
    let elsewhere = Origin { topic: "other".into(), partition: 0, key: Original::of(b"") };
    let elsewhere = DeadLetter { record: Some(elsewhere), ..of_record(&mention("7"), "") };
    assert_eq!(refused(&elsewhere), "other is no topic that is replayed");
    assert!(refused(&letter("score", "mentions.raw partition 0 offset 1", "r")).contains("was not kept"));
    assert!(refused(&letter("ingest", "source gone: line 1", "r")).contains("configure it again under its name"));
}

#[test]
fn a_line_is_mapped_by_its_source_as_observed_when_it_was_parked() {
    let line = br#"{"id": 7, "posted": "2026-02-01", "author": "ada", "text": "acme"}"#;
    let parked =
        DeadLetter { original: Original::of(line), ..letter("ingest", "source posts: posts.ndjson line 3", "r") };
    let error = ways("").of(&parked, line).unwrap_err();
    assert!(error.contains("`created_at` is missing"), "{error}");
    let replay = ways("created_at = \"posted\"").of(&parked, line).unwrap();
    assert_eq!((replay.topic, replay.records.len()), (topics::RAW, 1));
    let Ok(Event::Upsert(mention)) = wire::decode(&replay.records[0].value) else { panic!("a mention") };
    assert_eq!(mention.observed_at, time(0));
}

#[test]
fn of_two_sources_whose_names_begin_alike_the_longer_gave_it() {
    let parked = letter("ingest", "source posts: old: frame after 5", "r");
    let refused = ways("").of(&parked, b"{").unwrap_err();
    assert!(refused.contains("a frame is not JSON"), "{refused}");
}

#[tokio::test]
async fn a_replay_appends_marks_and_is_seen_as_done() {
    let folder = tempfile::tempdir().unwrap();
    let log = grapevine_log::embedded::EmbeddedLog::open(folder.path().join("log.db")).unwrap();
    let log: Arc<dyn grapevine_log::Log> = Arc::new(log);
    let config: crate::config::Config = toml::from_str("").unwrap();
    crate::stages::ensure_topics(&*log, &config).await.unwrap();
    let good = of_record(&mention("7"), &key_of("7"));
    crate::stages::dead_letter::park(&*log, &[of_record(b"{", "bad"), good]).await.unwrap();
    let replay = async |dry_run| {
        let letters = super::read(&*log).await.unwrap();
        let chosen: Vec<&Letter> = letters.all().iter().filter(|letter| !letter.is_replayed()).collect();
        let plan = super::Plan { chosen, mended: None, dry_run };
        super::replay::run(&*log, &ways(""), &plan).await.unwrap()
    };
    let report = replay(true).await;
    assert_eq!((report.replayed, report.refused), (1, 1));
    assert_eq!(log.bounds(topics::RAW).await.unwrap()[&2], (0, 0), "a dry run does nothing");
    let report = replay(false).await;
    let mut out = Vec::new();
    report.print(&mut out).unwrap();
    insta::assert_snapshot!(String::from_utf8(out).unwrap());
    assert_eq!(log.bounds(topics::RAW).await.unwrap()[&2], (0, 1));
    let report = replay(false).await;
    assert_eq!((report.replayed, report.refused), (0, 1), "what was replayed is not replayed again");
}
