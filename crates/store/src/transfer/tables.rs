//! What an export holds.

use super::Scope;

/// A table, and which of its rows a part of the store is made of.
pub(super) struct Table {
    pub name: &'static str,
    /// What its rows are sorted by, and as which type a question names it: files of a bounded size end at such a key.
    pub key: &'static [Sorted],
    /// Older versions stay behind.
    newest: bool,
    brand: Option<&'static str>,
    time: Option<&'static str>,
    /// Rows are about mentions, by their id.
    of_mentions: bool,
    /// People would miss it: a store that has any is not empty.
    pub content: bool,
}

/// An expression, and its type.
pub(super) type Sorted = (&'static str, &'static str);

const BRAND: Sorted = ("brand", "String");
const PLATFORM: Sorted = ("platform", "String");
const ID: Sorted = ("id", "UInt128");
const SOURCE: Sorted = ("source", "String");
const PASS: Sorted = ("pass", "UInt64");
const BUCKET: Sorted = ("bucket", "DateTime('UTC')");
const HOUR: Sorted = ("toStartOfHour(created_at)", "DateTime('UTC')");
const SPAN: [Sorted; 2] = [("from_time", "DateTime64(3, 'UTC')"), ("to_time", "DateTime64(3, 'UTC')")];
const OBSERVED: Sorted = ("observed_at", "DateTime64(6, 'UTC')");

const fn table(name: &'static str, key: &'static [Sorted]) -> Table {
    Table { name, key, newest: true, brand: None, time: None, of_mentions: false, content: true }
}

/// Labels first: a label that is there before its mention counts as soon as that comes.
pub(super) const TABLES: [Table; 17] = [
    Table { newest: false, brand: Some("brand"), of_mentions: true, ..table("labels", &[BRAND, ID]) },
    Table {
        newest: false,
        brand: Some("brand"),
        time: Some("created_at"),
        ..table("mentions", &[BRAND, HOUR, PLATFORM, ID])
    },
    Table { brand: Some("brand"), time: Some("day"), ..table("expired", &[BRAND, PLATFORM, ("day", "Date")]) },
    Table { brand: Some("brand"), time: Some("bucket"), ..table("expired_counts", &[BRAND, BUCKET, PLATFORM, PASS]) },
    Table {
        brand: Some("brand"),
        time: Some("bucket"),
        ..table("expired_scored", &[BRAND, BUCKET, PLATFORM, ("model", "String"), ("language", "String"), PASS])
    },
    Table { of_mentions: true, ..table("engagement", &[ID]) },
    Table {
        of_mentions: true,
        content: false,
        ..table("rescored", &[("scorer", "String"), HOUR, ID, ("version", "UInt64")])
    },
    Table { time: Some("observed_at"), ..table("accounts", &[PLATFORM, ("account", "String"), OBSERVED]) },
    Table {
        brand: Some("brand"),
        time: Some("from_time"),
        ..table("campaigns", &[PLATFORM, ("campaign", "String"), ("part", "String"), SPAN[0], SPAN[1]])
    },
    Table { brand: Some("brand"), time: Some("answered_at"), ..table("surveys", &[PLATFORM, ("id", "String")]) },
    Table {
        brand: Some("brand"),
        time: Some("started_at"),
        ..table("alerts", &[BRAND, ("rule", "String"), ("id", "String")])
    },
    Table { content: false, ..table("models", &[("model", "String")]) },
    Table { content: false, ..table("gaps", &[SOURCE, SPAN[0], SPAN[1]]) },
    Table { content: false, ..table("sampled", &[SOURCE, SPAN[0], SPAN[1]]) },
    Table { content: false, ..table("source_health", &[SOURCE, ("partition", "UInt16")]) },
    Table { content: false, ..table("source_reports", &[SOURCE, OBSERVED]) },
    Table {
        content: false,
        ..table(
            "batches",
            &[
                ("log", "String"),
                ("topic", "String"),
                ("partition", "UInt32"),
                ("first_offset", "UInt64"),
                ("last_offset", "UInt64"),
            ],
        )
    },
];

pub(super) const MENTIONS: &str = "mentions";
pub(super) const LABELS: &str = "labels";
/// Rows of mentions come without the epoch that their hour had here.
pub(super) const EPOCH: &str = "epoch";
/// What retention keeps of mentions that are gone.
pub(super) const EXPIRED: [&str; 3] = ["expired", "expired_counts", "expired_scored"];

impl Table {
    /// The rows of the scope. Parameters: `brand:String`, `from:Int64`, `to:Int64` (milliseconds), and of mentions
    /// `month:UInt32`.
    pub fn select(&self, scope: &Scope) -> String {
        let columns = if self.name == MENTIONS { format!("* EXCEPT ({EPOCH})") } else { "*".to_owned() };
        let order = if self.name == LABELS { " ORDER BY version" } else { "" };
        format!("SELECT {columns} {}{order}", self.rows(scope))
    }

    fn rows(&self, scope: &Scope) -> String {
        let newest = if self.newest { " FINAL" } else { "" };
        let month = if self.name == MENTIONS { "toYYYYMM(created_at) = {month:UInt32}" } else { "1" };
        let held = self.held_to(scope).join(" AND ");
        let held = if held.is_empty() { String::new() } else { format!(" AND {held}") };
        format!("FROM {}{newest} WHERE {month}{held}", self.name)
    }

    /// Keys and sizes of the next rows behind the key `after0…`, where there is one, in order: at most `{most:UInt64}`.
    pub fn select_keys(&self, scope: &Scope, is_behind: bool) -> String {
        let texts: Vec<String> = self.key.iter().map(|(key, _)| format!("toString({key})")).collect();
        let behind = if is_behind { format!(" AND {}", self.past("after", ">", ">")) } else { String::new() };
        format!(
            "SELECT [{}] AS key_of_row, toUInt64(byteSize(*)) {}{behind} ORDER BY {} LIMIT {{most:UInt64}}",
            texts.join(", "),
            self.rows(scope),
            self.ordered()
        )
    }

    /// `columns` of the rows behind the key `after0…` up to the key `until0…`, of those there are.
    pub fn select_between(&self, scope: &Scope, columns: &str, (is_behind, has_end): (bool, bool)) -> String {
        let behind = if is_behind { format!(" AND {}", self.past("after", ">", ">")) } else { String::new() };
        let end = if has_end { format!(" AND {}", self.past("until", "<", "<=")) } else { String::new() };
        let order = if self.name == LABELS { "version".to_owned() } else { self.ordered() };
        format!("SELECT {columns} {}{behind}{end} ORDER BY {order}", self.rows(scope))
    }

    fn ordered(&self) -> String {
        self.key.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ")
    }

    /// `(k0 > a0 OR (k0 = a0 AND (k1 > a1)))`: what the engine's index understands, and a comparison of tuples is not.
    fn past(&self, bound: &str, strictly: &str, at_last: &str) -> String {
        let named = |n: usize| format!("{{{bound}{n}:{}}}", self.key[n].1);
        let mut past = String::new();
        for (n, (key, _)) in self.key.iter().enumerate().rev() {
            past = match past.is_empty() {
                true => format!("{key} {at_last} {}", named(n)),
                false => format!("({key} {strictly} {0} OR ({key} = {0} AND {past}))", named(n)),
            };
        }
        format!("({past})")
    }

    /// Months that have mentions of the scope.
    pub fn months(scope: &Scope) -> String {
        let mentions = Table { brand: Some("brand"), time: Some("created_at"), ..table(MENTIONS, &[]) };
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
            let mentions = Table { brand: Some("brand"), time: Some("created_at"), ..table(MENTIONS, &[]) };
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
    fn a_file_holds_what_lies_between_two_keys() {
        let campaigns = TABLES.iter().find(|table| table.name == "surveys").unwrap();
        let sql = campaigns.select_between(&Scope::default(), "id", (true, true));
        assert_eq!(
            sql,
            "SELECT id FROM surveys FINAL WHERE 1 \
             AND ((platform > {after0:String} OR (platform = {after0:String} AND id > {after1:String}))) \
             AND ((platform < {until0:String} OR (platform = {until0:String} AND id <= {until1:String}))) ORDER BY platform, id"
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
            "rollup_members",
            "imported",
            "engagement_by_hour",
            "labelled_hours",
            "asked_questions",
        ];
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut seen = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let sql = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for rest in sql.split("CREATE TABLE IF NOT EXISTS ").skip(1) {
                let name = rest.split_whitespace().next().unwrap();
                let known = TABLES.iter().any(|table| table.name == name);
                assert_ne!(known, derived.contains(&name), "{name}: exported or derived, one of them");
                if let Some(table) = TABLES.iter().find(|table| table.name == name) {
                    seen += 1;
                    let order = rest.split("ORDER BY ").nth(1).unwrap().lines().next().unwrap();
                    let order = order.strip_prefix('(').map_or(order, |order| order.strip_suffix(')').unwrap());
                    assert!(
                        order.starts_with(&table.ordered()),
                        "{name} is sorted by {order}, not {}",
                        table.ordered()
                    );
                }
            }
        }
        assert_eq!(seen, TABLES.len());
    }
}
