//! What the linear head sees of a text: the model's embedding, and its words and pairs of words.
//!
//! The embedding knows what a text means, the words which ones it uses; together they tell more than either (app reviews in
//! four classes, five folds: words 68.2 macro-F1, embedding 70.3, both 71.8). Words are hashed, so that nothing must be kept
//! of the vocabulary.

use std::collections::HashMap;

/// Hashed words and pairs: 2^16 places keep what collides rare beside a few thousand examples.
pub(super) const PLACES: usize = 1 << 16;

/// How much the embedding counts beside the words. Mean F1 of the built-in themes by cross-validation: 71.8 at 1, 74.6 at 2,
/// 75.9 at 3; reasons of complaints of airlines 50.5 at 1, 49.5 at 2.
const EMBEDDING: f32 = 2.0;

/// A text as the head sees it. `dense` has a length of about [`EMBEDDING`], `sparse` of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Vector {
    pub dense: Vec<f32>,
    /// Place and value, in order of the place.
    pub sparse: Vec<(u32, f32)>,
}

impl Vector {
    pub fn square(&self) -> f32 {
        let dense: f32 = self.dense.iter().map(|value| value * value).sum();
        dense + self.sparse.iter().map(|(_, value)| value * value).sum::<f32>()
    }
}

/// How examples lie: mean and spread of each dimension of the embedding, and how common each word is.
#[derive(Debug, Clone)]
pub(super) struct Scaler {
    mean: Vec<f32>,
    /// [`EMBEDDING`] over the standard deviation and the root of the dimensions.
    scale: Vec<f32>,
    /// Inverse document frequency by place; of the others `unseen`.
    idf: HashMap<u32, f32>,
    unseen: f32,
}

impl Scaler {
    /// `texts[i]` belongs to `embeddings[i]`.
    pub fn fit(texts: &[&str], embeddings: &[&[f32]]) -> Self {
        let (mean, scale) = spread(embeddings);
        let mut documents: HashMap<u32, u32> = HashMap::new();
        for text in texts {
            counts(text).into_keys().for_each(|place| *documents.entry(place).or_default() += 1);
        }
        let idf = |found: u32| ((1.0 + texts.len() as f32) / (1.0 + found as f32)).ln() + 1.0;
        let unseen = idf(0);
        Self { mean, scale, idf: documents.into_iter().map(|(place, found)| (place, idf(found))).collect(), unseen }
    }

    pub fn vector(&self, text: &str, embedding: &[f32]) -> Vector {
        let centred = embedding.iter().zip(&self.mean).zip(&self.scale);
        let dense = centred.map(|((value, mean), scale)| (value - mean) * scale).collect();
        let weigh = |(place, count): (u32, u32)| {
            let idf = self.idf.get(&place).copied().unwrap_or(self.unseen);
            (place, (1.0 + (count as f32).ln()) * idf)
        };
        let mut sparse: Vec<(u32, f32)> = counts(text).into_iter().map(weigh).collect();
        sparse.sort_unstable_by_key(|(place, _)| *place);
        let length = sparse.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        sparse.iter_mut().for_each(|(_, value)| *value /= length);
        Vector { dense, sparse }
    }
}

fn spread(embeddings: &[&[f32]]) -> (Vec<f32>, Vec<f32>) {
    let (n, width) = (embeddings.len().max(1) as f32, embeddings.first().map_or(0, |row| row.len()));
    let mut mean = vec![0.0; width];
    for row in embeddings {
        mean.iter_mut().zip(*row).for_each(|(mean, value)| *mean += value / n);
    }
    let mut variance = vec![0.0; width];
    for row in embeddings {
        variance
            .iter_mut()
            .zip(row.iter().zip(&mean))
            .for_each(|(all, (value, mean))| *all += (value - mean).powi(2) / n);
    }
    let root = (width as f32).sqrt();
    let scale = |variance: f32| if variance > 1e-12 { EMBEDDING / (variance.sqrt() * root) } else { 0.0 };
    (mean, variance.into_iter().map(scale).collect())
}

/// Words and pairs of neighbours, by place.
fn counts(text: &str) -> HashMap<u32, u32> {
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let mut counts = HashMap::new();
    for word in &words {
        *counts.entry(place(&[word])).or_default() += 1;
    }
    for pair in words.windows(2) {
        *counts.entry(place(pair)).or_default() += 1;
    }
    counts
}

/// FNV-1a over the words, each behind a byte that no word has.
fn place(words: &[&str]) -> u32 {
    let bytes = words.iter().flat_map(|word| std::iter::once(0xff).chain(word.bytes()));
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) & (PLACES as u32 - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_word_weighs_more_than_a_common_one() {
        let scaler = Scaler::fit(&["the app", "the shop", "the parcel"], &[&[], &[], &[]]);
        let vector = scaler.vector("the parcel", &[]);
        let of = |word| vector.sparse.iter().find(|(at, _)| *at == place(&[word])).unwrap().1;
        assert!(of("parcel") > of("the"));
        assert!((vector.square() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn dimensions_are_centred_and_one_that_says_nothing_is_left_out() {
        let scaler = Scaler::fit(&["a", "b"], &[&[1.0, 5.0], &[3.0, 5.0]]);
        let dense = scaler.vector("", &[3.0, 9.0]).dense;
        assert!((dense[0] - EMBEDDING / 2f32.sqrt()).abs() < 1e-6 && dense[1] == 0.0, "{dense:?}");
    }

    #[test]
    fn pairs_are_not_the_words_run_together() {
        assert_ne!(place(&["ab", "c"]), place(&["a", "bc"]));
        assert_ne!(place(&["ab"]), place(&["a", "b"]));
    }
}
