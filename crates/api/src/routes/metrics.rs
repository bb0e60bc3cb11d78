//! The registry and its figures.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State, rejection::BytesRejection},
    http::{StatusCode, Uri},
};
use grapevine_store::{By, MetricInfo, MetricQuery, MetricTable, registry};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::session::read;
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
/// That may be said at once to be expected.
const MOST_EXPECTED: usize = 200;

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
    let now = (state.clock)();
    let max_age = params.max_age.unwrap_or(0);
    if max_age > OLDEST {
        return Err(ApiError::new(ErrorCode::BadQuery, format!("max_age is {max_age}, and may be {OLDEST} seconds")));
    }
    let query = query_of(&state, id, params, now)?;
    let given = match max_age {
        0 => state.standing.fresh(&query, now).await,
        seconds => state.standing.get(&query, now, Duration::from_secs(seconds.into())).await,
    };
    let given = given.map_err(|failed| ApiError::from(&*failed))?;
    if max_age > 0 {
        state.expect_of_others(&query, now);
    }
    Ok(Json(Answer { table: given.table, as_of: given.as_of }))
}

fn query_of(state: &ApiState, id: String, params: MetricParams, now: Timestamp) -> Result<MetricQuery, ApiError> {
    state.check_brand(&params.brand)?;
    let span = Span::parse(params.from.as_deref(), params.to.as_deref(), now)?;
    let by = params.by.map(|by| by.parse::<By>()).transpose();
    Ok(MetricQuery {
        by: by.map_err(|error| ApiError::new(ErrorCode::BadQuery, error.to_string()))?,
        limit: Some(limit(params.limit, ROWS, MOST_ROWS)?),
        among: state.brands.iter().map(|brand| brand.name.clone()).collect(),
        hashtag: params.hashtag,
        campaign: params.campaign,
        target_seconds: params.target_seconds,
        ..MetricQuery::new(id, params.brand, span.from, span.to)
    })
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// Each as it would be asked: what stands behind `/api/v1/metrics/`. 200 at most.
    #[schema(example = json!(["net_sentiment?brand=Grove&from=-30d"]))]
    questions: Vec<String>,
}

/// Says which figures may be asked soon, such as those of a page's other spans. They are computed when nothing else is to be,
/// as many as can be kept up, so that who asks for one with `max_age` has an answer at once.
#[utoipa::path(post, path = "/api/v1/expected", tag = "figures", request_body = Expected,
    responses((status = 204, description = "it is known now"), (status = "default", body = ApiError)))]
pub(crate) async fn expect(
    State(state): State<ApiState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let bad = |message: String| ApiError::new(ErrorCode::BadBody, message);
    let Expected { questions } = serde_json::from_slice(&read(body)?)
        .map_err(|error| bad(format!("the body is not the JSON of questions: {error}")))?;
    if questions.len() > MOST_EXPECTED {
        return Err(bad(format!("{} questions are expected, and {MOST_EXPECTED} may be at once", questions.len())));
    }
    let now = (state.clock)();
    let queries = questions.iter().map(|question| expected(&state, question, now)).collect::<Result<Vec<_>, _>>()?;
    state.standing.expect(queries, now);
    Ok(StatusCode::NO_CONTENT)
}

/// Of `ID?PARAMETERS`.
fn expected(state: &ApiState, question: &str, now: Timestamp) -> Result<MetricQuery, ApiError> {
    let bad =
        |why: String| ApiError::new(ErrorCode::BadQuery, format!("the question {question} cannot be read: {why}"));
    let id = question.split('?').next().unwrap_or_default();
    registry::find(id).map_err(|error| ApiError::from(&error))?;
    let uri: Uri = format!("/{question}").parse().map_err(|error| bad(format!("{error}")))?;
    let Query(params) = Query::try_from_uri(&uri).map_err(|rejection| bad(rejection.body_text()))?;
    query_of(state, id.to_owned(), params, now)
}
