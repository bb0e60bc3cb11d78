//! What an export holds.

use super::Scope;

/// A table, and which of its rows a part of the store is made of.
pub(super) struct Table {
    pub name: &'static str,
    /// Older versions stay behind.
    newest: bool,
    brand: Option<&'static str>,
    time: Option<&'static str>,
    /// Rows are about mentions, by their id.
    of_mentions: bool,
    /// People would miss it: a store that has any is not empty.
    pub content: bool,
}

const fn table(name: &'static str) -> Table {
    Table { name, newest: true, brand: None, time: None, of_mentions: false, content: true }
}

/// Labels first: a label that is there before its mention counts as soon as that comes.
pub(super) const TABLES: [Table; 17] = [
    Table { newest: false, brand: Some("brand"), of_mentions: true, ..table("labels") },
    Table { newest: false, brand: Some("brand"), time: Some("created_at"), ..table("mentions") },
    Table { brand: Some("brand"), time: Some("day"), ..table("expired") },
    Table { brand: Some("brand"), time: Some("bucket"), ..table("expired_counts") },
    Table { brand: Some("brand"), time: Some("bucket"), ..table("expired_scored") },
    Table { of_mentions: true, ..table("engagement") },
    Table { of_mentions: true, content: false, ..table("rescored") },
    Table { time: Some("observed_at"), ..table("accounts") },
    Table { brand: Some("brand"), time: Some("from_time"), ..table("campaigns") },
    Table { brand: Some("brand"), time: Some("answered_at"), ..table("surveys") },
    Table { brand: Some("brand"), time: Some("started_at"), ..table("alerts") },
    Table { content: false, ..table("models") },
    Table { content: false, ..table("gaps") },
    Table { content: false, ..table("sampled") },
    Table { content: false, ..table("source_health") },
    Table { content: false, ..table("source_reports") },
    Table { content: false, ..table("batches") },
];

pub(super) const MENTIONS: &str = "mentions";
pub(super) const LABELS: &str = "labels";
/// What retention keeps of mentions that are gone.
pub(super) const EXPIRED: [&str; 3] = ["expired", "expired_counts", "expired_scored"];

impl Table {
    /// The rows of the scope. Parameters: `brand:String`, `from:Int64`, `to:Int64` (milliseconds), and of mentions
    /// `month:UInt32`.
    pub fn select(&self, scope: &Scope) -> String {
        // Rows come without the epoch that their hour had here.
        let columns = if self.name == MENTIONS { "* EXCEPT (epoch)" } else { "*" };
        let newest = if self.newest { " FINAL" } else { "" };
        let order = if self.name == LABELS { " ORDER BY version" } else { "" };
        let month = if self.name == MENTIONS { "toYYYYMM(created_at) = {month:UInt32}" } else { "1" };
        let held = self.held_to(scope).join(" AND ");
        let held = if held.is_empty() { String::new() } else { format!(" AND {held}") };
        format!("SELECT {columns} FROM {}{newest} WHERE {month}{held}{order}", self.name)
    }

    /// Months that have mentions of the scope.
    pub fn months(scope: &Scope) -> String {
        let mentions = Table { brand: Some("brand"), time: Some("created_at"), ..table(MENTIONS) };
        let held = mentions.held_to(scope).join(" AND ");
        let held = if held.is_empty() { "1".to_owned() } else { held };
        format!("SELECT DISTINCT toYYYYMM(created_at) AS month FROM mentions WHERE {held} ORDER BY month")
    }

    fn held_to(&self, scope: &Scope) -> Vec<String> {
        let mut held = vec![];
        if scope.brand.is_some() {
            held.extend(self.brand.map(|column| format!("{column} = {{brand:String}}")));
        }
        if let Some(column) = self.time {
            held.extend(scope.from.map(|_| format!("{column} >= fromUnixTimestamp64Milli({{from:Int64}}, 'UTC')")));
            held.extend(scope.to.map(|_| format!("{column} < fromUnixTimestamp64Milli({{to:Int64}}, 'UTC')")));
        }
        if self.of_mentions && !scope.is_all() {
            let mentions = Table { brand: Some("brand"), time: Some("created_at"), ..table(MENTIONS) };
            held.push(format!("id IN (SELECT id FROM mentions WHERE {})", mentions.held_to(scope).join(" AND ")));
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_store_is_held_to_in_every_table_that_knows_brands_or_times() {
        let part = Scope { brand: Some("acme".into()), from: None, to: Some(jiff::Timestamp::UNIX_EPOCH) };
        let sql = |name: &str| TABLES.iter().find(|table| table.name == name).unwrap().select(&part);
        assert!(sql("mentions").contains("brand = {brand:String} AND created_at < "), "{}", sql("mentions"));
        assert!(sql("engagement").contains("FINAL WHERE 1 AND id IN (SELECT id FROM mentions WHERE brand"));
        assert_eq!(sql("models"), "SELECT * FROM models FINAL WHERE 1");
        let all = Scope::default();
        assert!(
            TABLES.iter().all(|table| !table.select(&all).contains("{brand") && !table.select(&all).contains("IN ("))
        );
    }

    #[test]
    fn every_table_is_in_an_export_or_is_computed_from_those_that_are() {
        let derived = [
            "rollup_5m",
            "dirty_hours",
            "rollup_epochs",
            "rollup_hours",
            "rollup_hourly",
            "rollup_scored",
            "rollup_counts",
            "rollup_daily",
            "rollup_cells",
            "rollup_facets",
            "imported",
            "engagement_by_hour",
            "labelled_hours",
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut seen = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let sql = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for rest in sql.split("CREATE TABLE IF NOT EXISTS ").skip(1) {
                let name = rest.split_whitespace().next().unwrap();
                let known = TABLES.iter().any(|table| table.name == name);
                assert_ne!(known, derived.contains(&name), "{name}: exported or derived, one of them");
                seen += usize::from(known);
            }
        }
        assert_eq!(seen, TABLES.len());
    }
}
