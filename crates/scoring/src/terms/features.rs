//! What stands in a text: words and signs, pairs of neighbours, and runs of letters within words.

use crate::theme::{counted, runs, term};

/// Of words and pairs; as many again of runs. Two terms that fall on one place share its weight.
pub(super) const PLACES: u32 = 1 << 17;

/// Place and value of each term of a normalised text. The words have a length of one together, and so have the runs.
pub(super) fn features(text: &str) -> Vec<(u32, f32)> {
    let lower = text.to_lowercase();
    let words = words(&lower);
    let singles = words.iter().map(|word| term(&[word]));
    let pairs = words.windows(2).map(term);
    let mut padded = String::new();
    let mut pieces = vec![];
    for word in lower.split_whitespace() {
        padded.clear();
        padded.extend([" ", word, " "]);
        pieces.extend(runs(&padded).map(|run| term(&[run])));
    }
    let mut features = weighed(singles.chain(pairs), 0);
    features.extend(weighed(pieces.into_iter(), PLACES));
    features
}

/// Runs of letters and digits, and every other sign by itself: an emoji or a `!` is a word as well.
fn words(text: &str) -> Vec<&str> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let mut words = vec![];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = match is_letter(first) {
            true => rest.find(|c| !is_letter(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (word, after) = rest.split_at(end);
        if !first.is_whitespace() {
            words.push(word);
        }
        rest = after;
    }
    words
}

fn weighed(terms: impl Iterator<Item = u64>, first: u32) -> Vec<(u32, f32)> {
    let places = terms.map(place).collect();
    let mut weighed: Vec<(u32, f32)> =
        counted(places).into_iter().map(|(place, count)| (first + place as u32, 1.0 + (count as f32).ln())).collect();
    let length = weighed.iter().map(|(_, value)| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    weighed.iter_mut().for_each(|(_, value)| *value /= length);
    weighed
}

/// By the upper bits of a product: those of the hash alone are alike where words end alike.
fn place(term: u64) -> u64 {
    term.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - PLACES.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn signs_are_words_and_runs_stay_within_words() {
        assert_eq!(words("so good!! 😀 :) don't"), ["so", "good", "!", "!", "😀", ":", ")", "don", "'", "t"]);
        let of = |text| features(text).into_iter().filter(|(place, _)| *place >= PLACES).count();
        assert_eq!(of("abc de"), of("abc") + of("de"));
    }

    proptest! {
        #[test]
        fn both_kinds_have_a_length_of_one_and_a_place_once(text in "\\PC{1,60}") {
            let features = features(&text);
            let mut places: Vec<u32> = features.iter().map(|(place, _)| *place).collect();
            places.dedup();
            prop_assert_eq!(places.len(), features.len());
            prop_assert!(places.is_sorted() && places.iter().all(|place| *place < 2 * PLACES));
            for kind in [0..PLACES, PLACES..2 * PLACES] {
                let of: Vec<f32> = features.iter().filter(|(place, _)| kind.contains(place)).map(|(_, value)| *value).collect();
                let length: f32 = of.iter().map(|value| value * value).sum();
                prop_assert!(of.is_empty() || (length - 1.0).abs() < 1e-4, "{}", length);
            }
        }
    }
}
