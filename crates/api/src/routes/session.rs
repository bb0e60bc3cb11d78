//! Logging the page in and out.

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    ApiState,
    error::{ApiError, ErrorCode},
    session,
};

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    /// As `grapevine up` printed it.
    token: String,
}

/// Opens a session: the answer sets a cookie that scripts cannot read.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", request_body = Login, security(()),
    responses((status = 204, description = "the session is open"), (status = "default", body = ApiError)))]
pub(crate) async fn open(
    State(state): State<ApiState>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    let body = read(body)?;
    // The parser's own message could repeat a part of the token.
    let login: Login = serde_json::from_slice(&body)
        .map_err(|_| ApiError::new(ErrorCode::BadBody, "the body is not the JSON of a login"))?;
    if !state.settings.token.matches(&login.token) {
        return Err(ApiError::new(ErrorCode::WrongToken, "this is not the token of this server"));
    }
    let cookie = state.session_key.opening_cookie((state.clock)());
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response())
}

pub(super) fn read(body: Result<Bytes, BytesRejection>) -> Result<Bytes, ApiError> {
    body.map_err(|rejection| {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::BodyTooLarge,
            _ => ErrorCode::BadBody,
        };
        ApiError::new(code, rejection.body_text())
    })
}

/// Ends the session in this browser.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session", security(()),
    responses((status = 204, description = "the cookie is gone")))]
pub(crate) async fn close() -> Response {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, session::closing_cookie())]).into_response()
}

/// Says whether the caller is logged in, so that the page need not show an error first.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, description = "logged in", body = serde_json::Value), (status = "default", body = ApiError)))]
pub(crate) async fn show() -> Response {
    Json(serde_json::json!({ "logged_in": true })).into_response()
}
