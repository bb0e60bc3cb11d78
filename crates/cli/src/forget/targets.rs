//! What is named, and what that is in the store.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use grapevine_model::{
    MentionId,
    forgotten::{Account, Subject},
};
use grapevine_store::{Named as Known, Store};

/// Whom somebody names, as text.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// `PLATFORM:ACCOUNT`.
    pub authors: Vec<String>,
    /// Ids or addresses.
    pub mentions: Vec<String>,
    pub instance: Option<String>,
}

/// Accounts and mentions that are to be forgotten.
#[derive(Debug, Default, PartialEq)]
pub struct Targets {
    pub accounts: Vec<Account>,
    pub mentions: Vec<MentionId>,
}

impl Targets {
    /// Accounts by every name that the store knows of them.
    pub async fn of(asked: &Named, store: &Store) -> anyhow::Result<Self> {
        let named = asked.authors.iter().map(|text| parse(text)).collect::<anyhow::Result<Vec<_>>>()?;
        if named.is_empty() && asked.mentions.is_empty() {
            bail!("nobody is named\nhint: grapevine forget --author PLATFORM:ACCOUNT, or --mention ID");
        }
        let known = if named.is_empty() { Vec::new() } else { store.authors_named(&named).await? };
        let accounts = resolve(&named, &known, asked.instance.as_deref())?;
        let mut mentions = Vec::new();
        for text in &asked.mentions {
            mentions.extend(mention(text, store).await?);
        }
        Ok(Self { accounts, mentions })
    }

    pub fn subjects(&self) -> impl Iterator<Item = Subject> {
        let accounts = self.accounts.iter().cloned().map(Subject::Author);
        accounts.chain(self.mentions.iter().copied().map(Subject::Mention))
    }

    /// In lower case, for what can not be read as an event.
    pub fn names(&self) -> BTreeSet<String> {
        self.accounts.iter().map(|account| account.name.to_ascii_lowercase()).collect()
    }
}

/// `PLATFORM:ACCOUNT`; an account may hold colons.
fn parse(text: &str) -> anyhow::Result<Account> {
    match text.split_once(':') {
        Some((platform, name)) if !platform.is_empty() && !name.trim_start_matches('@').is_empty() => Ok(Account {
            platform: platform.to_owned(),
            instance: String::new(),
            name: name.trim_start_matches('@').to_owned(),
        }),
        _ => bail!("{text:?} is no PLATFORM:ACCOUNT, such as x:ada or bluesky:did:plc:abc"),
    }
}

async fn mention(text: &str, store: &Store) -> anyhow::Result<Vec<MentionId>> {
    if let Ok(id) = text.parse() {
        return Ok(vec![id]);
    }
    if !text.contains("://") {
        bail!("{text:?} is neither an id of 32 hexadecimal digits nor an address");
    }
    let found = store.mentions_at(text).await?;
    if found.is_empty() {
        bail!("no stored mention has the address {text}\nhint: name it by its id, or its author");
    }
    Ok(found)
}

/// Each account under the name that was given, and under the platform's id where it was named by its handle.
fn resolve(named: &[Account], known: &[Known], instance: Option<&str>) -> anyhow::Result<Vec<Account>> {
    let mut by_name: BTreeMap<(&str, String), Vec<&Known>> = BTreeMap::new();
    for one in known.iter().filter(|one| instance.is_none_or(|instance| instance == one.instance)) {
        for name in [&one.author, &one.handle] {
            by_name.entry((&one.platform, name.to_ascii_lowercase())).or_default().push(one);
        }
    }
    let mut accounts = BTreeSet::new();
    for Account { platform, name, .. } in named {
        let found = by_name.get(&(platform.as_str(), name.to_ascii_lowercase())).map_or(&[][..], Vec::as_slice);
        let instances: BTreeSet<&str> = found.iter().map(|one| one.instance.as_str()).collect();
        if instances.len() > 1 {
            let list = instances.into_iter().collect::<Vec<_>>().join(", ");
            bail!("{platform}:{name} is on several instances: {list}\nhint: say which with --instance");
        }
        let on = instances.first().copied().or(instance).unwrap_or_default();
        let of = |name: &str| Account { platform: platform.clone(), instance: on.to_owned(), name: name.to_owned() };
        accounts.insert(of(name));
        accounts.extend(found.iter().filter(|one| !one.author.is_empty()).map(|one| of(&one.author)));
    }
    Ok(accounts.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(instance: &str, author: &str, handle: &str) -> Known {
        Known { platform: "forum".into(), instance: instance.into(), author: author.into(), handle: handle.into() }
    }

    fn names(accounts: &[Account]) -> Vec<String> {
        accounts.iter().map(|account| format!("{}/{}", account.instance, account.name)).collect()
    }

    #[test]
    fn an_account_may_hold_colons_and_an_at_sign_before_it_is_no_part_of_it() {
        let account = parse("bluesky:did:plc:abc").unwrap();
        assert_eq!((account.platform.as_str(), account.name.as_str()), ("bluesky", "did:plc:abc"));
        assert_eq!(parse("x:@ada").unwrap().name, "ada");
        for text in ["ada", ":ada", "x:", "x:@"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_handle_brings_the_platforms_id_and_the_instance_with_it() {
        let ada = [parse("forum:Ada").unwrap()];
        let known = [named("a.example", "17", "ada")];
        assert_eq!(names(&resolve(&ada, &known, None).unwrap()), ["a.example/17", "a.example/Ada"]);
        assert_eq!(names(&resolve(&ada, &[], Some("b.example")).unwrap()), ["b.example/Ada"]);
    }

    #[test]
    fn one_of_several_instances_has_to_be_named() {
        let ada = [parse("forum:ada").unwrap()];
        let known = [named("a.example", "17", "ada"), named("b.example", "9", "ada")];
        let error = resolve(&ada, &known, None).unwrap_err().to_string();
        assert!(error.contains("a.example, b.example") && error.contains("--instance"), "{error}");
        assert_eq!(names(&resolve(&ada, &known, Some("b.example")).unwrap()), ["b.example/9", "b.example/ada"]);
    }
}
