//! The base table, row by row.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::MentionId;
use serde::Deserialize;

use super::{Found, PATIENCE};
use crate::{
    config::BRANDS,
    truth::{Expected, Key, Truth},
    world::World,
};

#[derive(Debug, Deserialize)]
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
    found.expected = expected.len() as u64;
    let mut rows = by_key(world.engine.rows(SQL, PATIENCE)?, found)?;
    for (key, wanted) in &expected {
        judge(key, wanted, rows.remove(key), found);
    }
    let known: BTreeSet<MentionId> = truth.all().collect();
    for ((id, brand), row) in rows {
        let why = if known.contains(&MentionId(id)) { "should be deleted" } else { "was never sent" };
        found.note(|found| &mut found.wrong, || format!("wrong: {} of {brand} {why} ({})", MentionId(id), row.text));
    }
    Ok(())
}

fn by_key(rows: Vec<Row>, found: &mut Found) -> anyhow::Result<BTreeMap<Key, Row>> {
    let mut by_key = BTreeMap::new();
    for row in rows {
        let id: u128 = row.id.parse()?;
        let Some((brand, _)) = BRANDS.iter().find(|(name, _)| *name == row.brand) else {
            found.note(|found| &mut found.wrong, || format!("a row of an unknown brand {:?}", row.brand));
            continue;
        };
        found.stored += 1;
        if by_key.insert((id, *brand), row).is_some() {
            found.note(|found| &mut found.doubled, || format!("{} of {brand} stands twice", MentionId(id)));
        }
    }
    Ok(by_key)
}

fn judge(key: &Key, wanted: &Expected, row: Option<Row>, found: &mut Found) {
    let shown = || format!("{} of {}", MentionId(key.0), key.1);
    match row {
        None => found.note(|found| &mut found.lost, || format!("lost: {} ({})", shown(), wanted.text)),
        Some(row) if row.text != wanted.text || row.created_ms != wanted.created_at.as_millisecond() => {
            let say = || format!("wrong: {} says {:?}, not {:?}", shown(), row.text, wanted.text);
            found.note(|found| &mut found.wrong, say);
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn row(id: u128, text: &str) -> Row {
        Row { id: id.to_string(), brand: "Acme".into(), text: text.into(), created_ms: 0 }
    }

    #[test]
    fn a_row_that_stands_twice_is_doubled() {
        let mut found = Found::default();
        let rows = by_key(vec![row(1, "a"), row(2, "b"), row(1, "a")], &mut found).unwrap();
        assert_eq!((rows.len(), found.stored, found.doubled, found.violations()), (2, 3, 1, 1));
    }

    #[test]
    fn a_row_that_is_missing_is_lost_and_one_of_another_version_is_wrong() {
        let wanted = Expected { text: "version 2".into(), created_at: Timestamp::UNIX_EPOCH };
        let judged = |row| {
            let mut found = Found::default();
            judge(&(1, "Acme"), &wanted, row, &mut found);
            (found.lost, found.wrong)
        };
        assert_eq!(judged(Some(row(1, "version 2"))), (0, 0));
        assert_eq!(judged(Some(row(1, "version 1"))), (0, 1));
        assert_eq!(judged(None), (1, 0));
    }
}
