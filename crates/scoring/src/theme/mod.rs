//! Themes: what a post is about, by rules and by a linear head over the encoder's embedding.
//!
//! The head of each theme is trained when the program starts, from the theme's examples against those of all others and a
//! background of posts about nothing in particular. From which probability on a post is of the theme is found by
//! cross-validation over the same examples, and so is how much the embedding counts beside the letters, how often that is
//! right and how much it finds. A post may be of
//! several themes, or of none: that is `other` in figures.
//!
//! Probabilities are told as if the theme were as likely as not; they order posts, and are no shares of a population. A rule
//! that matches says 1, and is marked as a rule.

mod features;
mod folds;
mod judge;
mod learn;
mod logistic;
mod rules;
mod scheme;

use grapevine_model::{Author, Mention, MentionKey, ThemeScore};
use jiff::Timestamp;

use features::Scaler;
pub(crate) use features::{Vector, counted, runs, term};
pub use folds::{Examples, cross_tell, tell};
pub use judge::Quality;
use judge::{Judged, cross_validate};
use learn::{Lesson, Taught};
pub(crate) use logistic::{Head, Settings};
use rules::Rules;
pub use scheme::{LEAST_EXAMPLES, Scheme, Theme, ThemeError};

use crate::{Scorer, ScoringError};

/// What posts without a theme are counted as.
pub const OTHER: &str = "other";

/// Gives the embedding of each text; `None` for all where the model has none.
pub trait Embed {
    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>, ScoringError>;
}

impl<S: Scorer + ?Sized> Embed for S {
    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>, ScoringError> {
        Ok(self.read(texts)?.into_iter().map(|reading| reading.embedding).collect())
    }
}

/// Tells the themes of posts.
#[derive(Debug)]
pub struct Themes {
    scheme: Scheme,
    rules: Rules,
    /// Absent where the model gives no embeddings: then the rules alone decide.
    model: Option<Model>,
}

#[derive(Debug)]
struct Model {
    scaler: Scaler,
    /// One a theme; absent where it has too few examples.
    heads: Vec<Option<(Head, Quality)>>,
}

/// What is said of one post about one theme, whether or not it is of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict<'a> {
    pub theme: &'a str,
    /// Of the head; absent where there is none.
    pub probability: Option<f32>,
    pub threshold: f32,
    /// A rule of the theme matched.
    pub rule: bool,
}

impl Verdict<'_> {
    pub fn holds(&self) -> bool {
        self.rule || self.probability.is_some_and(|probability| probability >= self.threshold)
    }
}

impl Themes {
    /// Trains the heads.
    ///
    /// # Errors
    /// A rule that is no query, or a model that fails.
    pub fn train(scheme: Scheme, embed: &(impl Embed + ?Sized)) -> Result<Self, ThemesError> {
        let rules = Rules::new(&scheme.themes)?;
        let (texts, labels) = scheme.examples();
        let embeddings: Option<Vec<Vec<f32>>> = embed.embed(&texts)?.into_iter().collect();
        let model = embeddings.map(|embeddings| {
            let embeddings = embeddings.iter().map(Vec::as_slice).collect();
            Model::train(&Taught { texts, embeddings, labels, themes: scheme.themes.len() })
        });
        Ok(Self { scheme, rules, model })
    }

    pub fn themes(&self) -> &[Theme] {
        &self.scheme.themes
    }

    /// Whether the model that they were trained with gives embeddings.
    pub fn has_embeddings(&self) -> bool {
        self.model.is_some()
    }

    /// How well the head of a theme does, by cross-validation on its examples; `None` where rules alone decide.
    pub fn quality(&self, theme: &str) -> Option<Quality> {
        let at = self.scheme.themes.iter().position(|known| known.name == theme)?;
        self.model.as_ref()?.heads[at].as_ref().map(|(_, quality)| *quality)
    }

    /// The themes of a post, the most probable first.
    pub fn score(&self, mention: &Mention, embedding: Option<&[f32]>) -> Vec<ThemeScore> {
        let told = self.verdicts(mention, embedding).into_iter().filter(Verdict::holds);
        let mut themes: Vec<ThemeScore> = told
            .map(|told| ThemeScore {
                theme: told.theme.to_owned(),
                probability: if told.rule { 1.0 } else { told.probability.unwrap_or_default() },
                rule: told.rule,
            })
            .collect();
        themes.sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.theme.cmp(&b.theme)));
        themes
    }

    /// The themes of a text of which nothing else is known: rules see what stands in it.
    pub fn score_text(&self, text: &str, embedding: Option<&[f32]>) -> Vec<ThemeScore> {
        let key = MentionKey::new("", "", "");
        self.score(&Mention::new(key, Author::default(), Timestamp::UNIX_EPOCH, text), embedding)
    }

    /// What is said of a post about every theme, in the order of the scheme.
    pub fn verdicts(&self, mention: &Mention, embedding: Option<&[f32]>) -> Vec<Verdict<'_>> {
        let matched = self.rules.matches(mention);
        let model = self.model.as_ref().zip(embedding);
        let vector = model.map(|(model, embedding)| model.scaler.vector(&mention.text, embedding));
        let verdict = |(at, theme): (usize, &'_ Theme)| -> Verdict<'_> {
            let head = self.model.as_ref().and_then(|model| model.heads[at].as_ref());
            Verdict {
                theme: self.scheme.themes[at].name.as_str(),
                probability: head.zip(vector.as_ref()).map(|((head, _), vector)| head.probability(vector)),
                threshold: head.map_or(1.0, |(_, quality)| quality.threshold),
                rule: matched.contains(&theme.name),
            }
        };
        self.scheme.themes.iter().enumerate().map(verdict).collect()
    }
}

impl Model {
    fn train(taught: &Taught<'_>) -> Self {
        let Judged { weights, qualities } = cross_validate(taught);
        let lesson = Lesson::new(taught);
        let heads = lesson.heads(weights).into_iter().zip(qualities).map(|(head, quality)| head.zip(quality)).collect();
        Self { scaler: lesson.scaler, heads }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ThemesError {
    #[error(transparent)]
    Scheme(#[from] ThemeError),
    #[error("the examples of the themes could not be read by the model: {0}")]
    Model(#[from] ScoringError),
}

#[cfg(test)]
mod tests;
