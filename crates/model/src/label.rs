//! What people say about mentions, where the model was wrong or to confirm that it was right.
//!
//! A label is about one mention of one brand and one field of it. It travels as a record of the compacted table
//! [`topics::LABELS`](crate::topics::LABELS), keyed by [`LabelKey`]: of each key the newest record stands for ever. To take a
//! label back is a record too, and no empty value, which the log would forget: a reader that was away for long would go on
//! to show the label.
//!
//! Nothing that the model says later touches a label. `before` keeps what it said when the person looked.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Intent, MentionId, Polarity};

/// Characters of a note at most.
pub const NOTE: usize = 1000;
/// Characters of a person's name and of a theme's name at most.
pub const NAME: usize = 100;
/// Themes of one label at most.
pub const THEMES: usize = 20;

/// The version of the schema that [`LabelRecord::encode`] writes.
const VERSION: u16 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelField {
    Polarity,
    Theme,
    Intent,
    Relevance,
}

impl LabelField {
    pub const ALL: [LabelField; 4] =
        [LabelField::Polarity, LabelField::Theme, LabelField::Intent, LabelField::Relevance];

    pub fn name(self) -> &'static str {
        match self {
            LabelField::Polarity => "polarity",
            LabelField::Theme => "theme",
            LabelField::Intent => "intent",
            LabelField::Relevance => "relevance",
        }
    }
}

impl fmt::Display for LabelField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for LabelField {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let found = LabelField::ALL.into_iter().find(|field| field.name() == text);
        found.ok_or_else(|| LabelError::Field(text.to_owned()))
    }
}

/// What a person says of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "field", content = "value", rename_all = "snake_case")]
pub enum Correction {
    Polarity(Polarity),
    /// All themes of the mention; none of them where it is empty.
    Theme(Vec<String>),
    Intent(Intent),
    /// `false`: the mention is not about the brand, and is in none of its figures. It is not deleted.
    Relevance(bool),
}

impl Correction {
    pub fn field(&self) -> LabelField {
        match self {
            Correction::Polarity(_) => LabelField::Polarity,
            Correction::Theme(_) => LabelField::Theme,
            Correction::Intent(_) => LabelField::Intent,
            Correction::Relevance(_) => LabelField::Relevance,
        }
    }

    /// As a person writes it: `negative`, `price, delivery`, `question`, `no`.
    pub fn value(&self) -> String {
        match self {
            Correction::Polarity(polarity) => polarity.name().to_owned(),
            Correction::Theme(themes) => themes.join(", "),
            Correction::Intent(intent) => intent.name().to_owned(),
            Correction::Relevance(relevant) => if *relevant { "yes" } else { "no" }.to_owned(),
        }
    }

    /// Reads what [`Correction::value`] writes. Themes are separated by commas.
    ///
    /// # Errors
    /// A value that the field does not take; the error lists those that it takes.
    pub fn parse(field: LabelField, value: &str) -> Result<Self, LabelError> {
        let refused =
            |valid: Vec<&'static str>| LabelError::Value { field, given: value.to_owned(), valid: valid.join(", ") };
        match field {
            LabelField::Polarity => {
                let found = Polarity::ALL.into_iter().find(|polarity| polarity.name() == value);
                found.map(Correction::Polarity).ok_or_else(|| refused(Polarity::ALL.map(Polarity::name).to_vec()))
            }
            LabelField::Intent => {
                let found = Intent::ALL.into_iter().find(|intent| intent.name() == value);
                found.map(Correction::Intent).ok_or_else(|| refused(Intent::ALL.map(Intent::name).to_vec()))
            }
            LabelField::Relevance => match value {
                "yes" => Ok(Correction::Relevance(true)),
                "no" => Ok(Correction::Relevance(false)),
                _ => Err(refused(vec!["yes", "no"])),
            },
            LabelField::Theme => Ok(Correction::Theme(themes(value))),
        }
    }
}

fn themes(value: &str) -> Vec<String> {
    let mut themes: Vec<String> = vec![];
    for theme in value.split(',').map(str::trim).filter(|theme| !theme.is_empty()) {
        if !themes.iter().any(|known| known == theme) {
            themes.push(theme.to_owned());
        }
    }
    themes
}

/// What the model had said when the label was given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// As [`Correction::value`] writes it; empty where it had said nothing.
    pub value: String,
    /// `name@version`; empty where no model scored the mention.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
}

/// One field of one mention of a brand, as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub mention: MentionId,
    pub brand: String,
    #[serde(flatten)]
    pub correction: Correction,
    /// Who says so, as they named themselves.
    pub by: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    #[serde(default)]
    pub before: Before,
    /// The mention was drawn by chance, not picked because it seemed wrong: such labels measure the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drawn: bool,
}

/// What a label is about. Of one key only the newest record counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LabelKey {
    pub mention: MentionId,
    pub brand: String,
    pub field: LabelField,
}

/// `mention/field/brand`: the key of the record. The brand comes last, as its name may hold anything.
impl fmt::Display for LabelKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.mention, self.field, self.brand)
    }
}

/// A label that was taken back: the model's word counts again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    #[serde(flatten)]
    pub key: LabelKey,
    pub by: String,
    pub at: Timestamp,
}

/// A record of the table of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelRecord {
    Label(Label),
    Withdrawn(Withdrawal),
}

#[derive(Serialize)]
struct Written<'a> {
    v: u16,
    #[serde(flatten)]
    record: &'a LabelRecord,
}

#[derive(Deserialize)]
struct Version {
    v: u16,
}

#[derive(Deserialize)]
struct Read {
    #[serde(flatten)]
    record: LabelRecord,
}

#[derive(Debug, thiserror::Error)]
pub enum LabelError {
    #[error("there is no field {0:?} to label; there are: polarity, theme, intent, relevance")]
    Field(String),
    #[error("{given:?} is no value of {field}; there are: {valid}")]
    Value { field: LabelField, given: String, valid: String },
    #[error("a label's {what} has {length} characters, the most is {most}")]
    TooLong { what: &'static str, length: usize, most: usize },
    #[error("a label's {0} is empty")]
    Empty(&'static str),
    #[error("a label has {0} themes, the most is {THEMES}")]
    TooManyThemes(usize),
    #[error("a theme's name can not hold a comma: {0:?}")]
    Comma(String),
    #[error("a record is not the JSON of a label: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("a label has schema version {0}, this program reads up to {VERSION}: upgrade it")]
    TooNew(u16),
}

impl Label {
    pub fn key(&self) -> LabelKey {
        LabelKey { mention: self.mention, brand: self.brand.clone(), field: self.correction.field() }
    }

    /// Whether the model had said the same.
    pub fn confirms(&self) -> bool {
        self.before.value == self.correction.value()
    }

    /// Held against the limits, so that what is appended can be shown.
    ///
    /// # Errors
    /// What is too long or empty.
    pub fn check(&self) -> Result<(), LabelError> {
        for (what, text) in [("brand", &self.brand), ("author", &self.by)] {
            if text.trim().is_empty() {
                return Err(LabelError::Empty(what));
            }
        }
        fits("author", &self.by, NAME)?;
        fits("note", &self.note, NOTE)?;
        let Correction::Theme(themes) = &self.correction else { return Ok(()) };
        if themes.len() > THEMES {
            return Err(LabelError::TooManyThemes(themes.len()));
        }
        themes.iter().try_for_each(|theme| match theme.trim() {
            "" => Err(LabelError::Empty("theme")),
            name if name.contains(',') => Err(LabelError::Comma(name.to_owned())),
            name => fits("theme", name, NAME),
        })
    }
}

fn fits(what: &'static str, text: &str, most: usize) -> Result<(), LabelError> {
    match text.chars().count() {
        length if length > most => Err(LabelError::TooLong { what, length, most }),
        _ => Ok(()),
    }
}

impl LabelRecord {
    pub fn key(&self) -> LabelKey {
        match self {
            LabelRecord::Label(label) => label.key(),
            LabelRecord::Withdrawn(withdrawal) => withdrawal.key.clone(),
        }
    }

    pub fn at(&self) -> Timestamp {
        match self {
            LabelRecord::Label(label) => label.at,
            LabelRecord::Withdrawn(withdrawal) => withdrawal.at,
        }
    }

    /// Which of two records of a key is newer. At one moment a withdrawal is.
    pub fn version(&self) -> u64 {
        let withdrawn = u64::from(matches!(self, LabelRecord::Withdrawn(_)));
        self.at().as_microsecond().max(0).unsigned_abs() * 2 + withdrawn
    }

    /// The JSON of the record: `{"v":1,"label":{…}}`, `{"v":1,"withdrawn":{…}}`.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Written { v: VERSION, record: self }).expect("labels have string keys and finite shapes")
    }

    /// # Errors
    /// What is no label of a version that this program reads.
    pub fn decode(record: &[u8]) -> Result<Self, LabelError> {
        match serde_json::from_slice::<Version>(record)?.v {
            newer if newer > VERSION => Err(LabelError::TooNew(newer)),
            _ => Ok(serde_json::from_slice::<Read>(record)?.record),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn label(correction: Correction) -> Label {
        Label {
            mention: MentionId(7),
            brand: "Acme / EU".into(),
            correction,
            by: "ada".into(),
            at: "2026-03-02T10:00:00.000001Z".parse().unwrap(),
            note: String::new(),
            before: Before { value: "positive".into(), model: "minilm@1".into() },
            drawn: false,
        }
    }

    #[test]
    fn a_record_says_its_version_and_what_it_is() {
        let record = LabelRecord::Label(label(Correction::Polarity(Polarity::Negative)));
        let json = r#"{"v":1,"label":{"mention":"00000000000000000000000000000007","brand":"Acme / EU","field":"polarity","value":"negative","by":"ada","at":"2026-03-02T10:00:00.000001Z","before":{"value":"positive","model":"minilm@1"}}}"#;
        assert_eq!(String::from_utf8(record.encode()).unwrap(), json);
        assert_eq!(record.key().to_string(), "00000000000000000000000000000007/polarity/Acme / EU");
        let drawn = LabelRecord::Label(Label { drawn: true, ..label(Correction::Relevance(true)) });
        assert_eq!(LabelRecord::decode(&drawn.encode()).unwrap(), drawn);
        let withdrawn = LabelRecord::Withdrawn(Withdrawal { key: record.key(), by: "bo".into(), at: record.at() });
        assert_eq!(LabelRecord::decode(&withdrawn.encode()).unwrap(), withdrawn);
        assert_eq!(withdrawn.version(), record.version() + 1, "at one moment the withdrawal is newer");
    }

    #[test]
    fn a_record_of_a_newer_program_is_refused_and_so_is_what_is_none() {
        let error = LabelRecord::decode(br#"{"v":2,"label":{}}"#).unwrap_err();
        assert!(error.to_string().contains("upgrade"), "{error}");
        for text in ["", "{}", r#"{"v":1}"#, r#"{"v":1,"label":{"field":"polarity","value":"bad"}}"#] {
            assert!(LabelRecord::decode(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_that_a_field_does_not_take_is_refused_with_those_that_it_takes() {
        let error = Correction::parse(LabelField::Polarity, "bad").unwrap_err();
        assert_eq!(error.to_string(), r#""bad" is no value of polarity; there are: negative, neutral, positive"#);
        let error = "mood".parse::<LabelField>().unwrap_err();
        assert!(error.to_string().ends_with("polarity, theme, intent, relevance"), "{error}");
    }

    #[test]
    fn what_is_too_long_or_empty_is_refused() {
        let plain = label(Correction::Relevance(false));
        assert!(plain.check().is_ok());
        let theme = |name: String| Correction::Theme(vec![name]);
        let refused = [
            Label { by: " ".into(), ..plain.clone() },
            Label { note: "n".repeat(NOTE + 1), ..plain.clone() },
            label(theme("x".repeat(NAME + 1))),
            label(theme("a, b".into())),
            label(theme(String::new())),
            label(Correction::Theme(vec!["a".into(); THEMES + 1])),
        ];
        for label in refused {
            assert!(label.check().is_err(), "{label:?}");
        }
    }

    proptest! {
        #[test]
        fn a_value_reads_back_as_it_was_written(names in prop::collection::vec("[a-z][a-z ]{0,8}[a-z]", 0..4), pick in 0..9_usize) {
            let correction = match pick {
                0..3 => Correction::Polarity(Polarity::ALL[pick]),
                3..6 => Correction::Intent(Intent::ALL[pick - 3]),
                6 => Correction::Relevance(true),
                7 => Correction::Relevance(false),
                _ => Correction::Theme(themes(&names.join(","))),
            };
            prop_assert_eq!(Correction::parse(correction.field(), &correction.value()).unwrap(), correction.clone());
            let record = LabelRecord::Label(label(correction));
            prop_assert_eq!(LabelRecord::decode(&record.encode()).unwrap(), record);
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = LabelRecord::decode(&bytes);
        }
    }
}
