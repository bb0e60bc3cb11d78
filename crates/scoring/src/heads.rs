//! From a row of a model's outputs to what is said of a text.

use std::ops::Range;

use grapevine_model::{Intent, Polarity, Scores};
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};

use crate::calibrate::{decide, probabilities};
use crate::intent::intent;
use crate::layout::{EMBEDDING, Layout, SENTIMENT};
use crate::manifest::{Head, Manifest, ModelFolder};
use crate::terms::Terms;
use crate::{Reading, ScoringError};

/// Where each answer stands in a row, and what it is divided by.
pub(crate) struct Heads {
    model: String,
    sentiment: Range<usize>,
    temperature: f32,
    terms: Option<Terms>,
    hostility: Option<Yes>,
    irony: Option<Yes>,
    intent: Option<(Range<usize>, Vec<Intent>)>,
    embedding: Option<Range<usize>>,
}

/// Of a head of two classes, the one that says yes.
struct Yes {
    place: Range<usize>,
    class: usize,
    temperature: f32,
}

impl Heads {
    /// # Errors
    /// A head with a known name and classes that mean something else; a file of terms that can not be read.
    pub(crate) fn of(folder: &ModelFolder) -> Result<Self, ScoringError> {
        let manifest = &folder.manifest;
        let terms = manifest.files.terms.as_ref().map(|file| Terms::read(&folder.read(file)?)).transpose()?;
        let layout = Layout::of(manifest);
        Ok(Self {
            model: format!("{}@{}", manifest.name, manifest.version),
            sentiment: layout.place(SENTIMENT).unwrap_or_default(),
            temperature: manifest.temperature,
            terms,
            hostility: Yes::find(manifest, &layout, ("hostile", "offensive"))?,
            irony: Yes::find(manifest, &layout, ("irony", "irony"))?,
            intent: intents(manifest, &layout)?,
            embedding: layout.place(EMBEDDING),
        })
    }

    /// The encoder's three outputs of the sentiment.
    pub(crate) fn encoder_logits(&self, row: &[f32]) -> [f32; 3] {
        std::array::from_fn(|class| row[self.sentiment.start + class])
    }

    /// The three outputs of the sentiment: what the encoder says, and what the terms of the normalised text add.
    pub(crate) fn logits(&self, text: &str, row: &[f32]) -> [f32; 3] {
        let (encoder, added) =
            (self.encoder_logits(row), self.terms.as_ref().map_or([0.0; 3], |terms| terms.say(text)));
        std::array::from_fn(|class| encoder[class] + added[class])
    }

    /// `text` is normalised; `row` is absent where it is blank.
    pub(crate) fn reading(&self, text: &str, row: Option<&[f32]>) -> Reading {
        const THIRD: f32 = 1.0 / 3.0;
        let Some(row) = row else {
            let scores = self.scores([THIRD; 3], (Polarity::Neutral, THIRD));
            return Reading { scores, embedding: None };
        };
        let p = probabilities(self.logits(text, row), self.temperature);
        let decided = decide(p);
        let intent = match &self.intent {
            Some((place, classes)) => classes[highest(&row[place.clone()])],
            None => intent(text, decided.0),
        };
        let said = |head: &Option<Yes>| head.as_ref().map(|head| head.probability(row));
        let scores = self.scores(p, decided);
        let scores = Scores { intent, hostility: said(&self.hostility), irony: said(&self.irony), ..scores };
        Reading { scores, embedding: self.embedding.clone().map(|place| unit(&row[place])) }
    }

    fn scores(&self, [negative, neutral, positive]: [f32; 3], (polarity, confidence): (Polarity, f32)) -> Scores {
        Scores {
            negative,
            neutral,
            positive,
            polarity,
            confidence,
            intent: Intent::None,
            hostility: None,
            irony: None,
            themes: Vec::new(),
            model: self.model.clone(),
        }
    }
}

impl Yes {
    fn find(manifest: &Manifest, layout: &Layout, (name, class): (&str, &str)) -> Result<Option<Self>, ScoringError> {
        let Some((head, place)) = known(manifest, layout, name) else { return Ok(None) };
        match head.classes.iter().position(|known| known == class) {
            Some(class) if head.classes.len() == 2 => Ok(Some(Self { place, class, temperature: head.temperature })),
            _ => Err(odd(head, &format!("expected two, one of them `{class}`"))),
        }
    }

    fn probability(&self, row: &[f32]) -> f32 {
        let outputs = &row[self.place.clone()];
        let apart = (outputs[self.class] - outputs[1 - self.class]) / self.temperature;
        1.0 / (1.0 + (-apart).exp())
    }
}

fn known<'m>(manifest: &'m Manifest, layout: &Layout, name: &str) -> Option<(&'m Head, Range<usize>)> {
    let head = manifest.heads.iter().find(|head| head.name == name)?;
    Some((head, layout.place(name)?))
}

/// Where the outputs of the head stand, and what they mean.
type Intents = (Range<usize>, Vec<Intent>);

fn intents(manifest: &Manifest, layout: &Layout) -> Result<Option<Intents>, ScoringError> {
    let Some((head, place)) = known(manifest, layout, "intent") else { return Ok(None) };
    let read = |class: &String| Intent::deserialize(StrDeserializer::<Error>::new(class));
    let classes: Result<Vec<Intent>, _> = head.classes.iter().map(read).collect();
    Ok(Some((place, classes.map_err(|error| odd(head, &error.to_string()))?)))
}

fn odd(head: &Head, why: &str) -> ScoringError {
    ScoringError::Model(format!("the manifest's head `{}` has the classes {:?}: {why}", head.name, head.classes))
}

fn highest(outputs: &[f32]) -> usize {
    (1..outputs.len()).fold(0, |best, at| if outputs[at] > outputs[best] { at } else { best })
}

/// Of length 1; all zeros stay.
fn unit(values: &[f32]) -> Vec<f32> {
    let length = values.iter().map(|x| x * x).sum::<f32>().sqrt();
    values.iter().map(|x| if length > 0.0 { x / length } else { 0.0 }).collect()
}
