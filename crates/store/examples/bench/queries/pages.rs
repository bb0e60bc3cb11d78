//! Asks all questions of a role at once, as a page does: six at a time, as a browser, and with what they have in common read once
//! for all of them. Then asks them again twenty seconds later, twice, as the page does, of a server that keeps answers; of one that
//! was begun anew and has computed what was asked of the one before; and of one that was asked the page of another brand alone.

use std::error::Error;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};
use std::time::{Duration, Instant};

use futures::StreamExt;
use grapevine_store::registry::Role;
use grapevine_store::{Asked, MetricQuery, Standing, Store, registry};
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

pub async fn measure(place: &Place, options: &Options, roles: &[Role]) -> Result<(), Box<dyn Error>> {
    println!("all questions of a role at once, {AT_ONCE} at a time, of {}, in milliseconds:", BRANDS[0]);
    println!(
        "{:10} {:>5} {:>9} {:>11} {:>11} {:>21} {:>30} {:>10} {:>15} {:>30} \
         {:>17} {:>30}",
        "role",
        "span",
        "questions",
        "half there",
        "all there",
        "all, nothing shared",
        "a question again: p50/p95/most",
        "oldest, s",
        "ready anew, s",
        "a question then: p50/p95/most",
        "ready unasked, s",
        "a question then: p50/p95/most"
    );
    for &role in roles {
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
            let (again, asked) = again(place, &questions).await?;
            let (ready, anew) = anew(place, asked).await?;
            let (ready_unasked, unasked) = unasked(place, &questions).await?;
            let (n, oldest, again, anew, unasked) =
                (questions.len(), again.oldest, again.shown(), anew.shown(), unasked.shown());
            println!(
                "{role:10} {span:>5} {n:>9} {half:>11.0} {all:>11.0} {apart:>21.0} {again:>30} {oldest:>10} {ready:>15.0} \
                 {anew:>30} {ready_unasked:>17.0} {unasked:>30}"
            );
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

/// What standing answers took, in milliseconds, and the age of the oldest, in seconds.
#[derive(Default)]
struct Answered {
    times: Vec<f64>,
    oldest: i64,
}

impl Answered {
    fn shown(&self) -> String {
        let most = self.times.iter().copied().fold(0.0, f64::max);
        let of = |share| quantile(&mut self.times.clone(), share);
        format!("{:.1} / {:.1} / {most:.1}", of(0.5), of(0.95))
    }
}

/// Answers from the place, as a server keeps them, and how many of the brand that is measured were computed.
fn standing(place: &Place) -> (Standing, Arc<AtomicUsize>) {
    let (store, computed) = (place.store.clone().with_recent(RECENT), Arc::<AtomicUsize>::default());
    let counted = computed.clone();
    let ask = move |query| {
        let (store, counted) = (store.clone(), counted.clone());
        async move {
            let answer = store.metric(&query).await;
            counted.fetch_add(usize::from(query.brand == BRANDS[0]), Relaxed);
            answer
        }
    };
    (Standing::new(ask), computed)
}

/// Asks all of them at `now`, as the page does.
async fn ask(standing: &Standing, questions: Vec<MetricQuery>, now: Timestamp) -> Answered {
    let ask = |query: MetricQuery| async move {
        let asked = Instant::now();
        let given = standing.get(&query, now, OLDEST).await;
        let age = given.ok().and_then(|given| given.as_of).map_or(0, |at| now.duration_since(at).as_secs());
        (asked.elapsed().as_secs_f64() * 1000.0, age)
    };
    let asked: Vec<(f64, i64)> = futures::stream::iter(questions).map(ask).buffer_unordered(AT_ONCE).collect().await;
    Answered {
        oldest: asked.iter().map(|(_, age)| *age).max().unwrap_or(0),
        times: asked.into_iter().map(|(took, _)| took).collect(),
    }
}

fn moved(questions: impl Iterator<Item = MetricQuery>, passed: SignedDuration) -> Vec<MetricQuery> {
    let by = SignedDuration::from_mins(passed.as_mins());
    questions.map(|query| MetricQuery { from: query.from + by, to: query.to + by, ..query }).collect()
}

/// Each question that is asked again, twice; and what a server would write down of them.
async fn again(place: &Place, questions: &[MetricQuery]) -> Result<(Answered, Vec<Asked>), Box<dyn Error>> {
    let (standing, _) = standing(place);
    let end = questions.first().map_or(Timestamp::UNIX_EPOCH, |question| question.to);
    let (began, mut all) = (Instant::now(), Answered::default());
    for round in 0..3 {
        let passed = SignedDuration::try_from(began.elapsed())?;
        let answered = ask(&standing, moved(questions.iter().cloned(), passed), end + passed).await;
        if round > 0 {
            all.times.extend(answered.times);
            all.oldest = all.oldest.max(answered.oldest);
        }
        tokio::time::sleep(AGAIN).await;
    }
    Ok((all, standing.to_remember()))
}

/// Of a server that is begun anew: seconds until it has tried all that was asked, nobody asking, and the page then.
async fn anew(place: &Place, asked: Vec<Asked>) -> Result<(f64, Answered), Box<dyn Error>> {
    let (standing, computed) = standing(place);
    let start = asked.iter().map(|asked| asked.at).max().unwrap_or(Timestamp::UNIX_EPOCH);
    standing.restore(asked.clone());
    let (ready, at) = kept_up(&standing, &computed, (asked.len(), start)).await;
    let later = |Asked { query, at: then }: Asked| moved(std::iter::once(query), at.duration_since(then));
    Ok((ready, ask(&standing, asked.into_iter().flat_map(later).collect(), at).await))
}

/// Of a server that was asked the same of the next brand: seconds until it has tried what nobody asked yet, and the page then.
async fn unasked(place: &Place, questions: &[MetricQuery]) -> Result<(f64, Answered), Box<dyn Error>> {
    let (standing, computed) = standing(place);
    let start = questions.first().map_or(Timestamp::UNIX_EPOCH, |question| question.to);
    let of_another = |query: &MetricQuery| MetricQuery { brand: BRANDS[1].to_owned(), ..query.clone() };
    ask(&standing, questions.iter().map(of_another).collect(), start).await;
    standing.expect(questions.iter().cloned(), start);
    let (ready, at) = kept_up(&standing, &computed, (questions.len(), start)).await;
    let now = moved(questions.iter().cloned(), at.duration_since(start));
    Ok((ready, ask(&standing, now, at).await))
}

/// Lets the server keep its questions up until it has tried so many of the measured brand, from `start` on: seconds, and the time then.
async fn kept_up(standing: &Standing, computed: &AtomicUsize, (most, start): (usize, Timestamp)) -> (f64, Timestamp) {
    let began = Instant::now();
    let now = move || start + SignedDuration::try_from(began.elapsed()).unwrap_or_default();
    let keeper = standing.clone();
    let keeping = tokio::spawn(async move { keeper.keep_up(now).await });
    while computed.load(Relaxed) < most {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The last one is on its way from the store to what stands.
    tokio::time::sleep(Duration::from_millis(100)).await;
    keeping.abort();
    (began.elapsed().as_secs_f64(), now())
}
