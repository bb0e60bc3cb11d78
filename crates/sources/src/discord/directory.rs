//! Servers, channels and roles, as far as they are known. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{DiscordSpec, Space, map::Context, words::Names};
use crate::json::{int, list, owned, text};

/// Types of channel that hold messages: text, voice, announcements, threads (three kinds), stages. Forums hold threads.
const HOLD_MESSAGES: [i64; 7] = [0, 2, 5, 10, 11, 12, 13];
const THREADS: [i64; 3] = [10, 11, 12];

#[derive(Debug, Clone, Default)]
pub(super) struct Directory {
    guilds: BTreeMap<String, Guild>,
    channels: BTreeMap<String, Channel>,
    names: Arc<Names>,
}

#[derive(Debug, Clone, Default)]
struct Guild {
    name: String,
    /// Ids of the roles that are staff.
    team_roles: Vec<String>,
}

#[derive(Debug, Clone, Default)]
struct Channel {
    name: String,
    guild: String,
    parent: Option<String>,
    kind: i64,
    /// Its last message.
    last: Option<u64>,
}

impl Directory {
    /// Takes in a server, with the channels, threads and roles that stand in it.
    pub(super) fn add_guild(&mut self, guild: &Value, spec: &DiscordSpec) {
        let Some(id) = text(guild, "id") else { return };
        let mut known = Guild { name: owned(guild, "name").unwrap_or_default(), team_roles: Vec::new() };
        for role in list(guild, "roles") {
            let (Some(role_id), name) = (text(role, "id"), text(role, "name").unwrap_or_default()) else { continue };
            Arc::make_mut(&mut self.names).roles.insert(role_id.to_owned(), name.to_owned());
            if spec.team_roles.iter().any(|wanted| wanted == role_id || wanted == name) {
                known.team_roles.push(role_id.to_owned());
            }
        }
        self.guilds.insert(id.to_owned(), known);
        for channel in list(guild, "channels").iter().chain(list(guild, "threads")) {
            self.add_channel(channel, Some(id));
        }
    }

    /// Takes in a channel or thread. What it does not say stays.
    pub(super) fn add_channel(&mut self, channel: &Value, guild: Option<&str>) {
        let Some(id) = text(channel, "id") else { return };
        let known = self.channels.entry(id.to_owned()).or_default();
        known.kind = int(channel, "type").unwrap_or(known.kind);
        known.parent = owned(channel, "parent_id").or(known.parent.take());
        known.last = text(channel, "last_message_id").and_then(|last| last.parse().ok()).or(known.last);
        if let Some(guild) = text(channel, "guild_id").or(guild) {
            known.guild = guild.to_owned();
        }
        if let Some(name) = text(channel, "name").filter(|name| *name != known.name) {
            known.name = name.to_owned();
            Arc::make_mut(&mut self.names).channels.insert(id.to_owned(), name.to_owned());
        }
    }

    pub(super) fn knows(&self, channel: &str) -> bool {
        self.channels.contains_key(channel)
    }

    pub(super) fn knows_guild(&self, guild: &str) -> bool {
        self.guilds.contains_key(guild)
    }

    /// As people call it.
    pub(super) fn name(&self, channel: &str) -> String {
        let known = self.channels.get(channel).filter(|channel| !channel.name.is_empty());
        known.map_or_else(|| channel.to_owned(), |channel| format!("#{}", channel.name))
    }

    /// Whether the settings have it read: by its server, by itself, or as a thread of one that is read.
    pub(super) fn follows(&self, channel: &str, spec: &DiscordSpec) -> bool {
        let is_named = |id: &str| spec.channels.iter().any(|wanted| wanted == id);
        let known = self.channels.get(channel);
        is_named(channel)
            || known.is_some_and(|known| {
                spec.guilds.contains(&known.guild) || known.parent.as_deref().is_some_and(is_named)
            })
    }

    /// Those whose messages are to be read, where they have one that was not: `read` tells up to which, `since` from which
    /// on.
    pub(super) fn to_read(&self, spec: &DiscordSpec, read: &BTreeMap<String, u64>, since: u64) -> Vec<String> {
        let has_news = |id: &str, channel: &Channel| {
            channel.last.is_none_or(|last| last > read.get(id).copied().unwrap_or_default().max(since))
        };
        let wanted = self.channels.iter().filter(|(id, channel)| {
            HOLD_MESSAGES.contains(&channel.kind) && self.follows(id, spec) && has_news(id, channel)
        });
        let ids: BTreeSet<String> = wanted.map(|(id, _)| id.clone()).collect();
        ids.into_iter().collect()
    }

    /// What is known around a message of a channel.
    pub(super) fn context(&self, channel: &str, spec: &DiscordSpec) -> Context {
        let known = self.channels.get(channel).cloned().unwrap_or_default();
        let guild = self.guilds.get(&known.guild);
        // A thread belongs to the channel that it hangs under.
        let is_thread = THREADS.contains(&known.kind);
        let place = known.parent.as_ref().filter(|_| is_thread).and_then(|parent| self.channels.get(parent));
        let space = match spec.space {
            Space::Channel => Some(place.unwrap_or(&known).name.clone()),
            Space::Server => guild.map(|guild| guild.name.clone()),
        };
        Context {
            guild: known.guild.clone(),
            space: space.filter(|space| !space.is_empty()),
            is_thread,
            roles: Vec::new(),
            team_roles: guild.map(|guild| guild.team_roles.clone()).unwrap_or_default(),
            is_listed: false,
            names: self.names.clone(),
        }
    }
}
