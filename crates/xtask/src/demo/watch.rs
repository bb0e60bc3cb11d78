//! What has become of the replayed posts, and which alerts are raised, as the running page tells it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use grapevine_testkit::process::http_get;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde_json::Value;

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);
/// An alert begins with the bucket that raised it.
const BUCKET: SignedDuration = SignedDuration::from_mins(5);

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

    fn ask(&self, path: &str) -> Option<Value> {
        match http_get(self.address, path, Some(&self.token))? {
            (200, body) => serde_json::from_str(&body).ok(),
            _ => None,
        }
    }
}

/// Prints how far the posts of the past have come, until all of them are stored; then, where there is something to
/// expect, each alert that is raised.
pub struct Watch {
    past: u64,
    started: Instant,
    last: Instant,
    is_done: bool,
    alerts: Option<Alerts>,
}

impl Watch {
    /// For `past` posts that went in at `now`. None of them: there is nothing to watch.
    pub fn new(past: usize, now: Instant, alerts: bool) -> Watch {
        let alerts = alerts.then(|| Alerts::since(Timestamp::now() - BUCKET));
        Watch { past: past as u64, started: now, last: now, is_done: past == 0, alerts }
    }

    /// To be called often; asks the page every few seconds.
    pub fn look(&mut self, page: Option<&Page>) {
        let is_over = self.is_done && self.alerts.is_none();
        let Some(page) = page.filter(|_| !is_over && self.last.elapsed() >= PAUSE) else { return };
        self.last = Instant::now();
        match &mut self.alerts {
            Some(alerts) if self.is_done => alerts.look(page).iter().for_each(|line| eprintln!("demo: {line}")),
            _ if self.is_done => {}
            _ => self.look_for_the_past(page),
        }
    }

    fn look_for_the_past(&mut self, page: &Page) {
        let Some(status) = page.ask("/api/v1/status") else { return };
        let stored = stored_in(&status).unwrap_or(0);
        self.is_done = stored >= self.past;
        match self.is_done {
            true => eprintln!("demo: all {} are stored after {} s", self.past, self.started.elapsed().as_secs()),
            false => eprintln!("demo: {stored} of {} posts are scored and stored", self.past),
        }
    }
}

/// What the stage `sink` has done, out of the status.
fn stored_in(status: &Value) -> Option<u64> {
    let stages = status.get("stages")?.as_array()?;
    stages.iter().find(|stage| stage.get("name").is_some_and(|name| name == "sink"))?.get("done")?.as_u64()
}

/// Those that were told.
struct Alerts {
    since: Timestamp,
    told: HashSet<(String, String)>,
}

impl Alerts {
    fn since(since: Timestamp) -> Alerts {
        Alerts { since, told: HashSet::new() }
    }

    /// A line for each that is new, or in another state.
    fn look(&mut self, page: &Page) -> Vec<String> {
        page.ask("/api/v1/alerts?from=-1d").map_or_else(Vec::new, |alerts| self.take(&alerts))
    }

    fn take(&mut self, alerts: &Value) -> Vec<String> {
        let alerts = alerts.as_array().into_iter().flatten();
        alerts.filter_map(|alert| self.line(alert)).collect()
    }

    fn line(&mut self, alert: &Value) -> Option<String> {
        let text = |name: &str| alert.get(name).and_then(Value::as_str);
        let number = |name: &str| alert.get(name).and_then(Value::as_f64);
        let started: Timestamp = text("started_at")?.parse().ok()?;
        let is_new = started >= self.since && self.told.insert((text("id")?.to_owned(), text("state")?.to_owned()));
        let line = || {
            let clock = started.to_zoned(TimeZone::system()).strftime("%H:%M").to_string();
            let (observed, expected) = (number("observed")?, number("expected")?);
            let (brand, rule, state) = (text("brand")?, text("rule")?, text("state")?);
            Some(format!(
                "ALERT {rule} of {brand}, {state}: since {clock}, {observed:.0} where {expected:.1} are expected"
            ))
        };
        is_new.then(line).flatten()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_is_known_by_its_address_with_a_token() {
        let page = Page::of_address("http://127.0.0.1:8642/#token=abc").unwrap();
        assert_eq!(page, Page { address: ([127, 0, 0, 1], 8642).into(), token: "abc".to_owned() });
        assert_eq!(Page::of_address("http://127.0.0.1:8642/"), None);
    }

    #[test]
    fn what_is_stored_is_what_the_sink_has_done() {
        let status = json!({"stages": [{"name": "score", "done": 9}, {"name": "sink", "done": 7}]});
        assert_eq!(stored_in(&status), Some(7));
        assert_eq!(stored_in(&json!({})), None);
    }

    #[test]
    fn an_alert_is_told_once_in_each_state_and_old_ones_are_not() {
        let alert = |id: &str, state: &str, started: &str| {
            json!({"id": id, "rule": "negative_spike", "brand": "Acme", "state": state, "started_at": started,
                "observed": 31.0, "expected": 2.25})
        };
        let mut alerts = Alerts::since("2026-03-01T12:00:00Z".parse().unwrap());
        let firing =
            json!([alert("new", "firing", "2026-03-01T12:05:00Z"), alert("old", "firing", "2026-02-01T12:00:00Z")]);
        let told = alerts.take(&firing);
        assert_eq!(told.len(), 1);
        assert!(told[0].starts_with("ALERT negative_spike of Acme, firing: since "), "{told:?}");
        assert!(told[0].ends_with(", 31 where 2.2 are expected"), "{told:?}");
        assert_eq!(alerts.take(&firing), Vec::<String>::new());
        assert_eq!(alerts.take(&json!([alert("new", "resolved", "2026-03-01T12:05:00Z")])).len(), 1);
    }
}
