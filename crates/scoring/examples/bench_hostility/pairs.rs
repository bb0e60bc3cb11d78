//! Constructive complaints, each beside an attack on people about the same thing.

const PAIRS: &str = include_str!("../../tests/data/hostility.tsv");
/// The most of the constructive that may be taken for hostile, at the threshold that [`threshold`] chooses.
pub const MOST_WRONG: f64 = 0.05;
/// From which probability on the page and the figures call a mention hostile.
pub const SHOWN: f32 = 0.5;

#[derive(Clone, Copy)]
pub struct Pair {
    pub language: &'static str,
    pub constructive: &'static str,
    pub hostile: &'static str,
}

pub fn pairs() -> Vec<Pair> {
    let parse = |line: &'static str| {
        let [language, constructive, hostile] = line.split('\t').collect::<Vec<_>>().try_into().expect("three fields");
        Pair { language, constructive, hostile }
    };
    PAIRS.lines().map(parse).collect()
}

/// Share of the probabilities from the threshold on.
pub fn rate(probabilities: &[f32], threshold: f32) -> f64 {
    probabilities.iter().filter(|p| **p >= threshold).count() as f64 / probabilities.len().max(1) as f64
}

/// The lowest threshold at which no more of the constructive than may be are taken for hostile.
pub fn threshold(constructive: &[f32]) -> f32 {
    let mut sorted = constructive.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let allowed = (sorted.len() as f64 * MOST_WRONG) as usize;
    sorted.get(allowed).map_or(1.0, |first_kept| first_kept.next_up())
}
