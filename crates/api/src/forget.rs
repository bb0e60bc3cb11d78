//! Deletion requests, as they are asked for and as they are shown.

use std::collections::BTreeMap;

use async_trait::async_trait;
use grapevine_model::forgotten::{Remains, Request, Run};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// Takes deletion requests: log and store in the binary, a list in tests.
#[async_trait]
pub trait Forgetting: Send + Sync {
    /// Returns once what is named is kept out for ever. The rest goes on behind it; the same again goes on with a request
    /// that was interrupted.
    async fn begin(&self, asked: AskedToForget) -> Result<ForgetRequest, ForgetError>;

    /// All requests, the newest first.
    async fn requests(&self) -> Result<Vec<ForgetRequest>, ForgetError>;
}

/// Who and what is to be forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedToForget {
    /// `PLATFORM:ACCOUNT`.
    pub authors: Vec<String>,
    /// Ids or addresses.
    pub mentions: Vec<String>,
    pub instance: Option<String>,
    pub reason: String,
    pub by: String,
}

/// Why a request was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgetError {
    /// What is named can not be found out.
    #[error("{0}")]
    Unclear(String),
    #[error("the log failed: {0}")]
    Log(String),
    #[error("the store failed: {0}")]
    Store(String),
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgetState {
    /// This process is carrying it out, or will once it ended another.
    Running,
    /// Nothing is left to do; what remains goes by itself.
    Done,
    /// It could not be carried out to its end, as `message` says.
    Failed,
    /// Begun and not ended: another process is at it, it was interrupted, or something remains that someone has to see to, as
    /// its last run says. The same request again goes on.
    Open,
}

/// The proof of a deletion request. It holds no name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ForgetRequest {
    pub id: String,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub by: String,
    pub reason: String,
    /// Accounts and mentions that were named.
    pub subjects: u64,
    pub state: ForgetState,
    /// What hinders it.
    pub message: Option<String>,
    /// It was repeated where it was interrupted.
    pub runs: Vec<ForgetRun>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ForgetRun {
    #[schema(value_type = String, format = DateTime)]
    pub began_at: Timestamp,
    /// Absent while it runs, and where it was interrupted.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Place by place, what was found; counted before it is removed. Empty until then.
    pub found: BTreeMap<String, u64>,
    /// Brand-hours whose figures are to be made right still.
    pub hours_left: u64,
    pub remains: Vec<ForgetRemains>,
}

/// What could not be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ForgetRemains {
    pub place: String,
    /// Null where it is not known.
    pub records: Option<u64>,
    /// When it goes by itself; null where someone has to see to it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    pub why: String,
}

impl ForgetRequest {
    /// `failed` and `running` are of this process.
    pub fn of(request: &Request, running: bool, failed: Option<&str>) -> Self {
        let state = match failed {
            _ if running => ForgetState::Running,
            _ if request.is_done() => ForgetState::Done,
            Some(_) => ForgetState::Failed,
            None => ForgetState::Open,
        };
        let message = failed.filter(|_| state == ForgetState::Failed);
        let Request { id, at, by, reason, subjects, runs, .. } = request.clone();
        let runs = runs.into_iter().map(ForgetRun::from).collect();
        Self { id, at, by, reason, subjects, state, message: message.map(str::to_owned), runs }
    }
}

impl From<Run> for ForgetRun {
    fn from(run: Run) -> Self {
        let Run { began_at, found, hours, remains, ended_at } = run;
        let remains = remains.into_iter().map(ForgetRemains::from).collect();
        Self { began_at, ended_at, found, hours_left: hours.len() as u64, remains }
    }
}

impl From<Remains> for ForgetRemains {
    fn from(remains: Remains) -> Self {
        let Remains { place, records, until, why } = remains;
        Self { place, records, until, why }
    }
}
