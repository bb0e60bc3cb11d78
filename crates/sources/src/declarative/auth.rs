//! How a request says who asks: what a definition writes, checked, and what comes of it with a source's settings.

use serde::Deserialize;
use url::Url;

use super::{
    definition::Definition,
    error::{Under, Wrong, unknown, with_hint},
    settings::{SettingType, Values},
    template::Template,
};
use crate::{
    SourceError, World,
    http::{Auth, ClientId, Grant, OAuth, Secret, header::HeaderName},
};

/// One way to say who asks. `secret` and the like name settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AuthRule {
    Bearer {
        secret: String,
    },
    /// `user` is a setting.
    Basic {
        user: String,
        secret: String,
    },
    Header {
        name: String,
        #[serde(default)]
        prefix: String,
        secret: String,
    },
    Query {
        name: String,
        secret: String,
    },
    #[serde(rename = "oauth")]
    OAuth(OAuthRule),
}

/// A token that the platform gives for a while.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuthRule {
    /// With settings in `{holes}`. A service account's key has its own.
    token_url: Option<String>,
    /// The first whose settings a source has.
    grant: OneOrMany,
    client_id: Option<String>,
    #[serde(default = "client_id")]
    client_id_as: String,
    /// The client's.
    secret: Option<String>,
    user: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    /// A service account's key file.
    key: Option<String>,
    scope: Option<String>,
    #[serde(default)]
    client: ClientPlace,
}

fn client_id() -> String {
    "client_id".to_owned()
}

/// Where a request for a token says which program asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClientPlace {
    #[default]
    Basic,
    Body,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// One rule or several.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum RawAuth {
    Several(Vec<toml::Table>),
    One(toml::Table),
}

impl RawAuth {
    pub(crate) fn parse(self) -> Result<Vec<AuthRule>, Wrong> {
        let rule = |table: toml::Table| {
            let read = toml::Value::Table(table).try_into::<AuthRule>();
            read.map_err(|error| Wrong::new(format!("can not be read: {}", with_hint(error.message()))))
        };
        match self {
            RawAuth::One(table) => Ok(vec![rule(table)?]),
            RawAuth::Several(tables) => {
                tables.into_iter().enumerate().map(|(index, table)| rule(table).under(index)).collect()
            }
        }
    }
}

const GRANTS: [&str; 4] = ["client_credentials", "password", "refresh_token", "service_account"];

impl OAuthRule {
    fn grants(&self) -> Vec<&str> {
        match &self.grant {
            OneOrMany::One(name) => vec![name],
            OneOrMany::Many(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// The settings that a grant needs, by the key that names each.
    fn needs(&self, grant: &str) -> Vec<(&'static str, Option<&String>, SettingType)> {
        let client = ("client_id", self.client_id.as_ref(), SettingType::Text);
        let secret = ("secret", self.secret.as_ref(), SettingType::Secret);
        match grant {
            "password" => vec![
                client,
                secret,
                ("user", self.user.as_ref(), SettingType::Text),
                ("password", self.password.as_ref(), SettingType::Secret),
            ],
            "refresh_token" => {
                vec![client, ("refresh_token", self.refresh_token.as_ref(), SettingType::Secret)]
            }
            "service_account" => vec![("key", self.key.as_ref(), SettingType::Secret)],
            _ => vec![client, secret],
        }
    }

    fn check(&self, definition: &Definition) -> Result<(), Wrong> {
        for grant in self.grants() {
            if !GRANTS.contains(&grant) {
                return Err(Wrong::new(unknown(grant, &GRANTS)).under("grant"));
            }
            for (key, name, kind) in self.needs(grant) {
                let name = name.ok_or_else(|| format!("is missing: the grant {grant} needs the name of a setting"));
                definition.has(kind, name.under(key)?).under(key)?;
            }
            if grant != "service_account" && self.token_url.is_none() {
                return Err(Wrong::new(format!("is missing: the grant {grant} asks there")).under("token_url"));
            }
        }
        let template = self.token_url.as_deref().map(Template::parse).transpose().under("token_url")?;
        let names = definition.names();
        match template.iter().flat_map(Template::holes).find(|hole| !names.contains(hole)) {
            Some(hole) => Err(Wrong::new(format!("has the hole `{{{hole}}}`, which {}", unknown(hole, &names))))
                .under("token_url"),
            None => Ok(()),
        }
    }

    fn is_there(&self, grant: &str, values: &Values) -> bool {
        self.needs(grant).into_iter().all(|(_, name, kind)| {
            name.is_some_and(|name| match kind {
                SettingType::Secret => values.secrets.contains_key(name),
                _ => values.names.contains_key(name),
            })
        })
    }

    /// `None` where the settings are not there: it asks as nobody.
    fn auth(&self, values: &Values, world: &World) -> Result<Option<Auth>, SourceError> {
        let Some(grant) = self.grants().into_iter().find(|grant| self.is_there(grant, values)) else { return Ok(None) };
        let secret = |name: &Option<String>| read(name.as_ref(), values, world);
        let text = |name: &Option<String>| {
            name.as_ref().and_then(|name| values.names.get(name)).cloned().unwrap_or_default()
        };
        let scope = self.scope.clone().unwrap_or_default();
        let grant = match grant {
            "service_account" => {
                let key = secret(&self.key)?.unwrap_or_else(|| Secret::new(""));
                return OAuth::google(&key, &scope).map(|oauth| Auth::OAuth(Box::new(oauth))).map(Some);
            }
            "password" => Grant::Password {
                user: text(&self.user),
                password: secret(&self.password)?.unwrap_or_else(|| Secret::new("")),
            },
            "refresh_token" => {
                Grant::RefreshToken(secret(&self.refresh_token)?.unwrap_or_else(|| Secret::new("")))
            }
            _ => Grant::ClientCredentials,
        };
        let client = ClientId {
            id: text(&self.client_id),
            id_as: self.client_id_as.clone(),
            secret: secret(&self.secret)?,
            is_basic: self.client == ClientPlace::Basic,
        };
        let oauth = OAuth::new(self.address(values)?, grant).with_client(client);
        Ok(Some(Auth::OAuth(Box::new(if scope.is_empty() { oauth } else { oauth.with_scope(scope) }))))
    }

    fn address(&self, values: &Values) -> Result<Url, SourceError> {
        let written = self.token_url.as_deref().unwrap_or_default();
        let template = Template::parse(written).map_err(SourceError::Config)?;
        let filled = template.fill(|name| values.names.get(name).cloned()).unwrap_or_default();
        Url::parse(&filled)
            .map_err(|error| SourceError::Config(format!("{filled:?}, where tokens are asked for, is no address: {error}")))
    }
}

fn read(name: Option<&String>, values: &Values, world: &World) -> Result<Option<Secret>, SourceError> {
    name.and_then(|name| values.secrets.get(name)).map(|place| place.read(world)).transpose()
}

pub(crate) fn check(rules: &[AuthRule], definition: &Definition) -> Result<(), Wrong> {
    rules.iter().enumerate().try_for_each(|(index, rule)| {
        let checked = check_one(rule, definition);
        if rules.len() > 1 { checked.under(index) } else { checked }
    })
}

fn check_one(rule: &AuthRule, definition: &Definition) -> Result<(), Wrong> {
    let has_secret = |name: &str| definition.has(SettingType::Secret, name).under("secret");
    match rule {
        AuthRule::Bearer { secret } | AuthRule::Query { secret, .. } => has_secret(secret),
        AuthRule::Header { name, secret, .. } => {
            HeaderName::try_from(name).map_err(|_| "is no name of a header".to_owned()).under("name")?;
            has_secret(secret)
        }
        AuthRule::Basic { user, secret } => {
            has_secret(secret)?;
            definition.has(SettingType::Text, user).under("user")
        }
        AuthRule::OAuth(rule) => rule.check(definition),
    }
}

/// What a source sends along. An optional secret that is not there is left out.
pub(crate) fn auth(rules: &[AuthRule], values: &Values, world: &World) -> Result<Auth, SourceError> {
    let mut all = Vec::new();
    for rule in rules {
        all.extend(one(rule, values, world)?);
    }
    Ok(match all.len() {
        0 => Auth::None,
        1 => all.remove(0),
        _ => Auth::Several(all),
    })
}

fn one(rule: &AuthRule, values: &Values, world: &World) -> Result<Option<Auth>, SourceError> {
    let name = match rule {
        AuthRule::OAuth(rule) => return rule.auth(values, world),
        AuthRule::Bearer { secret }
        | AuthRule::Basic { secret, .. }
        | AuthRule::Header { secret, .. }
        | AuthRule::Query { secret, .. } => secret,
    };
    let Some(value) = read(Some(name), values, world)? else { return Ok(None) };
    Ok(match rule {
        AuthRule::Bearer { .. } => Some(Auth::Bearer(value)),
        AuthRule::Basic { user, .. } => {
            Some(Auth::Basic { user: values.names.get(user).cloned().unwrap_or_default(), password: value })
        }
        AuthRule::Header { name, prefix, .. } => {
            let name = HeaderName::try_from(name)
                .map_err(|_| SourceError::Config(format!("{name:?} is no name of a header: mend `auth.name`")))?;
            Some(Auth::Header { name, prefix: prefix.clone(), value })
        }
        AuthRule::Query { name, .. } => Some(Auth::Query { name: name.clone(), value }),
        AuthRule::OAuth(_) => None,
    })
}

/// The names of parameters that hold a secret.
pub(crate) fn secret_parameters(rules: &[AuthRule]) -> impl Iterator<Item = &str> {
    rules.iter().filter_map(|rule| match rule {
        AuthRule::Query { name, .. } => Some(name.as_str()),
        _ => None,
    })
}
