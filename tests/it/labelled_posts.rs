//! Real posts with people's labels, where the shared data set is beside the repository: both pipelines, and how right the
//! model is on them.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};
use grapevine_testkit::kafka;
use serde::Deserialize;

use crate::{
    app::{App, root},
    same_everywhere::{EVEN, StoredRow, kafka_section, run},
};

#[derive(Deserialize)]
struct Labelled {
    text: String,
    label: String,
}

const CLASSES: [&str; 3] = ["negative", "neutral", "positive"];

#[tokio::test]
async fn the_airline_posts_give_the_same_figures_over_both_logs() -> anyhow::Result<()> {
    let file = root().join("../shared/data/airline/posts.ndjson");
    if !file.exists() {
        eprintln!("skipped: ../shared/data/airline/posts.ndjson is not there");
        return Ok(());
    }
    let Some(broker) = kafka::required_own() else { return Ok(()) };
    let posts = std::fs::read_to_string(&file)?;
    let labelled: Vec<Labelled> = posts.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let config = airline_config(&file.canonicalize()?.display().to_string(), &posts)?;
    let mut answers = Vec::new();
    for log in [String::new(), kafka_section(&broker)] {
        let folder = tempfile::tempdir()?;
        let (app, rows) = run(folder.path(), &format!("{log}{EVEN}{config}"), labelled.len() as u64).await?;
        answers.push((rows, figures(&app).await?));
    }
    ensure!(answers[0] == answers[1], "both logs give the same rows and figures");
    let recall = report(&labelled, &answers[0].0)?;
    ensure!(recall > 70.0, "macro-recall {recall:.1} is far below what was measured");
    Ok(())
}

/// One brand for each value of the file's `brand`; each post belongs to the one it names, and to no other.
fn airline_config(path: &str, posts: &str) -> anyhow::Result<String> {
    let mut brands: BTreeMap<String, ()> = BTreeMap::new();
    for line in posts.lines() {
        let post: serde_json::Value = serde_json::from_str(line)?;
        brands.insert(post["brand"].as_str().context("each post has a brand")?.to_owned(), ());
    }
    let mut config = String::new();
    for brand in brands.keys() {
        config += &format!("[[brand]]\nname = \"{brand}\"\nspaces = [\"{brand}\"]\n");
    }
    config += &format!(
        "[[source]]\nname = \"airline\"\nkind = \"file\"\npath = \"{path}\"\n[source.fields]\n\
         platform = \"=twitter\"\nspace = \"brand\"\n"
    );
    Ok(config)
}

/// Figures of each role over the whole span, as the API gives them.
async fn figures(app: &App) -> anyhow::Result<Vec<serde_json::Value>> {
    let mut figures = Vec::new();
    for metric in
        ["mention_volume", "net_sentiment", "share_of_voice", "potential_reach", "response_rate", "active_members"]
    {
        let path = format!("/api/v1/metrics/{metric}?brand=United&from=2015-02-16T00:00:00Z&to=2015-02-25T00:00:00Z");
        figures.push(app.get(&path).await?["rows"].clone());
    }
    ensure!(figures[0] != serde_json::json!([]), "there is a volume: {figures:?}");
    Ok(figures)
}

/// Prints brand x polarity beside the labels, and returns the macro-averaged recall in percent.
fn report(labelled: &[Labelled], rows: &[StoredRow]) -> anyhow::Result<f64> {
    let labels: BTreeMap<&str, &str> = labelled.iter().map(|post| (post.text.as_str(), post.label.as_str())).collect();
    let mut table: BTreeMap<(&str, &str), [u64; 2]> = BTreeMap::new();
    let mut confusion: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for row in rows {
        let label = *labels.get(row.text.as_str()).context("every stored text is one of the file's")?;
        table.entry((&row.brand, &row.polarity)).or_default()[0] += 1;
        table.entry((&row.brand, label)).or_default()[1] += 1;
        *confusion.entry((label, &row.polarity)).or_default() += 1;
    }
    println!("{:<16} {:<9} {:>6} {:>8}", "brand", "polarity", "scored", "labelled");
    for ((brand, polarity), [scored, labelled]) in &table {
        println!("{brand:<16} {polarity:<9} {scored:>6} {labelled:>8}");
    }
    let recall = |class: &str| {
        let of_class = |polarity: &str| *confusion.get(&(class, polarity)).unwrap_or(&0) as f64;
        100.0 * of_class(class) / CLASSES.iter().map(|polarity| of_class(polarity)).sum::<f64>()
    };
    let recalls = CLASSES.map(recall);
    let mean = recalls.iter().sum::<f64>() / 3.0;
    println!(
        "recall: negative {:.1}, neutral {:.1}, positive {:.1}; macro {mean:.1}",
        recalls[0], recalls[1], recalls[2]
    );
    Ok(mean)
}
