//! A definition tried on records without a source, with the examples of its settings.

use std::collections::BTreeMap;

use grapevine_model::Event;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    definition::{Definition, Listing},
    error::unknown,
    map::{FieldMap, Mapped, Origin},
    path::Path,
    settings::Values,
    test::MapTest,
};

/// A record of a definition's mapping tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub listing: String,
    /// What fills the holes of the listing's `each`.
    pub each: BTreeMap<String, String>,
    pub record: Value,
}

/// A map and its tests.
pub(crate) struct Tested<'a> {
    /// The listing's; with a word for what is read again.
    pub(crate) name: String,
    pub(crate) map: &'a FieldMap,
    /// It stands in another listing, where it is tested.
    pub(crate) is_borrowed: bool,
    pub(crate) tests: &'a [MapTest],
}

impl Definition {
    /// The records in an answer to one of its listings; `posts again` is what `posts` asks for again, `posts also` what else
    /// stands in its records.
    ///
    /// # Errors
    /// There is no such listing.
    pub fn records<'a>(&self, listing: &str, body: &'a Value) -> Result<Vec<&'a Value>, String> {
        Ok(self.places(listing)?.1.iter().flat_map(|path| path.all(body)).collect())
    }

    /// What a record of a listing becomes; `None` where it is nothing that is collected. Pure.
    ///
    /// # Errors
    /// Why it is no mention, in words.
    pub fn map(
        &self,
        listing: &str,
        each: &BTreeMap<String, String>,
        record: &Value,
        observed_at: Timestamp,
    ) -> Result<Option<Event>, String> {
        let (listing, _, map) = self.places(listing)?;
        let examples = Values::examples(&self.settings);
        let mut names =
            examples.map_err(|(key, message)| format!("the example of the setting `{key}` {message}"))?.names;
        names.extend(each.clone());
        let names = listing.names(names);
        let origin = Origin { platform: &self.platform, names: &names, observed_at };
        match map.map(record, &origin)? {
            Mapped::Event(event) => Ok(Some(event)),
            Mapped::Skipped | Mapped::Noted => Ok(None),
        }
    }

    /// The records of its mapping tests.
    pub fn samples(&self) -> Vec<Sample> {
        let of = |tested: Tested<'_>| {
            let records = tested.tests.iter().filter_map(|test| {
                let record = serde_json::from_str(&test.record).ok()?;
                Some(Sample { listing: tested.name.clone(), each: test.each.clone(), record })
            });
            records.collect::<Vec<_>>()
        };
        self.maps().flat_map(of).collect()
    }

    /// The maps that records go through, with their tests.
    pub(crate) fn maps(&self) -> impl Iterator<Item = Tested<'_>> {
        self.listings.iter().flat_map(|listing| {
            let first = Tested {
                name: listing.name.clone(),
                map: &listing.map,
                is_borrowed: listing.has_borrowed_map,
                tests: &listing.tests,
            };
            let again = listing.recheck.as_ref().map(|rule| Tested {
                name: again(listing),
                map: &rule.map,
                is_borrowed: rule.has_borrowed_map,
                tests: &rule.tests,
            });
            let also = listing.also.as_ref().map(|also| Tested {
                name: also_of(listing),
                map: &also.map,
                is_borrowed: false,
                tests: &also.tests,
            });
            [first].into_iter().chain(again).chain(also)
        })
    }

    fn places(&self, name: &str) -> Result<(&Listing, &[Path], &FieldMap), String> {
        let find = |listing: &Listing| [listing.name.clone(), again(listing), also_of(listing)].contains(&name.to_owned());
        let Some(listing) = self.listings.iter().find(|listing| find(listing)) else {
            let names: Vec<&str> = self.listings.iter().map(|listing| listing.name.as_str()).collect();
            return Err(format!("the listing {name:?} {}", unknown(name, &names)));
        };
        Ok(match (&listing.recheck, &listing.also) {
            (Some(rule), _) if again(listing) == name => (listing, &rule.records, &rule.map),
            (_, Some(also)) if also_of(listing) == name => (listing, &listing.records, &also.map),
            _ => (listing, &listing.records, &listing.map),
        })
    }
}

/// What else stands in its records.
fn also_of(listing: &Listing) -> String {
    format!("{} also", listing.name)
}

fn again(listing: &Listing) -> String {
    format!("{} again", listing.name)
}
