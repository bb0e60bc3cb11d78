//! How well copies are told from posts that are merely about the same: on pairs written by hand, and on copies with
//! generated changes among thousands of others. And how well what is told again in other words is found, by the shipped
//! model: on pairs of which many of those that are apart differ in one fact alone.

use grapevine_model::{Author, Mention, MentionId, MentionKey};
use grapevine_scoring::Scorer;
use grapevine_scoring::story::{Meaning, Stories, StoryLimits};
use jiff::Timestamp;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::support;

const PAIRS: &str = include_str!("../data/stories.tsv");
/// Headlines and what another would make of them; or of something else about the same. What tells them apart was chosen
/// with these in sight.
const REWORDED: &str = include_str!("../data/reworded.tsv");
/// Written after it was chosen.
const REWORDED_AFTER: &str = include_str!("../data/reworded_after.tsv");

fn post(id: &str, text: &str) -> Mention {
    let at = Timestamp::from_second(1_760_000_000).unwrap();
    Mention::new(MentionKey::new("test", "", id), Author::default(), at, text)
}

fn folded(a: &str, b: &str, meaning: &dyn Meaning) -> bool {
    let mut stories = Stories::new(StoryLimits::default());
    stories.assign(&post("a", a), meaning) == stories.assign(&post("b", b), meaning)
}

/// The shipped model.
struct Model;

impl Meaning for Model {
    fn embeddings(&self, texts: &[&str]) -> Option<Vec<Vec<f32>>> {
        support::int8().read(texts).unwrap().into_iter().map(|reading| reading.embedding).collect()
    }
}

fn pairs(of: &'static str) -> impl Iterator<Item = (bool, &'static str, &'static str)> {
    of.lines().map(|line| {
        let [same, a, b] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        (same == "same", a, b)
    })
}

fn measured(of: &'static str, meaning: &dyn Meaning) -> Rates {
    let told: Vec<(bool, bool)> = pairs(of)
        .map(|(same, a, b)| {
            let folded = folded(a, b, meaning);
            if folded != same {
                println!("{}: {a} | {b}", if same { "missed" } else { "wrong" });
            }
            (same, folded)
        })
        .collect();
    let Rates { precision, recall } = rates(told.iter().copied());
    println!("{} pairs: precision {precision:.3}, recall {recall:.3}", told.len());
    Rates { precision, recall }
}

struct Rates {
    precision: f64,
    recall: f64,
}

fn rates(pairs: impl Iterator<Item = (bool, bool)>) -> Rates {
    let (mut right, mut wrong, mut missed) = (0.0, 0.0, 0.0);
    for pair in pairs {
        match pair {
            (true, true) => right += 1.0,
            (false, true) => wrong += 1.0,
            (true, false) => missed += 1.0,
            (false, false) => {}
        }
    }
    Rates { precision: right / (right + wrong), recall: right / (right + missed) }
}

#[test]
fn pairs_written_by_hand_are_told_apart() {
    for meaning in [&() as &dyn Meaning, &Model] {
        let Rates { precision, recall } = measured(PAIRS, meaning);
        assert!(precision >= 0.99 && recall >= 0.95, "precision {precision}, recall {recall}");
    }
}

#[test]
fn what_is_told_in_other_words_is_found() {
    for of in [REWORDED, REWORDED_AFTER] {
        let (letters, model) = (measured(of, &()), measured(of, &Model));
        assert!(model.recall > letters.recall + 0.2, "recall {} and by letters {}", model.recall, letters.recall);
        assert!(model.precision >= 0.8, "precision {}", model.precision);
    }
}

const SUBJECTS: [&str; 8] =
    ["The parcel", "My order", "The app", "Their support", "The new lamp", "This camera", "The invoice", "Our router"];
const VERBS: [&str; 8] =
    ["arrived", "broke", "vanished", "was lost", "restarted", "looked wrong", "was replaced", "stopped working"];
const WHEN: [&str; 8] = [
    "last night",
    "on Tuesday",
    "after the update",
    "in the rain",
    "without a word",
    "for the third time",
    "before breakfast",
    "during the match",
];
const THEN: [&str; 8] = [
    "and nobody cares",
    "so I called them",
    "and I got my money back",
    "but the neighbour fixed it",
    "and the chat was no help",
    "so we bought another",
    "and it made my day",
    "but the kids like it",
];
const END: [&str; 8] = [
    "would do it again",
    "never again",
    "what a week",
    "such is life",
    "I have seen better",
    "ask me anything",
    "tell your friends",
    "more of that please",
];

/// One of 4,096 posts; the last part follows from the others, so that any two posts differ in two parts at least.
fn sentence(rng: &mut StdRng) -> String {
    let [a, b, c, d] = [(); 4].map(|()| rng.random_range(0..8));
    let end = END[(a + b + c + d) % 8];
    format!("{} {} {}, {}, {end}.", SUBJECTS[a], VERBS[b], WHEN[c], THEN[d])
}

/// A copy with up to three of: typing mistakes, hashtags, a link, emoji, another case, a cut at the end.
fn copy(text: &str, rng: &mut StdRng) -> String {
    let mut copy = text.to_owned();
    for _ in 0..rng.random_range(1..=3) {
        copy = match rng.random_range(0..6) {
            0 => typo(&copy, rng),
            1 => format!("{copy} #acme #news"),
            2 => format!("{copy} https://example.com/{}", rng.random::<u32>()),
            3 => format!("🔥 {copy} 😂😂"),
            4 => copy.to_uppercase(),
            _ => copy.chars().take(copy.chars().count() * 85 / 100).chain(['…']).collect(),
        };
    }
    copy
}

fn typo(text: &str, rng: &mut StdRng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let at = rng.random_range(0..letters.len() - 1);
    match rng.random_range(0..3) {
        0 => drop(letters.remove(at)),
        1 => letters.swap(at, at + 1),
        _ => letters.insert(at, 'e'),
    }
    letters.into_iter().collect()
}

#[test]
fn generated_copies_are_found_among_posts_of_the_same_words() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut stories = Stories::new(StoryLimits::default());
    let originals: std::collections::BTreeSet<String> = (0..300).map(|_| sentence(&mut rng)).collect();
    let ids: Vec<(MentionId, &String)> = originals
        .iter()
        .enumerate()
        .map(|(n, text)| (stories.assign(&post(&format!("o{n}"), text), &()), text))
        .collect();
    // Up to three of five parts the same: alike, and not copies.
    let apart = ids.iter().enumerate().filter(|(n, (story, _))| *story == post(&format!("o{n}"), "").id()).count();
    let copies = (0..1000).map(|n| {
        let (story, text) = ids.choose(&mut rng).unwrap().to_owned();
        let copy = copy(text, &mut rng);
        let found = stories.assign(&post(&format!("c{n}"), &copy), &()) == story;
        if !found {
            println!("missed: {text} | {copy}");
        }
        (true, found)
    });
    let Rates { recall, .. } = rates(copies.collect::<Vec<_>>().into_iter());
    let precision = apart as f64 / ids.len() as f64;
    println!("{} originals: {precision:.3} kept apart; 1000 copies: {recall:.3} found", ids.len());
    assert!(recall >= 0.95 && precision >= 0.95, "kept apart {precision}, found {recall}");
}
