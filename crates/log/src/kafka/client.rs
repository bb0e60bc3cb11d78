//! What every librdkafka client here shares: its last complaint, the assignment of a member, and errors in words.

use std::{
    collections::BTreeSet,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use rdkafka::{
    ClientContext, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, ConsumerContext, Rebalance},
    error::{KafkaError, RDKafkaErrorCode},
};
use tokio::sync::Notify;

use crate::LogError;

/// Collects what librdkafka tells from its own threads.
#[derive(Clone, Default)]
pub(super) struct Context {
    state: Arc<Mutex<State>>,
    /// Rung at every change of the assignment: a poll that waits for records returns.
    pub changed: Arc<Notify>,
}

#[derive(Default)]
struct State {
    complaint: Option<String>,
    assigned: BTreeSet<u32>,
    changes: Changes,
}

/// What rebalances did.
#[derive(Default)]
pub(super) struct Changes {
    pub assignment: bool,
    /// Partitions that went; some may be back.
    pub revoked: BTreeSet<u32>,
}

impl Context {
    /// Why the cluster cannot be reached, as librdkafka said last.
    pub fn complaint(&self) -> Option<String> {
        self.state.lock().complaint.clone()
    }

    pub fn assigned(&self) -> BTreeSet<u32> {
        self.state.lock().assigned.clone()
    }

    /// Since the last call.
    pub fn take_changes(&self) -> Changes {
        std::mem::take(&mut self.state.lock().changes)
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<u32> {
    list.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect()
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // librdkafka reports a broker that is away at error level, again and again: what fails says so by itself.
        match level {
            RDKafkaLogLevel::Debug => tracing::trace!(target: "kafka", facility, message),
            _ => tracing::debug!(target: "kafka", facility, message),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", %error, reason);
        // "All brokers down" says less than the reason that came before it.
        let summary = error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown);
        let mut state = self.state.lock();
        if !summary || state.complaint.is_none() {
            state.complaint = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            let gone = numbers(list);
            let mut state = self.state.lock();
            state.assigned.retain(|part| !gone.contains(part));
            state.changes.assignment |= !gone.is_empty();
            state.changes.revoked.extend(gone);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => {
                let mut state = self.state.lock();
                let before = state.assigned.len();
                state.assigned.extend(numbers(list));
                state.changes.assignment |= state.assigned.len() != before;
            }
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "a rebalance of the group failed; the members try again"),
        }
        self.changed.notify_one();
    }
}

/// How long a group may be without a coordinator, or in a rebalance, before that counts as a failure.
const SETTLING: Duration = Duration::from_secs(10);

/// Asks again while the group settles: its coordinator starts or moves, or it deals its partitions. May block.
pub(super) fn when_settled<T>(mut request: impl FnMut() -> Result<T, KafkaError>) -> Result<T, KafkaError> {
    use RDKafkaErrorCode as Code;
    let began = Instant::now();
    loop {
        let outcome = request();
        let code = outcome.as_ref().err().and_then(KafkaError::rdkafka_error_code);
        let settling = matches!(
            code,
            Some(
                Code::NotCoordinator
                    | Code::CoordinatorNotAvailable
                    | Code::CoordinatorLoadInProgress
                    | Code::WaitingForCoordinator
                    | Code::RebalanceInProgress
            )
        );
        if !settling || began.elapsed() > SETTLING {
            return outcome;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

/// `doing` says what failed, as in "appending to mentions.raw".
pub(super) fn explain(doing: &str, error: &KafkaError) -> LogError {
    use RDKafkaErrorCode as Code;
    let lasting = match error {
        KafkaError::ClientConfig(_, description, key, value) => {
            // The value may be a secret.
            let quoted = format!("\"{value}\"");
            let description = description.replace(&quoted, "(not shown)");
            let message = format!("kafka property {key}: {description}; correct it or remove it");
            return LogError::Broken { message, transient: false };
        }
        KafkaError::ClientCreation(_) | KafkaError::Nul(_) | KafkaError::AdminOpCreation(_) => true,
        KafkaError::MessageConsumptionFatal(_) => true,
        KafkaError::AdminOp(code) => is_lasting(*code),
        other => other.rdkafka_error_code().is_some_and(is_lasting),
    };
    let message = match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge) => format!(
            "{doing}: a record is larger than Kafka takes ({error}); raise the property message.max.bytes here and \
             max.message.bytes of the topic"
        ),
        Some(Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            format!("{doing}: Kafka does not allow it ({error}); grant the user of this client the rights")
        }
        _ => format!("{doing}: {error}"),
    };
    LogError::Broken { message, transient: !lasting }
}

/// Errors that no waiting mends.
fn is_lasting(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::SaslAuthenticationFailed
            | Code::Authentication
            | Code::InvalidTopic
            | Code::InvalidConfig
            | Code::InvalidPartitions
            | Code::InvalidReplicationFactor
            | Code::InvalidRecord
            | Code::PolicyViolation
            | Code::UnsupportedVersion
            | Code::Fatal
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_classed_by_whether_waiting_helps() {
        let production = |code| explain("appending to t", &KafkaError::MessageProduction(code));
        assert!(production(RDKafkaErrorCode::MessageTimedOut).is_transient());
        assert!(production(RDKafkaErrorCode::NotEnoughReplicas).is_transient());
        let large = production(RDKafkaErrorCode::MessageSizeTooLarge);
        assert!(!large.is_transient() && large.to_string().contains("message.max.bytes"), "{large}");
    }
}
