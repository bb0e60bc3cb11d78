use std::collections::{BTreeMap, HashSet};

use grapevine_model::{Event, Mention};
use jiff::Timestamp;
use tracing::subscriber::with_default;

use super::{
    Answer, Case, Check, Expected, Outcome, Row, When,
    capture::Capture,
    mutate,
    play::{Death, Stage, Step, collapse, likes},
    spoilt,
    story::Told,
    transport::{MOST_REQUESTS, Spoil},
};
use crate::{
    Cursor, Progress, Source, SourceError,
    registry::{Arrival, Clock},
};

/// Puts a source under every check. Blocks; for tests.
///
/// # Panics
/// Where the machine has no thread to spare.
pub fn run(case: &Case) -> Row {
    let seen = Capture::of(case.secret.map(|(_, value)| value));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let cells = with_default(seen.clone(), || runtime.block_on(all(case, &seen)));
    Row { name: case.name, cells }
}

async fn all(case: &Case, seen: &Capture) -> Vec<(Check, Outcome)> {
    let steps = match Stage::new(case, seen).play(None).await {
        Ok(steps) => steps,
        Err(problem) => return Check::ALL.map(|check| (check, Outcome::Failed(problem.clone()))).to_vec(),
    };
    let trial = Trial { case, seen, steps: &steps };
    let mut cells = Vec::new();
    for check in Check::ALL {
        cells.push((check, trial.outcome(check).await.into()));
    }
    cells
}

/// A case and how it went undisturbed.
pub(super) struct Trial<'a> {
    pub(super) case: &'a Case,
    pub(super) seen: &'a Capture,
    pub(super) steps: &'a [Step],
}

impl Trial<'_> {
    async fn outcome(&self, check: Check) -> Result<bool, String> {
        match check {
            Check::Mapped => {
                let checked = self.stage().source().check().await;
                checked.map_err(|error| format!("says that it cannot connect: {error}"))?;
                self.mapped()
            }
            Check::Counters => self.counters(),
            Check::Replay => self.replay().await,
            Check::Restart => self.restart().await,
            Check::UnknownCursor => self.unknown_cursor().await,
            Check::FarCursor => self.far_cursor().await,
            Check::Loop => self.looping().await,
            Check::EqualTimes => self.equal_times(),
            Check::Arrivals => self.arrivals(),
            Check::EmptyPage => self.empty_page().await,
            Check::UnknownFields => spoilt::unknown_fields(self).await,
            Check::Spoilt => Ok(spoilt::spoilt(self).await? | self.spoilt_frames().await?),
            Check::Classes => self.classes().await,
            Check::Part => self.part().await,
            Check::Renewal => self.renewal().await,
            Check::Complete => self.complete(),
            Check::Quota => self.quota().await,
            _ => self.of_what_comes_by_itself(check).await,
        }
    }

    async fn of_what_comes_by_itself(&self, check: Check) -> Result<bool, String> {
        match check {
            Check::Pieces => self.pieces().await,
            Check::Heartbeats => self.heartbeats().await,
            Check::Silence => self.silence().await,
            Check::Cut => self.cut().await,
            Check::Farewell => self.farewell().await,
            Check::Flood => self.flood().await,
            Check::Twice => self.sent_twice().await,
            Check::OutOfOrder => self.out_of_order().await,
            Check::Forged => self.forged().await,
            Check::Unsettled => self.unsettled().await,
            Check::DeleteFirst => self.deletion_first().await,
            _ => self.secret(),
        }
    }

    pub(super) fn stage(&self) -> Stage<'_> {
        Stage::new(self.case, self.seen)
    }

    fn mapped(&self) -> Result<bool, String> {
        let known = collapse(self.steps);
        let find = |expected: &Expected| {
            let end = format!(":{}", expected.native_id);
            known.iter().find(|(key, _)| key.ends_with(&end)).map(|(_, mention)| mention)
        };
        for expected in self.case.platform.expected() {
            let id = &expected.native_id;
            match (find(&expected), expected.is_there) {
                (None, _) => return Err(format!("{id} never came")),
                (Some(Some(_)), false) => return Err(format!("{id} is still there, and was deleted")),
                (Some(None), true) => return Err(format!("{id} is taken as deleted, and is there")),
                (Some(None), false) => {}
                (Some(Some(mention)), true) => {
                    let is = (mention.created_at, &mention.parent, &mention.text);
                    let should = (expected.created_at, &expected.parent, &expected.text);
                    if is != should {
                        return Err(format!("{id} is {is:?} and should be {should:?}"));
                    }
                }
            }
        }
        self.nothing_else(&known)
    }

    /// No mention is there that nobody wrote, and none that came and went between two looks.
    fn nothing_else(&self, known: &BTreeMap<String, Option<Mention>>) -> Result<bool, String> {
        let expected = self.case.platform.expected();
        let is_expected = |key: &String| expected.iter().any(|one| key.ends_with(&format!(":{}", one.native_id)));
        match known.iter().find(|(key, mention)| mention.is_some() && !is_expected(key)) {
            Some((key, _)) => Err(format!("{key} is there, and should not be")),
            None => Ok(true),
        }
    }

    fn counters(&self) -> Result<bool, String> {
        let (known, expected) = (likes(self.steps), self.case.platform.expected());
        for Expected { native_id, likes, .. } in &expected {
            let end = format!(":{native_id}");
            let found = known.iter().find(|(key, _)| key.ends_with(&end)).map(|(_, likes)| *likes);
            // Who never says that there are none says nothing wrong.
            if likes.is_some_and(|likes| likes != found.unwrap_or(0)) {
                return Err(format!("{native_id} has {likes:?} likes, and {found:?} were read"));
            }
        }
        Ok(expected.iter().any(|expected| expected.likes > Some(0)))
    }

    async fn replay(&self) -> Result<bool, String> {
        let again = self.stage().play(None).await?;
        let events = |steps: &[Step]| steps.iter().flat_map(|step| step.page.events.clone()).collect::<Vec<_>>();
        let (first, second) = (events(self.steps), events(&again));
        if first == second { Ok(true) } else { Err("a second reading gives other events".to_owned()) }
    }

    async fn restart(&self) -> Result<bool, String> {
        let undisturbed = collapse(self.steps);
        for after in 0..self.steps.len() {
            for is_saved in [false, true] {
                let steps = self.stage().play(Some(Death { after, is_saved })).await?;
                let found = collapse(&steps);
                if let Some(problem) = difference(&undisturbed, &found) {
                    return Err(format!("killed after page {after} (cursor saved: {is_saved}): {problem}"));
                }
            }
        }
        Ok(true)
    }

    /// The first page comes for ever, then the second.
    async fn looping(&self) -> Result<bool, String> {
        for nth in [0, 1] {
            let stage = self.stage();
            stage.transport.spoil(Spoil::Loop(nth));
            comes_to_an_end(&stage).await.map_err(|problem| format!("page {}: {problem}", nth + 1))?;
        }
        Ok(self.asks())
    }

    /// What comes in later rounds comes also where the first was answered with nothing.
    async fn empty_page(&self) -> Result<bool, String> {
        let stage = self.stage();
        stage.spoil_first_round(Spoil::EmptyLists);
        let found = collapse(&stage.play(None).await?);
        let later: Vec<Step> = self.steps.iter().filter(|step| step.round > 0).cloned().collect();
        let mut earlier = collapse(&self.steps[..self.steps.len() - later.len()]);
        earlier.retain(|_, mention| mention.is_some());
        let is_lost = |(key, mention): &(&String, &Option<Mention>)| {
            !earlier.contains_key(*key) && mention.is_some() && found.get(*key) != Some(*mention)
        };
        if let Some((key, _)) = collapse(&later).iter().find(is_lost) {
            return Err(format!("{key}, which came after an empty page, is lost or other"));
        }
        let logged = stage.transport.log(0);
        Ok(logged.iter().any(|exchange| mutate::with_empty_lists(&exchange.answer.body).is_some()))
    }

    /// The case says what came while it was read: all of it is known in the end.
    fn arrivals(&self) -> Result<bool, String> {
        let expected = self.case.platform.expected();
        let late: Vec<&Expected> = expected.iter().filter(|expected| expected.came_late).collect();
        let known = collapse(self.steps);
        for Expected { native_id, is_there, .. } in &late {
            let end = format!(":{native_id}");
            let found = known.iter().find(|(key, _)| key.ends_with(&end)).map(|(_, mention)| mention.is_some());
            if found != Some(*is_there) {
                return Err(format!("{native_id}, which came while it paged, is lost"));
            }
        }
        Ok(!late.is_empty())
    }

    fn equal_times(&self) -> Result<bool, String> {
        let expected = self.case.platform.expected();
        let mut seen = HashSet::new();
        match expected.iter().any(|expected| !seen.insert(expected.created_at)) {
            true => self.mapped(),
            false => Err("the case has no two posts of the same moment".to_owned()),
        }
    }

    /// By its check and by its first poll.
    async fn classes(&self) -> Result<bool, String> {
        if !self.asks() && !self.is_connected() {
            return Ok(false);
        }
        for (what, answer) in failures() {
            let stage = self.stage();
            stage.transport.spoil(Spoil::Always(answer.clone()));
            let began = stage.clock.now();
            let checked = match stage.source().check().await {
                Ok(()) => "unchanged",
                Err(error) => class(&error, began),
            };
            let began = stage.clock.now();
            let polled = match stage.poll(&mut *stage.source(), None).await {
                Ok(page) if page.events.is_empty() => "unchanged",
                Ok(_) => "a page with events",
                Err(error) => class(&error, began),
            };
            // Whoever did not ask for news only may also call a 304 a failure that passes.
            let is_right = |is: &str| {
                is == what || (what, is) == ("unchanged", "transient") || self.is_refused_connection(what, is)
            };
            if !is_right(checked) || !is_right(polled) {
                return Err(format!("status {} is {checked} to its check and {polled} to its poll", answer.status));
            }
        }
        Ok(true)
    }

    /// A handshake has no body and no words: what it means is not always told apart.
    fn is_refused_connection(&self, what: &str, is: &str) -> bool {
        let is_streamed = self.case.platform.shape().is_some_and(|shape| shape.traits().arrival == Arrival::Streamed);
        is_streamed && matches!((what, is), ("gone", "config") | ("limited", "transient"))
    }

    /// One part of several is taken away: the others go on.
    async fn part(&self) -> Result<bool, String> {
        let Some(shape) = self.case.platform.shape() else { return Ok(false) };
        let moment = self.case.platform.moment(END);
        let is_lost = |post: &&Told| shape.is_only_in_part(post);
        let view = moment.view();
        let ever = view.posts.iter().chain(view.gone);
        let lost: Vec<String> = ever.filter(is_lost).map(|post| shape.native_id(post)).collect();
        if lost.is_empty() {
            return Ok(false);
        }
        for status in [403, 404] {
            let stage = self.stage();
            stage.transport.spoil(Spoil::Part(status));
            let steps = stage.play(None).await.map_err(|problem| format!("a part answers {status}: {problem}"))?;
            let found = collapse(&steps);
            let is_missed = |(key, mention): &(&String, &Option<Mention>)| {
                let is_of_part = lost.iter().any(|id| key.ends_with(&format!(":{id}")));
                mention.is_some() && !is_of_part && !matches!(found.get(*key), Some(Some(_)))
            };
            if let Some((key, _)) = collapse(self.steps).iter().find(is_missed) {
                return Err(format!("a part answers {status}, and {key} of another is lost"));
            }
            let (mut source, last) = (stage.source(), steps.last().map(|step| step.page.cursor.clone()));
            stage.clock.advance(self.case.every.try_into().unwrap_or_default());
            read_on(&stage, &mut *source, last).await?;
            if source.notice().is_none() {
                return Err(format!("a part answers {status}, and no notice says so"));
            }
        }
        Ok(true)
    }

    /// Whatever request it is that a token is refused at: a new one is fetched.
    async fn renewal(&self) -> Result<bool, String> {
        if !self.case.platform.shape().is_some_and(|shape| shape.traits().renews) {
            return Ok(false);
        }
        for nth in 0..RENEWALS {
            let stage = self.stage();
            stage.transport.spoil(Spoil::Unauthorized(nth));
            let steps = stage.play(None).await.map_err(|problem| format!("a 401 to request {nth}: {problem}"))?;
            if let Some(problem) = difference(&collapse(self.steps), &collapse(&steps)) {
                return Err(format!("after a 401 to request {nth}, {problem}"));
            }
        }
        Ok(true)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.case.platform.shape().is_some_and(|shape| shape.peer().is_some())
    }

    /// It makes requests.
    fn asks(&self) -> bool {
        self.steps.iter().any(|step| !step.exchanges.is_empty())
    }

    fn complete(&self) -> Result<bool, String> {
        let mut promised: Option<Timestamp> = None;
        let mut known = HashSet::new();
        for step in self.steps {
            for event in &step.page.events {
                if let Event::Upsert(mention) = event
                    && known.insert(mention.key.clone())
                    && promised.is_some_and(|promised| mention.created_at < promised)
                {
                    return Err(format!("{} came after its time was said to be complete", mention.key));
                }
            }
            promised = promised.max(step.page.complete_through);
        }
        Ok(promised.is_some())
    }

    async fn quota(&self) -> Result<bool, String> {
        if !self.asks() && !self.is_connected() {
            return Ok(false);
        }
        let stage = self.stage();
        stage.transport.enter(self.case.platform.rounds().saturating_sub(1));
        let (mut source, mut cursor) = (stage.source(), None);
        let end = stage.clock.now() + QUOTA_HOURS;
        while stage.clock.now() < end {
            match stage.poll(&mut *source, cursor.as_ref()).await {
                Ok(page) => cursor = Some(page.cursor),
                Err(SourceError::RateLimited { until, .. }) if until > stage.clock.now() => {
                    let wait = until.duration_since(stage.clock.now());
                    stage.clock.advance(wait.try_into().unwrap_or_default());
                }
                Err(error) => return Err(error.to_string()),
            }
            stage.clock.advance(std::time::Duration::from_millis(500));
        }
        let times: Vec<Timestamp> = stage.transport.log(0).iter().map(|exchange| exchange.at).collect();
        let (most, span) = self.case.allowed;
        match times.windows(most + 1).find(|times| times[most].duration_since(times[0]) < span) {
            Some(times) => Err(format!("more than {most} requests in {span:#} from {}", times[0])),
            None => Ok(!times.is_empty()),
        }
    }

    fn secret(&self) -> Result<bool, String> {
        match self.seen.shown() {
            Some(text) => Err(format!("the secret stands in {text:?}")),
            None => Ok(self.case.secret.is_some()),
        }
    }
}

/// What one reading knows and the other does not. What came and went between may be known as deleted, or not at all.
pub(super) fn difference(
    should: &BTreeMap<String, Option<Mention>>,
    is: &BTreeMap<String, Option<Mention>>,
) -> Option<String> {
    let there = |known: &BTreeMap<String, Option<Mention>>, key: &String| known.get(key).cloned().flatten();
    let all = should.keys().chain(is.keys());
    let differs = |key: &&String| there(should, key) != there(is, key);
    all.clone().find(differs).map(|key| match (there(should, key), there(is, key)) {
        (Some(_), None) => format!("{key} is lost"),
        (None, _) => format!("{key} is there, and should not be"),
        (Some(should), Some(is)) => format!("{key} is {is:?} and should be {should:?}"),
    })
}

/// To the end of what there is.
pub(super) async fn read_on(
    stage: &Stage<'_>,
    source: &mut dyn Source,
    mut cursor: Option<Cursor>,
) -> Result<Vec<Step>, String> {
    let mut steps: Vec<Step> = Vec::new();
    let mut quiet = 0;
    while steps.len() < LOOP_POLLS && quiet < 3 {
        let step = stage.step(source, &cursor, 0).await.map_err(|error| error.to_string())?;
        cursor = Some(step.page.cursor.clone());
        quiet = if step.page.state == Progress::Behind { 0 } else { quiet + 1 };
        steps.push(step);
    }
    Ok(steps)
}

/// An error also ends it, if it did not come at once: a source that asks for ever within one poll is told by one.
async fn comes_to_an_end(stage: &Stage<'_>) -> Result<(), String> {
    let (mut source, mut cursor) = (stage.source(), None);
    for polls in 0..LOOP_POLLS {
        match stage.poll(&mut *source, cursor.as_ref()).await {
            Ok(page) if page.state != Progress::Behind => return Ok(()),
            Ok(page) => cursor = Some(page.cursor),
            Err(error) if polls == 0 || stage.transport.requests() >= MOST_REQUESTS => {
                return Err(format!("after {} requests: {error}", stage.transport.requests()));
            }
            Err(_) => return Ok(()),
        }
    }
    Err(format!("goes on after {LOOP_POLLS} polls and {} requests", stage.transport.requests()))
}

/// What platforms answer when something is wrong, by what is to be made of it.
fn failures() -> [(&'static str, Answer); 8] {
    let html = Answer::status(200, "<!DOCTYPE html><html><title>Sign in</title>");
    [
        ("auth", Answer::status(401, "")),
        ("auth", Answer::status(403, "")),
        ("gone", Answer::status(404, "")),
        ("limited", Answer::status(429, "").with_header("retry-after", "120")),
        ("transient", Answer::status(500, "")),
        ("transient", Answer::status(503, "")),
        ("transient", html.with_header("content-type", "text/html")),
        ("unchanged", Answer::status(304, "")),
    ]
}

/// The end of the story.
const END: When = When { round: usize::MAX, requests: 1, now: Timestamp::UNIX_EPOCH };
const RENEWALS: usize = 5;
const LOOP_POLLS: usize = 50;
const QUOTA_HOURS: jiff::SignedDuration = jiff::SignedDuration::from_hours(2);

fn class(error: &SourceError, began: Timestamp) -> &'static str {
    match error {
        SourceError::RateLimited { until, .. } => {
            let wait = until.duration_since(began).as_secs();
            if (120..=122).contains(&wait) { "limited" } else { "limited until another time" }
        }
        other => other.class(),
    }
}
