//! What words and runs of letters say of the sentiment, beside the encoder: three numbers that are added to its outputs.
//!
//! The encoder knows what a text means, but learns slowly which of the many words go with what. Logistic regression learns just
//! that, from the same texts in seconds, and errs elsewhere: the sum is right more often than each. It takes 13 us a text, a three
//! hundredth of what the encoder does. `examples/train_terms.rs` makes the file, and prints what it brings.

mod features;
mod learn;

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::ScoringError;
use features::{PLACES, features};
pub use learn::learn;

const WEIGHT: &str = "terms.weight";
const SCALE: &str = "terms.scale";
const BIAS: &str = "terms.bias";

/// One row of weights a place, in int8; classes in the order of [`Polarity::ALL`](grapevine_model::Polarity::ALL).
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    weights: Vec<[i8; 3]>,
    /// What 1 is worth, of each class.
    scale: [f32; 3],
    bias: [f32; 3],
}

impl Terms {
    /// # Errors
    /// A file that is not what [`Terms::to_bytes`] makes.
    pub fn read(bytes: &[u8]) -> Result<Self, ScoringError> {
        let wrong = |what: String| ScoringError::Model(format!("cannot use the model's weights of terms: {what}"));
        let file = SafeTensors::deserialize(bytes).map_err(|error| wrong(error.to_string()))?;
        let tensor = |name, dtype, shape: &[usize]| {
            let tensor = file.tensor(name).map_err(|error| wrong(error.to_string()))?;
            match tensor.dtype() == dtype && tensor.shape() == shape {
                true => Ok(tensor.data()),
                false => Err(wrong(format!("{name} is {:?} {:?}, expected {shape:?}", tensor.dtype(), tensor.shape()))),
            }
        };
        let three = |name| {
            let bytes = tensor(name, Dtype::F32, &[3])?.as_chunks::<4>().0;
            Ok(std::array::from_fn(|class| f32::from_le_bytes(bytes[class])))
        };
        let weights = tensor(WEIGHT, Dtype::I8, &[2 * PLACES as usize, 3])?.as_chunks::<3>().0;
        let weights = weights.iter().map(|row| row.map(u8::cast_signed)).collect();
        Ok(Self { weights, scale: three(SCALE)?, bias: three(BIAS)? })
    }

    /// As a file of safetensors.
    ///
    /// # Errors
    /// None that these shapes can have.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ScoringError> {
        let wrong = |error: safetensors::SafeTensorError| ScoringError::Model(error.to_string());
        let weights: Vec<u8> = self.weights.iter().flatten().map(|weight| weight.cast_unsigned()).collect();
        let [scale, bias] = [self.scale, self.bias].map(|three| three.map(f32::to_le_bytes).concat());
        let tensors = [
            (WEIGHT, TensorView::new(Dtype::I8, vec![self.weights.len(), 3], &weights).map_err(wrong)?),
            (SCALE, TensorView::new(Dtype::F32, vec![3], &scale).map_err(wrong)?),
            (BIAS, TensorView::new(Dtype::F32, vec![3], &bias).map_err(wrong)?),
        ];
        safetensors::serialize(tensors, None).map_err(wrong)
    }

    /// What is said of a normalised text.
    pub fn say(&self, text: &str) -> [f32; 3] {
        let mut sums = [0.0f32; 3];
        for (place, value) in features(text) {
            let weights = self.weights[place as usize];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * f32::from(weight));
        }
        std::array::from_fn(|class| sums[class] * self.scale[class] + self.bias[class])
    }

    /// The same, so many times as loud.
    #[must_use]
    pub fn times(mut self, factor: f32) -> Self {
        self.scale = self.scale.map(|scale| scale * factor);
        self.bias = self.bias.map(|bias| bias * factor);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taught() -> Terms {
        let texts =
            ["what a lovely day", "awful, it broke again", "opens at nine", "lovely people", "it is awful", "at nine"];
        learn(&texts.map(str::to_owned), &[2, 0, 1, 2, 0, 1])
    }

    fn highest(said: [f32; 3]) -> usize {
        (0..3).max_by(|a, b| said[*a].total_cmp(&said[*b])).unwrap()
    }

    #[test]
    fn words_and_their_parts_are_learnt() {
        let terms = taught();
        for (text, class) in [("a lovely thing", 2), ("so awful", 0), ("nine", 1), ("AWFULLY", 0), ("lovelier", 2)] {
            assert_eq!(highest(terms.say(text)), class, "{text}: {:?}", terms.say(text));
        }
    }

    #[test]
    fn a_file_says_the_same_and_one_that_is_none_is_refused() {
        let terms = taught().times(0.5);
        let bytes = terms.to_bytes().unwrap();
        assert_eq!(Terms::read(&bytes).unwrap(), terms);
        let error = Terms::read(&bytes[..100]).unwrap_err().to_string();
        assert!(error.contains("weights of terms"), "{error}");
    }

    #[test]
    fn twice_as_loud_is_twice_as_much() {
        let (once, twice) = (taught().say("lovely"), taught().times(2.0).say("lovely"));
        assert!(once.iter().zip(twice).all(|(once, twice)| (2.0 * once - twice).abs() < 1e-5));
    }
}
