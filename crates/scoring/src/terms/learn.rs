use super::{
    Terms,
    features::{PLACES, features},
};
use crate::theme::{Head, Settings, Vector};

/// Learns from normalised texts, `classes[i]` being that of `texts[i]`: each class against the two others, both sides weighing the
/// same. A text counts as often as it stands there.
pub fn learn(texts: &[String], classes: &[usize]) -> Terms {
    let vector = |text: &String| Vector { dense: vec![], sparse: features(text) };
    let rows: Vec<Vector> = texts.iter().map(vector).collect();
    let rows: Vec<&Vector> = rows.iter().collect();
    let places = 2 * PLACES as usize;
    let mut terms = Terms { weights: vec![[0; 3]; places], scale: [0.0; 3], bias: [0.0; 3] };
    let settings = Settings { places, weight: 1.0, cost: 1.0 };
    for class in 0..3 {
        let is_it: Vec<bool> = classes.iter().map(|of| *of == class).collect();
        let (weights, bias) = Head::train(&rows, &is_it, settings).into_sparse();
        let most = weights.iter().fold(f32::MIN_POSITIVE, |most, weight| most.max(weight.abs()));
        terms.scale[class] = most / f32::from(i8::MAX);
        terms.bias[class] = bias;
        for (row, weight) in terms.weights.iter_mut().zip(weights) {
            row[class] = (weight / terms.scale[class]).round() as i8;
        }
    }
    terms
}
