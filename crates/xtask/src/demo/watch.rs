//! What has become of the replayed posts, as the running page's status tells it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use grapevine_testkit::process::http_get;
use serde_json::Value;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

/// Where the page answers, and the token that opens it.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    address: SocketAddr,
    token: String,
}

impl Page {
    /// From `http://127.0.0.1:8642/#token=…`.
    pub fn of_address(address: &str) -> Option<Page> {
        let (host, token) = address.strip_prefix("http://")?.split_once("/#token=")?;
        Some(Page { address: host.parse().ok()?, token: token.to_owned() })
    }
}

/// Prints how far the posts of the past have come, until all of them are stored.
pub struct Watch {
    past: u64,
    started: Instant,
    last: Instant,
    done: bool,
}

impl Watch {
    /// For `past` posts that went in at `now`. None of them: there is nothing to watch.
    pub fn new(past: usize, now: Instant) -> Watch {
        Watch { past: past as u64, started: now, last: now, done: past == 0 }
    }

    /// To be called often; asks the page every few seconds.
    pub fn look(&mut self, page: Option<&Page>) {
        let Some(page) = page.filter(|_| !self.done && self.last.elapsed() >= PAUSE) else { return };
        self.last = Instant::now();
        let Some((200, body)) = http_get(page.address, "/api/v1/status", Some(&page.token)) else { return };
        let stored = stored_in(&body).unwrap_or(0);
        self.done = stored >= self.past;
        match self.done {
            true => eprintln!("demo: all {} are stored after {} s", self.past, self.started.elapsed().as_secs()),
            false => eprintln!("demo: {stored} of {} posts are scored and stored", self.past),
        }
    }
}

/// What the stage `sink` has done, out of the status as JSON.
fn stored_in(status: &str) -> Option<u64> {
    let status: Value = serde_json::from_str(status).ok()?;
    let stages = status.get("stages")?.as_array()?;
    stages.iter().find(|stage| stage.get("name").is_some_and(|name| name == "sink"))?.get("done")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_known_by_its_address_with_a_token() {
        let page = Page::of_address("http://127.0.0.1:8642/#token=abc").unwrap();
        assert_eq!(page, Page { address: ([127, 0, 0, 1], 8642).into(), token: "abc".to_owned() });
        assert_eq!(Page::of_address("http://127.0.0.1:8642/"), None);
    }

    #[test]
    fn what_is_stored_is_what_the_sink_has_done() {
        let status = r#"{"stages":[{"name":"score","done":9},{"name":"sink","done":7}]}"#;
        assert_eq!(stored_in(status), Some(7));
        assert_eq!(stored_in("{}"), None);
    }
}
