-- What pages asked lately, so that a process that starts anew has the answers ready before somebody asks again. A question in JSON
-- without its times, and as it was asked last.
CREATE TABLE IF NOT EXISTS asked_questions (
    question String CODEC(ZSTD(3)),
    query String CODEC(ZSTD(3)),
    at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(at)
ORDER BY question
TTL toDateTime(at) + INTERVAL 8 DAY
-- No deduplication by blocks: equal rows fold.
SETTINGS non_replicated_deduplication_window = 0;
