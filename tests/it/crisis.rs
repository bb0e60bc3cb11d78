//! The shipped story through the whole pipeline: its crisis raises one alert, which a receiver gets, signed.

use anyhow::{Context, ensure};
use grapevine_testkit::{
    story::{self, Story},
    webhook_receiver::{Answer, Received, WebhookReceiver},
};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::app::{App, PATIENCE, file_source, root, stderr, stdout};

const SECRET: &str = "a secret of this test";

#[tokio::test]
async fn the_crisis_of_the_story_raises_exactly_one_alert() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let story = Story::new(Story::SEED, jiff::Timestamp::now());
    let posts: Vec<String> = story.posts().iter().map(|post| serde_json::to_string(&post)).collect::<Result<_, _>>()?;
    std::fs::write(folder.path().join("posts.ndjson"), posts.join("\n") + "\n")?;
    // The first attempt fails: what is sent again is the same notification under the same key.
    let receiver = WebhookReceiver::start([Answer::status(503).header("Retry-After", "1"), Answer::status(200)])?;
    let config = format!(
        "{}{}[alerts]\nmax_age_hours = 0\n[[alerts.receiver]]\nname = \"test\"\nurl = \"{}\"\nsecret_env = \"TEST_SECRET\"\nallow_private = true\n",
        story::config_toml(),
        file_source("posts.ndjson"),
        receiver.url(),
    );
    let app = App::start_with(folder.path(), &config, &[("TEST_SECRET", SECRET)]).await?;
    // Firing, twice because of the failed attempt, and resolved.
    let received = receiver.wait_for(3, PATIENCE);
    ensure!(received.len() >= 3, "received {} notifications\n{}", received.len(), app.log());
    wait_until_closed(&app).await?;
    check_episodes(&app, &story).await?;
    let received = receiver.received();
    check_notifications(&received)?;
    open_the_page(&app)
}

/// The page's tests in a browser, on this pipeline instead of their fixture.
fn open_the_page(app: &App) -> anyhow::Result<()> {
    if std::env::var_os("GRAPEVINE_PAGE_TESTS").is_none() {
        eprintln!("skipped: the page in a browser; `cargo xtask test` runs it");
        return Ok(());
    }
    let output = std::process::Command::new("npm")
        .args(["test", "--silent"])
        .current_dir(root().join("tests/page"))
        .env("GRAPEVINE_URL", format!("http://127.0.0.1:{}", app.port))
        .env("GRAPEVINE_TOKEN", app.token())
        .output()?;
    print!("{}", stdout(&output));
    ensure!(output.status.success(), "{}", stderr(&output));
    Ok(())
}

/// Waits until the alert stage has seen everything: coverage reaches the present.
async fn wait_until_closed(app: &App) -> anyhow::Result<()> {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let status = app.get("/api/v1/status").await?;
        let live = status["sources"][0]["state"] == "live";
        let lag: u64 =
            status["stages"].as_array().into_iter().flatten().filter_map(|stage| stage["lag"].as_u64()).sum();
        if live && lag == 0 {
            tokio::time::sleep(std::time::Duration::from_secs(6)).await;
            return Ok(());
        }
        ensure!(std::time::Instant::now() < deadline, "{status}");
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
}

async fn check_episodes(app: &App, story: &Story) -> anyhow::Result<()> {
    let answer = app.get(&format!("/api/v1/alerts?brand={}&from=-60d", story::MAIN)).await?;
    let episodes = answer.as_array().context("a list of alerts")?;
    ensure!(episodes.len() == 1, "exactly one episode: {answer}");
    let started: jiff::Timestamp = episodes[0]["started_at"].as_str().context("a start")?.parse()?;
    let delay = started.duration_since(story.crisis_starts());
    println!("the alert fired {} minutes after the crisis began", delay.as_mins());
    ensure!(delay.as_mins() >= 0 && delay.as_hours() < 6, "fired {} minutes after the onset", delay.as_mins());
    ensure!(episodes[0]["rule"] == "negative_spike" && episodes[0]["state"] == "resolved", "{answer}");
    Ok(())
}

fn check_notifications(received: &[Received]) -> anyhow::Result<()> {
    let mut keys = Vec::new();
    for request in received {
        verify(request)?;
        keys.push(request.header("Idempotency-Key").context("an idempotency key")?.to_owned());
    }
    ensure!(keys[0] == keys[1], "the second attempt carries the first one's key: {keys:?}");
    keys.dedup();
    ensure!(keys.len() == 2, "one for firing, one for resolved: {keys:?}");
    println!("{}", serde_json::to_string_pretty(&received[1].json())?);
    Ok(())
}

/// As a receiver would: HMAC-SHA256 over `timestamp:body`.
fn verify(request: &Received) -> anyhow::Result<()> {
    let timestamp = request.header("X-Grapevine-Timestamp").context("a timestamp")?;
    let signature = request.header("X-Grapevine-Signature").context("a signature")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(format!("{timestamp}:").as_bytes());
    mac.update(&request.body);
    let expected = format!("v1={}", hex::encode(mac.finalize().into_bytes()));
    ensure!(signature == expected, "{signature} is not {expected}");
    Ok(())
}
