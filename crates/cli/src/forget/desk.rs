//! Deletion requests of the HTTP interface: the same core as the command's, behind the answer.
//!
//! What is named is kept out before the answer. The rest goes on in this process, one request after the other. Names are kept
//! nowhere, so what was interrupted is not taken up at the next start: the same request again finds its own record, and goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use grapevine_api::{AskedToForget, ForgetError, ForgetRequest, Forgetting};
use grapevine_model::forgotten::Request;
use grapevine_store::StoreError;
use parking_lot::Mutex;

use super::{Asked, Forget, Named, Targets, carry::Draft};
use crate::stages::{Pipeline, forgotten};

/// As the command does by default.
const WAIT: Duration = Duration::from_secs(300);

pub struct ForgetDesk(Arc<Desk>);

struct Desk {
    pipeline: Pipeline,
    /// One request is written down at a time: the same one, made twice at once, finds itself.
    opening: tokio::sync::Mutex<()>,
    /// One request is carried out at a time.
    turn: tokio::sync::Mutex<()>,
    mine: Mutex<Mine>,
}

/// Requests of this process, by their ids.
#[derive(Default)]
struct Mine {
    running: BTreeSet<String>,
    failed: BTreeMap<String, String>,
}

/// A request that is running, until this goes: one that panics runs no more.
struct Running {
    desk: Arc<Desk>,
    id: String,
}

impl Running {
    /// `None` where it runs already.
    fn begin(desk: &Arc<Desk>, id: &str) -> Option<Self> {
        let is_first = desk.mine.lock().running.insert(id.to_owned());
        is_first.then(|| Self { desk: desk.clone(), id: id.to_owned() })
    }

    fn ended(self, outcome: anyhow::Result<()>) {
        let mut mine = self.desk.mine.lock();
        mine.failed.remove(&self.id);
        if let Err(error) = outcome {
            tracing::error!("deletion request {}: {error:#}; make it again, as it was", self.id);
            mine.failed.insert(self.id.clone(), shown(&error));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.desk.mine.lock().running.remove(&self.id);
    }
}

impl ForgetDesk {
    pub fn new(pipeline: Pipeline) -> Self {
        let (opening, turn, mine) = Default::default();
        Self(Arc::new(Desk { pipeline, opening, turn, mine }))
    }
}

impl Desk {
    async fn take(self: Arc<Self>, asked: AskedToForget) -> Result<ForgetRequest, ForgetError> {
        let AskedToForget { authors, mentions, instance, reason, by } = asked;
        let Pipeline { config, log, store, .. } = self.pipeline.clone();
        let targets = Targets::of(&Named { authors, mentions, instance }, &store).await;
        let targets = targets.map_err(|error| refused(&error, ForgetError::Unclear))?;
        let forget = Forget { config, log, store, targets, wait: WAIT };
        let _opening = self.opening.lock().await;
        let opened = forget.open(&Asked { by, reason }).await;
        let mut draft = opened.map_err(|error| refused(&error, ForgetError::Log))?;
        let Some(running) = Running::begin(&self, &draft.request.id) else { return Ok(self.shown(&draft.request)) };
        forget.keep_out(&mut draft).await.map_err(|error| refused(&error, ForgetError::Log))?;
        let request = draft.request.clone();
        tokio::spawn(self.clone().carry_out(forget, draft, running));
        Ok(self.shown(&request))
    }

    /// Behind the answer.
    async fn carry_out(self: Arc<Self>, forget: Forget, draft: Draft, running: Running) {
        let carried = async {
            let _turn = self.turn.lock().await;
            forget.carry_out(draft).await.map(drop)
        };
        tokio::select! {
            outcome = carried => running.ended(outcome),
            () = self.pipeline.shutdown.cancelled() => {}
        }
    }

    fn shown(&self, request: &Request) -> ForgetRequest {
        let mine = self.mine.lock();
        let failed = mine.failed.get(&request.id).map(String::as_str);
        ForgetRequest::of(request, mine.running.contains(&request.id), failed)
    }
}

#[async_trait]
impl Forgetting for ForgetDesk {
    async fn begin(&self, asked: AskedToForget) -> Result<ForgetRequest, ForgetError> {
        // In a task of its own: who hangs up, or waits no longer, leaves nothing that is kept out and not carried out.
        let taken = tokio::spawn(self.0.clone().take(asked)).await;
        taken.unwrap_or_else(|error| Err(ForgetError::Log(format!("taking a deletion request: {error}"))))
    }

    async fn requests(&self) -> Result<Vec<ForgetRequest>, ForgetError> {
        let table = forgotten::table(&*self.0.pipeline.log).await;
        let table = table.map_err(|error| refused(&error, ForgetError::Log))?;
        let mut requests: Vec<ForgetRequest> = table.requests.values().map(|request| self.0.shown(request)).collect();
        requests.sort_by_key(|request| std::cmp::Reverse(request.at));
        Ok(requests)
    }
}

/// `other`: what it is where the store did not fail.
fn refused(error: &anyhow::Error, other: fn(String) -> ForgetError) -> ForgetError {
    match error.chain().any(|cause| cause.is::<StoreError>()) {
        true => ForgetError::Store(format!("{error:#}")),
        // What the command adds for its own user is said by the interface in its words.
        false => other(format!("{error:#}").split("\nhint:").next().unwrap_or_default().to_owned()),
    }
}

/// Without the words of the engine, which hold statements.
fn shown(error: &anyhow::Error) -> String {
    let hint = "the log of this process says why; make the request again, as it was";
    match error.chain().find_map(|cause| cause.downcast_ref::<StoreError>()) {
        Some(StoreError::Engine { doing, .. }) => format!("the store failed while {doing}; {hint}"),
        Some(_) => format!("the store failed; {hint}"),
        None => format!("{error}; {hint}"),
    }
}
