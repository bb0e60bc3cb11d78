//! From the model's outputs to probabilities that mean what they say, by temperature scaling.
//!
//! The outputs are divided by one number, the temperature, before the softmax. It is fitted once on labelled texts that the
//! model was not trained on, and stands in the manifest. It changes no polarity, only how sure the model claims to be.

use grapevine_model::Polarity;

/// Probabilities in the order of [`Polarity::ALL`]; they sum to 1.
pub fn probabilities(logits: [f32; 3], temperature: f32) -> [f32; 3] {
    let highest = logits.into_iter().fold(f32::NEG_INFINITY, f32::max);
    let powers = logits.map(|x| ((x - highest) / temperature).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|p| p / sum)
}

/// The most probable polarity and its probability. Of two that are even, the one nearer to neutral.
pub fn decide(probabilities: [f32; 3]) -> (Polarity, f32) {
    let [negative, neutral, positive] = probabilities;
    if neutral >= negative && neutral >= positive {
        (Polarity::Neutral, neutral)
    } else if negative >= positive {
        (Polarity::Negative, negative)
    } else {
        (Polarity::Positive, positive)
    }
}

/// The temperature between 0.2 and 5 with the least mean negative log-likelihood of the labels, by golden section.
///
/// `labels[i]` is a position in [`Polarity::ALL`].
pub fn fit_temperature(logits: &[[f32; 3]], labels: &[usize]) -> f32 {
    let loss = |temperature: f32| -> f64 {
        let one = |(&outputs, &label): (&[f32; 3], &usize)| -f64::from(probabilities(outputs, temperature)[label]).ln();
        logits.iter().zip(labels).map(one).sum()
    };
    let golden = (5f32.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.2, 5.0);
    while high - low > 1e-3 {
        let step = golden * (high - low);
        if loss(high - step) < loss(low + step) {
            high = low + step;
        } else {
            low = high - step;
        }
    }
    (low + high) / 2.0
}

/// Expected calibration error, 0 to 1: the mean distance of confidence from accuracy over 15 equal bins of confidence.
pub fn calibration_error(logits: &[[f32; 3]], labels: &[usize], temperature: f32) -> f32 {
    const BINS: usize = 15;
    let mut bins = [(0.0f32, 0.0f32); BINS];
    for (&outputs, &label) in logits.iter().zip(labels) {
        let (polarity, confidence) = decide(probabilities(outputs, temperature));
        let (claimed, right) = &mut bins[((confidence * BINS as f32) as usize).min(BINS - 1)];
        *claimed += confidence;
        *right += f32::from(polarity == Polarity::ALL[label]);
    }
    bins.iter().map(|(claimed, right)| (claimed - right).abs()).sum::<f32>() / logits.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn probabilities_sum_to_one_even_for_extreme_outputs() {
        for logits in [[0.0; 3], [1e4, -1e4, 0.0], [-3.0, 2.0, 2.0]] {
            let sum: f32 = probabilities(logits, 1.3).iter().sum();
            assert!((sum - 1.0).abs() < 1e-6, "{logits:?} gives {sum}");
        }
    }

    #[test]
    fn an_even_result_is_neutral_before_it_is_negative() {
        assert_eq!(decide([1.0 / 3.0; 3]).0, Polarity::Neutral);
        assert_eq!(decide([0.45, 0.1, 0.45]).0, Polarity::Negative);
        assert_eq!(decide([0.1, 0.2, 0.7]), (Polarity::Positive, 0.7));
    }

    #[test]
    fn the_temperature_that_spoilt_the_outputs_is_found_again() {
        let mut random = SmallRng::seed_from_u64(1);
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..5_000 {
            let honest: [f32; 3] = std::array::from_fn(|_| random.random_range(-2.0..2.0));
            let p = probabilities(honest, 1.0);
            let draw: f32 = random.random();
            labels.push(usize::from(draw > p[0]) + usize::from(draw > p[0] + p[1]));
            logits.push(honest.map(|x| x * 2.5));
        }
        let temperature = fit_temperature(&logits, &labels);
        assert!((temperature - 2.5).abs() < 0.15, "found {temperature}");
        let (before, after) =
            (calibration_error(&logits, &labels, 1.0), calibration_error(&logits, &labels, temperature));
        assert!(after < 0.03 && before > 0.1, "{before} -> {after}");
    }
}
