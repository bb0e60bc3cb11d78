use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What was measured of a model that scores. It travels through the log, for whoever shows figures has not its folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// `name@version`, as [`Scores::model`](crate::Scores::model).
    pub id: String,
    /// When the scorer that has it said so. The newest card of a model counts.
    pub observed_at: Timestamp,
    /// ISO 639-1 codes of the languages that it scores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// Empty where none was measured: its figures can not be corrected then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confusions: Vec<Confusion>,
}

/// How a model's polarity compares with people's on a set of one language that it was not trained on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confusion {
    /// ISO 639-1.
    pub language: String,
    /// Name of the set.
    pub set: String,
    /// Texts in it: the sum of the counts.
    pub n: u32,
    /// Rows are what people said, columns what the model said: negative, neutral, positive.
    pub counts: [[u32; 3]; 3],
}

impl Confusion {
    /// Mean over the classes of the share that the model found, 0 to 1; `None` where a class has no texts.
    pub fn macro_recall(&self) -> Option<f64> {
        let recall = |class: usize| {
            let of_class: u32 = self.counts[class].iter().sum();
            (of_class > 0).then(|| f64::from(self.counts[class][class]) / f64::from(of_class))
        };
        Some((recall(0)? + recall(1)? + recall(2)?) / 3.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macro_recall_is_the_mean_over_classes_and_unknown_where_one_is_empty() {
        let of = |counts| Confusion { language: "en".into(), set: "s".into(), n: 0, counts };
        let measured = of([[8, 2, 0], [1, 3, 0], [0, 0, 5]]);
        assert_eq!(measured.macro_recall(), Some((0.8 + 0.75 + 1.0) / 3.0));
        assert_eq!(of([[8, 2, 0], [0, 0, 0], [0, 0, 5]]).macro_recall(), None);
    }
}
