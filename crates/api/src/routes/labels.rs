//! What people say of a mention, against the model or to confirm it.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State, rejection::BytesRejection},
    http::StatusCode,
};
use grapevine_model::{Correction, LabelError, LabelField, LabelRecord, MentionId};
use grapevine_store::MentionRow;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::session::read;
use crate::{
    ApiState, LiveLabel, LiveMention,
    error::{ApiError, ErrorCode},
    params::Params,
};

/// Who labels where nobody is named: there is one token, and no accounts.
const SOMEBODY: &str = "page";

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Given {
    /// `polarity`, `theme`, `intent`, `relevance`.
    #[schema(example = "polarity")]
    field: String,
    /// Of polarity and intent a name as in a mention; of themes their names with commas between them; of relevance `yes`
    /// or `no`.
    #[schema(example = "negative")]
    value: String,
    /// Of this brand alone; of every brand that the mention belongs to where it is absent.
    #[serde(default)]
    brand: Option<String>,
    /// Who says so; `page` where it is absent.
    #[serde(default)]
    by: Option<String>,
    #[serde(default)]
    note: String,
    /// The mention came from `/api/v1/drawn`: this label measures the model.
    #[serde(default)]
    drawn: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Withdrawn {
    /// `polarity`, `theme`, `intent`, `relevance`.
    field: String,
    /// Of this brand alone; of every brand by default.
    brand: Option<String>,
    /// Who takes it back; `page` by default.
    by: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LabelledMention {
    /// As it is stored now: one for each brand. Those that are labelled as not relevant are here alone.
    mentions: Vec<LiveMention>,
}

/// A mention with its labels, by brand.
#[utoipa::path(get, path = "/api/v1/mentions/{id}/labels", tag = "labels",
    params(("id" = String, Path, description = "32 hexadecimal digits")),
    responses((status = 200, body = LabelledMention), (status = "default", body = ApiError)))]
pub(crate) async fn show(
    State(state): State<ApiState>,
    Path(id): Path<String>,
) -> Result<Json<LabelledMention>, ApiError> {
    let rows = stored(&state, &id, None).await?;
    Ok(Json(LabelledMention { mentions: rows.into_iter().map(LiveMention::from).collect() }))
}

/// Labels a mention. The label is kept for ever and wins over every model; lists and figures show it within seconds.
#[utoipa::path(post, path = "/api/v1/mentions/{id}/labels", tag = "labels", request_body = Given,
    params(("id" = String, Path, description = "32 hexadecimal digits")),
    responses((status = 202, description = "kept; what was said of each brand", body = Vec<LiveLabel>),
        (status = "default", body = ApiError)))]
pub(crate) async fn give(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Vec<LiveLabel>>), ApiError> {
    let given: Given = serde_json::from_slice(&read(body)?)
        .map_err(|error| ApiError::new(ErrorCode::BadLabel, format!("the body is not the JSON of a label: {error}")))?;
    let correction = Correction::parse(given.field.parse()?, &given.value)?;
    let by = given.by.as_deref().unwrap_or(SOMEBODY);
    let now = (state.clock)();
    let mut records = vec![];
    for row in stored(&state, &id, given.brand.as_deref()).await? {
        let mut label = row.label(correction.clone(), by, &given.note, now);
        label.drawn |= given.drawn;
        label.check()?;
        records.push(LabelRecord::Label(label));
    }
    append(&state, records).await
}

/// Takes a label back: the model's word counts again.
#[utoipa::path(delete, path = "/api/v1/mentions/{id}/labels", tag = "labels",
    params(("id" = String, Path, description = "32 hexadecimal digits"), Withdrawn),
    responses((status = 202, description = "kept; the labels that stand no more", body = Vec<LiveLabel>),
        (status = "default", body = ApiError)))]
pub(crate) async fn take_back(
    State(state): State<ApiState>,
    Path(id): Path<String>,
    Params(params): Params<Withdrawn>,
) -> Result<(StatusCode, Json<Vec<LiveLabel>>), ApiError> {
    let field: LabelField = params.field.parse()?;
    let by = params.by.as_deref().unwrap_or(SOMEBODY);
    let now = (state.clock)();
    let rows = stored(&state, &id, params.brand.as_deref()).await?;
    let withdrawals = rows.iter().filter_map(|row| row.withdrawal(field, by, now));
    append(&state, withdrawals.map(LabelRecord::Withdrawn).collect()).await
}

/// The mention by brand, of one brand where it is named.
async fn stored(state: &ApiState, id: &str, brand: Option<&str>) -> Result<Vec<MentionRow>, ApiError> {
    let unknown = |what: String| ApiError::new(ErrorCode::UnknownMention, what);
    let id: MentionId = id.parse().map_err(|error| unknown(format!("{error}")))?;
    if let Some(brand) = brand {
        state.check_brand(brand)?;
    }
    let mut rows = state.figures.mention(id).await?;
    rows.retain(|row| brand.is_none_or(|brand| row.brand == brand));
    match (rows.is_empty(), brand) {
        (false, _) => Ok(rows),
        (true, None) => Err(unknown(format!("no mention {id} is stored"))),
        (true, Some(brand)) => Err(unknown(format!("no mention {id} of {brand} is stored"))),
    }
}

async fn append(state: &ApiState, records: Vec<LabelRecord>) -> Result<(StatusCode, Json<Vec<LiveLabel>>), ApiError> {
    let said = records.iter().map(LiveLabel::from).collect();
    if !records.is_empty() {
        state.labels.append(records).await.map_err(|error| {
            tracing::warn!(%error, "a label could not be appended to the log");
            ApiError::new(ErrorCode::LogUnavailable, "the log could not take the label: it is not kept")
        })?;
    }
    Ok((StatusCode::ACCEPTED, Json(said)))
}

impl From<LabelError> for ApiError {
    fn from(error: LabelError) -> Self {
        ApiError::new(ErrorCode::BadLabel, error.to_string())
    }
}
