//! How good the detectors are: on the volumes of five brands from the Numenta Anomaly Benchmark, where they are present.
//!
//! `cargo run -p grapevine-alerts --example nab`
//!
//! `VolumeSpike` runs on the files as they are. For `NegativeSpike`, negative labels and crises are added to the volumes at
//! three sizes (x1, 0.1, 0.01): the share of negatives wanders and has a daily rhythm, crises of 3 to 20 times the usual
//! negatives rise within 15 to 180 minutes. Reference (ten brands): 84 % of all crises caught within 6 hours, 96 % of those
//! of at least 8x, at 0.06 false alarms a brand-week. Here, over 300 crises: 82 %, 94 %, at 0.09.

use std::path::{Path, PathBuf};

use grapevine_alerts::{NegativeSpike, VolumeSpike};
use grapevine_model::Bucket;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rand::{Rng, SeedableRng, rngs::SmallRng};

struct Series {
    name: String,
    times: Vec<Timestamp>,
    values: Vec<u64>,
    windows: Vec<(Timestamp, Timestamp)>,
}

struct Crisis {
    from: usize,
    to: usize,
    size: f64,
}

#[derive(Default)]
struct Tally {
    weeks: f64,
    false_alarms: u32,
    /// Size, and minutes to the alert where one came within six hours.
    crises: Vec<(f64, Option<i64>)>,
}

fn main() {
    let Some(folder) = folder() else {
        println!("skipped: there is no shared/data/nab beside the repository");
        return;
    };
    let windows = std::fs::read_to_string(folder.join("windows.json")).expect("windows.json");
    let windows: serde_json::Value = serde_json::from_str(&windows).expect("JSON");
    let all: Vec<Series> =
        windows.as_object().into_iter().flatten().map(|(name, at)| read(&folder, name, at)).collect();
    all.iter().for_each(volume);
    for scale in [1.0, 0.1, 0.01] {
        let mut tally = Tally::default();
        for (number, series) in all.iter().enumerate() {
            (0..5).for_each(|seed| negative(series, scale, seed * 100 + number as u64, &mut tally));
        }
        print(scale, &tally);
    }
}

/// `../shared/data/nab`, seen from the root of the repository.
fn folder() -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|above| above.join("shared/data/nab")).find(|folder| folder.is_dir())
}

fn time(text: &str) -> Timestamp {
    let civil: DateTime = text.parse().expect("a civil time");
    TimeZone::UTC.to_timestamp(civil).expect("a time")
}

fn read(folder: &Path, name: &str, windows: &serde_json::Value) -> Series {
    let mut reader = csv::Reader::from_path(folder.join(name)).expect("a file of the benchmark");
    let rows: Vec<(String, u64)> = reader.deserialize().map(|row| row.expect("timestamp,value")).collect();
    let window =
        |pair: &serde_json::Value| (time(pair[0].as_str().expect("text")), time(pair[1].as_str().expect("text")));
    Series {
        name: name.trim_start_matches("Twitter_volume_").trim_end_matches(".csv").to_owned(),
        times: rows.iter().map(|row| time(&row.0)).collect(),
        values: rows.iter().map(|row| row.1).collect(),
        windows: windows.as_array().into_iter().flatten().map(window).collect(),
    }
}

/// The benchmark does not count its first 750 rows.
fn volume(series: &Series) {
    let mut detector = VolumeSpike::default();
    let mut fired = Vec::new();
    for (number, (&start, &mentions)) in series.times.iter().zip(&series.values).enumerate() {
        let bucket = Bucket { start, mentions, negatives: 0, negative_authors: None };
        if detector.step(&bucket).fired && number >= 750 {
            fired.push(start);
        }
    }
    let within = |at: &Timestamp, window: &(Timestamp, Timestamp)| (window.0..=window.1).contains(at);
    let caught = series.windows.iter().filter(|window| fired.iter().any(|at| within(at, window))).count();
    let outside = fired.iter().filter(|at| !series.windows.iter().any(|window| within(at, window))).count();
    let weeks = (series.times.len() - 750) as f64 / 2016.0;
    println!(
        "volume   {:5} windows caught {caught} of {}, alarms outside {outside} in {weeks:.1} weeks",
        series.name,
        series.windows.len()
    );
}

fn negative(series: &Series, scale: f64, seed: u64, tally: &mut Tally) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut buckets, base) = labelled(series, scale, &mut rng);
    let crises = add_crises(&mut buckets, base, &mut rng);
    let mut detector = NegativeSpike::default();
    let fired: Vec<usize> = (0..buckets.len()).filter(|&at| detector.step(&buckets[at]).fired && at >= 750).collect();
    for crisis in &crises {
        let hit = fired.iter().find(|at| (crisis.from..=crisis.from + 72).contains(at));
        tally.crises.push((crisis.size, hit.map(|at| (at - crisis.from) as i64 * 5)));
    }
    let busy = |at: usize| crises.iter().any(|crisis| (crisis.from..crisis.to + 288).contains(&at));
    tally.false_alarms += fired.iter().filter(|&&at| !busy(at)).count() as u32;
    tally.weeks += (750..buckets.len()).filter(|&at| !busy(at)).count() as f64 / 2016.0;
}

/// The thinned volume with negative labels, and the mean of negatives a bucket.
fn labelled(series: &Series, scale: f64, rng: &mut SmallRng) -> (Vec<Bucket>, f64) {
    let share: f64 = rng.random_range(0.08..0.25);
    let phase: f64 = rng.random_range(0.0..24.0);
    let mut drift = 0.0;
    let mut buckets = Vec::with_capacity(series.values.len());
    for (&start, &value) in series.times.iter().zip(&series.values) {
        drift = 0.9985 * drift + (1.0 - 0.9985_f64.powi(2)).sqrt() * 0.25 * normal(rng);
        let hour = f64::from(start.to_zoned(TimeZone::UTC).hour());
        let daily = 0.25 * (std::f64::consts::TAU * (hour + phase) / 24.0).sin();
        // Normal on the logit's scale: about as wide as a beta distribution of correlation 0.03.
        let logit = (share / (1.0 - share)).ln() + drift + daily + 0.47 * normal(rng);
        let mentions = if scale < 1.0 { binomial(value, scale, rng) } else { value };
        let negatives = binomial(mentions, 1.0 / (1.0 + (-logit).exp()), rng);
        buckets.push(Bucket { start, mentions, negatives, negative_authors: None });
    }
    let mean = buckets.iter().map(|bucket| bucket.mentions).sum::<u64>() as f64 / buckets.len() as f64;
    (buckets, (mean * share).max(0.02))
}

fn add_crises(buckets: &mut [Bucket], base: f64, rng: &mut SmallRng) -> Vec<Crisis> {
    let (first, last) = (750 + 600, buckets.len() - 900);
    let place = |number: usize| first + (last - first) * number / 3;
    let mut crises = Vec::new();
    for number in 0..4 {
        let from = place(number) + rng.random_range(0..500) - 250;
        let size = (rng.random_range(3_f64.ln()..20_f64.ln())).exp();
        let (rise, half) = (rng.random_range(3.0..36.0), rng.random_range(36.0..200.0));
        let peak = (size * base).max(size * 0.15);
        let length = ((rise * 3.0 + half * 4.0) as usize).min(buckets.len() - from - 1);
        for (step, bucket) in buckets[from..from + length].iter_mut().enumerate() {
            let at = step as f64;
            let shape = if at < rise * 2.0 { 1.0 - (-at / rise).exp() } else { 0.5_f64.powf((at - rise * 2.0) / half) };
            let (negatives, others) = (poisson(peak * shape, rng), poisson(peak * shape / 2.0, rng));
            bucket.negatives += negatives;
            bucket.mentions += negatives + others;
        }
        crises.push(Crisis { from, to: from + length, size });
    }
    crises
}

fn print(scale: f64, tally: &Tally) {
    let caught = |least: f64| {
        let crises: Vec<_> = tally.crises.iter().filter(|(size, _)| *size >= least).collect();
        let mut delays: Vec<i64> = crises.iter().filter_map(|(_, delay)| *delay).collect();
        delays.sort_unstable();
        let soon = delays.iter().filter(|delay| **delay <= 30).count();
        let share = |part: usize| 100.0 * part as f64 / crises.len() as f64;
        let median = delays.get(delays.len() / 2).copied().unwrap_or(0);
        format!(
            "{:.0} % of {} within 6 h ({:.0} % within 30 min, median {median} min)",
            share(delays.len()),
            crises.len(),
            share(soon)
        )
    };
    println!(
        "negative x{scale:<5} {:.3} false alarms a brand-week ({} in {:.0}); all: {}; at least 8x: {}",
        f64::from(tally.false_alarms) / tally.weeks,
        tally.false_alarms,
        tally.weeks,
        caught(0.0),
        caught(8.0)
    );
}

fn normal(rng: &mut SmallRng) -> f64 {
    (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt() * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

fn binomial(n: u64, p: f64, rng: &mut SmallRng) -> u64 {
    (0..n).map(|_| u64::from(rng.random::<f64>() < p)).sum()
}

/// A Poisson draw; large means in parts, so that nothing underflows.
fn poisson(mean: f64, rng: &mut SmallRng) -> u64 {
    if mean > 30.0 {
        return poisson(mean / 2.0, rng) + poisson(mean / 2.0, rng);
    }
    let (limit, mut product, mut count) = ((-mean).exp(), rng.random::<f64>(), 0);
    while product > limit {
        product *= rng.random::<f64>();
        count += 1;
    }
    count
}
