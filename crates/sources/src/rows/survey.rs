//! From one row of a survey's export to a response, and to a review where it has a comment. Pure.

use grapevine_model::{Author, Event, Kind, Mention, MentionKey, Scale, Survey};
use jiff::Timestamp;
use serde_json::Value;

use super::{Mapped, RowMap, number::shown};
use crate::text::signs;

pub(super) const FIELDS: &[&str] =
    &["id", "survey", "asked_at", "answered_at", "scale", "score", "comment", "respondent", "language", "url"];

pub(super) const KNOWN_BY: [&[&str]; 2] = [&["id"], &["answered_at"]];

/// What people choose instead of a number, from 1 to 5.
const LABELS: [(&str, f32); 10] = [
    ("very dissatisfied", 1.0),
    ("dissatisfied", 2.0),
    ("neutral", 3.0),
    ("neither satisfied nor dissatisfied", 3.0),
    ("satisfied", 4.0),
    ("very satisfied", 5.0),
    ("poor", 1.0),
    ("fair", 2.0),
    ("good", 4.0),
    ("excellent", 5.0),
];

impl RowMap {
    pub(super) fn survey(&self, record: &Value, observed_at: Timestamp) -> Result<Mapped, String> {
        let Some(id) = self.text("id", record) else {
            return match self.blank_is_total {
                true => Ok(Mapped::Total),
                false => Err(self.missing("id", "the id of the response")),
            };
        };
        let time = |field: &str| self.when(field, record, |when| when.start(&self.zone));
        let answered_at = time("answered_at")?.ok_or_else(|| self.missing("answered_at", "when it was answered"))?;
        let scale = self.scale_of(record)?;
        let row = Survey {
            platform: self.platform.clone(),
            survey: self.text("survey", record).or_else(|| self.survey.clone()).unwrap_or_default(),
            brand: self.brand.clone(),
            asked_at: time("asked_at")?,
            answered_at,
            scale,
            score: self.score(record, scale)?,
            comment: self.text("comment", record).unwrap_or_default(),
            respondent: self.text("respondent", record).map(|who| pseudonym(&who)).unwrap_or_default(),
            observed_at,
            id,
        };
        let review = (!row.comment.trim().is_empty()).then(|| self.review(&row, record));
        let events = std::iter::once(Event::Survey(Box::new(row))).chain(review).collect();
        Ok(Mapped::Events { events, is_doubtful: false })
    }

    /// The comment is scored as every other text is.
    fn review(&self, row: &Survey, record: &Value) -> Event {
        let author = Author { native_id: row.respondent.clone(), ..Author::default() };
        let key = MentionKey::new(&row.platform, "", &row.id);
        let found = signs(&row.comment);
        Event::Upsert(Box::new(Mention {
            kind: Kind::Review,
            space: Some(row.survey.clone()).filter(|survey| !survey.is_empty()),
            url: self.text("url", record),
            language: self.text("language", record),
            stars: row.score.map(|score| row.scale.stars(score)),
            hashtags: found.hashtags,
            handles: found.handles,
            links: found.links,
            observed_at: row.observed_at,
            ..Mention::new(key, author, row.answered_at, &row.comment)
        }))
    }

    fn scale_of(&self, record: &Value) -> Result<Scale, String> {
        match self.text("scale", record) {
            Some(name) => {
                let found = Scale::ALL.into_iter().find(|scale| scale.name() == name.trim().to_lowercase());
                found.ok_or_else(|| format!("the scale {} is neither csat nor nps", shown(&name.into())))
            }
            None => self.scale.ok_or_else(|| self.missing("scale", "`csat` or `nps`, or set `scale` for all rows")),
        }
    }

    /// A number, one with words around it (`10 - Extremely likely`), or words alone.
    fn score(&self, record: &Value, scale: Scale) -> Result<Option<f32>, String> {
        let Some(cell) = self.columns.find("score", record) else { return Ok(None) };
        let written = super::plain_text(cell.value).unwrap_or_default();
        let words = written.trim().to_lowercase();
        let label = LABELS.iter().find(|(label, _)| *label == words && scale == Scale::Csat);
        let number = |text: &str| text.trim().replace(',', ".").parse::<f32>().ok();
        let parts = || words.split([' ', '-', '–', ':', '(', ')']).filter_map(number);
        let score = label.map(|(_, stars)| *stars).or_else(|| number(&words)).or_else(|| {
            let mut found = parts();
            found.next().filter(|_| found.next().is_none())
        });
        let (low, high) = scale.ends();
        match score {
            Some(score) if (low..=high).contains(&score) => Ok(Some(score)),
            Some(_) => Err(format!(
                "`{}` is {}, which is not between {low} and {high}, as {} goes",
                self.at("score", &cell),
                shown(cell.value),
                scale.name()
            )),
            None => Err(format!("`{}` is {}, which is no score", self.at("score", &cell), shown(cell.value))),
        }
    }
}

/// The same for the same person, and no address or name. Whoever knows an address can find out its pseudonym.
fn pseudonym(who: &str) -> String {
    let key = blake3::derive_key("grapevine survey respondent v1", who.trim().to_lowercase().as_bytes());
    key[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
