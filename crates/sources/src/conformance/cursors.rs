//! Cursors that are not what they should be.

use std::collections::BTreeSet;

use grapevine_model::Event;
use jiff::SignedDuration;

use super::{
    checks::{Trial, read_on},
    play::{Stage, Step, collapse},
};
use crate::{Cursor, SourceError};

/// Beyond what any platform keeps.
const FAR: SignedDuration = SignedDuration::from_hours(400 * 24);

impl Trial<'_> {
    pub(super) async fn unknown_cursor(&self) -> Result<bool, String> {
        let Some(Cursor { version, value }) = self.steps.last().map(|step| step.page.cursor.clone()) else {
            return Err("there is no page".to_owned());
        };
        let wrong = [(version + 1, value), (version, "no cursor".into()), (version, serde_json::Value::Null)];
        for (version, value) in wrong {
            let cursor = Cursor { version, value };
            let stage = self.stage();
            let mut source = stage.source();
            let is_told = match stage.poll(&mut *source, Some(&cursor)).await {
                Err(error) => matches!(error, SourceError::CursorLost { .. }),
                Ok(page) => matches!(page.events.first(), Some(Event::Gap(_))),
            };
            if !is_told {
                return Err(format!("does not say that the cursor {cursor:?} is lost"));
            }
            let anew = stage.poll(&mut *source, None).await;
            anew.map_err(|error| format!("does not begin anew after the cursor {cursor:?}: {error}"))?;
        }
        Ok(true)
    }

    /// What came after the cursor was saved comes, or it is said that it may not.
    pub(super) async fn far_cursor(&self) -> Result<bool, String> {
        let Some(old) = self.cursor_of_the_first_posts(self.steps) else { return Ok(false) };
        let stage = self.stage();
        stage.clock.advance(FAR.try_into().unwrap_or_default());
        self.is_heard(&stage, old.clone()).await.map_err(|problem| format!("a cursor from long ago: {problem}"))?;
        let ahead = self.stage();
        ahead.clock.advance(FAR.try_into().unwrap_or_default());
        let steps = ahead.play(None).await?;
        // Whom the platform shows nothing so late: then it is the clock that is wrong, and was put right.
        let (stage, new) = match self.cursor_of_the_first_posts(&steps) {
            Some(new) => (self.stage(), new),
            None => (Stage::before(self.case, self.seen, FAR), old),
        };
        self.is_heard(&stage, new).await.map_err(|problem| format!("a cursor of the future: {problem}"))?;
        Ok(true)
    }

    /// After the first round in which there were any.
    fn cursor_of_the_first_posts(&self, steps: &[Step]) -> Option<Cursor> {
        let round = steps.iter().find(|step| !step.page.events.is_empty())?.round;
        steps.iter().rfind(|step| step.round == round).map(|step| step.page.cursor.clone())
    }

    async fn is_heard(&self, stage: &Stage<'_>, cursor: Cursor) -> Result<(), String> {
        let last = stage.case.platform.rounds() - 1;
        stage.clock.advance((stage.case.every * i32::try_from(last).unwrap_or(0)).try_into().unwrap_or_default());
        stage.transport.enter(last);
        let mut source = stage.source();
        match stage.poll(&mut *source, Some(&cursor)).await {
            Err(SourceError::CursorLost { .. }) => return Ok(()),
            Err(error) => return Err(error.to_string()),
            Ok(_) => {}
        }
        let mut steps = read_on(stage, &mut *source, Some(cursor.clone())).await?;
        stage.clock.advance(stage.case.every.try_into().unwrap_or_default());
        let reached = steps.last().map_or(cursor, |step| step.page.cursor.clone());
        steps.extend(read_on(stage, &mut *source, Some(reached)).await?);
        if steps.iter().flat_map(|step| &step.page.events).any(|event| matches!(event, Event::Gap(_))) {
            return Ok(());
        }
        let found = collapse(&steps);
        let first = self.steps.iter().find(|step| !step.page.events.is_empty()).map_or(0, |step| step.round);
        let before: Vec<Step> = self.steps.iter().filter(|step| step.round <= first).cloned().collect();
        let known = collapse(&before);
        let all = collapse(self.steps);
        let still = self.still_there(last).await?;
        let is_gone = |key: &String| !still.is_empty() && !still.contains(key);
        let is_missed = |key: &&String| !known.contains_key(*key) && !found.contains_key(*key) && !is_gone(key);
        let new = all.iter().filter(|(_, mention)| mention.is_some()).map(|(key, _)| key);
        match new.into_iter().find(is_missed) {
            Some(key) => Err(format!("says nothing, and {key} never comes")),
            None => Ok(()),
        }
    }
    /// What one who begins in this round is given: a platform that tells of no deletion just has it no more.
    async fn still_there(&self, round: usize) -> Result<BTreeSet<String>, String> {
        let stage = self.stage();
        stage.clock.advance((stage.case.every * i32::try_from(round).unwrap_or(0)).try_into().unwrap_or_default());
        stage.transport.enter(round);
        let mut source = stage.source();
        let steps = read_on(&stage, &mut *source, None).await?;
        Ok(collapse(&steps).into_keys().collect())
    }
}
