//! Presets: what the exports of one platform call their columns, with rows to test it.

use std::sync::LazyLock;

use grapevine_model::Event;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Mapped, settings::RowSettings};

/// The presets as they stand in `platforms/rows/`.
pub const TEXTS: &[&str] = &[
    include_str!("../../platforms/rows/delighted.toml"),
    include_str!("../../platforms/rows/google_ads.toml"),
    include_str!("../../platforms/rows/linkedin_ads.toml"),
    include_str!("../../platforms/rows/meta_ads.toml"),
    include_str!("../../platforms/rows/surveymonkey.toml"),
    include_str!("../../platforms/rows/tiktok_ads.toml"),
    include_str!("../../platforms/rows/typeform.toml"),
    include_str!("../../platforms/rows/x_ads.toml"),
];

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Preset {
    name: String,
    rows: RowSettings,
    /// A row without a campaign, or a response without an id, adds others up or is a second header.
    #[serde(default)]
    blank_is_total: bool,
    #[serde(default)]
    test: Vec<RowTest>,
}

/// Rows of one export, and what has to become of them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RowTest {
    name: String,
    /// What a source says beside the preset.
    #[serde(default)]
    rows: RowSettings,
    /// As in the export: a header and lines, comma-separated.
    csv: String,
    /// A line each: what was read, `total`, or `reject: ` and the reason's beginning.
    expect: Vec<String>,
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let parse = |text: &&str| toml::from_str(text).unwrap_or_else(|error| panic!("a shipped preset: {error}"));
    TEXTS.iter().map(parse).collect()
});

/// # Errors
/// There is none of that name; the message lists them.
pub(super) fn find(name: &str) -> Result<RowSettings, String> {
    match PRESETS.iter().find(|preset| preset.name == name) {
        Some(preset) => Ok(preset.settings()),
        None => {
            let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name.as_str()).collect();
            Err(format!("is not known: it is one of {}", names.join(", ")))
        }
    }
}

impl Preset {
    fn settings(&self) -> RowSettings {
        let platform = self.rows.platform.clone().unwrap_or_else(|| self.name.clone());
        RowSettings { platform: Some(platform), blank_is_total: self.blank_is_total, ..self.rows.clone() }
    }
}

/// Runs the tests of a preset, and gives what was not as expected.
pub fn test(text: &str) -> Vec<String> {
    let preset: Preset = match toml::from_str(text) {
        Ok(preset) => preset,
        Err(error) => return vec![error.to_string()],
    };
    let untested = preset.test.is_empty().then(|| format!("{}: no tests", preset.name));
    let run = |test: &RowTest| {
        let found = test.run(preset.settings());
        (found != test.expect)
            .then(|| format!("{}, {}: expected {:#?}, found {found:#?}", preset.name, test.name, test.expect))
    };
    untested.into_iter().chain(preset.test.iter().filter_map(run)).collect()
}

impl RowTest {
    fn run(&self, preset: RowSettings) -> Vec<String> {
        let map = match self.rows.clone().over(Some(preset)) {
            Ok(map) => map,
            Err((key, message)) => return vec![format!("{key} {message}")],
        };
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(self.csv.trim_start().as_bytes());
        let header: Vec<String> =
            reader.headers().map(|row| row.iter().map(str::to_owned).collect()).unwrap_or_default();
        if !map.knows(&header) {
            return vec![format!("the header is not known: {header:?}")];
        }
        let record = |row: csv::StringRecord| -> Value {
            let cells = row.iter().map(Value::from);
            header.iter().cloned().zip(cells).collect::<serde_json::Map<_, _>>().into()
        };
        let rows = reader.records().filter_map(Result::ok).map(record);
        rows.flat_map(|row| match map.map(&row, Timestamp::UNIX_EPOCH) {
            Ok(Mapped::Total) => vec!["total".to_owned()],
            Ok(Mapped::Events { events, .. }) => events.iter().map(shown).collect(),
            Err(reason) => vec![format!("reject: {reason}")],
        })
        .collect()
    }
}

/// An event in one line.
fn shown(event: &Event) -> String {
    let said = |parts: Vec<(&str, String)>| {
        let filled = parts.into_iter().filter(|(_, value)| !value.is_empty());
        filled.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")
    };
    let number = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
    match event {
        Event::Campaign(row) => said(vec![
            ("campaign", row.campaign.clone()),
            ("name", row.name.clone()),
            ("account", row.account.clone()),
            ("part", row.part.clone()),
            ("from", row.from.to_string()),
            ("to", row.to.to_string()),
            ("spend", row.figures.spend.map(|spend| format!("{spend}{}", row.currency)).unwrap_or_default()),
            ("impressions", number(row.figures.impressions)),
            ("clicks", number(row.figures.clicks)),
            ("conversions", row.figures.conversions.map(|amount| amount.to_string()).unwrap_or_default()),
            ("value", row.figures.conversion_value.map(|amount| amount.to_string()).unwrap_or_default()),
        ]),
        Event::Survey(row) => said(vec![
            ("id", row.id.clone()),
            ("survey", row.survey.clone()),
            ("asked", row.asked_at.map(|at| at.to_string()).unwrap_or_default()),
            ("answered", row.answered_at.to_string()),
            (row.scale.name(), row.score.map(|score| score.to_string()).unwrap_or_default()),
            ("respondent", if row.respondent.is_empty() { String::new() } else { "known".to_owned() }),
        ]),
        Event::Upsert(mention) => said(vec![
            ("review", mention.text.clone()),
            ("stars", mention.stars.map(|stars| stars.to_string()).unwrap_or_default()),
        ]),
        other => other.name().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::rows::Gives;

    #[test]
    fn the_tests_of_every_preset_pass() {
        let failures: Vec<String> = TEXTS.iter().flat_map(|text| test(text)).collect();
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    #[test]
    fn a_preset_that_there_is_not_is_told_with_those_that_there_are() {
        assert!(find("bing_ads").unwrap_err().starts_with("is not known: it is one of delighted, google_ads"));
    }

    proptest! {
        #[test]
        fn no_row_makes_a_preset_panic(values in proptest::collection::vec("\\PC{0,12}|[-0-9.,/]{0,10}", 14)) {
            for preset in PRESETS.iter() {
                let map = preset.settings().over(None).unwrap();
                let fields = preset.rows.gives.map_or(&[][..], Gives::fields);
                let row: serde_json::Map<String, Value> = fields
                    .iter()
                    .zip(&values)
                    .map(|(field, value)| ((*field).to_owned(), json!(value)))
                    .collect();
                let _ = map.map(&row.into(), Timestamp::UNIX_EPOCH);
            }
        }
    }
}
