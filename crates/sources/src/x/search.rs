use grapevine_model::{Event, Gap, Sampled};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    caller::Caller,
    map::{Mapped, time_of},
    position::{Position, Since, digest},
    settings::XSpec,
};
use crate::{Rejected, SourceError, http::Share};

/// The least and the most posts that X gives at once.
const PER_PAGE: (u64, u64) = (10, 100);

/// What one poll gathers.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) events: Vec<Event>,
    pub(super) rejected: Vec<Rejected>,
}

impl Gathered {
    /// Takes in what was mapped; each mention stands for so many.
    pub(super) fn take(&mut self, mapped: Mapped, body: &[u8], weight: f32) {
        for (place, error) in &mapped.rejected {
            let (place, raw) = piece(body, *place);
            self.rejected.push(Rejected { place, reason: error.to_string(), raw });
        }
        for mut mention in mapped.mentions {
            mention.weight = weight;
            self.events.push(Event::Upsert(Box::new(mention)));
        }
    }
}

/// The post at a place of an answer, for a person and for another try.
fn piece(body: &[u8], place: usize) -> (String, Vec<u8>) {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let data = answer.get("data").cloned().unwrap_or_default();
    let post = data.get(place).cloned().unwrap_or(data);
    let id = post.get("id").and_then(Value::as_str).map(|id| format!("post {id}"));
    let includes = answer.get("includes").filter(|includes| includes.to_string().len() < 1 << 16);
    let raw = json!({"data": post, "includes": includes}).to_string().into_bytes();
    (id.unwrap_or_else(|| format!("post {} of an answer", place + 1)), raw)
}

/// The queries by their digests.
pub(super) struct Queries(pub(super) Vec<(String, String)>);

impl Queries {
    pub(super) fn new(queries: &[String]) -> Self {
        Self(queries.iter().map(|query| (digest(query), query.clone())).collect())
    }

    fn digests(&self) -> Vec<String> {
        self.0.iter().map(|(digest, _)| digest.clone()).collect()
    }

    fn find(&self, digest: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == digest).map(|(_, query)| query.as_str())
    }

    /// Begins a round; says what can not be read, and what will be read in part.
    pub(super) fn begin(
        &self,
        spec: &XSpec,
        position: &mut Position,
        now: Timestamp,
        (share, affordable): (Share, u64),
    ) -> Vec<Event> {
        let mut said = Vec::new();
        let missed = position.begin(&self.digests(), now, now - spec.backfill);
        if let Some((from, to)) = missed {
            let reason = "the search goes back seven days, and what was read last is older".to_owned();
            said.push(Event::Gap(Gap { source: spec.name.clone(), from, to, reason }));
        }
        if spec.spend.is_some() {
            position.take_part(share.rate(), affordable);
        }
        if let Some((rate, from)) = position.round.as_ref().and_then(|round| Some((round.rate()?, round.from))) {
            said.push(sampled(spec, (from, now), rate));
        }
        said
    }

    /// Reads one page of the query at hand. `Err` of a single query of several is a notice: the others go on.
    pub(super) async fn read(
        &self,
        caller: &mut Caller,
        position: &mut Position,
        into: &mut Gathered,
    ) -> Result<Option<String>, SourceError> {
        let Some(round) = position.round.clone() else { return Ok(None) };
        let Some(at_hand) = round.left.last() else { return Ok(None) };
        let (Some(query), Some(since)) = (self.find(at_hand), position.since(at_hand)) else {
            position.end_query(false);
            return Ok(None);
        };
        let asked = parameters(query, since, round.token.as_deref(), caller.client()?.affordable());
        match caller.posts(&["tweets", "search", "recent"], asked, "search").await {
            Ok((page, body)) => {
                if let (Some(to), from) = (position.read(&page).and_then(time_of), since.time()) {
                    let reason = format!("the search {query:?} says that more follows, and leads back to what was read");
                    let gap = Gap { source: caller.name(), from: from.unwrap_or(to).min(to), to, reason };
                    into.events.push(Event::Gap(gap));
                }
                let weight = round.rate().map_or(1.0, |rate| (1.0 / rate) as f32);
                into.take(page, &body, weight);
                Ok(None)
            }
            // A page of long ago may lead nowhere any more.
            Err(SourceError::Config(_)) if round.token.is_some() => {
                position.again();
                Ok(None)
            }
            Err(SourceError::Config(problem)) if self.0.len() > 1 => {
                position.end_query(false);
                Ok(Some(problem))
            }
            Err(error) => Err(error),
        }
    }
}

pub(super) fn sampled(spec: &XSpec, (from, to): (Timestamp, Timestamp), rate: f64) -> Event {
    let reason = "the month's budget does not reach for all".to_owned();
    Event::Sampled(Sampled { source: spec.name.clone(), from, to, rate: rate as f32, reason })
}

/// Of a page of a search.
fn parameters(query: &str, since: Since, token: Option<&str>, affordable: u64) -> Vec<(&'static str, String)> {
    let per_page = affordable.clamp(PER_PAGE.0, PER_PAGE.1);
    let mut asked = vec![
        ("query", query.to_owned()),
        ("max_results", per_page.to_string()),
        ("sort_order", "recency".to_owned()),
        match since {
            Since::Post(id) => ("since_id", id.to_string()),
            Since::Time(time) => ("start_time", whole_seconds(time)),
        },
    ];
    asked.extend(token.map(|token| ("next_token", token.to_owned())));
    asked
}

fn whole_seconds(time: Timestamp) -> String {
    time.round(jiff::Unit::Second).unwrap_or(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// As cheap a question as there is: what was written a moment ago.
pub(super) fn probe(query: &str, now: Timestamp) -> Vec<(&'static str, String)> {
    parameters(query, Since::Time(now - SignedDuration::from_secs(45)), None, PER_PAGE.0)
}
