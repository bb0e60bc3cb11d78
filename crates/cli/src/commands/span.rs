//! `--from` and `--to`.

use grapevine_api::Span;
use jiff::Timestamp;

/// Reads a span as a person writes it; the error says how.
pub fn parse(from: &str, to: &str) -> anyhow::Result<Span> {
    Span::parse(Some(from), Some(to), Timestamp::now())
        .map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))
}
