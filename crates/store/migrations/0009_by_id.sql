-- One filter for 16 granules: a batch looks up thousands of ids, and each filter is asked for all of them. On ten million
-- rows a look-up so takes a quarter of the time.
ALTER TABLE mentions DROP INDEX IF EXISTS by_id;

ALTER TABLE mentions ADD INDEX IF NOT EXISTS by_id_16 id TYPE bloom_filter(0.0001) GRANULARITY 16;

ALTER TABLE mentions MATERIALIZE INDEX IF EXISTS by_id_16;
