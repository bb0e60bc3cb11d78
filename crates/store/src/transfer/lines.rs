//! Lines of an export: who is kept out, and labels as records.

use grapevine_model::{
    Before, Correction, Label, LabelField, LabelKey, LabelRecord, MentionId, Withdrawal,
    forgotten::{Account, Subject, Suppressions},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// What tells whom a row is about; a table has some of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct About {
    id: String,
    platform: String,
    instance: String,
    author: String,
    author_handle: String,
    parent_author: String,
    parent_id: String,
    kind: String,
    account: String,
    respondent: String,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    AsItIs,
    /// Without the name of an account that it answers.
    Cleared(Vec<u8>),
    Not,
}

/// As `Suppressions::judge` does with events.
pub(super) fn judge(suppressions: &Suppressions, table: &str, line: &[u8]) -> Result<Kept, serde_json::Error> {
    if suppressions.is_empty() {
        return Ok(Kept::AsItIs);
    }
    let about: About = match table {
        "mentions" | "engagement" | "rescored" | "accounts" | "surveys" => serde_json::from_slice(line)?,
        _ => return Ok(Kept::AsItIs),
    };
    let mention = |id: &str| id.parse().is_ok_and(|id| suppressions.has_mention(MentionId(id)));
    let named = |instance: &str, name: &str| {
        let (platform, instance) = (about.platform.clone(), instance.to_owned());
        !name.is_empty() && suppressions.has(&Subject::Author(Account { platform, instance, name: name.to_owned() }))
    };
    let here = |name: &str| named(&about.instance, name);
    Ok(match table {
        "accounts" if named("", &about.account) => Kept::Not,
        "surveys" if named("", &about.respondent) => Kept::Not,
        "engagement" | "rescored" | "mentions" if mention(&about.id) => Kept::Not,
        "mentions" if here(&about.author) || here(&about.author_handle) => Kept::Not,
        "mentions" if about.kind == "repost" && (here(&about.parent_author) || mention(&about.parent_id)) => Kept::Not,
        "mentions" if here(&about.parent_author) => {
            let mut row: Value = serde_json::from_slice(line)?;
            row["parent_author"] = Value::String(String::new());
            let mut cleared = serde_json::to_vec(&row)?;
            cleared.push(b'\n');
            Kept::Cleared(cleared)
        }
        _ => Kept::AsItIs,
    })
}

#[derive(Deserialize)]
struct Labelled {
    brand: String,
    id: String,
    field: LabelField,
    value: String,
    themes: Vec<String>,
    by: String,
    note: String,
    before: String,
    model: String,
    /// Not in exports of before.
    #[serde(default)]
    drawn: bool,
    version: String,
    withdrawn: u8,
}

/// The record of the log's table that a row of `labels` was made of.
pub(super) fn label(line: &[u8]) -> Result<LabelRecord, String> {
    let row: Labelled = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let number = |text: &str| text.parse::<u128>().map_err(|_| format!("{text:?} is no number"));
    let mention = MentionId(number(&row.id)?);
    // The version is twice the microseconds.
    let micros = i64::try_from(number(&row.version)? / 2).map_err(|_| "its version is out of range".to_owned())?;
    let at = Timestamp::from_microsecond(micros).map_err(|error| error.to_string())?;
    if row.withdrawn == 1 {
        let key = LabelKey { mention, brand: row.brand, field: row.field };
        return Ok(LabelRecord::Withdrawn(Withdrawal { key, by: row.by, at }));
    }
    let correction = match row.field {
        LabelField::Theme => Correction::Theme(row.themes),
        field => Correction::parse(field, &row.value).map_err(|error| error.to_string())?,
    };
    let before = Before { value: row.before, model: row.model };
    let Labelled { brand, by, note, drawn, .. } = row;
    Ok(LabelRecord::Label(Label { mention, brand, correction, by, at, note, before, drawn }))
}

#[cfg(test)]
mod tests {
    use grapevine_model::forgotten::{Salt, Suppressed};

    use super::*;

    fn without(names: &[&str]) -> Suppressions {
        let salt = Salt::of([1; 32]);
        let one = |name: &&str| {
            let account = Account { platform: "forum".into(), instance: "f.example".into(), name: (*name).to_owned() };
            let hash = Subject::Author(account).hash(&salt).to_string();
            Suppressed { hash, salt: salt.clone(), request: "r".into() }
        };
        Suppressions::of(&names.iter().map(one).collect::<Vec<_>>())
    }

    fn line(author: &str, parent_author: &str, kind: &str) -> Vec<u8> {
        let row = serde_json::json!({"id": "340282366920938463463374607431768211455", "platform": "forum",
            "instance": "f.example", "author": author, "author_handle": "h", "parent_author": parent_author,
            "parent_id": "0", "kind": kind, "weight": 0.3});
        format!("{row}\n").into_bytes()
    }

    #[test]
    fn rows_of_a_forgotten_author_stay_out_and_answers_to_it_lose_the_name() {
        let all = without(&["ada"]);
        let judged = |line: &[u8]| judge(&all, "mentions", line).unwrap();
        assert_eq!(judged(&line("Ada", "", "post")), Kept::Not);
        assert_eq!(judged(&line("bo", "ada", "repost")), Kept::Not);
        assert_eq!(judged(&line("bo", "cy", "reply")), Kept::AsItIs);
        let Kept::Cleared(cleared) = judged(&line("bo", "ada", "reply")) else { panic!("an answer") };
        assert_eq!(cleared, line("bo", "", "reply"), "and nothing else of the row changes");
    }

    #[test]
    fn a_row_of_labels_becomes_the_record_that_it_was_made_of() {
        let row = |rest: &str| {
            format!(
                r#"{{"brand":"acme","id":"7","by":"ada","at":"x","note":"n","before":"positive","model":"m@1",{rest}}}"#
            )
        };
        let given = row(r#""field":"theme","value":"a, b","themes":["a","b"],"version":"2000000","withdrawn":0"#);
        let given = label(given.as_bytes()).unwrap();
        assert_eq!((given.version(), given.key().field), (2_000_000, LabelField::Theme));
        let taken_back = row(r#""field":"polarity","value":"","themes":[],"version":"2000001","withdrawn":1"#);
        assert_eq!(label(taken_back.as_bytes()).unwrap().version(), 2_000_001);
        assert!(label(row(r#""field":"polarity""#).as_bytes()).is_err());
    }
}
