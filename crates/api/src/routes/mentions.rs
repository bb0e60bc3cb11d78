//! Stored mentions, the newest first.

use axum::{Json, extract::State};
use grapevine_model::MentionId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    ApiState, LiveMention,
    error::{ApiError, ErrorCode},
    params::{Params, limit},
};

const MENTIONS: u32 = 50;
const MOST_MENTIONS: u32 = 200;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MentionParams {
    /// Only this brand's; all brands' by default.
    brand: Option<String>,
    /// 1 to 200; 50 by default.
    limit: Option<u32>,
    /// `next` of the page before, or an RFC 3339 time: only what was posted earlier.
    before: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MentionPage {
    mentions: Vec<LiveMention>,
    /// `before` of the next page; absent on the last.
    next: Option<String>,
}

/// The newest mentions.
#[utoipa::path(get, path = "/api/v1/mentions", tag = "mentions", params(MentionParams),
    responses((status = 200, body = MentionPage), (status = "default", body = ApiError)))]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Params(params): Params<MentionParams>,
) -> Result<Json<MentionPage>, ApiError> {
    if let Some(brand) = &params.brand {
        state.check_brand(brand)?;
    }
    let limit = limit(params.limit, MENTIONS, MOST_MENTIONS)?;
    let before = params.before.as_deref().map(cursor).transpose()?;
    let rows = state.figures.latest(params.brand.as_deref(), limit, before).await?;
    let full = rows.len() == limit as usize;
    let next = rows.last().filter(|_| full).map(|row| format!("{}~{}", row.created_at, row.id));
    Ok(Json(MentionPage { mentions: rows.into_iter().map(LiveMention::from).collect(), next }))
}

/// `2026-03-01T10:00:00Z~<id>`, or the time alone.
fn cursor(text: &str) -> Result<(Timestamp, MentionId), ApiError> {
    let (time, id) = text.split_once('~').map_or((text, None), |(time, id)| (time, Some(id)));
    let id = id.map_or(Ok(MentionId(0)), str::parse).ok();
    time.parse()
        .ok()
        .zip(id)
        .ok_or_else(|| ApiError::new(ErrorCode::BadQuery, format!("`before` is no time and no cursor: {text:?}")))
}
