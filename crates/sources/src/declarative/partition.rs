//! A listing is read once for each element of the lists that it names.

use std::collections::BTreeMap;

use super::{
    definition::{Definition, Listing},
    settings::Values,
};

/// One listing with its holes filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartitionRef {
    /// `posts tag=foo`: under it, a cursor is kept.
    pub(crate) key: String,
    /// Index among the definition's.
    pub(crate) listing: usize,
    pub(crate) each: BTreeMap<String, String>,
    /// Settings, `each`, and what the listing makes of both.
    pub(crate) names: BTreeMap<String, String>,
}

impl PartitionRef {
    /// The same with more in its holes.
    pub(crate) fn with(&self, listing: &Listing, more: BTreeMap<String, String>) -> Self {
        let (mut each, mut names) = (self.each.clone(), self.names.clone());
        names.extend(more.clone());
        each.extend(more);
        Self { key: self.key.clone(), listing: self.listing, each, names: listing.names(names) }
    }

    /// The same for the record of another listing that it is read for now. Those of a batch fill lists alone.
    pub(crate) fn of_children(&self, listing: &Listing, lists: &BTreeMap<String, Vec<String>>) -> Self {
        match &listing.for_each {
            Some(rule) if rule.batch == 1 => {
                let first = |(hole, values): (&String, &Vec<String>)| Some((hole.clone(), values.first()?.clone()));
                self.with(listing, lists.iter().filter_map(first).collect())
            }
            _ => self.clone(),
        }
    }
}

/// Every combination of the lists' elements, listing by listing. A listing with an empty list has none; one that is read for
/// the records of another has that one's.
pub(crate) fn partitions(definition: &Definition, values: &Values) -> Vec<PartitionRef> {
    let mut all = Vec::new();
    for (index, listing) in definition.listings.iter().enumerate() {
        for each in combinations(definition, listing, values) {
            let parts: Vec<String> = each.iter().map(|(hole, element)| format!(" {hole}={element}")).collect();
            let mut names = values.names.clone();
            names.extend(each.clone());
            let names = listing.names(names);
            all.push(PartitionRef { key: listing.name.clone() + &parts.concat(), listing: index, each, names });
        }
    }
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}

fn combinations(definition: &Definition, listing: &Listing, values: &Values) -> Vec<BTreeMap<String, String>> {
    if let Some(rule) = &listing.for_each {
        return combinations(definition, &definition.listings[rule.listing], values);
    }
    let mut combinations = vec![BTreeMap::new()];
    for (hole, setting) in &listing.each {
        let elements = values.lists.get(setting).map(Vec::as_slice).unwrap_or_default();
        let with = |known: BTreeMap<String, String>| {
            elements.iter().map(move |element| {
                let mut each = known.clone();
                each.insert(hole.clone(), element.clone());
                each
            })
        };
        combinations = combinations.into_iter().flat_map(with).collect();
    }
    combinations
}
