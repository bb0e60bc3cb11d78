//! The contract of the log over both implementations, and what is particular to each.

mod contract;
mod embedded;
mod kafka;
mod model;
mod place;
mod rates;

macro_rules! contract {
    ($($check:ident)*) => {
        mod embedded_keeps_the_contract {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                crate::contract::$check(&crate::place::Place::file()).await;
            })*
        }

        mod kafka_keeps_the_contract {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                if let Some(cluster) = crate::place::Place::cluster().await {
                    crate::contract::$check(&cluster).await;
                }
            })*
        }
    };
}

contract! {
    records_of_a_key_stay_in_one_partition_and_in_order
    a_stated_partition_overrides_the_key
    appended_records_are_there_after_reopening
    a_poll_keeps_to_its_limits
    a_span_is_read_without_a_group
    a_poll_waits_for_news
    a_group_reads_on_from_its_commit
    newest_starts_with_what_comes_after_joining
    seeking_reads_again
    members_share_partitions_and_take_over
    a_stale_commit_is_refused
    a_compacted_topic_is_a_table
    old_records_go
    large_and_empty_records_pass
    a_hundred_thousand_records_make_the_round_trip
    appenders_at_the_same_time_keep_their_order
    a_topic_of_another_shape_is_refused
}
