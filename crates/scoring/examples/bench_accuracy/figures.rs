//! Accuracy of answers against labels.

pub const HEADER: &str = "set                      who          n      R     F1    acc    ECE";

const BINS: usize = 15;

/// Macro-averaged recall and F1, and accuracy, in percent.
pub struct Figures {
    n: usize,
    recall: f64,
    f1: f64,
    accuracy: f64,
}

impl Figures {
    /// Classes that no text has count for nothing.
    pub fn of(gold: &[usize], told: &[usize], classes: usize) -> Self {
        let count = |fits: &dyn Fn(usize, usize) -> bool| {
            gold.iter().zip(told).filter(|(gold, told)| fits(**gold, **told)).count() as f64
        };
        let present: Vec<usize> = (0..classes).filter(|class| gold.contains(class)).collect();
        let right = |class| count(&|gold, told| gold == class && told == class);
        let recall = |class| right(class) / count(&|gold, _| gold == class);
        let f1 =
            |class| 2.0 * right(class) / (count(&|gold, _| gold == class) + count(&|_, told| told == class)).max(1.0);
        let mean = |of: &dyn Fn(usize) -> f64| {
            100.0 * present.iter().map(|class| of(*class)).sum::<f64>() / present.len().max(1) as f64
        };
        let all = gold.len().max(1) as f64;
        Self {
            n: gold.len(),
            recall: mean(&recall),
            f1: mean(&f1),
            accuracy: 100.0 * count(&|gold, told| gold == told) / all,
        }
    }

    pub fn f1(&self) -> f64 {
        self.f1
    }

    pub fn line(&self, set: &str, who: &str, calibration: Option<f64>) {
        let calibration = calibration.map_or_else(String::new, |error| format!("{error:6.3}"));
        println!(
            "{set:24} {who:6} {:7} {:6.1} {:6.1} {:6.1} {calibration}",
            self.n, self.recall, self.f1, self.accuracy
        );
    }
}

/// Mean and standard deviation, in words.
pub fn spread(values: &[f64]) -> String {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0)).sqrt();
    format!("{mean:.1} ± {deviation:.1}")
}

/// The mean distance of how sure an answer was from how often such answers were right, 0 to 1.
pub fn calibration_error(sure: &[f64], told: &[usize], gold: &[usize]) -> f64 {
    let mut bins = [0.0; BINS];
    for ((sure, told), gold) in sure.iter().zip(told).zip(gold) {
        bins[((sure * BINS as f64) as usize).min(BINS - 1)] += sure - f64::from(u8::from(told == gold));
    }
    bins.iter().map(|apart: &f64| apart.abs()).sum::<f64>() / sure.len().max(1) as f64
}
