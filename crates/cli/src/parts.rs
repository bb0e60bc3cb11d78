//! Opens the parts that the configuration names: the log, the store, the model.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use grapevine_engine::{EmbeddedEngine, EngineOptions};
use grapevine_log::{
    Log,
    embedded::EmbeddedLog,
    kafka::{KafkaLog, KafkaOptions},
};
use grapevine_model::ModelCard;
use grapevine_scoring::{
    KnownTexts, SHIPPED_MODEL, Scorer, ScoringOptions,
    manifest::{Manifest, ModelFolder},
    theme::{Scheme, Theme, Themes},
};
use grapevine_store::{Store, StoreOptions};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, LogKind, ScoringSection, StoreKind, StoreSection},
    hub,
    stages::crash,
};

/// Panels of one page are asked within it.
const RECENT: Duration = Duration::from_secs(1);

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
            options.appended = || crash::at("score-appended");
            Ok(Arc::new(KafkaLog::connect(options).await?))
        }
    }
}

/// Opens the log for a look, without making one where there is none.
pub async fn existing_log(config: &Config) -> anyhow::Result<Arc<dyn Log>> {
    let file = config.data_dir.join("log.db");
    if config.log.kind == LogKind::Embedded && !file.exists() {
        bail!("there is no log at {} yet\nhint: `grapevine up` makes one; is --config the right file?", file.display());
    }
    open_log(config).await
}

/// The store, and the engine behind it where this process started one: it lives as long as this value.
pub struct OpenStore {
    /// Writes.
    pub store: Store,
    /// Asks questions, as a user that can not write.
    pub reader: Store,
    pub engine: Option<Arc<EmbeddedEngine>>,
}

impl OpenStore {
    /// Stops the engine where this process started it, so that all is on disk.
    pub async fn close(self) {
        if let Some(engine) = self.engine.and_then(Arc::into_inner) {
            // An engine that does not stop in time is killed; what it acknowledged is on disk.
            let _ = tokio::task::spawn_blocking(move || engine.stop()).await;
        }
    }
}

/// Opens the store: the server that the configuration names, the engine that another process of this data folder serves,
/// or an engine of our own.
pub async fn open_store(config: &Config) -> anyhow::Result<OpenStore> {
    let (address, engine) = match config.store.kind {
        StoreKind::Clickhouse => (server_address(&config.store)?, None),
        StoreKind::Embedded => match running_engine(config).await {
            Some(address) => (address, None),
            None => {
                let engine = start_engine(config).await?;
                let address = StoreAddress::of(&engine);
                address.save(&config.data_dir)?;
                (address, Some(Arc::new(engine)))
            }
        },
    };
    let (store, reader) = address.connect(config)?;
    store.ping().await.with_context(|| format!("no ClickHouse answers at {}", address.url))?;
    Ok(OpenStore { store, reader, engine })
}

/// Opens what is stored, without making a store where there is none: no folder, no database, no table. An engine is
/// started where data of one lie.
pub async fn existing_store(config: &Config) -> anyhow::Result<OpenStore> {
    let folder = engine_folder(config);
    if config.store.kind == StoreKind::Embedded && !folder.exists() {
        bail!(
            "there is no store at {} yet\nhint: `grapevine up` makes one; is --config the right file?",
            folder.display()
        );
    }
    let open = open_store(config).await?;
    match prepared(&open.reader).await {
        Ok(()) => Ok(open),
        Err(error) => {
            open.close().await;
            Err(error)
        }
    }
}

async fn prepared(store: &Store) -> anyhow::Result<()> {
    match store.next_migration().await? {
        None => Ok(()),
        Some(lacking) => bail!(
            "the database {} is not prepared for this version: it lacks {lacking}\n\
             hint: `grapevine up`, or `grapevine sink`, prepares it; is --config the right file?",
            store.database()
        ),
    }
}

fn engine_folder(config: &Config) -> PathBuf {
    config.data_dir.join("engine")
}

/// Asks the store that runs, as a user that can not write. No engine is started for it.
pub async fn running_store(config: &Config) -> anyhow::Result<Store> {
    let address = match config.store.kind {
        StoreKind::Clickhouse => server_address(&config.store)?,
        StoreKind::Embedded => match running_engine(config).await {
            Some(address) => address,
            None => bail!("the embedded engine does not run; `grapevine up` starts it"),
        },
    };
    let (_, reader) = address.connect(config)?;
    reader.ping().await.with_context(|| format!("no ClickHouse answers at {}", address.url))?;
    Ok(reader)
}

/// A pipeline owns its engine: one that it borrowed would end with its owner, such as a `grapevine query` that had just
/// started it. Waits for that, and refuses where another process keeps it.
pub async fn wait_for_engine_to_be_free(config: &Config) -> anyhow::Result<()> {
    if config.store.kind != StoreKind::Embedded {
        return Ok(());
    }
    for _ in 0..40 {
        if running_engine(config).await.is_none() {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    bail!(
        "another grapevine process serves the data folder {}\nhint: stop it, or set another `data_dir`",
        config.data_dir.display()
    )
}

fn server_address(section: &StoreSection) -> anyhow::Result<StoreAddress> {
    let login = |user: &str, password_env: &Option<String>| -> anyhow::Result<Login> {
        let password = password_env.as_deref().map(secret_from_env).transpose()?.unwrap_or_default();
        Ok(Login { user: user.to_owned(), password })
    };
    let writer = login(&section.user, &section.password_env)?;
    let reader = match &section.reader_user {
        Some(user) => login(user, &section.reader_password_env)?,
        None => writer.clone(),
    };
    Ok(StoreAddress { url: section.url.clone().unwrap_or_default(), writer, reader })
}

async fn start_engine(config: &Config) -> anyhow::Result<EmbeddedEngine> {
    create_data_dir(&config.data_dir)?;
    let program = std::env::current_exe().context("the path of this program is not known")?;
    let command = vec![program.into(), "engine-serve".into()];
    let mut options = EngineOptions::new(command, engine_folder(config));
    options.memory_limit = Some(config.store.memory_mib << 20);
    let started = tokio::task::spawn_blocking(move || EmbeddedEngine::start(options)).await?;
    started.context("the embedded engine did not start")
}

/// Where the store is, for stages that work on the log alone.
pub fn store_without_connection(config: &Config) -> anyhow::Result<OpenStore> {
    let login = Login { user: String::new(), password: String::new() };
    let address = StoreAddress { url: String::new(), writer: login.clone(), reader: login };
    let (store, reader) = address.connect(config)?;
    Ok(OpenStore { store, reader, engine: None })
}

/// Where ClickHouse answers, and as whom. That of an embedded engine is kept in a file which its owner alone can read, so
/// that `grapevine query` and single stages find it.
#[derive(Serialize, Deserialize)]
struct StoreAddress {
    url: String,
    writer: Login,
    reader: Login,
}

#[derive(Clone, Serialize, Deserialize)]
struct Login {
    user: String,
    password: String,
}

impl StoreAddress {
    fn of(engine: &EmbeddedEngine) -> Self {
        let login = |user: &str, password: &str| Login { user: user.to_owned(), password: password.to_owned() };
        Self {
            url: engine.url(),
            writer: login(engine.user(), engine.password()),
            reader: login(engine.reader_user(), engine.reader_password()),
        }
    }

    fn file(data_dir: &Path) -> PathBuf {
        data_dir.join("engine.json")
    }

    fn save(&self, data_dir: &Path) -> anyhow::Result<()> {
        let file = Self::file(data_dir);
        let contents = serde_json::to_vec(self)?;
        write_private(&file, &contents).with_context(|| format!("{} could not be written", file.display()))
    }

    /// For writing and for reading.
    fn connect(&self, config: &Config) -> anyhow::Result<(Store, Store)> {
        let sources = config.source_names();
        let open = |login: &Login| -> anyhow::Result<Store> {
            let Login { user, password } = login.clone();
            let (url, database) = (self.url.clone(), config.store.database.clone());
            let options = StoreOptions { url, database, user: Some(user), password: Some(password) };
            let accounts = config
                .brands
                .iter()
                .flat_map(|brand| brand.accounts.iter().map(|account| (brand.name.as_str(), account.as_str())));
            let mut store = Store::connect(options)?.with_sources(&sources, config.log.partitions);
            if let Some(cluster) = config.store.on_cluster()? {
                store = store.with_cluster(cluster);
            }
            Ok(store.with_accounts(accounts).with_steps(crash::at))
        };
        Ok((open(&self.writer)?, open(&self.reader)?.with_recent(RECENT)))
    }
}

async fn running_engine(config: &Config) -> Option<StoreAddress> {
    let saved = fs::read(StoreAddress::file(&config.data_dir)).ok()?;
    let address: StoreAddress = serde_json::from_slice(&saved).ok()?;
    let (store, _) = address.connect(config).ok()?;
    store.ping().await.is_ok().then_some(address)
}

/// A model that is ready, and what its manifest says of it.
#[derive(Clone)]
pub struct OpenScorer {
    pub scorer: Arc<dyn Scorer>,
    pub manifest: Manifest,
    pub themes: Arc<Themes>,
}

impl OpenScorer {
    pub fn card(&self, observed_at: Timestamp) -> ModelCard {
        let Manifest { languages, confusions, .. } = self.manifest.clone();
        ModelCard { id: self.scorer.model().to_owned(), observed_at, languages, confusions }
    }

    /// As [`Manifest::covers`].
    pub fn covers(&self, language: Option<&str>) -> bool {
        self.manifest.covers(language)
    }
}

/// `name@version` of the configured model, by its manifest alone.
pub fn configured_model(section: &ScoringSection) -> anyhow::Result<String> {
    Ok(ModelFolder::open(&model_folder(section)?)?.id())
}

fn model_folder(section: &ScoringSection) -> anyhow::Result<PathBuf> {
    match &section.model {
        Some(model) if hub::is_name(model) => hub::Name::of(model)?.fetched(),
        Some(model) => Ok(model.clone()),
        None => shipped_model(),
    }
}

/// Loads the configured model and teaches it the themes. Blocking, up to some seconds.
pub fn open_scorer(section: &ScoringSection, themes: &[Theme]) -> anyhow::Result<OpenScorer> {
    let (scorer, manifest) = load_model(section)?;
    let themes = Arc::new(Themes::train(Scheme::with(themes)?, &*scorer)?);
    let spared = |texts| metrics::counter!("grapevine_texts_known_total").increment(texts);
    Ok(OpenScorer { scorer: Arc::new(KnownTexts::new(scorer, spared)), manifest, themes })
}

/// Loads the configured model, for what needs no themes. Blocking, up to some seconds.
pub fn load_model(section: &ScoringSection) -> anyhow::Result<(Arc<dyn Scorer>, Manifest)> {
    let model = model_folder(section)?;
    let (device, workers) = (section.device, section.workers);
    let options = ScoringOptions { device, workers, ..ScoringOptions::new(model, section.engine) };
    let scorer = grapevine_scoring::load_model(&options).context("the model could not be loaded")?;
    let manifest = scorer.manifest().clone();
    Ok((Arc::new(scorer), manifest))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn to_look_for_a_store_makes_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let config: Config = toml::from_str(&format!("data_dir = {data:?}")).unwrap();
        let error = existing_store(&config).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.starts_with("there is no store at ") && error.contains("--config"), "{error}");
        assert!(!data.exists());
    }
}
