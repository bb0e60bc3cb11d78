//! More than a platform takes is refused in the platform's own words.

use grapevine_testkit::simulator::{Options, Simulator};
use reqwest::{Client, Response};

/// Asks until it is refused, at most `most` times: how often it was not, and the refusal.
async fn until_refused(shape: &str, header: (&str, &str), path: &str, most: usize) -> (usize, Response) {
    let options = Options { only: vec![shape.to_owned()], past: 20, future: Some(0), ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let url = format!("http://{}{path}", simulator.stand(shape).address);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new();
    for taken in 0..most {
        let answer = client.get(&url).header(header.0, header.1).send().await.unwrap();
        if !answer.status().is_success() {
            return (taken, answer);
        }
    }
    panic!("{shape} takes more than {most} requests");
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).unwrap_or_else(|| panic!("no {name}: {answer:?}")).to_str().unwrap()
}

#[tokio::test]
async fn mastodon_says_when_its_window_ends() {
    let (path, token) = ("/api/v1/timelines/tag/kettle", ("authorization", "Bearer t0p-s3cr3t"));
    let (taken, refused) = until_refused("mastodon", token, path, 310).await;
    assert_eq!((taken, refused.status().as_u16()), (300, 429));
    assert_eq!((header(&refused, "x-ratelimit-limit"), header(&refused, "x-ratelimit-remaining")), ("300", "0"));
    let resets: jiff::Timestamp = header(&refused, "x-ratelimit-reset").parse().unwrap();
    let wait = resets.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((200..=300).contains(&wait), "{wait} s");
}

#[tokio::test]
async fn discourse_says_it_in_its_body_too() {
    let (taken, refused) = until_refused("discourse", ("api-key", "s3cr3t/key"), "/posts.json", 70).await;
    assert_eq!((taken, refused.status().as_u16()), (60, 429));
    let seconds: u64 = header(&refused, "retry-after").parse().unwrap();
    let body: serde_json::Value = refused.json().await.unwrap();
    assert_eq!((&body["error_type"], body["extras"]["wait_seconds"].as_u64()), (&"rate_limit".into(), Some(seconds)));
    assert!((1..=60).contains(&seconds), "{seconds} s");
}
