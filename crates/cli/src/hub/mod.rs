//! Models by their name on a hub of Hugging Face's layout: where they lie once fetched. What fetches them is [`fetch`].

pub mod fetch;

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use grapevine_scoring::onnx_engine::cache_folder;

const PREFIX: &str = "hf:";
const MAIN: &str = "main";

/// Whether what stands where a folder of a model may stand is a name.
pub fn is_name(model: &Path) -> bool {
    model.to_str().is_some_and(|model| model.starts_with(PREFIX))
}

/// `hf:owner/name`, `hf:owner/name@revision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    pub owner: String,
    pub name: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

impl Name {
    pub fn of(model: &Path) -> anyhow::Result<Self> {
        let model = model.display().to_string();
        let named = model.strip_prefix(PREFIX).and_then(|rest| {
            let (path, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
            let (owner, name) = path.split_once('/')?;
            [owner, name, revision].into_iter().all(is_word).then(|| Self {
                owner: owner.to_owned(),
                name: name.to_owned(),
                revision: revision.to_owned(),
            })
        });
        named.with_context(|| {
            format!("`{model}` is no name of a model; write hf:owner/name or hf:owner/name@revision, without further slashes")
        })
    }

    /// Where it lies once it is fetched. The folder is also the model's name, and becomes part of every scored mention.
    pub fn folder(&self) -> anyhow::Result<PathBuf> {
        let cache =
            cache_folder().context("neither GRAPEVINE_CACHE nor HOME is set, so there is no cache for models")?;
        let revision = if self.revision == MAIN { String::new() } else { format!("--{}", self.revision) };
        Ok(cache.join("hub").join(format!("{}--{}{revision}", self.owner, self.name)))
    }

    /// The folder, where it was fetched.
    pub fn fetched(&self) -> anyhow::Result<PathBuf> {
        let folder = self.folder()?;
        if !folder.is_dir() {
            bail!(
                "the model {self} is not in {}\nhint: `grapevine model fetch {self} --language en` fetches it once; nothing is fetched \
                 without being asked for",
                folder.display()
            );
        }
        Ok(folder)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{PREFIX}{}/{}", self.owner, self.name)?;
        if self.revision == MAIN { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

/// As hubs allow them. It becomes part of a path: no word begins with a dot.
fn is_word(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !word.is_empty() && !word.starts_with('.') && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_and_what_would_leave_the_cache_is_refused() {
        let of = |model: &str| Name::of(Path::new(model));
        let known = of("hf:some-owner/a.model_2").unwrap();
        assert_eq!((known.to_string().as_str(), known.revision.as_str()), ("hf:some-owner/a.model_2", "main"));
        assert_eq!(of("hf:o/m@v1.0").unwrap().to_string(), "hf:o/m@v1.0");
        for odd in ["hf:m", "hf:o/../m", "hf:../m", "hf:o/m/n", "hf:o/m@", "hf:o/m@a/b", "hf:/m", "hf:o/m m"] {
            assert!(of(odd).is_err(), "{odd}");
        }
        assert!(is_name(Path::new("hf:o/m")) && !is_name(Path::new("models/hf")));
    }
}
