//! How the program itself is doing.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use grapevine_store::SourceReport;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{ApiState, BrandEntry, error::ApiError, schema, status::PipelineStatus};

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// The store answers.
    store: bool,
}

/// Whether this server can answer: 200 with the store at hand, 503 without. Needs no token.
#[utoipa::path(get, path = "/api/v1/health", tag = "system", security(()),
    responses((status = 200, body = Health), (status = 503, body = Health)))]
pub(crate) async fn health(State(state): State<ApiState>) -> Response {
    let store = state.figures.health().await.is_ok();
    let status = if store { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Health { store })).into_response()
}

/// The stages, the sources, the model, as they are now.
#[utoipa::path(get, path = "/api/v1/status", tag = "system",
    responses((status = 200, body = PipelineStatus), (status = "default", body = ApiError)))]
pub(crate) async fn status(State(state): State<ApiState>) -> Json<PipelineStatus> {
    Json((state.status)())
}

/// What was last reported of each source, by whichever process runs it, and its counts of the last 24 hours.
#[utoipa::path(get, path = "/api/v1/sources", tag = "system",
    responses((status = 200, body = Vec<schema::SourceReport>), (status = "default", body = ApiError)))]
pub(crate) async fn sources(State(state): State<ApiState>) -> Result<Json<Vec<SourceReport>>, ApiError> {
    Ok(Json(state.figures.source_reports().await?))
}

/// The brands of the configuration, own ones first.
#[utoipa::path(get, path = "/api/v1/brands", tag = "figures",
    responses((status = 200, body = Vec<BrandEntry>), (status = "default", body = ApiError)))]
pub(crate) async fn brands(State(state): State<ApiState>) -> Json<Vec<BrandEntry>> {
    Json(state.brands.to_vec())
}

/// Counters for Prometheus.
pub(crate) async fn prometheus(State(state): State<ApiState>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.metrics_text)()).into_response()
}
