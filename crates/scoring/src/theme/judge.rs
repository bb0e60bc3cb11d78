//! How well the head of each theme does on examples that it was not trained on, and from which probability on a post is of
//! the theme.

use super::features::{Scaler, Vector};
use super::logistic::Head;

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

/// One quality a theme; `None` where it has no examples.
pub(super) fn cross_validate(
    texts: &[&str],
    embeddings: &[&[f32]],
    labels: &[Option<usize>],
    themes: usize,
) -> Vec<Option<Quality>> {
    let fold_of = folds(labels);
    let mut probabilities = vec![vec![0.0; texts.len()]; themes];
    for fold in 0..FOLDS {
        let taught: Vec<usize> = (0..texts.len()).filter(|at| fold_of[*at] != fold).collect();
        let pick_text: Vec<&str> = taught.iter().map(|at| texts[*at]).collect();
        let pick: Vec<&[f32]> = taught.iter().map(|at| embeddings[*at]).collect();
        let scaler = Scaler::fit(&pick_text, &pick);
        let rows: Vec<Vector> = texts.iter().zip(embeddings).map(|(text, row)| scaler.vector(text, row)).collect();
        let train: Vec<&Vector> = taught.iter().map(|at| &rows[*at]).collect();
        for (theme, probabilities) in probabilities.iter_mut().enumerate() {
            let positive: Vec<bool> = taught.iter().map(|at| labels[*at] == Some(theme)).collect();
            if !positive.contains(&true) {
                continue;
            }
            let head = Head::train(&train, &positive);
            for at in (0..texts.len()).filter(|at| fold_of[*at] == fold) {
                probabilities[at] = head.probability(&rows[at]);
            }
        }
    }
    let quality = |(theme, probabilities): (usize, Vec<f32>)| {
        judge(probabilities.into_iter().zip(labels.iter().map(|label| *label == Some(theme))).collect())
    };
    probabilities.into_iter().enumerate().map(quality).collect()
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
