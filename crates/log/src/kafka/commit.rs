//! Committing, under the fence of the group's generation, and seeking.
//!
//! Commits take the offset of the next record, as everywhere in this crate. (librdkafka's `store_offset` takes that of the
//! record itself and adds one, `store_offsets` and `commit` do not: storing is switched off and only `commit` is used.)

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{CommitMode, Consumer as _, StreamConsumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::client::{Context, explain, when_settled};
use crate::{Commits, LogError};

/// Of the next record to read, for a commit or a seek.
pub(super) fn offset_list(topic: &str, commits: &Commits) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for (part, commit) in commits {
        let mut element = list.add_partition(topic, *part as i32);
        let set = element.set_offset(Offset::Offset(commit.next as i64));
        set.map_err(|error| explain("stating an offset", &error))?;
        if !commit.note.is_empty() {
            element.set_metadata(&commit.note);
        }
    }
    Ok(list)
}

pub(super) fn part_list(topic: &str, parts: &BTreeSet<u32>) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(parts.len());
    for part in parts {
        list.add_partition(topic, *part as i32);
    }
    list
}

/// Commits as the member that the group knows, or not at all.
///
/// Kafka fences by generation, and librdkafka states the newest that it knows. While partitions may still be ours that
/// generation is on its way at times, so those refusals are tried again; once librdkafka has learned that the group went
/// on without us, nothing may be sent any more: to a group that is empty meanwhile it would pass unfenced.
pub(super) fn commit_fenced(client: &StreamConsumer<Context>, list: &TopicPartitionList) -> Result<(), KafkaError> {
    use RDKafkaErrorCode as Code;
    when_settled(|| {
        if client.assignment_lost() {
            return Err(KafkaError::ConsumerCommit(Code::AssignmentLost));
        }
        let outcome = client.commit(list, CommitMode::Sync);
        match outcome.as_ref().err().and_then(KafkaError::rdkafka_error_code) {
            Some(Code::IllegalGeneration) if !client.assignment_lost() => {
                Err(KafkaError::ConsumerCommit(Code::RebalanceInProgress))
            }
            _ => outcome,
        }
    })
}

/// A partition that was assigned a moment ago can not be sought in before librdkafka has found where it reads on.
pub(super) fn seek_started(
    client: &StreamConsumer<Context>,
    list: &TopicPartitionList,
    patience: Duration,
) -> Result<(), KafkaError> {
    use RDKafkaErrorCode as Code;
    let began = Instant::now();
    loop {
        let sought = client.seek_partitions(list.clone(), patience)?;
        let outcome = sought.elements().iter().try_for_each(|element| element.error());
        let code = outcome.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        if !matches!(code, Some(Code::State | Code::PreviousInProgress)) || began.elapsed() > patience {
            return outcome;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// The group went on without this member.
pub(super) fn is_fenced(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let code = error.rdkafka_error_code();
    matches!(
        code,
        Some(Code::IllegalGeneration | Code::UnknownMemberId | Code::FencedInstanceId | Code::AssignmentLost)
    )
}
