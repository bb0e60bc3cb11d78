//! Settings of receivers.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Deserializer};
use url::Url;

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Where alerts are sent: a webhook that takes signed JSON.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReceiverConfig {
    /// Unique. Part of the idempotency key: renaming a receiver tells it of open episodes once more.
    pub name: String,
    /// `https://…`, or `http://…` within your own network.
    pub url: Url,
    /// Environment variable that holds the secret that bodies are signed with. Either this or `secret_file`.
    pub secret_env: Option<String>,
    /// File that holds the secret; white space at its ends does not count.
    pub secret_file: Option<PathBuf>,
    /// Allow addresses of this machine and of private networks. Off, so that a URL cannot reach what only this machine can.
    #[serde(default)]
    pub allow_private: bool,
}

/// A URL may carry a token in its path or query, so only its host is shown.
impl fmt::Debug for ReceiverConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ReceiverConfig")
            .field("name", &self.name)
            .field("host", &self.url.host_str())
            .field("secret_env", &self.secret_env)
            .field("secret_file", &self.secret_file)
            .field("allow_private", &self.allow_private)
            .finish()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("receiver {name}: state the secret as secret_env or as secret_file, one of the two")]
    NoSecret { name: String },
    #[error("receiver {name}: the environment variable {variable} is not set; set it, or use secret_file")]
    NoVariable { name: String, variable: String },
    #[error("receiver {name}: cannot read {}: {source}", path.display())]
    NoFile { name: String, path: PathBuf, source: std::io::Error },
    #[error(
        "receiver {name}: the secret is shorter than 16 characters; use a random one, such as from openssl rand -hex 32"
    )]
    ShortSecret { name: String },
    #[error("receiver {name}: url must start with https:// or http://, without user name or password")]
    BadUrl { name: String },
    #[error("receiver {name}: cannot prepare TLS: {source}")]
    Client { name: String, source: reqwest::Error },
}

impl ReceiverError {
    /// All of them need a person.
    pub fn is_transient(&self) -> bool {
        false
    }
}

impl ReceiverConfig {
    /// Checks the address and reads the secret, from the environment through `variable` or from the file.
    pub fn secret(&self, variable: impl Fn(&str) -> Option<String>) -> Result<Secret, ReceiverError> {
        let name = self.name.clone();
        let plain = self.url.username().is_empty() && self.url.password().is_none() && self.url.has_host();
        if !plain || !matches!(self.url.scheme(), "http" | "https") {
            return Err(ReceiverError::BadUrl { name });
        }
        let value = match (&self.secret_env, &self.secret_file) {
            (Some(env), None) => {
                variable(env).ok_or(ReceiverError::NoVariable { name: name.clone(), variable: env.clone() })?
            }
            (None, Some(path)) => std::fs::read_to_string(path).map_err(|source| ReceiverError::NoFile {
                name: name.clone(),
                path: path.clone(),
                source,
            })?,
            _ => return Err(ReceiverError::NoSecret { name }),
        };
        let value = value.trim();
        if value.chars().count() < 16 {
            return Err(ReceiverError::ShortSecret { name });
        }
        Ok(Secret::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(fields: serde_json::Value) -> ReceiverConfig {
        let mut all = json!({ "name": "ops", "url": "https://hooks.example/T0KEN" });
        for (key, value) in fields.as_object().into_iter().flatten() {
            all[key] = value.clone();
        }
        serde_json::from_value(all).expect("a receiver")
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn reads_the_secret_from_one_place() {
        let env = config(json!({ "secret_env": "HOOK" }));
        let secret = env.secret(|name| (name == "HOOK").then(|| "0123456789abcdef\n".to_owned())).expect("a secret");
        assert_eq!(secret, Secret::new("0123456789abcdef"));
        let file = std::env::temp_dir().join(format!("grapevine-secret-{}", std::process::id()));
        std::fs::write(&file, "fedcba9876543210\n").expect("a temporary file");
        let from_file = config(json!({ "secret_file": file })).secret(nothing);
        std::fs::remove_file(&file).expect("its own file");
        assert_eq!(from_file.expect("a secret").expose(), "fedcba9876543210");
    }

    #[test]
    fn says_how_to_mend() {
        let cases = [
            (config(json!({})), "one of the two"),
            (config(json!({ "secret_env": "A", "secret_file": "b" })), "one of the two"),
            (config(json!({ "secret_env": "MISSING" })), "the environment variable MISSING is not set"),
            (config(json!({ "secret_file": "/nowhere/at/all" })), "cannot read /nowhere/at/all"),
            (config(json!({ "secret_env": "A", "url": "ftp://hooks.example" })), "must start with https://"),
            (config(json!({ "secret_env": "A", "url": "https://me:pw@hooks.example" })), "without user name"),
        ];
        for (config, want) in cases {
            let message = config.secret(nothing).expect_err("it is wrong").to_string();
            assert!(message.contains(want), "{message}");
        }
        let short = config(json!({ "secret_env": "A" })).secret(|_| Some("short".to_owned()));
        assert!(short.is_err_and(|error| error.to_string().contains("shorter than 16")));
    }

    #[test]
    fn prints_neither_secret_nor_token() {
        let printed = format!("{:?} {:?}", config(json!({ "secret_env": "HOOK" })), Secret::new("hush"));
        assert!(!printed.contains("T0KEN") && !printed.contains("hush"), "{printed}");
    }

    #[test]
    fn an_unknown_key_is_an_error() {
        let wrong = json!({ "name": "ops", "url": "https://hooks.example", "secret": "x" });
        assert!(serde_json::from_value::<ReceiverConfig>(wrong).is_err());
    }
}
