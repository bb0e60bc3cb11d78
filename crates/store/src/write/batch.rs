use grapevine_model::Event;
use serde::Serialize;

/// One contiguous range of offsets of one partition, as the sink read it. Offsets that held nothing for the store may
/// be
/// missing from `events`.
///
/// The sink persists the range before it inserts, and after a crash inserts the identical range: the tokens are then
/// the
/// same, and ClickHouse drops what it already has.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Identity of the log, short; such as 16 hex digits. Another one wherever offsets begin at 0 again (the files were
    /// moved away, the topics made anew, another kind of log): equal ranges of two logs are two batches.
    pub log: String,
    pub topic: String,
    pub partition: u32,
    pub first_offset: u64,
    pub last_offset: u64,
    /// In ascending order of offset, all within the range.
    pub events: Vec<(u64, Event)>,
    /// Records of the range that are not to be stored: dead letters, and what a deletion request keeps out.
    pub unreadable: u64,
    /// An insert of this range may have been begun before: by an earlier life, or by another member of the group. Only
    /// a range that was just noted for the first time is no replay. A replay costs more, and mends what the other try
    /// may have left.
    pub replay: bool,
}

impl Batch {
    /// Token of the whole range; each table appends its name.
    pub fn token(&self) -> String {
        format!("{}:{}:{}:{}-{}", self.log, self.topic, self.partition, self.first_offset, self.last_offset)
    }
}

/// What became of the events of a batch. Every event is counted exactly once in the first group.
///
/// Of a replay the total stays the same; single counts may differ where the engine has merged the older rows away.
#[must_use]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Inserted {
    /// Upserts of mentions that were not stored before.
    pub stored: u64,
    /// Upserts that changed, or may have changed, a stored mention.
    pub replaced: u64,
    /// Upserts that are older than what is stored or than another in the batch. Not written.
    pub superseded: u64,
    /// Upserts that say what is stored already: the same version, scored by the same model, matched by the same
    /// monitors. Not written.
    pub duplicates: u64,
    /// Upserts of mentions that are older than retention keeps them. Not written.
    pub expired: u64,
    /// Upserts that belong to no brand. Not written, but taken from the brands they belonged to before.
    pub unbranded: u64,
    /// Deletions of stored mentions.
    pub deleted: u64,
    /// Deletions and tombstones that found nothing, or only newer mentions.
    pub unmatched: u64,
    /// Author tombstones that removed mentions.
    pub tombstones: u64,
    pub engagement: u64,
    pub accounts: u64,
    pub campaigns: u64,
    pub surveys: u64,
    pub gaps: u64,
    /// Spans of which a source read a part.
    pub sampled: u64,
    pub heartbeats: u64,
    /// On the health of sources.
    pub reports: u64,
    /// Cards of models.
    pub cards: u64,
    /// What another model says of mentions.
    pub rescored: u64,

    /// Rows of `mentions` written: a mention has one row for each brand.
    pub rows: u64,
    /// Rows written to mark a mention as deleted, or as no longer belonging to a brand.
    pub removed_rows: u64,
    /// Hours whose rollups have to be rebuilt, see [`Store::rebuild_dirty`](crate::Store::rebuild_dirty).
    pub dirty_hours: u64,
    /// This range had been inserted before, in whole or in part.
    pub replayed: bool,
}

impl Inserted {
    /// Events accounted for: equal to the number of events of the batch.
    pub fn events(&self) -> u64 {
        self.stored
            + self.replaced
            + self.superseded
            + self.duplicates
            + self.expired
            + self.unbranded
            + self.deleted
            + self.unmatched
            + self.tombstones
            + self.engagement
            + self.accounts
            + self.campaigns
            + self.surveys
            + self.gaps
            + self.sampled
            + self.heartbeats
            + self.reports
            + self.cards
            + self.rescored
    }
}
