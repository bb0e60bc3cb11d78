//! An export as Parquet files: every value as it was, files of a bounded size, and only files that are what they should be.

use std::{collections::BTreeMap, fs, panic::AssertUnwindSafe, path::Path};

use futures::FutureExt;
use grapevine_model::{Correction, LabelRecord, Mention, Polarity};
use grapevine_store::{
    Store,
    transfer::{Exported, Exporting, Rows, Scope, TransferError},
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    labels::label,
    transfer::{import, killed_at, rows},
    world::{World, at, day, post, world},
};

/// Tables of an export but labels, which come back as records.
const TABLES: [&str; 16] = [
    "mentions",
    "expired",
    "expired_counts",
    "expired_scored",
    "engagement",
    "rescored",
    "accounts",
    "campaigns",
    "surveys",
    "alerts",
    "models",
    "gaps",
    "sampled",
    "source_health",
    "source_reports",
    "batches",
];
/// Rows of each of them: the largest of everything, the least, and what is in between.
const VALUES: usize = 3;
const TEXTS: [&str; VALUES] = [r#"'ünï\t\n\r\b\0\"\\\'/ 😀 العربية \u2028'"#, "''", r#"'null\t\n\\ \'\" \0'"#];

async fn export(store: &Store, folder: &Path, rows: Rows) -> Exported {
    try_export(store, folder, rows).await.unwrap()
}

async fn try_export(store: &Store, folder: &Path, rows: Rows) -> Result<Exported, TransferError> {
    // A part of a store has no answers: nobody has to compute figures of the largest numbers.
    let scope = Scope { to: Some(at("2200-01-01T00:00:00Z")), ..Scope::default() };
    store.export(&Exporting { folder, scope, rows }, &|_, _| {}).await
}

/// What stands for a type in a row.
fn expression(of_type: &str, row: usize) -> String {
    let inner = |prefix: &str| of_type.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')'));
    if let Some(inner) = inner("Nullable(") {
        return if row == 1 { "NULL".to_owned() } else { expression(inner, row) };
    }
    if let Some(inner) = inner("LowCardinality(") {
        return expression(inner, row);
    }
    if let Some(inner) = inner("SimpleAggregateFunction(") {
        return expression(inner.split_once(", ").unwrap().1, row);
    }
    if let Some(inner) = inner("Array(") {
        let elements =
            [vec![0, 2, 1], vec![], vec![1]][row].iter().map(|row| expression(inner, *row)).collect::<Vec<_>>();
        return format!("CAST([{}] AS {of_type})", elements.join(", "));
    }
    if let Some(inner) = inner("AggregateFunction(uniqCombined64(14), ") {
        return format!("(SELECT uniqCombined64State(14)(to{inner}(number)) FROM numbers({}))", [100_000, 0, 3][row]);
    }
    if let Some(inner) = inner("Enum8(") {
        let names: Vec<&str> = inner.split('\'').skip(1).step_by(2).collect();
        return format!("'{}'", [names[0], names[names.len() - 1], names[1]][row]);
    }
    let values: [&str; VALUES] = match of_type {
        "String" => TEXTS,
        "Bool" => ["true", "false", "true"],
        "UInt8" => ["255", "0", "7"],
        "UInt16" => ["65535", "0", "7"],
        "UInt32" => ["4294967295", "0", "7"],
        "UInt64" => ["18446744073709551615", "0", "7"],
        "UInt128" => ["'340282366920938463463374607431768211455'", "'0'", "'7'"],
        "Float32" => ["3.4028235e38", "-0.1", "nan"],
        "Float64" => ["1.7976931348623157e308", "-0.1", "inf"],
        "Date" => ["'2149-06-06'", "'1970-01-01'", "'2026-03-02'"],
        "DateTime('UTC')" => ["'2026-03-02 10:00:00'", "'2026-03-01 00:05:00'", "'2026-03-02 10:05:00'"],
        "DateTime64(3, 'UTC')" => {
            ["'2199-12-31 23:59:59.999'", "'1970-01-01 00:00:00.000'", "'2026-03-02 10:00:00.001'"]
        }
        "DateTime64(6, 'UTC')" => ["'2199-12-31 23:59:59.999999'", "'1970-01-01 00:00:00.000001'", "now64(6)"],
        "Decimal(18, 6)" => ["'999999999999.999999'", "'-0.000001'", "'12.5'"],
        other => panic!("a new type, {other}: say here what stands for it"),
    };
    format!("CAST({} AS {of_type})", values[row])
}

/// Where not every value of the type can stand.
fn of_column(table: &str, column: &str, row: usize) -> Option<&'static str> {
    Some(match (table, column) {
        ("mentions", "deleted") => ["0", "1", "0"][row],
        // A month that has rollups.
        ("mentions" | "rescored", "created_at") => {
            ["'2026-03-02 10:00:00.999'", "'2026-03-31 23:59:59.999'", "'2026-04-01 00:00:00'"][row]
        }
        ("expired", "day") => "'2026-03-02'",
        // The engine removes what is older than 90 days.
        ("batches", "written_at") | ("source_reports", "observed_at") => "now64(3)",
        _ => return None,
    })
}

/// Rows with a value in each column of each table.
async fn fill(world: &World) {
    for table in TABLES {
        let sql = "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = ?
            AND default_kind != 'MATERIALIZED' AND name != 'epoch'";
        let columns: Vec<(String, String)> = world.client().query(sql).bind(table).fetch_all().await.unwrap();
        let names = columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        for row in 0..VALUES {
            let value = |(name, of_type): &(String, String)| match of_column(table, name, row) {
                Some(value) => value.to_owned(),
                None => expression(of_type, row),
            };
            let values = columns.iter().map(value).collect::<Vec<_>>().join(", ");
            world
                .client()
                .query_raw(&format!("INSERT INTO {table} ({names}) SELECT {values}"))
                .execute()
                .await
                .unwrap();
        }
    }
}

/// What the engine says of every row, in lines of JSON.
async fn lines(store: &Store) -> BTreeMap<String, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let exported = export(store, folder.path(), Rows::Ndjson).await;
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in exported.manifest.files.iter().filter(|file| TABLES.contains(&file.table.as_str())) {
        let bytes = zstd::decode_all(fs::File::open(folder.path().join(&file.name)).unwrap()).unwrap();
        let of_table = all.entry(file.table.clone()).or_default();
        of_table.extend(bytes.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string()));
        of_table.sort();
    }
    all
}

#[tokio::test]
async fn every_column_of_every_table_comes_back_from_parquet_as_it_was() {
    let (source, target, folder) = (world().await, world().await, tempfile::tempdir().unwrap());
    fill(&source).await;
    let store = source.store.clone().with_files_of(2, u64::MAX);
    let manifest = export(&store, folder.path(), Rows::Parquet).await.manifest;
    let files = |table: &str| {
        manifest.files.iter().filter(|file| file.table == table).map(|file| file.rows).collect::<Vec<_>>()
    };
    // Two months of mentions; three rows of everything else.
    assert_eq!((files("mentions"), files("campaigns"), files("labels")), (vec![2, 1], vec![2, 1], vec![0]));
    let imported = import(&target.store, folder.path()).await.unwrap();
    assert!(TABLES.iter().all(|table| imported.rows.get(*table) == Some(&(VALUES as u64))), "{:?}", imported.rows);
    let (before, after) = (lines(&source.store).await, lines(&target.store).await);
    for table in TABLES {
        assert_eq!(after[table], before[table], "{table}");
    }
}

/// A small store's export, and the name of its file of mentions.
async fn small(folder: &Path) -> (World, String) {
    let source = world().await;
    let posts = [post("1", day("10:00:00")), post("2", day("10:30:00"))];
    let _ = source.insert_mentions(&posts).await;
    let given = label(&posts[0], Correction::Polarity(Polarity::Negative), day("13:00:00"));
    let _ = source.store.apply_labels(&[LabelRecord::Label(given)]).await.unwrap();
    let _ = export(&source.store, folder, Rows::Parquet).await;
    (source, "mentions-202603-00001.parquet".to_owned())
}

/// Puts other bytes in a file's place, with a manifest that has them.
fn replace(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    for file in manifest["files"].as_array_mut().unwrap().iter_mut().filter(|file| file["name"] == name) {
        file["sha256"] = json!(hex::encode(Sha256::digest(bytes)));
        file["bytes"] = json!(bytes.len());
    }
    fs::write(path, manifest.to_string()).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

#[tokio::test]
async fn a_file_that_is_cut_or_has_other_columns_is_refused_and_says_why() {
    let (folder, target) = (tempfile::tempdir().unwrap(), world().await);
    let folder = folder.path();
    let (source, name) = small(folder).await;
    let whole = fs::read(folder.join(&name)).unwrap();
    fs::write(folder.join(&name), &whole[..whole.len() - 9]).unwrap();
    let error = import(&target.store, folder).await.unwrap_err().to_string();
    assert!(error.contains(&format!("{name} is damaged: the manifest has")), "{error}");
    let hex = |name: &str| format!("leftPad(lower(hex({name})), 32, '0') AS {name}");
    let ids = ["id", "thread_id", "parent_id", "story"].map(hex).join(", ");
    let replaced = |other: &str| {
        let names = ["kind", "polarity", "intent"].map(|name| format!("{name}::String AS {name}")).join(", ");
        format!("* EXCEPT (epoch) REPLACE ({ids}, {names}{other})")
    };
    for (columns, says) in [
        (format!("{}, 1 AS mood", replaced("")), "it has a column mood, which the table lacks"),
        (replaced("").replace("(epoch)", "(epoch, text, weight)"), "it lacks the column text"),
        (replaced(", 'few' AS likes"), "column likes holds text, not whole numbers"),
        (replaced(", [text] AS text"), "column text holds lists, not text"),
        (replaced(", ['a', NULL] AS hashtags"), "row 1: hashtags: an element has no value"),
        (replaced(", NULL::Nullable(String) AS text"), "row 1: text has no value"),
        (replaced(", -1 AS version"), "row 1: version: -1 is not from 0 to 18446744073709551615"),
        (replaced(", 300 AS deleted"), "row 1: deleted: 300 is not from 0 to 255"),
        (
            replaced("").replace("lower(hex(story))", "'x'"),
            "\"0000000000000000000000000000000x\" are not 32 hexadecimal digits",
        ),
    ] {
        let sql = format!("SELECT {columns} FROM mentions");
        let bytes = source.client().query_raw(&sql).fetch_bytes("Parquet").unwrap().collect().await.unwrap();
        replace(folder, &name, &bytes);
        let error = import(&target.store, folder).await.unwrap_err().to_string();
        assert!(error.contains(&name) && error.contains(says), "{says}: {error}");
    }
    replace(folder, &name, &whole[..whole.len() - 9]);
    let error = import(&target.store, folder).await.unwrap_err().to_string();
    assert!(error.contains(&format!("{name} is damaged")), "{error}");
    let stored: u64 = target.client().query("SELECT count() FROM mentions").fetch_one().await.unwrap();
    assert_eq!(stored, 0, "nothing of a refused file is there");
    replace(folder, &name, &whole);
    assert_eq!(import(&target.store, folder).await.unwrap().rows.get("mentions"), Some(&2));
    assert_eq!(rows(&target).await, rows(&source).await);
    // One that was begun goes on as what it was.
    let path = folder.join("manifest.json");
    let mut begun: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    begun.as_object_mut().unwrap().remove("ended_at");
    fs::write(&path, begun.to_string()).unwrap();
    let error = try_export(&source.store, folder, Rows::Ndjson).await.unwrap_err().to_string();
    assert!(error.contains("the beginning of another export") && error.contains("as parquet"), "{error}");
}

#[tokio::test]
async fn many_files_go_on_where_either_side_was_killed() {
    let (source, target, folder) = (world().await, world().await, tempfile::tempdir().unwrap());
    let folder = folder.path();
    // All of one hour, and one of them edited: its versions stay together.
    let posts: Vec<_> = (0..7).map(|n| post(&n.to_string(), day("10:00:00") + SignedDuration::from_secs(n))).collect();
    let _ = source.insert_mentions(&posts).await;
    let edited = Mention { observed_at: day("14:00:00"), ..post("3", day("10:00:03")) };
    let _ = source.insert_mentions(&[edited]).await;
    let given = posts.iter().map(|post| label(post, Correction::Polarity(Polarity::Negative), day("13:00:00")));
    let _ = source.store.apply_labels(&given.map(LabelRecord::Label).collect::<Vec<_>>()).await.unwrap();
    let store = source.store.clone().with_files_of(3, u64::MAX);
    for (step, nth) in [("export-file-drafted", 2), ("export-file-written", 3), ("export-file-drafted", 1)] {
        let killed = killed_at(&store, step, nth);
        assert!(AssertUnwindSafe(try_export(&killed, folder, Rows::Parquet)).catch_unwind().await.is_err(), "{step}");
    }
    // One in the middle is lost: what stands behind it is written anew, so that the files fit together.
    fs::remove_file(folder.join("labels-00002.parquet")).unwrap();
    let exported = export(&store, folder, Rows::Parquet).await;
    let of = |table: &str| {
        exported.manifest.files.iter().filter(|file| file.table == table).map(|file| file.rows).collect::<Vec<_>>()
    };
    assert_eq!(exported.kept, 1);
    // Two rows a label: it was settled afterwards.
    assert_eq!(of("labels"), [4, 4, 4, 2]);
    assert_eq!(of("mentions").iter().sum::<u64>(), 8, "in every version: {:?}", of("mentions"));
    assert!(of("mentions").len() >= 2);
    for (step, nth) in [("import-piece-read", 2), ("import-file-read", 5), ("rebuild-started", 1)] {
        let killed = killed_at(&target.store, step, nth);
        assert!(AssertUnwindSafe(import(&killed, folder)).catch_unwind().await.is_err(), "{step}");
    }
    let imported = import(&target.store, folder).await.unwrap();
    assert!(imported.kept >= 4, "{imported:?}");
    assert_eq!(rows(&target).await, rows(&source).await);
    target.assert_rollups_agree().await;
    // Files of so many bytes: each row is one of its own.
    let by_bytes = tempfile::tempdir().unwrap();
    let exported = export(&source.store.clone().with_files_of(1_000, 1), by_bytes.path(), Rows::Parquet).await;
    assert_eq!(exported.manifest.files.iter().filter(|file| file.table == "labels").count(), 7);
}
