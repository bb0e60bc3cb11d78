//! A store with a few mentions that a test writes by hand.

use std::sync::atomic::{AtomicU64, Ordering};

use grapevine_engine::testing::{TestEngine, start};
use grapevine_model::{
    Author, AuthorTombstone, BrandMatch, Deletion, Engagement, Event, Gap, Heartbeat, Intent, Kind, Mention, MentionId,
    MentionKey, Polarity, Scores, ThemeScore,
};
use grapevine_store::{Batch, By, Inserted, MetricQuery, MetricTable, Store, StoreOptions};
use jiff::Timestamp;
use serde_json::{Value, json};

pub struct World {
    pub store: Store,
    pub options: StoreOptions,
    next: AtomicU64,
    engine: TestEngine,
}

pub fn at(time: &str) -> Timestamp {
    time.parse().unwrap_or_else(|error| panic!("{time}: {error}"))
}

/// 2026-03-02 is a Monday; most tests play on it.
pub fn day(time: &str) -> Timestamp {
    at(&format!("2026-03-02T{time}Z"))
}

pub async fn world() -> World {
    let world = bare();
    world.store.migrate().await.unwrap();
    world
}

/// Without tables.
pub fn bare() -> World {
    let engine = start();
    let options = StoreOptions {
        url: engine.url(),
        database: engine.fresh_database(),
        user: Some(engine.user().to_owned()),
        password: Some(engine.password().to_owned()),
    };
    let store = Store::connect(options.clone()).unwrap().with_days_always();
    World { store, options, next: AtomicU64::new(0), engine }
}

impl World {
    /// A batch of its own, behind all others on partition 0.
    pub fn batch(&self, events: Vec<Event>) -> Batch {
        let first = self.next.fetch_add(events.len() as u64, Ordering::Relaxed);
        let last_offset = first + events.len() as u64 - 1;
        let events = (first..).zip(events).collect();
        Batch {
            log: "a-log".into(),
            topic: "mentions.scored".into(),
            partition: 0,
            first_offset: first,
            last_offset,
            events,
            unreadable: 0,
            replay: false,
        }
    }

    pub async fn insert(&self, events: Vec<Event>) -> Inserted {
        self.store.insert(&self.batch(events)).await.unwrap()
    }

    pub async fn insert_mentions(&self, mentions: &[Mention]) -> Inserted {
        self.insert(mentions.iter().map(upsert).collect()).await
    }

    /// Every source complete through this time.
    pub async fn complete(&self, through: Timestamp) {
        let _ = self.insert(vec![heartbeat("s", through)]).await;
    }

    pub async fn metric(&self, query: &MetricQuery) -> MetricTable {
        self.store.metric(query).await.unwrap()
    }

    /// Rows of a metric of `acme` on 2026-03-02, as JSON.
    pub async fn figures(&self, metric: &str, by: Option<By>) -> Value {
        let query = MetricQuery { by, ..MetricQuery::new(metric, "acme", day("00:00:00"), at("2026-03-03T00:00:00Z")) };
        json!(self.metric(&query).await.rows)
    }

    /// The same tables, as a user that can not write.
    pub fn reader(&self) -> Store {
        let (user, password) = (self.engine.reader_user().to_owned(), self.engine.reader_password().to_owned());
        let options = StoreOptions { user: Some(user), password: Some(password), ..self.options.clone() };
        Store::connect(options).unwrap()
    }

    /// For statements of the test's own.
    pub fn client(&self) -> clickhouse::Client {
        clickhouse::Client::default()
            .with_url(&self.options.url)
            .with_database(&self.options.database)
            .with_user(self.options.user.clone().unwrap())
            .with_password(self.options.password.clone().unwrap())
    }

    pub async fn execute(&self, sql: &str) {
        self.client().query(sql).execute().await.unwrap();
    }

    /// Base and rollups agree over all time.
    pub async fn assert_rollups_agree(&self) {
        let wrong = self.store.verify(Timestamp::UNIX_EPOCH, at("2099-01-01T00:00:00Z")).await.unwrap();
        assert!(wrong.mismatches.is_empty(), "{wrong:?}");
    }
}

/// A neutral post of `acme` by an author of its own, observed five seconds after it was created.
pub fn post(native_id: &str, created_at: Timestamp) -> Mention {
    Mention {
        key: MentionKey::new("forum", "f.example", native_id),
        kind: Kind::Post,
        space: Some("help".into()),
        url: Some(format!("https://f.example/{native_id}")),
        author: Author {
            native_id: format!("author-{native_id}"),
            handle: format!("h-{native_id}"),
            ..Author::default()
        },
        created_at,
        observed_at: created_at + jiff::SignedDuration::from_secs(5),
        text: format!("text of {native_id}"),
        language: Some("en".into()),
        hashtags: vec![],
        handles: vec![],
        links: vec![],
        media: vec![],
        root: None,
        parent: None,
        parent_author: None,
        engagement: Engagement::default(),
        stars: None,
        weight: 1.0,
        brands: vec![of("acme")],
        scores: Some(scores(Polarity::Neutral, Intent::None)),
        detected_language: None,
        story: None,
        raw: None,
    }
}

pub fn of(brand: &str) -> BrandMatch {
    BrandMatch { brand: brand.into(), monitor: "name".into(), team: false, owned_space: false }
}

pub fn scores(polarity: Polarity, intent: Intent) -> Scores {
    let probability = |of: Polarity| if of == polarity { 0.8 } else { 0.1 };
    Scores {
        negative: probability(Polarity::Negative),
        neutral: probability(Polarity::Neutral),
        positive: probability(Polarity::Positive),
        polarity,
        confidence: 0.8,
        intent,
        hostility: None,
        irony: None,
        themes: vec![],
        model: "minilm@1".into(),
    }
}

pub fn by(author: &str, mention: Mention) -> Mention {
    let author = Author { native_id: author.into(), handle: author.into(), ..mention.author };
    Mention { author, ..mention }
}

pub fn with_polarity(polarity: Polarity, mention: Mention) -> Mention {
    Mention { scores: Some(scores(polarity, Intent::None)), ..mention }
}

/// The mention with what rollups count beside its polarity, by its number: hashtags, followers, a link, a story of every
/// fourth; where it is scored, an intent, themes and a hostility.
pub fn varied(number: usize, mention: Mention) -> Mention {
    let theme = |name: &str| ThemeScore { theme: name.into(), probability: 0.9, rule: number.is_multiple_of(2) };
    let intents = [Intent::Question, Intent::Complaint, Intent::Suggestion, Intent::Praise, Intent::None];
    let scores = mention.scores.map(|scores| Scores {
        intent: intents[number % 5],
        themes: ["price", "delivery", "app"].iter().take(number % 4).map(|name| theme(name)).collect(),
        hostility: (!number.is_multiple_of(7)).then_some(number as f32 % 9.0 / 10.0),
        ..scores
    });
    Mention {
        hashtags: ["sale", "fjord", "sale"].iter().skip(number % 4).map(ToString::to_string).collect(),
        links: (0..number % 2).map(|_| "https://l.example/".to_owned()).collect(),
        story: Some(MentionId(1 + number as u128 / 4)),
        author: Author { followers: (!number.is_multiple_of(3)).then_some(number as u64 % 8 * 100), ..mention.author },
        scores,
        ..mention
    }
}

pub fn asking(intent: Intent, mention: Mention) -> Mention {
    Mention { scores: Some(scores(Polarity::Neutral, intent)), ..mention }
}

pub fn reply_to(parent: &str, mention: Mention) -> Mention {
    Mention { kind: Kind::Reply, parent: Some(parent.into()), root: Some(parent.into()), ..mention }
}

pub fn by_team(mention: Mention) -> Mention {
    Mention { brands: vec![BrandMatch { team: true, ..of("acme") }], ..by("team", mention) }
}

pub fn upsert(mention: &Mention) -> Event {
    Event::Upsert(Box::new(mention.clone()))
}

pub fn heartbeat(source: &str, complete_through: Timestamp) -> Event {
    Event::Heartbeat(Heartbeat {
        source: source.into(),
        complete_through,
        observed_at: complete_through,
        caught_up: true,
        closes: None,
    })
}

pub fn gap(from: Timestamp, to: Timestamp) -> Event {
    Event::Gap(Gap { source: "s".into(), from, to, reason: "rate limit".into() })
}

pub fn delete(mention: &Mention, observed_at: Timestamp) -> Event {
    Event::Delete(Deletion { key: mention.key.clone(), observed_at })
}

pub fn tombstone(author: &str, observed_at: Timestamp) -> Event {
    Event::AuthorTombstone(AuthorTombstone {
        platform: "forum".into(),
        instance: "f.example".into(),
        author: author.into(),
        observed_at,
    })
}
