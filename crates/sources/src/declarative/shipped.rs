//! The definitions that are part of the program: each is a kind of its own.

use std::sync::{Arc, LazyLock};

use super::{
    Definition,
    definition::{Listing, Missing, RecheckRule},
    map::Gives,
    settings::{COMMON, Setting, SettingType, secret_keys},
};
use crate::registry::{Arrival, Capabilities, KeyDoc, KindRow};

/// The definitions as they stand in `platforms/`.
pub const TEXTS: &[&str] = &[
    include_str!("../../platforms/appstore_reviews.toml"),
    include_str!("../../platforms/discourse.toml"),
    include_str!("../../platforms/facebook_page.toml"),
    include_str!("../../platforms/github.toml"),
    include_str!("../../platforms/googleplay_reviews.toml"),
    include_str!("../../platforms/hackernews_search.toml"),
    include_str!("../../platforms/instagram.toml"),
    include_str!("../../platforms/lemmy.toml"),
    include_str!("../../platforms/linkedin.toml"),
    include_str!("../../platforms/reddit.toml"),
    include_str!("../../platforms/stackexchange.toml"),
    include_str!("../../platforms/threads.toml"),
    include_str!("../../platforms/tiktok.toml"),
    include_str!("../../platforms/tiktok_research.toml"),
    include_str!("../../platforms/trustpilot.toml"),
    include_str!("../../platforms/youtube.toml"),
];

static DEFINITIONS: LazyLock<Vec<Arc<Definition>>> = LazyLock::new(|| {
    let parse = |text: &&str| Definition::parse(text).unwrap_or_else(|error| panic!("a shipped definition: {error}"));
    TEXTS.iter().map(parse).map(Arc::new).collect()
});

static ROWS: LazyLock<Vec<KindRow>> = LazyLock::new(|| DEFINITIONS.iter().map(|definition| row(definition)).collect());

pub(super) fn find(kind: &str) -> Option<Arc<Definition>> {
    DEFINITIONS.iter().find(|definition| definition.name == kind).cloned()
}

/// A row of the registry for each definition.
pub fn rows() -> &'static [KindRow] {
    &ROWS
}

fn row(definition: &'static Definition) -> KindRow {
    let own = definition.settings.iter().flat_map(key_docs);
    let pace = &definition.poll;
    let defaults = [pace.every.as_secs().to_string(), (pace.backfill.as_hours() / 24).to_string(), "false".to_owned()];
    let types = ["integer", "integer", "boolean"];
    let common = COMMON.iter().zip(types).zip(defaults).map(|(((key, doc), value_type), default)| KeyDoc {
        key,
        value_type,
        default: default.leak(),
        doc,
    });
    let keys: Vec<KeyDoc> = own.chain(common).collect();
    KindRow {
        kind: &definition.name,
        doc: &definition.doc,
        keys: keys.leak(),
        capabilities: capabilities(definition),
        terms: &definition.terms,
        parse: super::parse_shipped,
    }
}

/// What is read again is the look-back, by the time that the map calls the time of change, and what has reached an age to
/// be read again. Beyond that, nothing tells of a post that is just not there any more.
fn capabilities(definition: &Definition) -> Capabilities {
    let back = format!("until a post is {:#} older than the newest", definition.poll.look_back);
    let backfill = format!("as far as `backfill_days` goes, {:#} where nothing is said", definition.poll.backfill);
    let edits = match maps(definition, "changed_at") {
        true => "all: what changed is listed anew".to_owned(),
        false => again(definition, &back, |_| true),
    };
    let deletions = match maps(definition, "deleted") {
        true => again(definition, &format!("those that the platform marks, {back}"), |_| true),
        false => again(definition, Capabilities::NEVER, |rule| rule.missing == Missing::Deleted),
    };
    Capabilities {
        arrival: Arrival::Polled,
        backfill: backfill.leak(),
        edits: edits.leak(),
        deletions: deletions.leak(),
        engagement: again(definition, &back, |_| true).leak(),
        cost: Capabilities::FREE,
    }
}

fn mentions(definition: &Definition) -> impl Iterator<Item = &Listing> {
    definition.listings.iter().filter(|listing| listing.gives() == Gives::Mention)
}

fn maps(definition: &Definition, field: &str) -> bool {
    mentions(definition).all(|listing| listing.map.fields().any(|known| known == field))
}

/// The ages at which posts are read again, and what holds without; of the listings of which only some are, both.
fn again(definition: &Definition, without: &str, fits: impl Fn(&RecheckRule) -> bool) -> String {
    let rules: Vec<Option<&RecheckRule>> =
        mentions(definition).map(|listing| listing.recheck.as_ref().filter(|rule| fits(rule))).collect();
    let Some(first) = rules.iter().flatten().next() else { return without.to_owned() };
    let ages = first.plan.words();
    match rules.iter().all(Option::is_some) {
        true => format!("at the age of {ages}"),
        false => format!("at the age of {ages} where the platform can be asked by ids; else {without}"),
    }
}

fn key_docs(setting: &'static Setting) -> Vec<KeyDoc> {
    let default = match &setting.default {
        Some(value) => value.to_string(),
        None if setting.kind == SettingType::List && setting.optional => "[]".to_owned(),
        None if setting.optional => "none".to_owned(),
        None => String::new(),
    };
    let value_type = match setting.kind {
        SettingType::List => "list",
        SettingType::Integer => "integer",
        _ => "string",
    };
    let doc = |key: String, default: String, doc: &'static str| KeyDoc {
        key: key.leak(),
        value_type,
        default: default.leak(),
        doc,
    };
    match setting.kind {
        SettingType::Secret => {
            let [env, file] = secret_keys(&setting.name);
            let about_file = "The same from a file; white space at its ends does not count.";
            vec![doc(env, default, &setting.doc), doc(file, "none".to_owned(), about_file)]
        }
        _ => vec![doc(setting.name.clone(), default, &setting.doc)],
    }
}
