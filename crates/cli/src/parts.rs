//! Opens the parts that the configuration names: the log, the store, the model.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use grapevine_engine::{EmbeddedEngine, EngineOptions};
use grapevine_log::{
    Log,
    embedded::EmbeddedLog,
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_scoring::{
    Scorer, ScoringOptions,
    manifest::{Manifest, ModelFolder},
};
use grapevine_store::{Store, StoreOptions};
use serde::{Deserialize, Serialize};

use crate::config::{Config, LogKind, ScoringSection, StoreKind};

/// Opens the log. Topics are created by [`crate::stages::ensure_topics`].
pub async fn open_log(config: &Config) -> anyhow::Result<Arc<dyn Log>> {
    match config.log.kind {
        LogKind::Embedded => {
            let file = config.data_dir.join("log.db");
            create_data_dir(&config.data_dir)?;
            let opened = tokio::task::spawn_blocking(move || EmbeddedLog::open(&file)).await?;
            Ok(Arc::new(opened.context("the embedded log could not be opened")?))
        }
        LogKind::Kafka => {
            let mut options = KafkaOptions::new(config.log.brokers.clone().unwrap_or_default());
            options.replication = config.log.replication;
            options.properties = config.log.properties.clone();
            Ok(Arc::new(KafkaLog::connect(options).await?))
        }
    }
}

/// The store, and the engine behind it where this process started one: it lives as long as this value.
pub struct OpenStore {
    pub store: Store,
    pub engine: Option<Arc<EmbeddedEngine>>,
}

impl OpenStore {
    /// Stops the engine where this process started it, so that all is on disk.
    pub async fn close(self) {
        drop(self.store);
        if let Some(engine) = self.engine.and_then(Arc::into_inner) {
            // An engine that does not stop in time is killed; what it acknowledged is on disk.
            let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
        }
    }
}

/// Opens the store: the server that the configuration names, the engine that another process of this data folder serves,
/// or an engine of our own.
pub async fn open_store(config: &Config) -> anyhow::Result<OpenStore> {
    let database = config.store.database.clone();
    match config.store.kind {
        StoreKind::Clickhouse => {
            let options = StoreOptions {
                url: config.store.url.clone().unwrap_or_default(),
                database,
                user: Some(config.store.user.clone()),
                password: config.store.password_env.as_deref().map(secret_from_env).transpose()?,
            };
            let store = Store::connect(options)?;
            store.ping().await.context("no ClickHouse answers at the configured [store] url")?;
            Ok(OpenStore { store, engine: None })
        }
        StoreKind::Embedded => {
            if let Some(store) = running_engine(config).await {
                return Ok(OpenStore { store, engine: None });
            }
            let engine = Arc::new(start_engine(config).await?);
            let address = EngineAddress {
                url: engine.url(),
                user: engine.user().to_owned(),
                password: engine.password().to_owned(),
            };
            address.save(&config.data_dir)?;
            Ok(OpenStore { store: address.connect(database)?, engine: Some(engine) })
        }
    }
}

async fn start_engine(config: &Config) -> anyhow::Result<EmbeddedEngine> {
    create_data_dir(&config.data_dir)?;
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let command = vec![program.into(), "engine-serve".into()];
    let mut options = EngineOptions::new(command, config.data_dir.join("engine"));
    options.memory_limit = Some(config.store.memory_mib << 20);
    let started = tokio::task::spawn_blocking(move || EmbeddedEngine::start(options)).await?;
    started.context("the embedded engine did not start")
}

/// Where the store is, for stages that do not ask it anything.
pub fn store_without_connection(config: &Config) -> anyhow::Result<Store> {
    let url = config.store.url.clone().unwrap_or_default();
    Ok(Store::connect(StoreOptions { url, database: config.store.database.clone(), user: None, password: None })?)
}

/// Where the engine of a data folder answers; kept in a file that its owner alone can read, so that `grapevine query` and
/// single stages find it.
#[derive(Serialize, Deserialize)]
struct EngineAddress {
    url: String,
    user: String,
    password: String,
}

impl EngineAddress {
    fn file(data_dir: &Path) -> PathBuf {
        data_dir.join("engine.json")
    }

    fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        let file = Self::file(data_dir);
        write_private(&file, &serde_json::to_vec(self)?)
            .with_context(|| format!("{} could not be written", file.display()))
    }

    fn connect(self, database: String) -> anyhow::Result<Store> {
        let Self { url, user, password } = self;
        Ok(Store::connect(StoreOptions { url, database, user: Some(user), password: Some(password) })?)
    }
}

async fn running_engine(config: &Config) -> Option<Store> {
    let saved = fs::read(EngineAddress::file(&config.data_dir)).ok()?;
    let address: EngineAddress = serde_json::from_slice(&saved).ok()?;
    let store = address.connect(config.store.database.clone()).ok()?;
    store.ping().await.is_ok().then_some(store)
}

/// A model that is ready, and what its manifest says of it.
pub struct OpenScorer {
    pub scorer: Arc<dyn Scorer>,
    pub manifest: Manifest,
}

/// Loads the configured model. Blocking, up to some seconds.
pub fn open_scorer(section: &ScoringSection) -> anyhow::Result<OpenScorer> {
    let model = match &section.model {
        Some(model) => model.clone(),
        None => shipped_model()?,
    };
    let manifest = ModelFolder::open(&model)?.manifest;
    let options = ScoringOptions { model, engine: section.engine, workers: section.workers, onnxruntime: None };
    let scorer = grapevine_scoring::load(&options).context("the model could not be loaded")?;
    Ok(OpenScorer { scorer, manifest })
}

const SHIPPED_MODEL: &str = "minilm-l6-sentiment";

/// The model that Grapevine ships: under `models` beside the working directory, the program, or a folder above it.
fn shipped_model() -> anyhow::Result<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("GRAPEVINE_MODELS").map(PathBuf::from).into_iter().collect();
    folders.push("models".into());
    if let Ok(program) = std::env::current_exe() {
        folders.extend(program.ancestors().skip(1).take(4).map(|folder| folder.join("models")));
    }
    folders.push("/usr/share/grapevine/models".into());
    match folders.iter().map(|folder| folder.join(SHIPPED_MODEL)).find(|folder| folder.join("manifest.json").exists()) {
        Some(found) => Ok(found),
        None => bail!(
            "the model {SHIPPED_MODEL} was not found beside the program or under ./models\n\
             hint: name its folder as `model` under [scoring], or set GRAPEVINE_MODELS"
        ),
    }
}

/// A secret's value from the environment.
pub fn secret_from_env(name: &str) -> anyhow::Result<String> {
    std::env::var(name)
        .with_context(|| format!("the environment variable {name} is not set; the configuration names it"))
}

pub fn create_data_dir(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("the data folder {} could not be created; set `data_dir`", folder.display()))
}

/// Writes a file that its owner alone can read, whole or not at all.
pub fn write_private(file: &Path, contents: &[u8]) -> std::io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let draft = file.with_extension("tmp");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut written = options.open(&draft)?;
    written.write_all(contents)?;
    written.sync_all()?;
    fs::rename(draft, file)
}
