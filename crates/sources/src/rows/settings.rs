//! The `rows` table of a source.

use std::collections::BTreeMap;

use grapevine_model::{Scale, is_currency};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{
    Gives, RowMap,
    columns::{Columns, Names},
    number::Numbers,
    preset,
    span::{Dates, When},
};
use crate::registry::{ConfigError, Place};

/// As it stands in the configuration. Beside a `preset`, each key stands before what the preset says.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RowSettings {
    pub(super) preset: Option<String>,
    pub(super) gives: Option<Gives>,
    pub(super) platform: Option<String>,
    #[serde(default)]
    pub(super) columns: BTreeMap<String, Names>,
    pub(super) numbers: Option<Numbers>,
    pub(super) dates: Option<Dates>,
    pub(super) timezone: Option<String>,
    pub(super) currency: Option<String>,
    pub(super) account: Option<String>,
    pub(super) brand: Option<String>,
    pub(super) survey: Option<String>,
    pub(super) scale: Option<Scale>,
    pub(super) from: Option<String>,
    pub(super) to: Option<String>,
    #[serde(skip)]
    pub(super) blank_is_total: bool,
}

/// What the documentation of a source says of the table.
pub(crate) const DOC: &str = "Rows that are no mentions: campaigns of advertising platforms, responses to surveys, counts of followers. \
    { preset = \"google_ads\" } (also meta_ads, linkedin_ads, tiktok_ads, x_ads, typeform, surveymonkey, delighted), or \
    gives = \"campaign\", \"survey\" or \"followers\" and platform. columns = { field = [\"name\", …] } says where a field stands. Of a \
    campaign: campaign, name, account, part, day or from and to, hour, currency, spend, impressions, clicks, conversions, \
    conversion_value. Of a survey: id, survey, asked_at, answered_at, scale, score, comment, respondent, language, url. \
    Of followers: account, observed_at (a day stands for its end), followers. \
    For all rows: timezone (UTC), currency, account, brand, survey, scale (csat or nps), from and to, numbers \
    (\"1,234.56\" or \"1.234,56\"), dates (\"day_first\" or \"month_first\").";

impl RowSettings {
    pub(crate) fn map(self, place: Place<'_>) -> Result<RowMap, ConfigError> {
        let wrong = |(key, message): (String, String)| place.value_error(format!("rows.{key}"), message);
        let preset = match &self.preset {
            Some(name) => Some(preset::find(name).map_err(|message| wrong(("preset".into(), message)))?),
            None => None,
        };
        self.over(preset).map_err(wrong)
    }

    /// A key and what is wrong with it.
    pub(super) fn over(self, preset: Option<RowSettings>) -> Result<RowMap, (String, String)> {
        let base = preset.unwrap_or_default();
        let missing = |key: &str, message: &str| (key.to_owned(), message.to_owned());
        let gives = self.gives.or(base.gives);
        let gives = gives.ok_or_else(|| {
            missing("gives", "is missing: write \"campaign\", \"survey\" or \"followers\", or a `preset`")
        })?;
        let platform = self.platform.or(base.platform).filter(|platform| !platform.trim().is_empty());
        let of_columns = |(field, message): (String, String)| (format!("columns.{field}"), message);
        let own = Columns::new(&self.columns, gives.fields()).map_err(of_columns)?;
        let known = Columns::new(&base.columns, gives.fields()).map_err(of_columns)?;
        let dates = self.dates.or(base.dates).unwrap_or_default();
        let currency = self.currency.or(base.currency);
        if currency.as_deref().is_some_and(|code| !is_currency(code)) {
            return Err(missing("currency", "is no code of ISO 4217, such as \"EUR\""));
        }
        Ok(RowMap {
            gives,
            platform: platform.ok_or_else(|| missing("platform", "is missing: name where the rows come from"))?,
            columns: own.or(&known).or(&under_their_names(gives)),
            numbers: self.numbers.or(base.numbers).unwrap_or_default(),
            dates,
            zone: zone(self.timezone.or(base.timezone).as_deref())?,
            blank_is_total: base.blank_is_total,
            currency,
            account: self.account,
            brand: self.brand.unwrap_or_default(),
            survey: self.survey,
            scale: self.scale.or(base.scale),
            fixed_span: fixed_span(self.from, self.to, dates)?,
        })
    }
}

/// A field that nobody names stands under its own name.
fn under_their_names(gives: Gives) -> Columns {
    let own: BTreeMap<String, Names> =
        gives.fields().iter().map(|field| ((*field).to_owned(), Names::One((*field).to_owned()))).collect();
    Columns::new(&own, gives.fields()).unwrap_or_default()
}

fn zone(name: Option<&str>) -> Result<TimeZone, (String, String)> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    TimeZone::get(name)
        .map_err(|_| ("timezone".to_owned(), "is not known: write one such as \"Europe/Berlin\"".to_owned()))
}

fn fixed_span(
    from: Option<String>,
    to: Option<String>,
    dates: Dates,
) -> Result<Option<(When, When)>, (String, String)> {
    let read = |key: &str, text: String| dates.read(&text.into()).map_err(|error| (key.to_owned(), error));
    match (from, to) {
        (None, None) => Ok(None),
        (Some(from), to) => {
            let from = read("from", from)?;
            let to = to.map(|to| read("to", to)).transpose()?.unwrap_or_else(|| from.clone());
            Ok(Some((from, to)))
        }
        (None, Some(_)) => Err(("to".to_owned(), "stands without a `from`: name the first day too".to_owned())),
    }
}
