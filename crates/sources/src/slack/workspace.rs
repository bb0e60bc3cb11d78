//! What a source has to ask of a workspace beside its messages: who we are, which channels there are, who its members are.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{people::Person, source::SlackSource};
use crate::{
    SourceError,
    json::{flag, list, owned, text},
};

/// How long the list of channels holds.
const LISTED_FOR: SignedDuration = SignedDuration::from_hours(1);
/// The same, where a channel that is named was not in it.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// No workspace has more pages of channels.
const MOST_LISTS: usize = 200;

pub(super) struct Workspace {
    pub(super) team: String,
    address: String,
    /// Names by id, of those that are read.
    pub(super) channels: BTreeMap<String, String>,
    /// When it is asked for again.
    holds_until: Timestamp,
}

impl Workspace {
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// The name of a channel, or its id.
    pub(super) fn name<'a>(&'a self, channel: &'a str) -> &'a str {
        self.channels.get(channel).map_or(channel, String::as_str)
    }
}

impl SlackSource {
    /// Who we are, and which channels there are to read.
    pub(super) async fn look_around(&mut self) -> Result<(), SourceError> {
        let now = self.now();
        if self.workspace.as_ref().is_some_and(|known| now < known.holds_until) {
            return Ok(());
        }
        let found = match self.api.ask("auth.test", &[]).await {
            Ok(who) => self.channels().await.map(|listed| (who, listed)),
            Err(error) => Err(error),
        };
        let (who, listed) = match (found, &mut self.workspace) {
            (Ok(found), _) => found,
            // What was known goes on: what Slack sends meanwhile is not kept waiting.
            (Err(error), Some(known)) if error.is_transient() => {
                tracing::warn!("source {}: the channels are not listed anew: {error}", self.spec.name);
                known.holds_until = now + LOOK_AGAIN;
                return Ok(());
            }
            (Err(error), _) => return Err(error),
        };
        let channels = self.choose(listed);
        let team = owned(&who, "team_id").unwrap_or_default();
        let address = owned(&who, "url").unwrap_or_default();
        // What is named and not there may be there soon.
        let is_whole = !channels.is_empty() && channels.len() >= self.spec.channels.len();
        let holds_until = now + if is_whole { LISTED_FOR } else { self.spec.interval.min(LOOK_AGAIN) };
        self.workspace = Some(Workspace { team, address, channels, holds_until });
        Ok(())
    }

    async fn channels(&mut self) -> Result<Vec<Value>, SourceError> {
        let (mut all, mut page) = (Vec::new(), None);
        for _ in 0..MOST_LISTS {
            let mut query = vec![
                ("types", "public_channel,private_channel".to_owned()),
                ("exclude_archived", "true".to_owned()),
                ("limit", "999".to_owned()),
            ];
            query.extend(page.iter().map(|page: &String| ("cursor", page.clone())));
            let answer = match self.api.ask("conversations.list", &query).await {
                // Without the scope for private channels, the public ones are read.
                Err(SourceError::Auth(message)) if message.contains("groups:read") => {
                    query[0].1 = "public_channel".to_owned();
                    self.notices.insert("private channels".to_owned(), message);
                    self.api.ask("conversations.list", &query).await?
                }
                answer => answer?,
            };
            all.extend(list(&answer, "channels").iter().cloned());
            let next = owned(&answer, "response_metadata.next_cursor").filter(|next| Some(next) != page.as_ref());
            match next {
                Some(next) => page = Some(next),
                None => break,
            }
        }
        Ok(all)
    }

    /// Those that the settings name; else those that the app is a member of.
    fn choose(&mut self, listed: Vec<Value>) -> BTreeMap<String, String> {
        let named = |channel: &Value| Some((owned(channel, "id")?, owned(channel, "name").unwrap_or_default()));
        if self.spec.channels.is_empty() {
            let ours = listed.iter().filter(|channel| flag(channel, "is_member"));
            return ours.filter_map(named).collect();
        }
        let mut chosen = BTreeMap::new();
        for wanted in &self.spec.channels {
            let is_it = |channel: &&Value| {
                text(channel, "id") == Some(wanted) || text(channel, "name") == Some(wanted)
            };
            let found = listed.iter().find(is_it);
            match found.and_then(named) {
                Some((id, name)) => {
                    if found.is_some_and(|channel| channel.get("is_member") == Some(&Value::Bool(false))) {
                        self.notices.insert(name.clone(), "the app is no member: invite it there with /invite".to_owned());
                    }
                    chosen.insert(id, name);
                }
                None => {
                    let why = "no channel that the app can see has this name or id: invite it there with /invite";
                    self.notices.insert(wanted.clone(), why.to_owned());
                }
            }
        }
        chosen
    }

    /// Asks once for each name; whether all are known now. What can never be known leaves the id.
    pub(super) async fn meet(&mut self, users: Vec<String>) -> Result<bool, SourceError> {
        for user in users {
            if self.people.knows(&user) {
                continue;
            }
            match self.api.ask("users.info", &[("user", user.clone())]).await {
                Ok(answer) => {
                    let person = answer.get("user").map(Person::of).unwrap_or_default();
                    self.people.insert(&user, person);
                }
                Err(SourceError::Transient(message)) => return Err(SourceError::Transient(message)),
                Err(SourceError::RateLimited { .. }) => return Ok(false),
                Err(error) => {
                    if matches!(error, SourceError::Auth(_)) {
                        self.notices.insert("names of members".to_owned(), error.to_string());
                    }
                    self.people.insert(&user, Person::default());
                }
            }
        }
        Ok(true)
    }
}
