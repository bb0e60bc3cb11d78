//! The registry and its figures.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
};
use grapevine_store::{By, MetricInfo, MetricQuery, MetricTable, registry};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use crate::{
    ApiState,
    error::{ApiError, ErrorCode},
    params::{Params, limit},
    schema,
    span::Span,
};

const ROWS: u32 = 50;
const MOST_ROWS: u32 = 1_000;
const OLDEST: u32 = 3_600;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct MetricParams {
    brand: String,
    /// RFC 3339, a date (its midnight in UTC), or relative such as `-7d`. Seven days before `to` by default.
    from: Option<String>,
    /// RFC 3339, a date (its midnight in UTC), `now`, or relative such as `-1d`. Now by default.
    to: Option<String>,
    /// `time`, `five_minutes`, `hour`, `day`, `platform`, `polarity`, `kind`, `language`, `hashtag` or `campaign`, where
    /// the metric allows it.
    by: Option<String>,
    /// Most rows of a list, 1 to 1,000; 50 by default.
    limit: Option<u32>,
    /// For `hashtag_research`: the hashtag, with or without its `#`.
    hashtag: Option<String>,
    /// For figures of campaigns: the platform's id of one of them; all by default.
    campaign: Option<String>,
    /// For `unanswered_questions`: how soon an answer is due, in seconds; a day by default.
    target_seconds: Option<u32>,
    /// Seconds, up to 3,600. For spans that move with the time: where a new answer takes long, one that was computed up to so
    /// long ago is given, over the span that ended as much earlier; `as_of` says when. By default every answer is new.
    max_age: Option<u32>,
}

/// What is answered: a table, and when it was computed where this was not now.
#[derive(Serialize)]
pub(crate) struct Answer {
    #[serde(flatten)]
    table: Arc<MetricTable>,
    as_of: Option<Timestamp>,
}

/// Every metric: its definition, formula, unit, source.
#[utoipa::path(get, path = "/api/v1/metrics", tag = "figures",
    responses((status = 200, body = Vec<schema::MetricInfo>), (status = "default", body = ApiError)))]
pub(crate) async fn list() -> Json<Vec<MetricInfo>> {
    Json(registry::all().iter().map(|metric| metric.info()).collect())
}

/// One metric of one brand over a span, with what a reader needs to trust it.
#[utoipa::path(get, path = "/api/v1/metrics/{id}", tag = "figures", params(("id" = String, Path), MetricParams),
    responses((status = 200, body = schema::MetricTable), (status = "default", body = ApiError)))]
pub(crate) async fn one(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Params(params): Params<MetricParams>,
) -> Result<Json<Answer>, ApiError> {
    state.check_brand(&params.brand)?;
    let now = (state.clock)();
    let span = Span::parse(params.from.as_deref(), params.to.as_deref(), now)?;
    let max_age = params.max_age.unwrap_or(0);
    if max_age > OLDEST {
        return Err(ApiError::new(ErrorCode::BadQuery, format!("max_age is {max_age}, and may be {OLDEST} seconds")));
    }
    let by = params.by.map(|by| by.parse::<By>()).transpose();
    let query = MetricQuery {
        by: by.map_err(|error| ApiError::new(ErrorCode::BadQuery, error.to_string()))?,
        limit: Some(limit(params.limit, ROWS, MOST_ROWS)?),
        among: state.brands.iter().map(|brand| brand.name.clone()).collect(),
        hashtag: params.hashtag,
        campaign: params.campaign,
        target_seconds: params.target_seconds,
        ..MetricQuery::new(id, params.brand, span.from, span.to)
    };
    let given = match max_age {
        0 => state.standing.fresh(&query, now).await,
        seconds => {
            state.expect_of_others(&query, now);
            state.standing.get(&query, now, Duration::from_secs(seconds.into())).await
        }
    };
    let given = given.map_err(|failed| ApiError::from(&*failed))?;
    Ok(Json(Answer { table: given.table, as_of: given.as_of }))
}
