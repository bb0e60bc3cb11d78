//! What `cargo xtask demo --live` shows: six platforms on which a brand's day goes on, and an outage that raises an alert.

use std::ops::Range;

use grapevine_sources::conformance::story::Scene;
use jiff::{SignedDuration, Timestamp};

use crate::story::{self, StoryPost};

/// A platform of the demo.
pub struct Role {
    /// Name of its shape.
    pub shape: &'static str,
    /// Posts of the story that stand on it.
    place: &'static str,
    /// What its table has instead of what the kit asks for: short intervals, the demo's own places.
    keys: &'static str,
}

const fn role(shape: &'static str, place: &'static str, keys: &'static str) -> Role {
    Role { shape, place, keys }
}

/// Alerts wait for no source longer than that.
const HOLDS_BACK: &str = "15s";

pub const CAST: [Role; 6] = [
    role("mastodon", "microblog", "interval_seconds = 5\nlateness_seconds = 5\nhashtags = [\"ebikes\", \"kestrovel\"]"),
    role("bluesky", "microblog", ""),
    role("discourse", "forum", "poll_seconds = 4"),
    role("discord", "forum", ""),
    role("reddit", "boards", "poll_seconds = 5\nsubreddits = [\"ebikes\"]"),
    role("webhook", "boards", "lateness_seconds = 5"),
];

pub const SCENE: Scene =
    Scene { community: "eBikes", channels: ["kestrovel-rides", "kestrovel-support"], tags: ["ebikes", "kestrovel"] };

/// The role of the shape of this name.
pub fn role_of(shape: &str) -> Option<&'static Role> {
    CAST.iter().find(|role| role.shape == shape)
}

impl Role {
    /// What its table has otherwise.
    pub(super) fn table(&self) -> toml::Table {
        let mut table: toml::Table = self.keys.parse().unwrap_or_else(|error| panic!("{}: {error}", self.keys));
        table.insert("holds_back".to_owned(), HOLDS_BACK.into());
        table
    }

    pub(super) fn fits(&self, post: &StoryPost) -> bool {
        self.place == post.platform
    }
}

/// The category of a Discourse forum that the main brand owns, as its posts name it.
const OWN_CATEGORY: &str = "5";

/// The story's `[[brand]]` tables, with what these platforms call the brands' accounts and spaces.
///
/// # Panics
/// Where the story's tables are no TOML; a test reads them.
pub fn brands() -> String {
    let mut table: toml::Table = story::config_toml().parse().unwrap_or_else(|error| panic!("the brands: {error}"));
    let brands = table.get_mut("brand").and_then(toml::Value::as_array_mut);
    for brand in brands.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
        add(brand, "accounts", |account| Some(format!("did:plc:{account}")));
        // Its own spaces stand on the forum, and on a server of riders.
        add(brand, "spaces", |space| (space == "kestrovel-support").then(|| OWN_CATEGORY.to_owned()));
    }
    table.to_string()
}

fn add(brand: &mut toml::Table, key: &str, more: impl Fn(&str) -> Option<String>) {
    let Some(list) = brand.get_mut(key).and_then(toml::Value::as_array_mut) else { return };
    let more: Vec<toml::Value> = list.iter().filter_map(|one| more(one.as_str()?)).map(toml::Value::from).collect();
    list.extend(more);
}

/// Buckets of alerts.
const BUCKET: i64 = 300;
/// Before the first complaint.
const CALM: f64 = 210.0;
/// Of the outage, before the bucket closes that raises the alert.
const BEFORE_ALERT: SignedDuration = SignedDuration::from_secs(150);
/// And after it.
const AFTER_ALERT: SignedDuration = SignedDuration::from_secs(90);

/// When the outage is: a bucket of alerts ends in the midst of it, so that the alert comes while complaints do.
pub fn outage(started: Timestamp, speed: f64) -> Range<Timestamp> {
    let earliest = started + SignedDuration::from_secs_f64(CALM / speed) + BEFORE_ALERT;
    let closes = (earliest.as_second() + BUCKET - 1).div_euclid(BUCKET) * BUCKET;
    let closes = Timestamp::from_second(closes).unwrap_or(earliest);
    closes - BEFORE_ALERT..closes + AFTER_ALERT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_shape_and_keys_that_its_kind_knows() {
        let shapes = grapevine_sources::shapes();
        for role in &CAST {
            let shape = shapes.iter().find(|shape| shape.name() == role.shape).unwrap();
            let mut table: toml::Table = shape.table().parse().unwrap();
            table.extend(
                [("name", role.shape), ("kind", shape.kind())].map(|(key, value)| (key.to_owned(), value.into())),
            );
            table.extend(role.table());
            grapevine_sources::parse(&table).unwrap_or_else(|error| panic!("{error}"));
        }
    }

    #[test]
    fn the_brands_have_their_accounts_on_every_platform() {
        let table: toml::Table = brands().parse().unwrap();
        let main = table["brand"][0].as_table().unwrap();
        let has = |key: &str, value: &str| main[key].as_array().unwrap().iter().any(|one| one.as_str() == Some(value));
        assert!(has("accounts", "kestrovelcare") && has("accounts", "did:plc:kestrovelcare"));
        assert!(has("spaces", "kestrovel-rides") && has("spaces", "5"));
        assert_eq!(table["brand"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn the_outage_begins_after_a_calm_and_spans_the_end_of_a_bucket() {
        for second in [0, 1, 89, 150, 299] {
            let started = Timestamp::from_second(1_772_366_400 + second).unwrap();
            for speed in [1.0, 60.0] {
                let outage = outage(started, speed);
                let calm = outage.start.duration_since(started).as_secs_f64();
                assert!((CALM / speed..CALM / speed + 301.0).contains(&calm), "{calm} s of calm at {speed}");
                assert_eq!((outage.start + BEFORE_ALERT).as_second() % BUCKET, 0);
            }
        }
    }
}
