//! Continues counts by day: a plain method and a naive one, each tried on what is known, and the better of the two.
//!
//! Pure: counts in, figures out. Days are numbered; a day that was not covered is `None`, and is left out everywhere, never
//! taken as quiet.

mod rows;

pub(crate) use rows::rows;

/// Days that are forecast.
pub const HORIZON: usize = 14;
/// Days that have to be known before a forecast is made.
const LEAST_KNOWN: usize = 28;
/// Origins of the trial: the last days.
const TRIED: usize = 56;
/// Half-lives in days, of the level and of the weekdays' shares.
const LEVEL: f64 = 14.0;
const WEEKDAYS: f64 = 28.0;
/// An interval is given from so many misses at its distance on.
const LEAST_MISSES: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Level times the weekday's share.
    Weekdays,
    /// The same weekday of the last week that is known.
    LastWeek,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Weekdays => "level and weekday",
            Method::LastWeek => "as last week",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    pub value: f64,
    /// The ends of the 80 % interval; `None` where it was tried too rarely.
    pub interval: Option<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub days: Vec<Expected>,
    pub method: Method,
    /// What it missed of what there was, when it was tried: a share, `None` where there was nothing.
    pub error: Option<f64>,
    /// The same of the other method.
    pub other_error: Option<f64>,
    /// Days that were tried, each at several distances.
    pub tested: usize,
}

/// What a method said of a day that is known.
struct Miss {
    distance: usize,
    said: f64,
    was: f64,
}

/// The days that follow upon `counts`; `None` where too few of them are known.
pub fn forecast(counts: &[Option<f64>]) -> Option<Forecast> {
    let known = |counts: &[Option<f64>]| counts.iter().flatten().count();
    if known(counts) < LEAST_KNOWN {
        return None;
    }
    let first = counts.len().saturating_sub(TRIED);
    let origins: Vec<usize> = (first..counts.len()).filter(|at| known(&counts[..*at]) >= LEAST_KNOWN).collect();
    let try_out = |method: Method| -> Vec<Miss> {
        origins.iter().flat_map(|origin| misses(method, &counts[..*origin], &counts[*origin..])).collect()
    };
    let (plain, naive) = (try_out(Method::Weekdays), try_out(Method::LastWeek));
    let (error, naive_error) = (share_missed(&plain), share_missed(&naive));
    // Untried, with nothing to miss, or better by no more than rounding: the plain method stands.
    let is_naive_better = matches!((error, naive_error), (Some(plain), Some(naive)) if naive + 1e-9 < plain);
    let (method, tried, error, other_error) = match is_naive_better {
        true => (Method::LastWeek, naive, naive_error, error),
        false => (Method::Weekdays, plain, error, naive_error),
    };
    let said = continued(method, counts);
    let days = said.iter().enumerate().map(|(distance, value)| expected(*value, distance, &tried)).collect();
    Some(Forecast { days, method, error, other_error, tested: origins.len() })
}

fn misses(method: Method, before: &[Option<f64>], after: &[Option<f64>]) -> Vec<Miss> {
    let said = continued(method, before);
    let pairs = said.into_iter().zip(after).enumerate();
    pairs.filter_map(|(distance, (said, was))| Some(Miss { distance, said, was: (*was)? })).collect()
}

fn share_missed(misses: &[Miss]) -> Option<f64> {
    let all: f64 = misses.iter().map(|miss| miss.was).sum();
    let missed: f64 = misses.iter().map(|miss| (miss.was - miss.said).abs()).sum();
    (all > 0.0).then_some(missed / all)
}

fn expected(value: f64, distance: usize, tried: &[Miss]) -> Expected {
    let of_week = |miss: &&Miss| miss.distance / 7 == distance / 7;
    let mut scaled: Vec<f64> =
        tried.iter().filter(of_week).map(|miss| (miss.was - miss.said) / scale(miss.said)).collect();
    if scaled.len() < LEAST_MISSES {
        return Expected { value, interval: None };
    }
    scaled.sort_by(f64::total_cmp);
    let end = |share: f64| (value + quantile(&scaled, share) * scale(value)).max(0.0);
    Expected { value, interval: Some((end(0.1).min(value), end(0.9).max(value))) }
}

/// Counts vary as their square root, or more: a miss is measured in it.
fn scale(said: f64) -> f64 {
    said.max(1.0).sqrt()
}

/// Of sorted values, between the two nearest.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, part) = (place.floor() as usize, place.fract());
    let high = (low + 1).min(sorted.len() - 1);
    sorted[low] + part * (sorted[high] - sorted[low])
}

fn continued(method: Method, counts: &[Option<f64>]) -> Vec<f64> {
    match method {
        Method::Weekdays => by_weekday(counts),
        Method::LastWeek => as_last_week(counts),
    }
}

/// Means over days that weigh half as much every half-life before the last.
fn by_weekday(counts: &[Option<f64>]) -> Vec<f64> {
    let weight = |at: usize, half_life: f64| 0.5f64.powf((counts.len() - 1 - at) as f64 / half_life);
    let mean = |half_life: f64, value: &dyn Fn(usize) -> Option<f64>| -> Option<f64> {
        let weighted = (0..counts.len()).filter_map(|at| Some((weight(at, half_life), value(at)?)));
        let (sum, weights) = weighted.fold((0.0, 0.0), |sum, (weight, value)| (sum.0 + weight * value, sum.1 + weight));
        (weights > 0.0).then(|| sum / weights)
    };
    let of_weekday = |weekday: usize| mean(WEEKDAYS, &|at| counts[at].filter(|_| at % 7 == weekday));
    let means: Vec<Option<f64>> = (0..7).map(of_weekday).collect();
    let known: Vec<f64> = means.iter().flatten().copied().collect();
    let usual = known.iter().sum::<f64>() / known.len().max(1) as f64;
    // A weekday that is not known is taken as usual.
    let factor = |at: usize| means[at % 7].map_or(1.0, |mean| if usual > 0.0 { mean / usual } else { 1.0 });
    let level = mean(LEVEL, &|at| counts[at].filter(|_| factor(at) > 0.0).map(|count| count / factor(at)));
    (counts.len()..counts.len() + HORIZON).map(|at| level.unwrap_or(0.0) * factor(at)).collect()
}

/// Where a weekday is not known at all, the mean of what is.
fn as_last_week(counts: &[Option<f64>]) -> Vec<f64> {
    let known: Vec<f64> = counts.iter().flatten().copied().collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let same_weekday = |at: usize| (0..counts.len()).rev().filter(|day| day % 7 == at % 7).find_map(|day| counts[day]);
    (counts.len()..counts.len() + HORIZON).map(|at| same_weekday(at).unwrap_or(mean)).collect()
}

#[cfg(test)]
mod tests;
