//! Versions of a mention are told apart by when they were observed. A page may hold two of them under one time: the page's.

use std::collections::HashMap;

use grapevine_model::{Event, MentionKey};
use jiff::{SignedDuration, Timestamp};

/// Moves each further version of one time a microsecond on, which is as fine as the store keeps times: what comes later in
/// the page then wins, as it must. A tombstone of an author takes all versions before it away, so it is moved behind the
/// furthest of them, and what comes after it behind the tombstone.
pub fn tell_apart(events: &mut [Event]) {
    let mut last: HashMap<MentionKey, (Timestamp, i64)> = HashMap::new();
    let mut all: HashMap<Timestamp, Moved> = HashMap::new();
    for event in events {
        let (key, observed_at) = match event {
            Event::Upsert(mention) => (Some(&mention.key), &mut mention.observed_at),
            Event::Delete(deletion) => (Some(&deletion.key), &mut deletion.observed_at),
            Event::AuthorTombstone(tombstone) => (None, &mut tombstone.observed_at),
            _ => continue,
        };
        let stated = *observed_at;
        let moved = all.entry(stated).or_default();
        let further = match key {
            None => moved.furthest,
            Some(key) => match last.get(key) {
                Some((before, further)) if *before == stated => moved.least.max(further + 1),
                _ => moved.least,
            },
        };
        moved.furthest = moved.furthest.max(further);
        match key {
            None => moved.least = further + 1,
            Some(key) => drop(last.insert(key.clone(), (stated, further))),
        }
        *observed_at = stated.checked_add(SignedDuration::from_micros(further)).unwrap_or(stated);
    }
}

/// Microseconds that versions of one time were moved on by.
#[derive(Default)]
struct Moved {
    furthest: i64,
    /// What comes from now on is moved by no less: a tombstone was there.
    least: i64,
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Author, AuthorTombstone, Deletion, Mention};

    use super::*;

    fn upsert(id: &str, microsecond: i64) -> Event {
        let observed_at = Timestamp::from_microsecond(microsecond).unwrap();
        let mention = Mention::new(MentionKey::new("test", "", id), Author::default(), observed_at, "acme");
        Event::Upsert(Box::new(mention))
    }

    fn observed(events: &mut [Event]) -> Vec<i64> {
        tell_apart(events);
        let time = |event: &Event| match event {
            Event::Upsert(mention) => mention.observed_at.as_microsecond(),
            Event::Delete(deletion) => deletion.observed_at.as_microsecond(),
            Event::AuthorTombstone(tombstone) => tombstone.observed_at.as_microsecond(),
            _ => panic!("{event:?}"),
        };
        events.iter().map(time).collect()
    }

    #[test]
    fn a_later_version_of_the_same_time_becomes_newer() {
        let (key, observed_at) = (MentionKey::new("test", "", "a"), Timestamp::from_microsecond(5).unwrap());
        let deletion = Event::Delete(Deletion { key, observed_at });
        let mut page = [upsert("a", 5), upsert("b", 5), deletion, upsert("a", 5)];
        assert_eq!(observed(&mut page), [5, 5, 6, 7]);
    }

    #[test]
    fn a_time_of_its_own_is_left() {
        assert_eq!(observed(&mut [upsert("a", 9), upsert("a", 5), upsert("a", 20)]), [9, 5, 20]);
    }

    #[test]
    fn a_tombstone_of_an_author_takes_what_came_before_it_in_the_page_and_nothing_after() {
        let observed_at = Timestamp::from_microsecond(5).unwrap();
        let (platform, instance, author) = ("test".into(), String::new(), "ada".into());
        let tombstone = Event::AuthorTombstone(AuthorTombstone { platform, instance, author, observed_at });
        let mut page = [upsert("a", 5), upsert("a", 5), tombstone, upsert("b", 5), upsert("b", 5), upsert("c", 9)];
        // At equal times the tombstone wins.
        assert_eq!(observed(&mut page), [5, 6, 6, 7, 8, 9]);
    }
}
