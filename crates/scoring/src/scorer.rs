//! The scorer behind [`crate::load`]: texts in, scores out, in the order they came.

use grapevine_model::{Intent, Polarity, Scores};

use crate::batch::{Batch, WINDOW, plan};
use crate::calibrate::{decide, probabilities};
use crate::intent::intent;
use crate::pool::Pool;
use crate::text::{Tokeniser, normalise};
use crate::{Reading, Scorer, ScoringError};

/// One model on a pool of workers.
pub struct ModelScorer {
    pub(crate) model: String,
    pub(crate) description: String,
    pub(crate) temperature: f32,
    pub(crate) tokeniser: Tokeniser,
    pub(crate) pool: Pool,
}

impl ModelScorer {
    /// The model's three outputs for each text, before temperature and softmax; `None` where a text is blank.
    pub fn logits(&self, texts: &[&str]) -> Result<Vec<Option<[f32; 3]>>, ScoringError> {
        let normalised: Vec<String> = texts.iter().map(|text| normalise(text)).collect();
        self.logits_of(&normalised)
    }

    /// While the workers compute one window, the next is cut into tokens.
    fn logits_of(&self, normalised: &[String]) -> Result<Vec<Option<[f32; 3]>>, ScoringError> {
        let mut flight = self.pool.flight();
        for (number, window) in normalised.chunks(WINDOW).enumerate() {
            let mut rows = Vec::with_capacity(window.len());
            for (at, text) in window.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                rows.push((number * WINDOW + at, self.tokeniser.encode(text)?));
            }
            let lengths: Vec<usize> = rows.iter().map(|(_, tokens)| tokens.len()).collect();
            for group in plan(&lengths, self.pool.workers()) {
                let tokens: Vec<&[u32]> = group.iter().map(|&at| rows[at].1.as_slice()).collect();
                flight.send(group.iter().map(|&at| rows[at].0).collect(), Batch::of(&tokens))?;
            }
        }
        let mut outputs = vec![None; normalised.len()];
        for (at, logits) in flight.finish()? {
            outputs[at] = Some(logits);
        }
        Ok(outputs)
    }

    fn scores(&self, text: &str, logits: Option<[f32; 3]>) -> Scores {
        let Some(logits) = logits else { return self.blank() };
        let p = probabilities(logits, self.temperature);
        let (polarity, confidence) = decide(p);
        self.of(p, (polarity, confidence), intent(text, polarity))
    }

    fn blank(&self) -> Scores {
        const THIRD: f32 = 1.0 / 3.0;
        self.of([THIRD; 3], (Polarity::Neutral, THIRD), Intent::None)
    }

    fn of(&self, [negative, neutral, positive]: [f32; 3], decided: (Polarity, f32), intent: Intent) -> Scores {
        let (polarity, confidence) = decided;
        Scores {
            negative,
            neutral,
            positive,
            polarity,
            confidence,
            intent,
            hostility: None,
            irony: None,
            themes: Vec::new(),
            model: self.model.clone(),
        }
    }
}

impl Scorer for ModelScorer {
    fn description(&self) -> String {
        self.description.clone()
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
        let normalised: Vec<String> = texts.iter().map(|text| normalise(text)).collect();
        let logits = self.logits_of(&normalised)?;
        let reading = |(text, logits): (&String, _)| Reading { scores: self.scores(text, logits), embedding: None };
        Ok(normalised.iter().zip(logits).map(reading).collect())
    }
}
