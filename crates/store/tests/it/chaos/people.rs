//! A person who labels while writers and rebuilders are at work, and what must be read in the end.

use std::{collections::BTreeMap, sync::Arc};

use grapevine_model::{Correction, Label, LabelKey, LabelRecord, MentionId, Polarity};
use grapevine_store::Store;
use jiff::SignedDuration;

use super::{
    Ran, Shared, process, run_until,
    script::{Dice, any_mention, brand},
};
use crate::{
    labels::{label_of, withdrawn},
    world::at,
};

const LABELS: usize = 24;

/// What was said, in order: each at a moment of its own.
pub fn said(mut dice: Dice) -> Vec<LabelRecord> {
    let mut given: Vec<Label> = vec![];
    let mut said = vec![];
    for number in 0..LABELS {
        let moment = at("2026-03-05T12:00:00Z") + SignedDuration::from_secs(number as i64);
        if dice.roll(5) == 0 && !given.is_empty() {
            let of = &given[dice.roll(given.len() as u64) as usize];
            said.push(withdrawn(of, moment));
            continue;
        }
        let correction = match dice.roll(5) {
            0 => Correction::Relevance(false),
            roll => Correction::Polarity(Polarity::ALL[roll as usize % 3]),
        };
        let label = label_of(any_mention(&mut dice), brand(&mut dice), correction, moment);
        said.push(LabelRecord::Label(label.clone()));
        given.push(label);
    }
    said
}

/// Applies them a few at a time, by processes of which some die and some go on late.
pub(super) async fn label(shared: Arc<Shared>, said: Vec<LabelRecord>, mut dice: Dice) {
    let mut zombies = vec![];
    let mut left = &said[..];
    while !left.is_empty() {
        let (now, later) = left.split_at(1 + dice.roll(left.len().min(4) as u64) as usize);
        let store = process(&shared.world);
        let records = now.to_vec();
        let work = |store: Store| async move { store.apply_labels(&records).await };
        // It stands still, and another applies the same; or it is dropped.
        match run_until(&store, dice.roll(3) as usize, work).await {
            Ran::Ended(applied) => drop(applied.unwrap()),
            Ran::Stands(zombie) if dice.roll(2) == 0 => zombies.push(zombie),
            Ran::Stands(zombie) => {
                zombie.task.abort();
                shared.count("labels dropped");
                let _ = zombie.release().await;
            }
        }
        if dice.roll(3) == 0
            && let Some(zombie) = zombies.pop()
        {
            let _ = zombie.release().await.unwrap().unwrap();
            shared.count("labels that went on late");
        }
        left = later;
        tokio::time::sleep(std::time::Duration::from_millis(dice.roll(60))).await;
    }
    for zombie in zombies {
        let _ = zombie.release().await.unwrap().unwrap();
        shared.count("labels that went on late");
    }
    // As whoever follows the log's table does when it takes over.
    let store = process(&shared.world);
    let lacking = store.lacking_labels(newest(&said)).await.unwrap();
    let _ = store.apply_labels(&lacking.records).await.unwrap();
}

/// As the log's table keeps them.
pub fn newest(said: &[LabelRecord]) -> Vec<LabelRecord> {
    let table: BTreeMap<LabelKey, LabelRecord> = said.iter().map(|record| (record.key(), record.clone())).collect();
    table.into_values().collect()
}

/// What is read of the mentions that the model says this of.
pub fn corrected(
    mut said_by_model: BTreeMap<(String, u128), (i64, i8)>,
    said: &[LabelRecord],
) -> BTreeMap<(String, u128), i8> {
    let mut read: BTreeMap<(String, u128), i8> = BTreeMap::new();
    let newest = newest(said);
    let of = |brand: &str, id: u128| -> Vec<&Label> {
        let labels = newest.iter().filter_map(|record| match record {
            LabelRecord::Label(label) => Some(label),
            LabelRecord::Withdrawn(_) => None,
        });
        labels.filter(|label| label.brand == brand && label.mention == MentionId(id)).collect()
    };
    while let Some(((brand, id), (_, mut polarity))) = said_by_model.pop_first() {
        let labels = of(&brand, id);
        if labels.iter().any(|label| label.correction == Correction::Relevance(false)) {
            continue;
        }
        for label in labels {
            if let Correction::Polarity(said) = label.correction {
                polarity = said.sign();
            }
        }
        read.insert((brand, id), polarity);
    }
    read
}
