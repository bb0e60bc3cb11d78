-- Which log a row was read from. Offsets begin at 0 again when a log is made anew; where a row stood is known by log,
-- partition and offset. Empty for rows that were written before this column.
ALTER TABLE mentions ADD COLUMN IF NOT EXISTS log LowCardinality(String) DEFAULT '';
