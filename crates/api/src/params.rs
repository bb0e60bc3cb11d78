//! Query parameters, with errors in the API's own shape.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use crate::error::{ApiError, ErrorCode};

/// Like [`Query`], but a parameter that cannot be read answers with an [`ApiError`].
pub(crate) struct Params<T>(pub T);

impl<T, S> FromRequestParts<S> for Params<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => {
                let text = rejection.body_text();
                let why = text.trim_start_matches("Failed to deserialize query string: ");
                Err(ApiError::new(ErrorCode::BadQuery, format!("the query cannot be read: {why}")))
            }
        }
    }
}

/// Checks a limit against the highest that one answer may hold.
pub(crate) fn limit(asked: Option<u32>, default: u32, most: u32) -> Result<u32, ApiError> {
    match asked {
        None => Ok(default),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(ApiError::new(ErrorCode::BadLimit, format!("limit {limit} is not from 1 to {most}"))),
    }
}
