//! The base table, row by row.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::MentionId;
use serde::Deserialize;

use super::{Found, PATIENCE};
use crate::{config::BRANDS, truth::Truth, world::World};

#[derive(Deserialize)]
struct Row {
    id: String,
    brand: String,
    text: String,
    created_ms: i64,
}

const SQL: &str = "SELECT toString(id) AS id, brand, text, toUnixTimestamp64Milli(created_at) AS created_ms \
    FROM mentions FINAL WHERE deleted = 0";

pub fn compare(world: &World, truth: &Truth, found: &mut Found) -> anyhow::Result<()> {
    let expected = truth.expected();
    let known: BTreeSet<MentionId> = truth.all().collect();
    let mut rows: BTreeMap<(u128, &str), Row> = BTreeMap::new();
    for row in world.engine.rows::<Row>(SQL, PATIENCE)? {
        let id: u128 = row.id.parse()?;
        let Some((brand, _)) = BRANDS.iter().find(|(name, _)| *name == row.brand) else {
            found.note(|found| &mut found.wrong, || format!("a row of an unknown brand {:?}", row.brand));
            continue;
        };
        found.stored += 1;
        if rows.insert((id, brand), row).is_some() {
            found.note(|found| &mut found.doubled, || format!("{} of {brand} stands twice", MentionId(id)));
        }
    }
    found.expected = expected.len() as u64;
    for (key, wanted) in &expected {
        let shown = || format!("{} of {}", MentionId(key.0), key.1);
        match rows.remove(key) {
            None => found.note(|found| &mut found.lost, || format!("lost: {} ({})", shown(), wanted.text)),
            Some(row) if row.text != wanted.text || row.created_ms != wanted.created_at.as_millisecond() => {
                let say = || format!("wrong: {} says {:?}, not {:?}", shown(), row.text, wanted.text);
                found.note(|found| &mut found.wrong, say);
            }
            Some(_) => {}
        }
    }
    for ((id, brand), row) in rows {
        let why = if known.contains(&MentionId(id)) { "should be deleted" } else { "was never sent" };
        found.note(|found| &mut found.wrong, || format!("wrong: {} of {brand} {why} ({})", MentionId(id), row.text));
    }
    Ok(())
}
