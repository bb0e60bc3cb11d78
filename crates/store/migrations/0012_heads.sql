-- What else the model says of a text. Null where it has no such head.
ALTER TABLE mentions ADD COLUMN IF NOT EXISTS hostility Nullable(Float32) CODEC(ZSTD(1));

ALTER TABLE mentions ADD COLUMN IF NOT EXISTS irony Nullable(Float32) CODEC(ZSTD(1));

-- Subjects, the most probable first; of each its probability, and whether a rule said so.
ALTER TABLE mentions ADD COLUMN IF NOT EXISTS themes Array(LowCardinality(String));

ALTER TABLE mentions ADD COLUMN IF NOT EXISTS theme_probabilities Array(Float32) CODEC(ZSTD(1));

ALTER TABLE mentions ADD COLUMN IF NOT EXISTS theme_rules Array(Bool) CODEC(ZSTD(1));

-- The first mention that says nearly the same; zero where stories were not told apart.
ALTER TABLE mentions ADD COLUMN IF NOT EXISTS story UInt128 CODEC(ZSTD(1));
