-- Episodes of alerts; the newest write of an id counts.
CREATE TABLE IF NOT EXISTS alerts (
    id String,
    rule LowCardinality(String),
    brand LowCardinality(String),
    state Enum8('firing' = 1, 'resolved' = 2),
    started_at DateTime64(3, 'UTC'),
    resolved_at Nullable(DateTime64(3, 'UTC')),
    evidence Float64,
    peak_evidence Float64,
    observed Float64,
    expected Float64
)
ENGINE = ReplacingMergeTree
ORDER BY (brand, rule, id)
-- No deduplication: an episode may go back to a state that it was written in before.
SETTINGS non_replicated_deduplication_window = 0;
