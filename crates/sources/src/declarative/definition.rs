//! A definition as it stands in TOML, checked.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;

use super::{
    error::{DefinitionError, Under, Wrong, unknown},
    map::FieldMap,
    paging::{Pager, Paging, RawPaging},
    path::Path,
    request::{PAGE, RawRequest, RequestTemplate, SINCE},
    settings::{Setting, SettingType},
    test::MapTest,
};
use crate::http::{Cost, ErrorRule, QuotaPolicy};

/// A platform, described.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its kind in a `[[source]]` table.
    pub name: String,
    pub doc: String,
    /// What the platform demands of those who read it.
    pub terms: String,
    pub settings: Vec<Setting>,
    /// The platform of its mentions.
    pub(crate) platform: String,
    pub(crate) auth: Option<AuthRule>,
    pub(crate) poll: Pace,
    pub(crate) quota: QuotaPolicy,
    pub(crate) errors: Vec<ErrorRule>,
    pub(crate) listings: Vec<Listing>,
}

/// How a request says who asks.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AuthRule {
    Bearer {
        secret: String,
    },
    /// `user` is a setting.
    Basic {
        user: String,
        secret: String,
    },
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
        secret: String,
    },
    Query {
        name: String,
        secret: String,
    },
}

impl AuthRule {
    pub(crate) fn secret(&self) -> &str {
        match self {
            AuthRule::Bearer { secret }
            | AuthRule::Basic { secret, .. }
            | AuthRule::Header { secret, .. }
            | AuthRule::Query { secret, .. } => secret,
        }
    }
}

/// When a listing is read, and how far back.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pace {
    /// How long a listing rests once it was read to its end.
    pub(crate) every: SignedDuration,
    /// How far back the first reading goes.
    pub(crate) backfill: SignedDuration,
    /// How much before the newest is read again each time: for what came late, was edited, or got likes.
    pub(crate) look_back: SignedDuration,
    /// How long after it was written a post may come into the listing and still count as in time.
    pub(crate) lateness: SignedDuration,
}

/// One list of records that is read page by page.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub(crate) name: String,
    /// Holes of the request, each filled with every element of a list setting in turn.
    pub(crate) each: BTreeMap<String, String>,
    pub(crate) order: Order,
    pub(crate) records: Vec<Path>,
    pub(crate) max_pages: u32,
    /// In place of the definition's.
    pub(crate) every: Option<SignedDuration>,
    /// In place of the definition's.
    pub(crate) lateness: Option<SignedDuration>,
    pub(crate) empty: Empty,
    pub(crate) request: RequestTemplate,
    pub(crate) pager: Pager,
    pub(crate) map: FieldMap,
    pub(crate) has_borrowed_map: bool,
    pub(crate) tests: Vec<MapTest>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Read from the newest back to what is known.
    #[default]
    NewestFirst,
    /// Read from `{since}` on, or from the last page's token.
    OldestFirst,
    /// Read to its end, as nothing says what comes on the next page.
    Any,
}

/// What a page without records says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Empty {
    /// The listing ends there.
    #[default]
    End,
    /// Nothing: the platform gives empty pages at times where there are records.
    Unknown,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    doc: String,
    terms: String,
    platform: Option<String>,
    #[serde(default)]
    setting: Vec<Setting>,
    auth: Option<AuthRule>,
    poll: Pace,
    #[serde(default)]
    quota: QuotaPolicy,
    #[serde(default)]
    error: Vec<ErrorRule>,
    listing: Vec<RawListing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawListing {
    name: String,
    #[serde(default)]
    each: BTreeMap<String, String>,
    #[serde(default)]
    order: Order,
    records: Vec<String>,
    #[serde(default = "a_thousand")]
    max_pages: u32,
    every: Option<SignedDuration>,
    lateness: Option<SignedDuration>,
    #[serde(default)]
    empty: Empty,
    request: RawRequest,
    #[serde(default)]
    paging: RawPaging,
    map: Option<toml::Table>,
    /// The listing before this one whose records are mapped alike.
    map_of: Option<String>,
    #[serde(default)]
    test: Vec<MapTest>,
}

fn a_thousand() -> u32 {
    1000
}

impl Definition {
    /// # Errors
    /// What is wrong with it, where, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, DefinitionError> {
        let raw: Raw = toml::from_str(text).map_err(|error| DefinitionError::of_toml(text, &error))?;
        check(raw).map_err(|wrong| DefinitionError::of_wrong(text, wrong))
    }

    /// What a request of this listing draws on: a bucket of its own only where a limit is about it alone.
    pub(crate) fn cost(&self, listing: &Listing) -> Cost {
        let is_apart = self.quota.limits.iter().any(|limit| limit.only.as_ref() == Some(&listing.name));
        if is_apart { Cost::of(&listing.name) } else { Cost::default() }
    }

    /// The names that templates may use: settings that are one text.
    fn names(&self) -> Vec<&str> {
        let plain = |setting: &&Setting| !matches!(setting.kind, SettingType::List | SettingType::Secret);
        self.settings.iter().filter(plain).map(|setting| setting.name.as_str()).collect()
    }

    fn has(&self, kind: SettingType, name: &str) -> Result<(), String> {
        let fits: Vec<&str> =
            self.settings.iter().filter(|setting| setting.kind == kind).map(|setting| setting.name.as_str()).collect();
        match fits.contains(&name) {
            true => Ok(()),
            false => Err(format!("names `{name}`, which is no setting of that type; there are: {}", fits.join(", "))),
        }
    }
}

fn check(raw: Raw) -> Result<Definition, Wrong> {
    let mut definition = Definition {
        platform: raw.platform.unwrap_or_else(|| raw.name.clone()),
        name: raw.name,
        doc: raw.doc,
        terms: raw.terms,
        settings: raw.setting,
        auth: raw.auth,
        poll: raw.poll,
        quota: raw.quota,
        errors: raw.error,
        listings: Vec::new(),
    };
    check_auth(&definition).under("auth")?;
    check_pace(&definition.poll).under("poll")?;
    for (index, listing) in raw.listing.into_iter().enumerate() {
        let listing = check_listing(&definition, listing).under(index).under("listing")?;
        definition.listings.push(listing);
    }
    check_buckets(&definition).under("quota")?;
    match definition.listings.is_empty() {
        true => Err(Wrong::new("there is no [[listing]]: nothing would be read")),
        false => Ok(definition),
    }
}

fn check_auth(definition: &Definition) -> Result<(), Wrong> {
    let Some(auth) = &definition.auth else { return Ok(()) };
    definition.has(SettingType::Secret, auth.secret()).under("secret")?;
    match auth {
        AuthRule::Basic { user, .. } => definition.has(SettingType::Text, user).under("user"),
        _ => Ok(()),
    }
}

fn check_pace(pace: &Pace) -> Result<(), Wrong> {
    for (key, span) in
        [("every", pace.every), ("backfill", pace.backfill), ("look_back", pace.look_back), ("lateness", pace.lateness)]
    {
        if !span.is_positive() {
            return Err(Wrong::new("is not above 0").under(key));
        }
    }
    Ok(())
}

fn check_listing(definition: &Definition, raw: RawListing) -> Result<Listing, Wrong> {
    for (hole, setting) in &raw.each {
        definition.has(SettingType::List, setting).under(hole).under("each")?;
    }
    for (key, span) in [("every", raw.every), ("lateness", raw.lateness)] {
        if span.is_some_and(|span| !span.is_positive()) {
            return Err(Wrong::new("is not above 0").under(key));
        }
    }
    if raw.empty == Empty::Unknown && raw.order != Order::NewestFirst {
        return Err(Wrong::new("is unknown, which only a listing of order newest_first can be").under("empty"));
    }
    let pager = Pager::parse(raw.paging.clone()).under("paging")?;
    let known = definition.names().into_iter().chain(raw.each.keys().map(String::as_str)).chain(pager.holes());
    let known: Vec<&str> = known.collect();
    let request = RequestTemplate::parse(&raw.request, &known).under("request")?;
    check_paging(&pager, &request, raw.order)?;
    let map = map_of(definition, &raw)?;
    let records = raw.records.iter().enumerate().map(|(index, text)| Path::parse(text).under(index));
    let records: Vec<Path> = records.collect::<Result<_, _>>().under("records")?;
    Ok(Listing {
        name: raw.name,
        each: raw.each,
        order: raw.order,
        records,
        max_pages: raw.max_pages.max(1),
        every: raw.every,
        lateness: raw.lateness,
        empty: raw.empty,
        request,
        pager,
        map,
        has_borrowed_map: raw.map.is_none(),
        tests: raw.test,
    })
}

fn map_of(definition: &Definition, raw: &RawListing) -> Result<FieldMap, Wrong> {
    match (&raw.map, &raw.map_of) {
        (Some(table), None) => {
            let map = FieldMap::parse(table).under("map")?;
            check_holes(definition, &map).under("map")?;
            Ok(map)
        }
        (None, Some(other)) => {
            let names: Vec<&str> = definition.listings.iter().map(|listing| listing.name.as_str()).collect();
            let found = definition.listings.iter().find(|listing| listing.name == *other);
            found.map(|listing| listing.map.clone()).ok_or_else(|| unknown(other, &names)).under("map_of")
        }
        _ => Err(Wrong::new("has to have one of `map` and `map_of`")),
    }
}

fn check_paging(pager: &Pager, request: &RequestTemplate, order: Order) -> Result<(), Wrong> {
    if matches!(pager.paging, Paging::Since { .. }) && order != Order::OldestFirst {
        return Err(Wrong::new("is since, which ascends: write order = \"oldest_first\" beside it").under("paging"));
    }
    let begins_somewhere = request.uses(SINCE) || matches!(pager.paging, Paging::Since { .. });
    if order == Order::OldestFirst && !begins_somewhere {
        let message = "is oldest_first, and the request has no {since}: everything would be read each time";
        return Err(Wrong::new(message).under("order"));
    }
    let message = match (&pager.paging, pager.is_address(), request.uses(PAGE)) {
        (Paging::None, _, true) => "is none, and the request has a {page}",
        (Paging::None, ..) | (_, true, false) | (_, false, true) => return Ok(()),
        (_, true, true) => "gives an address, and the request has a {page}",
        (_, false, false) => "gives a token, and the request has no {page} to put it in",
    };
    Err(Wrong::new(message).under("paging"))
}

/// A secret or a list in a template would be taken for a value of the record.
fn check_holes(definition: &Definition, map: &FieldMap) -> Result<(), Wrong> {
    let is_no_text = |hole: &str| {
        let setting = definition.settings.iter().find(|setting| setting.name == hole);
        setting.is_some_and(|setting| matches!(setting.kind, SettingType::List | SettingType::Secret))
    };
    match map.holes().find(|(_, hole)| is_no_text(hole)) {
        Some((field, hole)) => {
            Err(Wrong::new(format!("has the hole `{{{hole}}}`, a setting that is not one text")).under(field))
        }
        None => Ok(()),
    }
}

/// A limit's bucket is a listing.
fn check_buckets(definition: &Definition) -> Result<(), Wrong> {
    let names: Vec<&str> = definition.listings.iter().map(|listing| listing.name.as_str()).collect();
    for (index, limit) in definition.quota.limits.iter().enumerate() {
        if let Some(only) = limit.only.as_deref().filter(|only| !names.contains(only)) {
            return Err(Wrong::new(format!("{only:?} {}", unknown(only, &names)))
                .under("only")
                .under(index)
                .under("limit"));
        }
    }
    Ok(())
}
