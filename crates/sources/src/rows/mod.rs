//! Rows that are imported beside mentions: campaigns of advertising platforms, responses to surveys, counts of followers.
//!
//! They come in files and by webhook. A preset knows the columns of one platform's export; `columns` names others.
//!
//! | what happens | what becomes of the row |
//! |---|---|
//! | it adds others up ("Total: Campaigns"), or is a second header | left out, and counted |
//! | it has more clicks than impressions | taken, and counted: platforms count the two at different times |
//! | a count is below 0, a currency unknown, a span inverted, a number or date has two readings | rejected, with the reason |
//! | a survey's response has a comment | the response, and a review of as many stars as its score has of its scale |
//!
//! What a platform corrects comes again in a later export: the row of the same campaign, part and span replaces the older.

mod campaign;
mod columns;
mod followers;
mod number;
mod preset;
mod settings;
mod span;
mod survey;

use grapevine_model::{Amount, Event, Scale};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::Value;

pub use self::preset::{TEXTS, test};
pub(crate) use self::settings::{DOC, RowSettings};
use self::{
    columns::{Cell, Columns},
    number::Numbers,
    span::{Dates, When},
};

/// What rows are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Gives {
    Campaign,
    Survey,
    Followers,
}

impl Gives {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Gives::Campaign => campaign::FIELDS,
            Gives::Survey => survey::FIELDS,
            Gives::Followers => followers::FIELDS,
        }
    }

    fn known_by(self) -> [&'static [&'static str]; 2] {
        match self {
            Gives::Campaign => campaign::KNOWN_BY,
            Gives::Survey => survey::KNOWN_BY,
            Gives::Followers => followers::KNOWN_BY,
        }
    }
}

/// How rows become events.
#[derive(Debug, Clone)]
pub(crate) struct RowMap {
    gives: Gives,
    platform: String,
    columns: Columns,
    numbers: Numbers,
    dates: Dates,
    zone: TimeZone,
    /// A row without a campaign, or a response without an id, is no row of its own.
    blank_is_total: bool,
    currency: Option<String>,
    account: Option<String>,
    brand: String,
    survey: Option<String>,
    scale: Option<Scale>,
    /// Of rows that name no day.
    fixed_span: Option<(When, When)>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mapped {
    Events {
        events: Vec<Event>,
        /// It has more clicks than impressions.
        is_doubtful: bool,
    },
    /// It adds others up, or is a header.
    Total,
}

/// How many rows were left out or taken with doubts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) totals: u64,
    pub(crate) doubtful: u64,
}

impl Noted {
    /// Counts the row, and gives its events.
    pub(crate) fn take(&mut self, mapped: Mapped) -> Vec<Event> {
        match mapped {
            Mapped::Total => {
                self.totals += 1;
                Vec::new()
            }
            Mapped::Events { events, is_doubtful } => {
                self.doubtful += u64::from(is_doubtful);
                events
            }
        }
    }

    /// For a person, where there is something to say.
    pub(crate) fn notice(&self) -> Option<String> {
        let rows = |n: u64| if n == 1 { "1 row".to_owned() } else { format!("{n} rows") };
        let totals = (self.totals > 0).then(|| format!("{} of totals or headers left out", rows(self.totals)));
        let doubtful = (self.doubtful > 0)
            .then(|| format!("{} with more clicks than impressions taken as told", rows(self.doubtful)));
        let said: Vec<String> = totals.into_iter().chain(doubtful).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }
}

impl RowMap {
    /// # Errors
    /// Why the row can not be one, in words.
    pub(crate) fn map(&self, record: &Value, observed_at: Timestamp) -> Result<Mapped, String> {
        if !record.is_object() {
            return Err("a row is no object".to_owned());
        }
        match self.gives {
            Gives::Campaign => self.campaign(record, observed_at),
            Gives::Survey => self.survey(record, observed_at),
            Gives::Followers => self.followers(record, observed_at),
        }
    }

    /// These columns are the header of such rows: exports begin with lines about themselves.
    pub(crate) fn knows(&self, header: &[String]) -> bool {
        self.gives.known_by().iter().all(|fields| fields.iter().any(|field| self.columns.is_in(field, header)))
    }

    /// What a header needs to be known, for messages.
    pub(crate) fn needed(&self) -> String {
        let one = |fields: &[&str]| {
            let names = fields.iter().flat_map(|field| self.columns.names(field));
            names.map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        };
        let [first, second] = self.gives.known_by();
        format!("one of {} and one of {}", one(first), one(second))
    }

    fn text(&self, field: &str, record: &Value) -> Option<String> {
        plain_text(self.columns.find(field, record)?.value)
    }

    fn count(&self, field: &str, record: &Value) -> Result<Option<u64>, String> {
        let Some(cell) = self.columns.find(field, record) else { return Ok(None) };
        self.numbers.count(cell.value).map_err(|error| format!("`{}`: {error}", self.at(field, &cell)))
    }

    /// What `of` makes of the day or time in the field.
    fn when<T>(
        &self,
        field: &str,
        record: &Value,
        of: impl FnOnce(When) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        let Some(cell) = self.columns.find(field, record) else { return Ok(None) };
        let read = self.dates.read(cell.value).and_then(of);
        read.map(Some).map_err(|error| format!("`{}`: {error}", self.at(field, &cell)))
    }

    /// A column of micros holds millionths.
    fn amount(&self, field: &str, record: &Value) -> Result<Option<Amount>, String> {
        let Some(cell) = self.columns.find(field, record) else { return Ok(None) };
        let name = self.columns.names(field).iter().find(|name| cell.column.is_empty() && name.contains('.'));
        let is_micros = name.map_or(cell.column, String::as_str).to_lowercase().ends_with("micros");
        let amount =
            self.numbers.amount(cell.value).map_err(|error| format!("`{}`: {error}", self.at(field, &cell)))?;
        Ok(amount.map(|amount| if is_micros { Amount::from_micros(amount.micros() / 1_000_000) } else { amount }))
    }

    fn missing(&self, field: &str, what: &str) -> String {
        let names = self.columns.names(field).join("`, `");
        match names.is_empty() {
            true => format!("`{field}` is missing: map it to {what}"),
            false => format!("`{field}` (looked for in `{names}`) is missing: map it to {what}"),
        }
    }

    fn described(&self, field: &str, record: &Value) -> String {
        self.columns.find(field, record).map_or_else(|| field.to_owned(), |cell| format!("`{}`", self.at(field, &cell)))
    }

    fn at<'a>(&self, field: &'a str, cell: &Cell<'a>) -> &'a str {
        if cell.column.is_empty() { field } else { cell.column }
    }
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
