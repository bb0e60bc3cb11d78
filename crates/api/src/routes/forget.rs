//! Deletion requests.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::session::read;
use crate::{
    ApiState,
    error::{ApiError, ErrorCode},
    forget::{AskedToForget, ForgetError, ForgetRequest},
};

/// Who asks where nobody is named: there is one token, and no accounts.
const SOMEBODY: &str = "api";

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Forget {
    /// Accounts, `PLATFORM:ACCOUNT`, by the platform's id or by handle.
    #[serde(default)]
    #[schema(example = json!(["x:ada"]))]
    authors: Vec<String>,
    /// Mentions, by id (32 hexadecimal digits) or address.
    #[serde(default)]
    mentions: Vec<String>,
    /// Where a platform has several instances: the one that the accounts are on.
    #[serde(default)]
    instance: Option<String>,
    /// Why; kept with the proof, so name nobody in it.
    #[serde(default)]
    reason: String,
    /// Who asks for it; `api` where it is absent.
    #[serde(default)]
    by: Option<String>,
}

/// Takes accounts and mentions out of everything, and keeps them out. Answers once they are kept out; what is stored goes
/// behind that, as the list shows. Names are not kept, so a request that was interrupted, by the end of the process or an
/// error, goes on when it is made again as it was, here or with `grapevine forget`.
#[utoipa::path(post, path = "/api/v1/forget", tag = "forget", request_body = Forget,
    responses((status = 202, description = "kept out from now on; the rest goes on", body = ForgetRequest),
        (status = "default", body = ApiError)))]
pub(crate) async fn begin(
    State(state): State<ApiState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<ForgetRequest>), ApiError> {
    let bad = |message: String| ApiError::new(ErrorCode::BadForget, message);
    let asked: Forget = serde_json::from_slice(&read(body)?)
        .map_err(|error| bad(format!("the body is not the JSON of a deletion request: {error}")))?;
    let Forget { authors, mentions, instance, reason, by } = asked;
    if authors.is_empty() && mentions.is_empty() {
        return Err(bad("nobody is named".to_owned()));
    }
    let by = by.unwrap_or_else(|| SOMEBODY.to_owned());
    let asked = AskedToForget { authors, mentions, instance, reason, by };
    let request = state.forgetting.begin(asked).await?;
    state.standing.drop_answers();
    Ok((StatusCode::ACCEPTED, Json(request)))
}

/// Deletion requests, the newest first: who asked when, and what was found where. Without names.
#[utoipa::path(get, path = "/api/v1/forget", tag = "forget",
    responses((status = 200, body = Vec<ForgetRequest>), (status = "default", body = ApiError)))]
pub(crate) async fn list(State(state): State<ApiState>) -> Result<Json<Vec<ForgetRequest>>, ApiError> {
    let requests = state.forgetting.requests().await?;
    state.drop_answers_after(&requests);
    Ok(Json(requests))
}

impl From<ForgetError> for ApiError {
    fn from(error: ForgetError) -> Self {
        let code = match &error {
            ForgetError::Unclear(_) => ErrorCode::BadForget,
            ForgetError::Log(_) => ErrorCode::LogUnavailable,
            ForgetError::Store(_) => ErrorCode::StoreUnavailable,
        };
        match &error {
            ForgetError::Unclear(why) => return ApiError::new(code, why),
            // The words of the engine are for the log of the process.
            ForgetError::Log(why) | ForgetError::Store(why) => {
                tracing::warn!(error = %why, "a deletion request could not be taken");
            }
        }
        ApiError::new(
            code,
            "the deletion request could not be taken: it may not be kept out yet; make it again, as it was",
        )
    }
}
