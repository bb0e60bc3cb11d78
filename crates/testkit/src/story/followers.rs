//! How many follow the brands' accounts, as a tool that counts them once a day saves it: a launch brings many, a crisis
//! takes some away.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{Story, brands::BRANDS, file_source, people::Place};

/// Followers of the brands' first and second account when the story begins, and what a usual day brings of a thousand.
const ACCOUNTS: [[(f64, f64); 2]; 3] =
    [[(168_200.0, 1.1), (20_150.0, 0.8)], [(91_700.0, 0.8), (7_900.0, 0.5)], [(93_400.0, 0.4), (8_050.0, 0.2)]];
/// In the days after it, of a thousand a day.
const LAUNCHED: f64 = 7.5;
const IN_CRISIS: f64 = -2.6;
const DAYS: SignedDuration = SignedDuration::from_hours(4 * 24);

impl Story {
    /// A row for each account and day (UTC) that has begun, under the names that rows of followers have.
    pub fn followers_csv(&self) -> String {
        let mut csv = String::from("account,observed_at,followers\n");
        for (number, (brand, accounts)) in BRANDS.iter().zip(ACCOUNTS).enumerate() {
            for (account, (mut followers, usual)) in [brand.handle, brand.care].into_iter().zip(accounts) {
                for day in self.days() {
                    let date = day.to_zoned(TimeZone::UTC).date();
                    let moved = if number == 0 { self.moved(day) } else { 0.0 };
                    followers *= 1.0 + (usual * unevenness(date) + moved) / 1000.0;
                    let _ = writeln!(csv, "{account},{date},{followers:.0}");
                }
            }
        }
        csv
    }

    /// The `[[source]]` table that reads them from this file.
    pub fn followers_toml(path: &str) -> String {
        let rows = format!("gives = \"followers\", platform = \"{}\"", Place::Microblog.platform());
        file_source("followers", path, Some(rows))
    }

    /// Beside a usual day, of a thousand: the main brand's alone.
    fn moved(&self, day: Timestamp) -> f64 {
        let within = |start: Timestamp| (start..start + DAYS).contains(&(day + SignedDuration::from_hours(24)));
        if within(self.launch_starts()) {
            LAUNCHED
        } else if within(self.crisis_starts()) {
            IN_CRISIS
        } else {
            0.0
        }
    }
}

/// No two days are alike.
fn unevenness(date: Date) -> f64 {
    1.0 + 0.6 * (f64::from(date.day_of_year()) * 2.3).sin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_brings_followers_and_a_crisis_takes_some() {
        let story = Story::new(Story::SEED, "2026-11-21T18:00:00Z".parse().expect("a time"));
        let csv = story.followers_csv();
        let of = |account: &str| -> Vec<i64> {
            let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
            rows.filter(|row| row[0] == account).map(|row| row[2].parse().expect("a number")).collect()
        };
        let own = of("kestrovel");
        assert_eq!((own.len(), of("ombrasksupport").len()), (57, 57), "a row a day, today's too");
        let changes: Vec<i64> = own.windows(2).map(|two| two[1] - two[0]).collect();
        let best = changes.iter().max().expect("changes");
        assert!(*best > 1_000 && changes.iter().any(|change| *change < -200), "{changes:?}");
        assert!(of("lumbrike").windows(2).all(|two| two[1] >= two[0]), "its crisis is nobody else's");
    }
}
