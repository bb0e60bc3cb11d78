-- Whether the labelled mention was drawn by chance: only such labels say how well the model reads a brand's posts. People who look at
-- what seems wrong find more errors than there are.
ALTER TABLE labels ADD COLUMN IF NOT EXISTS drawn Bool;
