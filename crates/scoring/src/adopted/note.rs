//! What a folder of Hugging Face does not say of its model.

use std::{collections::BTreeMap, fs, io, path::Path};

use grapevine_model::{Confusion, Polarity};
use serde::{Deserialize, Serialize};

use super::wrong;
use crate::{ScoringError, manifest::Accuracy};

/// Name of the file inside the model's folder.
pub const FILE_NAME: &str = "grapevine.json";

/// The file `grapevine.json` beside the model. Only `languages` must be there.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// ISO 639-1 codes of the languages that it reads; a mention in another one is not scored.
    pub languages: Vec<String>,
    /// What a class means, where its name does not say it.
    #[serde(default)]
    pub labels: BTreeMap<String, Polarity>,
    /// The folder's name where it is absent.
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub licence: Option<String>,
    /// What is longer is cut; 512 or what the network has room for, where it is absent.
    #[serde(default)]
    pub max_tokens: Option<usize>,
    /// As in a manifest: 1 where it was not fitted.
    #[serde(default)]
    pub temperature: Option<f32>,
    #[serde(default)]
    pub accuracy: Vec<Accuracy>,
    /// As in a manifest: what corrected figures are corrected by.
    #[serde(default)]
    pub confusions: Vec<Confusion>,
}

impl Note {
    pub(super) fn read(folder: &Path) -> Result<Self, ScoringError> {
        let example = r#"{"languages": ["en"]}"#;
        let bytes = fs::read(folder.join(FILE_NAME)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => wrong(
                folder,
                &format!(
                    "it has no manifest.json: copy it again if it is a model of Grapevine's. If it is one of Hugging Face's, nobody \
                     says which languages it reads: write {FILE_NAME} into its folder, for example {example}"
                ),
            ),
            _ => wrong(folder, &format!("its {FILE_NAME} cannot be read: {error}")),
        })?;
        let note: Self = serde_json::from_slice(&bytes)
            .map_err(|error| wrong(folder, &format!("its {FILE_NAME} is not as expected: {error}")))?;
        if note.languages.is_empty() {
            return Err(wrong(folder, &format!("its {FILE_NAME} names no language; for example {example}")));
        }
        Ok(note)
    }
}
