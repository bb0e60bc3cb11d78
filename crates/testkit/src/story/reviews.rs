//! What buyers of the main brand's bikes write in its shop: stars, a text, and now and then a photo. While the firmware stops
//! bikes there are more of them, and worse ones.

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::json;

use super::{Story, brands::BRANDS, file_source, grammar::Grammar};

const PLATFORM: &str = "shop";
/// Of a usual day, and of one of the crisis.
const A_DAY: [u32; 2] = [5, 16];
/// The stars of ten reviews.
const USUAL: [usize; 10] = [1, 2, 3, 4, 4, 4, 5, 5, 5, 5];
const IN_CRISIS: [usize; 10] = [1, 1, 1, 1, 1, 2, 2, 3, 4, 5];
/// What is written, by stars.
const SYMBOLS: [&str; 5] = ["negative", "negative", "neutral", "positive", "positive"];
const WITH_PHOTO: f64 = 0.22;

impl Story {
    /// The reviews as NDJSON, in the order of their times, under the names that a file of posts has.
    pub fn reviews_ndjson(&self) -> String {
        let mut rng = SmallRng::seed_from_u64(self.seed ^ 0x7e_71e5);
        let english = Grammar::parse(include_str!("grammar/en.txt"));
        let mut reviews = vec![];
        for day in self.days() {
            for _ in 0..A_DAY[usize::from(self.is_crisis(day))] {
                let at = day + SignedDuration::from_secs(rng.random_range(6 * 3600..23 * 3600));
                let text = self.review((at, reviews.len()), &english, &mut rng);
                reviews.push((at, text));
            }
        }
        reviews.retain(|(at, _)| *at < self.ends());
        reviews.sort_by_key(|(at, _)| *at);
        reviews.into_iter().map(|(_, line)| line + "\n").collect()
    }

    /// The `[[source]]` table that reads them from this file.
    pub fn reviews_toml(path: &str) -> String {
        file_source("reviews", path, None)
    }

    fn is_crisis(&self, at: Timestamp) -> bool {
        (self.crisis_starts()..self.crisis_ends()).contains(&at)
    }

    fn review(&self, (at, number): (Timestamp, usize), english: &Grammar, rng: &mut SmallRng) -> String {
        let of_ten = if self.is_crisis(at) { IN_CRISIS } else { USUAL };
        let stars = of_ten[rng.random_range(0..10_u32) as usize];
        let brand = &BRANDS[0];
        let words = brand.words(brand.name, rng);
        let text = english.expand(SYMBOLS[stars - 1], &words, rng);
        let id = format!("r{}", 20_000 + number);
        let photo = rng.random_bool(WITH_PHOTO).then(|| format!("https://shop.kestrovel.example/photos/{id}.jpg"));
        json!({
            "id": id, "platform": PLATFORM, "instance": "shop.kestrovel.example", "kind": "review",
            "space": "kestrovel-shop", "created_at": at, "author": format!("buyer-{}", 3_000 + number),
            "author_name": format!("Buyer {}", 3_000 + number), "text": text, "stars": stars, "language": "en",
            "url": format!("https://shop.kestrovel.example/reviews/{id}"),
            "media": photo.into_iter().collect::<Vec<_>>(),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn buyers_are_content_but_for_the_crisis_and_some_send_photos() {
        let story = Story::new(Story::SEED, "2026-11-21T18:00:00Z".parse().expect("a time"));
        let text = story.reviews_ndjson();
        assert_eq!(text, story.reviews_ndjson(), "the same seed gives the same reviews");
        let reviews: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let at = |review: &Value| review["created_at"].as_str().and_then(|at| at.parse().ok()).expect("a time");
        let mean = |crisis: bool| {
            let span = story.crisis_starts()..story.crisis_ends();
            let of: Vec<f64> = reviews
                .iter()
                .filter(|review| span.contains(&at(review)) == crisis)
                .filter_map(|review| review["stars"].as_f64())
                .collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        assert!(mean(false) > 3.4 && mean(true) < 2.8, "{} and {}", mean(false), mean(true));
        let photos = reviews.iter().filter(|review| review["media"].as_array().is_some_and(|all| !all.is_empty()));
        assert!((30..130).contains(&photos.count()), "of {}", reviews.len());
        assert!(reviews.iter().all(|review| at(review) < story.ends()));
    }
}
