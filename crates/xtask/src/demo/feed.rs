//! What the demo replays: the shipped story, or a file of the user's.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use grapevine_testkit::story::{self, Story};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::config;

/// A post and the time to append it.
pub type Line = (Timestamp, String);

pub struct Feed {
    /// In the order of their times. `None`: the source reads `file` itself.
    pub lines: Option<Box<dyn Iterator<Item = Line>>>,
    /// A file that the source reads to its end; else it follows what is replayed.
    pub file: Option<PathBuf>,
    /// Where a mention's fields stand in a line.
    pub fields: Vec<(String, String)>,
    /// `[[brand]]` tables, and further sources.
    pub tables: String,
}

impl Feed {
    /// The story that ends now, and its live continuation.
    pub fn of_story(now: Timestamp) -> Feed {
        let story = Story::new(Story::SEED, now);
        let live = story.live(now);
        let posts = story.posts().to_vec().into_iter().chain(live);
        let lines = posts.map(|post| (post.created_at, post.to_line()));
        Feed { lines: Some(Box::new(lines)), file: None, fields: Vec::new(), tables: story::config_toml() }
    }

    /// With what the story's campaigns cost and brought, as a report that lies in this folder.
    pub fn with_campaigns(mut self, now: Timestamp, data: &Path) -> Result<Feed> {
        let file = data.join("campaigns.csv");
        fs::write(&file, story::campaigns_csv(now)).with_context(|| format!("cannot write {}", file.display()))?;
        self.tables += &config::campaigns(&file, story::MAIN);
        Ok(self)
    }

    /// The last days of the story in this file, which then is at its end: what follows comes by `tables`.
    pub fn of_archive(now: Timestamp, days: u32, (file, tables): (PathBuf, &str)) -> Feed {
        let story = Story::new(Story::SEED, now);
        let begins = now - SignedDuration::from_hours(24 * i64::from(days));
        let posts: Vec<_> = story.posts().iter().filter(|post| post.created_at >= begins).cloned().collect();
        let lines = posts.into_iter().map(|post| (post.created_at, post.to_line()));
        Feed { lines: Some(Box::new(lines)), file: Some(file), fields: Vec::new(), tables: tables.to_owned() }
    }

    /// NDJSON is replayed in the order of its times; CSV, which this does not parse, is read by the source as it stands.
    pub fn of_file(file: &Path, fields: &[(String, String)], brands: &[(String, String)]) -> Result<Feed> {
        let csv = file.extension().is_some_and(|extension| extension == "csv" || extension == "tsv");
        let file = file.canonicalize().with_context(|| format!("cannot read {}", file.display()))?;
        let mut fields = fields.to_vec();
        if csv {
            if brands.is_empty() {
                bail!("name the brands of a CSV file: --brand NAME=QUERY");
            }
            return Ok(Feed { lines: None, file: Some(file), fields, tables: config::brands_by_query(brands) });
        }
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let brands = match brands {
            [] => brands_of_field(&text, &mut fields)?,
            named => config::brands_by_query(named),
        };
        let lines = in_order(&text, &fields);
        Ok(Feed { lines: Some(Box::new(lines.into_iter())), file: None, fields, tables: brands })
    }
}

/// What there is beside the posts of the story: answers to surveys, reviews in a shop, counts of followers. They are written into
/// the demo's folder; gives the tables of the sources that read them.
pub fn beside(now: Timestamp, data: &Path) -> Result<String> {
    let story = Story::new(Story::SEED, now);
    let write = |name: &str, text: String| -> Result<String> {
        let file = data.join(name);
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file.display().to_string())
    };
    Ok(Story::surveys_toml(&write("surveys.csv", story.surveys_csv())?)
        + &Story::reviews_toml(&write("reviews.ndjson", story.reviews_ndjson())?)
        + &Story::followers_toml(&write("followers.csv", story.followers_csv())?))
}

/// The values of the `brand` field become brands, each owning the space of its name: what a line says it is about is
/// what it counts for, whatever words it uses.
fn brands_of_field(text: &str, fields: &mut Vec<(String, String)>) -> Result<String> {
    let names: BTreeSet<String> =
        text.lines().filter_map(|line| Some(field(line, "brand")?.as_str()?.to_owned())).collect();
    if names.is_empty() {
        bail!("the file's lines have no `brand` field: name its brands with --brand NAME=QUERY");
    }
    if !fields.iter().any(|(field, _)| field == "space") {
        fields.push(("space".to_owned(), "brand".to_owned()));
    }
    Ok(config::brands_by_space(&names))
}

/// The lines sorted by `created_at`. One whose time cannot be read comes first: Grapevine parks it with its reason.
fn in_order(text: &str, fields: &[(String, String)]) -> Vec<Line> {
    let place = fields.iter().find(|(field, _)| field == "created_at").map_or("created_at", |(_, place)| place);
    let time = |line: &str| field(line, place).and_then(|value| time_of(&value)).unwrap_or(Timestamp::MIN);
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    let mut lines: Vec<Line> = filled.map(|line| (time(line), line.to_owned())).collect();
    lines.sort_by_key(|(time, _)| *time);
    lines
}

/// A time with its zone, or seconds since 1970.
fn time_of(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => Timestamp::from_second(seconds.as_f64()? as i64).ok(),
        _ => None,
    }
}

/// The value at a key of a JSON object, or at a path of keys with dots.
fn field(line: &str, path: &str) -> Option<Value> {
    let record: Value = serde_json::from_str(line).ok()?;
    let found = record.get(path).or_else(|| path.split('.').try_fold(&record, |value, key| value.get(key)));
    found.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Vec<(String, String)> {
        text.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
    }

    #[test]
    fn lines_come_in_the_order_of_their_times_and_unreadable_ones_first() {
        let text = "{\"t\":{\"at\":\"2026-01-02T00:00:00Z\"}}\nbroken\n\n{\"t\":{\"at\":1}}\n";
        let lines = in_order(text, &pairs(&[("created_at", "t.at")]));
        let order: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(order, ["broken", "{\"t\":{\"at\":1}}", "{\"t\":{\"at\":\"2026-01-02T00:00:00Z\"}}"]);
        assert_eq!(lines[1].0, Timestamp::from_second(1).unwrap());
    }

    #[test]
    fn brands_come_from_the_brand_field_or_must_be_named() {
        let mut fields = Vec::new();
        let brands = brands_of_field("{\"brand\":\"Delta\"}\n{\"brand\":\"United\"}\n", &mut fields).unwrap();
        assert_eq!(brands.matches("[[brand]]").count(), 2);
        assert_eq!(fields, pairs(&[("space", "brand")]));
        assert!(brands_of_field("{\"text\":\"x\"}\n", &mut fields).unwrap_err().to_string().contains("--brand"));
    }

    #[test]
    fn an_archive_has_its_days_and_ends_now() {
        let now: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let times: Vec<Timestamp> =
            Feed::of_archive(now, 14, ("posts.ndjson".into(), "")).lines.unwrap().map(|(time, _)| time).collect();
        let days = SignedDuration::from_hours(14 * 24);
        assert!(times.iter().all(|time| (now - days..now).contains(time)));
        assert!((1_500..10_000).contains(&times.len()), "{} posts", times.len());
    }

    #[test]
    fn the_story_goes_on_after_its_end() {
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        let lines = Feed::of_story(now).lines.unwrap();
        let times: Vec<Timestamp> = lines.take(30_000).map(|(time, _)| time).collect();
        assert!(times.is_sorted());
        let past = times.iter().filter(|time| **time <= now).count();
        assert!((15_000..28_000).contains(&past), "{past} posts of the past");
    }
}
