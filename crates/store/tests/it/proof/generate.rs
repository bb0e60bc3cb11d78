//! Worlds that are made of a seed: two brands on three platforms over 18 weeks, with replies, reposts and quotes, edits,
//! deletions and accounts that are gone, team and bots, counters that grow, labels, gaps, campaigns, surveys and accounts.

use grapevine_model::{
    AccountSnapshot, Amount, Author, AuthorTombstone, Before, BrandMatch, Campaign, CampaignFigures, Confusion,
    Correction, Deletion, Engagement, EngagementSnapshot, Event, Gap, Intent, Kind, Label, Media, Mention, MentionKey,
    ModelCard, Polarity, Sampled, Scale, Scores, Survey, ThemeScore,
};
use grapevine_store::By;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng, seq::IndexedRandom};

use crate::world::{at, heartbeat, of, scores};

pub const SEEDS: [u64; 3] = [3, 17, 2026];
pub const BRANDS: [&str; 2] = ["acme", "nova"];
const PLATFORMS: [&str; 3] = ["forum", "mastodon", "x"];
const TAGS: [&str; 7] = ["spring", "fjord", "sale", "outage", "acme", "tips", "launch"];
const THEMES: [&str; 4] = ["delivery", "price", "app", "support"];
const MENTIONS: usize = 700;
const DAYS: i64 = 126;

pub struct Made {
    pub events: Vec<Event>,
    pub labels: Vec<Label>,
}

fn end() -> Timestamp {
    at("2026-03-09T00:00:00Z")
}

/// What is asked: the last week of the world, by five minutes its last hours.
pub fn span(by: Option<By>) -> (Timestamp, Timestamp) {
    let hours = if by == Some(By::FiveMinutes) { 30 } else { 7 * 24 };
    (end() - SignedDuration::from_hours(hours), end())
}

/// Figures whose whole hours are read from a rollup and the rest from the base table.
const BY_HOUR: [&str; 16] = [
    "net_sentiment",
    "share_by_source",
    "ugc_volume",
    "toxicity_rate",
    "trending_hashtags",
    "hashtag_research",
    "themes",
    "feedback_digest",
    "active_members",
    "stickiness",
    "retention",
    "retention_cohorts",
    "churned_regulars",
    "newcomers",
    "newcomer_conversion",
    "contribution_inequality",
];

/// The span, and where it matters one that cuts hours at both of its ends.
pub fn spans(metric: &str, by: Option<By>) -> Vec<(Timestamp, Timestamp)> {
    let (from, to) = span(by);
    let cut = BY_HOUR.contains(&metric) && !matches!(by, Some(By::Time | By::FiveMinutes | By::Hour | By::Day));
    let cut = cut.then_some((from + SignedDuration::from_mins(35), to - SignedDuration::from_mins(25)));
    std::iter::once((from, to)).chain(cut).collect()
}

pub fn world(seed: u64) -> Made {
    let mut maker = Maker { rng: SmallRng::seed_from_u64(seed), made: vec![], tick: 0 };
    let mut events = maker.mentions();
    events.extend(maker.beside());
    let labels = maker.labels();
    Made { events, labels }
}

struct Maker {
    rng: SmallRng,
    /// Every mention as it was first written.
    made: Vec<Mention>,
    /// No two things are observed in the same moment.
    tick: i64,
}

impl Maker {
    /// Upserts, edits, deletions and snapshots; some come before what they change.
    fn mentions(&mut self) -> Vec<Event> {
        let mut times: Vec<Timestamp> = (0..MENTIONS).map(|_| self.time()).collect();
        times.sort_unstable();
        let mut timed: Vec<(i64, Event)> = vec![];
        for (number, created_at) in times.into_iter().enumerate() {
            let mention = self.mention(number, created_at);
            let place = number as i64 * 10;
            timed.push((place, Event::Upsert(Box::new(mention.clone()))));
            for change in self.changes(&mention) {
                let moved = self.rng.random_range(-200..3000);
                timed.push((place + moved, change));
            }
            self.made.push(mention);
        }
        timed.sort_by_key(|(place, _)| *place);
        timed.into_iter().map(|(_, event)| event).collect()
    }

    /// Most of them lie in the last fortnight.
    fn time(&mut self) -> Timestamp {
        let days = if self.rng.random_bool(0.6) { 14 } else { DAYS };
        end() - SignedDuration::from_millis(self.rng.random_range(1..days * 86_400_000))
    }

    /// Later than everything before.
    fn observed(&mut self, after: Timestamp) -> Timestamp {
        self.tick += 1;
        after + SignedDuration::from_micros(5_000_000 + self.tick)
    }

    fn mention(&mut self, number: usize, created_at: Timestamp) -> Mention {
        let parent = self.made.choose(&mut self.rng).cloned().filter(|_| self.rng.random_bool(0.5));
        let platform = match &parent {
            Some(parent) => parent.key.platform.clone(),
            None => PLATFORMS[self.rng.random_range(0..PLATFORMS.len())].to_owned(),
        };
        let kind = match (&parent, self.rng.random_range(0..10)) {
            (Some(_), 0..=1) => Kind::Repost,
            (Some(_), 2) => Kind::Quote,
            (Some(_), _) => Kind::Reply,
            (None, 0) => Kind::Review,
            (None, 1) => Kind::Message,
            (None, _) => Kind::Post,
        };
        let key = MentionKey::new(&platform, format!("{platform}.example"), number.to_string());
        let mut mention = Mention::new(key, self.author(), created_at, format!("text of {number}"));
        mention.kind = kind;
        mention.observed_at = self.observed(created_at);
        mention.story = Some(match &parent {
            Some(parent) if kind == Kind::Repost => parent.story.unwrap_or(parent.id()),
            _ if self.rng.random_bool(0.2) => self.made.choose(&mut self.rng).map_or(mention.id(), Mention::id),
            _ => mention.id(),
        });
        if let Some(parent) = parent {
            mention.parent = Some(parent.key.native_id.clone());
            mention.root = parent.root.clone().or(Some(parent.key.native_id.clone()));
            mention.parent_author = Some(parent.author.native_id);
        }
        self.adorn(&mut mention);
        mention
    }

    /// Forty people, the first of whom write most; of them one bot and two of the team.
    fn author(&mut self) -> Author {
        let number = self.rng.random_range(0..40).min(self.rng.random_range(0..40));
        Author {
            native_id: format!("a{number}"),
            handle: if number % 7 == 0 { String::new() } else { format!("h{number}") },
            name: None,
            followers: self.rng.random_bool(0.7).then(|| number * 37 + self.rng.random_range(1..50)),
            is_team: number == 2,
            is_bot: number == 5,
        }
    }

    fn adorn(&mut self, mention: &mut Mention) {
        mention.language = [None, Some("en"), Some("en-GB"), Some("de"), Some("fr")]
            .choose(&mut self.rng)
            .and_then(|language| language.map(str::to_owned));
        mention.hashtags = TAGS.iter().filter(|_| self.rng.random_bool(0.2)).map(|tag| (*tag).to_owned()).collect();
        mention.space = Some(["help", "news"][self.rng.random_range(0..2)].to_owned());
        mention.engagement = self.engagement();
        mention.stars = (mention.kind == Kind::Review).then(|| self.rng.random_range(1..=5) as f32);
        if self.rng.random_bool(0.2) {
            mention.links = vec!["https://example.org/a".to_owned()];
        }
        if self.rng.random_bool(0.2) {
            mention.media = vec![Media { kind: "image".into(), url: "https://example.org/i.png".into() }];
        }
        (mention.brands, mention.scores) = (self.brands(&mention.author), self.scores());
    }

    fn brands(&mut self, author: &Author) -> Vec<BrandMatch> {
        let named = match self.rng.random_range(0..10) {
            0..=5 => &BRANDS[..1],
            6..=7 => &BRANDS[1..],
            _ => &BRANDS[..],
        };
        let owned_space = self.rng.random_bool(0.4);
        let team = author.native_id == "a1";
        named.iter().map(|brand| BrandMatch { team, owned_space, ..of(brand) }).collect()
    }

    fn scores(&mut self) -> Option<Scores> {
        let polarity = *Polarity::ALL.choose(&mut self.rng)?;
        let intent = *Intent::ALL.choose(&mut self.rng)?;
        let themes = THEMES.iter().filter(|_| self.rng.random_bool(0.25)).collect::<Vec<_>>();
        let theme = |theme: &&&str| ThemeScore { theme: theme.to_string(), probability: 0.75, rule: **theme == "app" };
        // Halves and quarters are exact in every width of number.
        let hostility = self.rng.random_bool(0.8).then(|| self.rng.random_range(0..=4) as f32 / 4.0);
        let model = if self.rng.random_bool(0.8) { "minilm@1" } else { "other@2" };
        let themes = themes.iter().map(theme).collect();
        let scored = Scores { hostility, themes, model: model.into(), ..scores(polarity, intent) };
        self.rng.random_bool(0.85).then_some(scored)
    }

    fn engagement(&mut self) -> Engagement {
        let mut some = |most: u64| self.rng.random_bool(0.5).then(|| self.rng.random_range(0..most));
        let (likes, reposts, replies) = (some(50), some(10), some(10));
        Engagement { likes, reposts, replies, quotes: some(4), bookmarks: some(5), impressions: some(4000) }
    }

    /// What becomes of a mention afterwards.
    fn changes(&mut self, mention: &Mention) -> Vec<Event> {
        let mut changes = vec![];
        let later = mention.created_at + SignedDuration::from_mins(self.rng.random_range(1..600));
        if self.rng.random_bool(0.15) {
            let mut edited = Mention { observed_at: self.observed(later), ..mention.clone() };
            self.adorn(&mut edited);
            changes.push(Event::Upsert(Box::new(edited)));
        }
        if self.rng.random_bool(0.3) {
            let (engagement, observed_at) = (self.engagement(), self.observed(later));
            let key = mention.key.clone();
            changes.push(Event::EngagementSnapshot(EngagementSnapshot { key, observed_at, engagement }));
        }
        if self.rng.random_bool(0.06) {
            changes.push(Event::Delete(Deletion { key: mention.key.clone(), observed_at: self.observed(later) }));
        }
        if self.rng.random_bool(0.004) {
            let (key, observed_at) = (&mention.key, self.observed(later));
            let (platform, instance) = (key.platform.clone(), key.instance.clone());
            let author = mention.author.native_id.clone();
            changes.push(Event::AuthorTombstone(AuthorTombstone { platform, instance, author, observed_at }));
        }
        changes
    }

    /// What is not a mention.
    fn beside(&mut self) -> Vec<Event> {
        let mut events = vec![];
        for (brand, day) in BRANDS.into_iter().flat_map(|brand| (0..DAYS).map(move |day| (brand, day))) {
            let midnight = end() - SignedDuration::from_hours(24 * (day + 1));
            for platform in ["mastodon", "x"] {
                if self.rng.random_bool(0.8) {
                    events.push(self.followers(brand, platform, midnight));
                }
            }
            for campaign in ["spring", "winter"] {
                if self.rng.random_bool(0.3) {
                    events.push(self.campaign(brand, campaign, midnight));
                }
            }
            if self.rng.random_bool(0.6) {
                events.push(self.survey(brand, midnight));
            }
        }
        events.push(card());
        events.extend(["s", "t"].map(|source| heartbeat(source, end() + SignedDuration::from_hours(1))));
        let gap = |from: &str, to: &str| Gap { source: "s".into(), from: at(from), to: at(to), reason: "quota".into() };
        events.push(Event::Gap(gap("2026-03-04T01:00:00Z", "2026-03-04T03:30:00Z")));
        events.push(Event::Gap(gap("2026-02-20T01:00:00Z", "2026-02-20T02:00:00Z")));
        let (from, to) = (at("2026-03-06T10:00:00Z"), at("2026-03-06T11:00:00Z"));
        let reason = "budget".into();
        events.push(Event::Sampled(Sampled { source: "t".into(), from, to, rate: 0.25, reason }));
        events
    }

    fn followers(&mut self, brand: &str, platform: &str, day: Timestamp) -> Event {
        let counted = day + SignedDuration::from_mins(self.rng.random_range(0..1300));
        let observed_at = self.observed(counted);
        let followers = self.rng.random_range(900..1100);
        let (platform, account) = (platform.to_owned(), format!("{brand}_team"));
        Event::AccountSnapshot(AccountSnapshot { platform, account, observed_at, followers })
    }

    fn campaign(&mut self, brand: &str, campaign: &str, day: Timestamp) -> Event {
        let mut some = |most: u64| self.rng.random_bool(0.85).then(|| self.rng.random_range(0..most));
        let micros = |value: Option<u64>| value.map(|value| Amount::from_micros(value.cast_signed() * 12_500));
        let figures = CampaignFigures {
            spend: micros(some(40_000)),
            impressions: some(90_000),
            clicks: some(900),
            conversions: micros(some(3000)),
            conversion_value: micros(some(90_000)),
        };
        let part = ["", "", "mobile", "desktop"][self.rng.random_range(0..4)];
        Event::Campaign(Box::new(Campaign {
            platform: ["google_ads", "meta_ads"][self.rng.random_range(0..2)].into(),
            account: "7".into(),
            campaign: format!("{brand}-{campaign}"),
            name: campaign.into(),
            part: part.into(),
            brand: brand.into(),
            from: day,
            to: day + SignedDuration::from_hours(24),
            currency: if campaign == "spring" { "EUR" } else { "USD" }.into(),
            observed_at: self.observed(day),
            figures,
        }))
    }

    fn survey(&mut self, brand: &str, day: Timestamp) -> Event {
        let answered_at = day + SignedDuration::from_mins(self.rng.random_range(0..1440));
        let scale = Scale::ALL[self.rng.random_range(0..2)];
        let (low, high) = scale.ends();
        let score = self.rng.random_range(low as i32..=high as i32) as f32;
        Event::Survey(Box::new(Survey {
            platform: "typeform".into(),
            id: format!("r{}", self.rng.random_range(0..150)),
            survey: "after purchase".into(),
            brand: brand.into(),
            asked_at: None,
            answered_at,
            scale,
            score: self.rng.random_bool(0.9).then_some(score),
            comment: String::new(),
            respondent: String::new(),
            observed_at: self.observed(answered_at),
        }))
    }

    fn labels(&mut self) -> Vec<Label> {
        let mut labels = vec![];
        for id in self.made.iter().map(Mention::id).collect::<Vec<_>>() {
            if !self.rng.random_bool(0.06) {
                continue;
            }
            let correction = match self.rng.random_range(0..5) {
                0 => Correction::Relevance(false),
                1 => Correction::Relevance(true),
                2 => Correction::Intent(Intent::Question),
                3 => Correction::Theme(vec!["price".into()]),
                _ => Correction::Polarity(Polarity::Negative),
            };
            labels.push(Label {
                mention: id,
                brand: BRANDS[0].into(),
                correction,
                by: "ada".into(),
                at: self.observed(end()),
                note: String::new(),
                before: Before { value: "neutral".into(), model: "minilm@1".into() },
                drawn: self.rng.random_bool(0.7),
            });
        }
        labels
    }
}

/// Of one of the two models, in two languages.
fn card() -> Event {
    let of = |language: &str, hits: u32| {
        let counts = [[hits, 10, 5], [8, hits, 12], [4, 9, hits]];
        Confusion { language: language.into(), set: format!("{language} by hand"), n: 3 * hits + 48, counts }
    };
    Event::ModelCard(Box::new(ModelCard {
        id: "minilm@1".into(),
        observed_at: at("2026-01-01T00:00:00Z"),
        languages: vec!["en".into(), "de".into()],
        confusions: vec![of("en", 80), of("de", 60)],
    }))
}

#[test]
fn a_seed_makes_the_same_world_again() {
    let (one, other) = (world(SEEDS[0]), world(SEEDS[0]));
    assert_eq!((one.events, one.labels), (other.events, other.labels));
    assert_ne!(world(SEEDS[1]).events, world(SEEDS[2]).events);
}
