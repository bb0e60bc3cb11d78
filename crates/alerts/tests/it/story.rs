//! The story of the demo raises exactly one alert: in its crisis.

use std::collections::{HashSet, VecDeque};

use grapevine_alerts::{Detector, Episode, NegativeSpike, Transition, Watch};
use grapevine_model::{Bucket, Polarity};
use grapevine_testkit::story::{MAIN, Story, StoryPost};
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};

const END: &str = "2026-11-21T18:00:00Z";

fn end() -> Timestamp {
    END.parse().expect("a time")
}

/// Counts of the main brand, as the store gives them, where this share of labels is wrong.
fn buckets<'a>(posts: impl Iterator<Item = &'a StoryPost>, wrong: f64, rng: &mut SmallRng) -> Vec<Bucket> {
    let mut buckets: Vec<Bucket> = Vec::new();
    let mut hour: VecDeque<(Timestamp, String)> = VecDeque::new();
    for post in posts.filter(|post| post.mentions(MAIN)) {
        let start = Bucket::start_of(post.created_at);
        if buckets.last().is_none_or(|last| last.start != start) {
            buckets.push(Bucket::empty(start));
        }
        let Some(bucket) = buckets.last_mut() else { continue };
        bucket.mentions += 1;
        if label(post.intended, wrong, rng) == Polarity::Negative {
            bucket.negatives += 1;
            hour.push_back((post.created_at, post.author_id.clone()));
        }
        let from = bucket.end() - SignedDuration::from_hours(1);
        while hour.front().is_some_and(|(at, _)| *at < from) {
            hour.pop_front();
        }
        let authors: HashSet<&String> = hour.iter().map(|(_, author)| author).collect();
        bucket.negative_authors = Some(authors.len() as u64);
    }
    buckets
}

fn label(intended: Polarity, wrong: f64, rng: &mut SmallRng) -> Polarity {
    if !rng.random_bool(wrong) {
        return intended;
    }
    Polarity::ALL[(intended as usize + rng.random_range(1..3)) % 3]
}

fn episodes(buckets: &[Bucket]) -> Vec<Episode> {
    let mut watch = Watch::new(MAIN, Detector::NegativeSpike(NegativeSpike::default()));
    let started = buckets.iter().flat_map(|bucket| watch.step(bucket)).filter_map(|transition| match transition {
        Transition::Started(episode) => Some(episode),
        _ => None,
    });
    started.collect()
}

/// Of these seeds and draws of wrong labels, how many gave more or fewer than one alert; each within the 90 minutes after the crisis began.
fn failures(seeds: impl IntoIterator<Item = u64>, wrong: f64) -> Vec<String> {
    let mut failures = Vec::new();
    for draw in seeds {
        let seed = if draw < 100 { draw } else { Story::SEED };
        // It must not matter on what day it is told, nor at what time.
        let end = end() + SignedDuration::from_hours(29 * (draw as i64 % 100));
        let story = Story::new(seed, end);
        let mut rng = SmallRng::seed_from_u64(draw);
        let live: Vec<StoryPost> = story.live(end).take(3_000).collect();
        let episodes = episodes(&buckets(story.posts().iter().chain(&live), wrong, &mut rng));
        let delays = episodes.iter().map(|one| (one.started_at.as_second() - story.crisis_starts().as_second()) / 60);
        let delays: Vec<i64> = delays.collect();
        if !matches!(delays[..], [0..=90]) {
            failures.push(format!("draw {draw}: alerts {delays:?} min after the crisis began"));
        }
    }
    failures
}

/// Draws from 100 on tell the demo's own story, each on another day.
#[test]
fn the_crisis_raises_one_alert() {
    assert_eq!(failures((100..107).chain(1..3), 0.0), Vec::<String>::new());
}

/// Labels that are wrong by chance make chance surges. The goal of 0.02 false alarms a brand-week allows one in these 64
/// weeks.
#[test]
fn also_where_the_model_errs() {
    let failures = failures((100..104).chain(1..5), 0.15);
    assert!(failures.len() <= 1, "{failures:#?}");
}
