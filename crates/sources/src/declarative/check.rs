//! What the types alone do not see in a definition, each mistake with its place.

use jiff::SignedDuration;

use super::{
    auth,
    body::Known,
    definition::{Also, Definition, Empty, ForEach, Listing, Order, OwnPace, Pace, Raw, RawForEach, RawAlso, RawListing, RawRecheck, RecheckRule,},
    error::{Under, Wrong, unknown},
    expression::{Expression, OF_TEXTS},
    map::{FieldMap, Gives},
    paging::{Pager, Paging},
    path::Path,
    request::{IDS, PAGE, RequestTemplate, SINCE},
    settings::SettingType,
};
use crate::{
    http::{Class, ErrorRule},
    recheck::Plan,
};

pub(super) fn check(raw: Raw) -> Result<Definition, Wrong> {
    let auth = raw.auth.map(|auth| auth.parse()).transpose().under("auth")?.unwrap_or_default();
    let mut definition = Definition {
        platform: raw.platform.unwrap_or_else(|| raw.name.clone()),
        name: raw.name,
        doc: raw.doc,
        terms: raw.terms,
        settings: raw.setting,
        auth,
        poll: raw.poll,
        quota: raw.quota,
        errors: raw.error,
        listings: Vec::new(),
    };
    auth::check(&definition.auth, &definition).under("auth")?;
    check_pace(&definition.poll).under("poll")?;
    for (index, listing) in raw.listing.into_iter().enumerate() {
        let listing = check_listing(&definition, listing).under(index).under("listing")?;
        definition.listings.push(listing);
    }
    check_buckets(&definition).under("quota")?;
    if definition.listings.iter().any(|listing| listing.request.is_graphql()) {
        definition.errors.push(graphql_errors());
    }
    match definition.listings.is_empty() {
        true => Err(Wrong::new("there is no [[listing]]: nothing would be read")),
        false => Ok(definition),
    }
}

/// GraphQL tells of mistakes with status 200. The definition's own rules come first.
fn graphql_errors() -> ErrorRule {
    ErrorRule { status: None, field: Some("errors.0".into()), is: Vec::new(), contains: Vec::new(), class: Class::Config }
}

fn check_pace(pace: &Pace) -> Result<(), Wrong> {
    for (key, span) in
        [("every", pace.every), ("backfill", pace.backfill), ("look_back", pace.look_back), ("lateness", pace.lateness)]
    {
        is_positive(span).under(key)?;
    }
    Ok(())
}

fn is_positive(span: SignedDuration) -> Result<(), String> {
    if span.is_positive() { Ok(()) } else { Err("is not above 0".to_owned()) }
}

fn own_pace(raw: &RawListing) -> Result<OwnPace, Wrong> {
    for (key, span) in
        [("every", raw.every), ("backfill", raw.backfill), ("look_back", raw.look_back), ("lateness", raw.lateness)]
    {
        span.map_or(Ok(()), is_positive).under(key)?;
    }
    Ok(OwnPace { every: raw.every, backfill: raw.backfill, look_back: raw.look_back, lateness: raw.lateness })
}

fn check_listing(definition: &Definition, raw: RawListing) -> Result<Listing, Wrong> {
    for (hole, setting) in &raw.each {
        definition.has(SettingType::List, setting).under(hole).under("each")?;
    }
    if raw.empty == Empty::Unknown && raw.order != Order::NewestFirst {
        return Err(Wrong::new("is unknown, which only a listing of order newest_first can be").under("empty"));
    }
    let for_each = raw.for_each.as_ref().map(|for_each| check_for_each(definition, for_each, &raw));
    let for_each = for_each.transpose().under("for_each")?;
    let holes = expressions(&raw.holes).under("holes")?;
    let pager = Pager::parse(raw.paging.clone()).under("paging")?;
    let known = known(definition, &raw, for_each.as_ref());
    let mut of_request = known.clone();
    of_request.texts.extend(pager.holes());
    let request = RequestTemplate::parse(&raw.request, &of_request).under("request")?;
    check_paging(&pager, &request, raw.order)?;
    let map = map_of(definition, &raw)?;
    let records = paths(&raw.records).under("records")?;
    let recheck = raw.recheck.as_ref().map(|recheck| check_recheck(definition, recheck, known, (&map, &records)));
    let recheck = recheck.transpose().under("recheck")?;
    let also = raw.also.as_ref().map(|also| check_also(definition, also)).transpose().under("also")?;
    raw.reach.map_or(Ok(()), is_positive).under("reach")?;
    Ok(Listing {
        pace: own_pace(&raw)?,
        reach: raw.reach,
        holes,
        for_each,
        order: raw.order,
        records,
        max_pages: raw.max_pages.max(1),
        shows: raw.shows,
        empty: raw.empty,
        request,
        pager,
        map,
        has_borrowed_map: raw.map.is_none(),
        recheck,
        also,
        each: raw.each,
        name: raw.name,
        tests: raw.test,
    })
}

/// The holes that a listing's requests may have.
fn known<'a>(definition: &'a Definition, raw: &'a RawListing, for_each: Option<&'a ForEach>) -> Known<'a> {
    let mut texts = definition.names();
    let mut lists = definition.lists();
    texts.extend(raw.each.keys().map(String::as_str));
    if let Some(for_each) = for_each {
        let holes: Vec<&str> = for_each.holes.iter().map(|(hole, _)| hole.as_str()).collect();
        texts.extend(root(definition, for_each).each.keys().map(String::as_str));
        texts.extend(&holes);
        lists.extend(&holes);
    }
    texts.extend(raw.holes.keys().map(String::as_str));
    Known { texts, lists }
}

/// The listing that is read for no other's records.
fn root<'a>(definition: &'a Definition, for_each: &ForEach) -> &'a Listing {
    let parent = &definition.listings[for_each.listing];
    parent.for_each.as_ref().map_or(parent, |for_each| root(definition, for_each))
}

fn expressions(table: &toml::Table) -> Result<Vec<(String, Expression)>, Wrong> {
    let parse = |(hole, value): (&String, &toml::Value)| {
        Ok((hole.clone(), Expression::parse(value, OF_TEXTS).under(hole)?))
    };
    table.iter().map(parse).collect()
}

fn paths(texts: &[String]) -> Result<Vec<Path>, Wrong> {
    texts.iter().enumerate().map(|(index, text)| Path::parse(text).under(index)).collect()
}

fn check_for_each(definition: &Definition, raw: &RawForEach, listing: &RawListing) -> Result<ForEach, Wrong> {
    let names: Vec<&str> = definition.listings.iter().map(|listing| listing.name.as_str()).collect();
    let found = names.iter().position(|name| *name == raw.listing);
    let parent = found.ok_or_else(|| unknown(&raw.listing, &names)).under("listing")?;
    if !listing.each.is_empty() {
        return Err(Wrong::new("is for a listing that has an `each` too: it is read for each of the other's elements"));
    }
    if raw.holes.is_empty() {
        return Err(Wrong::new("is empty: name what fills a hole of the request, such as { post = \"id\" }").under("holes"));
    }
    if raw.batch == 0 || raw.most < raw.batch {
        return Err(Wrong::new("is below 1, or above `most`").under("batch"));
    }
    raw.again.map_or(Ok(()), is_positive).under("again")?;
    let grown = raw.grown.as_ref().map(|value| Expression::parse(value, OF_TEXTS)).transpose().under("grown")?;
    Ok(ForEach {
        listing: parent,
        holes: expressions(&raw.holes).under("holes")?,
        grown,
        again: raw.again,
        batch: raw.batch,
        most: raw.most,
    })
}

fn check_also(definition: &Definition, raw: &RawAlso) -> Result<Also, Wrong> {
    Ok(Also { map: parsed_map(definition, &raw.map, Gives::Mention)?, tests: raw.test.clone() })
}

/// `listing` are its map and the places of its records.
fn check_recheck(
    definition: &Definition,
    raw: &RawRecheck,
    mut known: Known<'_>,
    listing: (&FieldMap, &[Path]),
) -> Result<RecheckRule, Wrong> {
    if listing.0.gives != Gives::Mention {
        return Err(Wrong::new("stands in a listing that gives no mentions"));
    }
    if raw.ages.is_empty() || raw.ages.iter().any(|age| !age.is_positive()) {
        return Err(Wrong::new("has no age above 0: write such as [\"1h\", \"24h\"]").under("ages"));
    }
    is_positive(raw.every).under("every")?;
    if raw.batch == 0 {
        return Err(Wrong::new("is 0: nothing could be asked for").under("batch"));
    }
    known.texts.push(IDS);
    known.lists.push(IDS);
    let request = RequestTemplate::parse(&raw.request, &known).under("request")?;
    if !request.uses(IDS) {
        return Err(Wrong::new("has no {ids}: nothing says what is asked for").under("request"));
    }
    let map = match (&raw.map, &raw.map_of) {
        (None, None) => listing.0.clone(),
        (Some(table), None) => parsed_map(definition, table, Gives::Mention)?,
        (None, Some(other)) => borrowed(definition, other)?,
        (Some(_), Some(_)) => return Err(Wrong::new("has both `map` and `map_of`: keep one")),
    };
    let records = raw.records.as_deref().map(paths).transpose().under("records")?;
    let id = raw.id.as_ref().map(|value| Expression::parse(value, OF_TEXTS)).transpose().under("id")?;
    Ok(RecheckRule {
        plan: Plan::new(&raw.ages, raw.most),
        every: raw.every,
        batch: raw.batch,
        id,
        request,
        records: records.unwrap_or_else(|| listing.1.to_vec()),
        map,
        has_borrowed_map: raw.map.is_none(),
        missing: raw.missing,
        tests: raw.test.clone(),
    })
}

fn map_of(definition: &Definition, raw: &RawListing) -> Result<FieldMap, Wrong> {
    match (&raw.map, &raw.map_of) {
        (Some(table), None) => parsed_map(definition, table, raw.gives),
        (None, None) if raw.gives == Gives::Nothing => parsed_map(definition, &toml::Table::new(), raw.gives),
        (None, Some(other)) => borrowed(definition, other),
        _ => Err(Wrong::new("has to have one of `map` and `map_of`")),
    }
}

fn parsed_map(definition: &Definition, table: &toml::Table, gives: Gives) -> Result<FieldMap, Wrong> {
    let map = FieldMap::parse(table, gives).under("map")?;
    check_holes(definition, &map).under("map")?;
    Ok(map)
}

fn borrowed(definition: &Definition, other: &str) -> Result<FieldMap, Wrong> {
    let names: Vec<&str> = definition.listings.iter().map(|listing| listing.name.as_str()).collect();
    let found = definition.listings.iter().find(|listing| listing.name == *other);
    found.map(|listing| listing.map.clone()).ok_or_else(|| unknown(other, &names)).under("map_of")
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
