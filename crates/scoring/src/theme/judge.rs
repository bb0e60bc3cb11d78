//! How well the head of each theme does on examples that it was not trained on, and from which probability on a post is of
//! the theme.

use std::panic::resume_unwind;
use std::thread;

use super::features::Vector;
use super::learn::{Lesson, Taught, Weights};
use super::logistic::Head;

/// How much the embedding may count beside words and runs of letters, and the examples against the penalty: much where they
/// are few, as those of the built-in themes (mean F1 by cross-validation 0.690 at 1, 0.751 at 3, 0.766 at 6), little where
/// they are many (airlines 55 at 1, 53 at 3; app reviews 71 and 69). So what the examples say themselves is taken.
///
/// Costs, by ten splits at an embedding of 1: airlines 56.8 at 2, 57.4 at 1, 57.7 at 0.6, 57.9 at 0.35; app reviews 70.7, 71.0,
/// 71.2, 71.2. The built-in themes, at an embedding of 6: 0.760 at 1, 0.758 at 0.6, 0.757 at 0.35.
const WEIGHTS: [Weights; 3] = [
    Weights { embedding: 1.0, cost: 0.35 },
    Weights { embedding: 3.0, cost: 1.0 },
    Weights { embedding: 6.0, cost: 1.0 },
];

/// Parts that the examples are cut into: each is judged by what the others taught.
const FOLDS: usize = 5;
/// Below this no threshold is looked for, however many examples it would find: few examples make a head timid, and posts in
/// the wild are mostly of no theme.
const LEAST_THRESHOLD: f32 = 0.35;

/// Of the head of one theme, by cross-validation on the examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    pub examples: usize,
    /// Probability from which on a post is of the theme: the one with the best F1.
    pub threshold: f32,
    /// Share of what is told to be of the theme that is.
    pub precision: f32,
    /// Share of what is of the theme that is told to be.
    pub recall: f32,
}

impl Quality {
    pub fn f1(&self) -> f32 {
        2.0 * self.precision * self.recall / (self.precision + self.recall).max(f32::MIN_POSITIVE)
    }
}

/// What cross-validation says of a set of themes.
#[derive(Debug)]
pub(super) struct Judged {
    /// Of [`WEIGHTS`] those with the best mean F1 of all themes.
    pub weights: Weights,
    /// One a theme; `None` where it has no examples.
    pub qualities: Vec<Option<Quality>>,
}

/// How each of the weights does on the same folds, and of them the best.
pub(super) fn cross_validate(taught: &Taught<'_>) -> Judged {
    let (fold_of, tried) = (folds(&taught.labels), tried(taught));
    let told: Vec<Vec<Told>> = thread::scope(|scope| {
        let fold_of = &fold_of;
        let ask = |fold| scope.spawn(move || ask_fold(taught, |at| fold_of[at] == fold, tried));
        let running: Vec<_> = (0..FOLDS).map(ask).collect();
        running.into_iter().map(|fold| fold.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    let of_theme = |at: usize, theme: usize| judge(told.iter().flat_map(|fold| fold[at][theme].clone()).collect());
    let judged = tried.iter().enumerate().map(|(at, weights)| Judged {
        weights: *weights,
        qualities: (0..taught.themes).map(|theme| of_theme(at, theme)).collect(),
    });
    // The first of equals.
    let best = judged.reduce(|best, next| if next.mean_f1() > best.mean_f1() { next } else { best });
    best.unwrap_or(Judged { weights: WEIGHTS[0], qualities: vec![] })
}

/// Those to try: without embeddings it makes no difference.
fn tried(taught: &Taught<'_>) -> &'static [Weights] {
    if taught.embeddings.iter().all(|row| row.is_empty()) { &WEIGHTS[..1] } else { &WEIGHTS }
}

/// Probability and truth of each text that was asked, by theme.
type Told = Vec<Vec<(f32, bool)>>;

/// What heads that were taught by the others say of the texts of a fold: once for each of the weights.
fn ask_fold(taught: &Taught<'_>, is_asked: impl Fn(usize) -> bool, tried: &[Weights]) -> Vec<Told> {
    let lesson = Lesson::new(&taught.part(|at| !is_asked(at)));
    let asked = taught.part(is_asked);
    let rows = lesson.scaler.vectors(&asked);
    let of_theme = |theme: usize, head: &Option<Head>| -> Vec<(f32, bool)> {
        let probability = |row: &Vector| head.as_ref().map_or(0.0, |head| head.probability(row));
        rows.iter().zip(&asked.labels).map(|(row, label)| (probability(row), *label == Some(theme))).collect()
    };
    let told =
        |weights: &Weights| lesson.heads(*weights).iter().enumerate().map(|(at, head)| of_theme(at, head)).collect();
    tried.iter().map(told).collect()
}

impl Judged {
    fn mean_f1(&self) -> f32 {
        let known = self.qualities.iter().flatten().map(Quality::f1);
        known.sum::<f32>() / self.qualities.len().max(1) as f32
    }
}

/// Each label's examples in turn, so that every fold has its share of each.
fn folds(labels: &[Option<usize>]) -> Vec<usize> {
    let mut seen = std::collections::HashMap::new();
    let next = |label: &Option<usize>| {
        let seen: &mut usize = seen.entry(*label).or_default();
        *seen += 1;
        (*seen - 1) % FOLDS
    };
    labels.iter().map(next).collect()
}

/// The threshold with the best F1, and what it gives.
fn judge(mut told: Vec<(f32, bool)>) -> Option<Quality> {
    let examples = told.iter().filter(|(_, positive)| *positive).count();
    if examples == 0 {
        return None;
    }
    told.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut best) = (0usize, None);
    for (at, (probability, positive)) in told.iter().enumerate() {
        right += usize::from(*positive);
        let next = told.get(at + 1).map_or(0.0, |(next, _)| *next);
        if *probability < LEAST_THRESHOLD {
            break;
        }
        if next == *probability {
            continue;
        }
        let f1 = 2.0 * right as f32 / (at + 1 + examples) as f32;
        if best.as_ref().is_none_or(|(most, _)| f1 > *most) {
            let threshold = ((probability + next) / 2.0).max(LEAST_THRESHOLD);
            let (precision, recall) = (right as f32 / (at + 1) as f32, right as f32 / examples as f32);
            best = Some((f1, Quality { examples, threshold, precision, recall }));
        }
    }
    let nothing = Quality { examples, threshold: LEAST_THRESHOLD, precision: 0.0, recall: 0.0 };
    Some(best.map_or(nothing, |(_, quality)| quality))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_lies_where_most_is_told_rightly() {
        let told = vec![(0.9, true), (0.8, true), (0.7, false), (0.65, true), (0.4, false), (0.3, true)];
        let Quality { examples, threshold, precision, recall } = judge(told).unwrap();
        assert_eq!((examples, precision, recall), (4, 0.75, 0.75));
        assert!((0.4..0.65).contains(&threshold), "{threshold}");
    }

    /// Posts of eight words each, half of a theme; what does not tell it is drawn by chance.
    fn weight_where(words_tell: bool) -> f32 {
        let mut state = 7u32;
        let mut chance = |of: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % of
        };
        let mut text = |of_theme: bool| {
            let words: Vec<String> = (0..8).map(|_| format!("word{}", chance(40))).collect();
            if words_tell && of_theme { format!("parcel {}", words.join(" ")) } else { words.join(" ") }
        };
        let texts: Vec<String> = (0..80).map(|at| text(at % 2 == 0)).collect();
        let mut row = |of_theme: bool| {
            let mut row: Vec<f32> = (0..8).map(|_| chance(100) as f32).collect();
            row[0] += if of_theme && !words_tell { 80.0 } else { 0.0 };
            row
        };
        let embeddings: Vec<Vec<f32>> = (0..80).map(|at| row(at % 2 == 0)).collect();
        let taught = Taught {
            texts: texts.iter().map(String::as_str).collect(),
            embeddings: embeddings.iter().map(Vec::as_slice).collect(),
            labels: (0..80).map(|at| (at % 2 == 0).then_some(0)).collect(),
            themes: 1,
        };
        cross_validate(&taught).weights.embedding
    }

    #[test]
    fn the_embedding_weighs_little_where_words_tell_and_more_where_they_do_not() {
        assert_eq!(weight_where(true), WEIGHTS[0].embedding);
        assert!(weight_where(false) > WEIGHTS[0].embedding);
    }

    #[test]
    fn a_theme_that_is_never_likely_is_never_told() {
        let quality = judge(vec![(0.3, true), (0.1, false)]).unwrap();
        assert_eq!((quality.threshold, quality.precision, quality.recall), (LEAST_THRESHOLD, 0.0, 0.0));
        assert_eq!(judge(vec![(0.4, false)]), None);
    }

    #[test]
    fn every_fold_has_its_share_of_each_label() {
        let labels: Vec<Option<usize>> = (0..30).map(|n| (n % 3 != 0).then_some(n % 3)).collect();
        let folds = folds(&labels);
        for label in [None, Some(1), Some(2)] {
            let of_label = |fold| folds.iter().zip(&labels).filter(|(f, l)| **f == fold && **l == label).count();
            assert!((0..FOLDS).all(|fold| of_label(fold) == 2));
        }
    }
}
