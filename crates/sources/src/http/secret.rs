use std::{fmt, path::PathBuf};

use serde::Deserialize;

use crate::{SourceError, World};

/// A value that is never printed: not by `Debug`, not in a message.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text without the secret, as it is and as a URL writes it: platforms repeat in their messages what they were
    /// sent.
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() {
            return text.to_owned();
        }
        let encoded: String = url::form_urlencoded::byte_serialize(self.0.as_bytes()).collect();
        text.replace(&self.0, REDACTED).replace(&encoded, REDACTED)
    }
}

const REDACTED: &str = "[redacted]";

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(REDACTED)
    }
}

/// Where a secret is read. The configuration names the place; it never holds the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretPlace {
    /// An environment variable.
    Env(String),
    /// A file; white space at its ends does not count.
    File(PathBuf),
}

impl SecretPlace {
    /// From the two keys that settings have for it. `Err` says what is wrong with them; `None` where neither is there.
    pub fn of(env: Option<String>, file: Option<PathBuf>) -> Result<Option<Self>, &'static str> {
        match (env, file) {
            (Some(_), Some(_)) => Err("stands beside the key for a file: keep one of the two"),
            (Some(env), None) => Ok(Some(SecretPlace::Env(env))),
            (None, Some(file)) => Ok(Some(SecretPlace::File(file))),
            (None, None) => Ok(None),
        }
    }

    /// Reads it. A secret that is not there is an error of the configuration.
    pub fn read(&self, world: &World) -> Result<Secret, SourceError> {
        let value = match self {
            SecretPlace::Env(name) => (world.variable)(name).ok_or_else(|| {
                SourceError::Config(format!("the environment variable {name} is not set, and holds the secret: set it"))
            })?,
            SecretPlace::File(path) => std::fs::read_to_string(path).map_err(|error| {
                SourceError::Config(format!("cannot read the secret from {}: {error}", path.display()))
            })?,
        };
        match value.trim() {
            "" => Err(SourceError::Config(format!("the secret is empty: fill {self}"))),
            value => Ok(Secret::new(value)),
        }
    }
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretPlace::Env(name) => write!(formatter, "the environment variable {name}"),
            SecretPlace::File(path) => write!(formatter, "the file {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_in_no_form() {
        let secret = Secret::new("a/b c");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(secret.redact("bad key a/b c in ?key=a%2Fb+c"), "bad key [redacted] in ?key=[redacted]");
        assert_eq!(Secret::new("").redact("nothing"), "nothing");
    }

    #[test]
    fn a_missing_secret_says_what_to_set() {
        let world = World::real().with_variables(|name| (name == "EMPTY").then(|| " \n".to_owned()));
        let error = SecretPlace::Env("TOKEN".into()).read(&world).unwrap_err().to_string();
        assert_eq!(error, "the environment variable TOKEN is not set, and holds the secret: set it");
        let error = SecretPlace::Env("EMPTY".into()).read(&world).unwrap_err().to_string();
        assert_eq!(error, "the secret is empty: fill the environment variable EMPTY");
        assert!(SecretPlace::of(Some("A".into()), Some("b".into())).is_err());
    }
}
