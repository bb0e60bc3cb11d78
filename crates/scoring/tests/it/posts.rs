//! Posts written for this project, put together from parts with a seed: the same every time, and no real person's words.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

const BRANDS: &[&str] =
    &["Northwind", "Bluepeak", "Harbour Air", "Lumen", "Tidewater", "Oakline", "Pixelpost", "Kestrel"];

const PRODUCTS: &[&str] = &[
    "app",
    "camera",
    "headphones",
    "update",
    "support team",
    "website",
    "subscription",
    "delivery",
    "flight to Lisbon",
    "battery",
    "new phone",
    "coffee maker",
    "checkout",
    "design",
    "keyboard",
    "crew",
    "loyalty card",
    "video player",
];

const GOOD: &[&str] = &[
    "I love the {p} from {b}, it just works",
    "{b} you made my day, the {p} is fantastic",
    "Thank you {b} for the quick help with my {p}!",
    "best {p} I have owned in years, well done {b}",
    "so happy with the {p}, it arrived a day early",
    "The {p} is beautiful and easy to use, highly recommended",
    "huge shout out to {b}, their {p} saved my weekend",
    "honestly impressed by the {p}, everything feels faster now",
    "what a wonderful surprise, {b} replaced my {p} for free",
    "my kids adore the {p}, thanks so much {b}",
    "The {p} exceeded all my hopes, five stars",
    "can't wait to show everyone the new {p}, it's gorgeous",
];

const BAD: &[&str] = &[
    "the {p} is broken again and nobody at {b} answers",
    "worst {p} ever, I want my money back {b}",
    "{b} lost my order and the {p} still has not arrived",
    "I hate the new {p}, it crashes every time",
    "two hours on hold with {b} about my {p}, this is unacceptable",
    "so disappointed by the {p}, it stopped working after a week",
    "{b} charged me twice for the {p} and ignores my emails",
    "the {p} is slow, ugly and full of bugs",
    "never buying a {p} from {b} again, terrible quality",
    "my {p} was cancelled without a word, thanks for nothing {b}",
    "awful service, rude staff and the {p} does not work",
    "the {p} makes me so angry, it deleted all my photos",
];

const PLAIN: &[&str] = &[
    "{b} opens a new office in Leeds on Monday",
    "reading about the {p} that {b} announced today",
    "does the {p} from {b} come in blue?",
    "How do I change the language of the {p}?",
    "{b} will present the {p} at the fair in March",
    "The {p} of {b} costs 49 euros a month",
    "picked up the {p} from the post office this morning",
    "{b} published the figures for the third quarter",
    "moving my {p} to a new account tomorrow",
    "where can I find the manual for the {p}?",
    "The {p} has version 4.2 now, the old one was 4.1",
    "meeting the people from {b} at 3pm on Thursday",
];

const BEFORE: &[&str] = &["", "", "", "", "@northwind ", "hey @bluepeak ", "RT @someone: ", "Update: ", "ok so "];
const AFTER: &[&str] = &[
    "",
    "",
    "",
    ".",
    "!",
    "!!",
    " 😀",
    " 😡",
    " 🤷",
    " #acme",
    " https://example.com/p/81",
    " &amp; that is all",
    "\n\nsent from the train",
    " - see www.example.com",
    " (just my opinion)",
];

/// `count` posts: about a third each good, bad and plain, with handles, links, tags, emoji, entities and odd space.
pub fn posts(count: usize, seed: u64) -> Vec<String> {
    let mut random = SmallRng::seed_from_u64(seed);
    (0..count).map(|_| post(&mut random)).collect()
}

fn post(random: &mut SmallRng) -> String {
    let kinds = [GOOD, BAD, PLAIN];
    let kind = pick(random, &kinds);
    let mut text = pick(random, BEFORE).to_owned() + pick(random, kind);
    if random.random_bool(0.25) {
        text = format!("{text}. {}", pick(random, kind));
    }
    let text = text.replace("{p}", pick(random, PRODUCTS)).replace("{b}", pick(random, BRANDS)) + pick(random, AFTER);
    if random.random_bool(0.05) { text.to_uppercase() } else { text }
}

fn pick<T: Copy>(random: &mut SmallRng, from: &[T]) -> T {
    *from.choose(random).expect("the lists are not empty")
}
