//! What the stages say of themselves. The binary fills it; the page's footer shows it.

use grapevine_model::Usage;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The pipeline as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PipelineStatus {
    pub version: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// In the order that a mention passes them.
    pub stages: Vec<StageStatus>,
    pub sources: Vec<SourceStatus>,
    /// Absent while it loads, and where no scoring runs here.
    pub model: Option<ModelStatus>,
    /// How often the embedded engine was started again since the start.
    pub engine_restarts: u64,
    /// What must hold of the pipeline, as it was last checked; empty before the first check.
    pub invariants: Vec<InvariantStatus>,
}

/// A count that must stay 0, with how much was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InvariantStatus {
    /// `lost`, `doubled`, `rollup_mismatch`, `commit_beyond_frontier`, `unaccounted`.
    pub name: String,
    pub violations: u64,
    /// Out of how many.
    pub checked: u64,
    #[schema(value_type = String, format = DateTime)]
    pub checked_at: Timestamp,
    /// What a violation says, and what to do about it.
    pub meaning: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageStatus {
    /// `ingest`, `score`, `sink`, `alert`, `serve`.
    pub name: String,
    pub state: StageState,
    /// Records that wait before this stage; absent where it is not known.
    pub lag: Option<u64>,
    /// Records that it finished since the start.
    pub done: u64,
    /// Records parked as dead letters since the start.
    pub dead_letters: u64,
    /// The newest trouble, in words that say what to do.
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    Starting,
    Running,
    /// Records wait, and it has finished none of them for a minute.
    Stalled,
    Retrying,
    Stopped,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SourceStatus {
    pub name: String,
    /// `file`, `bluesky`, …
    pub platform: String,
    pub state: SourceState,
    /// `created_at` of the newest mention that it gave.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub newest_at: Option<Timestamp>,
    /// When it last gave anything, a heartbeat included.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub heard_at: Option<Timestamp>,
    pub mentions: u64,
    /// Campaigns, answers to surveys and counts of followers that it gave.
    pub rows: u64,
    /// What is wrong and what to do about it.
    pub message: Option<String>,
    /// Since when it is in that state.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Everything created before is read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub complete_through: Option<Timestamp>,
    /// When a page was last read and kept.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Timestamp>,
    #[schema(value_type = crate::schema::Usage)]
    pub usage: Usage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    Starting,
    CatchingUp,
    Live,
    /// For its quota: the platform said until when.
    Waiting,
    Retrying,
    /// It was asked, and has not answered for minutes.
    Stalled,
    Ended,
    /// Nothing will come before somebody mends what the message says, and, where it says so, it is tried again.
    Failed,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelStatus {
    /// `name@version`.
    pub id: String,
    /// `rust-bert bf16, 2 threads`, say.
    pub engine: String,
    /// Measured macro-recall, 0 to 1, and on what; absent where the manifest states none.
    pub accuracy: Option<f64>,
    pub measured_on: Option<String>,
    pub languages: Vec<String>,
}
