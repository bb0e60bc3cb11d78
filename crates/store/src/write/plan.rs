//! What a batch changes, decided without I/O: from its events and from what is stored about their mentions.

use std::collections::{BTreeMap, BTreeSet};

use grapevine_model::{AuthorTombstone, BrandMatch, Event, Mention, MentionId};

use super::{
    Batch, Inserted,
    rows::{
        AccountRecord, EngagementRecord, GapRecord, HealthRecord, MentionRecord, created, observed_micros, version,
    },
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
}

/// What a row that marks a deletion has to repeat.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Place {
    pub platform: String,
    pub instance: String,
    pub native_id: String,
    pub author: String,
}

/// Rows to write, table by table.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub mentions: Vec<MentionRecord>,
    pub engagement: Vec<EngagementRecord>,
    pub accounts: Vec<AccountRecord>,
    pub gaps: Vec<GapRecord>,
    pub health: Vec<HealthRecord>,
    /// Brand and hour (seconds since the Unix epoch).
    pub dirty: BTreeSet<(String, u32)>,
    pub inserted: Inserted,
}

/// A mention of a brand while the events of the batch pass over it.
struct Slot<'a> {
    place: Place,
    created_at: i64,
    version: u64,
    live: bool,
    /// It was there before this batch.
    stored: bool,
    change: Option<(u64, Change<'a>)>,
}

enum Change<'a> {
    Upsert(&'a Mention, &'a BrandMatch),
    Remove,
}

type Slots<'a> = BTreeMap<MentionId, BTreeMap<String, Slot<'a>>>;

pub(super) fn plan(batch: &Batch, stored: Vec<Stored>) -> Plan {
    let partition = partition_code(batch.partition);
    let mut plan = Plan::default();
    let mut slots = slots_of(stored);
    for (offset, event) in &batch.events {
        match event {
            Event::Upsert(mention) => upsert(&mut slots, *offset, mention, &mut plan.inserted),
            Event::Delete(deletion) => {
                let of_id = slots.get_mut(&deletion.key.id()).into_iter().flat_map(BTreeMap::values_mut);
                let removed = remove(of_id, *offset, version(deletion.observed_at) + 1);
                *(if removed { &mut plan.inserted.deleted } else { &mut plan.inserted.unmatched }) += 1;
            }
            Event::AuthorTombstone(tombstone) => {
                let of_author = slots.values_mut().flat_map(BTreeMap::values_mut).filter(|slot| by(slot, tombstone));
                let removed = remove(of_author, *offset, version(tombstone.observed_at) + 1);
                *(if removed { &mut plan.inserted.tombstones } else { &mut plan.inserted.unmatched }) += 1;
            }
            Event::EngagementSnapshot(snapshot) => plan.engagement.push(snapshot.into()),
            Event::AccountSnapshot(snapshot) => plan.accounts.push(snapshot.into()),
            Event::Gap(gap) => plan.gaps.push(gap.into()),
            Event::Heartbeat(heartbeat) => plan.health.push(HealthRecord::of(heartbeat, partition)),
        }
    }
    plan.write(slots, batch);
    plan
}

/// Partitions are stored in 16 bits; no topic comes near.
pub(super) fn partition_code(partition: u32) -> u16 {
    u16::try_from(partition).unwrap_or(u16::MAX)
}

fn slots_of<'a>(stored: Vec<Stored>) -> Slots<'a> {
    let mut slots = Slots::new();
    for Stored { brand, id, place, created_at, version, deleted } in stored {
        let slot = Slot { place, created_at, version, live: !deleted, stored: true, change: None };
        slots.entry(id).or_default().insert(brand, slot);
    }
    slots
}

fn upsert<'a>(slots: &mut Slots<'a>, offset: u64, mention: &'a Mention, inserted: &mut Inserted) {
    let of_id = slots.entry(mention.id()).or_default();
    let version = version(mention.observed_at);
    let (mut fresh, mut changed) = (false, false);
    for (index, brand) in mention.brands.iter().enumerate() {
        // Two monitors of a brand may both match: the first one named is kept.
        if mention.brands[..index].iter().any(|earlier| earlier.brand == brand.brand) {
            continue;
        }
        match of_id.get_mut(&brand.brand) {
            Some(slot) if version < slot.version => {}
            Some(slot) => {
                (slot.version, slot.live) = (version, true);
                slot.change = Some((offset, Change::Upsert(mention, brand)));
                changed = true;
            }
            None => {
                of_id.insert(brand.brand.clone(), first_sighting(offset, mention, brand));
                fresh = true;
            }
        }
    }
    let left = of_id.iter_mut().filter(|(brand, _)| !mention.brands.iter().any(|b| b.brand == **brand));
    let left = remove(left.map(|(_, slot)| slot), offset, version);
    *(match (mention.brands.is_empty(), changed || left, fresh) {
        (true, _, _) => &mut inserted.unbranded,
        (_, true, _) => &mut inserted.replaced,
        (_, _, true) => &mut inserted.stored,
        _ => &mut inserted.superseded,
    }) += 1;
}

fn first_sighting<'a>(offset: u64, mention: &'a Mention, brand: &'a BrandMatch) -> Slot<'a> {
    let place = Place {
        platform: mention.key.platform.clone(),
        instance: mention.key.instance.clone(),
        native_id: mention.key.native_id.clone(),
        author: mention.author.native_id.clone(),
    };
    Slot {
        place,
        created_at: created(mention.created_at),
        version: version(mention.observed_at),
        live: true,
        stored: false,
        change: Some((offset, Change::Upsert(mention, brand))),
    }
}

/// Removes what is live and not newer. Whether there was any.
fn remove<'s, 'a: 's>(slots: impl Iterator<Item = &'s mut Slot<'a>>, offset: u64, version: u64) -> bool {
    let mut any = false;
    for slot in slots.filter(|slot| slot.live && slot.version <= version) {
        (slot.version, slot.live) = (version, false);
        slot.change = Some((offset, Change::Remove));
        any = true;
    }
    any
}

fn by(slot: &Slot<'_>, tombstone: &AuthorTombstone) -> bool {
    let Place { platform, instance, author, .. } = &slot.place;
    (platform, instance, author) == (&tombstone.platform, &tombstone.instance, &tombstone.author)
}

impl Plan {
    fn write(&mut self, slots: Slots<'_>, batch: &Batch) {
        let partition = partition_code(batch.partition);
        for (id, of_id) in slots {
            for (brand, slot) in of_id {
                let Some((offset, change)) = slot.change else { continue };
                if slot.stored {
                    self.dirty.insert((brand.clone(), hour(slot.created_at)));
                }
                let row = match change {
                    Change::Upsert(mention, brand) => MentionRecord::of(mention, brand, slot.created_at),
                    Change::Remove => removal(id, brand, slot.place, slot.created_at, slot.version),
                };
                let first = !slot.stored;
                let log = batch.log.clone();
                self.mentions.push(MentionRecord { first, partition, offset, log, ..row });
            }
        }
        // The same batch has to give the same block.
        self.mentions.sort_by(|a, b| (a.offset, &a.brand, a.id).cmp(&(b.offset, &b.brand, b.id)));
        self.count();
    }

    fn count(&mut self) {
        let removed = self.mentions.iter().filter(|row| row.deleted == 1).count() as u64;
        self.inserted.removed_rows = removed;
        self.inserted.rows = self.mentions.len() as u64 - removed;
        self.inserted.dirty_hours = self.dirty.len() as u64;
        self.inserted.engagement = self.engagement.len() as u64;
        self.inserted.accounts = self.accounts.len() as u64;
        self.inserted.gaps = self.gaps.len() as u64;
        self.inserted.heartbeats = self.health.len() as u64;
    }
}

/// A row that stands for "gone": its key, its author (so that a replay finds it by the author) and nothing that was
/// written.
fn removal(id: MentionId, brand: String, place: Place, created_at: i64, version: u64) -> MentionRecord {
    MentionRecord {
        brand,
        id: id.0,
        platform: place.platform,
        instance: place.instance,
        native_id: place.native_id,
        author: place.author,
        kind: 1,
        created_at,
        observed_at: observed_micros(version),
        polarity: super::rows::UNSCORED,
        version,
        deleted: 1,
        ..MentionRecord::default()
    }
}

fn hour(created_at: i64) -> u32 {
    u32::try_from(created_at / 3_600_000 * 3600).unwrap_or(0)
}
