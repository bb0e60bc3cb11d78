//! What a source that is called has to survive.

use grapevine_model::Event;

use super::{
    checks::{Trial, difference},
    hooks::Twist,
    play::{Manner, Stage, collapse},
};
use crate::registry::Arrival;

/// So many polls at most until what was sent is on a page.
const POLLS: usize = 10;

impl Trial<'_> {
    fn is_pushed(&self) -> bool {
        self.case.platform.shape().is_some_and(|shape| shape.traits().arrival == Arrival::Pushed)
    }

    fn twisted(&self, twist: Twist) -> Stage<'_> {
        let stage = self.stage();
        stage.transport.calls().twist = twist;
        stage
    }

    async fn is_the_same(&self, twist: Twist) -> Result<bool, String> {
        if !self.is_pushed() {
            return Ok(false);
        }
        let steps = self.twisted(twist).play_as(Manner::default()).await?;
        match difference(&collapse(self.steps), &collapse(&steps)) {
            Some(problem) => Err(format!("{twist:?}: {problem}")),
            None => Ok(true),
        }
    }

    pub(super) async fn sent_twice(&self) -> Result<bool, String> {
        self.is_the_same(Twist::Twice).await
    }

    pub(super) async fn out_of_order(&self) -> Result<bool, String> {
        self.is_the_same(Twist::Reversed).await
    }

    /// Nothing comes of it, and it is refused at once.
    pub(super) async fn forged(&self) -> Result<bool, String> {
        if !self.is_pushed() || self.case.secret.is_none() {
            return Ok(false);
        }
        let stage = self.twisted(Twist::Forged);
        let steps = stage.play_as(Manner::default()).await?;
        if let Some(event) = steps.iter().flat_map(|step| &step.page.events).next() {
            return Err(format!("takes a forgery: {} comes of it", event.name()));
        }
        let calls = stage.transport.calls();
        match calls.statuses.iter().find(|status| !matches!(status, 401 | 403)) {
            Some(status) => Err(format!("answers a forgery with {status}")),
            None if calls.statuses.is_empty() => Err("answers no forgery".to_owned()),
            None => Ok(true),
        }
    }

    /// Only what is durable is answered 2xx; what was on a page that was lost comes again.
    pub(super) async fn unsettled(&self) -> Result<bool, String> {
        if !self.is_pushed() {
            return Ok(false);
        }
        let stage = self.stage();
        stage.enter(0);
        let mut first = stage.source();
        let given = events(&stage, &mut *first).await?;
        stage.transport.calls().collect();
        if let Some(status) = stage.transport.calls().statuses.iter().find(|status| (200..300).contains(*status)) {
            return Err(format!("answers {status} before its page is durable"));
        }
        drop(first);
        stage.transport.calls().collect();
        let again = events(&stage, &mut *stage.source()).await?;
        match again.len() < given.len() {
            true => Err(format!("{} events were given, and {} after its page was lost", given.len(), again.len())),
            false => Ok(true),
        }
    }

    /// The deletion of what nobody has heard of is a deletion.
    pub(super) async fn deletion_first(&self) -> Result<bool, String> {
        let is_told = |traits: super::shape::Traits| traits.arrival == Arrival::Pushed && traits.deletes;
        if !self.case.platform.shape().is_some_and(|shape| is_told(shape.traits())) {
            return Ok(false);
        }
        let steps = self.twisted(Twist::OnlyDeletions).play_as(Manner::default()).await?;
        let events = steps.iter().flat_map(|step| &step.page.events);
        match events.filter(|event| matches!(event, Event::Delete(_))).count() {
            0 => Err("the deletion of an unknown post is lost".to_owned()),
            _ => Ok(true),
        }
    }
}

/// What the first page that has any gives, without settling it.
async fn events(stage: &Stage<'_>, source: &mut dyn crate::Source) -> Result<Vec<Event>, String> {
    for _ in 0..POLLS {
        let page = stage.poll(source, None).await.map_err(|error| error.to_string())?;
        if !page.events.is_empty() {
            return Ok(page.events);
        }
    }
    Err(format!("gives nothing in {POLLS} polls"))
}
