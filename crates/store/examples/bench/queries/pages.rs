//! Asks all questions of a role at once, as a page does: six at a time, as a browser, and with what they have in common read once
//! for all of them. Then asks them again twenty seconds later, twice, as the page does, of a server that keeps answers.

use std::error::Error;
use std::time::{Duration, Instant};

use futures::StreamExt;
use grapevine_store::registry::Role;
use grapevine_store::{MetricQuery, Standing, Store, registry};
use jiff::{SignedDuration, Timestamp};

use super::panels::{BRANDS, quantile, question, spans, splits};
use super::{Options, Place};

/// As [`Store::with_recent`] is told by the program.
const RECENT: Duration = Duration::from_secs(1);
/// Connections of a browser to one server.
const AT_ONCE: usize = 6;
/// A page asks again after it.
const AGAIN: Duration = Duration::from_secs(20);
/// The age that a page takes.
const OLDEST: Duration = Duration::from_secs(3600);

pub async fn measure(place: &Place, options: &Options) -> Result<(), Box<dyn Error>> {
    println!("all questions of a role at once, {AT_ONCE} at a time, of {}, in milliseconds:", BRANDS[0]);
    println!(
        "{:10} {:>5} {:>9} {:>11} {:>11} {:>21} {:>30} {:>10}",
        "role",
        "span",
        "questions",
        "half there",
        "all there",
        "all, nothing shared",
        "a question again: p50/p95/most",
        "oldest, s"
    );
    for role in [Role::Awareness, Role::Community] {
        for (span, hours) in spans(options) {
            let questions = questions(role, *hours)?;
            let [mut half, mut all, mut apart] = [vec![], vec![], vec![]];
            for _ in 0..options.rounds.min(3) {
                // Nothing is kept from round to round.
                let times = page(&place.store.clone().with_recent(RECENT), &questions).await;
                half.push(times[times.len() / 2]);
                all.extend(times.last());
                apart.extend(page(&place.store, &questions).await.last());
            }
            let [half, all, apart] = [half, all, apart].map(|mut times| quantile(&mut times, 0.5));
            let role = format!("{role:?}").to_lowercase();
            let (mut again, oldest) = again(place, &questions).await?;
            let most = again.iter().copied().fold(0.0, f64::max);
            let again =
                format!("{:.1} / {:.1} / {most:.1}", quantile(&mut again.clone(), 0.5), quantile(&mut again, 0.95));
            let n = questions.len();
            println!("{role:10} {span:>5} {n:>9} {half:>11.0} {all:>11.0} {apart:>21.0} {again:>30} {oldest:>10}");
        }
    }
    Ok(())
}

fn questions(role: Role, hours: i64) -> Result<Vec<MetricQuery>, Box<dyn Error>> {
    let mut questions = vec![];
    for metric in registry::all().iter().filter(|metric| metric.roles.contains(&role)) {
        for by in splits(metric, hours) {
            questions.push(question(metric, hours, (by, BRANDS[0]))?);
        }
    }
    Ok(questions)
}

/// Milliseconds after which each was answered, in their order of time.
async fn page(store: &Store, questions: &[MetricQuery]) -> Vec<f64> {
    let began = Instant::now();
    let ask = |query| async move {
        // Its error is told elsewhere.
        let _ = store.metric(query).await;
        began.elapsed().as_secs_f64() * 1000.0
    };
    futures::stream::iter(questions).map(ask).buffer_unordered(AT_ONCE).collect().await
}

/// Milliseconds of each question that is asked again, and the age of the oldest answer, in seconds.
async fn again(place: &Place, questions: &[MetricQuery]) -> Result<(Vec<f64>, i64), Box<dyn Error>> {
    let store = place.store.clone().with_recent(RECENT);
    let standing = Standing::new(move |query| {
        let store = store.clone();
        async move { store.metric(&query).await }
    });
    let end = questions.first().map_or(Timestamp::UNIX_EPOCH, |question| question.to);
    let (began, mut times, mut oldest) = (Instant::now(), vec![], 0);
    for round in 0..3 {
        let passed = SignedDuration::try_from(began.elapsed())?;
        let (now, moved) = (end + passed, SignedDuration::from_mins(passed.as_mins()));
        let ask = |query: MetricQuery| {
            let standing = &standing;
            let query = MetricQuery { from: query.from + moved, to: query.to + moved, ..query };
            async move {
                let asked = Instant::now();
                let given = standing.get(&query, now, OLDEST).await;
                let age = given.ok().and_then(|given| given.as_of).map_or(0, |at| now.duration_since(at).as_secs());
                (asked.elapsed().as_secs_f64() * 1000.0, age)
            }
        };
        let asked = futures::stream::iter(questions.iter().cloned()).map(ask).buffer_unordered(AT_ONCE);
        let answered: Vec<(f64, i64)> = asked.collect().await;
        if round > 0 {
            times.extend(answered.iter().map(|(took, _)| took));
            oldest = answered.iter().map(|(_, age)| *age).chain([oldest]).max().unwrap_or(0);
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok((times, oldest))
}
