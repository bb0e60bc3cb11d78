-- A month that nobody writes to any more becomes one part: then FINAL has nothing to fold there, and a question reads as
-- fast as without it. Six hours of quiet, so that a backfill is not merged again and again.
ALTER TABLE mentions MODIFY SETTING min_age_to_force_merge_seconds = 21600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE rollup_epochs MODIFY SETTING min_age_to_force_merge_seconds = 21600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE rollup_hourly MODIFY SETTING min_age_to_force_merge_seconds = 21600, min_age_to_force_merge_on_partition_only = 1;

ALTER TABLE rollup_scored MODIFY SETTING min_age_to_force_merge_seconds = 21600, min_age_to_force_merge_on_partition_only = 1;
