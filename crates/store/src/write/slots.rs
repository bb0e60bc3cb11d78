//! The mentions of a batch by id and brand, while its events pass over them.
//!
//! A slot borrows from the batch or from what is stored, and slots of one mention are linked instead of gathered: a batch
//! of new mentions, which is the common one, then allocates nothing for each of them.

use std::{borrow::Cow, collections::HashMap};

use grapevine_model::{AuthorTombstone, BrandMatch, Mention, MentionId};

use super::{
    plan::{Says, Stored},
    rows::{MentionRecord, UNSCORED, created, observed_micros, version},
};

/// A mention of a brand as the batch has left it so far.
pub(super) struct Slot<'a> {
    pub id: MentionId,
    pub brand: &'a str,
    place: Place<'a>,
    /// Milliseconds; of the first sighting.
    pub created_at: i64,
    pub version: u64,
    pub live: bool,
    said: Said<'a>,
    /// It was there before this batch.
    pub stored: bool,
    /// And was not removed.
    was_live: bool,
    pub change: Option<(u64, Change<'a>)>,
    /// The same mention of another brand.
    next: Option<usize>,
}

/// What a row that marks a deletion has to repeat.
struct Place<'a> {
    platform: &'a str,
    instance: &'a str,
    native_id: &'a str,
    author: &'a str,
}

/// What tells this version from another of the same moment.
#[derive(Clone, Copy)]
enum Said<'a> {
    Stored(&'a Says),
    Now(&'a Mention, &'a BrandMatch),
}

impl Said<'_> {
    fn same_as(self, mention: &Mention, brand: &BrandMatch) -> bool {
        let (model, monitor, language) = match self {
            Said::Stored(says) => (&*says.model, &*says.monitor, Cow::Borrowed(&*says.language)),
            Said::Now(mention, brand) => {
                (model(mention), &*brand.monitor, mention.spoken_language().unwrap_or_default())
            }
        };
        let now = (self::model(mention), &*brand.monitor, mention.spoken_language().unwrap_or_default());
        (model, monitor, language) == now && self.themes().eq(themes(mention))
    }

    fn themes(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match self {
            Said::Stored(says) => Box::new(says.themes.iter().map(String::as_str)),
            Said::Now(mention, _) => Box::new(themes(mention)),
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Change<'a> {
    Upsert(&'a Mention, &'a BrandMatch),
    Remove,
}

/// A removal by the event of this offset: of what is live and not newer than `version`.
#[derive(Clone, Copy)]
pub(super) struct Removal {
    pub offset: u64,
    pub version: u64,
}

impl<'a> Slot<'a> {
    pub(super) fn first_sighting(id: MentionId, offset: u64, mention: &'a Mention, brand: &'a BrandMatch) -> Self {
        let place = Place {
            platform: &mention.key.platform,
            instance: &mention.key.instance,
            native_id: &mention.key.native_id,
            author: &mention.author.native_id,
        };
        Slot {
            id,
            brand: &brand.brand,
            place,
            created_at: created(mention.created_at),
            version: version(mention.observed_at),
            live: true,
            said: Said::Now(mention, brand),
            stored: false,
            was_live: false,
            change: Some((offset, Change::Upsert(mention, brand))),
            next: None,
        }
    }

    fn of(stored: &'a Stored) -> Self {
        let place = Place {
            platform: &stored.place.platform,
            instance: &stored.place.instance,
            native_id: &stored.place.native_id,
            author: &stored.place.author,
        };
        Slot {
            id: stored.id,
            brand: &stored.brand,
            place,
            created_at: stored.created_at,
            version: stored.version,
            live: !stored.deleted,
            said: Said::Stored(&stored.says),
            stored: true,
            was_live: !stored.deleted,
            change: None,
            next: None,
        }
    }

    /// Whether this very observation is there: nothing needs to be written.
    pub(super) fn says(&self, version: u64, mention: &Mention, brand: &BrandMatch) -> bool {
        self.live && self.version == version && self.said.same_as(mention, brand)
    }

    pub(super) fn replace(&mut self, offset: u64, version: u64, mention: &'a Mention, brand: &'a BrandMatch) {
        (self.version, self.live) = (version, true);
        self.said = Said::Now(mention, brand);
        self.change = Some((offset, Change::Upsert(mention, brand)));
    }

    fn by(&self, tombstone: &AuthorTombstone) -> bool {
        let Place { platform, instance, author, .. } = self.place;
        (platform, instance, author) == (&*tombstone.platform, &*tombstone.instance, &*tombstone.author)
    }

    /// Whether it was there to be removed. Of what is gone already the newest removal is kept: an older copy that comes
    /// behind it stays out, and a replay that no longer finds the first removal comes to the same.
    fn remove(&mut self, removal: Removal) -> bool {
        let newest = self.version < removal.version || (self.live && self.version == removal.version);
        let removed = newest && self.live;
        if newest {
            (self.version, self.live) = (removal.version, false);
            self.change = Some((removal.offset, Change::Remove));
        }
        removed
    }

    /// Whether its hour counts something else from now on.
    pub(super) fn is_recounted(&self) -> bool {
        self.was_live || self.live
    }

    /// A row that stands for "gone": its key, its author (so that a replay finds it by the author) and nothing that was
    /// written.
    pub(super) fn removal(&self) -> MentionRecord<'a> {
        MentionRecord {
            brand: self.brand,
            id: self.id.0,
            platform: self.place.platform,
            instance: self.place.instance,
            native_id: self.place.native_id,
            author: self.place.author,
            kind: 1,
            created_at: self.created_at,
            observed_at: observed_micros(self.version),
            polarity: UNSCORED,
            version: self.version,
            deleted: 1,
            ..MentionRecord::default()
        }
    }
}

fn model(mention: &Mention) -> &str {
    mention.scores.as_ref().map_or("", |scores| &scores.model)
}

fn themes(mention: &Mention) -> impl Iterator<Item = &str> {
    let scored = mention.scores.as_ref().map_or(&[][..], |scores| &scores.themes);
    scored.iter().map(|theme| theme.theme.as_str())
}

/// In the order in which they came.
pub(super) struct Slots<'a> {
    all: Vec<Slot<'a>>,
    /// Of each mention the slot that came last; it names the one before.
    last: HashMap<MentionId, usize>,
}

impl<'a> Slots<'a> {
    /// With room for as many more as the batch has events.
    pub(super) fn of(stored: &'a [Stored], events: usize) -> Self {
        let room = stored.len() + events;
        let mut slots = Slots { all: Vec::with_capacity(room), last: HashMap::with_capacity(room) };
        for stored in stored {
            slots.push(Slot::of(stored));
        }
        slots
    }

    /// There must be none of this mention and brand yet.
    pub(super) fn push(&mut self, slot: Slot<'a>) {
        let next = self.last.insert(slot.id, self.all.len());
        self.all.push(Slot { next, ..slot });
    }

    pub(super) fn find(&mut self, id: MentionId, brand: &str) -> Option<&mut Slot<'a>> {
        let mut at = self.last.get(&id).copied();
        while let Some(index) = at.filter(|index| self.all[*index].brand != brand) {
            at = self.all[index].next;
        }
        at.map(|index| &mut self.all[index])
    }

    /// Removes those of a mention that `which` picks. Whether there was any.
    pub(super) fn remove(&mut self, id: MentionId, removal: Removal, which: impl Fn(&Slot<'a>) -> bool) -> bool {
        let mut removed = false;
        let mut at = self.last.get(&id).copied();
        while let Some(index) = at {
            let slot = &mut self.all[index];
            removed |= which(slot) && slot.remove(removal);
            at = slot.next;
        }
        removed
    }

    /// Removes what an author wrote. Whether there was anything.
    pub(super) fn remove_by(&mut self, tombstone: &AuthorTombstone, removal: Removal) -> bool {
        let mut removed = false;
        for slot in self.all.iter_mut().filter(|slot| slot.by(tombstone)) {
            removed |= slot.remove(removal);
        }
        removed
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

impl<'a> IntoIterator for Slots<'a> {
    type Item = Slot<'a>;
    type IntoIter = std::vec::IntoIter<Slot<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}
