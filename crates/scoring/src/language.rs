//! Which language a text is written in, where that can be told.
//!
//! Two small models look at the letters: `whichlang` is right more often and knows 16 languages, `whatlang` knows 70 and says
//! how sure it is. What both say is taken; where they differ, whatlang has the word if it is sure of a language that the
//! other does not know, whichlang if the text is long and whatlang is not sure. Anything else is not known: then the
//! platform's word stands. Names, links and tags of a post are left out before.
//!
//! Hindi in Latin letters, which neither knows, is told by its small words.

use std::sync::LazyLock;

use regex::Regex;
use whatlang::Lang;

/// Letters below which nothing is said.
const FEWEST: usize = 8;
/// Letters from which on whichlang is believed alone.
const LONG: usize = 30;
/// Where whatlang is surer than this, a language of its own is taken.
const SURE: f64 = 0.9;
/// Where whatlang is less sure than this, it does not hinder whichlang.
const UNSURE: f64 = 0.35;

static NOISE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[@#]\w+|https?://\S+|www\.\S+|&\w+;").expect("a constant pattern"));

/// ISO 639-1 code of the language; of a text as the platform gave it.
pub fn detect(text: &str) -> Option<&'static str> {
    let text = NOISE.replace_all(text, " ");
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    if letters < FEWEST {
        return None;
    }
    if is_romanised_hindi(&text) {
        return Some("hi");
    }
    let first = of_whichlang(&text);
    let second = whatlang::detect(&text);
    match second.map(|second| (of_whatlang(second.lang()), second.confidence())) {
        Some((Some(code), _)) if code == first => Some(first),
        Some((Some(code), sure)) if sure >= SURE && !SIXTEEN.contains(&code) => Some(code),
        Some((_, sure)) if sure < UNSURE && letters >= LONG => Some(first),
        _ => None,
    }
}

/// The languages that whichlang knows.
const SIXTEEN: [&str; 16] =
    ["ar", "zh", "de", "en", "fr", "hi", "it", "ja", "ko", "nl", "pt", "ru", "es", "sv", "tr", "vi"];

fn of_whichlang(text: &str) -> &'static str {
    use whichlang::Lang::*;
    match whichlang::detect_language(text) {
        Ara => "ar",
        Cmn => "zh",
        Deu => "de",
        Eng => "en",
        Fra => "fr",
        Hin => "hi",
        Ita => "it",
        Jpn => "ja",
        Kor => "ko",
        Nld => "nl",
        Por => "pt",
        Rus => "ru",
        Spa => "es",
        Swe => "sv",
        Tur => "tr",
        Vie => "vi",
    }
}

fn of_whatlang(language: Lang) -> Option<&'static str> {
    CODES.iter().find(|(three, _)| *three == language.code()).map(|(_, two)| *two)
}

/// ISO 639-3 and 639-1.
#[rustfmt::skip]
const CODES: &[(&str, &str)] = &[
    ("afr", "af"), ("aka", "ak"), ("amh", "am"), ("ara", "ar"), ("aze", "az"), ("bel", "be"), ("ben", "bn"),
    ("bul", "bg"), ("cat", "ca"), ("ces", "cs"), ("cmn", "zh"), ("cym", "cy"), ("dan", "da"), ("deu", "de"),
    ("ell", "el"), ("eng", "en"), ("epo", "eo"), ("est", "et"), ("fin", "fi"), ("fra", "fr"), ("guj", "gu"),
    ("heb", "he"), ("hin", "hi"), ("hrv", "hr"), ("hun", "hu"), ("hye", "hy"), ("ind", "id"), ("ita", "it"),
    ("jav", "jv"), ("jpn", "ja"), ("kan", "kn"), ("kat", "ka"), ("khm", "km"), ("kor", "ko"), ("lat", "la"),
    ("lav", "lv"), ("lit", "lt"), ("mal", "ml"), ("mar", "mr"), ("mkd", "mk"), ("mya", "my"), ("nep", "ne"),
    ("nld", "nl"), ("nob", "nb"), ("ori", "or"), ("pan", "pa"), ("pes", "fa"), ("pol", "pl"), ("por", "pt"),
    ("ron", "ro"), ("rus", "ru"), ("sin", "si"), ("slk", "sk"), ("slv", "sl"), ("sna", "sn"), ("spa", "es"),
    ("srp", "sr"), ("swe", "sv"), ("tam", "ta"), ("tel", "te"), ("tgl", "tl"), ("tha", "th"), ("tuk", "tk"),
    ("tur", "tr"), ("ukr", "uk"), ("urd", "ur"), ("uzb", "uz"), ("vie", "vi"), ("yid", "yi"), ("zul", "zu"),
];

/// Words of Hindi in Latin letters that no other language here has.
#[rustfmt::skip]
const HINDI: &[&str] = &[
    "hai", "hain", "nahi", "nahin", "kya", "mein", "aur", "bhi", "toh", "koi", "sirf", "yeh", "tha", "kar", "kuch",
    "apne", "apni", "hum", "aap", "iske", "uske", "isko", "usko", "raha", "rahe", "rahi", "gaya", "hota", "karo", "bhai",
    "wo", "woh", "kyu", "kyun", "mera", "tera", "tum", "jai", "desh", "liye", "kab", "kaise", "kitna", "bahut", "bohot",
    "accha", "acha", "matlab", "wala", "wale", "wali", "unka", "unke", "inka", "inke", "agar", "lekin", "phir", "hoon",
    "haan", "dekh", "dekho", "baat", "gaye", "diya", "kiya", "karna", "krna", "nhi",
];
/// Words that it shares with others; two count as one.
#[rustfmt::skip]
const HINDI_TOO: &[&str] = &[
    "ka", "ki", "ke", "ko", "ho", "ye", "jo", "ab", "mai", "se", "hi", "ek", "sab", "na", "par", "tu", "mere",
];

/// Two such words, and one in eight of all.
fn is_romanised_hindi(text: &str) -> bool {
    let (mut words, mut halves) = (0_usize, 0_usize);
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        words += 1;
        let is = |known: &&str| word.eq_ignore_ascii_case(known);
        halves += if HINDI.iter().any(is) { 2 } else { usize::from(HINDI_TOO.iter().any(is)) };
    }
    halves >= 4 && halves * 4 >= words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_sentences_are_told() {
        for (text, expected) in [
            ("The new update broke the export, can somebody from support look into it?", "en"),
            ("@acme la aplicación se cierra cada vez que la abro, qué decepción", "es"),
            ("Adorei o novo modelo, não esperava que fosse tão bom https://shop.example", "pt"),
            ("Le service client est vraiment excellent, merci beaucoup", "fr"),
            ("Seit dem letzten Update stürzt die App bei mir ständig ab", "de"),
            ("Il pacco è arrivato ieri e tutto era perfetto, grazie mille", "it"),
            ("الخدمة ممتازة وشكرا لكم على المساعدة السريعة", "ar"),
            ("यह ऐप बहुत अच्छा है लेकिन कभी कभी बंद हो जाता है", "hi"),
            ("bhai ye app bahut acha hai lekin kabhi kabhi band ho jata hai", "hi"),
            ("Zamówienie nadal nie dotarło, a nikt nie odpowiada na moje wiadomości", "pl"),
            ("Заказ до сих пор не пришёл, и никто не отвечает на письма", "ru"),
        ] {
            assert_eq!(detect(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn nothing_is_said_of_what_is_too_short() {
        for text in ["", "wow 😍", "ok", "@someone #tag https://shop.example/page", "12345 67890"] {
            assert_eq!(detect(text), None, "{text:?}");
        }
    }

    #[test]
    fn every_language_that_whichlang_knows_is_among_the_codes() {
        for code in SIXTEEN {
            assert!(CODES.iter().any(|(_, two)| *two == code), "{code}");
        }
    }

    #[test]
    fn every_language_that_whatlang_knows_has_a_code() {
        for language in Lang::all() {
            assert!(of_whatlang(*language).is_some(), "{}", language.code());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in any::<String>()) {
            let told = detect(&text);
            prop_assert!(told.is_none_or(|code| code.len() == 2));
        }
    }
}
