//! From one row of follower counts to an account snapshot. Pure.

use grapevine_model::{AccountSnapshot, Event};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Mapped, RowMap, span::When};

pub(super) const FIELDS: &[&str] = &["account", "observed_at", "followers"];

pub(super) const KNOWN_BY: [&[&str]; 2] = [&["observed_at"], &["followers"]];

/// A count of a day is how it stood when the day ended.
const LAST: SignedDuration = SignedDuration::from_secs(1);

impl RowMap {
    pub(super) fn followers(&self, record: &Value, observed_at: Timestamp) -> Result<Mapped, String> {
        let account = self.text("account", record).or_else(|| self.account.clone());
        let snapshot = AccountSnapshot {
            platform: self.platform.clone(),
            account: account
                .ok_or_else(|| self.missing("account", "the account's handle, or set `account` for all rows"))?,
            observed_at: self.counted_at(record, observed_at)?,
            followers: self
                .count("followers", record)?
                .ok_or_else(|| self.missing("followers", "how many followers the account had"))?,
        };
        Ok(Mapped::Events { events: vec![Event::AccountSnapshot(snapshot)], is_doubtful: false })
    }

    /// A day that is not over was counted when it was read.
    fn counted_at(&self, record: &Value, read_at: Timestamp) -> Result<Timestamp, String> {
        let at = self.when("observed_at", record, |when| match when {
            When::Day(_) => Ok(when.end(&self.zone)? - LAST),
            moment => moment.start(&self.zone),
        })?;
        let at = at.ok_or_else(|| self.missing("observed_at", "the day, or the time, of the count"))?;
        Ok(at.min(read_at))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rows::settings::RowSettings;

    fn map(toml: &str) -> RowMap {
        toml::from_str::<RowSettings>(toml).unwrap().over(None).unwrap()
    }

    fn read(map: &RowMap, row: Value) -> Result<AccountSnapshot, String> {
        match map.map(&row, "2026-03-04T15:00:00Z".parse().unwrap())? {
            Mapped::Events { events, is_doubtful: false } => match &events[..] {
                [Event::AccountSnapshot(snapshot)] => Ok(snapshot.clone()),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_count_of_a_day_is_that_of_its_end_and_one_of_today_that_of_now() {
        let map = map("gives = 'followers'\nplatform = 'instagram'\naccount = 'acme'\ntimezone = 'Europe/Berlin'\n\
                       columns = { observed_at = 'Date', followers = 'Total followers' }");
        for (written, at) in [
            ("2026-03-01", "2026-03-01T22:59:59Z"),
            ("2026-03-04", "2026-03-04T15:00:00Z"),
            ("2026-03-02T08:30:00Z", "2026-03-02T08:30:00Z"),
        ] {
            let found = read(&map, json!({ "Date": written, "Total followers": "12,345" })).unwrap();
            assert_eq!((found.observed_at.to_string().as_str(), found.followers), (at, 12_345), "{written}");
            assert_eq!((found.platform.as_str(), found.account.as_str()), ("instagram", "acme"));
        }
    }

    #[test]
    fn what_a_row_lacks_is_said_with_what_to_do() {
        let map = map("gives = 'followers'\nplatform = 'instagram'");
        let day = "2026-03-01";
        for (row, error) in [
            (json!({ "observed_at": day, "followers": 1 }), "`account` (looked for in `account`) is missing"),
            (json!({ "account": "a", "followers": 1 }), "`observed_at` (looked for in `observed_at`) is missing"),
            (json!({ "account": "a", "observed_at": day }), "`followers` (looked for in `followers`) is missing"),
            (json!({ "account": "a", "observed_at": day, "followers": "-3" }), "`followers`: \"-3\" is below 0"),
            (json!({ "account": "a", "observed_at": "soon", "followers": 1 }), "`observed_at`: \"soon\" is no date"),
        ] {
            let found = read(&map, row).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
        assert_eq!(read(&map, json!({ "account": "b", "observed_at": day, "followers": 0 })).unwrap().followers, 0);
    }
}
