//! Episodes of alerts.

use axum::{Json, extract::State};
use grapevine_alerts::Episode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{ApiState, error::ApiError, params::Params, schema, span::Span};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AlertParams {
    /// Only this brand's; all brands' by default.
    brand: Option<String>,
    /// RFC 3339, a date (its midnight in UTC), or relative such as `-7d`. Seven days before `to` by default.
    from: Option<String>,
    /// RFC 3339, a date (its midnight in UTC), `now`, or relative such as `-1d`. Now by default.
    to: Option<String>,
}

/// Alerts that were open at some time in the span, the newest first.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "figures", params(AlertParams),
    responses((status = 200, body = Vec<schema::Episode>), (status = "default", body = ApiError)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Params(params): Params<AlertParams>,
) -> Result<Json<Vec<Episode>>, ApiError> {
    if let Some(brand) = &params.brand {
        state.check_brand(brand)?;
    }
    let span = Span::parse(params.from.as_deref(), params.to.as_deref(), (state.clock)())?;
    Ok(Json(state.figures.episodes(params.brand.as_deref(), span).await?))
}
