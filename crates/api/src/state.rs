//! What the API is built from. The binary fills [`ApiParts`]; handlers see [`ApiState`].

use std::{
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use grapevine_store::Standing;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use crate::{
    asked::AskedBefore,
    error::{ApiError, ErrorCode},
    figures::Figures,
    forget::Forgetting,
    labels::Labels,
    live::LiveEvent,
    session::SessionKey,
    status::PipelineStatus,
    token::TokenHash,
};

/// How many may follow the live feed at once.
const LIVE_SEATS: usize = 256;

/// Says how the pipeline is doing. Asked for each time the page's footer is; must not block.
pub type StatusProvider = Arc<dyn Fn() -> PipelineStatus + Send + Sync>;
/// Renders the counters in Prometheus' text format.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;
/// Tells the time; fixed in tests.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A brand that figures can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BrandEntry {
    pub name: String,
    /// It counts in share of voice and raises no alert.
    pub competitor: bool,
}

/// Who may ask, and for how long.
#[derive(Debug, Clone)]
pub struct Settings {
    pub token: TokenHash,
    /// Names that this server answers to, beside `localhost` and IP addresses. Without a port.
    pub host_names: Vec<String>,
    /// An answer that takes longer is given up with `timed_out`.
    pub time_limit: Duration,
    /// Ends the live feeds, so that a graceful shutdown does not wait for their readers.
    pub stopping: CancellationToken,
}

impl Settings {
    /// Loopback only, 30 seconds.
    pub fn new(token: TokenHash) -> Self {
        let time_limit = Duration::from_secs(30);
        Self { token, host_names: Vec::new(), time_limit, stopping: CancellationToken::new() }
    }
}

/// Everything that the API needs from the rest of the program.
pub struct ApiParts {
    pub figures: Arc<dyn Figures>,
    /// Remembers what pages ask.
    pub asked_before: Arc<dyn AskedBefore>,
    /// Own brands before competitors: the page starts with the first.
    pub brands: Vec<BrandEntry>,
    /// Takes what people say of mentions.
    pub labels: Arc<dyn Labels>,
    /// Takes deletion requests.
    pub forgetting: Arc<dyn Forgetting>,
    pub live: broadcast::Sender<LiveEvent>,
    pub status: StatusProvider,
    pub metrics_text: MetricsText,
    pub clock: Clock,
    pub settings: Settings,
}

/// What handlers see. Cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) figures: Arc<dyn Figures>,
    pub(crate) standing: Standing,
    pub(crate) asked_before: Arc<dyn AskedBefore>,
    pub(crate) brands: Arc<[BrandEntry]>,
    pub(crate) labels: Arc<dyn Labels>,
    pub(crate) forgetting: Arc<dyn Forgetting>,
    /// Deletion requests that were seen, and those of them that were done.
    pub(crate) forgotten: Arc<AtomicUsize>,
    pub(crate) live: broadcast::Sender<LiveEvent>,
    pub(crate) live_seats: Arc<Semaphore>,
    pub(crate) status: StatusProvider,
    pub(crate) metrics_text: MetricsText,
    pub(crate) clock: Clock,
    pub(crate) settings: Arc<Settings>,
    pub(crate) session_key: Arc<SessionKey>,
}

impl ApiState {
    pub fn new(parts: ApiParts) -> Self {
        let asked = parts.figures.clone();
        let standing = Standing::new(move |query| {
            let figures = asked.clone();
            async move { figures.metric(&query).await }
        });
        Self {
            figures: parts.figures,
            standing,
            asked_before: parts.asked_before,
            brands: parts.brands.into(),
            labels: parts.labels,
            forgetting: parts.forgetting,
            forgotten: Arc::default(),
            live: parts.live,
            live_seats: Arc::new(Semaphore::new(LIVE_SEATS)),
            status: parts.status,
            metrics_text: parts.metrics_text,
            clock: parts.clock,
            settings: Arc::new(parts.settings),
            session_key: Arc::new(SessionKey::generate()),
        }
    }

    pub(crate) fn check_brand(&self, name: &str) -> Result<(), ApiError> {
        if self.brands.iter().any(|brand| brand.name == name) {
            return Ok(());
        }
        Err(ApiError::new(ErrorCode::UnknownBrand, format!("there is no brand {name:?}")))
    }
}
