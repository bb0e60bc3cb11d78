//! The built-in themes by the shipped model, on their own examples.

use grapevine_scoring::theme::{Quality, Scheme, Themes};

use crate::support::int8;

#[test]
fn the_shipped_model_tells_the_built_in_themes_on_examples_that_it_did_not_see() {
    let themes = Themes::train(Scheme::with(&[]).unwrap(), int8()).unwrap();
    let f1 = |quality: &Quality| 2.0 * quality.precision * quality.recall / (quality.precision + quality.recall);
    let mut all = vec![];
    for theme in themes.themes() {
        let quality = themes.quality(&theme.name).unwrap();
        println!("{:24} precision {:.2} recall {:.2}", theme.name, quality.precision, quality.recall);
        all.push(f1(&quality));
    }
    let mean = all.iter().sum::<f32>() / all.len() as f32;
    println!("mean F1 {mean:.3}");
    assert!(mean > 0.72 && all.iter().all(|f1| *f1 > 0.5), "mean {mean}: {all:?}");
}
