//! Which chats are read.

use std::{collections::BTreeMap, fmt};

use super::map::Chat;

/// A chat as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Id(i64),
    /// Without `@`, lower-case.
    Public(String),
}

impl Name {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let public = text.strip_prefix('@').or_else(|| text.strip_prefix("https://t.me/"));
        match public {
            Some(name) if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                Some(Name::Public(name.to_lowercase()))
            }
            Some(_) => None,
            None => text.parse().ok().map(Name::Id),
        }
    }

    pub(super) fn is(&self, chat: &Chat, moved: &BTreeMap<i64, i64>) -> bool {
        match self {
            Name::Id(id) => chat.id == *id || moved.get(id) == Some(&chat.id),
            Name::Public(name) => chat.username.as_ref().is_some_and(|username| username.to_lowercase() == *name),
        }
    }

    /// As the API wants it.
    pub(super) fn asked(&self, moved: &BTreeMap<i64, i64>) -> String {
        match self {
            Name::Id(id) => moved.get(id).unwrap_or(id).to_string(),
            Name::Public(name) => format!("@{name}"),
        }
    }

    /// As an account is named: without `@`.
    pub(super) fn account(&self) -> String {
        match self {
            Name::Id(id) => id.to_string(),
            Name::Public(name) => name.clone(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Id(id) => write!(formatter, "{id}"),
            Name::Public(name) => write!(formatter, "@{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_named_by_its_number_or_in_public() {
        assert_eq!(Name::parse("@Tea_Talk"), Some(Name::Public("tea_talk".into())));
        assert_eq!(Name::parse("https://t.me/tea_talk"), Some(Name::Public("tea_talk".into())));
        assert_eq!(Name::parse("-1005"), Some(Name::Id(-1005)));
        for wrong in ["tea talk", "@", "@tea/5", "tea"] {
            assert_eq!(Name::parse(wrong), None, "{wrong}");
        }
        let chat = Chat { id: -1005, kind: "supergroup".into(), username: Some("Tea_Talk".into()), title: None };
        let moved = BTreeMap::from([(-7, -1005)]);
        assert!(Name::Public("tea_talk".into()).is(&chat, &moved));
        assert!(Name::Id(-7).is(&chat, &moved), "it moved there");
        assert!(!Name::Id(-7).is(&chat, &BTreeMap::new()));
        assert_eq!(Name::Id(-7).asked(&moved), "-1005");
    }
}
