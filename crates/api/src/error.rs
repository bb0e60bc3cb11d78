//! What the API answers when it cannot: one table of codes, one shape of body.

use std::borrow::Cow;

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
    SessionEnded,
    WrongToken,
    HostRefused,
    NotFound,
    MethodNotAllowed,
    UnknownMetric,
    UnknownBrand,
    UnknownMention,
    BadQuery,
    BadSearch,
    BadSpan,
    BadLimit,
    BadBody,
    BadLabel,
    BadForget,
    BodyTooLarge,
    TooManyReaders,
    TimedOut,
    StoreUnavailable,
    LogUnavailable,
    Internal,
}

impl ErrorCode {
    pub const ALL: [ErrorCode; 22] = [
        ErrorCode::NotAuthorised,
        ErrorCode::SessionEnded,
        ErrorCode::WrongToken,
        ErrorCode::HostRefused,
        ErrorCode::NotFound,
        ErrorCode::MethodNotAllowed,
        ErrorCode::UnknownMetric,
        ErrorCode::UnknownBrand,
        ErrorCode::UnknownMention,
        ErrorCode::BadQuery,
        ErrorCode::BadSearch,
        ErrorCode::BadSpan,
        ErrorCode::BadLimit,
        ErrorCode::BadBody,
        ErrorCode::BadLabel,
        ErrorCode::BadForget,
        ErrorCode::BodyTooLarge,
        ErrorCode::TooManyReaders,
        ErrorCode::TimedOut,
        ErrorCode::StoreUnavailable,
        ErrorCode::LogUnavailable,
        ErrorCode::Internal,
    ];

    pub fn status(self) -> StatusCode {
        match self {
            Self::NotAuthorised | Self::SessionEnded | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::HostRefused => StatusCode::MISDIRECTED_REQUEST,
            Self::NotFound | Self::UnknownMetric | Self::UnknownBrand | Self::UnknownMention => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BadQuery | Self::BadSearch | Self::BadSpan | Self::BadLimit => StatusCode::BAD_REQUEST,
            Self::BadBody | Self::BadLabel | Self::BadForget => StatusCode::BAD_REQUEST,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyReaders | Self::StoreUnavailable | Self::LogUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::NotAuthorised => "log in with the token that `grapevine up` printed at its first start",
            Self::SessionEnded => "log in again; the token is still the same",
            Self::WrongToken => "use the token that was printed last; an older one no longer works",
            Self::HostRefused => "use localhost or an IP address, or add the name to the configuration",
            Self::NotFound | Self::MethodNotAllowed => "see /api/v1/openapi.json for what there is",
            Self::UnknownMetric => "see /api/v1/metrics for the ids",
            Self::UnknownBrand => "see /api/v1/brands for the names",
            Self::UnknownMention => "take the id of a mention from /api/v1/mentions",
            Self::BadQuery => "see /api/v1/openapi.json for the parameters",
            Self::BadSearch => {
                "write words, \"phrases\", wildc*, a NEAR/5 b, #hashtag, @handle, \
                from:, lang:, platform:, space:, AND, OR, NOT, (groups)"
            }
            Self::BadSpan => "give a `from` before `to`, at most 800 days apart",
            Self::BadLimit => "give a limit from 1 to the stated maximum",
            Self::BadBody => "send JSON such as {\"token\": \"gv_…\"}",
            Self::BadLabel => "send JSON such as {\"field\": \"polarity\", \"value\": \"negative\"}",
            Self::BadForget => {
                "send JSON such as {\"authors\": [\"x:ada\"], \"reason\": \"letter 12\"}; `mentions` takes ids and addresses, \
                `instance` says which one of a platform's"
            }
            Self::BodyTooLarge => "send at most 16 KiB",
            Self::TooManyReaders => "close a page that follows the live feed, or try again later",
            Self::TimedOut => "ask for a shorter span, or try again later",
            Self::StoreUnavailable => "try again in a few seconds; `grapevine up` logs why the store is away",
            Self::LogUnavailable => "try again in a few seconds; the log of `grapevine up` says why its log is away",
            Self::Internal => "see the log of `grapevine up` at this time",
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
    #[schema(value_type = String)]
    pub hint: Cow<'static, str>,
    /// Of a search that can not be read: where in the query, in characters; 1 is the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: code.hint().into(), column: None }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        if status.is_server_error() {
            tracing::warn!(code = ?self.code, message = %self.message, "the api could not answer");
        }
        (status, Json(self)).into_response()
    }
}
