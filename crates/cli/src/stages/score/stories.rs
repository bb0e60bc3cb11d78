//! What the scoring stage remembers of stories, and how it gets it back.
//!
//! The memory is this process's. When it gains a partition, it reads back the newest of what was scored there, by whichever
//! process, with the stories that were told then: so a restart, and a partition that changes hands, forget nothing that the
//! memory would still hold. Several scorers each know the partitions that they hold: copies of which one scorer
//! reads one and another the other stay apart, and reposts, which name what they repeat, do not.

use std::sync::Arc;

use grapevine_log::{Log, LogError, PollLimits, Received};
use grapevine_model::{Event, Mention, topics, wire};
use grapevine_scoring::story::{Meaning, Stories, StoryLimits};
use jiff::SignedDuration;
use parking_lot::Mutex;

use super::super::backoff;
use crate::config::ScoringSection;

/// What is read back at once.
const PAGE: PollLimits = PollLimits { records: 2000, bytes: 8 << 20, wait: std::time::Duration::ZERO };

/// Shared with the batch that is being scored.
#[derive(Clone)]
pub struct StoryMemory {
    /// Absent where stories are not told apart.
    stories: Option<Arc<Mutex<Stories>>>,
    mentions: usize,
}

impl StoryMemory {
    pub fn new(section: &ScoringSection) -> Self {
        let mentions = section.story_mentions;
        let limits = StoryLimits { window: SignedDuration::from_hours(section.story_hours.into()), mentions };
        Self { stories: (mentions > 0).then(|| Arc::new(Mutex::new(Stories::new(limits)))), mentions }
    }

    /// Tells the story of each mention, in order. What the model did not read, it may not understand: letters decide.
    pub fn tell<'a>(&self, mentions: impl Iterator<Item = &'a mut Mention>, meaning: &dyn Meaning) {
        let Some(stories) = &self.stories else { return };
        let mut stories = stories.lock();
        for mention in mentions {
            let meaning = if mention.scores.is_some() { meaning } else { &() };
            mention.story = Some(stories.assign(mention, meaning));
        }
    }

    /// Takes in the newest of what was scored on these partitions.
    pub async fn regain(&self, log: &dyn Log, partitions: &[u32]) -> Result<(), LogError> {
        if self.stories.is_none() || partitions.is_empty() {
            return Ok(());
        }
        let bounds = backoff::with_log("finding what was scored", || log.bounds(topics::SCORED)).await?;
        let share = (self.mentions / bounds.len().max(1)) as u64;
        for partition in partitions {
            let Some(&(oldest, next)) = bounds.get(partition) else { continue };
            self.read_back(log, *partition, next.saturating_sub(share).max(oldest)..next).await?;
        }
        Ok(())
    }

    async fn read_back(&self, log: &dyn Log, partition: u32, offsets: std::ops::Range<u64>) -> Result<(), LogError> {
        let mut from = offsets.start;
        while from < offsets.end {
            let read = || log.read(topics::SCORED, partition, from, PAGE);
            let page = backoff::with_log("reading back what was scored", read).await?;
            let Some(last) = page.last() else { break };
            from = last.offset + 1;
            let memory = self.clone();
            // A panic in it loses memory, and no mention.
            let taken_in = tokio::task::spawn_blocking(move || memory.remember(&page)).await;
            if taken_in.is_err() {
                tracing::warn!(
                    "score: stories of partition {partition} could not be read back; copies may begin new ones"
                );
                break;
            }
        }
        Ok(())
    }

    /// What can not be read, is no mention, or has no story says nothing.
    fn remember(&self, records: &[Received]) {
        let Some(stories) = &self.stories else { return };
        let mut stories = stories.lock();
        for record in records {
            let Ok(Event::Upsert(mention)) = wire::decode(&record.value) else { continue };
            if let Some(story) = mention.story {
                stories.remember(&mention, story);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use grapevine_log::{Record, Retention, TopicSpec, embedded::EmbeddedLog};
    use grapevine_model::{Author, Intent, MentionId, MentionKey, Polarity, Scores};
    use jiff::Timestamp;

    use super::*;

    const TEXT: &str = "The ferry to Harwick is cancelled until further notice because of strong winds";

    fn post(id: &str) -> Mention {
        Mention::new(MentionKey::new("test", "", id), Author::default(), Timestamp::UNIX_EPOCH, TEXT)
    }

    fn told(memory: &StoryMemory, id: &str) -> Option<MentionId> {
        let mut mention = post(id);
        memory.tell(std::iter::once(&mut mention), &());
        mention.story
    }

    #[tokio::test]
    async fn after_a_restart_the_stories_of_the_partitions_that_are_gained_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(folder.path().join("log.db")).unwrap();
        let kept = Retention::For(std::time::Duration::from_secs(3600));
        log.ensure_topics(&[TopicSpec { name: topics::SCORED.into(), partitions: 2, keep: kept }]).await.unwrap();
        let first = Mention { story: Some(post("a").id()), ..post("a") };
        let value = wire::encode(&Event::Upsert(Box::new(first)));
        log.append(topics::SCORED, vec![Record { key: b"a".to_vec(), value, partition: Some(1) }]).await.unwrap();

        let section = ScoringSection::default();
        let (held, other) = (StoryMemory::new(&section), StoryMemory::new(&section));
        held.regain(&log, &[1]).await.unwrap();
        other.regain(&log, &[0]).await.unwrap();
        assert_eq!(told(&held, "b"), Some(post("a").id()));
        assert_eq!(told(&other, "b"), Some(post("b").id()));
    }

    /// To whom all texts mean the same.
    struct Same;

    impl Meaning for Same {
        fn embeddings(&self, texts: &[&str]) -> Option<Vec<Vec<f32>>> {
            Some(vec![vec![1.0]; texts.len()])
        }
    }

    #[test]
    fn of_what_the_model_did_not_read_letters_decide() {
        let memory = StoryMemory::new(&ScoringSection::default());
        let text = "Until further notice the ferry to Harwick does not sail because of the strong winds";
        let told = |mut mention: Mention| {
            memory.tell(std::iter::once(&mut mention), &Same);
            mention.story
        };
        let scores = Scores {
            negative: 0.0,
            neutral: 1.0,
            positive: 0.0,
            polarity: Polarity::Neutral,
            confidence: 1.0,
            intent: Intent::None,
            hostility: None,
            irony: None,
            themes: Vec::new(),
            model: "same@1".into(),
        };
        told(post("a"));
        assert_eq!(told(Mention { text: text.into(), scores: Some(scores), ..post("b") }), Some(post("a").id()));
        assert_eq!(told(Mention { text: text.into(), ..post("c") }), Some(post("c").id()));
    }

    #[test]
    fn without_a_memory_stories_are_not_told_apart() {
        let section = ScoringSection { story_mentions: 0, ..ScoringSection::default() };
        assert_eq!(told(&StoryMemory::new(&section), "a"), None);
    }
}
