//! What customers of the main brand answer in surveys: how satisfied they are once they were helped, and whether they would
//! recommend it. While the firmware stops bikes they are not, and later more than before.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Story, brands::MAIN, file_source};

/// Of each survey its scale, answers a day, and the best score.
const SURVEYS: [(&str, u32, f64); 2] = [("csat", 9, 5.0), ("nps", 5, 10.0)];
/// One in so many passes the question over.
const PASSED_OVER: f64 = 0.06;

impl Story {
    /// The answers as CSV, under the names that rows of a survey have.
    pub fn surveys_csv(&self) -> String {
        let mut rng = SmallRng::seed_from_u64(self.seed ^ 0x5u64.rotate_right(8));
        let mut csv = String::from("id,answered_at,scale,score,respondent\n");
        let mut count = 0;
        for day in self.days() {
            for (scale, a_day, best) in SURVEYS {
                for _ in 0..a_day {
                    let at = day + SignedDuration::from_secs(rng.random_range(0..86_400));
                    let score = self.score(at, best, &mut rng);
                    count += 1;
                    if at < self.ends() {
                        let _ = writeln!(csv, "{count},{at},{scale},{score},customer-{count}");
                    }
                }
            }
        }
        csv
    }

    /// The `[[source]]` table that reads them from this file.
    pub fn surveys_toml(path: &str) -> String {
        let rows = format!("gives = \"survey\", platform = \"survey\", survey = \"customers\", brand = \"{MAIN}\"");
        file_source("surveys", path, Some(rows))
    }

    /// Empty where the question is passed over. Most are near the top; in the crisis few are.
    fn score(&self, at: Timestamp, best: f64, rng: &mut SmallRng) -> String {
        if rng.random_bool(PASSED_OVER) {
            return String::new();
        }
        let lean = match at {
            at if at < self.crisis_starts() => 0.35,
            at if at < self.crisis_ends() => 1.8,
            _ => 0.28,
        };
        let short: f64 = rng.random::<f64>().powf(1.0 / lean);
        format!("{}", (best - short * (best - 1.0)).round())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(csv: &str, scale: &str, span: (Timestamp, Timestamp)) -> Vec<f64> {
        let rows = csv.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let of = rows.filter(|row| row[2] == scale && row[1].parse().is_ok_and(|at| span.0 <= at && at < span.1));
        of.filter_map(|row| row[3].parse().ok()).collect()
    }

    #[test]
    fn customers_are_content_but_for_the_crisis() {
        let story = Story::new(Story::SEED, "2026-11-21T18:00:00Z".parse().expect("a time"));
        let csv = story.surveys_csv();
        assert_eq!(csv, story.surveys_csv(), "the same seed gives the same answers");
        let content = |from, to| {
            let scores = scores(&csv, "csat", (from, to));
            scores.iter().filter(|score| **score >= 4.0).count() as f64 / scores.len() as f64
        };
        let calm = content(story.starts(), story.crisis_starts());
        let crisis = content(story.crisis_starts(), story.crisis_ends());
        assert!(calm > 0.6 && crisis < calm - 0.2, "{calm} and {crisis}");
        let nps = scores(&csv, "nps", (story.starts(), story.ends()));
        assert!(nps.len() > 200 && nps.iter().all(|score| (0.0..=10.0).contains(score)), "{}", nps.len());
    }
}
