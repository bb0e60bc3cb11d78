//! Who is who in a workspace.

use std::collections::HashMap;

use serde_json::Value;

use crate::json::{flag, owned};

/// How many are remembered, at most.
const MOST: usize = 20_000;

/// A member, as far as it is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// The member's user name.
    pub handle: String,
    pub name: Option<String>,
    pub is_bot: bool,
    pub is_admin: bool,
}

impl Person {
    pub(super) fn of(user: &Value) -> Self {
        let shown = ["profile.display_name", "profile.real_name", "real_name"];
        Self {
            handle: owned(user, "name").unwrap_or_default(),
            name: shown.iter().find_map(|path| owned(user, path)),
            is_bot: flag(user, "is_bot"),
            is_admin: ["is_admin", "is_owner", "is_primary_owner"].iter().any(|path| flag(user, path)),
        }
    }
}

/// Those that were met, by id.
#[derive(Debug, Clone, Default)]
pub struct People {
    known: HashMap<String, Person>,
    /// Ids of those that count as staff, by the settings.
    staff: Vec<String>,
    admins_are_staff: bool,
}

impl People {
    /// Nobody yet, but who counts as staff.
    pub fn with_staff(staff: Vec<String>, admins_are_staff: bool) -> Self {
        Self { known: HashMap::new(), staff, admins_are_staff }
    }

    pub fn insert(&mut self, id: &str, person: Person) {
        if self.known.len() >= MOST {
            self.known.clear();
        }
        self.known.insert(id.to_owned(), person);
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.known.contains_key(id)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Person> {
        self.known.get(id)
    }

    pub(super) fn handle(&self, id: &str) -> Option<&str> {
        self.get(id).map(|person| person.handle.as_str()).filter(|handle| !handle.is_empty())
    }

    pub(super) fn is_staff(&self, id: &str) -> bool {
        self.staff.iter().any(|known| known == id)
            || (self.admins_are_staff && self.get(id).is_some_and(|person| person.is_admin))
    }
}
