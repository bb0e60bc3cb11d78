//! What of a text says whether it is the same as another.

use unicode_normalization::UnicodeNormalization;

/// Characters that are looked at: a longer text is told apart by its beginning.
const MOST: usize = 1200;

/// The words of a text without what people add when they pass it on.
///
/// Links, handles, emoji and punctuation go, and so do the hashtags before and behind the text; one within it is a word.
/// Case, compatibility forms and HTML entities are folded. Words are parted by one space.
pub(super) fn canonical(text: &str) -> String {
    let plain = html_escape::decode_html_entities(text);
    let tokens: Vec<&str> = plain.split_whitespace().filter(|token| !is_address(token)).collect();
    let first = tokens.iter().position(|token| !is_tag(token)).unwrap_or(0);
    let last = tokens.iter().rposition(|token| !is_tag(token)).map_or(tokens.len(), |last| last + 1);
    let mut words = String::with_capacity(plain.len());
    for (at, token) in tokens[first..last].iter().enumerate() {
        if at == 0 && token.eq_ignore_ascii_case("rt") {
            continue;
        }
        push_word(&mut words, token);
        if words.len() > MOST {
            break;
        }
    }
    words
}

fn push_word(words: &mut String, token: &str) {
    let start = words.len();
    let folded = token.nfkc().flat_map(char::to_lowercase);
    for c in folded.filter(|c| c.is_alphanumeric() || is_mark(*c)) {
        if words.len() == start && start > 0 {
            words.push(' ');
        }
        words.push(c);
    }
}

/// Vowel signs and accents that follow their letter, as Devanagari and Arabic have them.
fn is_mark(c: char) -> bool {
    unicode_normalization::char::is_combining_mark(c) && !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}')
}

fn is_address(token: &str) -> bool {
    let bare = token.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '@');
    bare.starts_with('@') || bare.starts_with("www.") || bare.contains("://") || is_bare_link(bare)
}

/// `pic.example.com/AbC`: a host, a slash, no space.
fn is_bare_link(token: &str) -> bool {
    let Some((host, _)) = token.split_once('/') else { return false };
    let part = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let last = host.rsplit('.').next().unwrap_or_default();
    host.contains('.') && host.split('.').all(part) && last.len() >= 2 && last.chars().all(|c| c.is_ascii_alphabetic())
}

fn is_tag(token: &str) -> bool {
    token.starts_with(['#', '＃'])
}

/// How much a canonical text says, in letters of an alphabet: a sign of a script without spaces says as much as a
/// syllable or a word.
pub(super) fn weight(canonical: &str) -> usize {
    canonical
        .chars()
        .map(|c| {
            if c == ' ' {
                0
            } else if is_dense(c) {
                3
            } else {
                1
            }
        })
        .sum()
}

/// Kana, Han, Hangul.
fn is_dense(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_when_a_text_is_passed_on_does_not_count() {
        let plain = "acme opens a shop in leeds on monday";
        for passed_on in [
            "Acme opens a shop in Leeds on Monday!",
            "RT @newsroom: Acme opens a shop in Leeds on Monday https://example.com/x?y=1",
            "#breaking 🚨 ACME opens a shop in #Leeds on Monday… #shopping #acme example.co/AbC1",
            "Acme opens a shop in Leeds on Monday &amp; (via @someone)",
        ] {
            let canonical = canonical(passed_on);
            assert!(canonical == plain || canonical == format!("{plain} via"), "{passed_on}: {canonical}");
        }
    }

    #[test]
    fn compatibility_forms_are_folded_and_scripts_keep_their_marks() {
        assert_eq!(canonical("Ｆｕｌｌ ﬁne CAFÉ"), "full fine café");
        assert_eq!(canonical("नमस्ते दुनिया ❤️"), "नमस्ते दुनिया");
    }

    #[test]
    fn a_text_of_hashtags_alone_keeps_them() {
        assert_eq!(canonical("#acme #sale"), "acme sale");
    }

    #[test]
    fn signs_of_scripts_without_spaces_weigh_more() {
        assert_eq!((weight("two words"), weight("新しい")), (8, 9));
    }
}
