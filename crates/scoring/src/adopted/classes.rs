//! What the outputs of somebody's classifier mean.

use std::collections::BTreeMap;

use grapevine_model::Polarity;

/// The polarity of each output, in order.
///
/// The note's word wins; else names that say it: negative, neg, neutral, neu, positive, pos, and one to five stars.
///
/// # Errors
/// Says which names it does not understand, and what to write.
pub(super) fn meanings(
    names: &BTreeMap<usize, String>,
    noted: &BTreeMap<String, Polarity>,
) -> Result<Vec<Polarity>, String> {
    if names.len() < 2 || !names.keys().copied().eq(0..names.len()) {
        return Err("its config.json does not name its classes (`id2label`); name them there, from 0 on".to_owned());
    }
    let meant: Vec<Option<Polarity>> =
        names.values().map(|name| noted.get(name).copied().or_else(|| by_name(name))).collect();
    let unclear: Vec<&str> =
        names.values().zip(&meant).filter(|(_, meant)| meant.is_none()).map(|(name, _)| name.as_str()).collect();
    if !unclear.is_empty() {
        return Err(format!(
            "nobody says what its classes {} mean; write it into grapevine.json beside it, for example \
             {{\"languages\": [\"en\"], \"labels\": {{\"{}\": \"negative\", …}}}}",
            unclear.join(", "),
            unclear[0]
        ));
    }
    let classes: Vec<Polarity> = meant.into_iter().flatten().collect();
    match [Polarity::Negative, Polarity::Positive].iter().find(|needed| !classes.contains(needed)) {
        Some(lacking) => Err(format!("none of its classes is {lacking:?}: it does not tell sentiment")),
        None => Ok(classes),
    }
}

fn by_name(name: &str) -> Option<Polarity> {
    match name.trim().to_lowercase().as_str() {
        "negative" | "neg" | "1 star" | "2 stars" => Some(Polarity::Negative),
        "neutral" | "neu" | "3 stars" => Some(Polarity::Neutral),
        "positive" | "pos" | "4 stars" | "5 stars" => Some(Polarity::Positive),
        _ => None,
    }
}

/// Logarithms of the three probabilities, in the order of [`Polarity::ALL`], from outputs of any number of classes.
///
/// Classes that mean the same add up; a polarity without a class gets e^-20, so that a two-class model is never neutral.
pub(super) fn fold(outputs: &[f32], classes: &[Polarity]) -> [f32; 3] {
    let highest = outputs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = outputs.iter().map(|x| (x - highest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    Polarity::ALL.map(|polarity| {
        let own = powers.iter().zip(classes).filter(|(_, class)| **class == polarity).map(|(power, _)| power);
        (own.sum::<f32>() / sum).ln().max(-20.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeMap<usize, String> {
        names.iter().enumerate().map(|(at, name)| (at, (*name).to_owned())).collect()
    }

    #[test]
    fn names_and_notes_say_what_classes_mean() {
        use Polarity::{Negative, Neutral, Positive};
        let none = BTreeMap::new();
        assert_eq!(meanings(&names(&["NEG", "NEU", "POS"]), &none), Ok(vec![Negative, Neutral, Positive]));
        assert_eq!(meanings(&names(&["POSITIVE", "NEGATIVE"]), &none), Ok(vec![Positive, Negative]));
        let noted = BTreeMap::from([("LABEL_0".to_owned(), Negative), ("LABEL_1".to_owned(), Positive)]);
        assert_eq!(meanings(&names(&["LABEL_0", "LABEL_1"]), &noted), Ok(vec![Negative, Positive]));
        let error = meanings(&names(&["LABEL_0", "LABEL_1"]), &none).unwrap_err();
        assert!(error.contains("LABEL_0, LABEL_1") && error.contains("grapevine.json"), "{error}");
        assert!(meanings(&names(&["positive", "neutral"]), &none).unwrap_err().contains("Negative"));
        assert!(meanings(&BTreeMap::new(), &none).unwrap_err().contains("id2label"));
    }

    #[test]
    fn three_classes_keep_their_outputs_but_for_a_constant() {
        use Polarity::{Negative, Neutral, Positive};
        let folded = fold(&[2.0, -1.0, 0.5], &[Positive, Negative, Neutral]);
        let apart = [folded[2] - folded[0], folded[1] - folded[0]];
        assert!((apart[0] - 3.0).abs() < 1e-5 && (apart[1] - 1.5).abs() < 1e-5, "{folded:?}");
        assert!((folded.iter().map(|x| x.exp()).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn stars_add_up_and_two_classes_are_never_neutral() {
        use Polarity::{Negative, Neutral, Positive};
        let five = fold(&[0.0; 5], &[Negative, Negative, Neutral, Positive, Positive]);
        assert!((five[0].exp() - 0.4).abs() < 1e-6 && (five[1].exp() - 0.2).abs() < 1e-6);
        assert!(fold(&[0.0, 0.0], &[Negative, Positive])[1] <= -19.9);
    }
}
