-- Hours that edits and labels changed.
INSERT INTO rollup_hours (brand, hour, marks)
SELECT brand, toStartOfHour(created_at) AS hour, 1 FROM mentions
WHERE NOT first OR (brand, id) IN (SELECT brand, id FROM labels) GROUP BY brand, hour
