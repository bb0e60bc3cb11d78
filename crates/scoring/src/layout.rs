//! Which numbers a model gives for a text, in which order: sentiment, its other heads, the embedding.

use std::ops::Range;

use crate::manifest::Manifest;

/// The first of a model's outputs.
pub const SENTIMENT: &str = "sentiment";
/// The last of a model's outputs, where it has one.
pub const EMBEDDING: &str = "embedding";

/// The outputs of a model. A row of an engine holds them one behind the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    outputs: Vec<(String, usize)>,
}

impl Layout {
    pub fn of(manifest: &Manifest) -> Self {
        let mut outputs = vec![(SENTIMENT.to_owned(), manifest.classes.len())];
        outputs.extend(manifest.heads.iter().map(|head| (head.name.clone(), head.classes.len())));
        outputs.extend(manifest.embedding.map(|size| (EMBEDDING.to_owned(), size)));
        Self { outputs }
    }

    /// Names and sizes, in order.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, usize)> {
        self.outputs.iter().map(|(name, size)| (name.as_str(), *size))
    }

    /// Numbers of a row.
    pub fn width(&self) -> usize {
        self.outputs.iter().map(|(_, size)| size).sum()
    }

    /// Where an output stands in a row.
    pub fn place(&self, name: &str) -> Option<Range<usize>> {
        let at = self.outputs.iter().position(|(known, _)| known == name)?;
        let begin = self.outputs[..at].iter().map(|(_, size)| size).sum();
        Some(begin..begin + self.outputs[at].1)
    }

    /// Rows of one output each, put together to rows of all.
    pub(crate) fn join(&self, rows: usize, parts: &[Vec<f32>]) -> Vec<f32> {
        let mut joined = Vec::with_capacity(rows * self.width());
        for row in 0..rows {
            for (part, (_, size)) in parts.iter().zip(&self.outputs) {
                joined.extend(part.get(row * size..(row + 1) * size).unwrap_or_default());
            }
        }
        joined
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_holds_the_outputs_in_their_order() {
        let layout = Layout { outputs: vec![("sentiment".into(), 3), ("irony".into(), 2), ("embedding".into(), 2)] };
        assert_eq!((layout.width(), layout.place("irony"), layout.place("theme")), (7, Some(3..5), None));
        let parts = [vec![1.0, 2.0, 3.0, 1.5, 2.5, 3.5], vec![4.0, 5.0, 4.5, 5.5], vec![6.0, 7.0, 6.5, 7.5]];
        let rows = layout.join(2, &parts);
        assert_eq!(rows, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]);
    }
}
