//! Asks every panel's question, again and again.

use std::error::Error;
use std::time::Instant;

use grapevine_store::{By, Metric, MetricQuery, registry};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Options, Place, base, world};

/// Name, and hours before the end: those of the page, and one that takes nearly all of the world.
const SPANS: [(&str, i64); 5] = [("24h", 24), ("7d", 7 * 24), ("30d", 30 * 24), ("8w", 56 * 24), ("364d", 364 * 24)];
/// Of these, the page's.
const PAGE: usize = 4;
/// Seconds by which spans end before the world does. People ask at any minute: spans begin and end within hours.
const MINUTES: i64 = 23 * 60;
/// The largest, a middle one, the smallest.
pub const BRANDS: [&str; 3] = ["brand-01", "brand-06", "brand-20"];
/// As the page: by the hour up to 8 days.
const HOURLY: i64 = 8 * 24;
/// A question that takes longer (in milliseconds) is asked twice only.
const SLOW: f64 = 400.0;

/// What was measured of one question for one brand.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    pub panel: String,
    pub span: String,
    pub brand: String,
    pub p50: f64,
    pub p95: f64,
    pub fastest: f64,
    pub rows: u64,
    pub bytes: u64,
    /// p50 of the same figures from the base table; absent where the question reads it anyway.
    pub base: Option<f64>,
    /// It was refused, with this.
    pub refused: Option<String>,
}

pub async fn measure(place: &Place, options: &Options) -> Result<Vec<Answer>, Box<dyn Error>> {
    let mut answers = vec![];
    let wanted = |metric: &&&Metric| options.only.as_ref().is_none_or(|only| metric.id == only);
    for metric in registry::all().iter().filter(wanted) {
        for (span, hours) in spans(options) {
            for by in splits(metric, *hours) {
                for brand in brands(options) {
                    answers.push(ask(place, options, metric, (span, *hours), (by, brand)).await?);
                }
            }
        }
    }
    Ok(answers)
}

pub fn question(metric: &Metric, hours: i64, (by, brand): (Option<By>, &str)) -> Result<MetricQuery, Box<dyn Error>> {
    let to = Timestamp::from_second(world::END - MINUTES)?;
    let whole = MetricQuery::new(metric.id, brand, to - SignedDuration::from_hours(hours), to);
    Ok(MetricQuery { by, hashtag: Some("launch".to_owned()), ..whole })
}

pub fn spans(options: &Options) -> impl Iterator<Item = &'static (&'static str, i64)> {
    let all = &SPANS[..if options.largest { PAGE } else { SPANS.len() }];
    all.iter().filter(|(name, _)| options.span.as_ref().is_none_or(|span| span == name))
}

fn brands(options: &Options) -> &'static [&'static str] {
    &BRANDS[..if options.largest { 1 } else { BRANDS.len() }]
}

/// The whole figure, and its series in the step of the page.
pub fn splits(metric: &Metric, hours: i64) -> Vec<Option<By>> {
    let has = |by: By| metric.shapes.iter().any(|shape| shape.by.contains(&by));
    let step = if hours <= HOURLY && has(By::Hour) { By::Hour } else { By::Day };
    let whole = metric.shapes.iter().any(|shape| shape.by.is_empty()).then_some(None);
    whole.into_iter().chain(has(step).then_some(Some(step))).collect()
}

async fn ask(
    place: &Place,
    options: &Options,
    metric: &Metric,
    (span, hours): (&str, i64),
    (by, brand): (Option<By>, &str),
) -> Result<Answer, Box<dyn Error>> {
    let query = question(metric, hours, (by, brand))?;
    let panel = by.map_or(metric.id.to_owned(), |by| format!("{} by {by}", metric.id));
    let (refused, (rows, bytes)) = read(place, &query).await?;
    let mut times = vec![];
    while times.len() < options.rounds && (times.len() < 2 || times.iter().all(|time| *time < SLOW)) {
        let began = Instant::now();
        // Its error is told above.
        let _ = place.store.metric(&query).await;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let base = base::ask(place, &query).await?;
    let [fastest, p50, p95] = [0.0, 0.5, 0.95].map(|share| quantile(&mut times, share));
    eprintln!("        {panel:34} {span:>5} {brand} {p50:>8.1} ms {rows:>11} rows");
    let (span, brand) = (span.to_owned(), brand.to_owned());
    Ok(Answer { panel, span, brand, p50, p95, fastest, rows, bytes, base, refused })
}

/// Why it was refused, if it was; rows and bytes that the engine read for the answer.
async fn read(place: &Place, query: &MetricQuery) -> Result<(Option<String>, (u64, u64)), Box<dyn Error>> {
    let sql = "SELECT sumIf(value, event = 'SelectedRows'), sumIf(value, event = 'SelectedBytes') FROM system.events";
    let before: (u64, u64) = place.client.query(sql).fetch_one().await?;
    let refused = place.store.metric(query).await.err().map(|error| error.to_string());
    let after: (u64, u64) = place.client.query(sql).fetch_one().await?;
    Ok((refused, (after.0 - before.0, after.1 - before.1)))
}

pub fn quantile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    let place = (share * times.len() as f64).ceil() as usize;
    times.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
