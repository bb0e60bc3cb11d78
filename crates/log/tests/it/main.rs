//! The contract of the log over both implementations, and what is particular to each.

mod churn;
mod contract;
mod embedded;
mod faults;
mod groups;
mod kafka;
mod kills;
mod members;
mod model;
mod place;
mod zombies;

macro_rules! contract {
    ($($module:ident::$check:ident)*) => {
        mod embedded_keeps_the_contract {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                crate::$module::$check(&crate::place::Place::file()).await;
            })*
        }

        mod kafka_keeps_the_contract {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                if let Some(cluster) = crate::place::Place::cluster().await {
                    crate::$module::$check(&cluster).await;
                }
            })*
        }
    };
}

contract! {
    contract::records_of_a_key_stay_in_one_partition_and_in_order
    contract::a_stated_partition_overrides_the_key
    contract::appended_records_are_there_after_reopening
    contract::a_poll_keeps_to_its_limits
    contract::a_span_is_read_without_a_group
    contract::a_poll_waits_for_news
    contract::a_group_reads_on_from_its_commit
    contract::newest_starts_with_what_comes_after_joining
    contract::seeking_reads_again
    contract::members_share_partitions_and_take_over
    contract::a_stale_commit_is_refused
    contract::a_compacted_topic_is_a_table
    contract::old_records_go
    contract::a_rewritten_record_keeps_its_place_or_nothing_is_changed
    contract::large_and_empty_records_pass
    contract::a_hundred_thousand_records_make_the_round_trip
    contract::appenders_at_the_same_time_keep_their_order
    contract::a_topic_of_another_shape_is_refused
    churn::members_that_come_and_go_never_read_what_was_committed
    groups::a_note_is_read_back_by_the_next_owner
    groups::an_ordinary_commit_clears_the_note
    groups::a_member_that_lost_its_partition_changes_nothing
    groups::tending_serves_rebalances_and_reading_goes_on_where_it_was
    groups::polls_name_what_was_revoked_once_and_also_what_is_back
}
