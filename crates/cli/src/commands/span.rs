//! `--from` and `--to`.

use grapevine_api::Span;
use jiff::Timestamp;

/// As far back as anything is stored, where no start is given: for work, not for a figure.
pub fn parse_open(from: Option<&str>, to: &str) -> anyhow::Result<Span> {
    match from {
        Some(from) => parse(from, to),
        None => Ok(Span { from: Timestamp::UNIX_EPOCH, to: parse_with(None, to)?.to }),
    }
}

/// Reads a span as a person writes it; the error says how.
pub fn parse(from: &str, to: &str) -> anyhow::Result<Span> {
    parse_with(Some(from), to)
}

fn parse_with(from: Option<&str>, to: &str) -> anyhow::Result<Span> {
    Span::parse(from, Some(to), Timestamp::now())
        .map_err(|error| anyhow::anyhow!("{}\nhint: {}", error.message, error.hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_start_all_that_is_stored_is_meant() {
        let all = parse_open(None, "2026-03-01").unwrap();
        assert_eq!((all.from, all.to.to_string()), (Timestamp::UNIX_EPOCH, "2026-03-01T00:00:00Z".to_owned()));
        assert!(parse_open(Some("1970-01-01"), "2026-03-01").is_err(), "a figure is not asked over so long");
    }
}
