//! What one store exports and another imports is the same store: in every figure, through crashes, and not with damage.

use std::{
    fs,
    panic::AssertUnwindSafe,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use futures::FutureExt;
use grapevine_model::{
    Correction, LabelRecord, Polarity,
    forgotten::{Account, Salt, Subject, Suppressed, Suppressions},
};
use grapevine_store::{
    Store,
    transfer::{Exported, Exporting, Imported, Importing, Manifest, Outcome, Rows, Scope, TransferError},
};
use serde_json::Value;

use crate::{
    labels::label,
    proof,
    world::{World, at, by, day, of, post, world},
};

pub async fn export(store: &Store, folder: &Path) -> Exported {
    exported(store, folder, Scope::default()).await.unwrap()
}

async fn exported(store: &Store, folder: &Path, scope: Scope) -> Result<Exported, TransferError> {
    store.export(&Exporting { folder, scope, rows: Rows::Ndjson }, &|_, _| {}).await
}

pub async fn import(store: &Store, folder: &Path) -> Result<Imported, TransferError> {
    let suppressions = Suppressions::default();
    let importing = Importing { folder, beside: false, suppressions: &suppressions };
    store.import(&importing, async |_: &[LabelRecord]| Ok(()), &|_, _| {}).await
}

/// Panics the `nth` time that the step is done, as a process that is killed there.
pub fn killed_at(store: &Store, step: &'static str, nth: u32) -> Store {
    let left = AtomicU32::new(nth);
    store.clone().with_steps(move |done| {
        if done == step && left.fetch_sub(1, Ordering::Relaxed) == 1 {
            panic!("killed at {step}");
        }
    })
}

pub fn assert_equal(imported: &Imported) {
    let differ: Vec<_> = imported.compared.iter().filter(|one| one.outcome != Outcome::Equal).collect();
    assert!(differ.is_empty(), "{} of {}: {differ:#?}", differ.len(), imported.compared.len());
    assert_eq!(imported.not_compared, None);
}

/// Rows of every exported table, as one hash each.
pub async fn rows(world: &World) -> Vec<(String, u64)> {
    let mut all = vec![];
    for table in [
        "mentions",
        "labels",
        "engagement",
        "accounts",
        "campaigns",
        "surveys",
        "gaps",
        "sampled",
        "models",
        "source_health",
    ] {
        let columns = if table == "mentions" { "* EXCEPT (epoch)" } else { "*" };
        let sql = format!("SELECT sum(cityHash64(tuple(*))) FROM (SELECT {columns} FROM {table} FINAL)");
        all.push((table.to_owned(), world.client().query(&sql).fetch_one().await.unwrap()));
    }
    all
}

/// The same store as Parquet, with the answers of its export as lines: they are asked for once.
async fn parquet_with_answers(store: &Store, lines: &Path, folder: &Path) {
    let scope = Scope { to: Some(at("2200-01-01T00:00:00Z")), ..Scope::default() };
    let store = store.clone().with_files_of(1_000, u64::MAX);
    let _ = store.export(&Exporting { folder, scope, rows: Rows::Parquet }, &|_, _| {}).await.unwrap();
    let read =
        |folder: &Path| -> Value { serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap() };
    let (mut manifest, whole) = (read(folder), read(lines));
    manifest["scope"] = whole["scope"].clone();
    let answers = whole["files"].as_array().unwrap().last().unwrap();
    manifest["files"].as_array_mut().unwrap().push(answers.clone());
    fs::copy(lines.join("answers.ndjson"), folder.join("answers.ndjson")).unwrap();
    fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
}

#[tokio::test]
async fn every_figure_and_every_row_is_the_same_in_stores_that_were_imported_from_either_kind_of_file() {
    let (source, store) = proof::generated().await;
    let (lines, parquet) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let exported = export(&store, lines.path()).await;
    assert!(exported.answers > 100 && !exported.manifest.moved, "{exported:?}");
    assert!(matches!(exported_again(&store, lines.path()).await, TransferError::Finished { .. }));
    parquet_with_answers(&store, lines.path(), parquet.path()).await;
    let (all, suppressions) = (rows(&source).await, Suppressions::default());
    for folder in [&parquet, &lines] {
        let (target, labels) = (world().await, Mutex::new(vec![]));
        let importing = Importing { folder: folder.path(), beside: false, suppressions: &suppressions };
        let append = async |records: &[LabelRecord]| {
            labels.lock().unwrap().extend(records.to_vec());
            Ok(())
        };
        let imported = target.store.import(&importing, append, &|_, _| {}).await.unwrap();
        assert_eq!(imported.compared.len() as u64, exported.answers);
        assert_equal(&imported);
        assert_eq!(rows(&target).await, all);
        target.assert_rollups_agree().await;
        let table = labels.into_inner().unwrap();
        assert!(!table.is_empty());
        let lacking = target.store.lacking_labels(table.clone()).await.unwrap();
        assert_eq!((lacking.records.len(), lacking.checked), (0, table.len() as u64), "log and store agree");
    }
}

async fn exported_again(store: &Store, folder: &Path) -> TransferError {
    exported(store, folder, Scope::default()).await.unwrap_err()
}

#[tokio::test]
async fn both_sides_go_on_where_they_were_killed() {
    let source = world().await;
    let times = [("1", "03-31T10:00:00Z"), ("2", "03-31T10:30:00Z"), ("3", "04-01T10:00:00Z")];
    let posts = times.map(|(id, time)| post(id, at(&format!("2026-{time}"))));
    let _ = source.insert_mentions(&posts).await;
    let given = label(&posts[0], Correction::Polarity(Polarity::Negative), day("13:00:00"));
    let _ = source.store.apply_labels(&[LabelRecord::Label(given)]).await.unwrap();
    let (store, target, folder) = (source.store.clone(), world().await, tempfile::tempdir().unwrap());
    for (step, nth) in [("export-file-drafted", 2), ("export-file-written", 3), ("export-file-drafted", 4)] {
        let killed = killed_at(&store, step, nth);
        let killed = AssertUnwindSafe(exported(&killed, folder.path(), Scope::default()));
        assert!(killed.catch_unwind().await.is_err(), "{step}");
        assert!(matches!(import(&target.store, folder.path()).await, Err(TransferError::Unfinished { .. })));
    }
    assert!(fs::read_dir(folder.path()).unwrap().any(|file| file.unwrap().path().extension().unwrap() == "tmp"));
    let went_on = export(&store, folder.path()).await;
    assert!(went_on.kept >= 4, "{went_on:?}");
    for (step, nth) in [("import-piece-read", 2), ("import-file-read", 2), ("rebuild-started", 1)] {
        let killed = killed_at(&target.store, step, nth);
        let killed = AssertUnwindSafe(import(&killed, folder.path()));
        assert!(killed.catch_unwind().await.is_err(), "{step}");
    }
    let imported = import(&target.store, folder.path()).await.unwrap();
    assert!(imported.kept >= 2, "{imported:?}");
    assert_equal(&imported);
    assert_eq!(rows(&target).await, rows(&source).await);
    target.assert_rollups_agree().await;
    let again = import(&target.store, folder.path()).await.unwrap();
    assert!(again.rows.is_empty() && again.hours == 0, "{again:?}");
    assert_equal(&again);
}

#[tokio::test]
async fn a_damaged_file_is_named_before_anything_is_read() {
    let (source, folder) = (world().await, tempfile::tempdir().unwrap());
    let _ = source.insert_mentions(&[post("1", day("10:00:00"))]).await;
    let manifest = export(&source.store, folder.path()).await.manifest;
    let mentions = folder.path().join("mentions-202603.ndjson.zst");
    let whole = fs::read(&mentions).unwrap();
    let target = world().await;
    let flipped =
        |at: usize| whole.iter().enumerate().map(|(n, byte)| if n == at { byte ^ 1 } else { *byte }).collect();
    let damages: [Vec<u8>; 3] = [flipped(whole.len() / 2), whole[..whole.len() - 1].to_vec(), vec![]];
    for damage in damages {
        fs::write(&mentions, damage).unwrap();
        let error = import(&target.store, folder.path()).await.unwrap_err().to_string();
        assert!(error.contains("mentions-202603.ndjson.zst is damaged"), "{error}");
    }
    fs::remove_file(&mentions).unwrap();
    let error = import(&target.store, folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("mentions-202603.ndjson.zst could not be read"), "{error}");
    let count: u64 = target.client().query("SELECT count() FROM imported").fetch_one().await.unwrap();
    assert_eq!(count, 0);
    fs::write(&mentions, whole).unwrap();
    assert_equal(&import(&target.store, folder.path()).await.unwrap());
    assert_eq!(Manifest::read(folder.path()).unwrap(), Some(manifest));
}

#[tokio::test]
async fn a_store_that_holds_something_is_refused_and_one_beside_it_is_not_compared() {
    let (source, target, folder) = (world().await, world().await, tempfile::tempdir().unwrap());
    let _ = source.insert_mentions(&[post("1", day("10:00:00")), post("2", day("10:30:00"))]).await;
    let _ = target.insert_mentions(&[post("2", day("10:30:00")), post("3", day("11:00:00"))]).await;
    let _ = export(&source.store, folder.path()).await;
    let error = import(&target.store, folder.path()).await.unwrap_err().to_string();
    assert!(error.contains("mentions has rows") && error.contains("--beside"), "{error}");
    let suppressions = Suppressions::default();
    let importing = Importing { folder: folder.path(), beside: true, suppressions: &suppressions };
    let imported = target.store.import(&importing, async |_: &[LabelRecord]| Ok(()), &|_, _| {}).await.unwrap();
    assert_eq!(imported.not_compared.as_deref(), Some("the store was not empty"));
    assert_eq!(target.figures("mention_volume", None).await[0][0], 3);
    target.assert_rollups_agree().await;
}

#[tokio::test]
async fn who_is_forgotten_here_is_not_imported() {
    let (source, target, folder) = (world().await, world().await, tempfile::tempdir().unwrap());
    let _ =
        source.insert_mentions(&[by("ada", post("1", day("10:00:00"))), by("bo", post("2", day("10:00:00")))]).await;
    let _ = export(&source.store, folder.path()).await;
    let salt = Salt::of([3; 32]);
    let ada = Account { platform: "forum".into(), instance: "f.example".into(), name: "ada".into() };
    let hash = Subject::Author(ada).hash(&salt).to_string();
    let suppressions = Suppressions::of(&[Suppressed { hash, salt, request: "r".into() }]);
    let importing = Importing { folder: folder.path(), beside: false, suppressions: &suppressions };
    let imported = target.store.import(&importing, async |_: &[LabelRecord]| Ok(()), &|_, _| {}).await.unwrap();
    assert_eq!((imported.refused, imported.compared.len()), (1, 0));
    let authors: Vec<String> = target.client().query("SELECT author FROM mentions").fetch_all().await.unwrap();
    assert_eq!(authors, ["bo"]);
    target.assert_rollups_agree().await;
}

#[tokio::test]
async fn a_part_of_a_store_holds_its_brand_and_span_alone() {
    let (source, target, folder) = (world().await, world().await, tempfile::tempdir().unwrap());
    let both = grapevine_model::Mention { brands: vec![of("acme"), of("nova")], ..post("1", day("10:00:00")) };
    let _ = source.insert_mentions(&[both, post("2", day("12:00:00")), post("3", at("2026-04-01T10:00:00Z"))]).await;
    let scope = Scope { brand: Some("acme".into()), from: None, to: Some(day("11:00:00")) };
    let exported = exported(&source.store, folder.path(), scope).await.unwrap();
    assert_eq!(exported.answers, 0);
    let imported = import(&target.store, folder.path()).await.unwrap();
    assert_eq!(imported.rows.get("mentions"), Some(&1));
    assert!(imported.not_compared.is_some());
    target.assert_rollups_agree().await;
}
