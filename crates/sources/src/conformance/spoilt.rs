use std::{collections::HashSet, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;

use super::{
    checks::Trial,
    mutate,
    play::{Stage, Step},
    transport::{Exchange, Spoil},
};
use crate::{Page, SourceError};

/// Of one source. The first rounds have every kind of answer.
const MOST_BODIES: usize = 10;
/// Of the machine's own time, for one poll.
const POLL_WITHIN: Duration = Duration::from_secs(10);

/// A new process that stands where the undisturbed one stood before this step.
fn before<'a>(trial: &'a Trial<'_>, step: &Step) -> Stage<'a> {
    let stage = trial.stage();
    let ahead = step.at.duration_since(crate::registry::Clock::now(&stage.clock));
    stage.clock.advance(ahead.try_into().unwrap_or_default());
    let first = trial.steps.iter().find(|other| other.round == step.round).map_or(0, |first| first.exchanges.start);
    stage.transport.enter_at(step.round, step.exchanges.start - first);
    stage
}

/// One poll from where the step began; `Err` where it panics or does not end.
async fn poll(
    trial: &Trial<'_>,
    step: &Step,
    spoil: Spoil,
) -> Result<(Result<Page, SourceError>, Vec<Exchange>), String> {
    let stage = before(trial, step);
    let mut source = stage.source();
    stage.transport.spoil(spoil);
    let polled = AssertUnwindSafe(stage.poll(&mut *source, step.before.as_ref())).catch_unwind();
    match tokio::time::timeout(POLL_WITHIN, polled).await {
        Ok(Ok(polled)) => Ok((polled, stage.transport.log(0))),
        Ok(Err(_)) => Err("it panics".to_owned()),
        Err(_) => Err("it does not end".to_owned()),
    }
}

pub(super) async fn unknown_fields(trial: &Trial<'_>) -> Result<bool, String> {
    let mut applies = false;
    for step in trial.steps {
        let (plain, exchanges) = poll(trial, step, Spoil::Nothing).await?;
        let (fuller, _) = poll(trial, step, Spoil::UnknownFields).await?;
        applies |= exchanges.iter().any(|exchange| mutate::with_unknown_fields(&exchange.answer.body).is_some());
        let events =
            |polled: Result<Page, SourceError>| polled.map(|page| page.events).map_err(|error| error.to_string());
        if events(plain) != events(fuller) {
            return Err(format!("round {}: other events with fields that nobody knows", step.round));
        }
    }
    Ok(applies | trial.unknown_fields_in_frames().await?)
}

pub(super) async fn spoilt(trial: &Trial<'_>) -> Result<bool, String> {
    let mut done = HashSet::new();
    for step in trial.steps {
        let (_, exchanges) = poll(trial, step, Spoil::Nothing).await?;
        for (nth, exchange) in exchanges.into_iter().enumerate() {
            if done.len() >= MOST_BODIES || !done.insert(exchange.answer.body.clone()) {
                continue;
            }
            for body in mutate::spoilt(&exchange.answer.body) {
                let shown = String::from_utf8_lossy(&body).into_owned();
                poll(trial, step, Spoil::Body { nth, body })
                    .await
                    .map(drop)
                    .map_err(|problem| format!("{problem} on {shown}"))?;
            }
        }
    }
    Ok(!done.is_empty())
}
