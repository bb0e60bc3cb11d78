//! What was found in one text, and what NEAR says of it.

use std::{
    cell::OnceCell,
    collections::{BTreeSet, HashMap},
    ops::Range,
};

use crate::{fold::starts_of_words, vocabulary::LiteralId};

#[derive(Debug)]
pub(crate) struct Found {
    /// Folded.
    pub(crate) text: String,
    pub(crate) literals: BTreeSet<LiteralId>,
    /// Of the literals that NEAR joins: where they stand, in order.
    pub(crate) places: HashMap<LiteralId, Vec<Range<usize>>>,
    /// Only counted where a NEAR asks.
    starts: OnceCell<Vec<usize>>,
}

/// What makes a query hold.
#[derive(Debug, Default)]
pub(crate) struct Reasons {
    /// Wherever they stand.
    pub(crate) literals: BTreeSet<LiteralId>,
    /// Of the folded text.
    pub(crate) places: Vec<Range<usize>>,
}

impl Found {
    pub(crate) fn new(text: String) -> Self {
        Self { text, literals: BTreeSet::new(), places: HashMap::new(), starts: OnceCell::new() }
    }

    /// Whether both stand apart with at most so many words between, in either order.
    pub(crate) fn is_near(&self, left: LiteralId, right: LiteralId, most: usize) -> bool {
        let (left, right) = (self.places_of(left), self.places_of(right));
        [(left, right), (right, left)].into_iter().any(|(first, second)| {
            first.iter().any(|place| next(second, place).is_some_and(|next| self.between(place, next) <= most))
        })
    }

    /// The places of both that are near one of the other. The nearest tells: what lies further away has no fewer words
    /// between.
    pub(crate) fn near(&self, left: LiteralId, right: LiteralId, most: usize) -> Vec<Range<usize>> {
        let (left, right) = (self.places_of(left), self.places_of(right));
        let mut near = Vec::new();
        for (first, second) in [(left, right), (right, left)] {
            near.extend(first.iter().filter(|place| {
                let after = next(second, place).is_some_and(|next| self.between(place, next) <= most);
                after || last(second, place).is_some_and(|last| self.between(last, place) <= most)
            }));
        }
        near.into_iter().cloned().collect()
    }

    fn places_of(&self, literal: LiteralId) -> &[Range<usize>] {
        self.places.get(&literal).map_or(&[], Vec::as_slice)
    }

    /// Words that begin behind the first and before the second.
    fn between(&self, first: &Range<usize>, second: &Range<usize>) -> usize {
        let starts = self.starts.get_or_init(|| starts_of_words(&self.text));
        let before = |end: usize| starts.partition_point(|start| *start < end);
        before(second.start) - before(first.end)
    }
}

/// The first that begins behind a place.
fn next<'a>(places: &'a [Range<usize>], place: &Range<usize>) -> Option<&'a Range<usize>> {
    places.get(places.partition_point(|other| other.start < place.end))
}

/// The last that ends before a place. Of one literal, what begins later does not end earlier.
fn last<'a>(places: &'a [Range<usize>], place: &Range<usize>) -> Option<&'a Range<usize>> {
    places[..places.partition_point(|other| other.end <= place.start)].last()
}
