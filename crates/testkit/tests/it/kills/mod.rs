//! Real sources on the simulator, over real HTTP and WebSockets, killed after every page and every acknowledgement, and
//! in the middle of polls.
//!
//! The simulator fails, cuts, limits and repeats by a seed. In the end each source knows what the platform knows: nothing
//! is lost, nothing is there that was deleted or never written, and no gap was told, for nothing was missed.

mod life;

use std::time::Instant;

use grapevine_testkit::simulator::{Faults, Options, Simulator, Stand};

use self::life::{Life, Since};

/// A source of each way in which posts come.
struct Nature {
    /// Of the shape.
    name: &'static str,
    /// How its posts come.
    by: &'static str,
    since: Since,
    /// Settings with which everything happens within seconds.
    quick: &'static str,
}

const fn nature(name: &'static str, by: &'static str, since: Since, quick: &'static str) -> Nature {
    Nature { name, by, since, quick }
}

const NATURES: &[Nature] = &[
    nature("mastodon", "pages by the newest id", Since::Ever, "interval_seconds = 1\nbackfill_hours = 720"),
    nature("discourse", "pages by a token, from a definition", Since::Ever, "poll_seconds = 1\nbackfill_days = 60"),
    nature("telegram", "updates that are acknowledged by an offset", Since::Ever, ""),
    nature("discord", "a gateway with sessions, and history", Since::Ever, "backfill_hours = 720"),
    nature("bluesky", "a socket that replays by time", Since::Checkpoint, "rewind_seconds = 2"),
    nature("bluesky (version 2)", "a socket that replays by number", Since::Checkpoint, ""),
    nature("x (stream)", "a body without an end, healed by search", Since::Checkpoint, "interval_seconds = 1"),
    nature("webhook", "calls alone", Since::Start, ""),
    nature("slack_events", "calls, and rounds beside them", Since::Start, "interval_seconds = 10"),
];

/// On each platform, before the start and after it.
const PAST: usize = 40;
const FUTURE: usize = 100;
/// How much faster than written the posts of one platform come: all within a minute. A busy machine takes half of that to start.
const PACE: f64 = 15.0;

struct Outcome {
    nature: &'static Nature,
    mentions: usize,
    lives: usize,
    cut_off: usize,
    came_again: usize,
    problem: Option<String>,
    seconds: f32,
}

async fn survive(nature: &'static Nature, stand: &Stand) -> Outcome {
    let began = Instant::now();
    let mut life = Life::new(stand, nature.quick, nature.since);
    let problem = life.run().await.err();
    let Life { known, lives, cut_off, .. } = life;
    let problem = problem.or_else(|| match (lives, known.came_again, known.gaps.first()) {
        (0..=9, ..) => Some(format!("it died only {lives} times")),
        (_, 0, _) => Some("nothing came twice, so that nothing was shown".to_owned()),
        (.., Some(gap)) => Some(format!("it told of a gap: {gap}")),
        _ => None,
    });
    let (mentions, came_again) = (known.len(), known.came_again);
    Outcome { nature, mentions, lives, cut_off, came_again, problem, seconds: began.elapsed().as_secs_f32() }
}

async fn simulator(natures: &[&Nature]) -> Simulator {
    let seed = std::env::var("GRAPEVINE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20);
    let options = Options {
        seed,
        only: natures.iter().map(|nature| nature.name.to_owned()).collect(),
        past: PAST * natures.len(),
        future: Some(FUTURE * natures.len()),
        pace: PACE * natures.len() as f64,
        // Who dies all the time forgets what it has asked.
        limits: false,
        unrest: 5,
        per_page: 7,
        faults: Faults::of(0.08),
        ..Options::default()
    };
    Simulator::start(options).await.unwrap()
}

/// All of them at once: they wait for the most part. `GRAPEVINE_ONLY=discord` tries that one alone,
/// `GRAPEVINE_SEED=7` tells another story.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_any_nature_that_is_killed_after_every_page_loses_nothing() {
    let only = std::env::var("GRAPEVINE_ONLY").ok();
    let is_chosen = |nature: &&Nature| only.as_ref().is_none_or(|only| only == nature.name);
    let chosen: Vec<&'static Nature> = NATURES.iter().filter(is_chosen).collect();
    let simulator = simulator(&chosen).await;
    let tried = chosen.into_iter().map(|nature| survive(nature, simulator.stand(nature.name)));
    let outcomes = futures::future::join_all(tried).await;
    for Outcome { nature, mentions, lives, cut_off, came_again, problem, seconds } in &outcomes {
        let Nature { name, by, .. } = nature;
        let said = problem.as_ref().map_or("nothing lost", |problem| problem);
        eprintln!(
            "{name:<20} {by:<45} {mentions:>4} mentions, {lives:>4} lives, {cut_off:>3} cut off, {came_again:>4} came \
             again, {seconds:>4.0} s: {said}"
        );
    }
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.problem.is_some()).map(|it| it.nature.name).collect();
    assert!(failed.is_empty() && !outcomes.is_empty(), "not as they should be: {failed:?}");
}
