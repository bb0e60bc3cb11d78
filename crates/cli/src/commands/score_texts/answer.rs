//! What is written of each text: its scores, or why it has none. As in the scoring stage, what the model was not made for is
//! not scored, and what nobody knows the language of is.

use std::collections::BTreeMap;

use grapevine_scoring::{Scorer, ScoringError, language, manifest::Manifest};
use serde_json::{Map, Value, json};

use crate::commands::words;

/// Of [`grapevine_model::Scores`]: null where a text is not scored.
const SCORES: &[&str] =
    &["negative", "neutral", "positive", "polarity", "confidence", "intent", "hostility", "irony", "model"];
const DETECTED: &str = "detected_language";
const NOT_SCORED: &str = "not_scored";
/// Fields that may say a text's language, the first wins.
const GIVEN: [&str; 2] = ["language", "lang"];
/// What platforms write where they do not know it.
const UNKNOWN: &str = "und";

/// Answers with one model, and counts what it did not score.
pub struct Answers<'a> {
    pub scorer: &'a dyn Scorer,
    pub manifest: &'a Manifest,
    /// Score what is in a language that the model was not made for, too.
    pub any_language: bool,
    /// By language.
    pub left_out: BTreeMap<String, u64>,
    pub blank: u64,
}

impl Answers<'_> {
    /// Adds to each object its language and its scores; theirs win over fields of its own.
    ///
    /// # Errors
    /// The model fails.
    pub fn add(&mut self, window: &mut [Map<String, Value>], field: &str) -> Result<(), ScoringError> {
        let reasons: Vec<Option<String>> = window.iter_mut().map(|object| self.look(object, field)).collect();
        let scored = window.iter().zip(&reasons).filter(|(_, reason)| reason.is_none());
        let texts: Vec<&str> = scored.map(|(object, _)| text(object, field)).collect();
        let mut scores = self.scorer.score(&texts)?.into_iter();
        for (object, reason) in window.iter_mut().zip(reasons) {
            object.remove(NOT_SCORED);
            object.extend(SCORES.iter().map(|name| ((*name).to_owned(), Value::Null)));
            match reason {
                Some(reason) => {
                    object.insert(NOT_SCORED.to_owned(), json!(reason));
                }
                None => {
                    if let Some(Value::Object(fields)) = scores.next().map(|scores| json!(scores)) {
                        object.extend(fields);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes down the detected language, and says why the text is not to be scored.
    fn look(&mut self, object: &mut Map<String, Value>, field: &str) -> Option<String> {
        let detected = language::detect(text(object, field));
        object.insert(DETECTED.to_owned(), json!(detected));
        if text(object, field).trim().is_empty() {
            self.blank += 1;
            return Some("the text is blank".to_owned());
        }
        let spoken = detected.map(str::to_owned).or_else(|| given(object))?;
        if self.any_language || self.manifest.covers(Some(&spoken)) {
            return None;
        }
        *self.left_out.entry(spoken.clone()).or_default() += 1;
        Some(format!(
            "{} was not made for {spoken}: it reads {}",
            self.scorer.model(),
            self.manifest.languages.join(", ")
        ))
    }

    /// For people, where anything was not scored.
    pub fn summary(&self) -> Option<String> {
        let of_language: u64 = self.left_out.values().sum();
        let mut said = vec![];
        if of_language > 0 {
            let languages: Vec<String> =
                self.left_out.iter().map(|(code, n)| format!("{code} {}", words::count(*n))).collect();
            said.push(format!(
                "{} not scored for the language ({})\nhint: --any-language scores them all the same",
                words::counted(of_language, "text is", "texts are"),
                languages.join(", ")
            ));
        }
        if self.blank > 0 {
            said.push(format!("{} blank, and not scored", words::counted(self.blank, "text is", "texts are")));
        }
        (!said.is_empty()).then(|| said.join("\n"))
    }
}

fn text<'o>(object: &'o Map<String, Value>, field: &str) -> &'o str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Of a BCP 47 tag, the language; of any other word, nothing.
fn given(object: &Map<String, Value>) -> Option<String> {
    let tag = GIVEN.iter().find_map(|name| object.get(*name)?.as_str())?;
    let primary = tag.split(['-', '_']).next()?.to_ascii_lowercase();
    let is_code = matches!(primary.len(), 2 | 3) && primary.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_code && primary != UNKNOWN).then_some(primary)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use grapevine_model::{Intent, Polarity, Scores};
    use grapevine_scoring::{Reading, SHIPPED_MODEL, manifest::ModelFolder};

    use super::*;

    /// Says of every text that it is positive.
    struct Cheerful;

    impl Scorer for Cheerful {
        fn description(&self) -> String {
            "cheerful".into()
        }
        fn model(&self) -> &str {
            "cheerful@1"
        }
        fn read(&self, texts: &[&str]) -> Result<Vec<Reading>, ScoringError> {
            let scores = Scores {
                negative: 0.0,
                neutral: 0.25,
                positive: 0.75,
                polarity: Polarity::Positive,
                confidence: 0.75,
                intent: Intent::None,
                hostility: None,
                irony: Some(0.5),
                themes: Vec::new(),
                model: "cheerful@1".into(),
            };
            Ok(vec![Reading { scores, embedding: None }; texts.len()])
        }
    }

    const LINES: &str = r#"
        {"id": 1, "text": "The export is broken since the last update, can somebody look into it?"}
        {"id": 2, "text": "Zamówienie nadal nie dotarło, a nikt nie odpowiada na moje wiadomości", "language": "en"}
        {"id": 3, "text": "so good 😍"}
        {"id": 4, "text": "super 😍", "lang": "pl-PL"}
        {"id": 5, "text": "super 😍", "lang": "und"}
        {"id": 6, "text": "super 😍", "language": "English"}
        {"id": 7, "text": " ", "polarity": "neutral"}
        {"id": 8, "text": "Le service client est vraiment excellent", "lang": "pl", "not_scored": "of an earlier run"}"#;

    fn answered(any_language: bool) -> String {
        let models = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../models"));
        let manifest = ModelFolder::open(&models.join(SHIPPED_MODEL)).unwrap().manifest;
        // Whatever the shipped model reads.
        let manifest = Manifest { languages: vec!["en".into(), "fr".into()], ..manifest };
        let (left_out, blank) = (BTreeMap::new(), 0);
        let mut answers = Answers { scorer: &Cheerful, manifest: &manifest, any_language, left_out, blank };
        let mut window: Vec<Map<String, Value>> =
            LINES.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
        answers.add(&mut window, "text").unwrap();
        let lines: Vec<String> = window.into_iter().map(|object| Value::Object(object).to_string()).collect();
        format!("{}\n{}", lines.join("\n"), answers.summary().unwrap_or_default())
    }

    #[test]
    fn a_text_in_a_language_that_the_model_was_not_made_for_is_not_scored_and_says_why() {
        insta::assert_snapshot!(answered(false));
    }

    #[test]
    fn any_language_scores_all_but_what_is_blank() {
        insta::assert_snapshot!(answered(true));
    }
}
