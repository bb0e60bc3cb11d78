//! What the story's campaigns cost and brought, as a report of Google Ads that was saved as CSV.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{LAUNCHED, timeline::Timeline};

struct Campaign {
    id: u32,
    name: &'static str,
    currency: &'static str,
    /// Of a usual day.
    cost: f64,
    /// Clicks of an impression, conversions of a click.
    rates: [f64; 2],
}

const ALL_YEAR: Campaign =
    Campaign { id: 4101, name: "City riders", currency: "EUR", cost: 85.0, rates: [0.011, 0.021] };
const LAUNCH: Campaign = Campaign { id: 4102, name: LAUNCHED, currency: "USD", cost: 640.0, rates: [0.024, 0.034] };
/// From the day of the launch on.
const LAUNCH_DAYS: i64 = 12;

/// Rows by day (UTC) of the main brand's campaigns in the story that ends at this time: one that always runs and one of the
/// launch, each in its own currency.
pub fn campaigns_csv(end: Timestamp) -> String {
    let timeline = Timeline::ending(end);
    let mut csv = "Campaign,Campaign ID,Day,Currency code,Cost,Impr.,Clicks,Conversions,Conv. value\n".to_owned();
    let (mut day, a_day) = (timeline.start, SignedDuration::from_hours(24));
    // The last day is not over.
    while day + a_day < timeline.last_midnight {
        csv += &row(&ALL_YEAR, day);
        if (0..LAUNCH_DAYS * 24).contains(&day.duration_since(timeline.launch).as_hours()) {
            csv += &row(&LAUNCH, day);
        }
        day += a_day;
    }
    csv
}

fn row(campaign: &Campaign, day: Timestamp) -> String {
    let Campaign { id, name, currency, cost, rates: [clicked, converted] } = campaign;
    let date = day.to_zoned(TimeZone::UTC).date();
    // No two days are alike.
    let cost = cost * (1.0 + 0.25 * (f64::from(date.day()) * 1.7).sin());
    let impressions = (cost * 62.0).round();
    let clicks = (impressions * clicked).round();
    let conversions = (clicks * converted).round();
    let value = conversions * 1_900.0;
    format!("{name},{id},{date},{currency},{cost:.2},{impressions},{clicks},{conversions},{value:.2}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_whole_day_of_the_story_has_a_row_and_the_launch_its_own() {
        let csv = campaigns_csv("2026-11-21T18:00:00Z".parse().expect("a time"));
        let of = |name: &str| csv.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!((of("Campaign,"), of("City riders,4101,"), of("Lark,4102,")), (1, 56, 12));
        assert!(csv.lines().all(|line| line.split(',').count() == 9), "{csv}");
    }
}
