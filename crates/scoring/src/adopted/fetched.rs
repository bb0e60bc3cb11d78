//! What was fetched from a hub, and what it was when it came.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde::{Deserialize, Serialize};

use super::wrong;
use crate::{ScoringError, manifest::ModelFile};

/// Name of the file inside the model's folder.
pub const FILE_NAME: &str = "fetched.json";

/// The file `fetched.json` beside a model that was fetched by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// `hf:owner/name`, as it was asked for.
    pub name: String,
    /// The version that the hub gave, where it says so.
    pub commit: Option<String>,
    pub files: BTreeMap<String, FetchedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchedFile {
    pub bytes: u64,
    /// Lower-case hexadecimal.
    pub sha256: String,
}

impl Fetched {
    /// `None` where the folder was not fetched.
    ///
    /// # Errors
    /// The file is there and can not be read.
    pub fn read(folder: &Path) -> Result<Option<Self>, ScoringError> {
        let odd = |error: &dyn std::fmt::Display| wrong(folder, &format!("its {FILE_NAME} cannot be read: {error}"));
        match fs::read(folder.join(FILE_NAME)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| odd(&error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(odd(&error)),
        }
    }

    pub(super) fn check<'f>(
        &self,
        folder: &Path,
        files: impl IntoIterator<Item = &'f ModelFile>,
    ) -> Result<(), ScoringError> {
        for file in files {
            let known = self.files.get(&file.path);
            if known.is_none_or(|known| known.sha256 != file.sha256) {
                let came = known.map_or("did not come with it", |known| &known.sha256);
                let (path, found) = (&file.path, &file.sha256);
                return Err(wrong(
                    folder,
                    &format!(
                        "its {path} is not the one that was fetched: sha256 {came}, found {found}; fetch it anew: grapevine model \
                         fetch {}",
                        self.name
                    ),
                ));
            }
        }
        Ok(())
    }

    /// In one line, for the manifest.
    pub(super) fn provenance(&self) -> String {
        let commit = self.commit.as_deref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
        format!("fetched as {}{commit}", self.name)
    }
}
