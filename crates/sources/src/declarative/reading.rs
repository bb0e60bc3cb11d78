//! From an answer to what it gives. Pure: it asks nothing and changes nothing.

use std::collections::BTreeMap;

use grapevine_model::Event;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    definition::{ForEach, Listing},
    expression::{Expression, Scope},
    map::{FieldMap, Gives, Mapped, Origin},
    nested::Child,
    partition::PartitionRef,
    path::Path,
    state::Seen,
};
use crate::Rejected;

/// What stands between the two names of a mention, where the platform asks by another one than it is known by.
const APART: char = '\n';

/// One record of an answer.
pub(crate) struct Shown<'a> {
    pub(crate) record: &'a Value,
    /// When the listing places it.
    pub(crate) position: Option<Timestamp>,
    /// What it is asked for by.
    pub(crate) asked: Option<String>,
    pub(crate) became: Became,
}

pub(crate) enum Became {
    Event(Box<Event>),
    Rejected(Rejected),
    /// Nothing to give; another listing may be read for it.
    Noted,
    Skipped,
}

/// How records are read: those of a page, or those that are read again.
pub(crate) struct Reader<'a> {
    listing: &'a Listing,
    partition: &'a PartitionRef,
    pub(crate) origin: Origin<'a>,
    keep_raw: bool,
    map: &'a FieldMap,
    records: &'a [Path],
}

impl<'a> Reader<'a> {
    pub(crate) fn of_page(listing: &'a Listing, partition: &'a PartitionRef, origin: Origin<'a>) -> Self {
        Self { listing, partition, origin, keep_raw: false, map: &listing.map, records: &listing.records }
    }

    pub(crate) fn keeping_raw(self, keep_raw: bool) -> Self {
        Self { keep_raw, ..self }
    }

    /// The same for what is read again.
    pub(crate) fn of_recheck(self) -> Self {
        match &self.listing.recheck {
            Some(rule) => Self { map: &rule.map, records: &rule.records, ..self },
            None => self,
        }
    }

    pub(crate) fn records<'b>(&self, body: &'b Value) -> Vec<&'b Value> {
        self.records.iter().flat_map(|path| path.all(body)).collect()
    }

    pub(crate) fn read<'b>(&self, record: &'b Value) -> Shown<'b> {
        let became = match self.map.map(record, &self.origin) {
            Ok(Mapped::Event(event)) => Became::Event(Box::new(self.with_raw(event, record))),
            Ok(Mapped::Skipped) => Became::Skipped,
            Ok(Mapped::Noted) => Became::Noted,
            Err(reason) => Became::Rejected(self.rejected(record, reason)),
        };
        Shown { record, position: self.map.position(record, &self.origin), asked: self.asked(record), became }
    }

    /// The second mention of the record. Its place in the listing is the record's.
    pub(crate) fn also<'b>(&self, record: &'b Value) -> Option<Shown<'b>> {
        let also = self.listing.also.as_ref()?;
        let shown = Reader { map: &also.map, ..*self }.read(record);
        Some(Shown { position: self.map.position(record, &self.origin), asked: None, ..shown })
    }

    /// What names the record where it is asked for again.
    fn asked(&self, record: &Value) -> Option<String> {
        let rule = self.listing.recheck.as_ref()?;
        match &rule.id {
            Some(id) => text(id, record, self.origin.names),
            None => self.map.id(record, &self.origin),
        }
    }

    fn with_raw(&self, mut event: Event, record: &Value) -> Event {
        if let (Event::Upsert(mention), true) = (&mut event, self.keep_raw) {
            mention.raw = Some(record.to_string());
        }
        event
    }

    /// It is named by its id, or by a hash where that can not be read: where it stands in the listing changes.
    fn rejected(&self, record: &Value, reason: String) -> Rejected {
        let (listing, partition) = (self.listing, self.partition);
        let raw = json!({"listing": listing.name, "each": partition.each, "record": record}).to_string().into_bytes();
        let id = self.map.id(record, &self.origin);
        let name = id.unwrap_or_else(|| format!("without an id, {}", &blake3::hash(&raw).to_hex()[..12]));
        Rejected { place: format!("{} record {name}", partition.key), reason, raw }
    }
}

impl Shown<'_> {
    /// What another listing is read with for this record; nothing for what is not collected, or is deleted.
    pub(crate) fn child(&self, rule: &ForEach, names: &BTreeMap<String, String>) -> Option<Child> {
        let is_there = match &self.became {
            Became::Event(event) => !matches!(**event, Event::Delete(_)),
            Became::Noted => true,
            Became::Rejected(_) | Became::Skipped => false,
        };
        let fill = |(hole, expression): &(String, Expression)| Some((hole.clone(), text(expression, self.record, names)?));
        let holes = is_there.then(|| rule.holes.iter().map(fill).collect::<Option<BTreeMap<_, _>>>()).flatten()?;
        Some(Child::new(holes, rule.grown.as_ref().and_then(|grown| text(grown, self.record, names))))
    }

    /// Under which name it is read again: what it is asked for by, and what it is known by where that is another.
    pub(crate) fn token(&self) -> Option<(String, Timestamp)> {
        let Became::Event(event) = &self.became else { return None };
        let Event::Upsert(mention) = &**event else { return None };
        let (asked, native) = (self.asked.as_ref()?, &mention.key.native_id);
        let token = if asked == native { asked.clone() } else { format!("{asked}{APART}{native}") };
        Some((token, mention.created_at))
    }
}

/// What is asked for by, and the mention's own id.
pub(crate) fn of_token(token: &str) -> (&str, &str) {
    token.split_once(APART).unwrap_or((token, token))
}

fn text(expression: &Expression, record: &Value, names: &BTreeMap<String, String>) -> Option<String> {
    expression.text(&Scope { record, names }).ok().flatten()
}

/// What a page as a whole says.
pub(crate) fn seen(shown: &[Shown<'_>], next: Option<String>, gives: Gives) -> Seen {
    let mut seen = Seen { next, is_empty: true, records: shown.len() as u64, ..Seen::default() };
    let (mut hasher, mut has_print) = (blake3::Hasher::new(), false);
    for one in shown {
        seen.newest = seen.newest.max(one.position);
        seen.last = one.position.or(seen.last);
        match &one.became {
            Became::Event(event) => {
                hasher.update(event.partition_key().unwrap_or_default().as_bytes());
                (has_print, seen.is_empty) = (true, false);
            }
            Became::Noted if gives == Gives::Nothing => {
                hasher.update(one.record.to_string().as_bytes());
                (has_print, seen.is_empty) = (true, false);
            }
            Became::Rejected(_) => seen.is_empty = false,
            Became::Noted | Became::Skipped => {}
        }
    }
    seen.print = has_print.then(|| hasher.finalize().to_hex()[..12].to_owned());
    seen
}
