//! What an earlier poll rejected is mapped again by the settings of today, in the order of what was observed since.

use grapevine_model::Event;
use grapevine_sources::Rejected;

use crate::kit::{build, drain, ids, mentions, noon};

async fn rejected(toml: &str) -> Vec<Rejected> {
    drain(&mut *build(toml), None).await.into_iter().flat_map(|page| page.rejected).collect()
}

#[tokio::test]
async fn a_line_that_was_rejected_maps_once_the_fields_are_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.ndjson");
    std::fs::write(&path, "{\"id\": 7, \"posted\": \"2026-02-01\", \"author\": \"ada\", \"text\": \"hello\"}\n")
        .unwrap();
    let toml = format!("name = \"posts\"\nkind = \"file\"\npath = {path:?}\n");
    let letter = rejected(&toml).await.remove(0);
    let before = noon() - jiff::SignedDuration::from_hours(3);
    let refused = build(&toml).remap(&letter.raw, before).unwrap_err();
    assert!(refused.contains("created_at"), "{refused}");
    let mended = build(&format!("{toml}fields = {{ created_at = \"posted\" }}"));
    let events = mended.remap(&letter.raw, before).unwrap();
    assert_eq!(ids(&events), ["7"]);
    assert_eq!(mentions(&events)[0].observed_at, before, "an edit that was read since stays newer");
}

#[tokio::test]
async fn a_row_of_csv_is_mapped_by_the_header_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("posts.csv");
    std::fs::write(&path, "id,created_at,author,text\n1,2026-02-01,ada,\"hi\"\n2,soon,ada,again\n").unwrap();
    let toml = format!("name = \"posts\"\nkind = \"file\"\npath = {path:?}\n");
    assert_eq!(rejected(&toml).await[0].raw.trim_ascii_end(), b"2,soon,ada,again");
    let events = build(&toml).remap(b"2,2026-02-01,ada,again", noon()).unwrap();
    assert_eq!(ids(&events), ["2"]);
    std::fs::remove_file(&path).unwrap();
    assert!(build(&toml).remap(b"2,2026-02-01,ada,again", noon()).is_err(), "without the header no row means anything");
}

#[test]
fn a_line_of_which_the_end_was_not_kept_is_refused() {
    let toml = "name = \"posts\"\nkind = \"file\"\npath = \"posts.ndjson\"";
    let refused = build(toml).remap(&vec![b' '; 64 << 10], noon()).unwrap_err();
    assert!(refused.contains("only its first 64 KiB"), "{refused}");
}

#[test]
fn a_frame_of_bluesky_maps_again() {
    let source = build("name = \"sky\"\nkind = \"bluesky\"\nkeep_raw = true");
    let frame = br#"{"did":"did:plc:a","time_us":1770000000000000,"kind":"commit","commit":{"operation":"create",
        "collection":"app.bsky.feed.post","rkey":"k1","record":{"text":"hello","createdAt":"2026-02-02T02:40:00Z"}}}"#;
    let events = source.remap(frame, noon()).unwrap();
    let [Event::Upsert(mention)] = &events[..] else { panic!("one mention: {events:?}") };
    assert_eq!((mention.text.as_str(), mention.observed_at, mention.raw.is_some()), ("hello", noon(), true));
    assert!(source.remap(b"{", noon()).unwrap_err().contains("not JSON"));
}
