//! What a batch changes, decided without I/O: from its events and from what is stored about their mentions.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use grapevine_model::{Event, Mention, MentionId};

use crate::{
    corrected::CardRecord,
    hours::{EpochsOf, Hour},
    retention::Gone,
};

use super::{
    Batch, Inserted,
    imports::{CampaignRecord, SurveyRecord},
    rescored::{self, Pending},
    rows::{AccountRecord, EngagementRecord, MentionRecord, created, version},
    slots::{Change, Removal, Slot, Slots},
    sources::{GapRecord, HealthRecord, ReportRecord, SampledRecord},
};

/// A mention of a brand as it was stored before this batch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub brand: String,
    pub id: MentionId,
    pub place: Place,
    /// Milliseconds; of the first sighting.
    pub created_at: i64,
    /// 0 where only this batch's own row is left of it, after a merge.
    pub version: u64,
    pub deleted: bool,
    pub says: Says,
}

/// What else tells one version of a mention from the next: by whom it was matched and scored, and with which result.
/// Numbers are left out: a model may give the same text another last digit.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Says {
    pub model: String,
    pub monitor: String,
    pub language: String,
    pub themes: Vec<String>,
}

/// What a row that marks a deletion has to repeat.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    pub platform: String,
    pub instance: String,
    pub native_id: String,
    pub author: String,
}

/// Brands of the mentions that a person labelled.
pub(super) type Labelled = BTreeMap<u128, BTreeSet<String>>;

/// Rows to write, table by table.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    pub mentions: Vec<MentionRecord<'a>>,
    pub engagement: Vec<EngagementRecord>,
    pub accounts: Vec<AccountRecord>,
    pub campaigns: Vec<CampaignRecord<'a>>,
    pub surveys: Vec<SurveyRecord<'a>>,
    pub gaps: Vec<GapRecord>,
    pub sampled: Vec<SampledRecord>,
    pub health: Vec<HealthRecord>,
    pub reports: Vec<ReportRecord>,
    pub cards: Vec<CardRecord>,
    pub rescored: Vec<Pending<'a>>,
    /// Hours of what was stored and is changed or removed.
    pub changed: BTreeSet<Hour<'a>>,
    /// Hours of what is written for the first time.
    pub fresh: BTreeSet<Hour<'a>>,
    /// Hours of what is not written, as retention keeps nothing so old.
    pub expired: BTreeSet<Hour<'a>>,
    pub inserted: Inserted,
}

/// `ids` are those of the events, `stored` is what is there of them; rows borrow from the batch and from `stored`.
pub(super) fn plan<'a>(batch: &'a Batch, ids: &[Option<MentionId>], stored: &'a [Stored], gone: &Gone) -> Plan<'a> {
    let partition = partition_code(batch.partition);
    let mut plan = Plan::default();
    let mut slots = Slots::of(stored, batch.events.len());
    for ((offset, event), id) in batch.events.iter().zip(ids) {
        match event {
            Event::Upsert(mention) => {
                let id = id.unwrap_or_else(|| mention.id());
                upsert(&mut slots, (id, *offset), mention, gone, &mut plan);
            }
            Event::Delete(deletion) => {
                let removal = Removal { offset: *offset, version: version(deletion.observed_at) + 1 };
                let removed = slots.remove(deletion.key.id(), removal, |_| true);
                *(if removed { &mut plan.inserted.deleted } else { &mut plan.inserted.unmatched }) += 1;
            }
            Event::AuthorTombstone(tombstone) => {
                let removal = Removal { offset: *offset, version: version(tombstone.observed_at) + 1 };
                let removed = slots.remove_by(tombstone, removal);
                *(if removed { &mut plan.inserted.tombstones } else { &mut plan.inserted.unmatched }) += 1;
            }
            Event::EngagementSnapshot(snapshot) => plan.engagement.push(snapshot.into()),
            Event::AccountSnapshot(snapshot) => plan.accounts.push(snapshot.into()),
            Event::Campaign(row) => plan.campaigns.push((&**row).into()),
            Event::Survey(row) => plan.surveys.push((&**row).into()),
            Event::Gap(gap) => plan.gaps.push(gap.into()),
            Event::Sampled(sampled) => plan.sampled.push(sampled.into()),
            Event::Heartbeat(heartbeat) => plan.health.push(HealthRecord::of(heartbeat, partition)),
            Event::SourceHealth(health) => plan.reports.push((&**health).into()),
            Event::ModelCard(card) => plan.cards.push((&**card).into()),
            Event::Rescored(_) => plan.inserted.rescored += 1,
        }
    }
    plan.rescored = rescored::pending(batch, ids);
    plan.write(slots, batch);
    plan
}

/// Partitions are stored in 16 bits; no topic comes near.
pub(super) fn partition_code(partition: u32) -> u16 {
    u16::try_from(partition).unwrap_or(u16::MAX)
}

fn upsert<'a>(
    slots: &mut Slots<'a>,
    (id, offset): (MentionId, u64),
    mention: &'a Mention,
    gone: &Gone,
    plan: &mut Plan<'a>,
) {
    let version = version(mention.observed_at);
    let elsewhere = |brand: &str| !mention.brands.iter().any(|named| named.brand == brand);
    let left = slots.remove(id, Removal { offset, version }, |slot| elsewhere(slot.brand));
    let (mut fresh, mut changed, mut same, mut expired) = (false, false, false, false);
    for (index, brand) in mention.brands.iter().enumerate() {
        // Two monitors of a brand may both match: the first one named is kept.
        if mention.brands[..index].iter().any(|earlier| earlier.brand == brand.brand) {
            continue;
        }
        let slot = slots.find(id, &brand.brand);
        let created_at = slot.as_ref().map_or_else(|| created(mention.created_at), |slot| slot.created_at);
        if gone.has(&brand.brand, &mention.key.platform, created_at) {
            plan.expired.insert((&brand.brand, hour(created_at)));
            expired = true;
            continue;
        }
        match slot {
            Some(slot) if version < slot.version => {}
            Some(slot) if slot.says(version, mention, brand) => same = true,
            Some(slot) => {
                slot.replace(offset, version, mention, brand);
                changed = true;
            }
            None => {
                slots.push(Slot::first_sighting(id, offset, mention, brand));
                fresh = true;
            }
        }
    }
    let inserted = &mut plan.inserted;
    *(match (changed || left, fresh, same) {
        _ if mention.brands.is_empty() => &mut inserted.unbranded,
        (true, _, _) => &mut inserted.replaced,
        (_, true, _) => &mut inserted.stored,
        (_, _, true) => &mut inserted.duplicates,
        _ if expired => &mut inserted.expired,
        _ => &mut inserted.superseded,
    }) += 1;
}

impl<'a> Plan<'a> {
    fn write(&mut self, slots: Slots<'a>, batch: &'a Batch) {
        let partition = partition_code(batch.partition);
        self.mentions.reserve(slots.len());
        let rescored: HashSet<MentionId> = self.rescored.iter().map(|pending| pending.id).collect();
        for slot in slots {
            if rescored.contains(&slot.id) {
                self.changed.insert((slot.brand, hour(slot.created_at)));
            }
            let Some((offset, change)) = slot.change else { continue };
            let changes = if slot.stored { &mut self.changed } else { &mut self.fresh };
            if !slot.stored || slot.is_recounted() {
                changes.insert((slot.brand, hour(slot.created_at)));
            }
            let row = match change {
                Change::Upsert(mention, brand) => MentionRecord::of(slot.id, mention, brand, slot.created_at),
                Change::Remove => slot.removal(),
            };
            self.mentions.push(MentionRecord { first: !slot.stored, partition, offset, log: &batch.log, ..row });
        }
        // The same batch has to give the same block.
        self.mentions.sort_by(|a, b| (a.offset, a.brand, a.id).cmp(&(b.offset, b.brand, b.id)));
        self.count();
    }

    /// Hours that are wrong as soon as its rows are visible, until they are rebuilt; `again`: any of them may be.
    pub(super) fn in_danger(&self, again: bool, labelled: &Labelled) -> BTreeSet<Hour<'a>> {
        // Of what is dropped now, another try may have written rows.
        let unsure = self.fresh.iter().chain(&self.expired).filter(|_| again);
        self.changed.iter().chain(unsure).copied().chain(self.hours_of(labelled)).collect()
    }

    /// Hours of rows that retention keeps no more.
    pub(super) fn of_gone(&self, gone: &Gone) -> BTreeSet<Hour<'a>> {
        let is_gone = |row: &&MentionRecord<'a>| gone.has(row.brand, row.platform, row.created_at);
        self.mentions.iter().filter(is_gone).map(|row| (row.brand, hour(row.created_at))).collect()
    }

    /// Mentions that are written for the first time.
    pub(super) fn sighted(&self) -> Vec<MentionId> {
        self.mentions.iter().filter(|row| row.first).map(|row| MentionId(row.id)).collect()
    }

    /// Hours of first sightings that a person labelled before: the view feeds the rollups with what the model says of them.
    pub(super) fn hours_of(&self, labelled: &Labelled) -> BTreeSet<Hour<'a>> {
        if labelled.is_empty() {
            return BTreeSet::new();
        }
        let is_labelled = |row: &&MentionRecord<'a>| {
            row.first && labelled.get(&row.id).is_some_and(|brands| brands.contains(row.brand))
        };
        self.mentions.iter().filter(is_labelled).map(|row| (row.brand, hour(row.created_at))).collect()
    }

    /// Gives the rows the epoch that each one's hour had before they are written.
    pub(super) fn stamp(&mut self, epochs: &EpochsOf) {
        for row in &mut self.mentions {
            row.epoch = epochs.get((row.brand, hour(row.created_at))).done;
        }
    }

    fn count(&mut self) {
        let removed = self.mentions.iter().filter(|row| row.deleted == 1).count() as u64;
        self.inserted.removed_rows = removed;
        self.inserted.rows = self.mentions.len() as u64 - removed;
        self.inserted.engagement = self.engagement.len() as u64;
        self.inserted.accounts = self.accounts.len() as u64;
        self.inserted.campaigns = self.campaigns.len() as u64;
        self.inserted.surveys = self.surveys.len() as u64;
        self.inserted.gaps = self.gaps.len() as u64;
        self.inserted.sampled = self.sampled.len() as u64;
        self.inserted.heartbeats = self.health.len() as u64;
        self.inserted.reports = self.reports.len() as u64;
        self.inserted.cards = self.cards.len() as u64;
    }
}

/// Hours that the mentions of a batch may lie in.
pub(super) fn hours(batch: &Batch) -> BTreeSet<Hour<'_>> {
    let mut hours = BTreeSet::new();
    for (_, event) in &batch.events {
        if let Event::Upsert(mention) = event {
            let hour = hour(created(mention.created_at));
            hours.extend(mention.brands.iter().map(|brand| (brand.brand.as_str(), hour)));
        }
    }
    hours
}

fn hour(created_at: i64) -> u32 {
    u32::try_from(created_at / 3_600_000 * 3600).unwrap_or(0)
}
