//! What buyers of the main brand's bikes write in its shop: stars, a text, and now and then a photo. While the firmware stops
//! bikes there are more of them, and worse ones.

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde_json::json;

use super::{Story, brands::BRANDS, grammar::Grammar};

const PLATFORM: &str = "shop";
/// Of a usual day, and of one of the crisis.
const A_DAY: [u32; 2] = [5, 16];
/// Of ten reviews, how many have one star, two, and so on.
const USUAL: [u32; 5] = [1, 1, 1, 3, 4];
const IN_CRISIS: [u32; 5] = [5, 2, 1, 1, 1];
const WITH_PHOTO: f64 = 0.22;

impl Story {
    /// The reviews as NDJSON, in the order of their times, under the names that a file of posts has.
    pub fn reviews_ndjson(&self) -> String {
        let mut rng = SmallRng::seed_from_u64(self.seed ^ 0x7e_71e5);
        let english = Grammar::parse(include_str!("grammar/en.txt"));
        let (mut day, mut reviews) = (self.starts(), vec![]);
        while day < self.ends() {
            let is_crisis = (self.crisis_starts()..self.crisis_ends()).contains(&day);
            for _ in 0..A_DAY[usize::from(is_crisis)] {
                let at = day + SignedDuration::from_secs(rng.random_range(6 * 3600..23 * 3600));
                let text = self.review((at, reviews.len()), &english, &mut rng);
                reviews.push((at, text));
            }
            day += SignedDuration::from_hours(24);
        }
        reviews.retain(|(at, _)| *at < self.ends());
        reviews.sort_by_key(|(at, _)| *at);
        reviews.into_iter().map(|(_, line)| line + "\n").collect()
    }

    /// The `[[source]]` table that reads them from this file.
    pub fn reviews_toml(path: &str) -> String {
        format!("\n[[source]]\nname = \"reviews\"\nkind = \"file\"\npath = {path:?}\nordered = false\n")
    }

    fn review(&self, (at, number): (Timestamp, usize), english: &Grammar, rng: &mut SmallRng) -> String {
        let is_crisis = (self.crisis_starts()..self.crisis_ends()).contains(&at);
        let stars = drawn(if is_crisis { IN_CRISIS } else { USUAL }, rng);
        let symbol = ["negative", "negative", "neutral", "positive", "positive"][stars];
        let brand = &BRANDS[0];
        let words = brand.words(brand.name, rng);
        let text = english.expand(symbol, &words, rng);
        let id = format!("r{}", 20_000 + number);
        let photo = rng.random_bool(WITH_PHOTO).then(|| format!("https://shop.kestrovel.example/photos/{id}.jpg"));
        json!({
            "id": id, "platform": PLATFORM, "instance": "shop.kestrovel.example", "kind": "review",
            "space": "kestrovel-shop", "created_at": at, "author": format!("buyer-{}", 3_000 + number),
            "author_name": format!("Buyer {}", 3_000 + number), "text": text, "stars": stars + 1, "language": "en",
            "url": format!("https://shop.kestrovel.example/reviews/{id}"),
            "media": photo.into_iter().collect::<Vec<_>>(),
        })
        .to_string()
    }
}

/// A place, as likely as its weight says.
fn drawn(weights: [u32; 5], rng: &mut SmallRng) -> usize {
    let mut left = rng.random_range(0..weights.iter().sum());
    for (place, weight) in weights.into_iter().enumerate() {
        if left < weight {
            return place;
        }
        left -= weight;
    }
    0
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
