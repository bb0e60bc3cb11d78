//! Bytes of a mention on disk, beside a table where everything is text and nothing has a codec.

use std::error::Error;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::{Place, world};

/// Mentions of which the plain table is made.
const SAMPLE: u64 = 500_000;
const SHOWN: usize = 16;

#[derive(Serialize, Deserialize)]
pub struct Disk {
    /// Bytes for each mention.
    pub mentions: f64,
    pub naive: f64,
    /// Rollups and everything else, for each mention.
    pub others: Vec<(String, f64)>,
    /// Column, ours, naive.
    pub columns: Vec<(String, f64, f64)>,
}

#[derive(Row, Deserialize)]
struct Sized {
    name: String,
    bytes: u64,
}

pub async fn measure(place: &Place, mentions: u64) -> Result<Disk, Box<dyn Error>> {
    let sample = mentions.min(SAMPLE);
    naive(place, sample, mentions).await?;
    let tables = "SELECT table AS name, sum(bytes_on_disk) AS bytes FROM system.parts
        WHERE active AND database = currentDatabase() AND table NOT LIKE 'bench%' GROUP BY name ORDER BY bytes DESC";
    let tables: Vec<Sized> = place.client.query(tables).fetch_all().await?;
    let (ours, theirs) = (columns(place, "mentions").await?, columns(place, "bench_naive").await?);
    let each = |bytes: u64, of: u64| bytes as f64 / of as f64;
    let naive_of = |name: &str| theirs.iter().find(|column| column.name == name).map_or(0, |column| column.bytes);
    Ok(Disk {
        mentions: tables.iter().find(|table| table.name == "mentions").map_or(0.0, |table| each(table.bytes, mentions)),
        naive: each(theirs.iter().map(|column| column.bytes).sum(), sample),
        others: tables
            .into_iter()
            .filter(|table| table.name != "mentions")
            .map(|table| (table.name, each(table.bytes, mentions)))
            .collect(),
        columns: ours
            .into_iter()
            .map(|column| (each(column.bytes, mentions), each(naive_of(&column.name), sample), column.name))
            .map(|(ours, theirs, name)| (name, ours, theirs))
            .collect(),
    })
}

/// A sample in a table of text, in order of arrival.
async fn naive(place: &Place, sample: u64, mentions: u64) -> Result<(), Box<dyn Error>> {
    place.client.query("DROP TABLE IF EXISTS bench_naive SYNC").execute().await?;
    // Every column under its own name; ids as the 32 digits that people see.
    let columns = "SELECT if(type = 'UInt128', format('lower(hex(m.{0})) AS {0}', name),
            format('assumeNotNull(toString(m.{0})) AS {0}', name)) AS column FROM system.columns
        WHERE database = currentDatabase() AND table = 'mentions' ORDER BY position";
    let columns: Vec<String> = place.client.query(columns).fetch_all().await?;
    let select = columns.join(", ");
    // Mentions are spread evenly, oldest first: no more is sorted than is kept, and an hour.
    let year = world::DAYS * 86_400;
    let until = world::END - year + (year as f64 * sample as f64 / mentions as f64) as i64 + 3600;
    let made = format!(
        "CREATE TABLE bench_naive ENGINE = MergeTree ORDER BY tuple() SETTINGS min_bytes_for_wide_part = 0,
            ratio_of_defaults_for_sparse_serialization = 1
        AS SELECT {select} FROM mentions AS m WHERE m.created_at < toDateTime({until}, 'UTC')
        ORDER BY observed_at LIMIT {sample}"
    );
    place.client.query(&made).execute().await?;
    Ok(())
}

async fn columns(place: &Place, table: &str) -> Result<Vec<Sized>, Box<dyn Error>> {
    let sql = "SELECT column AS name, sum(column_data_compressed_bytes) AS bytes FROM system.parts_columns
        WHERE active AND database = currentDatabase() AND table = {table:String} GROUP BY name ORDER BY bytes DESC";
    Ok(place.client.query(sql).param("table", table).fetch_all().await?)
}

pub fn print(disk: &Disk) {
    let times = disk.naive / disk.mentions;
    println!(
        "bytes of a mention on disk: {:.1}; all text, no codecs: {:.1} ({times:.1} times)",
        disk.mentions, disk.naive
    );
    for (name, ours, naive) in disk.columns.iter().take(SHOWN) {
        println!("  {name:20} {ours:>7.2} {naive:>8.2}");
    }
    let rest: (f64, f64) =
        disk.columns.iter().skip(SHOWN).fold((0.0, 0.0), |sum, column| (sum.0 + column.1, sum.1 + column.2));
    println!("  {:20} {:>7.2} {:>8.2}", "the rest", rest.0, rest.1);
    for (name, bytes) in disk.others.iter().filter(|(_, bytes)| *bytes >= 0.01) {
        println!("  table {name:14} {bytes:>7.2}");
    }
}
