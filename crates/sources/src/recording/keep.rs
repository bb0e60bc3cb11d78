use std::{
    fs,
    path::{Path, PathBuf},
};

use grapevine_model::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Exchange, Recording};

const SOURCE: &str = "source.toml";
const DEFINITION: &str = "definition.toml";
const EXCHANGES: &str = "exchanges.json";
const EXPECTED: &str = "expected.json";

#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", file.display())]
pub struct RecordingError {
    pub file: PathBuf,
    pub message: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tape {
    began: Timestamp,
    polls: usize,
    exchanges: Vec<Exchange>,
}

/// Writes a recording into a folder, which is made where it is missing. Gives the names of its files.
///
/// # Errors
/// A file that can not be written.
pub fn write(folder: &Path, recording: &Recording) -> Result<Vec<&'static str>, RecordingError> {
    let mut source = recording.source.clone();
    let mut files = vec![SOURCE, EXCHANGES, EXPECTED];
    put(folder, "", |_| fs::create_dir_all(folder))?;
    if let Some(definition) = &recording.definition {
        source.insert("definition".into(), DEFINITION.into());
        put(folder, DEFINITION, |file| fs::write(file, definition))?;
        files.insert(1, DEFINITION);
    }
    put(folder, SOURCE, |file| fs::write(file, toml::to_string_pretty(&source).unwrap_or_default()))?;
    let Recording { began, polls, exchanges, expected, .. } = recording;
    let tape = Tape { began: *began, polls: *polls, exchanges: exchanges.clone() };
    put(folder, EXCHANGES, |file| fs::write(file, pretty(&tape)))?;
    put(folder, EXPECTED, |file| fs::write(file, pretty(expected)))?;
    Ok(files)
}

fn put(folder: &Path, name: &str, write: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), RecordingError> {
    let file = folder.join(name);
    write(&file).map_err(|error| RecordingError { file, message: error.to_string() })
}

fn pretty<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string_pretty(value).map(|text| text + "\n").unwrap_or_default()
}

/// Reads a recording, and names the file of its definition.
///
/// # Errors
/// A file that is missing or damaged.
pub fn read(folder: &Path) -> Result<(Recording, Option<PathBuf>), RecordingError> {
    let wrong = |name: &str, message: String| RecordingError { file: folder.join(name), message };
    let text = |name: &str| fs::read_to_string(folder.join(name)).map_err(|error| wrong(name, error.to_string()));
    let source: toml::Table = toml::from_str(&text(SOURCE)?).map_err(|error| wrong(SOURCE, error.to_string()))?;
    let definition = source.contains_key("definition").then(|| text(DEFINITION)).transpose()?;
    let tape: Tape = json(&text(EXCHANGES)?).map_err(|message| wrong(EXCHANGES, message))?;
    let expected: Vec<Event> = json(&text(EXPECTED)?).map_err(|message| wrong(EXPECTED, message))?;
    let file = definition.as_ref().map(|_| folder.join(DEFINITION));
    let Tape { began, polls, exchanges } = tape;
    Ok((Recording { source, definition, began, polls, exchanges, expected }, file))
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}
