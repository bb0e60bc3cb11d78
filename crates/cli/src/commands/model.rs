//! `grapevine model fetch`: a model that others made, by its name on a hub.

use std::{fs, path::Path, process::ExitCode};

use anyhow::Context;
use grapevine_scoring::{
    adopted::{Fetched, NOTE, Note},
    manifest::ModelFolder,
};

use super::words;
use crate::{
    args::{ModelCommand, ModelFetchArgs},
    hub::{Name, fetch::Hub},
};

pub async fn run(command: &ModelCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelCommand::Fetch(args) => fetch(args).await,
    }
}

async fn fetch(args: &ModelFetchArgs) -> anyhow::Result<ExitCode> {
    let name = Name::of(Path::new(&args.name))?;
    let folder = name.folder()?;
    let fetched = Hub::from_env()?.fetch(&name, &folder).await?;
    print!("{}", listed(&fetched));
    println!("in {}", folder.display());
    note(args, &folder)?;
    let id = ModelFolder::open(&folder).map_err(|error| {
        anyhow::anyhow!("{error}\nhint: repeat the command with --language, and --label where names do not tell; nothing comes twice")
    })?;
    println!(
        "{} is ready: model = \"{name}\" under [scoring], or `grapevine rescore --model {name}` beside what is shown",
        id.id()
    );
    Ok(ExitCode::SUCCESS)
}

/// What the flags say goes beside the model; without flags, what stands there stays.
fn note(args: &ModelFetchArgs, folder: &Path) -> anyhow::Result<()> {
    if args.language.is_empty() && args.label.is_empty() {
        return Ok(());
    }
    let path = folder.join(NOTE);
    let mut note: Note = match fs::read(&path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).with_context(|| format!("{} is not as expected", path.display()))?
        }
        Err(_) => Note::default(),
    };
    if !args.language.is_empty() {
        note.languages.clone_from(&args.language);
    }
    note.labels.extend(args.label.iter().cloned());
    fs::write(&path, serde_json::to_vec_pretty(&note)?)
        .with_context(|| format!("{} could not be written", path.display()))
}

fn listed(fetched: &Fetched) -> String {
    let commit = fetched.commit.as_deref().map(|commit| format!(", commit {commit}")).unwrap_or_default();
    let line = |(file, of): (&String, &grapevine_scoring::adopted::FetchedFile)| {
        format!("  {file:<18} {:>10}  sha256 {}\n", words::size(of.bytes), of.sha256)
    };
    format!("{}{commit}\n{}", fetched.name, fetched.files.iter().map(line).collect::<String>())
}
