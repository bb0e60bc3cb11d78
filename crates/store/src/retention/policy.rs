//! For how long mentions are kept.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

const DAY: i64 = 86_400;

/// As the configuration writes it: `400d`, or `forever`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    #[default]
    Forever,
    Days(u32),
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forever => f.write_str("forever"),
            Self::Days(days) => write!(f, "{days}d"),
        }
    }
}

impl FromStr for Keep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.strip_suffix('d').and_then(|days| days.parse().ok()).filter(|days| *days > 0);
        match text {
            "forever" => Ok(Self::Forever),
            _ => days.map(Self::Days).ok_or_else(|| {
                format!("{text:?} is no time to keep mentions: write days, such as \"400d\", or \"forever\"")
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Keep {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// For how long mentions are kept: in general, and where a brand or a platform has a rule of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that mentions are kept after they were written, such as `400d`; counts by hour stay. Default: `forever`.
    pub keep: Keep,
    /// Exceptions. Of those that fit a mention, one that names brand and platform wins over one that names the brand, and
    /// that over one that names the platform.
    #[serde(rename = "rule")]
    pub rules: Vec<KeepRule>,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepRule {
    /// Mentions of this brand. Default: of every brand.
    #[serde(default)]
    pub brand: Option<String>,
    /// Mentions from this platform, as mentions name it. Default: from every platform.
    #[serde(default)]
    pub platform: Option<String>,
    /// As `keep` of the section.
    pub keep: Keep,
}

impl KeepRule {
    fn fits(&self, brand: &str, platform: &str) -> bool {
        self.brand.as_ref().is_none_or(|own| own == brand) && self.platform.as_ref().is_none_or(|own| own == platform)
    }

    fn rank(&self) -> u8 {
        2 * u8::from(self.brand.is_some()) + u8::from(self.platform.is_some())
    }
}

impl Retention {
    pub fn of(&self, brand: &str, platform: &str) -> Keep {
        let fitting = self.rules.iter().filter(|rule| rule.fits(brand, platform));
        fitting.max_by_key(|rule| rule.rank()).map_or(self.keep, |rule| rule.keep)
    }

    /// The first day, since the Unix epoch, whose mentions are all kept; 0 where all are. Days end at midnight UTC, and go as
    /// a whole: nothing goes that is younger.
    pub(crate) fn first_day(&self, brand: &str, platform: &str, now: Timestamp) -> u16 {
        first_day(self.of(brand, platform), now)
    }

    /// As [`Self::first_day`], of whatever goes soonest.
    pub(crate) fn latest_first_day(&self, now: Timestamp) -> u16 {
        let keeps = self.rules.iter().map(|rule| rule.keep).chain([self.keep]);
        keeps.map(|keep| first_day(keep, now)).max().unwrap_or_default()
    }
}

fn first_day(keep: Keep, now: Timestamp) -> u16 {
    match keep {
        Keep::Forever => 0,
        Keep::Days(days) => u16::try_from((now.as_second().div_euclid(DAY) - i64::from(days)).max(0)).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(brand: Option<&str>, platform: Option<&str>, days: u32) -> KeepRule {
        KeepRule { brand: brand.map(Into::into), platform: platform.map(Into::into), keep: Keep::Days(days) }
    }

    #[test]
    fn the_rule_that_says_most_wins_and_a_brand_wins_over_a_platform() {
        let rules = vec![
            rule(Some("acme"), Some("x"), 1),
            rule(None, Some("x"), 3),
            rule(Some("acme"), None, 2),
            KeepRule { keep: Keep::Forever, ..rule(Some("nova"), None, 0) },
        ];
        let retention = Retention { keep: Keep::Days(400), rules };
        let kept = |brand: &str, platform: &str| retention.of(brand, platform).to_string();
        let shown = [kept("acme", "x"), kept("acme", "forum"), kept("zenith", "x"), kept("zenith", "forum")];
        assert_eq!(shown, ["1d", "2d", "3d", "400d"]);
        assert_eq!(kept("nova", "x"), "forever");
    }

    #[test]
    fn what_is_younger_than_it_is_kept_for_is_in_no_day_that_goes() {
        let retention = Retention { keep: Keep::Days(2), rules: vec![] };
        let first = |now: &str| retention.first_day("acme", "x", now.parse().unwrap());
        assert_eq!(first("1970-01-10T23:59:59Z"), 7, "the 8th is kept, the 7th is two days old");
        assert_eq!(first("1970-01-11T00:00:00Z"), 8);
        assert_eq!(Retention::default().latest_first_day("2026-01-01T00:00:00Z".parse().unwrap()), 0);
    }

    #[test]
    fn a_time_that_is_no_number_of_days_is_refused() {
        for text in ["", "d", "0d", "-1d", "4 weeks", "400", "Forever"] {
            assert!(text.parse::<Keep>().unwrap_err().contains("400d"), "{text}");
        }
        assert_eq!(("400d".parse(), "forever".parse()), (Ok(Keep::Days(400)), Ok(Keep::Forever)));
    }
}
