-- Whether the platform names the author. Questions about people ask it of every mention: reading the names for that takes as long as all
-- the rest of them.
ALTER TABLE mentions ADD COLUMN IF NOT EXISTS named Bool MATERIALIZED author != '';

-- Behind the start: a part that has no such column yet is answered from the names.
ALTER TABLE mentions MATERIALIZE COLUMN named SETTINGS mutations_sync = 0;
