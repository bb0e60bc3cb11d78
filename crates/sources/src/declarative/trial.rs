//! A definition tried on records without a source, with the examples of its settings.

use std::collections::BTreeMap;

use grapevine_model::Event;
use jiff::Timestamp;
use serde_json::Value;

use super::{
    definition::{Definition, Listing},
    error::unknown,
    map::{Mapped, Origin},
    settings::Values,
};

/// A record of a definition's mapping tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub listing: String,
    /// What fills the holes of the listing's `each`.
    pub each: BTreeMap<String, String>,
    pub record: Value,
}

impl Definition {
    /// The records in an answer to one of its listings.
    ///
    /// # Errors
    /// There is no such listing.
    pub fn records<'a>(&self, listing: &str, body: &'a Value) -> Result<Vec<&'a Value>, String> {
        Ok(self.listing(listing)?.records.iter().flat_map(|path| path.all(body)).collect())
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
        let listing = self.listing(listing)?;
        let examples = Values::examples(&self.settings);
        let mut names =
            examples.map_err(|(key, message)| format!("the example of the setting `{key}` {message}"))?.names;
        names.extend(each.clone());
        let origin = Origin { platform: &self.platform, names: &names, observed_at };
        match listing.map.map(record, &origin)? {
            Mapped::Event(event) => Ok(Some(event)),
            Mapped::Skipped => Ok(None),
        }
    }

    /// The records of its mapping tests.
    pub fn samples(&self) -> Vec<Sample> {
        let of = |listing: &Listing| {
            let records = listing.tests.iter().filter_map(|test| {
                let record = serde_json::from_str(&test.record).ok()?;
                Some(Sample { listing: listing.name.clone(), each: test.each.clone(), record })
            });
            records.collect::<Vec<_>>()
        };
        self.listings.iter().flat_map(of).collect()
    }

    fn listing(&self, name: &str) -> Result<&Listing, String> {
        let names: Vec<&str> = self.listings.iter().map(|listing| listing.name.as_str()).collect();
        let found = self.listings.iter().find(|listing| listing.name == name);
        found.ok_or_else(|| format!("the listing {name:?} {}", unknown(name, &names)))
    }
}
