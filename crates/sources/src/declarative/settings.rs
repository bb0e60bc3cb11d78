//! The settings that a definition asks for, and what a `[[source]]` table gives.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Deserialize;
use toml::Value;
use url::Url;

use super::error::unknown;
use crate::http::SecretPlace;

/// One setting of a definition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// As it is written in the `[[source]]` table and in `{…}`.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: SettingType,
    pub doc: String,
    /// Used where the source does not say it. Without one, and not optional, a source has to.
    pub default: Option<Value>,
    #[serde(default)]
    pub optional: bool,
    /// So many elements the platform allows a list at most.
    pub most: Option<usize>,
    /// What the mapping tests use, and the reference shows.
    pub example: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingType {
    Text,
    Integer,
    /// An address that begins with http; a slash at its end does not count.
    Url,
    /// Texts.
    List,
    /// Never in the configuration itself: `NAME_env` names an environment variable, `NAME_file` a file.
    Secret,
}

/// The keys that every declarative source has beside its definition's.
pub(crate) const COMMON: [(&str, &str); 3] = [
    ("poll_seconds", "How long a listing rests once it is read to its end."),
    ("backfill_days", "How far back the first reading goes."),
    ("keep_raw", "Keep each record as it came beside its mention."),
];

/// What a source said, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    /// Texts, numbers and addresses by name.
    pub(crate) names: BTreeMap<String, String>,
    pub(crate) lists: BTreeMap<String, Vec<String>>,
    pub(crate) secrets: BTreeMap<String, SecretPlace>,
    pub(crate) every: Option<SignedDuration>,
    pub(crate) backfill: Option<SignedDuration>,
    pub(crate) keep_raw: bool,
}

/// A key and what is wrong with it.
pub(crate) type WrongSetting = (String, String);

impl Values {
    pub(crate) fn read(settings: &[Setting], mut table: toml::Table) -> Result<Self, WrongSetting> {
        let mut values = Self::default();
        for setting in settings {
            values.take(setting, &mut table)?;
        }
        values.every = positive(&mut table, "poll_seconds")?.map(SignedDuration::from_secs);
        values.backfill = positive(&mut table, "backfill_days")?.map(|days| SignedDuration::from_hours(24 * days));
        values.keep_raw = match table.remove("keep_raw") {
            None => false,
            Some(Value::Boolean(keep)) => keep,
            Some(_) => return Err(("keep_raw".into(), "is neither true nor false".into())),
        };
        match table.keys().next() {
            Some(key) => {
                let keys = keys(settings);
                let known: Vec<&str> = keys.iter().map(String::as_str).collect();
                Err((key.clone(), unknown(key, &known)))
            }
            None => Ok(values),
        }
    }

    /// The values that mapping tests run with: examples, else defaults.
    pub(crate) fn examples(settings: &[Setting]) -> Result<Self, WrongSetting> {
        let value = |setting: &Setting| setting.example.clone().or_else(|| setting.default.clone());
        let plain = settings.iter().filter(|setting| setting.kind != SettingType::Secret);
        let table = plain.filter_map(|setting| Some((setting.name.clone(), value(setting)?))).collect();
        let settings: Vec<Setting> =
            settings.iter().map(|setting| Setting { optional: true, ..setting.clone() }).collect();
        Self::read(&settings, table)
    }

    fn take(&mut self, setting: &Setting, table: &mut toml::Table) -> Result<(), WrongSetting> {
        let name = setting.name.clone();
        if setting.kind == SettingType::Secret {
            return self.take_secret(setting, table);
        }
        let Some(value) = table.remove(&name).or_else(|| setting.default.clone()) else {
            return if setting.optional { Ok(()) } else { Err((name, format!("is missing: {}", setting.doc))) };
        };
        match setting.kind {
            SettingType::List => {
                let list = list(&value).map_err(|message| (name.clone(), message))?;
                if let Some(most) = setting.most.filter(|most| list.len() > *most) {
                    return Err((name, format!("has {} elements, and the platform takes {most} at most", list.len())));
                }
                self.lists.insert(name, list);
            }
            kind => {
                let text = text(kind, &value).map_err(|message| (name.clone(), message))?;
                self.names.insert(name, text);
            }
        }
        Ok(())
    }

    fn take_secret(&mut self, setting: &Setting, table: &mut toml::Table) -> Result<(), WrongSetting> {
        let [env, file] = secret_keys(&setting.name);
        let mut text = |key: &String| match table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err((key.clone(), "is no text".to_owned())),
        };
        let (from_env, from_file) = (text(&env)?, text(&file)?);
        match SecretPlace::of(from_env, from_file.map(Into::into)) {
            Err(message) => Err((env, message.to_owned())),
            Ok(Some(place)) => {
                self.secrets.insert(setting.name.clone(), place);
                Ok(())
            }
            Ok(None) if setting.optional => Ok(()),
            Ok(None) => Err((env, format!("is missing: name the environment variable that holds it. {}", setting.doc))),
        }
    }
}

/// The keys of a source's table that name a secret's place.
pub(crate) fn secret_keys(name: &str) -> [String; 2] {
    [format!("{name}_env"), format!("{name}_file")]
}

/// Every key that a source's table may have.
pub(crate) fn keys(settings: &[Setting]) -> Vec<String> {
    let own = settings.iter().flat_map(|setting| match setting.kind {
        SettingType::Secret => secret_keys(&setting.name).to_vec(),
        _ => vec![setting.name.clone()],
    });
    own.chain(COMMON.iter().map(|(key, _)| key.to_string())).collect()
}

fn positive(table: &mut toml::Table, key: &str) -> Result<Option<i64>, WrongSetting> {
    match table.remove(key) {
        None => Ok(None),
        Some(Value::Integer(number)) if (1..=1_000_000).contains(&number) => Ok(Some(number)),
        Some(_) => Err((key.to_owned(), "is no whole number above 0".to_owned())),
    }
}

fn list(value: &Value) -> Result<Vec<String>, String> {
    let items = value.as_array().and_then(|items| items.iter().map(scalar).collect::<Option<Vec<_>>>());
    let mut items = items.ok_or("is no list of texts")?;
    if items.iter().any(|item| item.trim().is_empty()) {
        return Err("has an empty text in it".to_owned());
    }
    let mut seen = std::collections::HashSet::new();
    items.retain(|item| seen.insert(item.clone()));
    Ok(items)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn text(kind: SettingType, value: &Value) -> Result<String, String> {
    match (kind, value) {
        (SettingType::Integer, Value::Integer(number)) => Ok(number.to_string()),
        (SettingType::Integer, _) => Err("is no whole number".to_owned()),
        (SettingType::Url, Value::String(text)) => {
            let url = Url::parse(text).map_err(|error| format!("is not an address: {error}"))?;
            match url.scheme() {
                "http" | "https" => Ok(text.trim_end_matches('/').to_owned()),
                _ => Err("does not start with https:// (or http://)".to_owned()),
            }
        }
        (_, Value::String(text)) => Ok(text.clone()),
        _ => Err("is no text".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Vec<Setting> {
        #[derive(Deserialize)]
        struct All {
            setting: Vec<Setting>,
        }
        let text = r#"
            setting = [
                { name = "base_url", type = "url", doc = "Where." },
                { name = "tags", type = "list", doc = "Which.", optional = true, most = 2 },
                { name = "most", type = "integer", doc = "How many.", default = 5 },
                { name = "token", type = "secret", doc = "From the account's page." },
            ]"#;
        toml::from_str::<All>(text).unwrap().setting
    }

    fn read(text: &str) -> Result<Values, String> {
        let table = toml::from_str(text).unwrap();
        Values::read(&settings(), table).map_err(|(key, message)| format!("{key} {message}"))
    }

    #[test]
    fn values_are_checked_and_defaults_filled_in() {
        let values = read("base_url = 'https://a.example/'\ntags = ['a', 'b', 'a']\ntoken_env = 'T'").unwrap();
        assert_eq!(values.names["base_url"], "https://a.example");
        assert_eq!(values.names["most"], "5");
        assert_eq!(values.lists["tags"], ["a", "b"]);
        assert_eq!(values.secrets["token"], SecretPlace::Env("T".into()));
    }

    #[test]
    fn mistakes_say_how_to_mend_them() {
        let base = "base_url = 'https://a.example'\ntoken_env = 'T'\n";
        for (text, message) in [
            ("token_env = 'T'", "base_url is missing: Where."),
            ("base_url = 'ftp://a.example'", "base_url does not start with https:// (or http://)"),
            (
                "base_url = 'https://a.example'",
                "token_env is missing: name the environment variable that holds it. From",
            ),
            (
                &format!("{base}tag = ['a']"),
                "tag is not known: write `tags`, or one of base_url, tags, most, token_env",
            ),
            (&format!("{base}tags = ['']"), "tags has an empty text in it"),
            (&format!("{base}tags = [1, 2, 3]"), "tags has 3 elements, and the platform takes 2 at most"),
            (&format!("{base}poll_seconds = 0"), "poll_seconds is no whole number above 0"),
            (&format!("{base}token = 'secret'"), "token is not known: write `token_env`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
