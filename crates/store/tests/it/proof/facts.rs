//! What should be stored, by a plain reading of the events in the order in which they came.
#![allow(dead_code, reason = "facts for every figure's proof, whichever of them there are")]

use std::collections::BTreeMap;

use grapevine_model::{
    AccountSnapshot, Author, Campaign, Correction, Engagement, Event, Gap, Heartbeat, Intent, Kind, Label, Mention,
    MentionId, ModelCard, Polarity, Sampled, Survey,
};
use jiff::Timestamp;

/// A mention of one brand, with its newest counters and what people labelled.
#[derive(Debug, Clone)]
pub struct Held {
    pub brand: String,
    pub monitor: String,
    pub team: bool,
    pub owned_space: bool,
    /// The newest version; its counters are the newest known. `scores` is what the model says.
    pub mention: Mention,
    /// As people see it, `None` where it is not scored.
    pub polarity: Option<Polarity>,
    pub intent: Intent,
    /// And whether a rule told it.
    pub themes: Vec<(String, bool)>,
}

impl Held {
    pub fn id(&self) -> MentionId {
        self.mention.id()
    }

    pub fn at(&self) -> Timestamp {
        self.mention.created_at
    }

    /// Who wrote it: platform, instance, native id.
    pub fn author(&self) -> (&str, &str, &str) {
        let key = &self.mention.key;
        (&key.platform, &key.instance, &self.mention.author.native_id)
    }

    /// The handle, else the native id.
    pub fn name(&self) -> &str {
        let Author { handle, native_id, .. } = &self.mention.author;
        if handle.is_empty() { native_id } else { handle }
    }

    pub fn platform(&self) -> &str {
        &self.mention.key.platform
    }

    pub fn is(&self, kind: Kind) -> bool {
        self.mention.kind == kind
    }

    pub fn is_by_member(&self) -> bool {
        !self.team && !self.mention.author.is_bot && !self.is(Kind::Repost)
    }

    /// It answers something.
    pub fn is_reply(&self) -> bool {
        let answers = self.mention.parent.is_some() || self.mention.thread_id() != self.id();
        answers && !self.is(Kind::Repost) && !self.is(Kind::Quote)
    }

    pub fn engagement(&self) -> Engagement {
        self.mention.engagement
    }

    /// Likes, reposts, replies, quotes and bookmarks; `None` where the platform states none of them.
    pub fn engagements(&self) -> Option<u64> {
        let Engagement { likes, reposts, replies, quotes, bookmarks, .. } = self.engagement();
        let known: Vec<u64> = [likes, reposts, replies, quotes, bookmarks].into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }

    pub fn language(&self) -> String {
        self.mention.spoken_language().unwrap_or_default().into_owned()
    }
}

#[derive(Debug, Default)]
pub struct Facts {
    /// Of every brand, without those that are labelled as not relevant; oldest first.
    pub mentions: Vec<Held>,
    /// Those that a person found not relevant: in no figure of the brand.
    pub irrelevant: Vec<Held>,
    pub labels: Vec<Label>,
    /// In no order.
    pub accounts: Vec<AccountSnapshot>,
    /// The newest word on each campaign, part and span.
    pub campaigns: Vec<Campaign>,
    /// The newest word on each response.
    pub surveys: Vec<Survey>,
    /// The newest of each source.
    pub heartbeats: Vec<Heartbeat>,
    pub gaps: Vec<Gap>,
    pub sampled: Vec<Sampled>,
    /// The newest of each model.
    pub cards: Vec<ModelCard>,
}

/// A mention of a brand: when it was changed last, and what it is since.
struct Slot {
    changed: Timestamp,
    /// Of the first sighting, for ever.
    created: Timestamp,
    /// Nothing where it is gone.
    held: Option<Held>,
}

type Slots = BTreeMap<(MentionId, String), Slot>;

impl Facts {
    pub fn of(events: &[Event], labels: &[Label]) -> Self {
        let (mut facts, mut slots, mut counters) = (Self::default(), Slots::new(), BTreeMap::new());
        for event in events {
            match event {
                Event::Upsert(mention) => upsert(&mut slots, mention),
                Event::Delete(gone) => {
                    let id = gone.key.id();
                    remove(&mut slots, gone.observed_at, |held| held.id() == id);
                }
                Event::AuthorTombstone(gone) => {
                    let author = (&*gone.platform, &*gone.instance, &*gone.author);
                    remove(&mut slots, gone.observed_at, |held| held.author() == author);
                }
                Event::EngagementSnapshot(seen) => {
                    let newest = counters.entry(seen.key.id()).or_insert((seen.observed_at, seen.engagement));
                    if newest.0 <= seen.observed_at {
                        *newest = (seen.observed_at, seen.engagement);
                    }
                }
                other => facts.note(other),
            }
        }
        facts.labels = newest_labels(labels);
        let held = slots.into_values().filter_map(|slot| slot.held);
        let all: Vec<Held> = held.map(|held| counted(held, &counters)).collect();
        let is_irrelevant = |held: &&Held| labelled((*held).clone(), &facts.labels).is_none();
        facts.irrelevant = all.iter().filter(is_irrelevant).cloned().collect();
        facts.mentions = all.into_iter().filter_map(|held| labelled(held, &facts.labels)).collect();
        facts.mentions.sort_by_key(|held| (held.at(), held.id()));
        facts
    }

    /// Of what stands beside mentions, the newest of each key.
    fn note(&mut self, event: &Event) {
        match event {
            Event::AccountSnapshot(seen) => self.accounts.push(seen.clone()),
            Event::Campaign(row) => {
                let key =
                    |row: &Campaign| (row.platform.clone(), row.campaign.clone(), row.part.clone(), row.from, row.to);
                newest(&mut self.campaigns, row, key, |row| row.observed_at);
            }
            Event::Survey(row) => {
                newest(&mut self.surveys, row, |row| (row.platform.clone(), row.id.clone()), |row| row.observed_at);
            }
            Event::Heartbeat(beat) => {
                newest(&mut self.heartbeats, beat, |beat| beat.source.clone(), |beat| beat.complete_through);
            }
            Event::ModelCard(card) => newest(&mut self.cards, card, |card| card.id.clone(), |card| card.observed_at),
            Event::Gap(gap) if !self.gaps.contains(gap) => self.gaps.push(gap.clone()),
            Event::Sampled(span) if !self.sampled.contains(span) => self.sampled.push(span.clone()),
            _ => {}
        }
    }

    pub fn of_brand<'a>(&'a self, brand: &'a str) -> impl Iterator<Item = &'a Held> {
        self.mentions.iter().filter(move |held| held.brand == brand)
    }

    /// Mentions of the brand that were created from `from` on and before `to`.
    pub fn within(&self, brand: &str, from: Timestamp, to: Timestamp) -> Vec<&Held> {
        let inside = |held: &&Held| held.brand == brand && from <= held.at() && held.at() < to;
        self.mentions.iter().filter(inside).collect()
    }

    /// Up to where every source is complete.
    pub fn complete_through(&self) -> Option<Timestamp> {
        self.heartbeats.iter().map(|beat| beat.complete_through).min()
    }
}

fn newest<T: Clone, K: PartialEq>(
    rows: &mut Vec<T>,
    row: &T,
    key: impl Fn(&T) -> K,
    observed: impl Fn(&T) -> Timestamp,
) {
    match rows.iter_mut().find(|known| key(known) == key(row)) {
        Some(known) if observed(known) <= observed(row) => *known = row.clone(),
        Some(_) => {}
        None => rows.push(row.clone()),
    }
}

/// Brands that the mention no longer names lose it; those that it names have the newest version.
fn upsert(slots: &mut Slots, mention: &Mention) {
    let (id, observed) = (mention.id(), mention.observed_at);
    let names = |brand: &str| mention.brands.iter().any(|of| of.brand == brand);
    remove(slots, observed, |held| held.id() == id && !names(&held.brand));
    for of in &mention.brands {
        let created = match slots.get(&(id, of.brand.clone())) {
            Some(slot) if slot.changed > observed => continue,
            Some(slot) => slot.created,
            None => mention.created_at,
        };
        let held = Held {
            brand: of.brand.clone(),
            monitor: of.monitor.clone(),
            team: of.team || mention.author.is_team,
            owned_space: of.owned_space,
            polarity: mention.scores.as_ref().map(|scores| scores.polarity),
            intent: mention.scores.as_ref().map_or(Intent::None, |scores| scores.intent),
            themes: themes(mention),
            mention: Mention { created_at: created, ..mention.clone() },
        };
        slots.insert((id, of.brand.clone()), Slot { changed: observed, created, held: Some(held) });
    }
}

fn themes(mention: &Mention) -> Vec<(String, bool)> {
    let scored = mention.scores.iter().flat_map(|scores| &scores.themes);
    scored.map(|theme| (theme.theme.clone(), theme.rule)).collect()
}

/// What was not there by then is not removed.
fn remove(slots: &mut Slots, at: Timestamp, which: impl Fn(&Held) -> bool) {
    for slot in slots.values_mut() {
        if slot.held.as_ref().is_some_and(&which) && slot.changed <= at {
            (slot.changed, slot.held) = (at, None);
        }
    }
}

/// Counters of a newer snapshot win where it states them; an older one fills what the mention does not state.
fn counted(mut held: Held, counters: &BTreeMap<MentionId, (Timestamp, Engagement)>) -> Held {
    let Some((at, seen)) = counters.get(&held.id()) else { return held };
    let own = held.mention.engagement;
    let (first, second) = if *at > held.mention.observed_at { (*seen, own) } else { (own, *seen) };
    held.mention.engagement = Engagement {
        likes: first.likes.or(second.likes),
        reposts: first.reposts.or(second.reposts),
        replies: first.replies.or(second.replies),
        quotes: first.quotes.or(second.quotes),
        bookmarks: first.bookmarks.or(second.bookmarks),
        impressions: first.impressions.or(second.impressions),
    };
    held
}

fn newest_labels(labels: &[Label]) -> Vec<Label> {
    let mut newest_of: Vec<Label> = vec![];
    for label in labels {
        newest(&mut newest_of, label, |label| label.key(), |label| label.at);
    }
    newest_of
}

/// `None` where a person found it not relevant.
fn labelled(mut held: Held, labels: &[Label]) -> Option<Held> {
    let (id, brand) = (held.id(), held.brand.clone());
    for label in labels.iter().filter(|label| label.mention == id && label.brand == brand) {
        match &label.correction {
            Correction::Polarity(polarity) => held.polarity = Some(*polarity),
            Correction::Intent(intent) => held.intent = *intent,
            Correction::Theme(themes) => held.themes = themes.iter().map(|theme| (theme.clone(), false)).collect(),
            Correction::Relevance(false) => return None,
            Correction::Relevance(true) => {}
        }
    }
    Some(held)
}
