//! Versions of a mention are told apart by when they were observed. A page may hold two of them under one time: the page's.

use std::collections::HashMap;

use grapevine_model::{Event, MentionKey};
use jiff::{SignedDuration, Timestamp};

/// Moves each further version of one time a microsecond on, which is as fine as the store keeps times: what comes later in
/// the page then wins, as it must.
pub fn tell_apart(events: &mut [Event]) {
    let mut last: HashMap<MentionKey, (Timestamp, i64)> = HashMap::new();
    for event in events {
        let (key, observed_at) = match event {
            Event::Upsert(mention) => (&mention.key, &mut mention.observed_at),
            Event::Delete(deletion) => (&deletion.key, &mut deletion.observed_at),
            _ => continue,
        };
        let stated = *observed_at;
        match last.get_mut(key) {
            Some((before, further)) if *before == stated => {
                *further += 1;
                *observed_at = stated.checked_add(SignedDuration::from_micros(*further)).unwrap_or(stated);
            }
            Some(known) => *known = (stated, 0),
            None => drop(last.insert(key.clone(), (stated, 0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use grapevine_model::{Author, Deletion, Mention};

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
}
