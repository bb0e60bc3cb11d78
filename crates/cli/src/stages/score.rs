//! `score`: matches each mention with the monitors, scores what belongs to a brand, and passes everything else on.
//!
//! Each record goes to the partition that it came from, so that a mention's versions stay in order.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use grapevine_api::{ModelStatus, StageState};
use grapevine_log::{Consumer, LogError, Offsets, PollLimits, Received, Record, StartAt};
use grapevine_model::{Event, Mention, topics, wire};
use grapevine_monitor::Matcher;
use jiff::Timestamp;

use crate::parts::{self, OpenScorer};

use super::{
    Pipeline,
    dead_letter::{self, DeadLetter, Origin, Original},
    ranges,
};

const STAGE: &str = "score";
pub const GROUP: &str = "score";
const LIMITS: PollLimits = PollLimits { records: 1024, bytes: 8 << 20, wait: Duration::from_millis(500) };

/// `scorer` is absent where scoring is switched off.
pub async fn run(pipeline: Pipeline, scorer: Option<OpenScorer>) -> anyhow::Result<()> {
    let matcher = Arc::new(Matcher::new(&pipeline.config.brands)?);
    let mut consumer = pipeline.log.consumer(topics::RAW, GROUP, StartAt::Oldest).await?;
    while !pipeline.stopping() {
        let polled = consumer.poll(LIMITS).await?;
        if polled.records.is_empty() {
            continue;
        }
        let next = ranges::next_offsets(&polled.records);
        let (matcher, scorer) = (matcher.clone(), scorer.clone());
        let work = tokio::task::spawn_blocking(move || process(polled.records, &matcher, scorer.as_ref()));
        let done = work.await.context("the scoring task panicked")??;
        publish(&pipeline, done).await?;
        commit(consumer.as_mut(), next).await?;
    }
    Ok(())
}

/// What a batch of records became.
#[derive(Default)]
struct Processed {
    records: Vec<Record>,
    dead: Vec<DeadLetter>,
    unmatched: u64,
    scored: u64,
    /// Scoring is switched off, or there is no text.
    unscored: u64,
    /// The platform names a language that the model was not made for.
    unsupported: u64,
    passed_on: u64,
}

fn process(batch: Vec<Received>, matcher: &Matcher, scorer: Option<&OpenScorer>) -> anyhow::Result<Processed> {
    let mut done = Processed::default();
    let mut events: Vec<(Received, Event)> = Vec::with_capacity(batch.len());
    for received in batch {
        match wire::decode(&received.value) {
            Ok(Event::Upsert(mut mention)) => {
                mention.brands = matcher.matches(&mention);
                if mention.brands.is_empty() {
                    done.unmatched += 1;
                } else {
                    events.push((received, Event::Upsert(mention)));
                }
            }
            Ok(event) => {
                done.passed_on += 1;
                events.push((received, event));
            }
            Err(error) => done.dead.push(unreadable(STAGE, &received, &error)),
        }
    }
    score(&mut events, scorer, &mut done)?;
    done.records = events.into_iter().map(|(received, event)| outgoing(received, &event)).collect();
    Ok(done)
}

fn score(events: &mut [(Received, Event)], scorer: Option<&OpenScorer>, done: &mut Processed) -> anyhow::Result<()> {
    let mut mentions: Vec<&mut Mention> = events
        .iter_mut()
        .filter_map(|(_, event)| match event {
            Event::Upsert(mention) => Some(&mut **mention),
            _ => None,
        })
        .collect();
    let Some(scorer) = scorer else {
        done.unscored += mentions.len() as u64;
        return Ok(());
    };
    let all = mentions.len();
    mentions.retain(|mention| !mention.text.trim().is_empty());
    done.unscored += (all - mentions.len()) as u64;
    let with_text = mentions.len();
    mentions.retain(|mention| scorer.covers(mention.language.as_deref()));
    done.unsupported += (with_text - mentions.len()) as u64;
    let texts: Vec<&str> = mentions.iter().map(|mention| mention.text.as_str()).collect();
    let scores = scorer.scorer.score(&texts)?;
    done.scored += scores.len() as u64;
    for (mention, scores) in mentions.into_iter().zip(scores) {
        mention.scores = Some(scores);
    }
    Ok(())
}

fn outgoing(received: Received, event: &Event) -> Record {
    Record { key: received.key, value: wire::encode(event), partition: Some(received.partition) }
}

/// The dead letter of a record that does not decode.
pub fn unreadable(stage: &str, received: &Received, error: &wire::WireError) -> DeadLetter {
    DeadLetter {
        stage: stage.into(),
        place: format!("{} partition {} offset {}", received.topic, received.partition, received.offset),
        reason: error.to_string(),
        at: Timestamp::now(),
        original: Original::of(&received.value),
        record: Some(Origin {
            topic: received.topic.clone(),
            partition: received.partition,
            key: Original::of(&received.key),
        }),
    }
}

async fn publish(pipeline: &Pipeline, done: Processed) -> anyhow::Result<()> {
    dead_letter::park(&*pipeline.log, &done.dead).await?;
    if !done.records.is_empty() {
        pipeline.log.append(topics::SCORED, done.records).await?;
    }
    let status = &pipeline.status;
    status.count(STAGE, "scored", done.scored);
    status.count(STAGE, "not_scored", done.unscored);
    status.count(STAGE, "language_not_covered", done.unsupported);
    status.count(STAGE, "passed_on", done.passed_on);
    status.count(STAGE, "no_monitor_matched", done.unmatched);
    status.count(STAGE, "dead_letter", done.dead.len() as u64);
    Ok(())
}

/// Partitions that went to another member are its to commit: it scores their records again, and ids fold them.
async fn commit(consumer: &mut dyn Consumer, mut next: Offsets) -> Result<(), LogError> {
    let held = consumer.assignment();
    next.retain(|partition, _| held.contains(partition));
    match consumer.commit(&next).await {
        Err(LogError::NotAssigned(_)) => Ok(()),
        outcome => outcome,
    }
}

/// Loads the model beside the runtime; `None` where scoring is switched off.
pub async fn open_scorer(pipeline: &Pipeline) -> anyhow::Result<Option<OpenScorer>> {
    let section = pipeline.config.scoring.clone();
    if !section.enabled {
        tracing::info!("scoring is switched off: mentions are stored as not scored");
        return Ok(None);
    }
    pipeline.status.stage(STAGE, StageState::Starting, Some("loading the model".into()));
    let open = tokio::task::spawn_blocking(move || parts::open_scorer(&section)).await??;
    pipeline.status.model(model_status(&open));
    pipeline.status.stage(STAGE, StageState::Running, None);
    Ok(Some(open))
}

fn model_status(open: &OpenScorer) -> ModelStatus {
    let measured = open.manifest.accuracy.first();
    let description = open.scorer.description();
    let id = open.scorer.model();
    ModelStatus {
        id: id.to_owned(),
        engine: description.strip_prefix(&format!("{id}: ")).unwrap_or(&description).to_owned(),
        accuracy: measured.map(|measured| f64::from(measured.macro_recall) / 100.0),
        measured_on: measured.map(|measured| format!("{} (n = {})", measured.set, measured.n)),
        languages: open.manifest.languages.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grapevine_model::{Author, Intent, MentionKey, Polarity, Scores};
    use grapevine_monitor::{Brand, Monitor};
    use grapevine_scoring::{Scorer, ScoringError, manifest::ModelFolder};

    /// Says of every text that it is negative.
    struct Gloomy;

    impl Scorer for Gloomy {
        fn description(&self) -> String {
            "gloomy".into()
        }
        fn model(&self) -> &str {
            "gloomy@1"
        }
        fn score(&self, texts: &[&str]) -> Result<Vec<Scores>, ScoringError> {
            let (polarity, intent) = (Polarity::Negative, Intent::None);
            let one = |_| Scores {
                negative: 1.0,
                neutral: 0.0,
                positive: 0.0,
                polarity,
                confidence: 1.0,
                intent,
                model: "gloomy@1".into(),
            };
            Ok(texts.iter().map(one).collect())
        }
    }

    fn received(offset: u64, value: Vec<u8>) -> Received {
        let appended_at = Timestamp::UNIX_EPOCH;
        Received { topic: topics::RAW.into(), partition: 2, offset, key: b"k".into(), value, appended_at }
    }

    fn post(text: &str) -> Vec<u8> {
        post_in(None, text)
    }

    fn post_in(language: Option<&str>, text: &str) -> Vec<u8> {
        let key = MentionKey::new("test", "", text);
        let mention = Mention::new(key, Author::default(), Timestamp::UNIX_EPOCH, text);
        wire::encode(&Event::Upsert(Box::new(Mention { language: language.map(str::to_owned), ..mention })))
    }

    fn processed(batch: Vec<Received>) -> Processed {
        let monitors = vec![Monitor { name: "name".into(), query: "acme".into() }];
        let brand = Brand { name: "Acme".into(), competitor: false, accounts: vec![], spaces: vec![], monitors };
        let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/minilm-l6-sentiment");
        let manifest = ModelFolder::open(shipped.as_ref()).unwrap().manifest;
        process(batch, &Matcher::new(&[brand]).unwrap(), Some(&OpenScorer { scorer: Arc::new(Gloomy), manifest }))
            .unwrap()
    }

    #[test]
    fn what_belongs_to_a_brand_is_scored_and_goes_to_its_own_partition() {
        let done = processed(vec![received(0, post("acme is down")), received(1, post("nice weather"))]);
        assert_eq!((done.scored, done.unmatched, done.dead.len()), (1, 1, 0));
        assert_eq!(done.records[0].partition, Some(2));
        let Ok(Event::Upsert(mention)) = wire::decode(&done.records[0].value) else { panic!("a mention") };
        assert_eq!(mention.brands[0].brand, "Acme");
        assert_eq!(mention.scores.unwrap().polarity, Polarity::Negative);
    }

    #[test]
    fn a_language_that_the_model_does_not_cover_is_stored_as_not_scored() {
        let batch =
            vec![received(0, post_in(Some("de"), "acme ist toll")), received(1, post_in(Some("en-GB"), "acme"))];
        let done = processed(batch);
        assert_eq!((done.scored, done.unsupported, done.records.len()), (1, 1, 2));
        let Ok(Event::Upsert(mention)) = wire::decode(&done.records[0].value) else { panic!("a mention") };
        assert_eq!(mention.scores, None);
    }

    #[test]
    fn a_record_that_does_not_decode_costs_one_record() {
        let done = processed(vec![received(7, b"{".to_vec()), received(8, post("acme again"))]);
        assert_eq!((done.scored, done.dead.len()), (1, 1));
        assert_eq!(done.dead[0].place, "mentions.raw partition 2 offset 7");
    }
}
