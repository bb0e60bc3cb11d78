//! A label on a stored mention, with what the model says of it now.

use grapevine_model::{Before, Correction, Label, LabelField, LabelKey, Withdrawal};
use jiff::{SignedDuration, Timestamp};

use crate::{GivenLabel, MentionRow};

impl MentionRow {
    /// What a person says of this mention. Later than the label that stands, whatever the clock says: the newer one counts. One
    /// that was drawn by chance stays so, whoever changes what is said of it.
    pub fn label(&self, correction: Correction, by: &str, note: &str, now: Timestamp) -> Label {
        let field = correction.field();
        Label {
            mention: self.id,
            brand: self.brand.clone(),
            correction,
            by: by.to_owned(),
            at: self.behind(field, now),
            note: note.to_owned(),
            before: self.said(field),
            drawn: self.standing(field).is_some_and(|label| label.drawn),
        }
    }

    /// Takes the label of the field back; `None` where none stands.
    pub fn withdrawal(&self, field: LabelField, by: &str, now: Timestamp) -> Option<Withdrawal> {
        self.standing(field)?;
        let key = LabelKey { mention: self.id, brand: self.brand.clone(), field };
        Some(Withdrawal { key, by: by.to_owned(), at: self.behind(field, now) })
    }

    fn standing(&self, field: LabelField) -> Option<&GivenLabel> {
        self.labels.iter().find(|label| label.field == field.name())
    }

    fn behind(&self, field: LabelField, now: Timestamp) -> Timestamp {
        let next = self.standing(field).and_then(|label| label.at.checked_add(SignedDuration::from_micros(1)).ok());
        next.map_or(now, |next| next.max(now))
    }

    /// What the newest model says of a field, whatever people said.
    fn said(&self, field: LabelField) -> Before {
        let corrected = self.standing(field).map(|label| label.model.clone());
        let value = corrected.unwrap_or_else(|| match field {
            LabelField::Polarity => self.polarity.unwrap_or_default().to_owned(),
            LabelField::Intent => self.intent.clone().unwrap_or_default(),
            LabelField::Theme => self.themes.iter().map(|theme| &*theme.theme).collect::<Vec<_>>().join(", "),
            LabelField::Relevance => String::new(),
        });
        // That it belongs to the brand is what the monitor said.
        let value = if field == LabelField::Relevance { "yes".to_owned() } else { value };
        Before { value, model: self.model.clone() }
    }
}
