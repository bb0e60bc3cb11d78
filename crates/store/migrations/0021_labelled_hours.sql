-- Hours that hold a mention of the brand that a person labelled, or once did. It only ever grows. A question reads the other
-- hours without looking at labels; the argument is in labels/mod.rs.
CREATE TABLE IF NOT EXISTS labelled_hours (
    brand LowCardinality(String),
    hour DateTime('UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (brand, hour)
-- No deduplication by blocks: equal rows fold.
SETTINGS non_replicated_deduplication_window = 0;

-- What is there already; again, it changes nothing.
INSERT INTO labelled_hours
SELECT DISTINCT brand, toStartOfHour(created_at) FROM mentions WHERE (brand, id) IN (SELECT brand, id FROM labels)
SETTINGS insert_deduplication_token = '0021_labelled_hours';
