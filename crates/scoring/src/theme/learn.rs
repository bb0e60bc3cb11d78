//! From examples to heads.

use super::features::{Scaler, Vector};
use super::logistic::Head;

/// Examples: `embeddings[i]` and `labels[i]` belong to `texts[i]`; a label of `None` is of no theme.
#[derive(Debug, Clone, Default)]
pub(super) struct Taught<'a> {
    pub texts: Vec<&'a str>,
    pub embeddings: Vec<&'a [f32]>,
    pub labels: Vec<Option<usize>>,
    pub themes: usize,
}

impl Taught<'_> {
    /// Those whose position fits.
    pub fn part(&self, fits: impl Fn(usize) -> bool) -> Self {
        let rows: Vec<usize> = (0..self.texts.len()).filter(|row| fits(*row)).collect();
        Self {
            texts: rows.iter().map(|row| self.texts[*row]).collect(),
            embeddings: rows.iter().map(|row| self.embeddings[*row]).collect(),
            labels: rows.iter().map(|row| self.labels[*row]).collect(),
            themes: self.themes,
        }
    }
}

/// Examples as heads see them, so that heads of several weights are trained on the same.
pub(super) struct Lesson {
    pub scaler: Scaler,
    rows: Vec<Vector>,
    labels: Vec<Option<usize>>,
    themes: usize,
}

impl Lesson {
    pub fn new(taught: &Taught<'_>) -> Self {
        let scaler = Scaler::fit(taught);
        let rows = scaler.vectors(taught);
        Self { scaler, rows, labels: taught.labels.clone(), themes: taught.themes }
    }

    /// One head a theme, where the embedding weighs so much; `None` of a theme without examples.
    pub fn heads(&self, weight: f32) -> Vec<Option<Head>> {
        let rows: Vec<&Vector> = self.rows.iter().collect();
        let head = |theme| {
            let positive: Vec<bool> = self.labels.iter().map(|label| *label == Some(theme)).collect();
            positive.contains(&true).then(|| Head::train(&rows, self.scaler.places(), &positive, weight))
        };
        (0..self.themes).map(head).collect()
    }
}
