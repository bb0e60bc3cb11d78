//! The demo's `grapevine.toml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::feed::Feed;
use crate::repository;

/// `NAME=VALUE`, at the first `=`.
pub fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

/// The file that the replay appends to and the source follows.
pub fn replayed(data: &Path) -> PathBuf {
    data.join("posts.ndjson")
}

/// The whole configuration, with the folders of this machine: it is written into the demo's own folder.
pub fn text(feed: &Feed, data: &Path, port: u16) -> String {
    let mut source = table([("name", "posts"), ("kind", "file")]);
    match &feed.file {
        Some(file) => source.insert("path".into(), file.display().to_string().into()),
        None => {
            source.insert("follow".into(), true.into());
            source.insert("path".into(), replayed(data).display().to_string().into())
        }
    };
    source.insert("ordered".into(), feed.file.is_none().into());
    if !feed.fields.is_empty() {
        let fields = feed.fields.iter().map(|(name, place)| (name.as_str(), place.as_str()));
        source.insert("fields".into(), Value::Table(table(fields)));
    }
    let mut root = Table::new();
    root.insert("data_dir".into(), data.join("data").display().to_string().into());
    root.insert("api".into(), Value::Table(table([("listen", format!("127.0.0.1:{port}").as_str())])));
    let model = repository::root().join("models/e5-small-social");
    root.insert("scoring".into(), Value::Table(table([("model", model.display().to_string().as_str())])));
    root.insert("source".into(), Value::Array(vec![Value::Table(source)]));
    format!("# Written by `cargo xtask demo`; the next run writes it anew.\n{root}\n{}", feed.tables)
}

fn table<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Table {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// A source that reads a report of Google Ads about one brand.
pub fn campaigns(file: &Path, brand: &str) -> String {
    let mut source = table([("name", "ads"), ("kind", "file"), ("path", file.display().to_string().as_str())]);
    let rows = table([("preset", "google_ads"), ("timezone", "UTC"), ("brand", brand)]);
    source.insert("rows".into(), Value::Table(rows));
    let mut root = Table::new();
    root.insert("source".into(), Value::Array(vec![Value::Table(source)]));
    format!("\n{root}")
}

/// Brands that own the space of their name.
pub fn brands_by_space(names: &BTreeSet<String>) -> String {
    let brands = names.iter().map(|name| {
        let mut brand = table([("name", name.as_str())]);
        brand.insert("spaces".into(), Value::Array(vec![name.as_str().into()]));
        brand
    });
    brand_tables(brands)
}

/// Brands with one monitor each.
pub fn brands_by_query(brands: &[(String, String)]) -> String {
    let brands = brands.iter().map(|(name, query)| {
        let mut brand = table([("name", name.as_str())]);
        let monitor = table([("name", "query"), ("query", query.as_str())]);
        brand.insert("monitor".into(), Value::Array(vec![Value::Table(monitor)]));
        brand
    });
    brand_tables(brands)
}

fn brand_tables(brands: impl Iterator<Item = Table>) -> String {
    let mut root = Table::new();
    root.insert("brand".into(), Value::Array(brands.map(Value::Table).collect()));
    root.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(file: Option<PathBuf>) -> Feed {
        let fields = vec![("created_at".to_owned(), "date".to_owned())];
        let brands = brands_by_query(&[("Acme".to_owned(), "\"acme inc\" OR #acme".to_owned())]);
        Feed { lines: None, file, fields, tables: brands }
    }

    #[test]
    fn a_replayed_file_is_followed_and_every_part_stands_in_the_table() {
        let text = text(&feed(None), Path::new("/demo"), 1234);
        let table: Table = text.parse().unwrap();
        assert_eq!(table["api"]["listen"].as_str(), Some("127.0.0.1:1234"));
        assert_eq!(table["source"][0]["path"].as_str(), Some("/demo/posts.ndjson"));
        assert_eq!(table["source"][0]["follow"].as_bool(), Some(true));
        assert_eq!(table["source"][0]["fields"]["created_at"].as_str(), Some("date"));
        assert_eq!(table["brand"][0]["monitor"][0]["query"].as_str(), Some("\"acme inc\" OR #acme"));
    }

    #[test]
    fn a_file_of_the_user_is_read_where_it_is() {
        let table: Table = text(&feed(Some("/my.csv".into())), Path::new("/demo"), 1).parse().unwrap();
        assert_eq!(table["source"][0]["path"].as_str(), Some("/my.csv"));
        assert!(table["source"][0].get("follow").is_none());
        assert_eq!(table["source"][0]["ordered"].as_bool(), Some(false));
    }

    #[test]
    fn the_configuration_of_the_story_is_toml() {
        let feed = Feed::of_story("2026-03-01T12:00:00Z".parse().unwrap());
        let table: Table = text(&feed, Path::new("/demo"), 1).parse().unwrap();
        assert_eq!(table["brand"].as_array().unwrap().len(), 3);
        let folder = tempfile::tempdir().unwrap();
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let feed = Feed::of_story(now).with_campaigns(now, folder.path()).unwrap();
        let table: Table = text(&feed, folder.path(), 1).parse().unwrap();
        assert_eq!(table["source"][1]["rows"]["preset"].as_str(), Some("google_ads"));
        assert!(folder.path().join("campaigns.csv").exists());
    }

    #[test]
    fn a_pair_needs_both_sides() {
        assert_eq!(parse_pair("Acme=a = b").unwrap(), ("Acme".to_owned(), "a = b".to_owned()));
        assert!(parse_pair("Acme").is_err() && parse_pair("=x").is_err() && parse_pair("x=").is_err());
    }
}
