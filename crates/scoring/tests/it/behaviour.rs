//! What a caller may rely on, whatever the texts are.

use grapevine_model::{Intent, Polarity};
use grapevine_scoring::manifest::ModelFolder;
use grapevine_scoring::{EngineChoice, Scorer, load};

use crate::posts::posts;
use crate::support::{fp32, model_folder, options};

fn refs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn scores_are_probabilities_with_the_polarity_of_the_highest() {
    let scores = fp32().score(&["I love this phone, thank you!", "the worst day, everything is broken"]).unwrap();
    assert_eq!([scores[0].polarity, scores[1].polarity], [Polarity::Positive, Polarity::Negative]);
    assert_eq!([scores[0].intent, scores[1].intent], [Intent::Praise, Intent::Complaint]);
    for score in scores {
        assert!((score.negative + score.neutral + score.positive - 1.0).abs() < 1e-5);
        assert_eq!(score.confidence, score.negative.max(score.neutral).max(score.positive));
        assert_eq!(score.model, ModelFolder::open(&model_folder()).unwrap().id());
    }
}

#[test]
fn order_is_kept_and_batch_mates_do_not_matter() {
    let mut texts = posts(150, 3);
    texts.push("long ".repeat(400));
    texts.insert(20, String::new());
    let together = fp32().logits(&refs(&texts)).unwrap();
    assert_eq!(together.len(), texts.len());
    assert_eq!(together[20], None);
    for at in (0..texts.len()).filter(|at| *at != 20).step_by(7) {
        let alone = fp32().logits(&[&texts[at]]).unwrap()[0].unwrap();
        for (alone, together) in alone.iter().zip(together[at].unwrap()) {
            assert!((alone - together).abs() < 1e-3, "text {at}: {alone} alone, {together} in company");
        }
    }
}

#[test]
fn more_texts_than_a_window_keep_their_places() {
    let short: Vec<String> =
        (0..1_100).map(|n| if n % 3 == 0 { "great".into() } else { "awful, broken".into() }).collect();
    let scores = fp32().score(&refs(&short)).unwrap();
    for (n, score) in scores.iter().enumerate() {
        let expected = if n % 3 == 0 { Polarity::Positive } else { Polarity::Negative };
        assert_eq!(score.polarity, expected, "text {n}");
    }
}

#[test]
fn odd_texts_are_scored_and_blank_ones_are_neutral_at_a_third() {
    let long = "good ".repeat(2_000) + &"x".repeat(10_000);
    let texts =
        ["", " \n\t\u{a0} ", "😀", "👩‍👩‍👧‍👦🏳️‍🌈", "خدمة سيئة جدا", "很好", "\u{0}\u{1}\u{fffd}", "&nbsp;", "@", "#", &long];
    let scores = fp32().score(&texts).unwrap();
    assert_eq!(scores.len(), texts.len());
    for blank in [0, 1, 7] {
        assert_eq!((scores[blank].polarity, scores[blank].confidence), (Polarity::Neutral, 1.0 / 3.0), "{blank}");
    }
    assert!(scores.iter().all(|s| (s.negative + s.neutral + s.positive - 1.0).abs() < 1e-5));
    assert!(fp32().score(&[]).unwrap().is_empty());
}

#[test]
fn auto_says_what_it_chose_and_why() {
    let scorer = load(&options(EngineChoice::Auto)).unwrap();
    let description = scorer.description();
    println!("{description}");
    assert!(description.starts_with(scorer.model()) && description.contains("chosen"), "{description}");
    assert_eq!(scorer.score(&["thanks, this is great"]).unwrap()[0].polarity, Polarity::Positive);
}

#[test]
fn calls_from_several_threads_do_not_mix() {
    std::thread::scope(|scope| {
        for (text, expected) in [("this is awful", Polarity::Negative), ("this is wonderful", Polarity::Positive)] {
            scope.spawn(move || {
                for _ in 0..10 {
                    let scores = fp32().score(&[text; 20]).unwrap();
                    assert!(scores.iter().all(|s| s.polarity == expected));
                }
            });
        }
    });
}
