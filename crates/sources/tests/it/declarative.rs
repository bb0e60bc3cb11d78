//! The definitions that are part of the program, and what a wrong one is told.

use std::sync::LazyLock;

use grapevine_model::Event;
use grapevine_sources::{
    declarative::{self, Definition, Sample, TEXTS},
    parse, registry,
};
use jiff::Timestamp;
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

#[test]
fn every_mapping_test_passes_and_every_field_has_one() {
    for text in TEXTS {
        let report = declarative::test(text);
        assert!(report.is_ok() && report.untested.is_empty(), "\n{report}");
    }
}

/// The reference has one row for each key that is read, and an unknown one is told with the nearest.
#[test]
fn settings_are_documented_and_checked() {
    for row in declarative::rows() {
        let keys: Vec<&str> = row.keys.iter().map(|key| key.key).collect();
        assert!(row.keys.iter().all(|key| !key.doc.is_empty()) && !row.doc.is_empty(), "{}", row.kind);
        let table = toml::from_str(&format!("name = 'a'\nkind = '{}'\nno_such_key = 1", row.kind)).unwrap();
        let required = row.keys.iter().any(|key| key.default.is_empty());
        let message = parse(&table).unwrap_err().to_string();
        assert!(required || message.ends_with(&keys.join(", ")), "{message}");
    }
    let table = "name = 'f'\nkind = 'discourse'\nbase_url = 'https://f.example'\napi_kei_env = 'X'";
    assert_eq!(
        parse(&toml::from_str(table).unwrap()).unwrap_err().to_string(),
        "source \"f\" (discourse): `api_kei_env` is not known: write `api_key_env`, or one of base_url, api_key_env, \
         api_key_file, api_user, poll_seconds, backfill_days, keep_raw"
    );
    let table = "name = 'y'\nkind = 'youtube'\nkey_env = 'X'";
    let message = parse(&toml::from_str(table).unwrap()).unwrap_err().to_string();
    assert_eq!(
        message,
        "source \"y\" (youtube): `queries`, `channels`, `videos` are all empty: name what is to be read in one of them"
    );
    assert!(registry::reference().iter().any(|(kind, key)| *kind == "lemmy" && key.key == "communities"));
}

const SMALL: &str = r#"
name = "small"
doc = "A small platform."
terms = "None."
setting = [{ name = "base_url", type = "url", doc = "Where.", example = "https://a.example" }]
poll = { every = "1m", backfill = "24h", look_back = "1h", lateness = "1m" }

[[listing]]
name = "posts"
records = ["items"]
paging = { kind = "page" }
request = { url = "{base_url}/posts", query = { page = "{page}" } }

[listing.map]
id = "id"
created_at = "at"
text = "text"

[[listing.test]]
name = "a post"
record = '{"id": 1, "at": "2026-03-01T10:00:00Z", "text": "Hi"}'
expect = { id = "1", text = "Ho", likes = 3, textt = "x" }
"#;

#[test]
fn a_report_can_be_read() {
    let report = declarative::test(SMALL);
    assert!(!report.is_ok());
    assert_eq!(
        report.to_string(),
        "FAIL  posts: a post\n        likes: expected 3, found null\n        text: expected \"Ho\", found \"Hi\"\n        \
         textt: is no field of a mention (`text` is)\nnote  no test expects anything of posts.created_at\n\
         small: 0 of 1 tests pass\n"
    );
}

#[test]
fn a_mistake_is_told_with_its_line_and_how_to_mend_it() {
    for (from, to, message) in [
        (
            "text = \"text\"",
            "txt = \"text\"",
            "line 17: `listing.0.map.txt` is not known: write `text`, or one of id, ",
        ),
        ("text = \"text\"", "text = \"{text\"", "line 17: `listing.0.map.text` has a `{` that no `}` closes"),
        ("id = \"id\"\n", "", "line 14: `listing.0.map` has no `id`: every mention has one"),
        (
            "page = \"{page}\"",
            "page = \"{pgae}\"",
            "line 12: `listing.0.request.query.page` has the hole `{pgae}`, which nothing",
        ),
        (
            ", query = { page = \"{page}\" }",
            "",
            "line 11: `listing.0.paging` gives a token, and the request has no {page}",
        ),
        (
            "every = \"1m\"",
            "evry = \"1m\"",
            "line 6: there is no key `evry`: write `every`, or one of every, backfill, ",
        ),
        ("every = \"1m\"", "every = \"0s\"", "line 6: `poll.every` is not above 0"),
        ("records = [\"items\"]", "records = [\"$.items[\"]", "line 10: `listing.0.records.0` is no JSONPath: "),
        (
            "kind = \"page\"",
            "kind = \"pages\"",
            "line 11: unknown variant `pages`, expected one of `none`, `link_header`, ",
        ),
        (
            "kind = \"page\"",
            "kind = \"since\", field = \"id\"",
            "line 11: `listing.0.paging` is since, which ascends: write order = \"oldest_first\" beside it",
        ),
        (
            "[listing.map]",
            "each = { tag = \"tags\" }\n[listing.map]",
            "line 14: `listing.0.each.tag` names `tags`, which is no setting of",
        ),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let error = Definition::parse(&SMALL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}\nshould begin with\n{message}");
    }
}

static DEFINITIONS: LazyLock<Vec<Definition>> =
    LazyLock::new(|| TEXTS.iter().map(|text| Definition::parse(text).unwrap()).collect());

fn map(definition: &Definition, sample: &Sample, record: &Value) -> Result<Option<Event>, String> {
    definition.map(&sample.listing, &sample.each, record, Timestamp::UNIX_EPOCH)
}

/// Replaces the value at a place, chosen by indices into keys and items.
fn mutate(value: &mut Value, way: &[Index], other: &Value) {
    let Some((first, rest)) = way.split_first() else {
        *value = other.clone();
        return;
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            let key = members.keys().nth(first.index(members.len())).cloned().unwrap_or_default();
            mutate(&mut members[&key], rest, other);
        }
        Value::Array(items) if !items.is_empty() => {
            let index = first.index(items.len());
            mutate(&mut items[index], rest, other);
        }
        _ => *value = other.clone(),
    }
}

fn odd_value() -> impl Strategy<Value = Value> {
    let texts = ["", "x", "<a href='", "{id}", "-1", "99999999999999999999", "2026-13-40T99:00:00Z", "\u{0}é𝒳"];
    let odd = [json!(null), json!([]), json!({}), json!([[null]]), json!(-1.5e300), json!(u64::MAX), json!(true)];
    prop_oneof![prop::sample::select(odd.to_vec()), prop::sample::select(texts.to_vec()).prop_map(|text| json!(text))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    /// Whatever a platform sends, mapping gives an event, nothing, or a reason; the same each time.
    #[test]
    fn no_record_makes_a_map_panic(
        definition in any::<Index>(),
        sample in any::<Index>(),
        changes in prop::collection::vec((prop::collection::vec(any::<Index>(), 1..4), odd_value()), 0..4),
    ) {
        let definition = definition.get(&DEFINITIONS);
        let samples = definition.samples();
        let sample = sample.get(&samples);
        let mut record = sample.record.clone();
        changes.iter().for_each(|(way, other)| mutate(&mut record, way, other));
        let mapped = map(definition, sample, &record);
        prop_assert_eq!(&mapped, &map(definition, sample, &record));
        if let Err(reason) = mapped {
            prop_assert!(!reason.is_empty());
        }
    }
}
