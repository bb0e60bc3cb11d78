//! The configuration: one TOML file, every key documented where it is declared, every mistake named with its place.

mod error;
mod load;
mod sections;

pub use error::ConfigError;
pub use load::load;
pub use sections::{
    AlertsSection, ApiSection, LogKind, LogSection, MonitoringSection, ScoringSection, StoreKind, StoreSection,
};

use std::path::{Path, PathBuf};

use grapevine_monitor::Brand;
use grapevine_scoring::theme::Theme;
use grapevine_store::Retention;
use serde::Deserialize;

use crate::hub;

/// `grapevine.toml`, read and checked. Relative paths in it are relative to the file's own folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of everything that is kept: the embedded log, the embedded engine's tables, the token. Default: `grapevine-data`.
    #[serde(default = "default_data_dir")]
    pub data_dir: PathBuf,
    #[serde(default)]
    pub log: LogSection,
    #[serde(default)]
    pub store: StoreSection,
    /// For how long mentions are kept, by brand and platform.
    #[serde(default)]
    pub retention: Retention,
    #[serde(default)]
    pub scoring: ScoringSection,
    #[serde(default)]
    pub api: ApiSection,
    #[serde(default)]
    pub alerts: AlertsSection,
    #[serde(default)]
    pub monitoring: MonitoringSection,
    /// Brands and their monitors: ours, and competitors.
    #[serde(default, rename = "brand")]
    pub brands: Vec<Brand>,
    /// Themes of your own, beside the built-in ones; the name of a built-in theme adds to that one.
    #[serde(default, rename = "theme")]
    pub themes: Vec<Theme>,
    /// Sources, each with `name`, `kind` and the kind's own keys.
    #[serde(default, rename = "source")]
    pub sources: Vec<toml::Spanned<toml::Table>>,
}

impl Config {
    /// # Errors
    /// A name that no brand has; the error lists those that there are.
    pub fn check_brand(&self, name: &str) -> anyhow::Result<()> {
        if self.brands.iter().any(|brand| brand.name == name) {
            return Ok(());
        }
        let all: Vec<&str> = self.brands.iter().map(|brand| brand.name.as_str()).collect();
        anyhow::bail!("there is no brand {name:?} in the configuration; there are: {}", all.join(", "))
    }

    /// Names of the configured sources, in the file's order.
    pub fn source_names(&self) -> Vec<String> {
        let name = |table: &toml::Table| table.get("name").and_then(toml::Value::as_str).map(str::to_owned);
        self.sources.iter().filter_map(|source| name(source.get_ref())).collect()
    }

    fn resolve_paths(&mut self, folder: &Path) {
        self.data_dir = folder.join(&self.data_dir);
        if let Some(model) = self.scoring.model.as_mut().filter(|model| !hub::is_name(model)) {
            *model = folder.join(&*model);
        }
        for source in &mut self.sources {
            let source = source.get_mut();
            // A hook's `path` is part of an address.
            let is_file = source.get("kind").and_then(toml::Value::as_str) == Some("file");
            let is_path = |key: &str| key == "path" && is_file || key == "definition" || key.ends_with("_file");
            for (_, value) in source.iter_mut().filter(|(key, _)| is_path(key)) {
                if let toml::Value::String(path) = value {
                    *path = folder.join(&*path).display().to_string();
                }
            }
        }
    }
}

fn default_data_dir() -> PathBuf {
    "grapevine-data".into()
}
