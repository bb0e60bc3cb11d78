//! Labelled texts in a folder.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use grapevine_model::Scores;
use serde::Deserialize;

#[derive(Deserialize)]
pub struct Row {
    pub text: String,
    pub label: String,
    /// Of a complaint; a set of its own.
    #[serde(default)]
    reason: String,
}

pub struct Set {
    pub name: String,
    /// What may be learnt from.
    pub known: Vec<Row>,
    pub asked: Vec<Row>,
}

/// What its labels ask.
pub enum Kind {
    Sentiment,
    /// The labels for no and yes, and what the model says.
    YesOrNo {
        yes: [String; 2],
        head: fn(&Scores) -> Option<f32>,
    },
    Classes,
}

/// Every set of the folder that has something to ask, and the reasons of complaints as sets of their own.
pub fn all(folder: &Path) -> Result<Vec<Set>, Box<dyn Error>> {
    let entries =
        fs::read_dir(folder).map_err(|e| format!("{}: {e}; --data names the folder of the sets", folder.display()))?;
    let mut names: Vec<String> = entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    let mut sets = vec![];
    for name in names {
        let split = |name: &str, split: &str| rows(&folder.join(name).join(format!("{split}.jsonl")));
        let mut asked = split(&name, "val")?;
        asked.extend(split(&name, "dev")?);
        let reasons: Vec<Row> =
            asked.iter().filter(|row| !["", "Can't Tell"].contains(&row.reason.as_str())).map(Row::by_reason).collect();
        let known = split(&name, "train")?;
        if !reasons.is_empty() {
            sets.push(Set { name: format!("{name}: reasons"), known: vec![], asked: reasons });
        }
        sets.push(Set { name, known, asked });
    }
    Ok(sets)
}

impl Row {
    fn by_reason(&self) -> Self {
        Self { text: self.text.clone(), label: self.reason.clone(), reason: String::new() }
    }
}

fn rows(path: &Path) -> Result<Vec<Row>, Box<dyn Error>> {
    if !path.exists() {
        return Ok(vec![]);
    }
    let content = fs::read_to_string(path)?;
    let row =
        |(at, line)| serde_json::from_str(line).map_err(|e| format!("{}, line {}: {e}", path.display(), at + 1).into());
    let rows: Result<Vec<Row>, Box<dyn Error>> = content.lines().enumerate().map(row).collect();
    // Some sets spell a class in two ways; what is about something else has no sentiment.
    let plain = rows?.into_iter().map(|row| Row { label: row.label.to_lowercase(), ..row });
    Ok(plain.filter(|row| !["irrelevant", "not_relevant"].contains(&row.label.as_str())).collect())
}

impl Set {
    pub fn labels(&self) -> Vec<String> {
        let labels: BTreeSet<&str> = self.asked.iter().map(|row| row.label.as_str()).collect();
        labels.into_iter().map(str::to_owned).collect()
    }

    /// `None` where there is nothing to ask, or the model was trained on these classes and shows them not.
    pub fn kind(&self) -> Option<Kind> {
        let labels = self.labels();
        let pair = || [labels[0].clone(), labels[1].clone()];
        match labels.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [] => None,
            ["negative", "neutral", "positive"] => Some(Kind::Sentiment),
            ["irony", "non_irony"] => Some(Kind::YesOrNo { yes: reversed(pair()), head: |scores| scores.irony }),
            ["not-offensive", "offensive"] => Some(Kind::YesOrNo { yes: pair(), head: |scores| scores.hostility }),
            // It has a split to learn from, so it is no set of themes.
            _ if !self.known.is_empty() => None,
            _ => Some(Kind::Classes),
        }
    }

    /// The class of each text to ask.
    pub fn classes(&self, names: &[&str]) -> Vec<usize> {
        let class = |row: &Row| names.iter().position(|name| *name == row.label).unwrap_or_default();
        self.asked.iter().map(class).collect()
    }

    /// VADER reads English alone.
    pub fn english(&self) -> bool {
        !self.name.starts_with("umsab_")
    }
}

fn reversed([yes, no]: [String; 2]) -> [String; 2] {
    [no, yes]
}
