//! Asks all questions of a role at once, as a page does: six at a time, as a browser, and with what they have in common read once
//! for all of them.

use std::error::Error;
use std::time::{Duration, Instant};

use futures::StreamExt;
use grapevine_store::registry::Role;
use grapevine_store::{MetricQuery, Store, registry};

use super::panels::{BRANDS, quantile, question, spans, splits};
use super::{Options, Place};

/// As [`Store::with_recent`] is told by the program.
const RECENT: Duration = Duration::from_secs(1);
/// Connections of a browser to one server.
const AT_ONCE: usize = 6;

pub async fn measure(place: &Place, options: &Options) -> Result<(), Box<dyn Error>> {
    println!("all questions of a role at once, {AT_ONCE} at a time, of {}, in milliseconds:", BRANDS[0]);
    println!(
        "{:10} {:>5} {:>9} {:>11} {:>11} {:>21}",
        "role", "span", "questions", "half there", "all there", "all, nothing shared"
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
            println!("{role:10} {span:>5} {:>9} {half:>11.0} {all:>11.0} {apart:>21.0}", questions.len());
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
