//! The figures of a small file of posts, computed by a Python program that shares nothing with this repository's code but the
//! file: `tests/figures/check.py`, which takes any CSV.

use std::process::Command;

use anyhow::ensure;

use crate::{
    another_model::{
        another_model_reads_is_compared_switched_to_and_dropped, themes_are_listed_tested_and_tried_on_what_is_stored,
    },
    app::{App, binary, root},
};

const POSTS: u64 = 25;
/// Posts of Fernlight that name a lamp, but for the team's and reposts.
const LAMPS: usize = 4;

fn python() -> Option<&'static str> {
    ["python3", "python"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
}

#[tokio::test]
async fn twenty_figures_of_a_csv_are_what_plain_python_counts() -> anyhow::Result<()> {
    let Some(python) = python() else {
        eprintln!("skipped: no python3 is installed");
        return Ok(());
    };
    let (folder, figures) = (tempfile::tempdir()?, root().join("tests/figures"));
    let csv = figures.join("posts.csv");
    let config = format!(
        "[[brand]]\nname = \"Fernlight\"\nspaces = [\"Fernlight\"]\n\
         [[brand]]\nname = \"Brambleworks\"\nspaces = [\"Brambleworks\"]\n\
         [[source]]\nname = \"posts\"\nkind = \"file\"\npath = \"{}\"\n[source.fields]\nplatform = \"=forum\"\nspace = \"brand\"\n\
         [scoring]\nengine = \"onnx-int8\"\n",
        csv.display()
    );
    let mut app = App::start(folder.path(), &config).await?;
    app.wait_for_stored(POSTS).await?;
    let checked = Command::new(python)
        .arg(figures.join("check.py"))
        .arg(&csv)
        .args(["--api", &format!("http://127.0.0.1:{}", app.port), "--token", app.token()])
        .arg("--grapevine")
        .arg(binary())
        .arg("--config")
        .arg(folder.path().join("grapevine.toml"))
        .env("GRAPEVINE_MODELS", root().join("models"))
        .output()?;
    let said = String::from_utf8_lossy(&checked.stdout);
    ensure!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    ensure!(said.trim_end().ends_with("all equal"), "{said}");
    ensure!(said.lines().filter(|line| line.starts_with("equal")).count() >= 20, "{said}");
    // The same posts, before they are read by another model.
    themes_are_listed_tested_and_tried_on_what_is_stored(&app, LAMPS)?;
    another_model_reads_is_compared_switched_to_and_dropped(&mut app, POSTS, &config).await
}
