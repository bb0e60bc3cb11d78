//! The scorer behind [`crate::load`]: texts in, scores out, in the order they came.

use crate::batch::{Batch, WINDOW, plan};
use crate::heads::Heads;
use crate::manifest::Manifest;
use crate::pool::Pool;
use crate::text::{Tokeniser, normalise};
use crate::{Reading, Scorer, ScoringError};

/// One model on a pool of workers.
pub struct ModelScorer {
    pub(crate) model: String,
    pub(crate) manifest: Manifest,
    pub(crate) description: String,
    pub(crate) heads: Heads,
    pub(crate) tokeniser: Tokeniser,
    pub(crate) pool: Pool,
}

impl ModelScorer {
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The sentiment's three outputs for each text, before temperature and softmax; `None` where a text is blank.
    pub fn logits(&self, texts: &[&str]) -> Result<Vec<Option<[f32; 3]>>, ScoringError> {
        let normalised: Vec<String> = texts.iter().map(|text| normalise(text)).collect();
        let rows = normalised.iter().zip(self.rows_of(&normalised)?);
        Ok(rows.map(|(text, row)| row.map(|row| self.heads.logits(text, &row))).collect())
    }

    /// The encoder's part of [`logits`](Self::logits).
    pub fn encoder_logits(&self, texts: &[&str]) -> Result<Vec<Option<[f32; 3]>>, ScoringError> {
        let rows = self.outputs(texts)?;
        Ok(rows.into_iter().map(|row| row.map(|row| self.heads.encoder_logits(&row))).collect())
    }

    /// All that the model gives for each text, in the order of its [layout](crate::layout::Layout); `None` where a text is
    /// blank.
    pub fn outputs(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>, ScoringError> {
        let normalised: Vec<String> = texts.iter().map(|text| normalise(text)).collect();
        self.rows_of(&normalised)
    }

    /// While the workers compute one window, the next is cut into tokens.
    fn rows_of(&self, normalised: &[String]) -> Result<Vec<Option<Vec<f32>>>, ScoringError> {
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
        for (at, row) in flight.finish()? {
            outputs[at] = Some(row);
        }
        Ok(outputs)
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
        let rows = self.rows_of(&normalised)?;
        let texts = normalised.iter().zip(rows);
        Ok(texts.map(|(text, row)| self.heads.reading(text, row.as_deref())).collect())
    }
}
