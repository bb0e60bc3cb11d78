//! A listing is read once for each element of the lists that it names.

use std::collections::BTreeMap;

use super::{definition::Definition, settings::Values};

/// One listing with its holes filled.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PartitionRef {
    /// `posts tag=foo`: under it, a cursor is kept.
    pub(crate) key: String,
    /// Index among the definition's.
    pub(crate) listing: usize,
    pub(crate) each: BTreeMap<String, String>,
    /// Settings and `each`.
    pub(crate) names: BTreeMap<String, String>,
}

/// Every combination of the lists' elements, listing by listing. A listing with an empty list has none.
pub(crate) fn partitions(definition: &Definition, values: &Values) -> Vec<PartitionRef> {
    let mut all = Vec::new();
    for (index, listing) in definition.listings.iter().enumerate() {
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
        for each in combinations {
            let parts: Vec<String> = each.iter().map(|(hole, element)| format!(" {hole}={element}")).collect();
            let mut names = values.names.clone();
            names.extend(each.clone());
            all.push(PartitionRef { key: listing.name.clone() + &parts.concat(), listing: index, each, names });
        }
    }
    all.sort_by(|a, b| a.key.cmp(&b.key));
    all
}
