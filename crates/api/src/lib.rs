//! The HTTP API, the live feed and the page.
//!
//! [`app`] builds the router from an [`ApiState`]; the binary serves it. Who asks what:
//!
//! | path | answer | token |
//! |---|---|---|
//! | `/`, `/assets/*` | the page | no |
//! | `/api/v1/health` | whether the store answers | no |
//! | `/api/v1/session` | POST logs in, DELETE logs out, GET asks | GET only |
//! | `/api/v1/openapi.json` | this table, for machines | yes |
//! | `/api/v1/status`, `brands`, `metrics`, `metrics/{id}`, `mentions`, `alerts` | figures | yes |
//! | `/api/v1/expected` | POST says which figures may be asked soon | yes |
//! | `/api/v1/search` | mentions that a query finds, page by page | yes |
//! | `/api/v1/drawn` | mentions drawn by chance, for people to judge the model | yes |
//! | `/api/v1/mentions/{id}/labels` | what people say of a mention: GET, POST, DELETE | yes |
//! | `/api/v1/forget` | deletion requests: GET lists them, POST makes one | yes |
//! | `/api/v1/live` | mentions as they are scored, as Server-Sent Events | yes |
//! | `/metrics` | counters for Prometheus | yes |
//!
//! The token travels as `Authorization: Bearer …`, or as a cookie that the session set. Every error has the shape of
//! [`ApiError`], and every code stands in [`ErrorCode`].

mod asked;
mod assets;
mod error;
mod figures;
mod forget;
mod guard;
mod labels;
mod live;
mod openapi;
mod params;
mod routes;
mod schema;
mod session;
mod span;
mod state;
mod status;
pub mod token;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, Uri},
    middleware::{from_fn, from_fn_with_state},
    routing::{get, post},
};
use tower_http::compression::CompressionLayer;

pub use asked::AskedBefore;
pub use error::{ApiError, ErrorCode};
pub use figures::Figures;
pub use forget::{AskedToForget, ForgetError, ForgetRemains, ForgetRequest, ForgetRun, ForgetState, Forgetting};
pub use labels::{Labels, LiveLabel};
pub use live::{LiveEvent, LiveMention};
pub use span::Span;
pub use state::{ApiParts, ApiState, BrandEntry, Clock, MetricsText, Settings, StatusProvider};
pub use status::{InvariantStatus, ModelStatus, PipelineStatus, SourceState, SourceStatus, StageState, StageStatus};

/// The only bodies that are read are logins, labels, deletion requests and what is expected.
const LARGEST_BODY: usize = 16 * 1024;

/// Everything that is served.
pub fn app(state: ApiState) -> Router {
    let timed = from_fn_with_state(state.settings.time_limit, guard::time_limit);
    let figures = Router::new()
        .route("/api/v1/session", get(routes::session::show))
        .route("/api/v1/status", get(routes::system::status))
        .route("/api/v1/sources", get(routes::system::sources))
        .route("/api/v1/brands", get(routes::system::brands))
        .route("/api/v1/metrics", get(routes::metrics::list))
        .route("/api/v1/metrics/{id}", get(routes::metrics::one))
        .route("/api/v1/expected", post(routes::metrics::expect))
        .route("/api/v1/mentions", get(routes::mentions::list))
        .route("/api/v1/search", get(routes::search::search))
        .route(
            "/api/v1/mentions/{id}/labels",
            get(routes::labels::show).post(routes::labels::give).delete(routes::labels::take_back),
        )
        .route("/api/v1/drawn", get(routes::drawn::drawn))
        .route("/api/v1/forget", get(routes::forget::list).post(routes::forget::begin))
        .route("/api/v1/alerts", get(routes::alerts::list))
        .route("/api/v1/openapi.json", get(openapi::document))
        .route("/metrics", get(routes::system::prometheus))
        .layer(timed.clone());
    let guarded =
        figures.route("/api/v1/live", get(live::live)).route_layer(from_fn_with_state(state.clone(), guard::token));
    let open = Router::new()
        .route("/api/v1/session", post(routes::session::open).delete(routes::session::close))
        .route("/api/v1/health", get(routes::system::health))
        .layer(timed);
    guarded
        .merge(open)
        .fallback(assets::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(state.clone(), guard::host))
        .layer(CompressionLayer::new())
        .layer(from_fn(guard::headers))
        .with_state(state)
}

async fn method_not_allowed(method: Method, uri: Uri) -> ApiError {
    ApiError::new(ErrorCode::MethodNotAllowed, format!("{} does not answer {method}", uri.path()))
}
