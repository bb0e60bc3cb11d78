//! From one row of an advertising platform's export to a campaign row. Pure.

use grapevine_model::{Amount, Campaign, CampaignFigures, Event, is_currency};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Mapped, RowMap, columns::currency_of, number::shown, span::When};

pub(super) const FIELDS: &[&str] = &[
    "campaign",
    "name",
    "account",
    "part",
    "day",
    "from",
    "to",
    "hour",
    "currency",
    "spend",
    "impressions",
    "clicks",
    "conversions",
    "conversion_value",
];

/// Fields of which a header has to have one, so that it is known as one.
pub(super) const KNOWN_BY: [&[&str]; 2] = [&["campaign", "name"], &["spend", "impressions", "clicks"]];

impl RowMap {
    pub(super) fn campaign(&self, record: &Value, observed_at: Timestamp) -> Result<Mapped, String> {
        let (id, name) = (self.text("campaign", record), self.text("name", record));
        if is_total(record, id.as_deref(), name.as_deref()) || (id.is_none() && name.is_none() && self.blank_is_total) {
            return Ok(Mapped::Total);
        }
        let account = self.text("account", record).or_else(|| self.account.clone()).unwrap_or_default();
        let campaign = match (id, &name) {
            (Some(id), _) => id,
            // Names are unique within an account only.
            (None, Some(name)) if account.is_empty() => name.clone(),
            (None, Some(name)) => format!("{account}/{name}"),
            (None, None) => return Err(self.missing("campaign", "the campaign's id, or `name` to its name")),
        };
        let (from, to) = self.span(record)?;
        let figures = self.figures(record)?;
        let is_doubtful = figures.clicks.zip(figures.impressions).is_some_and(|(clicks, shown)| clicks > shown);
        let row = Campaign {
            platform: self.platform.clone(),
            account,
            campaign,
            name: name.unwrap_or_default(),
            part: self.part(record),
            brand: self.brand.clone(),
            from,
            to,
            currency: self.currency_code(record)?,
            observed_at,
            figures,
        };
        Ok(Mapped::Events { events: vec![Event::Campaign(Box::new(row))], is_doubtful })
    }

    fn figures(&self, record: &Value) -> Result<CampaignFigures, String> {
        let figures = CampaignFigures {
            spend: self.amount("spend", record)?,
            impressions: self.count("impressions", record)?,
            clicks: self.count("clicks", record)?,
            conversions: self.amount("conversions", record)?,
            conversion_value: self.amount("conversion_value", record)?,
        };
        if figures == CampaignFigures::default() {
            return Err(self.missing("spend", "what was spent, or `impressions` or `clicks` to those"));
        }
        match [("spend", figures.spend), ("conversions", figures.conversions)]
            .into_iter()
            .find(|(_, amount)| amount.is_some_and(Amount::is_negative))
        {
            Some((field, _)) => Err(format!("{} is below 0", self.described(field, record))),
            None => Ok(figures),
        }
    }

    /// What the row is about within its campaign.
    fn part(&self, record: &Value) -> String {
        let parts = self.columns.all("part", record).into_iter().filter_map(|cell| super::plain_text(cell.value));
        parts.collect::<Vec<_>>().join(" / ")
    }

    fn span(&self, record: &Value) -> Result<(Timestamp, Timestamp), String> {
        let when = |field: &str| self.when(field, record, Ok);
        let (from, to) = match (when("day")?, when("from")?, when("to")?) {
            (Some(day), _, _) => (day.clone(), day),
            (None, Some(from), to) => (from.clone(), to.unwrap_or(from)),
            (None, None, _) => self.fixed_span.clone().ok_or_else(|| {
                self.missing("day", "its day (add that column to the export), or set `from` and `to` for all rows")
            })?,
        };
        let (start, end) = match self.count("hour", record)? {
            Some(hour) => self.hour(&from, hour)?,
            None if matches!((&from, &to), (When::Local(a), When::Local(b)) if a == b) => {
                let start = from.start(&self.zone)?;
                (start, start + SignedDuration::from_hours(1))
            }
            None if matches!((&from, &to), (When::Exact(a), When::Exact(b)) if a == b) => {
                let day = When::Day(from.day(&self.zone));
                (day.start(&self.zone)?, day.end(&self.zone)?)
            }
            None => (from.start(&self.zone)?, to.end(&self.zone)?),
        };
        if start >= end {
            return Err(format!("its span ends at {end}, which is not after its start at {start}"));
        }
        Ok((start, end))
    }

    fn hour(&self, day: &When, hour: u64) -> Result<(Timestamp, Timestamp), String> {
        let hour = i8::try_from(hour).ok().filter(|hour| *hour < 24);
        let hour = hour.ok_or_else(|| "`hour` is not between 0 and 23".to_owned())?;
        let start = When::Local(day.day(&self.zone).at(hour, 0, 0, 0)).start(&self.zone)?;
        Ok((start, start + SignedDuration::from_hours(1)))
    }

    fn currency_code(&self, record: &Value) -> Result<String, String> {
        let stated = self.text("currency", record).map(|code| code.trim().to_uppercase());
        let of_column = || {
            let spend = self.columns.find("spend", record)?;
            currency_of(spend.column).map(str::to_owned)
        };
        match stated.or_else(of_column).or_else(|| self.currency.clone()) {
            Some(code) if is_currency(&code) => Ok(code),
            Some(code) => Err(format!("the currency {} is no code of ISO 4217", shown(&code.into()))),
            None => Err(self.missing("currency", "its currency, or set `currency` for all rows")),
        }
    }
}

/// A row that adds others up: it names no campaign, and says so.
fn is_total(record: &Value, id: Option<&str>, name: Option<&str>) -> bool {
    let named = [id, name].into_iter().flatten();
    if !named.clone().all(sums_up) {
        return false;
    }
    let cells = || record.as_object().into_iter().flat_map(|table| table.values()).filter_map(Value::as_str);
    named.count() > 0 || cells().any(sums_up)
}

fn sums_up(text: &str) -> bool {
    let text = text.trim().to_lowercase();
    let words = ["total", "totals", "grand total", "gesamt", "gesamtsumme", "summe"];
    let is_word = words.contains(&text.as_str());
    let counts = text.strip_prefix("total of ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let results = text.strip_prefix("results from ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_word || counts || results || text.starts_with("total: ") || text.starts_with("total - ")
}
