//! The embedded log and Kafka carry the same posts to the same rows.

use std::path::Path;

use anyhow::ensure;
use clickhouse::Row;
use grapevine_testkit::{kafka, story::Story};
use serde::{Deserialize, Serialize};

use crate::app::{App, file_source};

/// In int8, a text's answer depends a little on the texts that it is computed with; in fp32 it does not.
pub const EVEN: &str = "[scoring]\nengine = \"rust-bert-fp32\"\n";

/// What must be the same: everything but where a record stood and when it was observed.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
pub struct StoredRow {
    pub id: String,
    pub brand: String,
    pub created_at: i64,
    pub author: String,
    pub text: String,
    pub polarity: String,
    pub intent: String,
    pub team: bool,
}

pub async fn rows(app: &App) -> anyhow::Result<Vec<StoredRow>> {
    let sql = "SELECT lower(hex(reinterpretAsFixedString(id))) AS id, toString(brand) AS brand, \
               toUnixTimestamp64Milli(created_at) AS created_at, author, text, ifNull(toString(polarity), '') AS polarity, \
               toString(intent) AS intent, team FROM mentions FINAL ORDER BY id, brand";
    Ok(app.clickhouse()?.query(sql).fetch_all().await?)
}

/// Runs `posts` through one pipeline and returns what is stored, and the run's app for further questions.
pub async fn run(folder: &Path, config: &str, expected: u64) -> anyhow::Result<(App, Vec<StoredRow>)> {
    let app = App::start(folder, config).await?;
    app.wait_for_stored(expected).await?;
    let rows = rows(&app).await?;
    Ok((app, rows))
}

/// `[log]` for a broker, with topics of its own broker.
pub fn kafka_section(broker: &kafka::Broker) -> String {
    format!("[log]\nkind = \"kafka\"\nbrokers = \"{}\"\n", broker.address())
}

#[tokio::test]
async fn the_story_gives_the_same_rows_over_both_logs() -> anyhow::Result<()> {
    let Some(broker) = kafka::required_own() else { return Ok(()) };
    let story = Story::new(7, jiff::Timestamp::now());
    let posts: Vec<String> =
        story.posts().iter().take(3_000).map(|post| serde_json::to_string(&post)).collect::<Result<_, _>>()?;
    let mut answers = Vec::new();
    for log in [String::new(), kafka_section(&broker)] {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("posts.ndjson"), posts.join("\n") + "\n")?;
        let config = format!("{log}{EVEN}{}{}", grapevine_testkit::story::config_toml(), file_source("posts.ndjson"));
        let app = App::start(folder.path(), &config).await?;
        let expected = expected_rows(&app, posts.len() as u64).await?;
        app.wait_for_stored(expected).await?;
        answers.push(rows(&app).await?);
    }
    ensure!(answers[0].len() > 2_000, "most of the story belongs to a brand: {}", answers[0].len());
    let differing = answers[0].iter().zip(&answers[1]).find(|(one, other)| one != other);
    ensure!(differing.is_none(), "{differing:?}");
    ensure!(answers[0].len() == answers[1].len());
    Ok(())
}

/// Waits until every post has passed the scoring stage, and says how many rows the sink was given.
pub async fn expected_rows(app: &App, posts: u64) -> anyhow::Result<u64> {
    let deadline = std::time::Instant::now() + crate::app::PATIENCE;
    loop {
        let status = app.get("/api/v1/status").await?;
        let source = &status["sources"][0];
        let lag: u64 =
            status["stages"].as_array().into_iter().flatten().filter_map(|stage| stage["lag"].as_u64()).sum();
        if source["mentions"].as_u64() == Some(posts) && lag == 0 {
            // Lag is zero between two batches too: what is stored must have stopped growing.
            let before = app.stored().await?;
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            if before > 0 && app.stored().await? == before {
                return Ok(before);
            }
        }
        ensure!(std::time::Instant::now() < deadline, "still not through: {status}\n{}", app.log());
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
}
