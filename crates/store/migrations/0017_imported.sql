-- Which files of which export were read into this store, so that an import that was interrupted goes on. A row without a
-- file says that the import began, and its hash what it began in: 'empty', or 'beside' what was there.
CREATE TABLE IF NOT EXISTS imported (
    export String,
    file String,
    sha256 String,
    rows UInt64,
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(at)
ORDER BY (export, file)
-- No deduplication: equal rows fold.
SETTINGS non_replicated_deduplication_window = 0;
