//! What the API answers when it cannot: one table of codes, one shape of body.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

/// Stable names of what can go wrong. Clients decide by these, never by the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    NotAuthorised,
    WrongToken,
    HostRefused,
    NotFound,
    MethodNotAllowed,
    UnknownMetric,
    UnknownBrand,
    BadQuery,
    BadSpan,
    BadLimit,
    BadBody,
    BodyTooLarge,
    TooManyReaders,
    TimedOut,
    StoreUnavailable,
    Internal,
}

impl ErrorCode {
    pub const ALL: [ErrorCode; 16] = [
        ErrorCode::NotAuthorised,
        ErrorCode::WrongToken,
        ErrorCode::HostRefused,
        ErrorCode::NotFound,
        ErrorCode::MethodNotAllowed,
        ErrorCode::UnknownMetric,
        ErrorCode::UnknownBrand,
        ErrorCode::BadQuery,
        ErrorCode::BadSpan,
        ErrorCode::BadLimit,
        ErrorCode::BadBody,
        ErrorCode::BodyTooLarge,
        ErrorCode::TooManyReaders,
        ErrorCode::TimedOut,
        ErrorCode::StoreUnavailable,
        ErrorCode::Internal,
    ];

    /// The HTTP status and what to do about it.
    pub fn status_and_hint(self) -> (StatusCode, &'static str) {
        match self {
            Self::NotAuthorised => {
                (StatusCode::UNAUTHORIZED, "log in with the token that `grapevine up` printed at its first start")
            }
            Self::WrongToken => {
                (StatusCode::UNAUTHORIZED, "use the token that was printed last; an older one no longer works")
            }
            Self::HostRefused => (
                StatusCode::MISDIRECTED_REQUEST,
                "use localhost or an IP address, or add the name to the configuration",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "see /api/v1/openapi.json for what there is"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "see /api/v1/openapi.json for what there is"),
            Self::UnknownMetric => (StatusCode::NOT_FOUND, "see /api/v1/metrics for the ids"),
            Self::UnknownBrand => (StatusCode::NOT_FOUND, "see /api/v1/brands for the names"),
            Self::BadQuery => (StatusCode::BAD_REQUEST, "see /api/v1/openapi.json for the parameters"),
            Self::BadSpan => {
                (StatusCode::BAD_REQUEST, "give RFC 3339 times or -90m, -24h, -7d, -8w, with from before to")
            }
            Self::BadLimit => (StatusCode::BAD_REQUEST, "give a limit from 1 to the stated maximum"),
            Self::BadBody => (StatusCode::BAD_REQUEST, "send JSON such as {\"token\": \"gv_…\"}"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "send at most 16 KiB"),
            Self::TooManyReaders => {
                (StatusCode::SERVICE_UNAVAILABLE, "close a page that follows the live feed, or try again later")
            }
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "ask for a shorter span, or try again later"),
            Self::StoreUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "try again in a few seconds; `grapevine up` logs why the store is away",
            ),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "see the log of `grapevine up` at this time"),
        }
    }
}

/// Body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ApiError {
    pub code: ErrorCode,
    /// What happened, with the value that was refused.
    pub message: String,
    /// What to do about it.
    pub hint: &'static str,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: code.status_and_hint().1 }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status_and_hint().0;
        if status.is_server_error() {
            tracing::warn!(code = ?self.code, message = %self.message, "the api could not answer");
        }
        (status, Json(self)).into_response()
    }
}
