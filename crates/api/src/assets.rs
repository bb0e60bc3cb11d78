//! The page's files, embedded in the binary.

use axum::{
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::error::{ApiError, ErrorCode};

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Page;

/// Files under `assets/` carry their hash in their name: a browser may keep them for ever. The page itself is asked for
/// again each time, so that it always names the newest.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
const ASK_AGAIN: &str = "no-cache";

pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let path = if path.is_empty() { "index.html" } else { path };
    match Page::get(path) {
        Some(file) => answer(path, file, &headers),
        None => ApiError::new(ErrorCode::NotFound, format!("there is nothing at /{path}")).into_response(),
    }
}

fn answer(path: &str, file: EmbeddedFile, headers: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let caching = if path.starts_with("assets/") { FOR_EVER } else { ASK_AGAIN };
    let kind = mime_guess::from_path(path).first_or_octet_stream().to_string();
    let described = [(header::CACHE_CONTROL, caching.to_owned()), (header::ETAG, tag.clone())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, described).into_response();
    }
    (described, [(header::CONTENT_TYPE, with_charset(kind))], file.data).into_response()
}

fn with_charset(kind: String) -> String {
    if kind.starts_with("text/") { format!("{kind}; charset=utf-8") } else { kind }
}
