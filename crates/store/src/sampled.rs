//! Spans of which a source read a part.

use crate::{SampledSpan, client::from_millis};

/// What was sampled for one reason within an hour. A source says so once a poll: a month of it is joined by the hour here.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Piece {
    pub source: String,
    pub reason: String,
    pub from_ms: i64,
    pub to_ms: i64,
    /// Milliseconds, each weighed by the share that was not read.
    pub missing: f64,
}

/// What was sampled, ordered by source, reason and start, joined where it follows upon each other.
pub(crate) fn joined(pieces: Vec<Piece>) -> Vec<SampledSpan> {
    let mut runs: Vec<Piece> = Vec::new();
    for piece in pieces {
        match runs.last_mut() {
            Some(last) if follows(last, &piece) => {
                last.to_ms = last.to_ms.max(piece.to_ms);
                last.missing += piece.missing;
            }
            _ => runs.push(piece),
        }
    }
    let span = |run: Piece| SampledSpan {
        rate: (1.0 - run.missing / (run.to_ms - run.from_ms).max(1) as f64).clamp(0.0, 1.0),
        source: run.source,
        from: from_millis(run.from_ms),
        to: from_millis(run.to_ms),
        reason: run.reason,
    };
    runs.into_iter().map(span).collect()
}

fn follows(last: &Piece, next: &Piece) -> bool {
    (&last.source, &last.reason) == (&next.source, &next.reason) && next.from_ms <= last.to_ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::millis;

    const HOUR: i64 = 3_600_000;

    fn piece(source: &str, from: i64, to: i64, rate: f64) -> Piece {
        let missing = (1.0 - rate) * ((to - from) * HOUR) as f64;
        Piece { source: source.into(), reason: "the cap".into(), from_ms: from * HOUR, to_ms: to * HOUR, missing }
    }

    #[test]
    fn spans_that_follow_upon_each_other_are_one_with_the_rate_of_both() {
        let spans = joined(vec![piece("x", 0, 1, 0.5), piece("x", 1, 3, 0.2), piece("x", 5, 6, 0.1)]);
        let shown: Vec<(i64, i64, f64)> =
            spans.iter().map(|span| (millis(span.from) / HOUR, millis(span.to) / HOUR, span.rate)).collect();
        assert_eq!(shown.len(), 2);
        assert_eq!((shown[0].0, shown[0].1), (0, 3));
        assert!((shown[0].2 - 0.3).abs() < 1e-9, "{shown:?}");
        assert!((shown[1].2 - 0.1).abs() < 1e-9, "{shown:?}");
    }

    #[test]
    fn another_source_is_another_span() {
        assert_eq!(joined(vec![piece("a", 0, 1, 0.5), piece("b", 1, 2, 0.5)]).len(), 2);
    }
}
